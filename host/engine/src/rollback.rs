//! Undoing what a migration made, and nothing else.

use crate::context::panicked;
use crate::engine::{Engine, OtherMigration, shortened};
use crate::graph::Graph;
use crate::inverse::{Inverses, Undo};
use crate::reporter::Happening;
use ferry_journal::{
    AttemptOutcome, EffectId, EffectState, Event, Goal, Phase, Status, StepName, StepState,
    UndoOutcome,
};
use ferry_model::problem::Problem;
use serde::Serialize;
use std::sync::Arc;

/// What a rollback would do, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RollbackPlan {
    /// What would be undone, the last effect first.
    pub undo: Vec<PlannedUndo>,
    /// What was found and is not this migration's: it stays.
    pub kept: Vec<KeptEffect>,
}

/// Something that was there before and stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptEffect {
    /// The step that found it.
    pub step: StepName,
    /// The effect that was not needed.
    pub effect: EffectId,
    /// What was found.
    pub description: String,
}

/// One effect that a rollback would undo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedUndo {
    /// The step that made it.
    pub step: StepName,
    /// Its id.
    pub effect: EffectId,
    /// What it did.
    pub description: String,
    /// Whether it is known that it was made. If not, the handler finds out first.
    pub certain: bool,
    /// The command by which a person would undo it.
    pub by_hand: String,
}

/// How a rollback ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollbackEnd {
    /// There was nothing to undo: never started, or rolled back before.
    NothingToUndo,
    /// Everything is undone.
    Finished {
        /// Effects that were there and are gone now.
        undone: usize,
        /// Effects that were gone already.
        already_gone: usize,
    },
    /// It stopped between two effects by request.
    Stopped,
}

/// Why a rollback did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RollbackError {
    /// The journal is of another migration.
    #[error(transparent)]
    OtherMigration(#[from] OtherMigration),
    /// A step that can't be taken back has begun.
    #[error("no rollback is possible: step {step} has begun and can't be taken back")]
    PointOfNoReturn {
        /// The step.
        step: StepName,
    },
    /// Nobody knows how to undo some effects. Nothing was undone.
    #[error("nobody knows how to undo effects of the kind {}", .kinds.join(", "))]
    NoHandler {
        /// The kinds without a handler.
        kinds: Vec<String>,
    },
    /// An effect could not be undone. Those before it are undone; it and the rest are left.
    #[error("the rollback is stuck at step {step}: {}", .problem.what)]
    Stuck {
        /// The step.
        step: StepName,
        /// Why.
        problem: Problem,
        /// What is left, in the order in which it is to be undone.
        left: Vec<PlannedUndo>,
    },
    /// The journal can't be written.
    #[error("{}", .0.what)]
    Journal(Problem),
}

impl RollbackPlan {
    /// What a rollback would do where a migration stands. Looks at the journal only, so that it can
    /// be made while another process works.
    ///
    /// # Errors
    /// [`RollbackError::PointOfNoReturn`] and [`RollbackError::NoHandler`], as the rollback itself.
    pub fn of(status: &Status, inverses: &Inverses) -> Result<Self, RollbackError> {
        if let Some(step) = status.point_of_no_return() {
            return Err(RollbackError::PointOfNoReturn { step: step.clone() });
        }
        let mut undo = Vec::new();
        let mut missing = Vec::new();
        for undoable in status.undoable() {
            let it = Undo::of(&undoable);
            match inverses.get(&it.kind) {
                Some(handler) => undo.push(PlannedUndo {
                    by_hand: handler.by_hand(&it),
                    certain: it.result.is_some(),
                    step: it.step,
                    effect: it.effect,
                    description: it.description,
                }),
                None => missing.push(it.kind),
            }
        }
        if !missing.is_empty() {
            missing.sort();
            missing.dedup();
            return Err(RollbackError::NoHandler { kinds: missing });
        }
        let effects = status.steps().iter().flat_map(|(step, record)| {
            let effects = record.effects.iter();
            effects.map(move |(effect, record)| (step, effect, record))
        });
        let kept = effects
            .filter(|(_, _, record)| record.state == EffectState::Foreign)
            .map(|(step, effect, record)| KeptEffect {
                step: step.clone(),
                effect: effect.clone(),
                description: record.description.clone(),
            })
            .collect();
        Ok(Self { undo, kept })
    }
}

impl Engine {
    /// Undoes every effect that the journal proves to be this migration's, the last one first. A
    /// rollback that was killed or stopped goes on where it was.
    ///
    /// Steps of `graph` are asked to come to rest ([`Step::undo`](crate::Step::undo)) before their
    /// first effect is undone. A step that is in the journal and no longer in the graph is undone
    /// all the same.
    ///
    /// # Errors
    /// [`RollbackError`]. After [`RollbackError::Stuck`] a person mends what is in the way, and
    /// starts the rollback again.
    pub async fn rollback(
        &self,
        graph: &Graph,
        inverses: &Inverses,
    ) -> Result<RollbackEnd, RollbackError> {
        self.check_identity()?;
        let status = self.status();
        if matches!(status.phase(), Phase::NotStarted | Phase::RolledBack) {
            return Ok(RollbackEnd::NothingToUndo);
        }
        RollbackPlan::of(&status, inverses)?;
        self.begin_attempt(Goal::Rollback)
            .await
            .map_err(RollbackError::Journal)?;
        match self.undo_all(graph, inverses).await {
            Ok(RollbackEnd::Stopped) => {
                self.end_rollback(AttemptOutcome::Stopped).await?;
                Ok(RollbackEnd::Stopped)
            }
            Ok(end) => {
                self.record(Event::RolledBack {}).await?;
                self.end_rollback(AttemptOutcome::Completed).await?;
                Ok(end)
            }
            Err(error @ RollbackError::Journal(_)) => Err(error),
            Err(error) => {
                self.end_rollback(AttemptOutcome::Failed).await?;
                Err(error)
            }
        }
    }

    async fn undo_all(
        &self,
        graph: &Graph,
        inverses: &Inverses,
    ) -> Result<RollbackEnd, RollbackError> {
        let undos: Vec<_> = self
            .ledger
            .look(|status| status.undoable().iter().map(Undo::of).collect());
        let mut entered = Vec::new();
        let (mut undone, mut already_gone) = (0, 0);
        for undo in &undos {
            if self.stop.is_requested() {
                return Ok(RollbackEnd::Stopped);
            }
            if !entered.contains(&undo.step) {
                self.enter(graph, inverses, &undo.step).await?;
                entered.push(undo.step.clone());
            }
            match self.undo_one(inverses, undo).await? {
                UndoOutcome::Undone => undone += 1,
                UndoOutcome::AlreadyGone => already_gone += 1,
            }
            self.leave(&undo.step).await?;
        }
        // Steps without any effect to undo, in the reverse order of the graph, then those that the
        // graph does not know.
        for step in self.remaining(graph) {
            if !entered.contains(&step) {
                self.enter(graph, inverses, &step).await?;
            }
            self.leave(&step).await?;
        }
        Ok(RollbackEnd::Finished {
            undone,
            already_gone,
        })
    }

    /// Begins the undo of a step, or goes on with it.
    async fn enter(
        &self,
        graph: &Graph,
        inverses: &Inverses,
        step: &StepName,
    ) -> Result<(), RollbackError> {
        let begun = self
            .ledger
            .look(|status| *status.step_state(step) == StepState::Undoing);
        if !begun {
            self.record(Event::UndoStarted { step: step.clone() })
                .await?;
        }
        self.reporter.report(&Happening::UndoStarted { step });
        let Some(known) = graph.step(step) else {
            return Ok(());
        };
        for _ in 0..self.ledger.repeats() {
            let (known, view) = (Arc::clone(known), self.view(step));
            let rested = tokio::spawn(async move { known.undo(&view).await })
                .await
                .unwrap_or_else(|error| Err(panicked(step, error)));
            if let Err(problem) = rested {
                return Err(self.stuck(inverses, step, None, problem).await);
            }
        }
        Ok(())
    }

    async fn undo_one(
        &self,
        inverses: &Inverses,
        undo: &Undo,
    ) -> Result<UndoOutcome, RollbackError> {
        let Some(handler) = inverses.get(&undo.kind) else {
            let kinds = vec![undo.kind.clone()];
            return Err(RollbackError::NoHandler { kinds });
        };
        let mut first = None;
        for _ in 0..self.ledger.repeats() {
            let (handler, it) = (Arc::clone(handler), undo.clone());
            let faults = self.ledger.faults();
            let result = match faults.and_then(|faults| faults.fail_write()) {
                Some(problem) => Err(problem),
                None => tokio::spawn(async move { handler.undo(&it).await })
                    .await
                    .unwrap_or_else(|error| Err(panicked(&undo.step, error))),
            };
            let result = match faults.and_then(|faults| faults.lose_reply()) {
                Some(problem) => Err(problem),
                None => result,
            };
            match result {
                Ok(outcome) => {
                    first.get_or_insert(outcome);
                }
                Err(problem) => {
                    let effect = Some(undo.effect.clone());
                    return Err(self.stuck(inverses, &undo.step, effect, problem).await);
                }
            }
        }
        let outcome = first.unwrap_or(UndoOutcome::AlreadyGone);
        self.record(Event::EffectUndone {
            step: undo.step.clone(),
            effect: undo.effect.clone(),
            outcome,
        })
        .await?;
        self.reporter.report(&Happening::EffectUndone {
            step: &undo.step,
            description: &undo.description,
            outcome,
        });
        Ok(outcome)
    }

    /// Closes the undo of a step that has nothing left.
    async fn leave(&self, step: &StepName) -> Result<(), RollbackError> {
        if self.ledger.look(|status| status.has_undoable(step)) {
            return Ok(());
        }
        self.record(Event::UndoFinished { step: step.clone() })
            .await
    }

    fn remaining(&self, graph: &Graph) -> Vec<StepName> {
        let mut steps: Vec<_> = self.ledger.look(|status| {
            let left = status.steps().iter();
            left.filter(|(_, record)| record.state != StepState::Undone)
                .map(|(step, _)| step.clone())
                .collect()
        });
        steps.sort_by_key(|step| {
            let place = graph.names().iter().position(|known| known == step);
            std::cmp::Reverse(place)
        });
        steps
    }

    async fn stuck(
        &self,
        inverses: &Inverses,
        step: &StepName,
        effect: Option<EffectId>,
        problem: Problem,
    ) -> RollbackError {
        self.reporter.report(&Happening::StepStuck {
            step,
            problem: &problem,
        });
        let event = Event::StepStuck {
            step: step.clone(),
            effect,
            problem: shortened(&problem),
        };
        if let Err(error) = self.record(event).await {
            return error;
        }
        match RollbackPlan::of(&self.status(), inverses) {
            Ok(plan) => RollbackError::Stuck {
                step: step.clone(),
                problem,
                left: plan.undo,
            },
            Err(error) => error,
        }
    }

    async fn end_rollback(&self, outcome: AttemptOutcome) -> Result<(), RollbackError> {
        self.end_attempt(outcome)
            .await
            .map_err(RollbackError::Journal)
    }

    async fn record(&self, event: Event) -> Result<(), RollbackError> {
        self.ledger
            .append(vec![event])
            .await
            .map_err(RollbackError::Journal)
    }
}
