//! What a partition's leader remembers of producers, and what it concludes from it (Apache Kafka,
//! `ProducerStateManager` and `ProducerAppendInfo`).
//!
//! The rules that matter to a copier: the last five batches are remembered; a batch equal to one of
//! them is answered with its offset; any other batch that does not follow the last one is refused;
//! and a producer that is not remembered may begin with *any* sequence. A producer is forgotten when
//! the largest timestamp of its last batch lies longer ago than the expiration.

use crate::batch::{Batch, NO_SEQUENCE};
use std::collections::{BTreeMap, VecDeque};

/// Batches that are remembered of each producer.
const REMEMBERED: usize = 5;

/// Kafka's code for a batch that does not follow the last one.
pub(crate) const OUT_OF_ORDER_SEQUENCE_NUMBER: i16 = 45;
/// Kafka's code for a producer that another one has taken the place of.
pub(crate) const INVALID_PRODUCER_EPOCH: i16 = 47;
/// Kafka's code for a batch that does not fit the state of its producer's transaction.
pub(crate) const INVALID_TXN_STATE: i16 = 48;

#[derive(Debug, Clone, Copy)]
struct Remembered {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: i64,
    max_timestamp_ms: i64,
}

/// One producer.
#[derive(Debug, Clone)]
pub(crate) struct Producer {
    pub(crate) epoch: i16,
    batches: VecDeque<Remembered>,
    pub(crate) last_timestamp_ms: i64,
    /// Where its last batch begins, or its last marker is.
    last_offset: i64,
    /// The first offset of its open transaction.
    pub(crate) open_since: Option<i64>,
    /// A marker of a coordinator is known.
    pub(crate) marked: bool,
}

impl Producer {
    pub(crate) fn last_sequence(&self) -> i32 {
        self.batches
            .back()
            .map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }
}

/// All producers of a partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Producers {
    known: BTreeMap<i64, Producer>,
}

/// Where a batch was appended before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) base_offset: i64,
    /// Its largest timestamp.
    pub(crate) max_timestamp_ms: i64,
}

/// What becomes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is appended.
    Append,
    /// It was appended before.
    Duplicate(Place),
}

impl Producers {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.known.iter().map(|(id, producer)| (*id, producer))
    }

    /// The earliest offset of an open transaction.
    pub(crate) fn first_open(&self) -> Option<i64> {
        self.known
            .values()
            .filter_map(|producer| producer.open_since)
            .min()
    }

    pub(crate) fn judge(&self, batch: &Batch) -> Result<Verdict, i16> {
        let Some(known) = self.known.get(&batch.producer_id) else {
            return Ok(Verdict::Append);
        };
        if batch.producer_epoch < known.epoch {
            return Err(INVALID_PRODUCER_EPOCH);
        }
        if batch.producer_epoch > known.epoch {
            return match batch.base_sequence {
                0 => Ok(Verdict::Append),
                _ => Err(OUT_OF_ORDER_SEQUENCE_NUMBER),
            };
        }
        let same = known.batches.iter().find(|remembered| {
            remembered.first_sequence == batch.base_sequence
                && remembered.last_sequence == batch.last_sequence()
        });
        if let Some(same) = same {
            return Ok(Verdict::Duplicate(Place {
                base_offset: same.base_offset,
                max_timestamp_ms: same.max_timestamp_ms,
            }));
        }
        let last = known.last_sequence();
        let follows = i64::from(batch.base_sequence) == i64::from(last) + 1
            || (batch.base_sequence == 0 && last == i32::MAX);
        match follows {
            false => Err(OUT_OF_ORDER_SEQUENCE_NUMBER),
            true if known.open_since.is_some() && !batch.transactional() => Err(INVALID_TXN_STATE),
            true => Ok(Verdict::Append),
        }
    }

    /// Whether the producer of `batch` has a transaction open, in the same epoch.
    pub(crate) fn has_open(&self, batch: &Batch) -> bool {
        self.known
            .get(&batch.producer_id)
            .is_some_and(|known| known.open_since.is_some() && known.epoch == batch.producer_epoch)
    }

    /// Takes in a batch that is in the log.
    pub(crate) fn remember(&mut self, batch: &Batch) {
        if batch.producer_id < 0 {
            return;
        }
        let producer = self.known.entry(batch.producer_id).or_insert(Producer {
            epoch: batch.producer_epoch,
            batches: VecDeque::new(),
            last_timestamp_ms: batch.max_timestamp_ms,
            last_offset: batch.base_offset,
            open_since: None,
            marked: false,
        });
        if batch.producer_epoch > producer.epoch {
            producer.epoch = batch.producer_epoch;
            producer.batches.clear();
        }
        producer.last_timestamp_ms = batch.max_timestamp_ms;
        producer.last_offset = batch.base_offset;
        if batch.control() {
            producer.open_since = None;
            producer.marked = true;
            return;
        }
        if producer.batches.len() == REMEMBERED {
            producer.batches.pop_front();
        }
        producer.batches.push_back(Remembered {
            first_sequence: batch.base_sequence,
            last_sequence: batch.last_sequence(),
            base_offset: batch.base_offset,
            max_timestamp_ms: batch.max_timestamp_ms,
        });
        if batch.transactional() && producer.open_since.is_none() {
            producer.open_since = Some(batch.base_offset);
        }
    }

    /// Takes over what a broker knows that was started when its log ended at `loaded`: of what was
    /// before, the last batch of each producer. Of what was before `emptied` it knows nothing.
    pub(crate) fn reload(&mut self, loaded: i64, emptied: i64) {
        self.known
            .retain(|_, producer| producer.last_offset >= emptied);
        for producer in self.known.values_mut() {
            let before = producer.batches.iter();
            let before = before.filter(|batch| batch.base_offset < loaded).count();
            producer.batches.drain(..before.saturating_sub(1));
        }
    }

    /// Forgets producers whose last batch is older than `expiration_ms`, except those with an open
    /// transaction. Returns how many.
    pub(crate) fn expire(&mut self, now_ms: i64, expiration_ms: i64) -> usize {
        let before = self.known.len();
        self.known.retain(|_, producer| {
            producer.open_since.is_some() || now_ms - producer.last_timestamp_ms < expiration_ms
        });
        before - self.known.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const DAY_MS: i64 = 86_400_000;

    fn batch(sequence: i32, records: i32, timestamp_ms: i64) -> Batch {
        Batch {
            bytes: Bytes::new(),
            base_offset: i64::from(sequence),
            last_offset_delta: records - 1,
            leader_epoch: 0,
            attributes: 0,
            base_timestamp_ms: timestamp_ms,
            max_timestamp_ms: timestamp_ms,
            producer_id: 7,
            producer_epoch: 0,
            base_sequence: sequence,
            records,
        }
    }

    fn duplicate(base_offset: i64) -> Verdict {
        Verdict::Duplicate(Place {
            base_offset,
            max_timestamp_ms: 0,
        })
    }

    fn remembering(batches: &[Batch]) -> Producers {
        let mut producers = Producers::default();
        batches.iter().for_each(|batch| producers.remember(batch));
        producers
    }

    #[test]
    fn a_producer_that_is_not_remembered_may_begin_anywhere() {
        let producers = Producers::default();
        assert_eq!(producers.judge(&batch(4_711, 3, 0)), Ok(Verdict::Append));
    }

    #[test]
    fn the_last_five_batches_are_answered_again_and_older_ones_refused() {
        let batches: Vec<Batch> = (0..6).map(|n| batch(n * 10, 10, 0)).collect();
        let producers = remembering(&batches);
        assert_eq!(producers.judge(&batches[5]), Ok(duplicate(50)), "the last");
        assert_eq!(producers.judge(&batches[1]), Ok(duplicate(10)), "the fifth");
        assert_eq!(
            producers.judge(&batches[0]),
            Err(OUT_OF_ORDER_SEQUENCE_NUMBER)
        );
    }

    #[test]
    fn other_boundaries_gaps_and_overlaps_are_refused_and_the_next_batch_taken() {
        let producers = remembering(&[batch(0, 10, 0)]);
        for (sequence, records) in [(0, 5), (5, 5), (5, 10), (0, 20), (11, 1)] {
            assert_eq!(
                producers.judge(&batch(sequence, records, 0)),
                Err(OUT_OF_ORDER_SEQUENCE_NUMBER),
                "{sequence} with {records}"
            );
        }
        assert_eq!(producers.judge(&batch(10, 3, 0)), Ok(Verdict::Append));
    }

    #[test]
    fn sequences_go_on_at_zero_behind_the_largest() {
        let producers = remembering(&[batch(i32::MAX - 1, 2, 0)]);
        assert_eq!(producers.judge(&batch(0, 3, 0)), Ok(Verdict::Append));
        let producers = remembering(&[batch(i32::MAX - 1, 4, 0)]);
        assert_eq!(producers.judge(&batch(2, 3, 0)), Ok(Verdict::Append));
    }

    #[test]
    fn a_producer_is_forgotten_by_the_age_of_its_records_and_not_of_its_requests() {
        let now = 100 * DAY_MS;
        let mut old = remembering(&[batch(0, 10, now - 2 * DAY_MS)]);
        assert_eq!(old.expire(now, DAY_MS), 1);
        let mut fresh = remembering(&[batch(0, 10, now - 1_000)]);
        assert_eq!(fresh.expire(now, DAY_MS), 0);
    }

    #[test]
    fn a_broker_that_was_started_knows_the_last_batch_of_what_was_before() {
        let batches: Vec<Batch> = (0..4).map(|n| batch(n * 10, 10, 0)).collect();
        let mut producers = remembering(&batches);
        producers.reload(20, 0);
        assert_eq!(producers.judge(&batches[1]), Ok(duplicate(10)));
        assert_eq!(
            producers.judge(&batches[0]),
            Err(OUT_OF_ORDER_SEQUENCE_NUMBER)
        );
        producers.reload(40, 0);
        assert_eq!(producers.judge(&batches[3]), Ok(duplicate(30)));
        assert_eq!(
            producers.judge(&batches[2]),
            Err(OUT_OF_ORDER_SEQUENCE_NUMBER)
        );
        producers.reload(40, 40);
        assert_eq!(producers.judge(&batches[3]), Ok(Verdict::Append));
    }

    #[test]
    fn an_older_epoch_is_fenced_and_a_newer_one_starts_at_zero() {
        let mut producers = remembering(&[batch(0, 10, 0)]);
        let mut newer = batch(10, 1, 0);
        newer.producer_epoch = 1;
        assert_eq!(producers.judge(&newer), Err(OUT_OF_ORDER_SEQUENCE_NUMBER));
        newer.base_sequence = 0;
        assert_eq!(producers.judge(&newer), Ok(Verdict::Append));
        producers.remember(&newer);
        assert_eq!(
            producers.judge(&batch(10, 1, 0)),
            Err(INVALID_PRODUCER_EPOCH)
        );
    }
}
