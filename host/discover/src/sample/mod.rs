//! Reading a few stretches of every log, to learn what its batches are like.
//!
//! A log is read at its head, at two places between, near its end, and at its very end. Many
//! partitions share one request; brokers are asked side by side, each one request at a time. A
//! broker answers nothing at all for a partition whose next batch is larger than its share of the
//! answer (KIP-74), unless it comes first: such partitions are asked again with a larger share, and
//! at last alone.

mod broker;
mod fetch;
pub mod shape;
mod stretch;

use crate::cluster::notice;
use crate::codes;
use crate::error::explained;
use crate::keys::KeyForms;
use crate::options::SampleOptions;
use crate::progress::Progress;
use crate::topics::{Partitions, Topics};
use broker::Budget;
use ferry_kafka::error::KafkaError;
use ferry_kafka::{Client, ErrorCode, Retry};
use ferry_model::identity::{BrokerId, TopicId};
use ferry_model::name::{TopicName, TopicPartition};
use futures_util::future::join_all;
use shape::ShapeReader;
use std::collections::{BTreeMap, BTreeSet};
use stretch::Stretch;

/// The least that is asked of one stretch, in bytes: room for some tens of small batches.
const STRETCH_BYTES_MIN: u64 = 4 * 1024;

/// One log of the source while it is sampled.
#[derive(Debug)]
struct Log {
    partition: TopicPartition,
    topic_id: Option<TopicId>,
    log_start_offset: i64,
    high_watermark: i64,
    /// Whether the keys of its records are looked at, too.
    compacted: bool,
    reader: ShapeReader,
    keys: KeyForms,
    /// Why nothing could be read the last time.
    failed: Option<KafkaError>,
}

/// Samples the logs of all partitions that hold anything, writes what was seen into `partitions`,
/// and returns the forms of keys by compacted topic.
pub(crate) async fn take<P: Fn(Progress) + Sync>(
    client: &Client,
    options: &SampleOptions,
    topics: &Topics,
    partitions: &mut Partitions,
    progress: &P,
) -> BTreeMap<TopicName, KeyForms> {
    let mut logs = logs(topics, partitions);
    let budget = Budget::new(options);
    let share = options.total_bytes / (logs.len() as u64).max(1);
    let partition_bytes = options.partition_bytes.min(share);
    let stretch_bytes = (partition_bytes / Stretch::SIZED).max(STRETCH_BYTES_MIN);
    for stretch in Stretch::ALL {
        if budget.spent() {
            break;
        }
        read_stretch(client, &mut logs, stretch, stretch_bytes, &budget).await;
        progress(Progress::Sampled {
            partitions: logs.iter().filter(|log| log.sampled()).count(),
            of: logs.len(),
            bytes: budget.bytes(),
            elapsed: budget.elapsed(),
        });
    }
    tell_failures(client, &logs, &budget, progress);
    let mut keys: BTreeMap<TopicName, KeyForms> = BTreeMap::new();
    for log in logs {
        let TopicPartition { topic, partition } = log.partition;
        if log.compacted {
            keys.entry(topic.clone()).or_default().merge(&log.keys);
        }
        let facts = partitions
            .get_mut(&topic)
            .and_then(|list| list.iter_mut().find(|facts| facts.partition == partition));
        if let Some(facts) = facts {
            facts.shape = log.reader.shape().clone();
        }
    }
    keys
}

impl Log {
    fn sampled(&self) -> bool {
        self.reader.shape().sampled_batches > 0
    }

    /// Whether asking again would give the same answer, as where a right is missing.
    fn refused(&self) -> bool {
        self.failed.as_ref().is_some_and(|error| {
            // Records at the head were deleted meanwhile; there are others.
            let deleted = error.code() == Some(ErrorCode::OFFSET_OUT_OF_RANGE);
            error.retry() == Retry::Fatal && !deleted
        })
    }
}

/// The logs that hold anything.
fn logs(topics: &Topics, partitions: &Partitions) -> Vec<Log> {
    let mut logs = Vec::new();
    for (name, list) in partitions {
        let Some(topic) = topics.get(name) else {
            continue;
        };
        let policy = topic.configs.get("cleanup.policy");
        let compacted = policy.is_some_and(|policy| policy.contains("compact"));
        for facts in list {
            if facts.high_watermark <= facts.log_start_offset {
                continue;
            }
            logs.push(Log {
                partition: TopicPartition::new(name.clone(), facts.partition),
                topic_id: topic.id,
                log_start_offset: facts.log_start_offset,
                high_watermark: facts.high_watermark,
                compacted,
                reader: ShapeReader::default(),
                keys: KeyForms::default(),
                failed: None,
            });
        }
    }
    logs
}

/// Reads one stretch of every log.
async fn read_stretch(
    client: &Client,
    logs: &mut [Log],
    stretch: Stretch,
    stretch_bytes: u64,
    budget: &Budget,
) {
    let leaderless: BTreeSet<&TopicName> = logs
        .iter()
        .filter(|log| client.leader(&log.partition).is_none())
        .map(|log| &log.partition.topic)
        .collect();
    if !leaderless.is_empty() {
        let topics: Vec<TopicName> = leaderless.into_iter().cloned().collect();
        if let Err(error) = client.refresh(&topics).await {
            tracing::debug!(%error, "leaders can't be read");
        }
    }
    let mut parts: BTreeMap<BrokerId, Vec<broker::Wanted<'_>>> = BTreeMap::new();
    for log in logs.iter_mut().filter(|log| !log.refused()) {
        let Some(leader) = client.leader(&log.partition) else {
            continue;
        };
        let Some(from) = stretch.start(log, stretch_bytes) else {
            continue;
        };
        let part = parts.entry(leader.broker).or_default();
        part.push(broker::Wanted::new(log, from, stretch_bytes));
    }
    let reads = parts
        .into_iter()
        .map(|(id, wanted)| broker::read(client, id, wanted, stretch_bytes, budget));
    join_all(reads).await;
}

/// Says which logs nothing is known of, and why.
fn tell_failures<P: Fn(Progress)>(client: &Client, logs: &[Log], budget: &Budget, progress: &P) {
    let side = client.side();
    let unknown: Vec<&Log> = logs.iter().filter(|log| !log.sampled()).collect();
    if unknown.is_empty() {
        return;
    }
    let names: Vec<&TopicPartition> = unknown.iter().map(|log| &log.partition).collect();
    let what = format!("{side}: {} partitions could not be sampled", names.len());
    let problem = match unknown.iter().find_map(|log| log.failed.as_ref()) {
        Some(error) => explained(codes::NOT_SAMPLED, what, error),
        None => ferry_model::problem::Problem::new(codes::NOT_SAMPLED, what)
            .cause(budget.reason())
            .next("ferry discover again, with more time or bytes for samples"),
    };
    notice(progress, problem, &names);
}
