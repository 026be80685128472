//! What the events of a journal add up to.

mod transition;

pub use transition::TransitionError;

use crate::event::{FactScope, Goal, Inverse, Leftover, MigrationIdentity};
use crate::name::{EffectId, FactKey, StepName};
use ferry_model::problem::Problem;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Where a migration stands, by the events of its journal alone. It has no clock and touches
/// nothing: equal events give an equal status.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Status {
    identity: Option<MigrationIdentity>,
    phase: Phase,
    attempt: Option<Attempt>,
    /// The first step that began and can't be taken back.
    irreversible: Option<StepName>,
    steps: BTreeMap<StepName, StepRecord>,
    facts: BTreeMap<FactKey, Fact>,
    /// How many effects were ever intended; orders them.
    effects_intended: u64,
}

/// Where a migration stands as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing was ever written.
    #[default]
    NotStarted,
    /// Steps run, or wait for the next attempt.
    Applying,
    /// Every step is finished and nothing is left over.
    Finished,
    /// Effects are being undone, or wait for the next attempt at it.
    RollingBack,
    /// Everything that the migration made is undone. It may be applied again.
    RolledBack,
    /// An effect could not be undone: a person has to look before the rollback can go on.
    Stuck,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotStarted => "not started",
            Self::Applying => "applying",
            Self::Finished => "finished",
            Self::RollingBack => "rolling back",
            Self::RolledBack => "rolled back",
            Self::Stuck => "stuck",
        })
    }
}

/// The last attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// What it is for.
    pub goal: Goal,
    /// Whether it has not ended by itself: it works right now, or it was killed.
    pub open: bool,
}

/// What a step came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum StepState {
    /// It never began.
    #[default]
    Pending,
    /// It looked and can't begin yet.
    NotReady {
        /// What it waits for.
        problem: Problem,
    },
    /// It runs, or the process was killed while it ran.
    Running,
    /// It was stopped by request, or its process was killed and another attempt began.
    Interrupted,
    /// It failed.
    Failed {
        /// Why.
        problem: Problem,
    },
    /// It did what it had to.
    Finished {
        /// What it left for a later attempt.
        leftovers: Vec<Leftover>,
    },
    /// Its effects are being undone.
    Undoing,
    /// One of its effects could not be undone.
    Stuck {
        /// Why.
        problem: Problem,
    },
    /// Nothing of it is left.
    Undone,
}

impl StepState {
    /// Whether it is finished and left nothing over.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Finished { leftovers } if leftovers.is_empty())
    }
}

impl StepState {
    /// The state in words.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::NotReady { .. } => "not ready",
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Failed { .. } => "failed",
            Self::Finished { leftovers } if leftovers.is_empty() => "finished",
            Self::Finished { .. } => "finished with leftovers",
            Self::Undoing => "undoing",
            Self::Stuck { .. } => "stuck",
            Self::Undone => "undone",
        }
    }
}

impl fmt::Display for StepState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is known of a step.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StepRecord {
    /// What it came to.
    pub state: StepState,
    /// How often it began.
    pub starts: u32,
    /// Its effects, by id.
    pub effects: BTreeMap<EffectId, EffectRecord>,
}

/// What is known of one write to the world.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectRecord {
    /// Its place among all effects of the migration, in the order of their intentions.
    pub order: u64,
    /// What it does, for people.
    pub description: String,
    /// What would undo it. Fixed when the effect was first intended: what the world looks like
    /// later may already be our own doing.
    pub inverse: Option<Inverse>,
    /// What it came to.
    pub state: EffectState,
}

/// What a write to the world came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum EffectState {
    /// It was about to be made. Whether it was is not known.
    Intended,
    /// This migration made it.
    Done {
        /// What tells it from any other.
        result: Value,
    },
    /// It was there and this migration did not make it. It is never undone.
    Foreign,
    /// It is certain that it was not made.
    NotDone,
    /// It was made and is undone.
    Undone,
}

impl EffectState {
    /// Whether the world may hold it because of this migration.
    #[must_use]
    pub fn may_be_ours(&self) -> bool {
        matches!(self, Self::Intended | Self::Done { .. })
    }
}

impl EffectState {
    /// The state in words.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Done { .. } => "done",
            Self::Foreign => "found, not ours",
            Self::NotDone => "not done",
            Self::Undone => "undone",
        }
    }
}

impl fmt::Display for EffectState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A remembered fact.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Fact {
    scope: FactScope,
    step: Option<StepName>,
    value: Value,
}

/// An effect that a rollback has to undo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Undoable<'a> {
    /// The step that made it.
    pub step: &'a StepName,
    /// Its id.
    pub effect: &'a EffectId,
    /// What is known of it.
    pub record: &'a EffectRecord,
    /// What undoes it.
    pub inverse: &'a Inverse,
    /// What the world answered when it was made; none where only its intention is known.
    pub result: Option<&'a Value>,
}

impl Status {
    /// Which migration; none before its first event.
    #[must_use]
    pub fn identity(&self) -> Option<&MigrationIdentity> {
        self.identity.as_ref()
    }

    /// Where the migration stands as a whole.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The last attempt.
    #[must_use]
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempt.as_ref()
    }

    /// The first step that began and can't be taken back. Past it no rollback is possible.
    #[must_use]
    pub fn point_of_no_return(&self) -> Option<&StepName> {
        self.irreversible.as_ref()
    }

    /// The steps that events speak of, by name. A step that never began is missing.
    #[must_use]
    pub fn steps(&self) -> &BTreeMap<StepName, StepRecord> {
        &self.steps
    }

    /// What a step came to; pending where no event speaks of it.
    #[must_use]
    pub fn step_state(&self, step: &StepName) -> &StepState {
        const PENDING: &StepState = &StepState::Pending;
        self.steps.get(step).map_or(PENDING, |record| &record.state)
    }

    /// What is known of an effect.
    #[must_use]
    pub fn effect(&self, step: &StepName, effect: &EffectId) -> Option<&EffectRecord> {
        self.steps.get(step)?.effects.get(effect)
    }

    /// Whether a step has effects of which it is not known if they were made.
    #[must_use]
    pub fn has_unknown_effects(&self, step: &StepName) -> bool {
        self.steps.get(step).is_some_and(|record| {
            record
                .effects
                .values()
                .any(|effect| effect.state == EffectState::Intended)
        })
    }

    /// Whether a rollback has to undo effects of a step.
    #[must_use]
    pub fn has_undoable(&self, step: &StepName) -> bool {
        self.steps
            .get(step)
            .is_some_and(|record| undoable_of(step, record).next().is_some())
    }

    /// The last value of a fact; none where it was never recorded, has expired with its attempt, or
    /// was forgotten with the step that recorded it.
    #[must_use]
    pub fn fact(&self, key: &FactKey) -> Option<&Value> {
        self.facts.get(key).map(|fact| &fact.value)
    }

    /// Every fact that holds, by its key.
    pub fn facts(&self) -> impl Iterator<Item = (&FactKey, &Value)> {
        self.facts.iter().map(|(key, fact)| (key, &fact.value))
    }

    /// What a rollback has to undo, the last effect first.
    #[must_use]
    pub fn undoable(&self) -> Vec<Undoable<'_>> {
        let mut undoable: Vec<_> = self
            .steps
            .iter()
            .flat_map(|(step, record)| undoable_of(step, record))
            .collect();
        undoable.sort_by_key(|effect| std::cmp::Reverse(effect.record.order));
        undoable
    }
}

/// What of one step a rollback has to undo, in no special order.
fn undoable_of<'a>(
    step: &'a StepName,
    record: &'a StepRecord,
) -> impl Iterator<Item = Undoable<'a>> {
    record.effects.iter().filter_map(move |(effect, record)| {
        let inverse = record.inverse.as_ref()?;
        let result = match &record.state {
            EffectState::Intended => None,
            EffectState::Done { result } => Some(result),
            EffectState::Foreign | EffectState::NotDone | EffectState::Undone => return None,
        };
        Some(Undoable {
            step,
            effect,
            record,
            inverse,
            result,
        })
    })
}
