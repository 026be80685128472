//! How far translated partitions have come, kept in a compacted topic of the target.
//!
//! A record of progress is written in the same transaction as the records that it accounts for, so
//! that it is true or not there at all. Keys are texts and values are JSON, so that an operator can
//! read the topic with any Kafka tool:
//!
//! | key | value |
//! |---|---|
//! | `orders/3/position` | a [`PositionRecord`] |
//! | `orders/3/state` | what a worker with a lease remembers of the partition ([`crate::state::PartitionState`]) |
//! | `@worker/2/lease` | who holds slot 2 ([`crate::lease::LeaseRecord`]) |
//! | `@worker/2/state` | what that worker remembers besides ([`WorkerRecord`]) |
//! | `orders/3/runs/0`, `orders/3/runs/1`, ... | runs as `[source offset, target offset, records]`, at most [`RUNS_PER_RECORD_MAX`] |
//!
//! The topic is that of the target, under its new name.

use crate::batch::encode::BatchBuilder;
use crate::batch::records::Contents;
use crate::map::{DisorderedRun, OffsetMap, Run};
use crate::partition::translated::Position;
use crate::state::ProducerState;
use ferry_model::name::TopicPartition;
use ferry_model::offset::SourceOffset;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the format.
pub const PROGRESS_FORMAT: u32 = 1;
/// Runs in one record. The last record of a partition is written again with every transaction.
pub const RUNS_PER_RECORD_MAX: usize = 256;

/// How far one translated partition has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionRecord {
    /// [`PROGRESS_FORMAT`] of the writer.
    pub format: u32,
    /// The next source offset to copy.
    pub source_next: i64,
    /// The source's leader epoch of the last batch before it, where it is known.
    pub source_epoch: Option<i32>,
    /// Records of runs that are full; the next one is being filled.
    pub full_run_records: u32,
    /// Why the offsets of this partition are translated.
    pub reason: String,
}

/// What a worker with a lease remembers besides partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerRecord {
    /// The producer that everything with kept offsets is written with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<ProducerState>,
    /// Whether a copy has ever begun, so that something may still be on its way to the target.
    #[serde(default)]
    pub began: bool,
}

/// The key of the state of target partition `partition`.
#[must_use]
pub fn state_key(partition: &TopicPartition) -> String {
    format!("{}/{}/state", partition.topic, partition.partition)
}

/// The key of what worker `number` says under `what`.
#[must_use]
pub fn worker_key(number: u32, what: &str) -> String {
    format!("@worker/{number}/{what}")
}

/// The keys of everything that workers say begin so. No topic has such a name.
pub const WORKER_KEYS: &str = "@worker/";

/// A record of the progress topic: key and value. A value of none deletes the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressRecord {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Option<String>,
}

/// Progress that can't be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgressError {
    /// A record's value is no JSON of the expected form.
    #[error("the record `{key}` of the progress topic can't be read: {reason}")]
    Malformed {
        /// The record's key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A record was written by a newer version.
    #[error(
        "the record `{key}` of the progress topic has format {format}; this version reads {PROGRESS_FORMAT}"
    )]
    Format {
        /// The record's key.
        key: String,
        /// Its format.
        format: u32,
    },
    /// A partition lacks one of its records of runs.
    #[error("the progress topic lacks the record `{key}`")]
    Missing {
        /// The key that is missing.
        key: String,
    },
    /// The runs of a partition are out of order.
    #[error("the runs of {partition} in the progress topic are out of order")]
    Disordered {
        /// The partition.
        partition: TopicPartition,
        /// The first that is.
        #[source]
        source: DisorderedRun,
    },
}

/// The progress of one translated partition as it is in memory while it is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionProgress {
    partition: TopicPartition,
    position: Position,
    reason: String,
    full_run_records: u32,
    /// Runs of the record that is being filled.
    tail: Vec<Run>,
}

fn position_key(partition: &TopicPartition) -> String {
    format!("{}/{}/position", partition.topic, partition.partition)
}

fn runs_key(partition: &TopicPartition, index: u32) -> String {
    format!("{}/{}/runs/{index}", partition.topic, partition.partition)
}

impl PartitionProgress {
    /// The progress of target partition `partition` at its beginning. Records before `source_next`
    /// that were copied with their offsets kept, from `preserved_from` on, are its first run.
    #[must_use]
    pub fn begin(
        partition: TopicPartition,
        preserved_from: i64,
        position: Position,
        reason: impl Into<String>,
    ) -> Self {
        let records = position.source_next - preserved_from;
        let preserved = Run::from((preserved_from, preserved_from, records));
        Self {
            partition,
            position,
            reason: reason.into(),
            full_run_records: 0,
            tail: if records > 0 {
                vec![preserved]
            } else {
                Vec::new()
            },
        }
    }

    /// The committed position.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Why the offsets are translated.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The target offset behind the last record that was copied; 0 before the first.
    #[must_use]
    pub fn target_end(&self) -> i64 {
        self.tail
            .last()
            .map_or(0, |run| run.target.plus(run.records).0)
    }

    /// The progress after `runs` more and at `position`, and the records that say so.
    #[must_use]
    pub fn advanced(&self, runs: &[Run], position: Position) -> (Self, Vec<ProgressRecord>) {
        let mut next = Self {
            position,
            ..self.clone()
        };
        let mut records = Vec::new();
        for run in runs {
            match next.tail.last_mut() {
                Some(last) if last.continues_with(run) => last.records += run.records,
                _ => {
                    if next.tail.len() == RUNS_PER_RECORD_MAX {
                        records.push(next.tail_record());
                        next.full_run_records += 1;
                        next.tail.clear();
                    }
                    next.tail.push(*run);
                }
            }
        }
        records.push(next.tail_record());
        records.push(next.position_record());
        (next, records)
    }

    /// The records that say where this progress is, for its beginning.
    #[must_use]
    pub fn records(&self) -> Vec<ProgressRecord> {
        vec![self.tail_record(), self.position_record()]
    }

    fn position_record(&self) -> ProgressRecord {
        let value = PositionRecord {
            format: PROGRESS_FORMAT,
            source_next: self.position.source_next,
            source_epoch: self.position.source_epoch,
            full_run_records: self.full_run_records,
            reason: self.reason.clone(),
        };
        ProgressRecord {
            key: position_key(&self.partition),
            value: Some(serde_json::json!(value).to_string()),
        }
    }

    fn tail_record(&self) -> ProgressRecord {
        ProgressRecord {
            key: runs_key(&self.partition, self.full_run_records),
            value: Some(serde_json::json!(self.tail).to_string()),
        }
    }
}

/// The progress of every translated partition, as read from the topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgressTable {
    values: BTreeMap<String, String>,
}

impl ProgressTable {
    /// Takes in one record of the topic; records must be given in order.
    pub fn apply(&mut self, record: ProgressRecord) {
        match record.value {
            Some(value) => self.values.insert(record.key, value),
            None => self.values.remove(&record.key),
        };
    }

    /// The progress of target partition `partition` and its whole map; none if it has none.
    ///
    /// # Errors
    /// [`ProgressError`] when a record is missing, malformed or of a newer format.
    pub fn partition(
        &self,
        partition: &TopicPartition,
    ) -> Result<Option<(PartitionProgress, OffsetMap)>, ProgressError> {
        let key = position_key(partition);
        let Some(value) = self.values.get(&key) else {
            return Ok(None);
        };
        let record: PositionRecord = parse(&key, value)?;
        if record.format != PROGRESS_FORMAT {
            return Err(ProgressError::Format {
                key,
                format: record.format,
            });
        }
        let mut runs = Vec::new();
        let mut tail = Vec::new();
        for index in 0..=record.full_run_records {
            runs.append(&mut tail);
            let key = runs_key(partition, index);
            let Some(value) = self.values.get(&key) else {
                return Err(ProgressError::Missing { key });
            };
            tail = parse(&key, value)?;
        }
        let map = OffsetMap::from_runs(runs.into_iter().chain(tail.iter().copied())).map_err(
            |source| ProgressError::Disordered {
                partition: partition.clone(),
                source,
            },
        )?;
        let progress = PartitionProgress {
            partition: partition.clone(),
            position: Position {
                source_next: record.source_next,
                source_epoch: record.source_epoch,
            },
            reason: record.reason,
            full_run_records: record.full_run_records,
            tail,
        };
        Ok(Some((progress, map)))
    }

    /// The value of `key`, if there is one, read as JSON.
    ///
    /// # Errors
    /// [`ProgressError::Malformed`].
    pub fn read<T: for<'de> Deserialize<'de>>(
        &self,
        key: &str,
    ) -> Result<Option<T>, ProgressError> {
        self.values
            .get(key)
            .map(|value| parse(key, value))
            .transpose()
    }

    /// The keys that begin with `prefix`.
    pub fn keys<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let from = self.values.range(prefix.to_owned()..);
        from.map(|(key, _)| key.as_str())
            .take_while(move |key| key.starts_with(prefix))
    }

    /// The records that delete everything that is known of the partitions of target topic `topic`.
    #[must_use]
    pub fn tombstones(&self, topic: &str) -> Vec<ProgressRecord> {
        self.values
            .keys()
            .filter(|key| key.split_once('/').is_some_and(|(name, _)| name == topic))
            .map(|key| ProgressRecord {
                key: key.clone(),
                value: None,
            })
            .collect()
    }
}

fn parse<T: for<'de> Deserialize<'de>>(key: &str, value: &str) -> Result<T, ProgressError> {
    serde_json::from_str(value).map_err(|error| ProgressError::Malformed {
        key: key.to_owned(),
        reason: error.to_string(),
    })
}

/// One batch with all of `records`, stamped with `timestamp_ms`.
///
/// # Errors
/// What the encoder says; none is expected.
pub fn progress_batch(
    records: &[ProgressRecord],
    timestamp_ms: i64,
) -> std::io::Result<crate::batch::encode::EncodedBatch> {
    let mut builder = BatchBuilder::default();
    for record in records {
        let contents = Contents {
            key: Some(record.key.as_bytes()),
            value: record.value.as_deref().map(str::as_bytes),
            headers: Vec::new(),
        };
        builder.push_contents(timestamp_ms, &contents);
    }
    builder.finish(crate::batch::codec::Codec::None)
}

/// The runs that `appends`, given with the base offsets they were appended at, add to the map.
#[must_use]
pub fn runs_of(appended: &[(&[(i64, i64)], i64)]) -> Vec<Run> {
    let mut runs = Vec::new();
    for (sources, base) in appended {
        let mut target = *base;
        for (source, records) in *sources {
            runs.push(Run::from((*source, target, *records)));
            target += records;
        }
    }
    runs
}

/// The first source offset that `progress` still has to copy.
#[must_use]
pub fn copied_to(progress: &PartitionProgress) -> SourceOffset {
    SourceOffset(progress.position.source_next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferry_model::name::TopicName;

    fn partition() -> TopicPartition {
        TopicPartition::new(TopicName::parse("orders").expect("legal"), 3)
    }

    fn at(source_next: i64) -> Position {
        Position {
            source_next,
            source_epoch: Some(2),
        }
    }

    #[test]
    fn progress_that_was_written_step_by_step_reads_back_whole() {
        let mut progress = PartitionProgress::begin(partition(), 10, at(100), "a marker at 100");
        let mut table = ProgressTable::default();
        progress
            .records()
            .into_iter()
            .for_each(|record| table.apply(record));
        let mut expected = vec![Run::from((10, 10, 90))];
        for step in 0..1_000_i64 {
            let run = Run::from((101 + step * 3, 101 + step * 2, 1));
            expected.push(run);
            let (next, records) = progress.advanced(&[run], at(102 + step * 3));
            records.into_iter().for_each(|record| table.apply(record));
            progress = next;
        }
        let (read, map) = table
            .partition(&partition())
            .expect("reads")
            .expect("is there");
        assert_eq!(read, progress);
        assert_eq!(map.runs(), expected);
        assert_eq!(copied_to(&read), SourceOffset(102 + 999 * 3));
        assert_eq!(
            table.partition(&TopicPartition {
                partition: 4,
                ..partition()
            }),
            Ok(None)
        );
    }

    #[test]
    fn a_lost_record_of_runs_is_named_instead_of_guessed() {
        let progress = PartitionProgress::begin(partition(), 0, at(0), "compacted");
        let runs: Vec<Run> = (0..600).map(|i| Run::from((i * 2, i, 1))).collect();
        let mut table = ProgressTable::default();
        progress
            .advanced(&runs, at(1_200))
            .1
            .into_iter()
            .for_each(|record| table.apply(record));
        table.values.remove("orders/3/runs/1");
        assert_eq!(
            table.partition(&partition()),
            Err(ProgressError::Missing {
                key: "orders/3/runs/1".into()
            })
        );
    }

    #[test]
    fn tombstones_take_away_a_topic_and_leave_its_namesakes() {
        let mut table = ProgressTable::default();
        let other = TopicPartition::new(TopicName::parse("orders.eu").expect("legal"), 0);
        for partition in [partition(), other.clone()] {
            let progress = PartitionProgress::begin(partition, 0, at(0), "compacted");
            progress
                .records()
                .into_iter()
                .for_each(|record| table.apply(record));
        }
        table
            .tombstones("orders")
            .into_iter()
            .for_each(|record| table.apply(record));
        assert_eq!(table.partition(&partition()), Ok(None));
        assert!(table.partition(&other).expect("reads").is_some());
    }
}
