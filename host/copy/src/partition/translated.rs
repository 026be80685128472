//! A partition whose records get new offsets.
//!
//! Delivery is transactional: records and the position that they lead to are written in one
//! transaction of the target, so that after any crash the committed position says exactly what is
//! there. What is not committed is fetched again.

use crate::append::{Append, Piece, Prepared};
use crate::halt::Halt;
use crate::planted::{Bug, made};
use std::collections::VecDeque;

/// How far a translated partition has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The next source offset to copy; everything before it is at the target or has no record.
    pub source_next: i64,
    /// The source's leader epoch of the last batch before it, where it is known.
    pub source_epoch: Option<i32>,
}

/// What a transaction takes of one partition.
#[derive(Debug, Clone)]
pub struct Taken {
    /// What is to be appended, in order. May be empty: then only the position moves.
    pub appends: Vec<Append>,
    /// The position once all of it is committed.
    pub position: Position,
}

#[derive(Debug)]
enum Item {
    Append(Append),
    Advance(Position),
}

/// The copy of one partition whose records get new offsets.
#[derive(Debug)]
pub struct TranslatedPartition {
    committed: Position,
    /// The position that the open transaction leads to, if it holds this partition.
    pending: Option<Position>,
    fetch_next: i64,
    queue: VecDeque<Item>,
    queued_bytes: usize,
    pending_halt: Option<Halt>,
    halted: Option<Halt>,
}

impl TranslatedPartition {
    /// A partition whose committed position is `committed`.
    #[must_use]
    pub fn new(committed: Position) -> Self {
        Self {
            committed,
            pending: None,
            fetch_next: committed.source_next,
            queue: VecDeque::new(),
            queued_bytes: 0,
            pending_halt: None,
            halted: None,
        }
    }

    /// The committed position.
    #[must_use]
    pub fn committed(&self) -> Position {
        self.committed
    }

    /// Why it stopped, if it did.
    #[must_use]
    pub fn halted(&self) -> Option<&Halt> {
        self.halted.as_ref()
    }

    /// Bytes that wait for a transaction.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// The next source offset to fetch, where the partition can take more.
    #[must_use]
    pub fn wants_fetch(&self, queue_bytes_max: usize) -> Option<i64> {
        let takes = self.halted.is_none()
            && self.pending_halt.is_none()
            && self.queued_bytes < queue_bytes_max;
        takes.then_some(self.fetch_next)
    }

    /// The next source offset to fetch, whether or not it can be taken now.
    #[must_use]
    pub fn fetch_next(&self) -> i64 {
        self.fetch_next
    }

    /// Whether something waits for a transaction: records, or a position without records.
    #[must_use]
    pub fn waits(&self) -> Waiting {
        if self.pending.is_some() || self.halted.is_some() || self.queue.is_empty() {
            Waiting::Nothing
        } else if self.queued_bytes > 0 {
            Waiting::Records
        } else {
            Waiting::Position
        }
    }

    /// Takes at most `bytes_max` of what waits, one batch at least, into a transaction.
    pub fn take(&mut self, bytes_max: usize) -> Option<Taken> {
        if self.waits() == Waiting::Nothing {
            return None;
        }
        let mut taken = Taken {
            appends: Vec::new(),
            position: self.committed,
        };
        let mut bytes = 0;
        while let Some(item) = self.queue.front() {
            if let Item::Append(append) = item
                && !taken.appends.is_empty()
                && bytes + append.bytes.len() > bytes_max
            {
                break;
            }
            match self.queue.pop_front() {
                Some(Item::Append(append)) => {
                    bytes += append.bytes.len();
                    taken.position = Position {
                        source_next: append.source_next,
                        source_epoch: Some(append.source_epoch),
                    };
                    taken.appends.push(append);
                }
                Some(Item::Advance(position)) => taken.position = position,
                None => break,
            }
        }
        self.queued_bytes -= bytes;
        if made(Bug::MovesOnEarly) {
            self.committed = taken.position;
        }
        self.pending = Some(taken.position);
        Some(taken)
    }

    /// The source answered a fetch from `from`. Answers to overtaken fetches are ignored.
    pub fn on_fetched(&mut self, from: i64, prepared: Prepared) {
        if from != self.fetch_next || self.halted.is_some() {
            return;
        }
        for piece in prepared.pieces {
            self.queued_bytes += piece.bytes();
            self.fetch_next = piece.source_next();
            debug_assert!(
                matches!(piece, Piece::Append(_)),
                "no offset is kept free where none is kept"
            );
            if let Piece::Append(append) = piece {
                self.queue.push_back(Item::Append(append));
            }
        }
        if prepared.source_next > self.fetch_next {
            self.advance(Position {
                source_next: prepared.source_next,
                source_epoch: prepared.source_epoch,
            });
        }
        self.pending_halt = prepared.halt;
        self.halt_when_empty();
    }

    /// The source's log starts behind our position: records were deleted before they were copied
    /// and are gone for every reader.
    pub fn on_source_starts_at(&mut self, log_start: i64) {
        if log_start > self.fetch_next && self.halted.is_none() {
            self.advance(Position {
                source_next: log_start,
                source_epoch: None,
            });
        }
    }

    fn advance(&mut self, position: Position) {
        self.fetch_next = position.source_next;
        if let Some(Item::Advance(last)) = self.queue.back_mut() {
            *last = position;
        } else {
            self.queue.push_back(Item::Advance(position));
        }
    }

    /// The transaction that took from this partition is committed.
    pub fn on_committed(&mut self) {
        if let Some(position) = self.pending.take() {
            self.committed = position;
        }
        self.halt_when_empty();
    }

    /// The transaction was aborted: everything since the committed position is fetched again.
    pub fn on_aborted(&mut self) {
        self.pending = None;
        self.queue.clear();
        self.queued_bytes = 0;
        self.pending_halt = None;
        self.fetch_next = self.committed.source_next;
    }

    fn halt_when_empty(&mut self) {
        if self.queue.is_empty()
            && self.pending.is_none()
            && let Some(halt) = self.pending_halt.take()
        {
            self.halted = Some(halt);
        }
    }

    /// Stops the partition.
    pub fn halt(&mut self, halt: Halt) {
        if self.halted.is_none() {
            self.on_aborted();
            self.halted = Some(halt);
        }
    }
}

/// What a translated partition has for the next transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing, or it is in the open transaction already.
    Nothing,
    /// Only a position that moves over offsets without records: no hurry.
    Position,
    /// Records.
    Records,
}
