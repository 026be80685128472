//! Reads a journal back and checks every byte of it. Needs no lock.

use crate::directory::{DirectoryError, StateDirectory};
use crate::entry::{Entry, EntryFault, GENESIS, LINE_BYTES_MAX};
use crate::status::{Status, TransitionError};
use ferry_model::digest::Digest;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::PathBuf;

/// What a journal holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Every entry, in order.
    pub entries: Vec<Entry>,
    /// What they add up to.
    pub status: Status,
    /// The hash of the last entry; of [`GENESIS`] where there is none.
    pub head: Digest,
    /// How the file ends.
    pub tail: Tail,
    /// Bytes up to the end of the last whole line.
    pub(crate) whole_bytes: u64,
}

/// How a journal ends. All but `Clean` are the mark of a writer that was killed, or of one that
/// writes at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// With the end of a line.
    Clean,
    /// The last entry is whole, only its line end is missing. It counts: its hash is right.
    LineEndMissing,
    /// With the beginning of an entry, which does not count: its writer had not gone on yet.
    Torn {
        /// The bytes of it.
        bytes: Vec<u8>,
    },
}

/// The journal can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is none.
    #[error("no migration was started here")]
    Missing {
        /// Where it would be.
        path: PathBuf,
    },
    /// A line is not what was written.
    #[error("line {line} of the journal is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// In which way.
        #[source]
        fault: EntryFault,
    },
    /// A line tells of something that can't follow what came before it.
    #[error("line {line} of the journal can't follow the lines before it")]
    Impossible {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Why not.
        #[source]
        error: TransitionError,
    },
    /// The file can't be read.
    #[error(transparent)]
    Io(#[from] DirectoryError),
}

/// What the check of a whole journal found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// How many entries there are, all of them whole and in their chain.
    pub entries: u64,
    /// The hash of the last one: the name of the whole history.
    pub head: Digest,
    /// How the file ends.
    pub tail: Tail,
}

impl Recorded {
    /// Reads the journal of a state directory. It may be written at the same time.
    ///
    /// # Errors
    /// [`ReadError`] where there is none, it can't be read, or it is not as it was written.
    pub fn read(directory: &StateDirectory) -> Result<Self, ReadError> {
        let path = directory.journal();
        match File::open(&path) {
            Ok(file) => Self::scan(&path, file),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(ReadError::Missing { path }),
            Err(error) => Err(DirectoryError::new("open", &path, error).into()),
        }
    }

    /// Checks the journal of a state directory from its first byte to its last: the frame of each
    /// line, the hashes, their chain, the numbers, and that each event could follow.
    ///
    /// # Errors
    /// As [`Recorded::read`].
    pub fn verify(directory: &StateDirectory) -> Result<Verification, ReadError> {
        let recorded = Self::read(directory)?;
        Ok(Verification {
            entries: recorded.entries.len() as u64,
            head: recorded.head,
            tail: recorded.tail,
        })
    }

    pub(crate) fn scan(path: &std::path::Path, file: impl Read) -> Result<Self, ReadError> {
        let mut lines = BufReader::new(file);
        let mut recorded = Self {
            entries: Vec::new(),
            status: Status::default(),
            head: Digest::of(GENESIS.as_bytes()),
            tail: Tail::Clean,
            whole_bytes: 0,
        };
        loop {
            let mut bytes = Vec::new();
            lines
                .by_ref()
                .take(LINE_BYTES_MAX as u64 + 1)
                .read_until(b'\n', &mut bytes)
                .map_err(|error| DirectoryError::new("read", path, error))?;
            let length = bytes.len() as u64;
            if bytes.is_empty() {
                return Ok(recorded);
            }
            let line = recorded.entries.len() as u64 + 1;
            let damaged = |fault| ReadError::Damaged {
                path: path.to_owned(),
                line,
                fault,
            };
            if bytes.len() > LINE_BYTES_MAX {
                return Err(damaged(EntryFault::TooLong));
            }
            let ended = bytes.last() == Some(&b'\n');
            if ended {
                bytes.pop();
            } else if recorded.is_torn(&bytes).map_err(damaged)? {
                recorded.tail = Tail::Torn { bytes };
                return Ok(recorded);
            } else {
                recorded.tail = Tail::LineEndMissing;
            }
            let (entry, hash) = Entry::decode(&bytes, line, &recorded.head).map_err(damaged)?;
            recorded
                .status
                .apply(&entry.event)
                .map_err(|error| ReadError::Impossible {
                    path: path.to_owned(),
                    line,
                    error,
                })?;
            recorded.head = hash;
            recorded.entries.push(entry);
            if ended {
                recorded.whole_bytes += length;
            }
        }
    }

    /// Whether the bytes behind the last line end are the beginning of an entry, so that nobody can
    /// have relied on it. Not so where they hold a whole entry: alone, it only lacks its line end.
    /// With one more byte, that byte was the line end and was changed: damage like any other.
    fn is_torn(&self, bytes: &[u8]) -> Result<bool, EntryFault> {
        let next = self.entries.len() as u64 + 1;
        if Entry::decode(bytes, next, &self.head).is_ok() {
            return Ok(false);
        }
        match bytes.split_last() {
            Some((_, rest)) if Entry::decode(rest, next, &self.head).is_ok() => {
                Err(EntryFault::Frame)
            }
            _ => Ok(true),
        }
    }
}
