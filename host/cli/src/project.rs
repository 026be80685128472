//! The project: `migration.yaml` and the state directory beside it.

use crate::codes;
use ferry_config::Configuration;
use ferry_journal::{Recorded, StateDirectory};
use ferry_model::problem::{Explain as _, Problem};
use ferry_plan::PlanFile;
use ferry_steps::overrides::overrides_in;
use std::path::{Path, PathBuf};

/// The configuration of a migration and where its state is.
pub(crate) struct Project {
    pub(crate) configuration: Configuration,
}

impl Project {
    pub(crate) fn load(file: &Path) -> Result<Self, Problem> {
        let configuration = Configuration::load(file).map_err(|error| error.problem())?;
        for note in configuration.notes() {
            crate::output::narrate(&format!("note: {note}"));
        }
        Ok(Self { configuration })
    }

    /// The name of the migration.
    pub(crate) fn name(&self) -> &str {
        self.configuration.settings.name.as_str()
    }

    /// The directory of this migration's journal and state.
    pub(crate) fn directory(&self) -> PathBuf {
        self.configuration.state_directory()
    }

    /// The plan that was applied last, as it was kept beside the journal.
    pub(crate) fn kept_plan(&self) -> PathBuf {
        self.directory().join("plan.json")
    }

    /// The plan in `given`, or else the one that was applied last.
    pub(crate) fn plan(&self, given: Option<&Path>) -> Result<PlanFile, Problem> {
        let path = given.map_or_else(|| self.kept_plan(), Path::to_owned);
        if given.is_none() && !path.exists() {
            return Err(
                Problem::new(codes::NO_PLAN, "no plan was applied yet in this project")
                    .at(path.display().to_string())
                    .next("ferry plan, then  ferry apply PLAN"),
            );
        }
        PlanFile::load(&path).map_err(|error| error.problem())
    }

    /// The file with limits and pauses that were set by hand.
    pub(crate) fn overrides(&self) -> PathBuf {
        overrides_in(&self.directory())
    }

    /// The journal, to read; none where the migration was never started.
    pub(crate) fn recorded(&self) -> Result<Option<Recorded>, Problem> {
        let directory = StateDirectory::at(self.directory());
        if !directory.journal().exists() {
            return Ok(None);
        }
        Recorded::read(&directory)
            .map(Some)
            .map_err(|error| error.problem())
    }
}
