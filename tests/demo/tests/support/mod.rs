//! Reading both clusters as an application would, with a client that is not Ferry's own.

#![allow(unreachable_pub, dead_code, reason = "shared by several tests")]

use ferry_demo::Stage;
use ferry_kafka::Client;
use ferry_model::name::TopicPartition;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer,
};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long all partitions together may take to be read.
const READ_LIMIT: Duration = Duration::from_secs(180);

/// One record as an application sees it, without its offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub timestamp_ms: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Records with their offsets, in order, by partition.
pub type Contents = BTreeMap<TopicPartition, Vec<(i64, Seen)>>;

/// Reads what a READ_COMMITTED consumer sees of `partitions`.
pub fn read(client: &Client, partitions: &[TopicPartition]) -> Contents {
    let mut config = ClientConfig::new();
    for (key, value) in client.settings().to_librdkafka() {
        config.set(key, value);
    }
    let consumer: BaseConsumer = config
        .set("group.id", "not-used")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .set("check.crcs", "true")
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    for place in partitions {
        let topic = place.topic.as_str();
        list.add_partition_offset(topic, place.partition, Offset::Beginning)
            .expect("an offset");
    }
    consumer.assign(&list).expect("assigned");
    let mut contents: Contents = partitions.iter().map(|p| (p.clone(), Vec::new())).collect();
    let mut open = partitions.len();
    let began = Instant::now();
    while open > 0 {
        assert!(
            began.elapsed() < READ_LIMIT,
            "{open} partitions did not end in time"
        );
        match consumer.poll(Duration::from_millis(200)) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => panic!("{error}"),
            Some(Ok(record)) => {
                let topic = ferry_model::name::TopicName::parse(record.topic()).expect("legal");
                let place = TopicPartition::new(topic, record.partition());
                let headers = record
                    .headers()
                    .into_iter()
                    .flat_map(|headers| headers.iter());
                let seen = Seen {
                    timestamp_ms: record.timestamp().to_millis(),
                    key: record.key().map(<[u8]>::to_vec),
                    value: record.payload().map(<[u8]>::to_vec),
                    headers: headers
                        .map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec)))
                        .collect(),
                };
                let list = contents.get_mut(&place).expect("asked for");
                list.push((record.offset(), seen));
            }
        }
    }
    contents
}

/// Appends one record, and returns its offset.
pub fn append(client: &Client, place: &TopicPartition, value: &str) -> i64 {
    let mut config = ClientConfig::new();
    for (key, value) in client.settings().to_librdkafka() {
        config.set(key, value);
    }
    let producer: ThreadedProducer<Delivered> = config
        .set("message.timeout.ms", "20000")
        .create_with_context(Delivered::default())
        .expect("a producer");
    let record = BaseRecord::<str, str>::to(place.topic.as_str())
        .partition(place.partition)
        .payload(value);
    producer.send(record).expect("queued");
    producer.flush(Duration::from_secs(30)).expect("delivered");
    let delivered = producer.context().0.lock().expect("no panic");
    (*delivered).expect("an offset")
}

/// Appends so many records of 10 kB with one timestamp, and waits for them.
pub fn append_at(client: &Client, place: &TopicPartition, records: usize, timestamp_ms: i64) {
    let mut config = ClientConfig::new();
    for (key, value) in client.settings().to_librdkafka() {
        config.set(key, value);
    }
    let producer: ThreadedProducer<Delivered> = config
        .create_with_context(Delivered::default())
        .expect("a producer");
    let value = vec![b'v'; 10_000];
    for _ in 0..records {
        let record = BaseRecord::<str, [u8]>::to(place.topic.as_str())
            .partition(place.partition)
            .timestamp(timestamp_ms)
            .payload(&value);
        assert!(producer.send(record).is_ok(), "queued");
    }
    producer.flush(Duration::from_secs(30)).expect("delivered");
}

/// Keeps the offset of what was delivered last.
#[derive(Default)]
pub struct Delivered(Mutex<Option<i64>>);

impl ClientContext for Delivered {}

impl ProducerContext for Delivered {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Ok(record) = result {
            *self.0.lock().expect("no panic") = Some(record.offset());
        }
    }
}

/// The last record of each key: what a compacted log means.
fn state(records: &[(i64, Seen)]) -> BTreeMap<Option<Vec<u8>>, &Seen> {
    let mut state = BTreeMap::new();
    for (_, record) in records {
        if record.value.is_some() {
            state.insert(record.key.clone(), record);
        } else {
            state.remove(&record.key);
        }
    }
    state
}

/// Compares all partitions that moved (under their own names), as an application would see them:
/// nothing lost, nothing doubled, order kept. Returns how many partitions and records those are.
pub async fn compare(stage: &Stage, compacted: impl Fn(&str) -> bool) -> (usize, usize) {
    let topics = stage.target.admin().list_topics().await.expect("lists");
    let partitions: Vec<TopicPartition> = topics
        .iter()
        .filter(|topic| !topic.internal && !topic.name.as_str().starts_with("ferry-"))
        .flat_map(|topic| {
            let name = topic.name.clone();
            topic
                .partitions
                .iter()
                .map(move |p| TopicPartition::new(name.clone(), p.partition))
        })
        .collect();
    let source = read(&stage.source, &partitions);
    let target = read(&stage.target, &partitions);
    let mut records = 0;
    for place in &partitions {
        let (source, target) = (&source[place], &target[place]);
        records += target.len();
        if compacted(place.topic.as_str()) {
            assert_eq!(state(source), state(target), "{place}");
            continue;
        }
        assert_eq!(source.len(), target.len(), "{place}: records");
        for ((offset, source), (_, target)) in source.iter().zip(target) {
            assert_eq!(source, target, "{place} at source offset {offset}");
        }
    }
    (partitions.len(), records)
}
