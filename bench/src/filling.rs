//! Fills a topic of the source with large batches.

use anyhow::{Result, bail};
use bytes::BytesMut;
use ferry_copy::batch::codec::Codec;
use ferry_copy::batch::encode::{BatchBuilder, EncodedBatch};
use ferry_copy::batch::records::Contents;
use ferry_copy::batch::rewrite::{Producer, append_rewritten};
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_kafka::{Client, ClientSettings, Connection, ErrorCode, Lane};
use ferry_model::identity::Side;
use ferry_model::name::{TopicName, TopicPartition};
use ferry_testbed::{Cluster, Listener};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName as WireTopic};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

/// Partitions of every topic.
pub(crate) const PARTITIONS: i32 = 6;
/// Bytes of each value.
const VALUE_BYTES: usize = 1_024;
/// The least bytes of a batch on the wire.
const BATCH_BYTES_LEAST: usize = 64 * 1_024;
/// Requests under way while filling.
const UNDER_WAY: usize = 8;

/// Batches that may be refused because their partition is not known yet.
const REFUSED_MAX: usize = 200;
/// The pause before one of them is sent again.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// Creates `topic` and fills it with at least `bytes` of batches. Returns how many it has.
pub(crate) async fn fill(source: &Cluster, topic: &str, codec: Codec, bytes: u64) -> Result<u64> {
    let client = connect(&source.bootstrap(Listener::Plaintext), Side::Source).await?;
    let name = create(&client, topic).await?;
    let place = TopicPartition::new(name.clone(), 0);
    let Some(leader) = client.leader(&place) else {
        bail!("{place} has no leader")
    };
    let connection = client.connection(leader.broker, Lane::Produce(0)).await?;
    let batch = batch(codec)?;
    let mut written = 0;
    let mut under_way = VecDeque::new();
    let mut partition = 0;
    let mut refused = 0;
    while written < bytes || !under_way.is_empty() {
        if written < bytes && under_way.len() < UNDER_WAY {
            let pending = send(&connection, &name, partition, &batch)?;
            under_way.push_back((partition, pending));
            written += batch.bytes.len() as u64;
            partition = (partition + 1) % PARTITIONS;
        } else if let Some((partition, pending)) = under_way.pop_front() {
            let answer = pending.await?;
            let code = ErrorCode(answer.responses[0].partition_responses[0].error_code);
            if is_new(code) && refused < REFUSED_MAX {
                refused += 1;
                tokio::time::sleep(REFUSED_PAUSE).await;
                let again = send(&connection, &name, partition, &batch)?;
                under_way.push_back((partition, again));
            } else if !code.ok() {
                bail!("filling {name} was refused: {code}");
            }
        }
    }
    Ok(written)
}

/// Whether a broker answers so for a partition that was created a moment ago.
fn is_new(code: ErrorCode) -> bool {
    [
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ]
    .contains(&code)
}

pub(crate) async fn connect(bootstrap: &str, side: Side) -> Result<Client> {
    let properties = BTreeMap::from([("bootstrap.servers".to_owned(), bootstrap.to_owned())]);
    Ok(Client::connect(ClientSettings::from_properties(&properties)?, side).await?)
}

/// Creates `topic` with the settings that a copy gives its target.
pub(crate) async fn create(client: &Client, topic: &str) -> Result<TopicName> {
    let name = TopicName::parse(topic)?;
    let setting = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let new = NewTopic {
        name: name.clone(),
        partitions: PARTITIONS,
        replication_factor: 1,
        configs: BTreeMap::from([
            setting("compression.type", "producer"),
            setting("retention.ms", "-1"),
        ]),
    };
    for (_, result) in client.admin().create_topics(&[new], Mode::Apply).await? {
        result?;
    }
    client.refresh(std::slice::from_ref(&name)).await?;
    Ok(name)
}

/// A batch of at least [`BATCH_BYTES_LEAST`] on the wire, of values that compress about twofold.
fn batch(codec: Codec) -> Result<EncodedBatch> {
    let mut records = 64;
    loop {
        let mut builder = BatchBuilder::default();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for record in 0..records {
            let mut value = vec![b'x'; VALUE_BYTES];
            for byte in value.iter_mut().take(VALUE_BYTES / 2) {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                *byte = random as u8;
            }
            let key = format!("key-{record}");
            let contents = Contents {
                key: Some(key.as_bytes()),
                value: Some(&value),
                headers: Vec::new(),
            };
            builder.push_contents(1_700_000_000_000 + record, &contents);
        }
        let batch = builder.finish(codec)?;
        if batch.bytes.len() >= BATCH_BYTES_LEAST {
            return Ok(batch);
        }
        records += 16;
    }
}

fn send(
    connection: &Connection,
    name: &TopicName,
    partition: i32,
    batch: &EncodedBatch,
) -> Result<ferry_kafka::Pending<kafka_protocol::messages::ProduceResponse>> {
    let nobody = Producer {
        id: -1,
        epoch: -1,
        transactional: false,
    };
    let mut out = BytesMut::new();
    append_rewritten(&mut out, &batch.bytes, &batch.header, nobody, -1);
    let data = PartitionProduceData::default()
        .with_index(partition)
        .with_records(Some(out.freeze()));
    let topic = TopicProduceData::default()
        .with_name(WireTopic(StrBytes::from_string(name.to_string())))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![topic]);
    Ok(connection.send(&request)?)
}
