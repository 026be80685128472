//! What an operator is told when something is wrong: what, where, the likely cause, the next
//! command.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A stable code with a page of its own: `FERRY-E107`.
///
/// The hundreds say where it arose: 0 configuration, 1 connections and brokers, 2 copy and the steps around it, 3 plugins
/// and plan, 4 journal and steps, 5 verification, 6 the command itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProblemCode(pub u16);

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FERRY-E{:03}", self.0)
    }
}

/// What an operator is told. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// Its code.
    pub code: ProblemCode,
    /// What happened, in one line without a full stop.
    pub what: String,
    /// Where: broker and listener, topic-partition and offset, file and line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The likely cause; as a question where it is a guess.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Lines that belong to it: the names that collide, the topics that are undecided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// The command or the setting to try next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Problem {
    /// A problem with its code and what happened.
    #[must_use]
    pub fn new(code: u16, what: impl Into<String>) -> Self {
        Self {
            code: ProblemCode(code),
            what: what.into(),
            place: None,
            cause: None,
            details: Vec::new(),
            next: None,
        }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Says the likely cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds a line that belongs to it.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// Says what to try next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.what)?;
        for line in &self.details {
            write!(f, "\n  {line}")?;
        }
        for (label, text) in [
            ("where", &self.place),
            ("cause", &self.cause),
            ("next", &self.next),
        ] {
            if let Some(text) = text {
                write!(f, "\n  {label:<7} {text}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// An error that can say itself to an operator.
pub trait Explain {
    /// What the operator is told.
    fn problem(&self) -> Problem;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_what_where_cause_and_next() {
        let problem = Problem::new(
            107,
            "target refused the password for User:sa-4k2l (SASL/PLAIN)",
        )
        .at("pkc-1.example:9092, listener SASL_SSL")
        .cause("the key is expired or belongs to another cluster?")
        .next("ferry check --only target.login");
        assert_eq!(
            problem.to_string(),
            "error[FERRY-E107]: target refused the password for User:sa-4k2l (SASL/PLAIN)\n  \
             where   pkc-1.example:9092, listener SASL_SSL\n  \
             cause   the key is expired or belongs to another cluster?\n  \
             next    ferry check --only target.login"
        );
    }
}
