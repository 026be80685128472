//! What the exit code says.

use ferry_model::problem::Problem;
use std::process::ExitCode;

/// What the exit code says. The numbers are part of the command's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything is done, or everything agrees.
    Done = 0,
    /// Something failed; the problem says what.
    Failed = 1,
    /// Arguments, configuration, plan or plugin are not as they should be; nothing was changed.
    BadInput = 2,
    /// Decisions are open: a person has to decide first.
    DecisionsOpen = 3,
    /// Source and target differ.
    Differences = 4,
    /// The world no longer matches the plan.
    Drift = 5,
    /// Another process works on this migration.
    Busy = 6,
    /// Done, but for what has to wait (active groups); apply again later.
    Leftovers = 7,
    /// Stopped by a signal at a safe point; apply again to go on.
    Stopped = 130,
}

impl Exit {
    /// The exit code of a problem.
    pub(crate) fn of(problem: &Problem) -> Self {
        match problem.code.0 {
            ferry_plan::codes::DECISIONS_OPEN => Self::DecisionsOpen,
            ferry_plan::codes::DRIFT => Self::Drift,
            ferry_steps::codes::DIFFERENCES => Self::Differences,
            401 => Self::Busy,
            1..=99 | 300..=399 => Self::BadInput,
            code if crate::codes::BAD_INPUT.contains(&code) => Self::BadInput,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}
