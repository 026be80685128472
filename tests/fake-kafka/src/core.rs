//! A cluster without a socket: topics, brokers, and what becomes of them.

use crate::batch::Batch;
use crate::clock::Clock;
use crate::partition::Partition;
use crate::transactions::{Coordinator, Markers, Place};
use crate::versions::Release;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

/// How a cluster behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name that its brokers tell.
    pub cluster_id: String,
    /// How many brokers it has, numbered from 1.
    pub brokers: usize,
    /// Which release's API versions it speaks.
    pub release: Release,
    /// The moment at which its clock starts, in milliseconds since 1970.
    pub now_ms: i64,
    /// How old the records of a producer's last batch may be before it is forgotten
    /// (`producer.id.expiration.ms`).
    pub producer_expiration: Duration,
    /// How often producers are looked at (`producer.id.expiration.check.interval.ms`).
    pub expiration_check: Duration,
    /// How often open transactions are looked at
    /// (`transaction.abort.timed.out.transaction.cleanup.interval.ms`).
    pub transaction_check: Duration,
    /// How long a follower takes to fetch what its leader appended.
    pub replication: Duration,
    /// How long it takes from the answer to EndTxn to its markers.
    pub markers: Duration,
    /// How many replicas must be in sync for an append (`min.insync.replicas`).
    pub in_sync_min: usize,
    /// Batches of one partition in the answer to one fetch, at most.
    pub fetch_batches_max: usize,
    /// Whether leaders name a replica in the rack of who fetches (KIP-392). The rack of broker 2 is
    /// `rack-2`.
    pub rack_aware: bool,
    /// Whether requests of a client that hung up are still worked on.
    pub works_on: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cluster_id: "fake".to_owned(),
            brokers: 1,
            release: Release::V4_3,
            now_ms: 1_800_000_000_000,
            producer_expiration: Duration::from_secs(86_400),
            expiration_check: Duration::from_secs(600),
            transaction_check: Duration::from_secs(10),
            replication: Duration::from_millis(2),
            markers: Duration::from_millis(3),
            in_sync_min: 1,
            fetch_batches_max: usize::MAX,
            rack_aware: false,
            works_on: true,
        }
    }
}

impl Options {
    /// What `release` does unless it is told otherwise.
    #[must_use]
    pub fn of(release: Release) -> Self {
        let days = match release {
            // It has no setting for producers and takes that for transactional ids.
            Release::V2_8 => 7,
            Release::V3_9 | Release::V4_3 => 1,
        };
        Self {
            release,
            producer_expiration: Duration::from_secs(days * 86_400),
            ..Self::default()
        }
    }
}

/// How a topic behaves.
#[derive(Debug, Clone)]
pub struct TopicOptions {
    /// How many partitions it has.
    pub partitions: usize,
    /// The largest batch that it takes (`max.message.bytes`).
    pub batch_bytes_max: usize,
    /// Whether brokers give records their own time (`message.timestamp.type=LogAppendTime`).
    pub log_append_time: bool,
    /// How far in the future records may lie, in milliseconds (`message.timestamp.after.max.ms`).
    pub after_max_ms: Option<i64>,
    /// What becomes of old records (`cleanup.policy`). Nothing happens by itself.
    pub cleanup: Cleanup,
    /// How many replicas must be in sync for an append, if not as many as the cluster says
    /// (`min.insync.replicas`).
    pub in_sync_min: Option<usize>,
}

/// What becomes of old records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cleanup {
    /// They are deleted.
    #[default]
    Delete,
    /// The last one of each key stays.
    Compact,
    /// Both.
    CompactAndDelete,
}

impl Default for TopicOptions {
    fn default() -> Self {
        Self {
            partitions: 1,
            batch_bytes_max: 1_048_588,
            log_append_time: false,
            after_max_ms: None,
            cleanup: Cleanup::Delete,
            in_sync_min: None,
        }
    }
}

/// One topic.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    pub(crate) id: Uuid,
    pub(crate) options: TopicOptions,
    pub(crate) partitions: Vec<Partition>,
}

/// What the world does to a cluster, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Appends of a producer that was not remembered, in the middle of a log.
    pub appends_without_state: u64,
    /// Batches that were answered as appended before.
    pub duplicates: u64,
    /// Batches that were refused because of their sequence or epoch.
    pub refused_sequences: u64,
    /// Producers that were forgotten.
    pub producers_forgotten: u64,
    /// Requests that were worked on after their client had hung up.
    pub requests_without_client: u64,
    /// Leaders that were elected.
    pub elections: u64,
    /// Bytes of records that leaders sent to consumers, and followers (KIP-392).
    pub bytes_from_leaders: u64,
    /// The same of followers.
    pub bytes_from_followers: u64,
    /// Partitions that were fetched from remote storage (KIP-405).
    pub remote_fetches: u64,
    /// Other partitions in requests that had to wait for remote storage.
    pub beside_remote: u64,
}

/// How far a marker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkerState {
    /// It waits for a leader, or for followers.
    Waits,
    /// It was appended right now.
    Written,
    /// It can't be lost any more.
    Replicated,
}

/// The state behind all brokers of a cluster.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) topics: BTreeMap<String, Topic>,
    pub(crate) ports: BTreeMap<i32, u16>,
    pub(crate) down: BTreeSet<i32>,
    /// Brokers that stand still.
    pub(crate) paused: BTreeSet<i32>,
    pub(crate) coordinator: Coordinator,
    pub(crate) denied: BTreeSet<String>,
    pub(crate) full_disks: BTreeSet<i32>,
    /// By topic and partition: before this offset its log is in remote storage alone.
    pub(crate) remote: BTreeMap<(String, i32), i64>,
    pub(crate) counts: Counts,
    producers: i64,
    topics_made: u128,
}

impl Core {
    /// Before which offset a log is in remote storage alone.
    pub(crate) fn remote_until(&self, topic: &str, index: i32) -> Option<i64> {
        self.remote.get(&(topic.to_owned(), index)).copied()
    }

    pub(crate) fn new(options: Options) -> Self {
        Self {
            clock: Clock::starting_at(options.now_ms),
            topics: BTreeMap::new(),
            ports: (1..=options.brokers as i32)
                .map(|broker| (broker, crate::FIRST_PORT + broker as u16))
                .collect(),
            down: BTreeSet::new(),
            paused: BTreeSet::new(),
            coordinator: Coordinator::default(),
            denied: BTreeSet::new(),
            full_disks: BTreeSet::new(),
            remote: BTreeMap::new(),
            counts: Counts::default(),
            producers: 1_000,
            topics_made: 0,
            options,
        }
    }

    pub(crate) fn brokers(&self) -> impl Iterator<Item = i32> {
        self.ports.keys().copied()
    }

    pub(crate) fn alive(&self) -> Vec<i32> {
        self.brokers()
            .filter(|broker| !self.down.contains(broker))
            .collect()
    }

    /// The broker that coordinates everything: the first that lives.
    pub(crate) fn coordinator_broker(&self) -> Option<i32> {
        self.alive().first().copied()
    }

    pub(crate) fn fresh_producer_id(&mut self) -> i64 {
        self.producers += 1;
        self.producers
    }

    /// Makes a topic that is replicated on every broker.
    pub(crate) fn create_topic(&mut self, name: &str, options: TopicOptions) {
        let places = self.spread(options.partitions, -1);
        self.create_topic_at(name, options, &places);
    }

    /// So many replicas of each partition, -1 for as many as there are brokers: the brokers lead one
    /// after the other.
    pub(crate) fn spread(&self, partitions: usize, replicas: i16) -> Vec<Vec<i32>> {
        let brokers: Vec<i32> = self.brokers().collect();
        let count = usize::try_from(replicas).unwrap_or(brokers.len());
        let place = |index: usize| {
            let mut replicas = brokers.clone();
            replicas.rotate_left(index % brokers.len().max(1));
            replicas.truncate(count);
            replicas
        };
        (0..partitions).map(place).collect()
    }

    /// Makes a topic with these replicas of each partition, of which the first lead.
    pub(crate) fn create_topic_at(
        &mut self,
        name: &str,
        options: TopicOptions,
        places: &[Vec<i32>],
    ) {
        self.topics_made += 1;
        let alive = self.alive();
        let partitions = places
            .iter()
            .map(|replicas| Partition::new(replicas, &alive));
        let topic = Topic {
            id: Uuid::from_u128((0xFE44 << 64) + self.topics_made),
            partitions: partitions.collect(),
            options,
        };
        self.topics.insert(name.to_owned(), topic);
    }

    pub(crate) fn partition(&self, topic: &str, index: i32) -> Option<&Partition> {
        let partitions = &self.topics.get(topic)?.partitions;
        partitions.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn partition_mut(&mut self, topic: &str, index: i32) -> Option<&mut Partition> {
        let partitions = &mut self.topics.get_mut(topic)?.partitions;
        partitions.get_mut(usize::try_from(index).ok()?)
    }

    pub(crate) fn partitions_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.topics
            .values_mut()
            .flat_map(|topic| &mut topic.partitions)
    }

    /// The name of the topic with `id`.
    pub(crate) fn topic_name(&self, id: Uuid) -> Option<&str> {
        let mut topics = self.topics.iter();
        topics
            .find(|(_, topic)| topic.id == id)
            .map(|(name, _)| name.as_str())
    }

    pub(crate) fn stop(&mut self, broker: i32) {
        self.down.insert(broker);
        let alive = self.alive();
        if alive.is_empty() && self.options.release == Release::V2_8 {
            // With ZooKeeper nobody is left who could take its offices away.
            return;
        }
        self.partitions_mut()
            .for_each(|partition| partition.lose(broker, &alive));
        self.counts.elections += 1;
        self.expire_producers();
    }

    pub(crate) fn start(&mut self, broker: i32) {
        self.down.remove(&broker);
        let alive = self.alive();
        for partition in self.partitions_mut() {
            partition.load(broker);
            partition.regain(broker, &alive);
        }
        // The old ones among its producers are forgotten at once.
        self.expire_producers();
    }

    pub(crate) fn expire_producers(&mut self) {
        let now_ms = self.clock.now_ms();
        let expiration_ms = crate::clock::ms(self.options.producer_expiration);
        let forgotten: usize = self
            .partitions_mut()
            .map(|partition| partition.log.producers.expire(now_ms, expiration_ms))
            .sum();
        self.counts.producers_forgotten += forgotten as u64;
    }

    /// Brings one marker forward: written where its partition has a leader, and again where it was
    /// lost with one. `at` is where it was written last: epoch and end.
    pub(crate) fn write_marker(
        &mut self,
        markers: &Markers,
        place: &Place,
        at: &mut Option<(i32, i64)>,
    ) -> MarkerState {
        let now_ms = self.clock.now_ms();
        let down = self.down.clone();
        let Some(partition) = self.partition_mut(&place.0, place.1) else {
            // The topic is gone, and its marker with it.
            return MarkerState::Replicated;
        };
        if partition.leader.is_none_or(|leader| down.contains(&leader)) {
            return MarkerState::Waits;
        }
        if let Some((epoch, end)) = *at {
            let kept =
                partition.epoch == epoch || partition.log.marker_ends_at(end, markers.producer_id);
            if kept {
                return match partition.high_watermark() >= end {
                    true => MarkerState::Replicated,
                    false => MarkerState::Waits,
                };
            }
        }
        let marker = Batch::marker(markers.commit, markers.producer_id, markers.epoch, now_ms);
        partition.append(marker);
        *at = Some((partition.epoch, partition.log.end()));
        MarkerState::Written
    }

    /// The bytes of a partition's log from its start to its end.
    pub(crate) fn contents(&self, topic: &str, index: i32) -> Option<Bytes> {
        let log = &self.partition(topic, index)?.log;
        Some(
            log.read(log.start, i64::MAX, (usize::MAX, true), usize::MAX)
                .0,
        )
    }
}
