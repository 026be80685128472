//! What happens in a run, told to whoever shows it.

use ferry_journal::{EffectId, Leftover, StepName, UndoOutcome};
use ferry_model::problem::Problem;

/// Shows a run to people. Called from many tasks; it must not block.
pub trait Reporter: Send + Sync {
    /// Something happened.
    fn report(&self, happening: &Happening<'_>);
}

/// Something that happened in a run. What matters later is in the journal too.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Happening<'a> {
    /// An attempt begins with these steps, in this order.
    RunStarted {
        /// The attempt, from 1.
        attempt: u32,
        /// The steps.
        steps: &'a [StepName],
    },
    /// A step begins to change the world.
    StepStarted {
        /// The step.
        step: &'a StepName,
        /// Its place, from 1.
        number: usize,
        /// How many there are.
        total: usize,
        /// Whether it began before.
        again: bool,
    },
    /// A step has nothing to do.
    StepSkipped {
        /// The step.
        step: &'a StepName,
        /// Its place, from 1.
        number: usize,
        /// How many there are.
        total: usize,
    },
    /// A step tells how far it is.
    Progressed {
        /// The step.
        step: &'a StepName,
        /// How far.
        progress: &'a Progress,
    },
    /// A step has something to tell that stays on the screen.
    Noted {
        /// The step.
        step: &'a StepName,
        /// What, in one line.
        text: &'a str,
    },
    /// A write was made, or found made by an earlier attempt.
    EffectDone {
        /// The step.
        step: &'a StepName,
        /// The write.
        effect: &'a EffectId,
        /// What it does.
        description: &'a str,
    },
    /// A step is finished.
    StepFinished {
        /// The step.
        step: &'a StepName,
        /// What it left for a later attempt.
        leftovers: &'a [Leftover],
    },
    /// A step failed or is not ready.
    StepFailed {
        /// The step.
        step: &'a StepName,
        /// Why.
        problem: &'a Problem,
    },
    /// A step stopped by request.
    StepStopped {
        /// The step.
        step: &'a StepName,
    },
    /// The effects of a step begin to be undone.
    UndoStarted {
        /// The step.
        step: &'a StepName,
    },
    /// An effect was undone.
    EffectUndone {
        /// The step.
        step: &'a StepName,
        /// What it had done.
        description: &'a str,
        /// Whether it was still there.
        outcome: UndoOutcome,
    },
    /// An effect could not be undone.
    StepStuck {
        /// The step.
        step: &'a StepName,
        /// Why.
        problem: &'a Problem,
    },
}

/// How far a step, or a part of it, is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Which part of the step: a topic group, `checksums`; empty for the whole.
    pub part: String,
    /// How much is done.
    pub done: u64,
    /// How much there is, where that is known.
    pub total: Option<u64>,
    /// What is counted: `records`, `bytes`, `topics`.
    pub unit: &'static str,
    /// More for people: `lag 12`.
    pub note: Option<String>,
}

/// A reporter that shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _happening: &Happening<'_>) {}
}
