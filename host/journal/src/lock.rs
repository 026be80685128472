//! The lock of the one writer.

use crate::directory::{DirectoryError, StateDirectory, owner_only};
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// A text in the lock file is never longer than this.
const HOLDER_BYTES_MAX: u64 = 4096;

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The id of the process on its host.
    pub process_id: u32,
    /// The name of its host.
    pub host: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
}

impl Holder {
    /// Who works on the migration of `directory`, as far as that can be told without taking the
    /// lock: what a process of this host left that is gone is not told.
    #[must_use]
    pub fn of(directory: &StateDirectory) -> Option<Self> {
        let holder = read_holder(&mut File::open(directory.lock()).ok()?)?;
        let here = holder.host == Self::this_process().host;
        // Where processes can't be looked at, whoever is named is taken to live.
        let processes = std::path::Path::new("/proc");
        let gone = here
            && processes.join("self").exists()
            && !processes.join(holder.process_id.to_string()).exists();
        (!gone).then_some(holder)
    }

    /// This process, from now on.
    #[must_use]
    pub fn this_process() -> Self {
        Self {
            process_id: std::process::id(),
            host: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            since_ms: now_ms(),
        }
    }
}

/// Milliseconds since 1970 by the clock of this host; 0 for a clock set before that.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}

/// The lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("another process works on this migration")]
    Held {
        /// The state directory.
        directory: StateDirectory,
        /// Who; none where it has only just taken it and not yet written its name.
        holder: Option<Holder>,
    },
    /// The lock file can't be used.
    #[error(transparent)]
    Io(#[from] DirectoryError),
}

/// The lock of the one writer, held until it is dropped or the process dies in any way.
///
/// It is an advisory lock of the operating system on an open file (`flock` on Linux), not the
/// existence of a file: a killed process leaves nothing to clean up, a stopped process still holds
/// it, and child processes don't inherit it.
#[derive(Debug)]
pub(crate) struct WriterLock {
    file: File,
}

impl WriterLock {
    /// Takes the lock at once, or says who holds it.
    pub(crate) fn take(directory: &StateDirectory) -> Result<Self, LockError> {
        let path = directory.lock();
        let io = |operation, error| DirectoryError::new(operation, &path, error);
        let mut file = owner_only()
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| io("open", error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    directory: directory.clone(),
                    holder: read_holder(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(io("lock", error).into()),
        }
        write_holder(&mut file, &Holder::this_process()).map_err(|error| io("write", error))?;
        Ok(Self { file })
    }
}

impl Drop for WriterLock {
    /// Takes the name out, so that the next one who finds the lock held never reads a stale one.
    /// A failure leaves a stale name and nothing worse.
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
    }
}

fn write_holder(file: &mut File, holder: &Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(serde_json::to_string(holder)?.as_bytes())
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = Vec::new();
    file.take(HOLDER_BYTES_MAX).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_told_who_holds_the_lock_and_gets_it_after_the_first_is_gone() {
        let above = tempfile::tempdir().expect("directory");
        let directory = StateDirectory::create(above.path().join("state")).expect("created");
        let lock = WriterLock::take(&directory).expect("free");
        let Err(LockError::Held {
            holder: Some(holder),
            ..
        }) = WriterLock::take(&directory)
        else {
            panic!("the lock was given twice");
        };
        assert_eq!(holder.process_id, std::process::id());
        assert!(!holder.host.is_empty() && holder.since_ms > 1_700_000_000_000);
        assert_eq!(Holder::of(&directory), Some(holder.clone()));
        drop(lock);
        assert_eq!(Holder::of(&directory), None);
        WriterLock::take(&directory).expect("free again");
    }

    #[test]
    fn what_a_killed_process_left_in_the_lock_file_does_not_matter() {
        let above = tempfile::tempdir().expect("directory");
        let directory = StateDirectory::create(above.path().join("state")).expect("created");
        std::fs::write(directory.lock(), "x".repeat(10_000)).expect("written");
        assert_eq!(Holder::of(&directory), None);
        let gone = Holder {
            process_id: u32::MAX,
            ..Holder::this_process()
        };
        let text = serde_json::to_string(&gone).expect("JSON");
        std::fs::write(directory.lock(), text).expect("written");
        assert_eq!(Holder::of(&directory), None, "no process has this id");
        let _lock = WriterLock::take(&directory).expect("free");
        let text = std::fs::read_to_string(directory.lock()).expect("there");
        assert!(serde_json::from_str::<Holder>(&text).is_ok(), "{text}");
    }
}
