//! What is copied: how many partitions, batches and records, and what is in them.

use anyhow::Result;
use bytes::Bytes;
use ferry_copy::batch::codec::Codec;
use ferry_copy::batch::encode::{BatchBuilder, EncodedBatch};
use ferry_copy::batch::records::Contents;
use serde::{Deserialize, Serialize};

/// Bytes of every key.
const KEY_BYTES: usize = 8;
/// Different batches that a topic is filled with, in turn: enough that no cache of a processor
/// holds them all.
const DIFFERENT_BATCHES: u64 = 48;
/// The time of the first record, in milliseconds since 1970: old, as in a migration.
const FIRST_TIMESTAMP_MS: i64 = 1_700_000_000_000;
/// Records by which a batch grows until it has the bytes that are wanted.
const GROWTH: usize = 8;

/// How batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Compression {
    None,
    Lz4,
    Zstd,
}

impl Compression {
    pub(crate) fn codec(self) -> Codec {
        match self {
            Self::None => Codec::None,
            Self::Lz4 => Codec::Lz4,
            Self::Zstd => Codec::Zstd,
        }
    }

    /// The name as in `compression.type`.
    pub(crate) fn name(self) -> &'static str {
        self.codec().name()
    }
}

/// The contents of one topic.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Workload {
    /// The name of the topic at the source.
    pub(crate) topic: String,
    /// What it is, for people.
    pub(crate) title: String,
    pub(crate) compression: Compression,
    pub(crate) partitions: i32,
    /// Key and value of one record.
    pub(crate) record_bytes: usize,
    pub(crate) records_per_batch: usize,
    pub(crate) batches_per_partition: usize,
}

impl Workload {
    /// `megabytes` of payload in records of 1 KiB, in batches of at least `wire_bytes`.
    pub(crate) fn of_batches(
        compression: Compression,
        partitions: i32,
        wire_bytes: usize,
        megabytes: u64,
    ) -> Result<Self> {
        let mut workload = Self {
            topic: format!("{}-{partitions}", compression.name()),
            title: String::new(),
            compression,
            partitions,
            record_bytes: 1_024,
            records_per_batch: GROWTH,
            batches_per_partition: 1,
        };
        while workload.batch(0)?.bytes.len() < wire_bytes {
            workload.records_per_batch += GROWTH;
        }
        workload.fill_up_to(megabytes);
        workload.title = format!(
            "{} KiB on the wire a batch, records of 1 KiB, {}, {partitions} partitions",
            wire_bytes / 1_024,
            match compression {
                Compression::None => "uncompressed",
                other => other.name(),
            }
        );
        Ok(workload)
    }

    /// `megabytes` of payload in uncompressed batches of one record of 200 bytes.
    pub(crate) fn tiny(partitions: i32, megabytes: u64) -> Self {
        let mut workload = Self {
            topic: format!("tiny-{partitions}"),
            title: format!("batches of one record of 200 bytes, {partitions} partitions"),
            compression: Compression::None,
            partitions,
            record_bytes: 200,
            records_per_batch: 1,
            batches_per_partition: 1,
        };
        workload.fill_up_to(megabytes);
        workload
    }

    fn fill_up_to(&mut self, megabytes: u64) {
        let batch_bytes = (self.records_per_batch * self.record_bytes) as u64;
        let all = (megabytes * 1_000_000).div_ceil(batch_bytes);
        self.batches_per_partition = all.div_ceil(self.partitions.unsigned_abs().into()) as usize;
    }

    /// Records in all partitions.
    pub(crate) fn records(&self) -> i64 {
        let batches = self.batches_per_partition as i64 * i64::from(self.partitions);
        batches * self.records_per_batch as i64
    }

    /// Keys and values in all partitions, in GB.
    pub(crate) fn payload_gb(&self) -> f64 {
        self.records() as f64 * self.record_bytes as f64 / 1e9
    }

    /// The batches that the topic is filled with, in turn.
    pub(crate) fn batches(&self) -> Result<Vec<Bytes>> {
        let batch = |number| Ok(self.batch(number)?.bytes);
        (0..DIFFERENT_BATCHES).map(batch).collect()
    }

    /// One batch, of values that compress about twofold.
    fn batch(&self, number: u64) -> Result<EncodedBatch> {
        let mut builder = BatchBuilder::default();
        let mut random = 0x9e37_79b9_7f4a_7c15 ^ (number + 1);
        let value_bytes = self.record_bytes - KEY_BYTES;
        for record in 0..self.records_per_batch {
            let mut value = vec![b'x'; value_bytes];
            for byte in value.iter_mut().take(value_bytes / 2) {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                *byte = random as u8;
            }
            let key = format!("{:08x}", random as u32);
            let contents = Contents {
                key: Some(key.as_bytes()),
                value: Some(&value),
                headers: Vec::new(),
            };
            builder.push_contents(FIRST_TIMESTAMP_MS + record as i64, &contents);
        }
        Ok(builder.finish(self.compression.codec())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferry_copy::batch::header::BatchHeader;

    #[test]
    fn batches_have_the_bytes_and_records_that_the_title_says() {
        for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
            let workload = Workload::of_batches(compression, 6, 64 << 10, 10).unwrap();
            let batches = workload.batches().unwrap();
            assert!(batches[0].len() >= 64 << 10);
            assert!(batches[0].len() < 80 << 10, "no more than it has to be");
            for batch in &batches {
                let header = BatchHeader::read(batch).unwrap();
                assert_eq!(header.records_count as usize, workload.records_per_batch);
            }
            assert_ne!(batches[0], batches[1], "no two are the same");
        }
    }

    #[test]
    fn a_topic_holds_at_least_the_payload_that_was_asked_for() {
        let workload = Workload::tiny(6, 20);
        assert_eq!(
            workload.records(),
            100_002,
            "whole batches in every partition"
        );
        assert!(workload.payload_gb() >= 0.02);
        let batches = workload.batches().unwrap();
        assert_eq!(BatchHeader::read(&batches[0]).unwrap().records_count, 1);
    }
}
