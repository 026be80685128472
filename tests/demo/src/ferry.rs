//! The real binary, run as a user would.

use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::{Child, Command};

/// The binary and the project folder that it runs in.
#[derive(Debug, Clone)]
pub struct Ferry {
    binary: PathBuf,
    folder: PathBuf,
}

/// What a run of the binary came to.
#[derive(Debug, Clone)]
pub struct Run {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub out: String,
    /// What it wrote to stderr.
    pub narration: String,
}

impl Ferry {
    /// The binary that was built beside this program, run in `folder`.
    ///
    /// # Errors
    /// Where there is none.
    pub fn beside_this_program(folder: impl Into<PathBuf>) -> Result<Self> {
        let this = std::env::current_exe()?;
        let places = this
            .ancestors()
            .skip(1)
            .take(2)
            .map(|folder| folder.join("ferry"));
        let Some(binary) = places.into_iter().find(|path| path.is_file()) else {
            bail!(
                "no ferry beside {}: run cargo build --package ferry",
                this.display()
            );
        };
        Ok(Self {
            binary,
            folder: folder.into(),
        })
    }

    /// The project folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs it to its end, keeping what it says.
    ///
    /// # Errors
    /// Where it can't be started.
    pub async fn run(&self, arguments: &[&str]) -> Result<Run> {
        let output = self
            .command(arguments)
            .output()
            .await
            .context("ferry can't be started")?;
        Ok(Run {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            narration: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it to its end in front of the user, and returns its exit code.
    ///
    /// # Errors
    /// Where it can't be started.
    pub async fn show(&self, arguments: &[&str]) -> Result<Option<i32>> {
        let status = self
            .command(arguments)
            .status()
            .await
            .context("ferry can't be started")?;
        Ok(status.code())
    }

    /// Starts it and leaves it running, with what it says in `ferry.log` of the project folder;
    /// dropping the child kills it.
    ///
    /// # Errors
    /// Where it can't be started.
    pub fn start(&self, arguments: &[&str]) -> Result<Child> {
        let log = std::fs::File::create(self.log())?;
        let mut command = self.command(arguments);
        command.stdout(log.try_clone()?).stderr(log);
        command.spawn().context("ferry can't be started")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("ferry.log")
    }

    /// What the last run by [`Ferry::start`] said.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }
}
