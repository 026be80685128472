//! Why a plugin can't decide.

use crate::bindings::topic_filter::ferry::role::types::PluginError;
use std::fmt;

/// Why a plugin can't decide: shown to the operator, who then has no plan.
///
/// An error is never taken for a decision. To leave something out, decide so and give the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    message: String,
    about: Vec<String>,
}

impl Error {
    /// An error with its message: one line that tells the operator what to change.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            about: Vec::new(),
        }
    }

    /// Names a thing that it is about: a topic, a group, a principal.
    #[must_use]
    pub fn about(mut self, name: impl Into<String>) -> Self {
        self.about.push(name.into());
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<&str> for Error {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<Error> for PluginError {
    fn from(error: Error) -> Self {
        Self {
            message: error.message,
            about: error.about,
            attributes: Vec::new(),
        }
    }
}
