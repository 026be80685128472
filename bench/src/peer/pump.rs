//! What a careful engineer would write in an afternoon: librdkafka's consumer and its idempotent
//! producer in one process, every record handed on with its partition, time, key and headers.
//!
//! Tuned for throughput: large fetches and a deep queue at the consumer, batches of up to 1 MB that
//! may wait 20 ms at the producer, the codec of the source.

use anyhow::{Context as _, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer,
};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use super::{Said, Task};

/// How long the consumer waits for a record.
const POLL: Duration = Duration::from_millis(100);
/// The pause when the producer's queue is full.
const FULL_PAUSE: Duration = Duration::from_millis(1);
/// How long the last records may take.
const FLUSH_LIMIT: Duration = Duration::from_secs(300);
/// How long nothing may come before the end.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Counts what became of records.
#[derive(Debug, Default)]
struct Fates {
    failed: AtomicI64,
}

impl ClientContext for Fates {}

impl ProducerContext for Fates {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Hands on every record that the source's topic holds.
pub(super) fn run(task: &Task) -> Result<Said> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &task.source)
        .set("group.id", "bench-pump")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.message.max.bytes", "4194304")
        .set("fetch.max.bytes", "67108864")
        .set("queued.min.messages", "1000000")
        .set("queued.max.messages.kbytes", "131072")
        .set("fetch.queue.backoff.ms", "10")
        .create()?;
    let producer: ThreadedProducer<Fates> = ClientConfig::new()
        .set("bootstrap.servers", &task.target)
        .set("enable.idempotence", "true")
        .set("compression.codec", task.workload.compression.name())
        .set("batch.size", "1000000")
        .set("batch.num.messages", "100000")
        .set("linger.ms", "20")
        .set("queue.buffering.max.messages", "1000000")
        .set("queue.buffering.max.kbytes", "262144")
        .set("delivery.report.only.error", "true")
        .create_with_context(Fates::default())?;
    let mut places = TopicPartitionList::new();
    for partition in 0..task.workload.partitions {
        places.add_partition_offset(&task.workload.topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&places)?;
    let began = Instant::now();
    let wanted = task.workload.records();
    let mut handed_on = 0;
    let mut silent_since = None;
    while handed_on < wanted {
        let Some(message) = consumer.poll(POLL) else {
            if silent_since.get_or_insert_with(Instant::now).elapsed() > SILENCE_MAX {
                bail!("nothing came after {handed_on} of {wanted} records");
            }
            continue;
        };
        silent_since = None;
        hand_on(
            &producer,
            &task.copy,
            &message.context("a record can't be read")?,
        )?;
        handed_on += 1;
    }
    producer.flush(FLUSH_LIMIT)?;
    let failed = producer.context().failed.load(Ordering::Relaxed);
    if failed > 0 {
        bail!("{failed} records could not be delivered");
    }
    Ok(Said {
        seconds: began.elapsed().as_secs_f64(),
        records: handed_on,
        ..Said::default()
    })
}

/// Queues one record; waits while the queue is full.
fn hand_on(
    producer: &ThreadedProducer<Fates>,
    topic: &str,
    message: &rdkafka::message::BorrowedMessage<'_>,
) -> Result<()> {
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic)
        .partition(message.partition())
        .timestamp(message.timestamp().to_millis().unwrap_or(0));
    if let Some(key) = message.key() {
        record = record.key(key);
    }
    if let Some(value) = message.payload() {
        record = record.payload(value);
    }
    if let Some(headers) = message.headers() {
        record = record.headers(headers.detach());
    }
    loop {
        let Err((error, refused)) = producer.send(record) else {
            return Ok(());
        };
        if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
            return Err(error).context("a record can't be queued");
        }
        record = refused;
        std::thread::sleep(FULL_PAUSE);
    }
}
