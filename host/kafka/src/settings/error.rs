//! What can be wrong with client settings.

use crate::problem_codes as codes;
use ferry_model::problem::{Explain, Problem};

/// What is wrong with a client setting.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Nobody knows the key.
    #[error("unknown client setting `{key}`{}", .nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    Unknown {
        /// The key.
        key: String,
        /// The nearest known one, where one is near.
        nearest: Option<String>,
    },
    /// A setting that is needed is not there.
    #[error("`{key}` is missing: {why}")]
    Missing {
        /// The key.
        key: &'static str,
        /// Why it is needed.
        why: String,
    },
    /// A value is not possible.
    #[error("`{key}`: `{value}` is not {expected}")]
    Value {
        /// The key.
        key: String,
        /// The value; never that of a secret.
        value: String,
        /// What would be.
        expected: String,
    },
    /// `sasl.jaas.config` can't be read. Never holds any of its text but names of options.
    #[error("sasl.jaas.config: {what}")]
    Jaas {
        /// What is wrong.
        what: String,
    },
    /// A file can't be read.
    #[error("`{key}`: {path} can't be read")]
    File {
        /// The key.
        key: &'static str,
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A store or key is not what its type says.
    #[error("`{key}`: {what}")]
    Store {
        /// The key.
        key: &'static str,
        /// What is wrong.
        what: String,
    },
    /// A store or key does not open with its password.
    #[error("`{key}` does not open with the password in `{password_key}`")]
    StorePassword {
        /// The key.
        key: &'static str,
        /// The key of the password.
        password_key: &'static str,
    },
}

impl Explain for SettingsError {
    fn problem(&self) -> Problem {
        let problem = |code| Problem::new(code, self.to_string());
        match self {
            Self::Unknown { key, nearest } => {
                let problem = Problem::new(
                    codes::UNKNOWN_SETTING,
                    format!("unknown client setting `{key}`"),
                );
                match nearest {
                    Some(nearest) => problem.next(format!("did you mean `{nearest}`?")),
                    None => problem.next("remove it"),
                }
            }
            Self::Missing { .. } => problem(codes::SETTING_MISSING),
            Self::Value { .. } => problem(codes::SETTING_VALUE),
            Self::Jaas { .. } => problem(codes::JAAS).next(
                "its form: org.apache.kafka.common.security.scram.ScramLoginModule required \
                 username=\"...\" password=\"...\";",
            ),
            Self::File { source, .. } => problem(codes::STORE_UNREADABLE).cause(source.to_string()),
            Self::Store { .. } => problem(codes::STORE_UNREADABLE),
            Self::StorePassword { password_key, .. } => problem(codes::STORE_PASSWORD)
                .cause("the password is of another file, or of the key instead of the store?")
                .next(format!("check {password_key}")),
        }
    }
}
