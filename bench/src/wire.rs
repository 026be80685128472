//! What the bench itself asks of clusters: topics, ends, batches in and out.

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use ferry_copy::batch::header::CONTROL;
use ferry_copy::batch::slices::BatchSlices;
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_kafka::{Client, ClientSettings, Connection, ErrorCode, Lane, Pending};
use ferry_model::identity::Side;
use ferry_model::name::{TopicName, TopicPartition};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    BrokerId, FetchRequest, FetchResponse, ProduceRequest, ProduceResponse, TopicName as WireTopic,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// The most that one produce request carries.
const REQUEST_BYTES_MAX: usize = 4 << 20;
/// The most partitions that one request is about.
const REQUEST_PARTITIONS_MAX: usize = 400;
/// The most partitions that are created at once: a controller refuses changes of 10,000 records.
const CREATED_AT_ONCE_MAX: i32 = 5_000;
/// How long new partitions may be without a leader.
const LED_LIMIT: Duration = Duration::from_secs(60);
/// How long it is waited between two looks at them.
const LED_PAUSE: Duration = Duration::from_millis(100);
/// The most that one fetch brings.
const FETCH_BYTES_MAX: i32 = 16 << 20;
/// The most that one fetch brings of one partition.
const FETCH_PARTITION_BYTES_MAX: i32 = 4 << 20;
/// How long a broker may wait for its followers.
const TIMEOUT_MS: i32 = 30_000;

/// Connects without encryption or login.
pub(crate) async fn connect(bootstrap: &str, side: Side) -> Result<Client> {
    let properties = BTreeMap::from([("bootstrap.servers".to_owned(), bootstrap.to_owned())]);
    Ok(Client::connect(ClientSettings::from_properties(&properties)?, side).await?)
}

/// The partitions 0 to `partitions` of `topic`.
pub(crate) fn places(topic: &TopicName, partitions: i32) -> Vec<TopicPartition> {
    (0..partitions)
        .map(|partition| TopicPartition::new(topic.clone(), partition))
        .collect()
}

/// Creates `topic` with the settings that a copy gives its target, and waits until every partition
/// answers.
pub(crate) async fn create(client: &Client, topic: &str, partitions: i32) -> Result<TopicName> {
    let configs = [("compression.type", "producer"), ("retention.ms", "-1")];
    create_with(client, topic, partitions, &configs).await
}

/// As [`create`], with settings of its own.
pub(crate) async fn create_with(
    client: &Client,
    topic: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> Result<TopicName> {
    let name = TopicName::parse(topic)?;
    let configs = configs.iter();
    let new = NewTopic {
        name: name.clone(),
        partitions: partitions.min(CREATED_AT_ONCE_MAX),
        replication_factor: 1,
        configs: configs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    };
    for (_, result) in client.admin().create_topics(&[new], Mode::Apply).await? {
        result.with_context(|| format!("{topic} can't be created"))?;
    }
    let mut created = partitions.min(CREATED_AT_ONCE_MAX);
    while created < partitions {
        created = partitions.min(created + CREATED_AT_ONCE_MAX);
        let total = [(name.clone(), created)];
        let grown = client
            .admin()
            .create_partitions(&total, Mode::Apply)
            .await?;
        for (_, result) in grown {
            result.with_context(|| format!("{topic} can't get {created} partitions"))?;
        }
    }
    led(client, &name, partitions).await?;
    ends(client, &places(&name, partitions)).await?;
    Ok(name)
}

/// Waits until every partition of `topic` has a leader, as the brokers tell.
async fn led(client: &Client, topic: &TopicName, partitions: i32) -> Result<()> {
    let places = places(topic, partitions);
    let began = Instant::now();
    loop {
        client.refresh(std::slice::from_ref(topic)).await?;
        let Some(without) = places.iter().find(|place| client.leader(place).is_none()) else {
            return Ok(());
        };
        ensure!(began.elapsed() < LED_LIMIT, "{without} gets no leader");
        tokio::time::sleep(LED_PAUSE).await;
    }
}

/// Deletes every topic of a cluster but those that `keep` names and the brokers' own.
pub(crate) async fn delete_all_but(client: &Client, keep: &[&str]) -> Result<()> {
    let topics = client.admin().list_topics().await?;
    let gone: Vec<TopicName> = topics
        .into_iter()
        .filter(|topic| !topic.internal && !keep.contains(&topic.name.as_str()))
        .map(|topic| topic.name)
        .collect();
    if !gone.is_empty() {
        for (_, deleted) in client.admin().delete_topics(&gone).await? {
            deleted?;
        }
    }
    Ok(())
}

/// The high watermarks of `partitions`.
pub(crate) async fn ends(client: &Client, partitions: &[TopicPartition]) -> Result<Vec<i64>> {
    let admin = client.admin();
    let listed = admin.list_offsets(partitions, OffsetSpec::Latest).await;
    let mut ends = Vec::with_capacity(partitions.len());
    for (place, offset) in listed {
        let offset = offset.with_context(|| format!("{place} does not tell its end"))?;
        ends.push(offset.offset.unwrap_or(0));
    }
    if ends.len() != partitions.len() {
        bail!("{} of {} ends were told", ends.len(), partitions.len());
    }
    Ok(ends)
}

/// A connection to the leader of the first partition; every cluster here has one node.
pub(crate) async fn connection(
    client: &Client,
    topic: &TopicName,
    lane: Lane,
) -> Result<Connection> {
    let place = TopicPartition::new(topic.clone(), 0);
    let leader = client.leader(&place);
    let leader = leader.with_context(|| format!("{place} has no leader"))?;
    Ok(client.connection(leader.broker, lane).await?)
}

/// Appends `batches` in turn to every partition of `topic`, `per_partition` of them to each. At
/// most `depth` requests are under way at a time; each has at most one batch of a partition.
pub(crate) async fn append(
    client: &Client,
    topic: &TopicName,
    partitions: i32,
    batches: &[Bytes],
    per_partition: usize,
    depth: usize,
) -> Result<u64> {
    let connection = connection(client, topic, Lane::Produce(0)).await?;
    let largest = batches.iter().map(Bytes::len).max().unwrap_or(1).max(1);
    let at_once = (REQUEST_BYTES_MAX / largest).clamp(1, REQUEST_PARTITIONS_MAX);
    let mut under_way = VecDeque::new();
    let mut written = 0;
    for round in 0..per_partition {
        let batch = &batches[round % batches.len()];
        for first in (0..partitions).step_by(at_once) {
            let last = partitions.min(first + at_once as i32);
            if under_way.len() >= depth {
                acknowledged(under_way.pop_front(), topic).await?;
            }
            let data = (first..last).map(|partition| (partition, batch.clone()));
            under_way.push_back(connection.send(&produce_request(topic, data))?);
            written += batch.len() as u64 * u64::from((last - first).unsigned_abs());
        }
    }
    while !under_way.is_empty() {
        acknowledged(under_way.pop_front(), topic).await?;
    }
    Ok(written)
}

/// A produce request with acks=all.
pub(crate) fn produce_request(
    topic: &TopicName,
    batches: impl Iterator<Item = (i32, Bytes)>,
) -> ProduceRequest {
    let data = batches.map(|(partition, batch)| {
        PartitionProduceData::default()
            .with_index(partition)
            .with_records(Some(batch))
    });
    let topic = TopicProduceData::default()
        .with_name(WireTopic(StrBytes::from_string(topic.to_string())))
        .with_partition_data(data.collect());
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(TIMEOUT_MS)
        .with_topic_data(vec![topic])
}

/// Awaits the answer to a produce request.
pub(crate) async fn acknowledged(
    pending: Option<Pending<ProduceResponse>>,
    topic: &TopicName,
) -> Result<()> {
    let Some(pending) = pending else {
        return Ok(());
    };
    for answered in pending.await?.responses {
        for partition in answered.partition_responses {
            let code = ErrorCode(partition.error_code);
            if !code.ok() {
                bail!("{topic}-{} refused a batch: {code}", partition.index);
            }
        }
    }
    Ok(())
}

/// What was read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Read {
    /// Records, markers of transactions apart.
    pub(crate) records: i64,
    pub(crate) bytes: u64,
}

/// Reads every partition of `topic` up to its present end, and keeps nothing.
pub(crate) async fn read_all(client: &Client, topic: &TopicName, partitions: i32) -> Result<Read> {
    let ends = ends(client, &places(topic, partitions)).await?;
    let of_lane = |lane: usize| {
        let ends = ends.iter().enumerate().skip(lane).step_by(2);
        ends.map(|(partition, end)| (partition as i32, 0, *end))
            .collect()
    };
    let (one, two) = tokio::try_join!(
        read_lane(client, topic, 0, of_lane(0)),
        read_lane(client, topic, 1, of_lane(1))
    )?;
    Ok(Read {
        records: one.records + two.records,
        bytes: one.bytes + two.bytes,
    })
}

/// Reads partitions (number, position, end) one fetch after the other.
async fn read_lane(
    client: &Client,
    topic: &TopicName,
    lane: u16,
    mut wanted: VecDeque<(i32, i64, i64)>,
) -> Result<Read> {
    let connection = connection(client, topic, Lane::Fetch(lane)).await?;
    let id = client.topic_id(topic).map(|id| id.0).unwrap_or_default();
    let mut read = Read::default();
    loop {
        wanted.retain(|(_, position, end)| position < end);
        if wanted.is_empty() {
            return Ok(read);
        }
        let partitions = wanted.iter().take(REQUEST_PARTITIONS_MAX);
        let partitions = partitions.map(|(partition, position, _)| {
            FetchPartition::default()
                .with_partition(*partition)
                .with_fetch_offset(*position)
                .with_current_leader_epoch(-1)
                .with_log_start_offset(-1)
                .with_partition_max_bytes(FETCH_PARTITION_BYTES_MAX)
        });
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(250)
            .with_min_bytes(1)
            .with_max_bytes(FETCH_BYTES_MAX)
            .with_session_epoch(-1)
            .with_topics(vec![
                FetchTopic::default()
                    .with_topic(WireTopic(StrBytes::from_string(topic.to_string())))
                    .with_topic_id(id)
                    .with_partitions(partitions.collect()),
            ]);
        let positions = take(connection.call(&request).await?, &mut read)?;
        for (partition, position, _) in &mut wanted {
            if let Some(next) = positions.get(partition) {
                *position = *next;
            }
        }
        // A broker fills an answer from the front: whoever got something goes to the end.
        let served = wanted.len().min(REQUEST_PARTITIONS_MAX);
        let mut front: Vec<_> = wanted.drain(..served).collect();
        front.sort_by_key(|(partition, ..)| positions.contains_key(partition));
        let hungry = front.partition_point(|(partition, ..)| !positions.contains_key(partition));
        wanted.extend(front.split_off(hungry));
        for place in front.into_iter().rev() {
            wanted.push_front(place);
        }
    }
}

/// Counts what an answer holds, and says where each partition goes on.
fn take(response: FetchResponse, read: &mut Read) -> Result<BTreeMap<i32, i64>> {
    let mut positions = BTreeMap::new();
    let answers = response.responses.into_iter().flat_map(|t| t.partitions);
    for partition in answers {
        let code = ErrorCode(partition.error_code);
        if !code.ok() {
            bail!(
                "partition {} can't be read: {code}",
                partition.partition_index
            );
        }
        for batch in BatchSlices::new(partition.records.unwrap_or_default()) {
            let batch = batch?;
            if !batch.header.has(CONTROL) {
                read.records += i64::from(batch.header.records_count);
            }
            read.bytes += batch.bytes.len() as u64;
            positions.insert(partition.partition_index, batch.header.next_offset());
        }
    }
    Ok(positions)
}
