//! A fetch of one partition, with what the response says of it.

use ferry_kafka::{Client, Lane};
use ferry_model::name::TopicPartition;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{BrokerId, FetchRequest, TopicName as WireTopic};
use kafka_protocol::protocol::StrBytes;

/// The most that comes of it.
const BYTES_MAX: i32 = 10 << 20;

/// Fetches `partition` from offset `from`, as a READ_COMMITTED consumer or not.
#[allow(unreachable_pub, reason = "shared by several tests")]
pub async fn fetch(
    client: &Client,
    partition: &TopicPartition,
    from: i64,
    committed: bool,
) -> PartitionData {
    let leader = client.leader(partition).expect("a leader");
    let connection = client
        .connection(leader.broker, Lane::Fetch(9))
        .await
        .expect("connects");
    let id = client.topic_id(&partition.topic);
    let name = StrBytes::from_string(partition.topic.to_string());
    let wanted = FetchTopic::default()
        .with_topic(WireTopic(name))
        .with_topic_id(id.map_or(uuid::Uuid::nil(), |id| id.0))
        .with_partitions(vec![
            FetchPartition::default()
                .with_partition(partition.partition)
                .with_current_leader_epoch(-1)
                .with_fetch_offset(from)
                .with_partition_max_bytes(BYTES_MAX),
        ]);
    let request = FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(100)
        .with_min_bytes(1)
        .with_max_bytes(BYTES_MAX)
        .with_isolation_level(i8::from(committed))
        .with_session_epoch(-1)
        .with_topics(vec![wanted]);
    let mut response = connection.call(&request).await.expect("answers");
    let data = response.responses.remove(0).partitions.remove(0);
    assert_eq!(data.error_code, 0, "{partition}");
    data
}
