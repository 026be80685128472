//! What can be wrong with a configuration, always with its place and never with a value that could
//! be a secret.

use crate::codes;
use crate::placeholder::{Placeholder, PlaceholderError};
use crate::properties::PropertiesError;
use ferry_model::problem::{Explain, Problem};
use ferry_model::text::escaped;
use std::fmt;
use std::path::PathBuf;

/// A place in a text: line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1. 0 where only the line is known.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if self.column > 0 {
            write!(f, ", column {}", self.column)?;
        }
        Ok(())
    }
}

/// A place in a file: where to look, and the way of keys that leads there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as the operator named it.
    pub file: PathBuf,
    /// Line and column.
    pub position: Position,
    /// The keys that lead there: `plugins.topics.use`. Empty for the file as a whole.
    pub path: String,
}

impl fmt::Display for Place {
    /// In the form that editors jump to: `migration.yaml:14: plugins.topics`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.position.line)?;
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        Ok(())
    }
}

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file, or one that it names, can't be read.
    #[error("{} can't be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Where it is named, if it is not the configuration itself.
        named_at: Option<Place>,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not UTF-8.
    #[error("{place}: not UTF-8")]
    NotUtf8 {
        /// The first byte that is not.
        place: Place,
    },
    /// The file is not YAML.
    #[error("{place}: {what}")]
    Syntax {
        /// Where reading stopped.
        place: Place,
        /// What the parser said. Never holds text of the file.
        what: String,
    },
    /// The file holds no settings.
    #[error("{} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line is indented with a tab, which YAML forbids.
    #[error("{place}: indented with a tab")]
    Tab {
        /// The tab.
        place: Place,
    },
    /// A key stands twice in one mapping.
    #[error("{place}: stands twice")]
    DoubledKey {
        /// The second one.
        place: Place,
        /// The first one.
        first: Position,
    },
    /// A value has the wrong type.
    #[error("{place}: expected {expected}, found {found}")]
    WrongType {
        /// The value.
        place: Place,
        /// What belongs there.
        expected: String,
        /// The type that stands there, never the value.
        found: String,
    },
    /// A key is missing.
    #[error("{place}: missing")]
    MissingKey {
        /// The mapping that lacks it, with the path of the missing key.
        place: Place,
    },
    /// A value is not allowed.
    #[error("{place}: {what}")]
    IllegalValue {
        /// The value.
        place: Place,
        /// What is wrong with it.
        what: String,
        /// The nearest allowed value, where one is near.
        nearest: Option<String>,
    },
    /// The file is larger or nested deeper than allowed.
    #[error("{place}: {what}")]
    TooLarge {
        /// Where the limit is passed.
        place: Place,
        /// Which limit.
        what: String,
    },
    /// A part of YAML that configurations may not use.
    #[error("{place}: {what} can't be used here")]
    UnsupportedYaml {
        /// Where.
        place: Place,
        /// Which part: `an anchor`.
        what: &'static str,
    },
    /// A key is not known.
    #[error("{place}: unknown key")]
    UnknownKey {
        /// The key.
        place: Place,
        /// The nearest valid key, where one is near.
        nearest: Option<String>,
        /// The keys that are valid there; empty where they are too many to list.
        valid: Vec<String>,
    },
    /// A properties file breaks the rules of Java properties.
    #[error("{place}: not a Java properties file")]
    Properties {
        /// The line.
        place: Place,
        /// Which rule.
        #[source]
        source: PropertiesError,
    },
    /// A placeholder is malformed or names an unknown provider.
    #[error("{place}: not a placeholder that can be resolved")]
    Placeholder {
        /// The value that holds it.
        place: Place,
        /// What is wrong with it.
        #[source]
        source: PlaceholderError,
    },
    /// A placeholder has no value.
    #[error("{place}: {placeholder} can't be resolved: {what}")]
    Unresolvable {
        /// The value that holds it.
        place: Place,
        /// The placeholder.
        placeholder: Box<Placeholder>,
        /// Why not. Never holds a value.
        what: String,
    },
    /// A placeholder stands where none may stand.
    #[error("{place}: a placeholder can't stand here")]
    PlaceholderPlace {
        /// Where.
        place: Place,
    },
}

impl ConfigError {
    /// The place in a file, where there is one.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Unreadable { named_at, .. } => named_at.as_ref(),
            Self::Empty { .. } => None,
            Self::NotUtf8 { place }
            | Self::Syntax { place, .. }
            | Self::Tab { place }
            | Self::DoubledKey { place, .. }
            | Self::WrongType { place, .. }
            | Self::MissingKey { place }
            | Self::IllegalValue { place, .. }
            | Self::TooLarge { place, .. }
            | Self::UnsupportedYaml { place, .. }
            | Self::UnknownKey { place, .. }
            | Self::Properties { place, .. }
            | Self::Placeholder { place, .. }
            | Self::Unresolvable { place, .. }
            | Self::PlaceholderPlace { place } => Some(place),
        }
    }

    fn code(&self) -> u16 {
        match self {
            Self::Unreadable { .. } => codes::UNREADABLE,
            Self::NotUtf8 { .. } => codes::NOT_UTF8,
            Self::Syntax { .. } => codes::SYNTAX,
            Self::Empty { .. } => codes::EMPTY,
            Self::Tab { .. } => codes::TAB,
            Self::DoubledKey { .. } => codes::DOUBLED_KEY,
            Self::WrongType { .. } => codes::WRONG_TYPE,
            Self::MissingKey { .. } => codes::MISSING_KEY,
            Self::IllegalValue { .. } => codes::ILLEGAL_VALUE,
            Self::TooLarge { .. } => codes::TOO_LARGE,
            Self::UnsupportedYaml { .. } => codes::UNSUPPORTED_YAML,
            Self::UnknownKey { .. } => codes::UNKNOWN_KEY,
            Self::Properties { .. } => codes::PROPERTIES_SYNTAX,
            Self::Placeholder { .. } => codes::PLACEHOLDER_MALFORMED,
            Self::Unresolvable { placeholder, .. } => match placeholder.as_ref() {
                Placeholder::Environment { .. } => codes::PLACEHOLDER_ENVIRONMENT,
                Placeholder::File { .. } => codes::PLACEHOLDER_FILE,
                Placeholder::KubernetesSecret { .. } => codes::PLACEHOLDER_CLUSTER,
            },
            Self::PlaceholderPlace { .. } => codes::PLACEHOLDER_PLACE,
        }
    }

    /// What to try next.
    fn next(&self) -> Option<String> {
        let text = match self {
            Self::Empty { .. } => "ferry init writes a commented migration.yaml",
            Self::Unreadable {
                source, named_at, ..
            } if source.kind() == std::io::ErrorKind::NotFound && named_at.is_none() => {
                "ferry init writes a commented migration.yaml"
            }
            Self::Tab { .. } => "indent with spaces",
            Self::PlaceholderPlace { .. } => {
                "placeholders may stand in the client properties of source and target only"
            }
            Self::Unresolvable { placeholder, .. } => match placeholder.as_ref() {
                Placeholder::Environment { name } => {
                    return Some(format!("export {name}, or name a file: ${{file:PATH:KEY}}"));
                }
                Placeholder::File { .. } => {
                    "the file is read as Java properties: KEY=VALUE, one on a line"
                }
                Placeholder::KubernetesSecret { .. } => {
                    "mount the Secret as a file and use ${file:PATH:KEY}, or ${env:NAME}"
                }
            },
            _ => return None,
        };
        Some(text.to_owned())
    }
}

impl Explain for ConfigError {
    fn problem(&self) -> Problem {
        let mut problem = Problem::new(self.code(), self.to_string());
        match self {
            Self::UnknownKey {
                nearest: Some(nearest),
                ..
            }
            | Self::IllegalValue {
                nearest: Some(nearest),
                ..
            } => {
                problem = problem.detail(format!("did you mean `{nearest}`?"));
            }
            Self::UnknownKey {
                nearest: None,
                valid,
                ..
            } if !valid.is_empty() => {
                problem = problem.detail(format!("valid here: {}", valid.join(", ")));
            }
            Self::DoubledKey { first, .. } => {
                problem = problem.detail(format!("first on line {}", first.line));
            }
            _ => {}
        }
        if let Some(place) = self.place() {
            problem = problem.at(match self {
                Self::Unreadable { .. } => format!("named at {place}"),
                _ => place.position.to_string(),
            });
        }
        if let Some(source) = std::error::Error::source(self) {
            problem = problem.cause(source.to_string());
        }
        problem.next = self.next();
        // Keys, paths and placeholders come from a file that another person may have written.
        problem.what = escaped(&problem.what);
        for line in &mut problem.details {
            *line = escaped(line);
        }
        for text in [&mut problem.place, &mut problem.cause, &mut problem.next] {
            *text = text.as_deref().map(escaped);
        }
        problem
    }
}
