//! The append-only, hash-chained record of what a migration did.
//!
//! A migration has one state directory with one journal. One process writes it, guarded by an OS
//! lock; anybody who may read the directory can read it at any time without a lock.
//!
//! - [`Event`] is the vocabulary: what can be said about a migration.
//! - [`Status`] is what the events add up to. Its transitions are pure; an event that can't happen
//!   in a status is refused, never skipped, both when it is written and when it is read back.
//! - [`Journal`] is the writer: [`Journal::append`] returns once the event is on the disk.
//! - [`Recorded`] is what a reader gets: every entry, the status, and whether the end was torn.
//! - [`Summary`] and [`Report`] are the data behind `ferry status` and `ferry report`.
//!
//! # The file
//! `journal.jsonl` holds one entry a line:
//! `{"entry":{"event":{...},"previous":"sha256:...","sequence":7,"time_ms":...},"hash":"sha256:..."}`.
//! The entry is canonical JSON (sorted keys, no spaces); the hash is SHA-256 over the bytes of the
//! entry as they stand in the file, and covers the hash of the entry before it. So
//! `jq -r .hash` of the last line names the whole history.
//!
//! The chain shows every change inside the history. It can't show that whole lines were taken off
//! its end: keep [`Recorded::head`] elsewhere (a report holds it) where that matters.
//!
//! # No secrets
//! The journal writes what callers give and cannot tell a secret from another text. A caller puts
//! names, ids, offsets and digests into facts, inverses and results, never a password, a key, a
//! token, or a resolved placeholder.
//!
//! This crate knows nothing of Kafka, of steps as code, or of async.

mod directory;
mod entry;
mod event;
mod journal;
mod lock;
mod name;
mod problem;
mod reader;
mod report;
mod status;
mod summary;
mod timeline;

pub use directory::{DirectoryError, StateDirectory};
pub use entry::{Entry, EntryFault, GENESIS, LINE_BYTES_MAX};
pub use event::{
    AttemptOutcome, Event, FactScope, Goal, Inverse, Leftover, MigrationIdentity, UndoOutcome,
};
pub use journal::{AppendError, Journal, OpenError};
pub use lock::{Holder, LockError};
pub use name::{EffectId, FactKey, IllegalName, StepName};
pub use reader::{ReadError, Recorded, Tail, Verification};
pub use report::{Report, ReportedEffect};
pub use status::{
    Attempt, EffectRecord, EffectState, Phase, Status, StepRecord, StepState, TransitionError,
    Undoable,
};
pub use summary::{AttemptSummary, EffectCounts, Failure, StepSummary, Summary};
pub use timeline::{TimelineEntry, timeline};
