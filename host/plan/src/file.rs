//! A plan as a file: canonical JSON with its digest, `plan-7c1e44.json`.
//!
//! The digest finds edits and damage. It is no signature: whoever can write the file can write
//! another digest.

use crate::codes;
use crate::plan::Plan;
use ferry_model::canonical::{self, NotJson};
use ferry_model::digest::Digest;
use ferry_model::problem::{Explain, Problem};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The version of the plan's file format.
pub const PLAN_FORMAT: u32 = 1;

/// The most bytes that are read of a plan file: some 200,000 topics of ten partitions.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// A plan with its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanFile {
    /// The plan.
    pub plan: Plan,
    /// The digest of its canonical JSON.
    pub digest: Digest,
}

/// Why a plan file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// The file can't be read or written.
    #[error("{} can't be {verb}", path.display())]
    Unreachable {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        verb: &'static str,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a plan.
    #[error("{} is not a plan: {what}", path.display())]
    NotAPlan {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The file has a format that this version does not read.
    #[error("{} has format {found}; this version reads {PLAN_FORMAT}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u64,
    },
    /// The plan is not the one that the file's digest was made of.
    #[error("{} was changed after it was made", path.display())]
    Edited {
        /// The file.
        path: PathBuf,
        /// The digest that the file tells.
        told: Digest,
        /// The digest of what it holds.
        found: Digest,
    },
    /// The plan has no JSON form.
    #[error("the plan can't be written")]
    NotJson(#[from] NotJson),
}

impl Explain for PlanFileError {
    fn problem(&self) -> Problem {
        let what = self.to_string();
        match self {
            Self::Unreachable { source, .. } => {
                Problem::new(codes::PLAN_FILE_UNREADABLE, what).cause(source.to_string())
            }
            Self::NotAPlan { .. } => Problem::new(codes::NOT_A_PLAN, what).next("ferry plan"),
            Self::Format { .. } => Problem::new(codes::PLAN_FORMAT, what)
                .cause("it was made by another version of Ferry?")
                .next("ferry plan"),
            Self::Edited { told, found, .. } => Problem::new(codes::PLAN_EDITED, what)
                .detail(format!("its digest  {told}"))
                .detail(format!("its content {found}"))
                .cause("it was edited by hand, or damaged?")
                .next("change migration.yaml instead, and make a new plan: ferry plan"),
            Self::NotJson(source) => {
                Problem::new(codes::NOT_A_PLAN, what).cause(source.to_string())
            }
        }
    }
}

impl PlanFile {
    /// Pins a plan by its digest.
    ///
    /// # Errors
    /// [`PlanFileError::NotJson`]; no plan of [`crate::plan()`] gives it.
    pub fn new(plan: Plan) -> Result<Self, PlanFileError> {
        let digest = plan.digest()?;
        Ok(Self { plan, digest })
    }

    /// The file's name: `plan-7c1e44.json`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("plan-{}.json", self.digest.short())
    }

    /// The file's text: one line of canonical JSON.
    ///
    /// # Errors
    /// As [`PlanFile::new`].
    pub fn to_text(&self) -> Result<String, PlanFileError> {
        let parts = serde_json::json!({
            "digest": self.digest,
            "format": PLAN_FORMAT,
            "plan": serde_json::to_value(&self.plan).map_err(NotJson::from)?,
        });
        Ok(canonical::to_string(&parts)? + "\n")
    }

    /// Writes the file into `directory`, whole or not at all, and returns its path.
    ///
    /// # Errors
    /// [`PlanFileError::Unreachable`] with what the operating system said.
    pub fn save(&self, directory: &Path) -> Result<PathBuf, PlanFileError> {
        let path = directory.join(self.name());
        let text = self.to_text()?;
        let unfinished = directory.join(format!(".{}.{}", self.name(), std::process::id()));
        let write = || -> std::io::Result<()> {
            let mut file = std::fs::File::create(&unfinished)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&unfinished, &path)
        };
        match write() {
            Ok(()) => Ok(path),
            Err(source) => {
                // What is left of it is of no use, and the first error is the one to tell.
                let _ = std::fs::remove_file(&unfinished);
                Err(PlanFileError::Unreachable {
                    path,
                    verb: "written",
                    source,
                })
            }
        }
    }

    /// Reads a plan and recomputes its digest.
    ///
    /// # Errors
    /// [`PlanFileError`] for what is not a plan, was changed, or has another format.
    pub fn load(path: &Path) -> Result<Self, PlanFileError> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
            .map_err(|source| PlanFileError::Unreachable {
                path: path.to_owned(),
                verb: "read",
                source,
            })?;
        Self::parse(&bytes, path)
    }

    /// Reads a plan from `bytes`; `path` is only named in errors.
    ///
    /// # Errors
    /// As [`PlanFile::load`].
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, PlanFileError> {
        let not_a_plan = |what: String| PlanFileError::NotAPlan {
            path: path.to_owned(),
            what,
        };
        if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
            return Err(not_a_plan(format!(
                "it is larger than {FILE_BYTES_MAX} bytes"
            )));
        }
        let value: serde_json::Value =
            serde_json::from_slice(bytes).map_err(|error| not_a_plan(error.to_string()))?;
        let format = value.get("format").and_then(serde_json::Value::as_u64);
        let found = format.ok_or_else(|| not_a_plan("it has no format".to_owned()))?;
        if found != u64::from(PLAN_FORMAT) {
            return Err(PlanFileError::Format {
                path: path.to_owned(),
                found,
            });
        }
        let told = value.get("digest").and_then(serde_json::Value::as_str);
        let told: Digest = told
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| not_a_plan("it has no digest".to_owned()))?;
        let plan = value
            .get("plan")
            .ok_or_else(|| not_a_plan("it has no plan".to_owned()))?;
        let found = canonical::digest(plan)?;
        if found != told {
            return Err(PlanFileError::Edited {
                path: path.to_owned(),
                told,
                found,
            });
        }
        let plan: Plan =
            serde_json::from_value(plan.clone()).map_err(|error| not_a_plan(error.to_string()))?;
        // A part that this version reads and writes differently would change what is reviewed.
        let found = plan.digest()?;
        if found != told {
            return Err(PlanFileError::Edited {
                path: path.to_owned(),
                told,
                found,
            });
        }
        Ok(Self { plan, digest: told })
    }
}
