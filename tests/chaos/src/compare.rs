//! Comparing both sides with librdkafka, as an application would read them.

use anyhow::{Context as _, Result, bail};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use sha2::{Digest as _, Sha256};
use std::time::{Duration, Instant};

/// How long nothing may come before the reading fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a reader of committed records sees of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How many records.
    pub(crate) records: u64,
    /// A digest of timestamps, keys and values in their order.
    pub(crate) contents: [u8; 32],
    /// A digest of their offsets.
    pub(crate) offsets: [u8; 32],
}

/// Reads all of one partition.
pub(crate) fn read(bootstrap: &str, topic: &str, partition: i32) -> Result<Seen> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "chaos-comparison")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .set("fetch.queue.backoff.ms", "5")
        .create()?;
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition_offset(topic, partition, Offset::Beginning)?;
    consumer.assign(&wanted)?;
    let (mut contents, mut offsets) = (Sha256::new(), Sha256::new());
    let mut records = 0;
    let mut progressed = Instant::now();
    loop {
        match consumer.poll(Duration::from_millis(500)) {
            Some(Ok(message)) => {
                progressed = Instant::now();
                records += 1;
                let timestamp = message.timestamp().to_millis().unwrap_or(-1);
                contents.update(timestamp.to_be_bytes());
                for part in [message.key(), message.payload()] {
                    let bytes = part.unwrap_or(b"none");
                    contents.update((bytes.len() as u64).to_be_bytes());
                    contents.update(bytes);
                }
                offsets.update(message.offset().to_be_bytes());
            }
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => break,
            Some(Err(error)) => tell(&error),
            None => {}
        }
        if progressed.elapsed() > PATIENCE {
            bail!("{topic}-{partition}: nothing comes any more after {records} records");
        }
    }
    Ok(Seen {
        records,
        contents: contents.finalize().into(),
        offsets: offsets.finalize().into(),
    })
}

/// A broker that is starting: librdkafka tries again by itself.
fn tell(error: &rdkafka::error::KafkaError) {
    crate::say(&format!("  (reader: {error})"));
}

/// Compares partitions of both sides; `kept` says whether offsets have to be equal too. Returns how
/// many records there are.
pub(crate) async fn equal(
    source: &str,
    target: &str,
    partitions: &[(String, i32, bool)],
) -> Result<u64> {
    let mut records = 0;
    for (topic, partition, kept) in partitions {
        let read_from = |bootstrap: &str| {
            let (bootstrap, topic, partition) = (bootstrap.to_owned(), topic.clone(), *partition);
            tokio::task::spawn_blocking(move || read(&bootstrap, &topic, partition))
        };
        let (at_source, at_target) = tokio::try_join!(read_from(source), read_from(target))?;
        let (at_source, at_target) = (
            at_source.context("reading the source")?,
            at_target.context("reading the target")?,
        );
        if at_source.records != at_target.records || at_source.contents != at_target.contents {
            bail!(
                "{topic}-{partition} differs: {} records at the source, {} at the target",
                at_source.records,
                at_target.records
            );
        }
        if *kept && at_source.offsets != at_target.offsets {
            bail!("{topic}-{partition}: the contents are equal, but not their offsets");
        }
        records += at_source.records;
    }
    Ok(records)
}
