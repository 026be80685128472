//! What the tests on real brokers share.

// Not every test file uses everything; helpers of tests may do what tests may.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use bytes::{BufMut, Bytes, BytesMut};
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_kafka::settings::ClientSettings;
use ferry_kafka::{Client, ConnectError, Lane};
use ferry_model::identity::Side;
use ferry_model::name::{TopicName, TopicPartition};
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName as WireTopic};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// How long anything may take that is waited for.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) type Properties = BTreeMap<String, String>;

pub(crate) fn topic(name: &str) -> TopicName {
    TopicName::parse(name).unwrap()
}

pub(crate) fn partition(name: &str, index: i32) -> TopicPartition {
    TopicPartition::new(topic(name), index)
}

pub(crate) fn settings(properties: &Properties) -> ClientSettings {
    ClientSettings::from_properties(properties).unwrap()
}

pub(crate) async fn connect(properties: &Properties) -> Result<Client, ConnectError> {
    Client::connect(settings(properties), Side::Source).await
}

/// One node with a plain listener, and a client of it.
pub(crate) async fn plain(version: KafkaVersion) -> (Cluster, Client) {
    let cluster = Cluster::builder(version)
        .name("kafka-client")
        .listener(Listener::Plaintext)
        .start()
        .await
        .unwrap();
    let client = connect(&cluster.client_properties(Listener::Plaintext, ""))
        .await
        .unwrap();
    (cluster, client)
}

pub(crate) fn new_topic(name: &str, partitions: i32, configs: &[(&str, &str)]) -> NewTopic {
    let configs = configs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    NewTopic {
        name: topic(name),
        partitions,
        replication_factor: 1,
        configs: configs.collect(),
    }
}

pub(crate) async fn create(client: &Client, topics: &[NewTopic]) {
    let results = client
        .admin()
        .create_topics(topics, Mode::Apply)
        .await
        .unwrap();
    for (name, result) in results {
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// Waits until `condition` gives something, at most [`LIMIT`].
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// One batch of `count` records without keys, each with `value` as its value, of format 2.
pub(crate) fn batch(
    count: i32,
    timestamp_ms: i64,
    value: &[u8],
    producer: Option<Sequence>,
) -> Bytes {
    let producer = producer.unwrap_or(Sequence {
        id: -1,
        epoch: -1,
        first: -1,
        transactional: false,
    });
    let mut records = BytesMut::new();
    for delta in 0..count {
        let mut record = BytesMut::new();
        record.put_i8(0);
        put_varint(&mut record, 0);
        put_varint(&mut record, i64::from(delta));
        put_varint(&mut record, -1);
        put_varint(&mut record, value.len() as i64);
        record.extend_from_slice(value);
        put_varint(&mut record, 0);
        put_varint(&mut records, record.len() as i64);
        records.extend_from_slice(&record);
    }
    let mut checked = BytesMut::new();
    checked.put_i16(if producer.transactional { 0x10 } else { 0 });
    checked.put_i32(count - 1);
    checked.put_i64(timestamp_ms);
    checked.put_i64(timestamp_ms);
    checked.put_i64(producer.id);
    checked.put_i16(producer.epoch);
    checked.put_i32(producer.first);
    checked.put_i32(count);
    checked.extend_from_slice(&records);
    let mut batch = BytesMut::new();
    batch.put_i64(0);
    batch.put_i32(9 + checked.len() as i32);
    batch.put_i32(-1);
    batch.put_i8(2);
    batch.put_u32(crc32c::crc32c(&checked));
    batch.extend_from_slice(&checked);
    batch.freeze()
}

/// Who writes a batch, and with which first sequence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sequence {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
    pub(crate) first: i32,
    pub(crate) transactional: bool,
}

fn put_varint(buffer: &mut BytesMut, value: i64) {
    let mut value = ((value << 1) ^ (value >> 63)) as u64;
    while value >= 0x80 {
        buffer.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    buffer.put_u8(value as u8);
}

pub(crate) fn produce_request(
    partition: &TopicPartition,
    records: Bytes,
    transactional_id: Option<&str>,
) -> ProduceRequest {
    let data = PartitionProduceData::default()
        .with_index(partition.partition)
        .with_records(Some(records));
    let name = StrBytes::from_string(partition.topic.to_string());
    let data = TopicProduceData::default()
        .with_name(WireTopic(name))
        .with_partition_data(vec![data]);
    let id = transactional_id.map(|id| StrBytes::from_string(id.to_owned()).into());
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_transactional_id(id)
        .with_topic_data(vec![data])
}

/// Produces one batch to the partition's leader, once it is one; its error code and base offset.
pub(crate) async fn produce(
    client: &Client,
    partition: &TopicPartition,
    records: Bytes,
    transactional_id: Option<&str>,
) -> (i16, i64) {
    let request = produce_request(partition, records, transactional_id);
    eventually("a leader", async || {
        client
            .refresh(std::slice::from_ref(&partition.topic))
            .await
            .unwrap();
        let leader = client.leader(partition)?;
        let connection = client
            .connection(leader.broker, Lane::Produce(0))
            .await
            .ok()?;
        let response = connection.call(&request).await.unwrap();
        let told = &response.responses[0].partition_responses[0];
        // Nothing was written: the broker has not heard yet that it leads.
        let not_yet = [3, 6].contains(&told.error_code);
        (!not_yet).then_some((told.error_code, told.base_offset))
    })
    .await
}
