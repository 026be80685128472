//! Writing the records.

use crate::catalogue::{Fixed, Load, Records, TopicSpec};
use crate::content::{Filler, Made, Maker};
use crate::error::EstateError;
use crate::options::EstateOptions;
use crate::writer::{Batches, Codec, Writers};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// How many threads make records; what compresses and sends them are librdkafka's own. Topics whose
/// records are waited for have a thread each beside them, which mostly waits.
const THREADS: usize = 2;

/// How many records one codec writes before the next has its turn, where several share a partition.
const TURN: u32 = 100;

/// What was written of each topic: records of each partition, and bytes of keys and values.
pub(crate) type Written = BTreeMap<String, TopicWritten>;

/// What was written of one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TopicWritten {
    /// Records of each partition.
    pub(crate) records: Vec<i64>,
    /// Bytes of keys and values.
    pub(crate) bytes: u64,
}

/// Writes what all topics hold, except transactions. Blocks until every record is acknowledged.
pub(crate) fn write(
    topics: &[TopicSpec],
    options: &EstateOptions,
    writers: &Writers,
) -> Result<Written, EstateError> {
    let filler = Filler::new(options.seed);
    let seeder = Seeder {
        options,
        writers,
        filler: &filler,
    };
    let (waited, others): (Vec<_>, Vec<_>) = topics.iter().partition(|topic| topic.load.waits());
    let queue: Mutex<VecDeque<&TopicSpec>> = Mutex::new(others.into());
    let from_queue = || {
        let mut written = Written::new();
        loop {
            let next = queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            let Some(topic) = next else {
                return Ok(written);
            };
            written.insert(topic.name.clone(), seeder.topic(topic)?);
        }
    };
    let alone = |topic: &TopicSpec| {
        let written = seeder.topic(topic)?;
        Ok(Written::from([(topic.name.clone(), written)]))
    };
    let parts: Vec<Result<Written, EstateError>> = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for topic in waited {
            threads.push(scope.spawn(move || alone(topic)));
        }
        threads.extend((0..THREADS).map(|_| scope.spawn(from_queue)));
        let ended = |part: std::thread::Result<_>| part.unwrap_or(Err(EstateError::Ended));
        threads
            .into_iter()
            .map(|thread| ended(thread.join()))
            .collect()
    });
    let mut written = Written::new();
    for part in parts {
        written.extend(part?);
    }
    writers.flush()?;
    Ok(written)
}

struct Seeder<'a> {
    options: &'a EstateOptions,
    writers: &'a Writers,
    filler: &'a Filler,
}

impl Seeder<'_> {
    fn topic(&self, topic: &TopicSpec) -> Result<TopicWritten, EstateError> {
        let mut written = TopicWritten {
            records: vec![0; topic.partitions as usize],
            bytes: 0,
        };
        match &topic.load {
            Load::Nothing | Load::Transactions { .. } => {}
            Load::Fixed(records) => self.fixed(topic, records, &mut written)?,
            Load::Records(records) if records.one_batch => {
                self.in_one_batch(topic, records, &mut written)?;
            }
            Load::Records(records) if records.codecs.len() > 1 => {
                self.in_turn(topic, records, &mut written)?;
            }
            Load::Records(records) => self.side_by_side(topic, records, &mut written)?,
        }
        Ok(written)
    }

    fn makers(&self, topic: &TopicSpec, records: &Records) -> Vec<Maker> {
        let maker = |partition| {
            Maker::new(
                (self.options.seed, self.filler),
                (&topic.name, partition),
                records.content,
                records.age,
                records.per_partition,
                self.options.now_ms,
            )
        };
        (0..topic.partitions).map(maker).collect()
    }

    /// All partitions in turn, record by record.
    fn side_by_side(
        &self,
        topic: &TopicSpec,
        records: &Records,
        written: &mut TopicWritten,
    ) -> Result<(), EstateError> {
        let writer = self.writers.shared(records.codecs[0], records.batches)?;
        let mut makers = self.makers(topic, records);
        for _ in 0..records.per_partition {
            for (maker, partition) in makers.iter_mut().zip(0..) {
                let made = maker.next();
                writer.send(&topic.name, partition, &made)?;
                written.count(partition, &made);
            }
        }
        Ok(())
    }

    /// Each codec for some records, the next only when those are in the log: several producers
    /// would mix their records otherwise, differently every time.
    fn in_turn(
        &self,
        topic: &TopicSpec,
        records: &Records,
        written: &mut TopicWritten,
    ) -> Result<(), EstateError> {
        let writers: Result<Vec<_>, _> = records
            .codecs
            .iter()
            .map(|codec| self.writers.own(*codec, records.batches))
            .collect();
        let writers = writers?;
        let mut makers = self.makers(topic, records);
        let mut left = records.per_partition;
        for writer in writers.iter().cycle() {
            let turn = left.min(TURN.max(records.per_partition / 40));
            if turn == 0 {
                break;
            }
            for (maker, partition) in makers.iter_mut().zip(0..) {
                for _ in 0..turn {
                    let made = maker.next();
                    writer.send(&topic.name, partition, &made)?;
                    written.count(partition, &made);
                }
            }
            writer.flush(&topic.name)?;
            left -= turn;
        }
        Ok(())
    }

    /// Each partition in one batch, by a producer that sends only when it is told to.
    fn in_one_batch(
        &self,
        topic: &TopicSpec,
        records: &Records,
        written: &mut TopicWritten,
    ) -> Result<(), EstateError> {
        let codec = records.codecs[0];
        let writer = self.writers.in_one_batch(codec, records.batches)?;
        for (maker, partition) in self.makers(topic, records).iter_mut().zip(0..) {
            for _ in 0..records.per_partition {
                let made = maker.next();
                writer.send(&topic.name, partition, &made)?;
                written.count(partition, &made);
            }
            writer.flush(&topic.name)?;
        }
        Ok(())
    }

    fn fixed(
        &self,
        topic: &TopicSpec,
        records: &[Fixed],
        written: &mut TopicWritten,
    ) -> Result<(), EstateError> {
        let writer = self.writers.shared(Codec::None, Batches::Small)?;
        for (record, number) in records.iter().zip(0..) {
            let made = Made {
                timestamp_ms: self.options.now_ms - 3_600_000 + number,
                key: record.key.as_deref().map(str::as_bytes),
                value: record.value.as_deref().map(str::as_bytes),
                headers: None,
            };
            writer.send(&topic.name, record.partition, &made)?;
            written.count(record.partition, &made);
        }
        Ok(())
    }
}

impl TopicWritten {
    pub(crate) fn count(&mut self, partition: i32, made: &Made<'_>) {
        self.bytes += made.bytes();
        if let Some(records) = self.records.get_mut(partition as usize) {
            *records += 1;
        }
    }
}
