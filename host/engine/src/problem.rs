//! What operators are told when a run or a rollback does not come to its end. Codes FERRY-E420 to
//! FERRY-E449.

use crate::engine::OtherMigration;
use crate::graph::GraphError;
use crate::rollback::RollbackError;
use crate::run::RunError;
use ferry_journal::StepName;
use ferry_model::problem::{Explain, Problem};

/// The most lines of what is left that are shown.
const LEFT_MAX: usize = 50;

impl Explain for GraphError {
    fn problem(&self) -> Problem {
        let code = match self {
            Self::Double { .. } => 420,
            Self::UnknownNeed { .. } => 421,
            Self::Cycle { .. } => 422,
        };
        Problem::new(code, self.to_string()).next("mend the steps of the plan")
    }
}

impl Explain for OtherMigration {
    fn problem(&self) -> Problem {
        Problem::new(425, self.to_string())
            .cause("does migration.yaml point to other clusters than before, or was a state directory copied?")
            .next("point it back, or give the new migration a name and a state directory of its own")
    }
}

impl Explain for RunError {
    fn problem(&self) -> Problem {
        match self {
            Self::UnknownStep { known, .. } => {
                Problem::new(423, self.to_string()).next(format!("one of {}", names(known)))
            }
            Self::NeedsUnfinished { needs, .. } => Problem::new(424, self.to_string())
                .detail(names(needs))
                .next("run those first: ferry apply without --only"),
            Self::OtherMigration(error) => error.problem(),
            Self::RollbackBegun { .. } => Problem::new(426, self.to_string())
                .next("ferry rollback goes on with it; ferry status shows what is left"),
            Self::Step {
                step,
                not_ready,
                problem,
            } => {
                let mut told = problem.clone();
                told.details.push(if *not_ready {
                    format!("step {step} is not ready; it changed nothing")
                } else {
                    format!("step {step} failed; what it did so far is in the journal")
                });
                if told.next.is_none() {
                    told.next = Some("mend it, then ferry apply goes on from here".to_owned());
                }
                told
            }
            Self::Journal(problem) => problem.clone(),
        }
    }
}

impl Explain for RollbackError {
    fn problem(&self) -> Problem {
        match self {
            Self::OtherMigration(error) => error.problem(),
            Self::PointOfNoReturn { .. } => Problem::new(440, self.to_string())
                .cause("applications may have written to the target: undoing would lose that")
                .next("the way back is a migration in the other direction"),
            Self::NoHandler { .. } => Problem::new(441, self.to_string())
                .cause("were these effects made by another version of ferry?")
                .next("roll back with the version that made them; nothing was undone"),
            Self::Stuck {
                step,
                problem,
                left,
            } => {
                let mut told = Problem::new(442, self.to_string()).at(problem
                    .place
                    .clone()
                    .unwrap_or_else(|| format!("step {step}")));
                told.details
                    .push(format!("{}: {}", problem.code, problem.what));
                told.details.extend(problem.details.iter().cloned());
                told.details.push(format!("left to undo: {}", left.len()));
                for undo in left.iter().take(LEFT_MAX) {
                    told.details
                        .push(format!("{}   {}", undo.description, undo.by_hand));
                }
                if left.len() > LEFT_MAX {
                    told.details
                        .push(format!("and {} more", left.len() - LEFT_MAX));
                }
                told.cause.clone_from(&problem.cause);
                told.next(
                    "mend what is in the way, or undo it by hand as shown, then ferry rollback again",
                )
            }
            Self::Journal(problem) => problem.clone(),
        }
    }
}

fn names(steps: &[StepName]) -> String {
    let names: Vec<_> = steps.iter().map(StepName::as_str).collect();
    names.join(", ")
}
