//! What is known of a topic and its partitions.

use crate::identity::TopicId;
use crate::name::{PartitionIndex, TopicName};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicFacts {
    /// Its name on this cluster.
    pub name: TopicName,
    /// Its id, where the brokers have topic ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<TopicId>,
    /// Replicas of each partition.
    pub replication_factor: i16,
    /// Why the topic belongs to Kafka or a tool rather than to the business, where it does:
    /// `consumer offsets`, `transaction state`, `Connect configurations of cluster x` ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal: Option<String>,
    /// Configuration that was set on the topic itself. Defaults and sensitive values are left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub configs: BTreeMap<String, String>,
    /// Its partitions, in order.
    pub partitions: Vec<PartitionFacts>,
}

impl TopicFacts {
    /// Whether `cleanup.policy` holds `compact`.
    #[must_use]
    pub fn compacted(&self) -> bool {
        self.configs
            .get("cleanup.policy")
            .is_some_and(|policy| policy.split(',').any(|part| part.trim() == "compact"))
    }

    /// Offsets between log start and high watermark, summed over all partitions: an upper bound of
    /// the number of records.
    #[must_use]
    pub fn offsets(&self) -> i64 {
        self.partitions
            .iter()
            .map(|p| p.high_watermark - p.log_start_offset)
            .sum()
    }

    /// Bytes of one replica of all partitions, where the brokers told.
    #[must_use]
    pub fn size_bytes(&self) -> Option<u64> {
        self.partitions.iter().map(|p| p.size_bytes).sum()
    }

    /// The newest record timestamp seen in any partition, in milliseconds since 1970.
    #[must_use]
    pub fn last_write_ms(&self) -> Option<i64> {
        self.partitions
            .iter()
            .filter_map(|p| p.shape.newest_timestamp_ms)
            .max()
    }
}

/// What is known of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionFacts {
    /// The partition's number.
    pub partition: PartitionIndex,
    /// The leader's epoch when it was asked; -1 where the broker does not tell.
    pub leader_epoch: i32,
    /// The first offset that can still be read.
    pub log_start_offset: i64,
    /// The end of what is replicated: one more than the last offset that consumers may see.
    pub high_watermark: i64,
    /// The end of what READ_COMMITTED consumers may see. Below the high watermark while a
    /// transaction is open.
    pub last_stable_offset: i64,
    /// Bytes of one replica, where the brokers told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// What a sample of its batches showed.
    #[serde(default)]
    pub shape: LogShape,
}

/// What a sample of a partition's batches showed. A sample proves what it saw, not the absence of
/// the rest: a partition may turn out otherwise while it is copied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogShape {
    /// Batches looked at.
    pub sampled_batches: u64,
    /// Bytes of those batches on the wire.
    pub sampled_bytes: u64,
    /// Records in those batches.
    pub sampled_records: u64,
    /// Offsets that were looked at: those of the batches, and those missing between them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sampled_offsets: u64,
    /// Offsets among them that markers of transactions stand at (KIP-98).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sampled_markers: u64,
    /// Offsets among them without a record, between batches.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sampled_missing: u64,
    /// Offsets among them without a record, inside of batches.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sampled_holes: u64,
    /// A batch covers more offsets than it has records, or offsets are missing between batches.
    pub gaps: bool,
    /// A batch was written in a transaction.
    pub transactional: bool,
    /// A batch carries LogAppendTime.
    pub log_append_time: bool,
    /// The smallest message format seen (`magic`): 0, 1 or 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_format: Option<i8>,
    /// The smallest record timestamp seen, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_timestamp_ms: Option<i64>,
    /// The largest record timestamp seen, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_timestamp_ms: Option<i64>,
    /// The largest batch seen, in bytes.
    pub largest_batch_bytes: u32,
    /// Names of the codecs seen: `none`, `gzip`, `snappy`, `lz4`, `zstd`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub codecs: BTreeSet<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that serde wants"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
