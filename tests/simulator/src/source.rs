//! Writing the source.

use crate::contents::{Author, batch, committed};
use crate::history::History;
use crate::schedule::{Schedule, Shape, TopicPlan};
use fastrand::Rng;
use ferry_fake_kafka::{FakeKafka, TopicOptions};
use std::collections::BTreeMap;

/// Producers of the source that write in transactions.
const TRANSACTIONAL_PRODUCERS: [i64; 2] = [71, 72];
const PLAIN: Author = Author {
    producer_id: -1,
    transactional: false,
};

/// The source's topics and what was written to them.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) histories: BTreeMap<(usize, i32), History>,
    next_id: u64,
    age_ms: i64,
}

impl Source {
    /// Makes every topic at `cluster` and fills it.
    pub(crate) fn fill(cluster: &FakeKafka, schedule: &Schedule, rng: &mut Rng) -> Self {
        let mut source = Self {
            histories: BTreeMap::new(),
            next_id: 1,
            age_ms: schedule.age.as_millis() as i64,
        };
        for (number, topic) in schedule.topics.iter().enumerate() {
            cluster.create_topic(&topic.name, options(topic));
            for partition in 0..topic.partitions {
                source
                    .histories
                    .insert((number, partition), History::default());
                if topic.shape == Shape::HeadGap {
                    source.open_gap(cluster, number, topic, partition, rng);
                }
                source.grow(cluster, number, topic, partition, topic.batches, rng);
            }
        }
        source
    }

    fn open_gap(
        &mut self,
        cluster: &FakeKafka,
        number: usize,
        topic: &TopicPlan,
        partition: i32,
        rng: &mut Rng,
    ) {
        let start = rng.i64(1..300);
        let ids = self.ids(1);
        let first = batch(&ids, 10, cluster.now_ms() - self.age_ms, PLAIN);
        let placed = cluster.append(&topic.name, partition, first, Some(start));
        let cut = cluster.delete_before(&topic.name, partition, start);
        if placed.is_ok()
            && cut.is_ok()
            && let Some(history) = self.histories.get_mut(&(number, partition))
        {
            history.add(start, ids[0]);
            history.start = start;
        }
    }

    fn ids(&mut self, count: usize) -> Vec<u64> {
        let first = self.next_id;
        self.next_id += count as u64;
        (first..self.next_id).collect()
    }

    /// Writes so many batches more, in the manner of the topic. Transactions are ended before this
    /// returns.
    pub(crate) fn grow(
        &mut self,
        cluster: &FakeKafka,
        number: usize,
        topic: &TopicPlan,
        partition: i32,
        batches: usize,
        rng: &mut Rng,
    ) {
        let mut open: BTreeMap<i64, Vec<(i64, u64)>> = BTreeMap::new();
        for _ in 0..batches {
            let author = match topic.shape {
                Shape::Transactions if rng.u8(..4) != 0 => Author {
                    producer_id: TRANSACTIONAL_PRODUCERS[rng.usize(..2)],
                    transactional: true,
                },
                _ => PLAIN,
            };
            let records = self.append(cluster, topic, partition, author, rng);
            if author.transactional {
                open.entry(author.producer_id).or_default().extend(records);
            } else {
                self.committed(number, partition, records);
            }
            if let Some(producer) = open.keys().next().copied()
                && rng.bool()
            {
                self.end(cluster, number, topic, partition, producer, &mut open, rng);
            }
        }
        while let Some(producer) = open.keys().next().copied() {
            self.end(cluster, number, topic, partition, producer, &mut open, rng);
        }
    }

    fn append(
        &mut self,
        cluster: &FakeKafka,
        topic: &TopicPlan,
        partition: i32,
        author: Author,
        rng: &mut Rng,
    ) -> Vec<(i64, u64)> {
        let ids = self.ids(rng.usize(1..=4));
        let value_bytes = rng.usize(..60);
        let timestamp_ms = cluster.now_ms() - self.age_ms;
        let end = cluster
            .ends(&topic.name, partition)
            .map_or(0, |ends| ends.log_end);
        let hole = match topic.shape {
            Shape::Holes if rng.bool() => rng.i64(1..20),
            _ => 0,
        };
        let base = end + hole;
        let written = batch(&ids, value_bytes, timestamp_ms, author);
        // The topic is there: it was made with the schedule.
        let _ = cluster.append(&topic.name, partition, written, Some(base));
        (base..).zip(ids).collect()
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one place, called from one other"
    )]
    fn end(
        &mut self,
        cluster: &FakeKafka,
        number: usize,
        topic: &TopicPlan,
        partition: i32,
        producer: i64,
        open: &mut BTreeMap<i64, Vec<(i64, u64)>>,
        rng: &mut Rng,
    ) {
        let commit = rng.u8(..3) != 0;
        let _ = cluster.append_marker(&topic.name, partition, producer, commit);
        let records = open.remove(&producer).unwrap_or_default();
        if commit {
            self.committed(number, partition, records);
        }
    }

    fn committed(&mut self, number: usize, partition: i32, records: Vec<(i64, u64)>) {
        if let Some(history) = self.histories.get_mut(&(number, partition)) {
            records
                .into_iter()
                .for_each(|(offset, id)| history.add(offset, id));
        }
    }

    /// A log lost its end, and markers with it: what is open is aborted, as the coordinator would,
    /// and what is left is read again.
    pub(crate) fn close(&mut self, cluster: &FakeKafka, number: usize, name: &str, partition: i32) {
        for producer in TRANSACTIONAL_PRODUCERS {
            // There is a leader: it was made sure of.
            let _ = cluster.append_marker(name, partition, producer, false);
        }
        let log = cluster.contents(name, partition).unwrap_or_default();
        let start = cluster
            .ends(name, partition)
            .map_or(0, |ends| ends.log_start);
        let held = committed(&log, start, &cluster.aborted(name, partition));
        if let Some(history) = self.histories.get_mut(&(number, partition)) {
            history.read_again(&held);
        }
    }

    /// The topic was made anew: nothing that was in it counts any more.
    pub(crate) fn recreated(&mut self, number: usize) {
        for ((topic, _), history) in &mut self.histories {
            if *topic == number {
                *history = History::default();
            }
        }
    }
}

/// A topic like the planned one.
pub(crate) fn options(topic: &TopicPlan) -> TopicOptions {
    TopicOptions {
        partitions: topic.partitions as usize,
        ..TopicOptions::default()
    }
}
