//! Fetching one partition by itself, where throughput over many does not matter.

use ferry_kafka::client::Client;
use ferry_kafka::error_code::ErrorCode;
use ferry_kafka::pool::Lane;
use ferry_model::name::TopicPartition;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{BrokerId as WireBroker, FetchRequest, TopicName as WireTopic};
use kafka_protocol::protocol::StrBytes;

/// What one fetch of one partition brought.
#[derive(Debug)]
pub(crate) struct SingleFetch {
    pub(crate) records: bytes::Bytes,
    /// Aborted transactions as producer id and first offset.
    pub(crate) aborted: Vec<(i64, i64)>,
}

/// What to fetch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SingleWanted {
    pub(crate) from: i64,
    pub(crate) bytes_max: i32,
    pub(crate) wait_ms: i32,
    /// READ_COMMITTED rather than READ_UNCOMMITTED.
    pub(crate) committed: bool,
    pub(crate) lane: u16,
}

/// Why a fetch brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SingleFetchError {
    /// The log does not hold the offset.
    #[error("the log does not hold offset {0}")]
    OutOfRange(i64),
    /// Something that may pass.
    #[error("{0}")]
    Other(String),
}

/// Fetches one partition.
pub(crate) async fn single_fetch(
    client: &Client,
    partition: &TopicPartition,
    wanted: SingleWanted,
) -> Result<SingleFetch, SingleFetchError> {
    let other = |error: ferry_kafka::error::KafkaError| SingleFetchError::Other(error.to_string());
    if client.leader(partition).is_none() {
        client
            .refresh(std::slice::from_ref(&partition.topic))
            .await
            .map_err(other)?;
    }
    let leader = client
        .leader(partition)
        .ok_or_else(|| SingleFetchError::Other(format!("{partition} has no leader")))?;
    let lane = Lane::Fetch(wanted.lane);
    let connection = client
        .connection(leader.broker, lane)
        .await
        .map_err(other)?;
    let response = connection
        .call(&request(client, partition, wanted))
        .await
        .map_err(other)?;
    let top = ErrorCode(response.error_code);
    let data = response
        .responses
        .into_iter()
        .flat_map(|topic| topic.partitions)
        .next();
    let Some(data) = data else {
        client.forget_leader(partition);
        return Err(SingleFetchError::Other(format!(
            "no answer for {partition} ({top})"
        )));
    };
    match ErrorCode(data.error_code) {
        code if code.ok() => {}
        ErrorCode::OFFSET_OUT_OF_RANGE => return Err(SingleFetchError::OutOfRange(wanted.from)),
        code => {
            client.forget_leader(partition);
            return Err(SingleFetchError::Other(format!("{partition}: {code}")));
        }
    }
    let aborted = data.aborted_transactions.unwrap_or_default();
    Ok(SingleFetch {
        records: data.records.unwrap_or_default(),
        aborted: aborted
            .into_iter()
            .map(|a| (a.producer_id.0, a.first_offset))
            .collect(),
    })
}

fn request(client: &Client, partition: &TopicPartition, wanted: SingleWanted) -> FetchRequest {
    let id = client.topic_id(&partition.topic);
    let topic = FetchTopic::default()
        .with_topic(WireTopic(StrBytes::from_string(
            partition.topic.to_string(),
        )))
        .with_topic_id(id.map_or(uuid::Uuid::nil(), |id| id.0))
        .with_partitions(vec![
            FetchPartition::default()
                .with_partition(partition.partition)
                .with_fetch_offset(wanted.from)
                .with_current_leader_epoch(-1)
                .with_log_start_offset(-1)
                .with_partition_max_bytes(wanted.bytes_max),
        ]);
    FetchRequest::default()
        .with_replica_id(WireBroker(-1))
        .with_max_wait_ms(wanted.wait_ms)
        .with_min_bytes(1)
        .with_max_bytes(wanted.bytes_max)
        .with_isolation_level(i8::from(wanted.committed))
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}
