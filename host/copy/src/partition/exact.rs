//! A partition whose records keep their offsets.
//!
//! Delivery is exact: the target's log itself says how far the copy has come, every acknowledged
//! base offset must be the predicted one, and after any unknown outcome the end of the target's log
//! is settled before anything else is sent. The sequence number of a record is its offset (modulo
//! 2^31), so that a restarted copy continues the sequence that it left; offsets that are kept free
//! have none, and are left out of the count.

use super::voids::{VoidWrite, Voids};
use crate::append::{Append, Interruption, Piece, Prepared};
use crate::batch::padding::{PADDING_RECORDS_MAX, PADDING_TIMESTAMP_MS};
use crate::batch::rewrite::sequence_at;
use crate::halt::Halt;
use crate::planted::{Bug, made};
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// Batches of one partition that may be on their way at once, once an acknowledgement has shown that
/// the target's state is ours and as long as it can't expire. Five is what brokers remember per producer (KIP-98).
pub const IN_FLIGHT_MAX: usize = 5;

/// What a partition does at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// The end of the target's log is being settled; nothing is on its way.
    Settling,
    /// Empty records are appended until the target's log ends where the source's starts.
    Padding,
    /// The padding is being deleted.
    DeletingPadding,
    /// Batches are copied.
    Copying,
    /// The offsets can't be kept from here on; everything before is acknowledged or on its way.
    Interrupted(Interruption),
    /// The partition stopped.
    Halted(Halt),
}

/// What the settled end of a target partition looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetEnd {
    /// The target's log start offset.
    pub log_start: i64,
    /// The target's log end offset, equal to its high watermark and stable.
    pub log_end: i64,
    /// The last sequence number of our producer, where the broker still knows it.
    pub last_sequence: Option<i32>,
}

/// Up to where the source's history is known: the epoch of a batch, and where that batch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochMark {
    /// The source's leader epoch in which the batch was written.
    pub epoch: i32,
    /// The offset behind the batch.
    pub end: i64,
}

/// What is to be sent next.
#[derive(Debug, Clone)]
pub struct Send {
    /// Its records.
    pub records: Records,
    /// The offset that it has to be appended at.
    pub base: i64,
    /// The producer's sequence number of its first record.
    pub sequence: i32,
}

/// The records of a batch to send.
#[derive(Debug, Clone)]
pub enum Records {
    /// A batch of the source.
    Append(Append),
    /// So many empty records.
    Padding(i32),
}

#[derive(Debug, Clone, Copy)]
struct InFlight {
    base: i64,
    records: i64,
    source_epoch: Option<i32>,
    /// The largest timestamp of its records.
    max_timestamp_ms: i64,
}

impl InFlight {
    /// Where the log ends once it is appended.
    fn ends(&self) -> RangeInclusive<i64> {
        let end = self.base + self.records;
        end..=end
    }
}

/// What stands behind the last batch of the queue.
#[derive(Debug)]
enum Ending {
    Interruption(Interruption),
    Halt(Halt),
}

/// The copy of one partition whose offsets are kept.
#[derive(Debug)]
pub struct ExactPartition {
    phase: Phase,
    /// Everything before it is acknowledged by the target.
    acknowledged: i64,
    /// Everything before it has been sent.
    sent: i64,
    /// The next source offset to fetch.
    fetch_next: i64,
    queue: VecDeque<Piece>,
    queued_bytes: usize,
    in_flight: VecDeque<InFlight>,
    /// The largest timestamp of the batch that was acknowledged last, if one was since the end was
    /// last settled.
    confirmed_ms: Option<i64>,
    /// Where the log may end for each write whose outcome is unknown; empty when every outcome is
    /// known.
    unknown_ends: Vec<RangeInclusive<i64>>,
    voids: Voids,
    /// Fillers that may still be written.
    fillers_left: i64,
    /// Where the padding ends; the source's log start when it was measured.
    padding_to: Option<i64>,
    /// What comes once the queue is sent.
    ending: Option<Ending>,
    /// The last acknowledged batch of which the source's leader epoch is known.
    epoch_mark: Option<EpochMark>,
    /// Times that the target's log was found shorter than what it had acknowledged.
    truncations: u32,
    /// The first offset at the target that holds a record of the source.
    target_start: i64,
}

/// How much may be spent on one partition so that its offsets are kept, besides padding. What goes
/// beyond it gets new offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Transactions that keep offsets free, each of which takes a few round trips.
    pub transactions: i64,
    /// Fillers, which stand where a cleaner has left no record.
    pub fillers: i64,
}

impl Budget {
    /// Nothing: offsets are kept as far as records lie side by side.
    pub const NONE: Self = Self {
        transactions: 0,
        fillers: 0,
    };
    /// No limit.
    pub const UNLIMITED: Self = Self {
        transactions: i64::MAX,
        fillers: i64::MAX,
    };
}

/// What is remembered of a partition from earlier runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Where a padding ends that was begun and not deleted yet.
    pub padding_to: Option<i64>,
    /// Up to where the source's history is known.
    pub epoch_mark: Option<EpochMark>,
    /// Whether offsets were kept free, so that sequence numbers lie behind offsets.
    pub voids: bool,
}

impl ExactPartition {
    /// A partition of which nothing is known yet but what is remembered.
    #[must_use]
    pub fn new(remembered: Remembered, budget: Budget) -> Self {
        let Remembered {
            padding_to,
            epoch_mark,
            voids,
        } = remembered;
        Self {
            phase: Phase::Settling,
            acknowledged: 0,
            sent: 0,
            fetch_next: 0,
            queue: VecDeque::new(),
            queued_bytes: 0,
            in_flight: VecDeque::new(),
            confirmed_ms: None,
            unknown_ends: Vec::new(),
            voids: Voids::new(voids, budget.transactions),
            fillers_left: budget.fillers,
            padding_to,
            ending: None,
            epoch_mark,
            truncations: 0,
            target_start: 0,
        }
    }

    /// What it does at the moment.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Everything before this offset is acknowledged by the target.
    #[must_use]
    pub fn acknowledged(&self) -> i64 {
        self.acknowledged
    }

    /// The last acknowledged batch of which the source's leader epoch is known.
    #[must_use]
    pub fn epoch_mark(&self) -> Option<EpochMark> {
        self.epoch_mark
    }

    /// Where the padding ends that has been begun.
    #[must_use]
    pub fn padding_to(&self) -> Option<i64> {
        self.padding_to
    }

    /// Times that the target's log was found shorter than what it had acknowledged.
    #[must_use]
    pub fn truncations(&self) -> u32 {
        self.truncations
    }

    /// The first offset at the target that holds a record of the source.
    #[must_use]
    pub fn target_start(&self) -> i64 {
        self.target_start
    }

    /// Whether [`Self::next_send`] has something. Brokers remember a producer while the largest
    /// timestamp of its last batch lies at `remembered_since_ms` or later.
    #[must_use]
    pub fn can_send(&self, remembered_since_ms: i64) -> bool {
        if self.unknown() || self.in_flight.len() >= self.depth(remembered_since_ms) {
            return false;
        }
        match self.phase {
            Phase::Padding => self.padding_to.is_some_and(|to| self.sent < to),
            Phase::Copying => {
                !self.voids.writing() && matches!(self.queue.front(), Some(Piece::Append(_)))
            }
            _ => false,
        }
    }

    /// Whether offsets have ever been kept free here, or will be next. It must be on disk before
    /// [`Self::next_void`] is called.
    #[must_use]
    pub fn has_voids(&self) -> bool {
        self.voids.any() || self.wants_void()
    }

    /// Whether [`Self::next_void`] has something: everything before it is acknowledged.
    #[must_use]
    pub fn wants_void(&self) -> bool {
        self.phase == Phase::Copying
            && self.quiet()
            && !self.unknown()
            && matches!(self.queue.front(), Some(Piece::Void(_)))
    }

    /// The offsets to keep free next, in one transaction that is aborted. What is returned counts as
    /// sent.
    pub fn next_void(&mut self) -> Option<VoidWrite> {
        if !self.wants_void() {
            return None;
        }
        let Some(Piece::Void(void)) = self.queue.pop_front() else {
            return None;
        };
        debug_assert_eq!(void.first, self.sent, "offsets are kept");
        let before: usize = void.aborted.iter().map(|append| append.bytes.len()).sum();
        self.queued_bytes -= before;
        let (write, rest) = self.voids.begin(void);
        if let Some(rest) = rest {
            self.queue.push_front(Piece::Void(rest));
        }
        self.sent = write.until;
        Some(write)
    }

    /// The offsets of [`Self::next_void`] are taken, and nothing is behind them.
    pub fn on_void_written(&mut self) {
        let Some(write) = self.voids.end() else {
            return;
        };
        if self.halted() {
            return;
        }
        self.acknowledged = write.until;
        let (epoch, end) = (write.source_epoch, write.until);
        self.epoch_mark = Some(EpochMark { epoch, end });
        self.end_of_queue();
    }

    /// The outcome of [`Self::next_void`] is unknown: any part of its offsets may be taken.
    pub fn on_void_unknown(&mut self) {
        if let Some(write) = self.voids.end() {
            self.voids.give_back(1);
            self.unknown_ends.push(write.first..=write.until);
        }
    }

    /// How many batches may be on their way. More than one only while the broker is certain to
    /// remember us whichever of them was the last to be appended: a broker that does not would take
    /// a later batch in the place of an earlier one that it refused.
    fn depth(&self, remembered_since_ms: i64) -> usize {
        if made(Bug::AlwaysFiveDeep) {
            return IN_FLIGHT_MAX;
        }
        let remembered = |timestamp_ms: i64| timestamp_ms >= remembered_since_ms;
        let mut on_their_way = self.in_flight.iter().map(|batch| batch.max_timestamp_ms);
        match self.confirmed_ms {
            Some(confirmed) if remembered(confirmed) && on_their_way.all(remembered) => {
                IN_FLIGHT_MAX
            }
            _ => 1,
        }
    }

    /// Whether the broker is certain to remember us for now, by the batch that it acknowledged last;
    /// none where it has acknowledged none since the end was settled.
    #[must_use]
    pub fn protected(&self, remembered_since_ms: i64) -> Option<bool> {
        self.confirmed_ms
            .map(|confirmed| confirmed >= remembered_since_ms)
    }

    /// Whether nothing is on its way to the target.
    #[must_use]
    pub fn quiet(&self) -> bool {
        self.in_flight.is_empty() && !self.voids.writing()
    }

    /// Where the target's log ends, if nothing is on its way there and every outcome is known.
    #[must_use]
    pub fn known_end(&self) -> Option<i64> {
        let copies = matches!(self.phase, Phase::Copying | Phase::Padding);
        (copies && self.quiet() && !self.unknown()).then_some(self.acknowledged)
    }

    /// Whether the outcome of something that was sent is unknown.
    fn unknown(&self) -> bool {
        !self.unknown_ends.is_empty()
    }

    /// Bytes that wait to be sent.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// The next source offset to fetch, where the partition can take more.
    #[must_use]
    pub fn wants_fetch(&self, queue_bytes_max: usize) -> Option<i64> {
        let copying = self.phase == Phase::Copying && !self.unknown() && self.ending.is_none();
        (copying && self.queued_bytes < queue_bytes_max).then_some(self.fetch_next)
    }

    /// Whether the end of the target's log has to be settled before anything else: asked for only
    /// when nothing is on its way any more.
    #[must_use]
    pub fn wants_settling(&self) -> bool {
        self.quiet() && (self.phase == Phase::Settling || self.unknown()) && !self.halted()
    }

    /// The offset before which the target's padding is to be deleted, when it is complete.
    #[must_use]
    pub fn wants_deletion(&self) -> Option<i64> {
        (self.phase == Phase::DeletingPadding && self.quiet())
            .then_some(self.padding_to)
            .flatten()
    }

    /// Whether the partition stopped.
    #[must_use]
    pub fn halted(&self) -> bool {
        matches!(self.phase, Phase::Halted(_))
    }

    /// Where the offsets could not be kept on, once everything before is acknowledged.
    #[must_use]
    pub fn interrupted(&self) -> Option<&Interruption> {
        match &self.phase {
            Phase::Interrupted(interruption) if self.quiet() && !self.unknown() => {
                Some(interruption)
            }
            _ => None,
        }
    }

    /// The next batch to send, if one may be sent now. What is returned counts as sent.
    pub fn next_send(&mut self, remembered_since_ms: i64) -> Option<Send> {
        if !self.can_send(remembered_since_ms) {
            return None;
        }
        match self.phase {
            Phase::Padding => {
                let padding_to = self.padding_to?;
                let left = padding_to - self.sent;
                let records = i32::try_from(left)
                    .unwrap_or(i32::MAX)
                    .min(PADDING_RECORDS_MAX);
                if records <= 0 {
                    return None;
                }
                let base = self.sent;
                self.put_in_flight(InFlight {
                    base,
                    records: records.into(),
                    source_epoch: None,
                    max_timestamp_ms: PADDING_TIMESTAMP_MS,
                });
                Some(self.send(Records::Padding(records), base))
            }
            Phase::Copying => {
                let Some(Piece::Append(append)) = self.queue.pop_front() else {
                    return None;
                };
                self.queued_bytes -= append.bytes.len();
                let base = self.sent;
                debug_assert_eq!(append.source_first(), base, "offsets are kept");
                self.put_in_flight(InFlight {
                    base,
                    records: append.records(),
                    source_epoch: Some(append.source_epoch),
                    max_timestamp_ms: append.header.max_timestamp,
                });
                self.end_of_queue();
                Some(self.send(Records::Append(append), base))
            }
            _ => None,
        }
    }

    fn send(&self, records: Records, base: i64) -> Send {
        Send {
            records,
            base,
            sequence: self.voids.sequence_at(base),
        }
    }

    fn put_in_flight(&mut self, batch: InFlight) {
        self.sent = batch.base + batch.records;
        self.in_flight.push_back(batch);
    }

    /// Goes over to what stands behind the queue, once it is empty. A halt waits until nothing is
    /// on its way, so that all that can be kept is kept.
    fn end_of_queue(&mut self) {
        if !self.queue.is_empty() {
            return;
        }
        match self.ending.take() {
            Some(Ending::Interruption(interruption)) => {
                self.phase = Phase::Interrupted(interruption);
            }
            Some(Ending::Halt(halt)) if self.quiet() => self.halt(halt),
            waiting => self.ending = waiting,
        }
    }

    /// The source answered a fetch from `from`. Answers to fetches that have been overtaken by a
    /// settled end are ignored.
    pub fn on_fetched(&mut self, from: i64, prepared: Prepared) {
        if self.wants_fetch(usize::MAX) != Some(from) {
            return;
        }
        let mut beyond_budget = None;
        for piece in prepared.pieces {
            if let Err(reason) = self.spend(&piece) {
                let at = self.fetch_next;
                beyond_budget = Some(Interruption { at, reason });
                break;
            }
            self.queued_bytes += piece.bytes();
            self.fetch_next = piece.source_next();
            self.queue.push_back(piece);
        }
        let interruption = beyond_budget.or(prepared.interruption);
        self.ending = match (prepared.halt, interruption) {
            (_, Some(interruption)) => Some(Ending::Interruption(interruption)),
            (Some(halt), None) => Some(Ending::Halt(halt)),
            (None, None) => None,
        };
        debug_assert!(
            self.ending.is_some() || self.fetch_next == prepared.source_next.max(from),
            "without an ending, everything that was looked at is to be appended"
        );
        self.end_of_queue();
    }

    /// Whether there is enough left of the budget for `piece`, which is taken from it.
    fn spend(&mut self, piece: &Piece) -> Result<(), &'static str> {
        match piece {
            Piece::Append(append) if append.fillers > self.fillers_left => {
                Err("more offsets without records than the budget for fillers")
            }
            Piece::Append(append) => {
                self.fillers_left -= append.fillers;
                Ok(())
            }
            Piece::Void(void) => self.voids.spend(void.transactions()),
        }
    }

    /// The source's log starts behind our position: records were deleted before they were copied.
    /// They are gone for every reader, so the target is padded on to where the source starts.
    pub fn on_source_starts_at(&mut self, log_start: i64) {
        if self.phase != Phase::Copying || log_start <= self.fetch_next {
            return;
        }
        // Everything that was fetched and lies before the new start is sent first: it is whole.
        if self.queue.is_empty() && self.quiet() && !self.unknown() {
            self.padding_to = Some(log_start);
            self.phase = Phase::Padding;
            self.confirmed_ms = None;
        }
    }

    /// The target acknowledged the oldest batch on its way, appended at `base`.
    pub fn on_acknowledged(&mut self, base: i64) {
        let Some(front) = self.in_flight.pop_front() else {
            return;
        };
        let late = self.unknown() || self.halted();
        if base != front.base && !made(Bug::LooksAtNoOffset) {
            // Also of a partition that stopped: a batch in another one's place is worse news.
            self.drop_queue();
            self.phase = Phase::Halted(Halt::Diverged {
                expected: front.base,
                got: base,
            });
            return;
        }
        if late {
            // An acknowledgement behind an unknown outcome proves nothing about what lies before
            // it: the settled end decides.
            self.unknown_ends.push(front.ends());
            return;
        }
        self.acknowledged = front.base + front.records;
        self.confirmed_ms = Some(front.max_timestamp_ms);
        if let Some(epoch) = front.source_epoch {
            let end = self.acknowledged;
            self.epoch_mark = Some(EpochMark { epoch, end });
        }
        if self.phase == Phase::Padding && self.padding_to == Some(self.acknowledged) {
            self.phase = Phase::DeletingPadding;
        }
        self.end_of_queue();
    }

    /// The outcome of the oldest batch on its way is unknown: the connection broke, the answer came
    /// too late, the leader moved.
    pub fn on_unknown(&mut self) {
        if let Some(front) = self.in_flight.pop_front() {
            self.unknown_ends.push(front.ends());
        }
        if made(Bug::TrustsTheSequence) && self.quiet() && self.phase == Phase::Copying {
            self.unknown_ends.clear();
            self.drop_queue();
            self.sent = self.acknowledged;
            self.fetch_next = self.acknowledged;
        }
    }

    /// The target refused the oldest batch for a reason that waiting does not mend.
    pub fn on_refused(&mut self, halt: Halt) {
        self.in_flight.pop_front();
        self.halt(halt);
    }

    /// The padding before [`Self::wants_deletion`] is deleted.
    pub fn on_padding_deleted(&mut self) {
        if self.phase == Phase::DeletingPadding {
            self.target_start = self.acknowledged;
            self.padding_to = None;
            self.phase = Phase::Copying;
            self.fetch_next = self.acknowledged;
        }
    }

    /// The end of the target's log is settled at `end`; the source has `source_start` to
    /// `source_end`. The first call decides where the copy starts, later ones what became of
    /// batches whose outcome was unknown.
    pub fn on_settled(&mut self, end: TargetEnd, source_start: i64, source_end: i64) {
        if self.halted() || !self.quiet() {
            return;
        }
        let first = self.phase == Phase::Settling;
        if let Some(halt) = self.impossible_end(first, &end, source_end) {
            self.halt(halt);
            return;
        }
        if !first && end.log_end < self.acknowledged {
            self.truncations += 1;
        }
        // Where the target lost records, others may take their place.
        self.epoch_mark = self.epoch_mark.filter(|mark| mark.end <= end.log_end);
        self.unknown_ends.clear();
        self.confirmed_ms = None;
        self.drop_queue();
        self.voids.settle(end.log_end, end.last_sequence);
        self.acknowledged = end.log_end;
        self.sent = end.log_end;
        self.fetch_next = end.log_end;
        if self.padding_to.is_none() && end.log_end < source_start {
            self.padding_to = Some(source_start);
        }
        self.target_start = end.log_start;
        self.phase = match self.padding_to {
            Some(padding_to) if end.log_end < padding_to => Phase::Padding,
            Some(padding_to) if end.log_start < padding_to => Phase::DeletingPadding,
            _ => {
                self.padding_to = None;
                Phase::Copying
            }
        };
    }

    fn impossible_end(&self, first: bool, end: &TargetEnd, source_end: i64) -> Option<Halt> {
        if made(Bug::LooksAtNoOffset) {
            return None;
        }
        // Where offsets were kept free, any sequence number may stand before them.
        let sequence_is_ours = self.voids.any()
            || end
                .last_sequence
                .is_none_or(|last| end.log_end > 0 && last == sequence_at(end.log_end - 1));
        let unexpected = Halt::TargetEndUnexpected {
            log_end: end.log_end,
            acknowledged: self.acknowledged,
            sent: self.sent,
        };
        if end.log_end > source_end && self.padding_to.is_none_or(|to| end.log_end > to) {
            return Some(Halt::TargetAhead {
                target_end: end.log_end,
                source_end,
            });
        }
        if !sequence_is_ours {
            return Some(unexpected);
        }
        // With every batch's end known, the log ends at one of them; a shorter log is a target that
        // lost what it had acknowledged, which is copied again.
        let known_end = end.log_end <= self.acknowledged
            || self
                .unknown_ends
                .iter()
                .any(|ends| ends.contains(&end.log_end));
        (!first && !known_end).then_some(unexpected)
    }

    /// Stops the partition.
    pub fn halt(&mut self, halt: Halt) {
        if !self.halted() {
            self.drop_queue();
            self.phase = Phase::Halted(halt);
        }
    }

    fn drop_queue(&mut self) {
        for piece in self.queue.drain(..) {
            // What was not written was not spent.
            match piece {
                Piece::Append(append) => self.fillers_left += append.fillers,
                Piece::Void(void) => self.voids.give_back(void.transactions()),
            }
        }
        self.queued_bytes = 0;
        self.ending = None;
    }
}
