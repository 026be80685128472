//! The log of one partition: batches, leader epochs, transactions.

use crate::batch::Batch;
use crate::producers::Producers;
use crate::records;
use bytes::{Bytes, BytesMut};

/// A transaction that was aborted, as fetches tell it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aborted {
    pub(crate) producer_id: i64,
    pub(crate) first_offset: i64,
    /// Where its marker is.
    last_offset: i64,
}

/// What the leader holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    batches: Vec<Batch>,
    pub(crate) start: i64,
    end: i64,
    /// Epochs with the offset at which each began.
    epochs: Vec<(i32, i64)>,
    pub(crate) producers: Producers,
    aborted: Vec<Aborted>,
}

impl Log {
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    /// Appends `batch`, which may begin behind the end: a compacted log has holes. Returns its base
    /// offset.
    pub(crate) fn append(&mut self, batch: Batch, base_offset: i64, leader_epoch: i32) -> i64 {
        debug_assert!(base_offset >= self.end);
        let batch = batch.placed(base_offset, leader_epoch);
        if self
            .epochs
            .last()
            .is_none_or(|(epoch, _)| *epoch < leader_epoch)
        {
            self.epochs.push((leader_epoch, base_offset));
        }
        self.account(&batch);
        self.end = batch.next_offset();
        self.batches.push(batch);
        base_offset
    }

    fn account(&mut self, batch: &Batch) {
        let open = self
            .producers
            .iter()
            .find(|(id, _)| *id == batch.producer_id)
            .and_then(|(_, producer)| producer.open_since);
        if batch.control()
            && let Some(first_offset) = open
            && !commits(batch)
        {
            self.aborted.push(Aborted {
                producer_id: batch.producer_id,
                first_offset,
                last_offset: batch.base_offset,
            });
        }
        self.producers.remember(batch);
    }

    /// Takes away everything from `end` on, as a leader does that was elected without it.
    pub(crate) fn truncate(&mut self, end: i64) {
        if end >= self.end {
            return;
        }
        while let Some(last) = self.batches.last() {
            if last.next_offset() <= end {
                break;
            }
            self.batches.pop();
        }
        self.end = self
            .batches
            .last()
            .map_or(self.start, Batch::next_offset)
            .max(self.start);
        let end = self.end;
        self.epochs.retain(|(_, begun)| *begun < end);
        self.aborted.retain(|aborted| aborted.last_offset < end);
        self.load_producers();
    }

    /// Reads the producers anew from what is in the log, as a broker does whose log was cut. Old ones
    /// are back until the next look at their age.
    fn load_producers(&mut self) {
        let mut producers = Producers::default();
        let held = self
            .batches
            .iter()
            .filter(|batch| batch.next_offset() > self.start);
        held.for_each(|batch| producers.remember(batch));
        self.producers = producers;
    }

    /// Deletes records below `start`; a batch goes once all of its records have.
    pub(crate) fn delete_before(&mut self, start: i64) {
        self.start = self.start.max(start).min(self.end);
        let start = self.start;
        self.batches.retain(|batch| batch.next_offset() > start);
        // The epoch of the start begins there now; those before are gone.
        while self.epochs.get(1).is_some_and(|(_, begun)| *begun <= start) {
            self.epochs.remove(0);
        }
        if let Some((_, begun)) = self.epochs.first_mut() {
            *begun = start.max(*begun);
        }
    }

    /// The beginning of the batch that holds the start.
    pub(crate) fn first_batch(&self) -> Option<i64> {
        self.batches.first().map(|batch| batch.base_offset)
    }

    /// The epoch that `offset` belongs to, or would.
    pub(crate) fn epoch_of(&self, offset: i64) -> i32 {
        let mut epochs = self.epochs.iter().rev();
        let own = epochs.find(|(_, begun)| *begun <= offset);
        own.or(self.epochs.first()).map_or(-1, |(epoch, _)| *epoch)
    }

    /// The first record below `below` that is not older than `timestamp_ms`: offset and timestamp.
    pub(crate) fn first_since(&self, timestamp_ms: i64, below: i64) -> Option<(i64, i64)> {
        let mut records = self.records_below(below);
        records.find(|(_, time_ms)| *time_ms >= timestamp_ms)
    }

    /// The first of the records below `below` that have the largest timestamp.
    pub(crate) fn youngest(&self, below: i64) -> Option<(i64, i64)> {
        let records = self.records_below(below);
        records.reduce(|largest, record| {
            if record.1 > largest.1 {
                record
            } else {
                largest
            }
        })
    }

    /// Offsets and timestamps of the records from the start to `below`. Of batches whose records can't
    /// be read, and of those with holes, each has the largest timestamp.
    fn records_below(&self, below: i64) -> impl Iterator<Item = (i64, i64)> {
        let data = self.batches.iter().filter(|batch| !batch.control());
        let all = data.flat_map(|batch| {
            let records = records::read(batch).ok().flatten().unwrap_or_default();
            let whole = records.len() as i64 == batch.next_offset() - batch.base_offset;
            (batch.base_offset..batch.next_offset()).map(move |offset| {
                let own = records.get((offset - batch.base_offset) as usize);
                let own = own.filter(|_| whole && !batch.has_broker_time());
                let largest = batch.max_timestamp_ms;
                (offset, own.map_or(largest, |record| record.timestamp_ms))
            })
        });
        all.filter(move |(offset, _)| (self.start..below).contains(offset))
    }

    /// Takes away the batches that `gone` says, and leaves holes, as a cleaner does.
    pub(crate) fn clean(&mut self, mut gone: impl FnMut(i64, i64) -> bool) {
        self.batches
            .retain(|batch| batch.control() || !gone(batch.base_offset, batch.next_offset()));
    }

    /// The batches from the one that holds `from` on, up to `below` and at most `batches_max`; and the
    /// offset behind the last one that is whole. They are cut off at `bytes_max`, in the middle of a
    /// batch or not. Where that is less than the first batch, it is that batch or nothing.
    pub(crate) fn read(
        &self,
        from: i64,
        below: i64,
        (bytes_max, first_at_least): (usize, bool),
        batches_max: usize,
    ) -> (Bytes, i64) {
        let first = self
            .batches
            .partition_point(|batch| batch.next_offset() <= from);
        let mut out = BytesMut::new();
        let mut next = from;
        for batch in self.batches[first..].iter().take(batches_max) {
            if batch.base_offset >= below {
                break;
            }
            let left = bytes_max.saturating_sub(out.len());
            if batch.bytes.len() > left {
                match (out.is_empty(), first_at_least) {
                    (true, false) => {}
                    (true, true) => {
                        out.extend_from_slice(&batch.bytes);
                        next = batch.next_offset();
                    }
                    (false, _) => out.extend_from_slice(&batch.bytes[..left]),
                }
                break;
            }
            out.extend_from_slice(&batch.bytes);
            next = batch.next_offset();
        }
        (out.freeze(), next)
    }

    /// Aborted transactions that reach into `from` to `below`.
    pub(crate) fn aborted_in(&self, from: i64, below: i64) -> impl Iterator<Item = &Aborted> {
        self.aborted
            .iter()
            .filter(move |aborted| aborted.last_offset >= from && aborted.first_offset < below)
    }

    /// The greatest epoch that is not above `epoch`, and where it ends (KIP-101). An epoch below all
    /// that are known ends where the first of them begins; one above them has no end (Apache Kafka,
    /// `LeaderEpochFileCache`).
    pub(crate) fn epoch_end(&self, epoch: i32) -> Option<(i32, i64)> {
        let last = self.epochs.last().map_or(-1, |(last, _)| *last);
        if epoch < 0 || epoch > last {
            return None;
        }
        let Some(at) = self.epochs.iter().rposition(|(known, _)| *known <= epoch) else {
            return self.epochs.first().map(|(_, begun)| (epoch, *begun));
        };
        let end = self
            .epochs
            .get(at + 1)
            .map_or(self.end, |(_, begun)| *begun);
        Some((self.epochs[at].0, end))
    }

    /// Whether the batch that ends at `end` is a marker of this producer.
    pub(crate) fn marker_ends_at(&self, end: i64, producer_id: i64) -> bool {
        let at = self
            .batches
            .partition_point(|batch| batch.next_offset() < end);
        self.batches.get(at).is_some_and(|batch| {
            batch.next_offset() == end && batch.control() && batch.producer_id == producer_id
        })
    }

    /// Begins an epoch even though nothing is appended yet.
    pub(crate) fn begin_epoch(&mut self, epoch: i32) {
        while self
            .epochs
            .last()
            .is_some_and(|(_, begun)| *begun >= self.end)
        {
            self.epochs.pop();
        }
        self.epochs.push((epoch, self.end));
    }
}

/// Whether a control batch is the marker of a commit: its one record's key holds version and type.
fn commits(batch: &Batch) -> bool {
    // Length, attributes, two deltas and the key's length take a byte each in a marker.
    let kind = crate::batch::HEADER_BYTES + 5 + 2;
    batch.bytes.get(kind..kind + 2) == Some(&[0, 1])
}
