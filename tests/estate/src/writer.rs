//! Producers, one for each codec and shape of batches.

use crate::content::Made;
use crate::error::EstateError;
use ferry_kafka::ClientSettings;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message as _, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a full queue is waited for.
const QUEUE_LIMIT: Duration = Duration::from_secs(60);

/// How long a flush may take.
const FLUSH_LIMIT: Duration = Duration::from_secs(120);

/// How long one step of it waits.
const FLUSH_STEP: Duration = Duration::from_millis(50);

/// How long batches are filled that nobody waits for, in milliseconds.
const FILL_MS: u32 = 200;

/// How long batches are filled that somebody waits for.
const FILL_SHORT_MS: u32 = 5;

/// How long a batch is filled that shall hold all that is queued: a hundred times what it takes.
const FILL_LONG_MS: u32 = 1_000;

/// A codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Codec {
    /// The name in settings.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// How large batches are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Batches {
    /// One record each.
    Single,
    /// Up to 16 KiB before compression, the default of Kafka's own producer.
    Small,
    /// Up to 128 KiB.
    Medium,
    /// Up to 900 KiB, just below what topics take by default.
    Large,
    /// One record of up to 4 MB each.
    Huge,
}

/// A producer that counts what became of its records.
pub(crate) struct Writer {
    producer: ThreadedProducer<Fates>,
    sent: AtomicU64,
}

/// What became of the records.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    delivered: AtomicU64,
    failed: AtomicU64,
    first_failure: Mutex<Option<String>>,
}

impl Fates {
    /// Records whose fate is known.
    fn settled(&self) -> u64 {
        self.delivered.load(Ordering::Acquire) + self.failed.load(Ordering::Acquire)
    }
}

impl ClientContext for Fates {}

impl ProducerContext for Fates {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.delivered.fetch_add(1, Ordering::Release);
            }
            Err((error, record)) => {
                let first = self.first_failure.lock();
                let mut first = first.unwrap_or_else(PoisonError::into_inner);
                let (topic, partition) = (record.topic(), record.partition());
                first.get_or_insert_with(|| format!("a record for {topic}-{partition}: {error}"));
                drop(first);
                self.failed.fetch_add(1, Ordering::Release);
            }
        }
    }
}

/// The settings that every client has in common. Holds secrets.
pub(crate) fn config(settings: &ClientSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (key, value) in settings.to_librdkafka() {
        config.set(key, value);
    }
    config
}

impl Writer {
    /// A producer for `codec` and `batches`, which are filled for so long; within transactions where
    /// it has an id.
    fn new(
        settings: &ClientSettings,
        (codec, batches): (Codec, Batches),
        fill_ms: u32,
        transactional_id: Option<&str>,
    ) -> Result<Self, EstateError> {
        let mut config = config(settings);
        let bytes = match batches {
            Batches::Single => "1000000",
            Batches::Small => "16384",
            Batches::Medium => "131072",
            Batches::Large => "921600",
            Batches::Huge => "1000000",
        };
        let (fill_ms, records) = match batches {
            Batches::Single | Batches::Huge => (0, "1"),
            _ => (fill_ms, "1000000"),
        };
        config
            .set("enable.idempotence", "true")
            .set("compression.codec", codec.as_str())
            .set("batch.size", bytes)
            .set("batch.num.messages", records)
            .set("linger.ms", fill_ms.to_string())
            .set("queue.buffering.max.messages", "300000")
            .set("queue.buffering.max.kbytes", "131072")
            .set("socket.nagle.disable", "true")
            .set("topic.metadata.refresh.sparse", "true");
        if batches == Batches::Huge {
            config.set("message.max.bytes", "4000000");
        }
        if let Some(id) = transactional_id {
            config.set("transactional.id", id);
        }
        let producer = config.create_with_context(Fates::default());
        let producer = producer.map_err(|source| EstateError::Client {
            what: format!("{} records", codec.as_str()),
            source,
        })?;
        Ok(Self {
            producer,
            sent: AtomicU64::new(0),
        })
    }

    /// The producer itself, for its transactions.
    pub(crate) fn producer(&self) -> &ThreadedProducer<Fates> {
        &self.producer
    }

    /// Queues one record; waits while the queue is full.
    pub(crate) fn send(
        &self,
        topic: &str,
        partition: i32,
        made: &Made<'_>,
    ) -> Result<(), EstateError> {
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic)
            .partition(partition)
            .timestamp(made.timestamp_ms);
        if let Some(key) = made.key {
            record = record.key(key);
        }
        if let Some(value) = made.value {
            record = record.payload(value);
        }
        if let Some(headers) = &made.headers {
            record = record.headers(OwnedHeaders::clone(headers));
        }
        let started = Instant::now();
        loop {
            let (error, refused) = match self.producer.send(record) {
                Ok(()) => {
                    self.sent.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Err(refused) => refused,
            };
            let full = error == KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            if !full || started.elapsed() > QUEUE_LIMIT {
                return Err(EstateError::Write {
                    topic: topic.to_owned(),
                    reason: error.to_string(),
                });
            }
            record = refused;
            // The queue empties in the background.
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until every record that was queued so far is acknowledged.
    pub(crate) fn flush(&self, what: &str) -> Result<(), EstateError> {
        let failed = |reason: String| EstateError::Write {
            topic: what.to_owned(),
            reason,
        };
        let sent = self.sent.load(Ordering::Relaxed);
        let started = Instant::now();
        let fates = self.producer.context();
        // The fate of a record may be told by another thread, after the flush has returned.
        while fates.settled() < sent {
            if started.elapsed() > FLUSH_LIMIT {
                let missing = sent - fates.settled();
                let waited_ms = FLUSH_LIMIT.as_millis();
                let reason = format!("{missing} records were not acknowledged in {waited_ms} ms");
                return Err(failed(reason));
            }
            match self.producer.flush(FLUSH_STEP) {
                Ok(()) | Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut)) => {}
                Err(error) => return Err(failed(error.to_string())),
            }
        }
        match fates.failed.load(Ordering::Acquire) {
            0 => Ok(()),
            count => {
                let first = fates.first_failure.lock();
                let first = first.unwrap_or_else(PoisonError::into_inner).clone();
                let first = first.unwrap_or_default();
                let reason = format!("{count} records were not written, first {first}");
                Err(failed(reason))
            }
        }
    }
}

/// The producers of an estate, made when they are needed and shared by all threads.
pub(crate) struct Writers {
    settings: ClientSettings,
    shared: Mutex<std::collections::BTreeMap<(Codec, Batches), Arc<Writer>>>,
}

impl Writers {
    pub(crate) fn new(settings: &ClientSettings) -> Self {
        Self {
            settings: settings.clone(),
            shared: Mutex::default(),
        }
    }

    /// The one for this codec and these batches.
    pub(crate) fn shared(
        &self,
        codec: Codec,
        batches: Batches,
    ) -> Result<Arc<Writer>, EstateError> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = shared.get(&(codec, batches)) {
            return Ok(Arc::clone(writer));
        }
        let writer = Writer::new(&self.settings, (codec, batches), FILL_MS, None)?;
        let writer = Arc::new(writer);
        shared.insert((codec, batches), Arc::clone(&writer));
        Ok(writer)
    }

    /// One that nobody else has, for records that are waited for.
    pub(crate) fn own(&self, codec: Codec, batches: Batches) -> Result<Writer, EstateError> {
        Writer::new(&self.settings, (codec, batches), FILL_SHORT_MS, None)
    }

    /// One that nobody else has, and that sends what is queued in one batch.
    pub(crate) fn in_one_batch(
        &self,
        codec: Codec,
        batches: Batches,
    ) -> Result<Writer, EstateError> {
        Writer::new(&self.settings, (codec, batches), FILL_LONG_MS, None)
    }

    /// One for transactions.
    pub(crate) fn transactional(&self, id: &str) -> Result<Writer, EstateError> {
        let shape = (Codec::Lz4, Batches::Small);
        Writer::new(&self.settings, shape, FILL_SHORT_MS, Some(id))
    }

    /// Waits until every record of every shared one is acknowledged.
    pub(crate) fn flush(&self) -> Result<(), EstateError> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        for (codec, batches) in shared.keys() {
            let writer = &shared[&(*codec, *batches)];
            writer.flush(&format!(
                "records in {} ({batches:?} batches)",
                codec.as_str()
            ))?;
        }
        Ok(())
    }
}
