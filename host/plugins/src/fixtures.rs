//! `ferry plugin test`: a plugin against folders of questions and the decisions expected.
//!
//! A fixture is a folder with `config.json` (what the operator would write under `with`; may be
//! missing), `input.json` (the questions of the role, as a list) and `expected.json`: either
//! `{"decisions": [...]}` in the order of the questions, or `{"error": "..."}` with the reason for
//! which there are none.

use crate::configuration::ConfigurationError;
use crate::difference;
use crate::host::Plugin;
use crate::job_error::{Failure, JobError};
use crate::role::{AclGenerator, DecidingRole, NamingRemapper, OffsetTranslator, TopicFilter};
use ferry_model::decision::Role;
use ferry_model::problem::{Explain, Problem};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The most fixtures of one plugin.
const FIXTURES_MAX: usize = 1_000;

/// What became of one fixture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixtureResult {
    /// The name of its folder.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a fixture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The plugin did what was expected.
    Passed,
    /// It did not; lines for people say what differs: `-` expected, `+` found.
    Differs(Vec<String>),
    /// `expected.json` was written anew with what the plugin did.
    Blessed,
}

/// What to do with the decisions of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// Compare with `expected.json`.
    Compare,
    /// Write `expected.json` anew where it differs or is missing (`--bless`).
    Bless,
}

/// Why fixtures can't be run.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    /// There are none.
    #[error("{folder} has no fixtures", folder = folder.display())]
    None {
        /// The folder that should hold them.
        folder: PathBuf,
    },
    /// There are more than 1,000.
    #[error("{folder} has more than {FIXTURES_MAX} fixtures", folder = folder.display())]
    TooMany {
        /// The folder that holds them.
        folder: PathBuf,
    },
    /// A file can't be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not have the shape of the role's questions or decisions.
    #[error("{path}: {source}", path = path.display())]
    Shape {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

impl Explain for FixtureError {
    fn problem(&self) -> Problem {
        let problem = Problem::new(331, self.to_string());
        match self {
            Self::None { .. } => problem.next(
                "make a folder with config.json and input.json, and run ferry plugin test --bless",
            ),
            Self::Shape { .. } => {
                problem.next("see docs/plugins.md for the questions of each role")
            }
            Self::TooMany { .. } | Self::File { .. } => problem,
        }
    }
}

/// Runs every fixture under `folder`, in the order of their names. Each gets a fresh instance.
///
/// # Errors
/// [`FixtureError`] where a fixture can't be read; a plugin that fails is a result, not an error.
pub fn run(
    plugin: &Plugin,
    folder: &Path,
    expectation: Expectation,
) -> Result<Vec<FixtureResult>, FixtureError> {
    let run = |case: &Path| match plugin.manifest().role {
        Role::TopicFilter => run_one::<TopicFilter>(plugin, case, expectation),
        Role::NamingRemapper => run_one::<NamingRemapper>(plugin, case, expectation),
        Role::OffsetTranslator => run_one::<OffsetTranslator>(plugin, case, expectation),
        Role::AclGenerator => run_one::<AclGenerator>(plugin, case, expectation),
    };
    cases(folder)?
        .into_iter()
        .map(|case| {
            Ok(FixtureResult {
                name: case
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default(),
                outcome: run(&case)?,
            })
        })
        .collect()
}

fn cases(folder: &Path) -> Result<Vec<PathBuf>, FixtureError> {
    let none = || FixtureError::None {
        folder: folder.to_owned(),
    };
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|_| none())? {
        let entry = entry.map_err(|source| FixtureError::File {
            path: folder.to_owned(),
            source,
        })?;
        if entry.path().is_dir() {
            cases.push(entry.path());
        }
        if cases.len() > FIXTURES_MAX {
            return Err(FixtureError::TooMany {
                folder: folder.to_owned(),
            });
        }
    }
    if cases.is_empty() {
        return Err(none());
    }
    cases.sort();
    Ok(cases)
}

fn run_one<R: DecidingRole>(
    plugin: &Plugin,
    case: &Path,
    expectation: Expectation,
) -> Result<Outcome, FixtureError> {
    let config: Value = read_optional(&case.join("config.json"))?.unwrap_or(Value::Null);
    let input = case.join("input.json");
    let questions: Vec<R::Question> = read_optional(&input)?.ok_or_else(|| FixtureError::File {
        path: input,
        source: std::io::ErrorKind::NotFound.into(),
    })?;
    let expected_path = case.join("expected.json");
    let expected: Option<Value> = read_optional(&expected_path)?;
    let found = match ask::<R>(plugin, &config, case, &questions) {
        Ok(decisions) => json!({ "decisions": decisions }),
        Err(error) => json!({ "error": error }),
    };
    if expected.as_ref() == Some(&found) {
        return Ok(Outcome::Passed);
    }
    if expectation == Expectation::Bless {
        write(&expected_path, &found)?;
        return Ok(Outcome::Blessed);
    }
    let subjects: Vec<String> = questions.iter().map(R::subject).collect();
    let expected = expected.unwrap_or_else(|| json!("nothing: expected.json is missing"));
    let part = |value: &Value| value.get("decisions").unwrap_or(value).clone();
    Ok(Outcome::Differs(difference::decisions(
        &subjects,
        &part(&expected),
        &part(&found),
    )))
}

/// The decisions as JSON, or the reason for which there are none, without version and digest.
fn ask<R: DecidingRole>(
    plugin: &Plugin,
    config: &Value,
    folder: &Path,
    questions: &[R::Question],
) -> Result<Value, String> {
    let refused = |error: ConfigurationError| error.fault.to_string();
    let failed = |error: JobError| match error.failure {
        Failure::Refused { message, .. } => message,
        other => other.to_string(),
    };
    let configuration = plugin.configure(config, folder).map_err(refused)?;
    let mut job = plugin.start::<R>(&configuration).map_err(failed)?;
    let decisions = job.decide(questions).map_err(failed)?;
    serde_json::to_value(decisions).map_err(|e| e.to_string())
}

fn read_optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FixtureError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(FixtureError::File {
                path: path.to_owned(),
                source,
            });
        }
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|source| FixtureError::Shape {
            path: path.to_owned(),
            source,
        })
}

fn write(path: &Path, value: &Value) -> Result<(), FixtureError> {
    let mut text = serde_json::to_string_pretty(value).map_err(|source| FixtureError::Shape {
        path: path.to_owned(),
        source,
    })?;
    text.push('\n');
    std::fs::write(path, text).map_err(|source| FixtureError::File {
        path: path.to_owned(),
        source,
    })
}
