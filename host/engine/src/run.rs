//! Running a graph: from where the journal ends to the end of the graph.

use crate::context::{Context, InFlight, panicked};
use crate::engine::{Engine, OtherMigration, shortened};
use crate::graph::Graph;
use crate::reporter::Happening;
use crate::step::{Outcome, Readiness, Step, StepError};
use ferry_journal::{AttemptOutcome, Event, Goal, Leftover, Phase, StepName, StepState};
use ferry_model::problem::Problem;
use std::sync::Arc;

/// Which steps of the graph are run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// Only these; empty for all. What they need must be finished, or be among them.
    pub only: Vec<StepName>,
    /// The last one to run, in the order of the graph.
    pub until: Option<StepName>,
    /// The graph stands apart from the migration's own: where it is finished, the migration is not.
    pub apart: bool,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// How it ended.
    pub end: RunEnd,
    /// The steps that did something, in order.
    pub ran: Vec<StepName>,
    /// The steps that had nothing to do, in order.
    pub skipped: Vec<StepName>,
    /// What steps left for a later attempt.
    pub leftovers: Vec<(StepName, Leftover)>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Every step of the graph is finished and nothing is left over.
    Finished,
    /// It was finished before. Nothing was looked at and nothing was written.
    AlreadyFinished,
    /// Every step of the graph is finished, but something is left for the next attempt.
    Leftovers,
    /// The steps that were asked for are finished; there are others.
    Partial,
    /// It stopped at a safe point by request.
    Stopped,
}

/// Why a run did not come to its end. The journal knows where to resume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// A step that was named is not in the graph.
    #[error("there is no step {step}")]
    UnknownStep {
        /// The name.
        step: StepName,
        /// The steps that there are.
        known: Vec<StepName>,
    },
    /// A step was asked for whose needs are not finished.
    #[error("step {step} needs steps that are not finished")]
    NeedsUnfinished {
        /// The step.
        step: StepName,
        /// What it waits for.
        needs: Vec<StepName>,
    },
    /// The journal is of another migration.
    #[error(transparent)]
    OtherMigration(#[from] OtherMigration),
    /// A rollback has begun and is not at its end.
    #[error("the migration is {phase}: it can't be applied before its rollback is at its end")]
    RollbackBegun {
        /// Where it stands.
        phase: Phase,
    },
    /// A step failed, or is not ready.
    #[error("step {step} {}: {}", if *.not_ready { "is not ready" } else { "failed" }, .problem.what)]
    Step {
        /// The step.
        step: StepName,
        /// Whether it had not begun.
        not_ready: bool,
        /// Why.
        problem: Problem,
    },
    /// The journal can't be written.
    #[error("{}", .0.what)]
    Journal(Problem),
}

/// What running one step came to.
enum Ran {
    Done,
    Skipped,
    Stopped,
}

impl Engine {
    /// Runs the steps of a graph that are not finished, in order, and checks those that are.
    ///
    /// A migration that is finished with the same plan is left alone. A step that fails ends the
    /// run; the next run begins with it.
    ///
    /// # Errors
    /// [`RunError`]. Before a [`RunError::Step`] nothing is lost: the journal knows every write.
    pub async fn run(&self, graph: &Graph, options: &RunOptions) -> Result<RunReport, RunError> {
        let selected = self.select(graph, options)?;
        self.check_identity()?;
        let mut report = RunReport {
            end: RunEnd::AlreadyFinished,
            ran: Vec::new(),
            skipped: Vec::new(),
            leftovers: Vec::new(),
        };
        if self.is_finished(graph)? {
            return Ok(report);
        }
        let attempt = self
            .begin_attempt(Goal::Apply)
            .await
            .map_err(RunError::Journal)?;
        let names: Vec<_> = selected.iter().map(|step| step.name()).collect();
        self.reporter.report(&Happening::RunStarted {
            attempt,
            steps: &names,
        });
        for (index, step) in selected.iter().enumerate() {
            if self.stop.is_requested() {
                return self.end_run(report, RunEnd::Stopped).await;
            }
            let place = (index + 1, selected.len());
            match self.run_step(step, place).await {
                Ok(Ran::Done) => report.ran.push(step.name()),
                Ok(Ran::Skipped) => report.skipped.push(step.name()),
                Ok(Ran::Stopped) => return self.end_run(report, RunEnd::Stopped).await,
                Err(error) => {
                    if !matches!(error, RunError::Journal(_)) {
                        let ended = self.end_attempt(AttemptOutcome::Failed).await;
                        ended.map_err(RunError::Journal)?;
                    }
                    return Err(error);
                }
            }
        }
        let end = self.ledger.look(|status| {
            let states = graph.names().iter().map(|step| status.step_state(step));
            states.fold(RunEnd::Finished, |end, state| match (end, state) {
                (RunEnd::Partial, _) => RunEnd::Partial,
                (end, state) if state.is_complete() => end,
                (_, StepState::Finished { .. }) => RunEnd::Leftovers,
                _ => RunEnd::Partial,
            })
        });
        if end == RunEnd::Finished && !options.apart {
            let steps = graph.names().to_vec();
            let event = Event::MigrationFinished { steps };
            self.ledger
                .append(vec![event])
                .await
                .map_err(RunError::Journal)?;
        }
        self.end_run(report, end).await
    }

    /// The steps that were asked for, in the order of the graph.
    fn select(&self, graph: &Graph, options: &RunOptions) -> Result<Vec<Arc<dyn Step>>, RunError> {
        for step in options.only.iter().chain(&options.until) {
            if graph.step(step).is_none() {
                return Err(RunError::UnknownStep {
                    step: step.clone(),
                    known: graph.names().to_vec(),
                });
            }
        }
        let last = options.until.as_ref().and_then(|until| {
            let place = graph.names().iter().position(|step| step == until)?;
            Some(place + 1)
        });
        let selected: Vec<_> = graph
            .steps()
            .iter()
            .take(last.unwrap_or(usize::MAX))
            .filter(|step| options.only.is_empty() || options.only.contains(&step.name()))
            .cloned()
            .collect();
        let names: Vec<_> = selected.iter().map(|step| step.name()).collect();
        for step in &names {
            let needs: Vec<_> = self.ledger.look(|status| {
                let unfinished = |need: &&StepName| {
                    !names.contains(need)
                        && !matches!(status.step_state(need), StepState::Finished { .. })
                };
                graph
                    .needs(step)
                    .iter()
                    .filter(unfinished)
                    .cloned()
                    .collect()
            });
            if !needs.is_empty() {
                return Err(RunError::NeedsUnfinished {
                    step: step.clone(),
                    needs,
                });
            }
        }
        Ok(selected)
    }

    /// Whether nothing is to be done at all: finished, by the same plan, with every step of the
    /// graph.
    fn is_finished(&self, graph: &Graph) -> Result<bool, RunError> {
        self.ledger.look(|status| match status.phase() {
            phase @ (Phase::RollingBack | Phase::Stuck) => Err(RunError::RollbackBegun { phase }),
            Phase::Finished => {
                let same_plan = status
                    .identity()
                    .is_some_and(|known| known.plan == self.identity.plan);
                let mut steps = graph.names().iter();
                Ok(same_plan && steps.all(|step| status.step_state(step).is_complete()))
            }
            Phase::NotStarted | Phase::Applying | Phase::RolledBack => Ok(false),
        })
    }

    async fn end_run(&self, mut report: RunReport, end: RunEnd) -> Result<RunReport, RunError> {
        let outcome = match end {
            RunEnd::Stopped => AttemptOutcome::Stopped,
            RunEnd::Finished | RunEnd::AlreadyFinished | RunEnd::Leftovers | RunEnd::Partial => {
                AttemptOutcome::Completed
            }
        };
        self.end_attempt(outcome).await.map_err(RunError::Journal)?;
        report.end = end;
        report.leftovers = self.ledger.look(|status| {
            let finished = status.steps().iter().filter_map(|(step, record)| {
                let StepState::Finished { leftovers } = &record.state else {
                    return None;
                };
                Some(
                    leftovers
                        .iter()
                        .map(|leftover| (step.clone(), leftover.clone())),
                )
            });
            finished.flatten().collect()
        });
        Ok(report)
    }

    async fn run_step(
        &self,
        step: &Arc<dyn Step>,
        (number, total): (usize, usize),
    ) -> Result<Ran, RunError> {
        let name = step.name();
        let (complete, unknown, again) = self.ledger.look(|status| {
            (
                status.step_state(&name).is_complete(),
                status.has_unknown_effects(&name),
                status
                    .steps()
                    .get(&name)
                    .is_some_and(|step| step.starts > 0),
            )
        });
        // Where it is unknown what became of an effect, only a run can find out: a check that finds
        // the world as it should be does not tell whose doing that is.
        let already_done = match self.check(step).await {
            Ok(Readiness::Ready) => false,
            Ok(Readiness::AlreadyDone) => !unknown,
            Ok(Readiness::NotReady(problem)) | Err(problem) => {
                return Err(self.not_ready(&name, problem).await);
            }
        };
        if already_done && complete {
            self.reporter.report(&Happening::StepSkipped {
                step: &name,
                number,
                total,
            });
            return Ok(Ran::Skipped);
        }
        self.write(Event::StepStarted {
            step: name.clone(),
            reversible: step.reversible(),
        })
        .await?;
        self.reporter.report(&Happening::StepStarted {
            step: &name,
            number,
            total,
            again,
        });
        let outcome = if already_done {
            Ok(Outcome::Finished)
        } else {
            self.act(step).await
        };
        match outcome {
            Ok(outcome) => self.finish(&name, outcome).await,
            Err(StepError::Stopped) => {
                self.write(Event::StepStopped { step: name.clone() })
                    .await?;
                self.reporter
                    .report(&Happening::StepStopped { step: &name });
                Ok(Ran::Stopped)
            }
            Err(StepError::Failed(problem)) => Err(self.failed(&name, *problem).await),
        }
    }

    async fn check(&self, step: &Arc<dyn Step>) -> Result<Readiness, Problem> {
        let name = step.name();
        let (step, view) = (Arc::clone(step), self.view(&name));
        tokio::spawn(async move { step.check(&view).await })
            .await
            .unwrap_or_else(|error| Err(panicked(&name, error)))
    }

    /// Runs a step, waits for its writes, and verifies. In tasks of their own, so that a step that
    /// panics takes nothing else down.
    async fn act(&self, step: &Arc<dyn Step>) -> Result<Outcome, StepError> {
        let name = step.name();
        let in_flight = InFlight::default();
        let mut outcome = Ok(Outcome::Finished);
        for _ in 0..self.ledger.repeats() {
            let context = Context::new(self.view(&name), in_flight.clone());
            let running = Arc::clone(step);
            outcome = tokio::spawn(async move { running.run(&context).await })
                .await
                .unwrap_or_else(|error| Err(panicked(&name, error).into()));
            in_flight.settle().await;
            if outcome.is_err() {
                break;
            }
        }
        let outcome = outcome?;
        if self.ledger.look(|status| status.has_unknown_effects(&name)) {
            return Err(unknown_effects(&name).into());
        }
        let (verifying, view) = (Arc::clone(step), self.view(&name));
        tokio::spawn(async move { verifying.verify(&view).await })
            .await
            .unwrap_or_else(|error| Err(panicked(&name, error)))?;
        Ok(outcome)
    }

    async fn finish(&self, step: &StepName, outcome: Outcome) -> Result<Ran, RunError> {
        let leftovers = match outcome {
            Outcome::Finished => Vec::new(),
            Outcome::FinishedWithLeftovers(leftovers) => leftovers,
        };
        self.write(Event::StepFinished {
            step: step.clone(),
            leftovers: leftovers.clone(),
        })
        .await?;
        self.reporter.report(&Happening::StepFinished {
            step,
            leftovers: &leftovers,
        });
        Ok(Ran::Done)
    }

    async fn failed(&self, step: &StepName, problem: Problem) -> RunError {
        let event = Event::StepFailed {
            step: step.clone(),
            problem: shortened(&problem),
        };
        self.end_step(step, event, false, problem).await
    }

    async fn not_ready(&self, step: &StepName, problem: Problem) -> RunError {
        let event = Event::StepNotReady {
            step: step.clone(),
            problem: shortened(&problem),
        };
        self.end_step(step, event, true, problem).await
    }

    async fn end_step(
        &self,
        step: &StepName,
        event: Event,
        not_ready: bool,
        problem: Problem,
    ) -> RunError {
        self.reporter.report(&Happening::StepFailed {
            step,
            problem: &problem,
        });
        match self.write(event).await {
            Ok(()) => RunError::Step {
                step: step.clone(),
                not_ready,
                problem,
            },
            Err(error) => error,
        }
    }

    async fn write(&self, event: Event) -> Result<(), RunError> {
        self.ledger
            .append(vec![event])
            .await
            .map_err(RunError::Journal)
    }
}

fn unknown_effects(step: &StepName) -> Problem {
    Problem::new(
        433,
        format!("step {step} came to its end, but it is not known what became of a write"),
    )
    .cause("a write failed and the step went on: a fault of the step?")
    .next("ferry apply looks again; ferry report lists the writes that are `intended`")
}
