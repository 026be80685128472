//! One fetch of many partitions from one broker.

use super::broker::Wanted;
use bytes::Bytes;
use ferry_kafka::error::{KafkaError, Subject};
use ferry_kafka::request::Effect;
use ferry_kafka::{Connection, ErrorCode, Request};
use ferry_model::name::TopicPartition;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{BrokerId as WireBroker, FetchRequest, TopicName as WireTopic};
use kafka_protocol::protocol::StrBytes;
use std::collections::HashMap;
use uuid::Uuid;

/// From this version on topics are named by id (KIP-516).
const TOPIC_IDS_FROM: i16 = 13;

/// What came of one partition.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// Batches from the wanted offset on; empty where the next one did not fit.
    Records(Bytes),
    /// An error, or none where the time was over.
    Failed(Option<KafkaError>),
}

/// Fetches what is wanted, READ_UNCOMMITTED and without waiting for more to come. The answers stand
/// in the order of `wanted`.
pub(super) async fn fetch(
    connection: &Connection,
    wanted: &[Wanted<'_>],
    partition_bytes: u64,
    response_bytes: u64,
) -> Result<Vec<Answer>, KafkaError> {
    let by_id = connection
        .version::<FetchRequest>()
        .is_some_and(|version| version >= TOPIC_IDS_FROM);
    let request = request(wanted, by_id, bytes(partition_bytes), bytes(response_bytes));
    let response = connection.call(&request).await?;
    let code = ErrorCode(response.error_code);
    if !code.ok() {
        return Err(refused(connection, None, code));
    }
    let mut answers: HashMap<(Uuid, String, i32), PartitionData> = HashMap::new();
    for topic in response.responses {
        let (id, name) = (topic.topic_id, topic.topic.to_string());
        for partition in topic.partitions {
            answers.insert((id, name.clone(), partition.partition_index), partition);
        }
    }
    let answer = |want: &Wanted<'_>| {
        let partition = &want.log.partition;
        let key = match by_id {
            true => (topic_id(want), String::new(), partition.partition),
            false => (
                Uuid::nil(),
                partition.topic.to_string(),
                partition.partition,
            ),
        };
        match answers.remove(&key) {
            None => Answer::Failed(Some(KafkaError::LeftOut {
                peer: connection.peer().clone(),
                api: FetchRequest::API,
                subject: Subject::Partition(partition.clone()),
            })),
            Some(data) => match ErrorCode(data.error_code) {
                ErrorCode::NONE => Answer::Records(data.records.unwrap_or_default()),
                code => Answer::Failed(Some(refused(connection, Some(partition), code))),
            },
        }
    };
    Ok(wanted.iter().map(answer).collect())
}

fn bytes(bytes: u64) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

fn topic_id(want: &Wanted<'_>) -> Uuid {
    want.log.topic_id.map_or(Uuid::nil(), |id| id.0)
}

fn request(
    wanted: &[Wanted<'_>],
    by_id: bool,
    partition_bytes: i32,
    response_bytes: i32,
) -> FetchRequest {
    let mut topics: Vec<FetchTopic> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for want in wanted {
        let name = want.log.partition.topic.as_str();
        let place = *places.entry(name).or_insert_with(|| {
            topics.push(match by_id {
                true => FetchTopic::default().with_topic_id(topic_id(want)),
                false => FetchTopic::default()
                    .with_topic(WireTopic(StrBytes::from_string(name.to_owned()))),
            });
            topics.len() - 1
        });
        let partition = FetchPartition::default()
            .with_partition(want.log.partition.partition)
            .with_fetch_offset(want.from)
            .with_current_leader_epoch(-1)
            .with_log_start_offset(-1)
            .with_partition_max_bytes(partition_bytes);
        topics[place].partitions.push(partition);
    }
    FetchRequest::default()
        .with_replica_id(WireBroker(-1))
        .with_max_wait_ms(0)
        .with_min_bytes(0)
        .with_max_bytes(response_bytes)
        .with_isolation_level(0)
        .with_session_id(0)
        .with_session_epoch(-1)
        .with_topics(topics)
}

fn refused(
    connection: &Connection,
    partition: Option<&TopicPartition>,
    code: ErrorCode,
) -> KafkaError {
    KafkaError::Answered {
        peer: connection.peer().clone(),
        api: FetchRequest::API,
        subject: partition.cloned().map(Subject::Partition),
        code,
        message: None,
        effect: Effect::Reads,
    }
}
