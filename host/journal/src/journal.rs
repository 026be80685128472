//! The writer of a journal.

use crate::directory::{DirectoryError, StateDirectory, owner_only};
use crate::entry::{Entry, LINE_BYTES_MAX};
use crate::event::Event;
use crate::lock::{LockError, WriterLock, now_ms};
use crate::name::FactKey;
use crate::reader::{ReadError, Recorded, Tail, Verification};
use crate::status::{Status, TransitionError};
use ferry_model::canonical::NotJson;
use ferry_model::digest::Digest;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

/// The one writer of a journal. As long as it lives, no other process can open the journal for
/// writing.
#[derive(Debug)]
pub struct Journal {
    directory: StateDirectory,
    file: File,
    status: Status,
    sequence: u64,
    head: Digest,
    torn: Option<PathBuf>,
    broken: bool,
    /// Dropped last: the file is closed before another process may write it.
    _lock: WriterLock,
}

/// The journal can't be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What is in it can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file can't be written.
    #[error(transparent)]
    Io(#[from] DirectoryError),
}

/// An event was not written.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// It can't happen where the migration stands. Nothing was written.
    #[error("the journal refuses an event")]
    Impossible(#[from] TransitionError),
    /// It is too long for a line. Nothing was written.
    #[error("event `{event}` takes {bytes} bytes in the journal; the most is {LINE_BYTES_MAX}")]
    TooLong {
        /// The type of the event.
        event: &'static str,
        /// The bytes of its line.
        bytes: usize,
    },
    /// It has no JSON form. Nothing was written.
    #[error("event `{event}` can't be written as JSON")]
    NotJson {
        /// The type of the event.
        event: &'static str,
        /// Why not.
        #[source]
        source: NotJson,
    },
    /// The file can't be written. Whether the event is in it is not known: open it anew to find
    /// out. Everything further is refused.
    #[error(transparent)]
    Io(#[from] DirectoryError),
    /// An earlier write failed. Nothing was written since.
    #[error("an earlier write to the journal failed; it has to be opened anew")]
    Broken,
}

impl Journal {
    /// Opens the journal of a state directory for writing, and creates both where they are missing.
    ///
    /// Takes the lock, reads and checks the whole file, and mends what a killed writer left at its
    /// end: a torn line is kept in a file beside ([`Journal::torn_line`]) and cut off.
    ///
    /// # Errors
    /// [`OpenError`] where another process writes it, it is damaged, or a file can't be used.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let directory = StateDirectory::create(directory)?;
        let lock = WriterLock::take(&directory)?;
        let path = directory.journal();
        let file = owner_only()
            .read(true)
            .append(true)
            .open(&path)
            .map_err(|error| DirectoryError::new("open", &path, error))?;
        directory.sync()?;
        let recorded = Recorded::scan(&path, &file)?;
        let mut journal = Self {
            directory,
            file,
            sequence: recorded.entries.len() as u64,
            status: recorded.status,
            head: recorded.head,
            torn: None,
            broken: false,
            _lock: lock,
        };
        match recorded.tail {
            Tail::Clean => {}
            Tail::LineEndMissing => journal.write(b"\n")?,
            Tail::Torn { bytes } => journal.cut(&bytes, recorded.whole_bytes)?,
        }
        Ok(journal)
    }

    /// Writes an event and waits until it is on the disk. Returns its sequence number.
    ///
    /// # Errors
    /// [`AppendError`]. After [`AppendError::Io`] every further event is refused: an fsync that
    /// failed once can't be trusted when it is tried again.
    pub fn append(&mut self, event: Event) -> Result<u64, AppendError> {
        self.append_all(&[event])
    }

    /// Writes events in order and waits once until all are on the disk. A crash in between leaves
    /// the first few of them, never others. Returns the sequence number of the last one.
    ///
    /// # Errors
    /// As [`Journal::append`]. Where one event is refused, none is written.
    pub fn append_all(&mut self, events: &[Event]) -> Result<u64, AppendError> {
        if self.broken {
            return Err(AppendError::Broken);
        }
        self.check_all(events)?;
        let mut sequence = self.sequence;
        let mut head = self.head;
        let mut lines = Vec::new();
        for event in events {
            sequence += 1;
            let entry = Entry {
                sequence,
                time_ms: now_ms(),
                previous: head,
                event: event.clone(),
            };
            let (line, hash) = entry.encode().map_err(|source| AppendError::NotJson {
                event: event.kind(),
                source,
            })?;
            if line.len() > LINE_BYTES_MAX {
                return Err(AppendError::TooLong {
                    event: event.kind(),
                    bytes: line.len(),
                });
            }
            lines.extend_from_slice(&line);
            head = hash;
        }
        self.write(&lines)?;
        for event in events {
            self.status.apply(event)?;
        }
        self.sequence = sequence;
        self.head = head;
        Ok(sequence)
    }

    /// Whether the events can happen one after the other.
    fn check_all(&self, events: &[Event]) -> Result<(), TransitionError> {
        match events {
            [event] => self.status.check(event),
            _ => {
                let mut status = self.status.clone();
                events.iter().try_for_each(|event| status.apply(event))
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), DirectoryError> {
        self.file
            .write_all(bytes)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| {
                self.broken = true;
                DirectoryError::new("write", &self.directory.journal(), error)
            })
    }

    /// Keeps the torn line beside the journal, durably, and then cuts it off. The file is named by
    /// the line's number and content, so that a crash in between changes nothing.
    fn cut(&mut self, bytes: &[u8], whole_bytes: u64) -> Result<(), DirectoryError> {
        let name = format!(
            "journal.torn-{}-{}",
            self.sequence + 1,
            Digest::of(bytes).short()
        );
        let beside = self.directory.path().join(name);
        owner_only()
            .write(true)
            .truncate(true)
            .open(&beside)
            .and_then(|mut file| {
                file.write_all(bytes)?;
                file.sync_all()
            })
            .map_err(|error| DirectoryError::new("write", &beside, error))?;
        self.directory.sync()?;
        self.file
            .set_len(whole_bytes)
            .and_then(|()| self.file.sync_all())
            .map_err(|error| DirectoryError::new("cut", &self.directory.journal(), error))?;
        self.torn = Some(beside);
        Ok(())
    }

    /// Where the torn line was kept that [`Journal::open`] cut off; none where there was none.
    #[must_use]
    pub fn torn_line(&self) -> Option<&std::path::Path> {
        self.torn.as_deref()
    }

    /// Where the migration stands.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The hash of the last entry.
    #[must_use]
    pub fn head(&self) -> &Digest {
        &self.head
    }

    /// The state directory.
    #[must_use]
    pub fn directory(&self) -> &StateDirectory {
        &self.directory
    }

    /// The last value of a fact, as a `T`; none where there is none that holds.
    ///
    /// # Errors
    /// [`serde_json::Error`] where the value is not a `T`.
    pub fn fact<T: DeserializeOwned>(&self, key: &FactKey) -> Result<Option<T>, serde_json::Error> {
        self.status.fact(key).map(T::deserialize).transpose()
    }

    /// Every entry, read back from the disk.
    ///
    /// # Errors
    /// [`ReadError`] where the file can't be read or was changed by someone else.
    pub fn entries(&self) -> Result<Vec<Entry>, ReadError> {
        Ok(Recorded::read(&self.directory)?.entries)
    }

    /// Checks the file on the disk from its first byte to its last.
    ///
    /// # Errors
    /// As [`Recorded::verify`].
    pub fn verify(&self) -> Result<Verification, ReadError> {
        Recorded::verify(&self.directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::MigrationIdentity;
    use ferry_model::identity::ClusterId;

    #[test]
    fn after_a_failed_write_nothing_more_is_written_until_the_journal_is_opened_anew() {
        let directory = tempfile::tempdir().expect("directory");
        let event = Event::MigrationStarted {
            identity: MigrationIdentity {
                migration: "retail".into(),
                plan: Digest::of(b"plan"),
                source: ClusterId("a".into()),
                target: ClusterId("b".into()),
            },
            ferry_version: "0.1.0".into(),
        };
        let mut journal = Journal::open(directory.path()).expect("opened");
        let writable = std::mem::replace(
            &mut journal.file,
            File::open(directory.path().join("journal.jsonl")).expect("there"),
        );
        assert!(matches!(
            journal.append(event.clone()),
            Err(AppendError::Io(_))
        ));
        assert_eq!(journal.status(), &Status::default());
        journal.file = writable;
        assert!(matches!(
            journal.append(event.clone()),
            Err(AppendError::Broken)
        ));
        drop(journal);
        let mut journal = Journal::open(directory.path()).expect("opened");
        assert_eq!(journal.append(event).expect("written"), 1);
    }
}
