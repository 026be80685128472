//! One fetch from one broker of the source.

use super::event::{Fetched, Index, SourceEnds};
use crate::append::{Bounds, Preparation, prepare_within};
use ferry_kafka::client::Client;
use ferry_kafka::error_code::ErrorCode;
use ferry_kafka::pool::Lane;
use ferry_kafka::task;
use ferry_model::identity::{BrokerId, TopicId};
use ferry_model::name::{TopicName, TopicPartition};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{BrokerId as WireBroker, FetchRequest, TopicName as WireTopic};
use kafka_protocol::protocol::StrBytes;
use std::collections::HashMap;
use std::sync::Arc;

/// From this version on a fetch names topics by id (KIP-516).
const TOPIC_IDS_FROM: i16 = 13;
/// From this version on a fetch can say the epoch of the last record that was fetched (KIP-595).
const LAST_FETCHED_EPOCH_FROM: i16 = 12;
/// From this version on a fetch can say the rack of who fetches (KIP-392).
const RACK_FROM: i16 = 11;
/// How long the broker may wait for something to come.
pub(crate) const WAIT_MS: i32 = 250;

/// What to fetch of one partition.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) index: Index,
    pub(crate) partition: TopicPartition,
    pub(crate) topic_id: Option<TopicId>,
    pub(crate) leader_epoch: i32,
    pub(crate) last_epoch: Option<i32>,
    /// The most that may come of it, but for a single larger batch.
    pub(crate) bytes_max: i32,
    /// Whether it has to come from remote storage, so that it is fetched alone.
    pub(crate) remote: bool,
    pub(crate) how: Preparation,
}

/// Limits of one fetch.
#[derive(Debug, Clone)]
pub(crate) struct FetchLimits {
    /// The most that may come in all.
    pub(crate) bytes: i32,
    /// The rack that a near replica is asked for, where one may be named (KIP-392).
    pub(crate) rack: Option<Arc<str>>,
}

/// What one fetch brought.
pub(crate) struct FetchResult {
    /// Whether the broker may have left something out because the answer was full.
    pub(crate) full: bool,
    /// What became of each partition.
    pub(crate) results: Vec<(Index, i64, Fetched)>,
}

/// Fetches `wanted` from `broker`; every wanted partition is answered for.
pub(crate) async fn fetch(
    source: &Client,
    broker: BrokerId,
    lane: u16,
    wanted: Vec<Wanted>,
    limits: FetchLimits,
) -> FetchResult {
    match try_fetch(source, broker, lane, &wanted, &limits).await {
        Ok(answers) => {
            let prepared = task::beside(move || prepare_all(answers, wanted, &limits)).await;
            prepared.unwrap_or_else(|error| {
                tracing::error!(%error, "preparing fetched batches failed");
                FetchResult {
                    full: false,
                    results: Vec::new(),
                }
            })
        }
        Err(reason) => {
            tracing::debug!(%broker, reason, "a fetch failed");
            let lost = |w: Wanted| (w.index, w.how.from, Fetched::Lost);
            FetchResult {
                full: false,
                results: wanted.into_iter().map(lost).collect(),
            }
        }
    }
}

type Answers = HashMap<(Option<TopicId>, String, i32), PartitionData>;

async fn try_fetch(
    source: &Client,
    broker: BrokerId,
    lane: u16,
    wanted: &[Wanted],
    limits: &FetchLimits,
) -> Result<Answers, String> {
    let connection = source
        .connection(broker, Lane::Fetch(lane))
        .await
        .map_err(|error| error.to_string())?;
    let version = connection.version::<FetchRequest>().unwrap_or(0);
    // Ids only if every topic has one: a request names all of its topics the same way.
    let request = request(wanted, version, limits);
    let response = connection
        .call(&request)
        .await
        .map_err(|error| error.to_string())?;
    let code = ErrorCode(response.error_code);
    if !code.ok() {
        return Err(code.to_string());
    }
    let mut answers = HashMap::new();
    for topic in response.responses {
        let id = TopicId::known(topic.topic_id);
        let name = topic.topic.0.to_string();
        for partition in topic.partitions {
            answers.insert((id, name.clone(), partition.partition_index), partition);
        }
    }
    Ok(answers)
}

fn request(wanted: &[Wanted], version: i16, limits: &FetchLimits) -> FetchRequest {
    let mut topics: Vec<FetchTopic> = Vec::new();
    let mut last: Option<&TopicName> = None;
    for want in wanted {
        // Only neighbours share an entry: brokers fill their answer in the order of the request.
        if last != Some(&want.partition.topic) {
            last = Some(&want.partition.topic);
            let mut topic = FetchTopic::default();
            if version >= TOPIC_IDS_FROM {
                topic.topic_id = want.topic_id.map_or(uuid::Uuid::nil(), |id| id.0);
            } else {
                let name = want.partition.topic.as_str().to_owned();
                topic.topic = WireTopic(StrBytes::from_string(name));
            }
            topics.push(topic);
        }
        let mut partition = FetchPartition::default()
            .with_partition(want.partition.partition)
            .with_fetch_offset(want.how.from)
            .with_current_leader_epoch(want.leader_epoch)
            .with_log_start_offset(-1)
            .with_partition_max_bytes(want.bytes_max);
        if version >= LAST_FETCHED_EPOCH_FROM {
            partition.last_fetched_epoch = want.last_epoch.unwrap_or(-1);
        }
        if let Some(topic) = topics.last_mut() {
            topic.partitions.push(partition);
        }
    }
    let mut request = FetchRequest::default();
    if let Some(rack) = limits.rack.as_ref().filter(|_| version >= RACK_FROM) {
        request.rack_id = StrBytes::from_string(rack.to_string());
    }
    request
        .with_replica_id(WireBroker(-1))
        .with_max_wait_ms(WAIT_MS)
        .with_min_bytes(1)
        .with_max_bytes(limits.bytes)
        .with_isolation_level(1)
        .with_session_id(0)
        .with_session_epoch(-1)
        .with_topics(topics)
}

fn prepare_all(mut answers: Answers, wanted: Vec<Wanted>, limits: &FetchLimits) -> FetchResult {
    let mut bytes = 0;
    let mut most = 0;
    let mut results = Vec::with_capacity(wanted.len());
    for want in wanted {
        let (partition, from) = (want.partition.partition, want.how.from);
        most = most.max(want.bytes_max);
        let answer = answers
            .remove(&(want.topic_id, String::new(), partition))
            .or_else(|| {
                let name = want.partition.topic.as_str().to_owned();
                answers.remove(&(None, name, partition))
            });
        let fetched = match answer {
            Some(data) => {
                bytes += data.records.as_ref().map_or(0, bytes::Bytes::len);
                read(data, want.how)
            }
            None => Fetched::Lost,
        };
        results.push((want.index, from, fetched));
    }
    let left = i64::from(limits.bytes) - i64::try_from(bytes).unwrap_or(i64::MAX);
    FetchResult {
        full: left < i64::from(most),
        results,
    }
}

fn read(data: PartitionData, how: Preparation) -> Fetched {
    let code = ErrorCode(data.error_code);
    if !code.ok() {
        return Fetched::Error {
            code,
            log_start: data.log_start_offset,
        };
    }
    if data.diverging_epoch.epoch >= 0 || data.diverging_epoch.end_offset >= 0 {
        return Fetched::Diverging {
            epoch: data.diverging_epoch.epoch,
            end_offset: data.diverging_epoch.end_offset,
        };
    }
    let nearer = data.preferred_read_replica.0;
    if nearer >= 0 && data.records.as_ref().is_none_or(bytes::Bytes::is_empty) {
        return Fetched::Nearer {
            replica: BrokerId(nearer),
        };
    }
    let aborted = data
        .aborted_transactions
        .unwrap_or_default()
        .into_iter()
        .map(|aborted| (aborted.producer_id.0, aborted.first_offset));
    let ends = SourceEnds {
        log_start: data.log_start_offset,
        high_watermark: data.high_watermark,
        last_stable: data.last_stable_offset,
    };
    let bounds = Bounds {
        source_end: ends.high_watermark,
        ..Bounds::UNKNOWN
    };
    let records = data.records.unwrap_or_default();
    let bytes = records.len() as u64;
    let prepared = prepare_within(records, aborted, how, bounds);
    Fetched::Records {
        ends,
        bytes,
        prepared,
    }
}
