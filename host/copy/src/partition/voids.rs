//! Offsets that are kept free: where they are, and what they do to sequence numbers.

use crate::append::{Append, Void};
use crate::batch::rewrite::sequence_at;

/// Offsets to keep free with one transaction that is aborted.
#[derive(Debug, Clone)]
pub struct VoidWrite {
    /// The first of them, where the target's log has to end now.
    pub first: i64,
    /// The offset behind them: one for each record, and one for the marker.
    pub until: i64,
    /// Batches with records of aborted transactions of the source.
    pub aborted: Vec<Append>,
    /// The leader epoch of the source there.
    pub source_epoch: i32,
}

/// What has been written and is on its way.
#[derive(Debug)]
pub(super) struct Voids {
    /// Whether there have been any, in this run or an earlier one.
    any: bool,
    /// Transactions that may still be spent.
    left: i64,
    /// How far sequence numbers lie behind offsets.
    shift: i64,
    /// First offset, the offset behind, and the source's epoch of what is on its way.
    writing: Option<Span>,
}

/// Offsets that are being taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) first: i64,
    pub(super) until: i64,
    pub(super) source_epoch: i32,
}

impl Voids {
    pub(super) fn new(any: bool, budget: i64) -> Self {
        Self {
            any,
            left: budget,
            shift: 0,
            writing: None,
        }
    }

    pub(super) fn any(&self) -> bool {
        self.any
    }

    pub(super) fn writing(&self) -> bool {
        self.writing.is_some()
    }

    /// The sequence number of the record at `offset`.
    pub(super) fn sequence_at(&self, offset: i64) -> i32 {
        sequence_at(offset.wrapping_sub(self.shift))
    }

    /// Takes so many transactions from the budget.
    pub(super) fn spend(&mut self, transactions: i64) -> Result<(), &'static str> {
        if transactions > self.left {
            return Err("more markers and missing offsets than the budget for transactions");
        }
        self.left -= transactions;
        Ok(())
    }

    pub(super) fn give_back(&mut self, transactions: i64) {
        self.left += transactions;
    }

    /// What one transaction takes of `void`, and what is left of it.
    pub(super) fn begin(&mut self, void: Void) -> (VoidWrite, Option<Void>) {
        let write = VoidWrite {
            first: void.first,
            until: void.first + void.records() + 1,
            aborted: void.aborted,
            source_epoch: void.source_epoch,
        };
        self.any = true;
        self.writing = Some(Span {
            first: write.first,
            until: write.until,
            source_epoch: write.source_epoch,
        });
        let rest = (write.until < void.until).then(|| Void {
            first: write.until,
            until: void.until,
            aborted: Vec::new(),
            source_epoch: void.source_epoch,
        });
        (write, rest)
    }

    /// What was on its way, no more.
    pub(super) fn end(&mut self) -> Option<Span> {
        let span = self.writing.take()?;
        self.shift += span.until - span.first;
        Some(span)
    }

    /// The target's log ends at `log_end`, and the broker remembers `last_sequence` of our producer:
    /// the next record has the one behind it. A broker that remembers none takes any.
    pub(super) fn settle(&mut self, log_end: i64, last_sequence: Option<i32>) {
        if let Some(last) = last_sequence.filter(|_| self.any) {
            self.shift = log_end - (i64::from(last) + 1);
        }
    }
}
