//! What a step is.

use crate::context::{Context, View};
use async_trait::async_trait;
use ferry_journal::{Leftover, StepName};
use ferry_model::problem::Problem;

/// One step of a migration.
///
/// Any call may be the first of a new process: a step keeps nothing in memory that it needs later.
/// What it must remember it records as a fact ([`Context::record`]), or finds in its effects.
#[async_trait]
pub trait Step: Send + Sync {
    /// Its name, unique in the graph and the same at every attempt.
    fn name(&self) -> StepName;

    /// The steps that must be finished before it.
    fn needs(&self) -> Vec<StepName> {
        Vec::new()
    }

    /// Whether a rollback is still possible once it has begun.
    fn reversible(&self) -> bool {
        true
    }

    /// Looks at the world, changes nothing, and says whether there is something to do.
    ///
    /// It is called at every attempt, also after the step has finished: what was true of the live
    /// world then is looked at again.
    ///
    /// # Errors
    /// A [`Problem`] where the world can't be looked at.
    async fn check(&self, view: &View) -> Result<Readiness, Problem>;

    /// Does what there is to do, each write through [`Context::effect`]. Running it twice in a row
    /// is the same as running it once.
    ///
    /// # Errors
    /// [`StepError::Failed`] with what is wrong, or [`StepError::Stopped`] where it was asked to
    /// stop and did so at a safe point.
    async fn run(&self, context: &Context) -> Result<Outcome, StepError>;

    /// Looks at the world and makes sure that what was done is there. Called after
    /// [`Step::run`]; changes nothing.
    ///
    /// # Errors
    /// A [`Problem`] where the world is not as it should be.
    async fn verify(&self, view: &View) -> Result<(), Problem>;

    /// Called before the effects of the step are undone, to put at rest what would be in the way.
    /// The effects themselves are undone by the handlers of their inverses. Calling it twice is the
    /// same as calling it once.
    ///
    /// # Errors
    /// A [`Problem`] where the undo can't begin; the step is then stuck.
    async fn undo(&self, view: &View) -> Result<(), Problem> {
        let _ = view;
        Ok(())
    }
}

/// What a step found when it looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// There is something to do and nothing in the way.
    Ready,
    /// The world is as the step would leave it.
    AlreadyDone,
    /// Something is in the way.
    NotReady(Problem),
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is done.
    Finished,
    /// Everything is done but this, which the next attempt tries again. The steps after it run.
    FinishedWithLeftovers(Vec<Leftover>),
}

/// Why a step did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// It was asked to stop and stopped at a safe point.
    #[error("stopped by request")]
    Stopped,
    /// Something is wrong.
    #[error("{}", .0.what)]
    Failed(Box<Problem>),
}

impl From<Problem> for StepError {
    fn from(problem: Problem) -> Self {
        Self::Failed(Box::new(problem))
    }
}
