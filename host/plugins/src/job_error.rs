//! Why a job ended without decisions.

use crate::host::PluginLabel;
use ferry_model::decision::Role;
use ferry_model::offset::grouped;
use ferry_model::problem::{Explain, Problem};
use std::fmt;
use std::sync::Arc;

/// Why a job ended without decisions. Names the plugin and says when and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plugin {plugin} ({}) failed {phase}: {failure}", plugin.digest)]
pub struct JobError {
    /// Which plugin.
    pub plugin: Arc<PluginLabel>,
    /// When.
    pub phase: Phase,
    /// Why.
    pub failure: Failure,
}

/// When a job failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// While the instance was made.
    Start,
    /// While it was configured.
    Configure,
    /// While it decided.
    Decide {
        /// The first question of the chunk, from 1.
        first: usize,
        /// The last question of the chunk.
        last: usize,
        /// How many questions the job has.
        of: usize,
    },
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("to start"),
            Self::Configure => f.write_str("to take its configuration"),
            Self::Decide { first, last, of } => {
                let number = |n: &usize| grouped(i64::try_from(*n).unwrap_or(i64::MAX));
                write!(
                    f,
                    "to decide on questions {} to {} of {}",
                    number(first),
                    number(last),
                    number(of)
                )
            }
        }
    }
}

/// Which limit on time was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// That of one call.
    Call {
        /// Milliseconds allowed.
        limit_ms: u64,
    },
    /// That of all calls of the job.
    Job {
        /// Milliseconds allowed.
        limit_ms: u64,
    },
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { limit_ms } => write!(f, "one call may take {limit_ms} ms"),
            Self::Job { limit_ms } => write!(f, "a job may take {limit_ms} ms"),
        }
    }
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The plugin said itself that it can't decide.
    #[error("{message}")]
    Refused {
        /// Its own words.
        message: String,
        /// The names that it is about.
        about: Vec<String>,
    },
    /// It trapped: a panic, a division by zero, an access out of bounds.
    #[error("{}", trapped(trap, said.as_deref()))]
    Trapped {
        /// The trap.
        trap: String,
        /// The last line of level error that it wrote: the text of a panic.
        said: Option<String>,
    },
    /// It took too long.
    #[error("it ran too long: {budget}")]
    OutOfTime {
        /// Which limit.
        budget: Budget,
    },
    /// It asked for more memory than it may have.
    #[error("it asked for {asked} {what}; {limit} are allowed")]
    OutOfMemory {
        /// Of what: `bytes of memory`.
        what: &'static str,
        /// How much it would have had.
        asked: usize,
        /// How much is allowed.
        limit: usize,
    },
    /// It answered more or fewer questions than it was asked.
    #[error("it was asked {asked} questions and gave {answered} decisions")]
    WrongCount {
        /// How many it was asked.
        asked: usize,
        /// How many decisions came.
        answered: usize,
    },
    /// A decision breaks a rule of the role.
    #[error("its decision on {subject} is refused: {why}")]
    Illegal {
        /// What the question was about.
        subject: String,
        /// What is wrong with the decision.
        why: String,
    },
    /// It handed over more data than it may.
    #[error("it handed over more than {limit} bytes in one call")]
    TooMuchData {
        /// Bytes allowed.
        limit: usize,
    },
    /// What it handed over is no value of the interface: text that is not UTF-8, unknown cases.
    #[error("it handed over nonsense: {message}")]
    Malformed {
        /// What wasmtime says.
        message: String,
    },
    /// One question alone is larger than a chunk may be.
    #[error("the question on {subject} has {bytes} bytes; a chunk may have {limit}")]
    QuestionTooLarge {
        /// What the question is about.
        subject: String,
        /// Bytes that it has.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The plugin has another role.
    #[error("it is no {asked}")]
    Role {
        /// The role that was asked for.
        asked: Role,
    },
    /// The job failed before; its instance is not asked again.
    #[error("it failed before and is not asked again")]
    Over,
}

/// A panic's text says more than its trap, which is always `unreachable`.
fn trapped(trap: &str, said: Option<&str>) -> String {
    match said {
        Some(said) => format!("{said} (trap: {trap})"),
        None => trap.to_owned(),
    }
}

impl Explain for JobError {
    fn problem(&self) -> Problem {
        let (code, next) = match &self.failure {
            Failure::Refused { .. } => (320, "change the plugin's configuration as it says"),
            Failure::Trapped { .. } => (321, "report it to the plugin's author with this text"),
            Failure::OutOfTime { .. } => (322, "measure it with ferry plugin bench"),
            Failure::OutOfMemory { .. } => (323, "measure it with ferry plugin bench"),
            Failure::WrongCount { .. } => (324, "report it to the plugin's author"),
            Failure::Illegal { .. } => {
                (325, "change its configuration, or report it to its author")
            }
            Failure::TooMuchData { .. } | Failure::QuestionTooLarge { .. } => {
                (326, "report it with the numbers above")
            }
            Failure::Malformed { .. } => (325, "report it to the plugin's author"),
            Failure::Role { .. } => (327, "use a plugin of this role: ferry plugin inspect FILE"),
            Failure::Over => (321, "start a new job"),
        };
        let mut problem = Problem::new(
            code,
            format!(
                "plugin {} failed {}: {}",
                self.plugin, self.phase, self.failure
            ),
        )
        .at(self.plugin.digest.to_string());
        if let Failure::Refused { about, .. } = &self.failure {
            problem.details.extend(about.iter().cloned());
        }
        problem.next(next)
    }
}
