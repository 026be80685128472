//! What operators are told when the journal can't be used. Codes FERRY-E400 to FERRY-E409.

use crate::directory::DirectoryError;
use crate::entry::EntryFault;
use crate::journal::{AppendError, OpenError};
use crate::lock::{Holder, LockError};
use crate::reader::ReadError;
use ferry_model::problem::{Explain, Problem};
use std::error::Error;

impl Explain for DirectoryError {
    fn problem(&self) -> Problem {
        Problem::new(400, format!("{self}: {}", self.source))
            .cause("are the disk's space, the owner and the rights of the directory as they should be?")
            .next("mend that and start the command again; it resumes where the journal ends")
    }
}

impl Explain for LockError {
    fn problem(&self) -> Problem {
        match self {
            Self::Held { directory, holder } => {
                let who = match holder {
                    Some(holder) => said(holder),
                    None => "a process that has only just started".to_owned(),
                };
                Problem::new(401, format!("{self}: {who}"))
                    .at(directory.lock().display().to_string())
                    .next("wait for it or stop it; to look on: ferry status")
            }
            Self::Io(error) => error.problem(),
        }
    }
}

/// `process 4711 on host-1, since 2 h 5 min`.
fn said(holder: &Holder) -> String {
    let since_s = crate::lock::now_ms().saturating_sub(holder.since_ms).max(0) / 1000;
    let since = match (since_s / 3600, since_s / 60 % 60, since_s % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    };
    format!(
        "process {} on {}, since {since}",
        holder.process_id, holder.host
    )
}

impl Explain for ReadError {
    fn problem(&self) -> Problem {
        match self {
            Self::Missing { path } => Problem::new(408, self.to_string())
                .at(path.display().to_string())
                .cause("is this the directory of migration.yaml?")
                .next("ferry apply starts a migration"),
            Self::Damaged { path, line, fault } => {
                let place = format!("{}:{line}", path.display());
                match fault {
                    EntryFault::Unknown(error) => {
                        Problem::new(403, format!("{self}: {fault}: {error}"))
                            .at(place)
                            .cause("was it written by a newer version of ferry?")
                            .next("use the version that wrote it; ferry status of that version shows it")
                    }
                    _ => Problem::new(402, format!("{self}: {fault}"))
                        .at(place)
                        .cause("was the file edited, or did the disk lose a part of it?")
                        .next("restore the file from a copy; nothing was changed"),
                }
            }
            Self::Impossible { path, line, error } => {
                Problem::new(404, format!("{self}: {error}"))
                    .at(format!("{}:{line}", path.display()))
                    .cause("was it written by another version of ferry, or are these parts of two journals?")
                    .next("restore the file from a copy; nothing was changed")
            }
            Self::Io(error) => error.problem(),
        }
    }
}

impl Explain for OpenError {
    fn problem(&self) -> Problem {
        match self {
            Self::Lock(error) => error.problem(),
            Self::Read(error) => error.problem(),
            Self::Io(error) => error.problem(),
        }
    }
}

impl Explain for AppendError {
    fn problem(&self) -> Problem {
        match self {
            Self::Impossible(error) => Problem::new(405, format!("{self}: {error}"))
                .cause("a fault of the step that reports it, or of ferry itself")
                .next("nothing was written; report it with the output of ferry report"),
            Self::TooLong { .. } => Problem::new(406, self.to_string())
                .cause("a step keeps too much in one fact, result or inverse")
                .next("report it as a fault of the step"),
            Self::NotJson { source, .. } => Problem::new(
                406,
                match source.source() {
                    Some(error) => format!("{self}: {error}"),
                    None => self.to_string(),
                },
            )
            .cause("a fault of the step that reports it")
            .next("report it as a fault of the step"),
            Self::Io(error) => error.problem(),
            Self::Broken => Problem::new(407, self.to_string())
                .cause("the first failure is in the messages before this one")
                .next(
                    "mend its cause and start the command again; it resumes where the journal ends",
                ),
        }
    }
}
