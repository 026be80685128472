//! A child process that never outlives its guard, nor the process that started it.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::spawner;

/// How often an ending process is looked at.
const POLL: Duration = Duration::from_millis(10);

/// The wrapper's last step before the program itself. The parent may have died between the fork
/// and the moment the kernel was asked to tell about it; then nobody would. So the wrapper compares
/// its parent with the process that wanted it, after asking.
const EXEC_UNLESS_ORPHANED: &str = r#"[ "$PPID" = "$0" ] || exit 70; exec "$@""#;

/// A child process in a process group of its own, whose output goes to a file.
///
/// When it is dropped, the whole group is killed and the child is reaped. When the process that
/// holds it dies in any way, the kernel kills the child (`setpriv --pdeathsig`, from util-linux).
#[derive(Debug)]
pub(crate) struct ChildProcess {
    child: Child,
    group: Pid,
}

impl ChildProcess {
    /// Starts `program` in `folder`, with its output appended to the file `log`.
    pub(crate) fn start(
        program: &OsStr,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        folder: &Path,
        log: &Path,
    ) -> io::Result<Self> {
        let output = append_to(log)?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", "sh", "-c"])
            .arg(EXEC_UNLESS_ORPHANED)
            .arg(std::process::id().to_string())
            .arg(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        let child = spawner::spawn(command)?;
        let group = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("the child has no valid process id"))?;
        Ok(Self { child, group })
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Sends a signal to the whole group.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process_group(self.group, signal)?)
    }

    /// Waits until it ends; `None` when the limit is over first.
    pub(crate) fn wait_at_most(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            thread::sleep(POLL);
        }
    }

    /// Kills the whole group and reaps the child.
    pub(crate) fn kill(&mut self) -> io::Result<ExitStatus> {
        // Once the child is reaped its group's number is free for others, so it is not signalled
        // again. Until then the number stays reserved, by the zombie at least.
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        self.signal(Signal::KILL)?;
        self.child.wait()
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Opens a log so that a restarted process goes on where the last one ended.
fn append_to(log: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(log)
}
