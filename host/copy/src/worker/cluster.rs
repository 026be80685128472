//! What the worker asks the clusters besides fetching and producing. Answers are per partition: what
//! can't be told for one is left out, and asked for again by whoever needs it.

use super::event::{Index, SourceEnds};
use super::transaction::TRANSACTION_TIMEOUT_MS;
use crate::batch::rewrite::Producer;
use ferry_kafka::KafkaError;
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_kafka::client::Client;
use ferry_model::name::{TopicName, TopicPartition};
use std::collections::HashMap;

/// Where a log starts and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogEnds {
    pub(crate) log_start: i64,
    pub(crate) high_watermark: i64,
    /// The end of the leader's own log, which may be ahead of what is replicated.
    pub(crate) log_end: i64,
}

/// Log start and high watermark of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRange {
    /// The first offset that can be read.
    pub log_start: i64,
    /// One more than the last offset that consumers may see.
    pub high_watermark: i64,
}

/// Looks the leaders of `topics` up again. What is not found is asked for again by the caller.
pub(crate) async fn refresh(client: &Client, mut topics: Vec<TopicName>) {
    // Whoever asks for many partitions names their topic as often.
    topics.sort();
    topics.dedup();
    for topic in &topics {
        tracing::trace!(%topic, side = %client.side(), "looking up leaders");
    }
    if let Err(error) = client.refresh(&topics).await {
        tracing::debug!(%error, side = %client.side(), "leaders can't be looked up");
    }
}

async fn offsets(
    client: &Client,
    partitions: &[TopicPartition],
    spec: OffsetSpec,
) -> HashMap<TopicPartition, i64> {
    let listed = client.admin().list_offsets(partitions, spec).await;
    listed
        .into_iter()
        .filter_map(|(partition, result)| match result {
            Ok(listed) => listed.offset.map(|offset| (partition, offset)),
            Err(error) => {
                tracing::debug!(%partition, %error, "an offset can't be told");
                None
            }
        })
        .collect()
}

/// Log start, high watermark and log end of `partitions`.
pub(crate) async fn log_ends(
    client: &Client,
    partitions: &[TopicPartition],
) -> HashMap<TopicPartition, LogEnds> {
    let (starts, ends, latest) = tokio::join!(
        offsets(client, partitions, OffsetSpec::Earliest),
        offsets(client, partitions, OffsetSpec::LogEnd),
        offsets(client, partitions, OffsetSpec::Latest),
    );
    partitions
        .iter()
        .filter_map(|partition| {
            let ends = LogEnds {
                log_start: *starts.get(partition)?,
                high_watermark: *latest.get(partition)?,
                log_end: *ends.get(partition)?,
            };
            Some((partition.clone(), ends))
        })
        .collect()
}

/// Where the leaders' own logs of `partitions` end.
pub(crate) async fn log_ends_only(
    client: &Client,
    partitions: &[TopicPartition],
) -> HashMap<TopicPartition, i64> {
    offsets(client, partitions, OffsetSpec::LogEnd).await
}

/// Log start, high watermark and log end of one partition.
pub(crate) async fn log_ends_of(client: &Client, partition: &TopicPartition) -> Option<LogEnds> {
    log_ends(client, std::slice::from_ref(partition))
        .await
        .remove(partition)
}

/// Log start and high watermark of `partitions`.
pub async fn ends_of(
    client: &Client,
    partitions: &[TopicPartition],
) -> HashMap<TopicPartition, SourceRange> {
    let (starts, latest) = tokio::join!(
        offsets(client, partitions, OffsetSpec::Earliest),
        offsets(client, partitions, OffsetSpec::Latest),
    );
    partitions
        .iter()
        .filter_map(|partition| {
            let range = SourceRange {
                log_start: *starts.get(partition)?,
                high_watermark: *latest.get(partition)?,
            };
            Some((partition.clone(), range))
        })
        .collect()
}

/// Log start, high watermark and last stable offset of source partitions.
pub(crate) async fn ends(
    source: &Client,
    partitions: Vec<(Index, TopicPartition)>,
) -> Vec<(Index, SourceEnds)> {
    let names: Vec<_> = partitions
        .iter()
        .map(|(_, partition)| partition.clone())
        .collect();
    let (starts, latest, stable) = tokio::join!(
        offsets(source, &names, OffsetSpec::Earliest),
        offsets(source, &names, OffsetSpec::Latest),
        offsets(source, &names, OffsetSpec::LastStable),
    );
    partitions
        .into_iter()
        .filter_map(|(index, partition)| {
            let ends = SourceEnds {
                log_start: *starts.get(&partition)?,
                high_watermark: *latest.get(&partition)?,
                last_stable: *stable.get(&partition)?,
            };
            Some((index, ends))
        })
        .collect()
}

/// Where the parts of source logs begin that are not in remote storage alone (KIP-405).
pub(crate) async fn local_starts(
    source: &Client,
    partitions: Vec<(Index, TopicPartition)>,
) -> Vec<(Index, i64)> {
    let names: Vec<_> = partitions.iter().map(|(_, name)| name.clone()).collect();
    let starts = offsets(source, &names, OffsetSpec::EarliestLocal).await;
    partitions
        .into_iter()
        .filter_map(|(index, partition)| Some((index, *starts.get(&partition)?)))
        .collect()
}

/// Where each epoch ends, as the source's leaders tell: (epoch, end offset) of the largest epoch that
/// is not larger than the one asked for.
pub(crate) async fn epoch_ends(
    source: &Client,
    asked: &HashMap<TopicPartition, (i32, i64)>,
) -> HashMap<TopicPartition, (i32, i64)> {
    let epochs: Vec<_> = asked
        .iter()
        .map(|(partition, (epoch, _))| (partition.clone(), *epoch))
        .collect();
    let ends = source.admin().offsets_for_leader_epochs(&epochs).await;
    ends.into_iter()
        .filter_map(|(partition, result)| match result {
            Ok(end) => Some((partition, (end.leader_epoch, end.end_offset))),
            Err(error) => {
                tracing::debug!(%partition, %error, "the end of an epoch can't be told");
                None
            }
        })
        .collect()
}

/// The last sequence number that the leaders of `partitions` know of `producer`: none where they
/// have forgotten it, an error where they can't be asked now. Brokers before 2.8 can't be asked at
/// all, which is the same as having forgotten.
pub(crate) async fn last_sequences(
    target: &Client,
    partitions: &[TopicPartition],
    producer: i64,
) -> HashMap<TopicPartition, Result<Option<i32>, String>> {
    let described = target.admin().describe_producers(partitions).await;
    described
        .into_iter()
        .map(|(partition, result)| {
            let last = match result {
                Ok(producers) => Ok(producers
                    .iter()
                    .find(|state| state.producer_id == producer)
                    .map(|state| state.last_sequence)
                    .filter(|last| *last >= 0)),
                Err(KafkaError::Unsupported { .. }) => Ok(None),
                Err(error) => Err(error.to_string()),
            };
            (partition, last)
        })
        .collect()
}

/// Deletes the records of `partition` before `offset`.
pub(crate) async fn delete_records(
    target: &Client,
    partition: TopicPartition,
    offset: i64,
) -> Result<(), String> {
    let mut deleted = target
        .admin()
        .delete_records(&[(partition.clone(), offset)])
        .await;
    match deleted.remove(&partition) {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("no answer".to_owned()),
    }
}

/// A producer id for batches outside of transactions.
pub(crate) async fn idempotent_producer(target: &Client) -> Result<Producer, KafkaError> {
    let given = target.admin().init_producer_id().await?;
    Ok(Producer {
        id: given.id,
        epoch: given.epoch,
        transactional: false,
    })
}

/// The producer of a transactional id; whatever was open under it is ended first.
pub(crate) async fn transactional_producer(
    target: &Client,
    id: &str,
) -> Result<Producer, KafkaError> {
    let given = target
        .admin()
        .init_transactional_id(id, TRANSACTION_TIMEOUT_MS)
        .await?;
    Ok(Producer {
        id: given.id,
        epoch: given.epoch,
        transactional: true,
    })
}
