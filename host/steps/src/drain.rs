//! Copies until the source is quiet and everything in it is at the target.

use crate::copy::copy_and_record;
use crate::names::step_name;
use crate::undertaking::Undertaking;
use ferry_copy::job::Until;
use ferry_engine::{Context, Outcome, Readiness, Step, StepError, StepName, View, async_trait};
use ferry_model::problem::Problem;
use std::sync::Arc;

/// Copies until the source is quiet.
pub struct DrainStep {
    undertaking: Arc<Undertaking>,
}

impl DrainStep {
    /// The step for one migration.
    #[must_use]
    pub fn new(undertaking: Arc<Undertaking>) -> Self {
        Self { undertaking }
    }
}

#[async_trait]
impl Step for DrainStep {
    fn name(&self) -> StepName {
        step_name("drain")
    }

    fn needs(&self) -> Vec<StepName> {
        vec![step_name("copy")]
    }

    async fn check(&self, _view: &View) -> Result<Readiness, Problem> {
        // Whether the source is quiet is a fact of the moment: it is looked at again each time.
        Ok(Readiness::Ready)
    }

    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        let until = Until::Drained {
            quiet: self.undertaking.quiet,
            limit: self.undertaking.drain_limit,
        };
        copy_and_record(&self.undertaking, context, until).await?;
        Ok(Outcome::Finished)
    }

    async fn verify(&self, _view: &View) -> Result<(), Problem> {
        Ok(())
    }
}
