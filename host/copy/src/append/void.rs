//! Offsets that no reader of committed records sees, and that must stay taken at the target.
//!
//! At the source there are markers, records of aborted transactions, or nothing any more. At the
//! target one transaction that is aborted takes as many offsets as it has records, and one more for
//! its marker; without any record it takes one.

use super::merge::Merger;
use super::{Append, Bounds, Piece, Preparation, TINY_BATCH_BYTES};
use crate::batch::header::Batch;
use crate::halt::Halt;

/// Offsets to keep free: records of aborted transactions, then offsets without records.
#[derive(Debug, Clone)]
pub struct Void {
    /// The first of them.
    pub first: i64,
    /// The offset behind them.
    pub until: i64,
    /// Batches with records of aborted transactions, side by side from `first` on. There is at least
    /// one offset more than records.
    pub aborted: Vec<Append>,
    /// The leader epoch of the source that its last batch was written in.
    pub source_epoch: i32,
}

impl Void {
    /// How many records it has.
    #[must_use]
    pub fn records(&self) -> i64 {
        self.aborted.iter().map(Append::records).sum()
    }

    /// How many transactions it takes to write it.
    #[must_use]
    pub fn transactions(&self) -> i64 {
        self.until - self.first - self.records()
    }
}

/// A void of which more may come.
#[derive(Debug)]
pub(super) struct VoidRun {
    first: i64,
    next: i64,
    /// Where the aborted records end.
    records_until: i64,
    aborted: Vec<Batch>,
    source_epoch: i32,
}

impl VoidRun {
    pub(super) fn new(first: i64, source_epoch: i32) -> Self {
        Self {
            first,
            next: first,
            records_until: first,
            aborted: Vec::new(),
            source_epoch,
        }
    }

    pub(super) fn first(&self) -> i64 {
        self.first
    }

    /// Adds a batch of an aborted transaction, which must lie right behind.
    pub(super) fn records(&mut self, batch: Batch) {
        debug_assert!(!self.whole(), "records come first");
        self.next = batch.header.next_offset();
        self.records_until = self.next;
        self.source_epoch = batch.header.partition_leader_epoch;
        self.aborted.push(batch);
    }

    /// There is no record before `until`.
    pub(super) fn nothing_until(&mut self, until: i64) {
        self.next = self.next.max(until);
    }

    /// Whether the aborted records are followed by an offset for the marker that ends them.
    pub(super) fn whole(&self) -> bool {
        self.next > self.records_until
    }

    /// The void. Where no offset follows the aborted records, the last one makes room for the marker.
    pub(super) fn close(self, how: &Preparation, bounds: Bounds) -> Result<Void, Halt> {
        let records_until = self.records_until.min(self.next - 1);
        let from = self.first;
        let bytes = self.aborted.iter().map(|batch| batch.bytes.len()).sum();
        let how = Preparation {
            from,
            ..how.clone()
        };
        let mut merger = Merger::new(&how, bounds, bytes).until(records_until);
        for batch in self.aborted {
            if batch.header.base_offset >= records_until {
                break;
            }
            let passes = merger.passes(&batch);
            if passes && batch.bytes.len() >= TINY_BATCH_BYTES {
                merger.flush()?;
                merger.pass(batch);
            } else {
                merger.add(batch, passes, None)?;
            }
        }
        merger.flush()?;
        let only_records = |piece| match piece {
            Piece::Append(append) => Some(append),
            Piece::Void(_) => None,
        };
        let aborted = merger.into_pieces().into_iter().filter_map(only_records);
        Ok(Void {
            first: self.first,
            until: self.next,
            aborted: aborted.collect(),
            source_epoch: self.source_epoch,
        })
    }
}
