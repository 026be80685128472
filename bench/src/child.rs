//! A peer's process, which never outlives its guard.

use anyhow::{Context as _, Result, bail};
use serde::de::DeserializeOwned;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::{folder, usage};

/// How much of a failed process's log is shown, in bytes from its end.
const LOG_SHOWN_BYTES: usize = 2_000;

/// A running process. It is killed and reaped when this is dropped; the kernel kills it when the
/// thread that started it ends.
pub(crate) struct PeerProcess {
    child: Child,
    log: PathBuf,
}

impl PeerProcess {
    /// Starts `program`, whose log goes to `target/bench/logs/NAME.log`. What it says at its end
    /// is kept for [`PeerProcess::said`] if it `speaks`, and goes to the log otherwise.
    ///
    /// To be called on the main thread: the process dies with the thread that started it.
    pub(crate) fn start(
        name: &str,
        program: &OsStr,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        speaks: bool,
    ) -> Result<Self> {
        let logs = folder::bench().join("logs");
        fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
        let log = logs.join(format!("{name}.log"));
        let complaints = File::create(&log).with_context(|| log.display().to_string())?;
        let output = if speaks {
            Stdio::piped()
        } else {
            complaints.try_clone()?.into()
        };
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(complaints)
            .spawn()
            .with_context(|| format!("{} can't be started", program.display()))?;
        Ok(Self { child, log })
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended; its figures are still there then.
    pub(crate) fn ended(&self) -> bool {
        usage::of(self.id()).is_none_or(|usage| usage.ended)
    }

    /// Reaps a process that has ended, and reads what it said: one line of JSON.
    pub(crate) fn said<T: DeserializeOwned>(mut self) -> Result<T> {
        let mut said = String::new();
        if let Some(mut output) = self.child.stdout.take() {
            output.read_to_string(&mut said)?;
        }
        let status = self.child.wait()?;
        if !status.success() {
            bail!("it failed ({status}):\n{}", self.log_end());
        }
        serde_json::from_str(&said).with_context(|| format!("it said {said:?}"))
    }

    /// The end of its log.
    pub(crate) fn log_end(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let mut start = log.len().saturating_sub(LOG_SHOWN_BYTES);
        while !log.is_char_boundary(start) {
            start += 1;
        }
        format!("{}\n(from {})", &log[start..], self.log.display())
    }
}

impl Drop for PeerProcess {
    fn drop(&mut self) {
        // Neither fails but for a process that was reaped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
