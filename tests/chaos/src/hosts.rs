//! Workers, each in a folder of its own as on a host of its own.

use crate::room::Room;
use anyhow::{Context as _, Result};
use ferry_demo::Ferry;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use tokio::process::Child;

/// One worker in its folder.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) ferry: Ferry,
    pub(crate) slot: String,
    pub(crate) child: Option<Child>,
}

impl Host {
    /// A host with a copy of what was planned, for worker `slot`.
    pub(crate) fn new(room: &Room, name: &str, slot: &str) -> Result<Self> {
        let folder = room.project.with_file_name(name);
        copy_folder(&room.project, &folder)?;
        Ok(Self {
            ferry: Ferry::beside_this_program(folder)?,
            slot: slot.to_owned(),
            child: None,
        })
    }

    /// Starts the worker.
    pub(crate) fn start(&mut self) -> Result<()> {
        self.child = Some(self.ferry.start(&["copy", "--worker", &self.slot])?);
        Ok(())
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.start_kill()?;
            child.wait().await?;
        }
        Ok(())
    }

    /// SIGSTOP, SIGCONT or SIGTERM.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let id = self
            .child
            .as_ref()
            .and_then(Child::id)
            .context("it is gone")?;
        let id = Pid::from_raw(i32::try_from(id)?).context("no process id")?;
        kill_process(id, signal)?;
        Ok(())
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<i32>> {
        let Some(child) = &mut self.child else {
            return Ok(None);
        };
        Ok(child.try_wait()?.map(|status| status.code().unwrap_or(-1)))
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &place)?;
        } else {
            std::fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}
