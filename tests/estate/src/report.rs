//! What was made.

use ferry_model::acl::AclBinding;
use ferry_model::group::CommittedOffset;
use ferry_model::name::{GroupId, PartitionIndex, TopicName, TopicPartition};
use ferry_model::offset::grouped;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What is special about a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trait {
    /// Nothing was ever written.
    NeverWritten,
    /// Records at its head were deleted: its log starts far from 0.
    HeadDeleted,
    /// Its log starts in the middle of a batch.
    HeadDeletedInsideBatch,
    /// All records were deleted: its log starts where it ends, which is not 0.
    AllDeleted,
    /// Compaction has left holes.
    Compacted,
    /// The brokers gave its records their timestamps.
    LogAppendTime,
    /// Written in transactions, some of them committed.
    Committed,
    /// Written in transactions, some of them aborted.
    Aborted,
    /// Several producers wrote transactions at the same time.
    Interleaved,
    /// Every batch holds one record.
    SingleRecordBatches,
    /// Batches hold tens to hundreds of kilobytes.
    LargeBatches,
    /// Records of more than a megabyte, which most clusters refuse by default.
    LargeRecords,
    /// Batches of every codec.
    MixedCodecs,
    /// Most records are older than 30 days.
    Old,
    /// Records with a key and a null value in a compacted topic.
    Tombstones,
    /// Null values in a topic that is not compacted.
    NullValues,
    /// Headers with null values, with empty values, and with the same key twice.
    OddHeaders,
    /// Keys that are empty, which is not the same as none.
    EmptyKeys,
    /// Records without a key.
    NullKeys,
}

/// One partition as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionMade {
    /// Records that were written, aborted, deleted and compacted ones included.
    pub records: i64,
    /// Records of aborted transactions among them.
    pub aborted: i64,
    /// Markers of transactions, which take an offset each.
    pub markers: i64,
    /// Where its log starts.
    pub log_start_offset: i64,
    /// Where it ends.
    pub high_watermark: i64,
    /// What is special about it.
    pub traits: BTreeSet<Trait>,
}

/// One topic as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMade {
    /// What it stands for: `business`, `Streams`, `Connect`, `garbage` ...
    pub family: &'static str,
    /// What was set on it.
    pub configs: BTreeMap<String, String>,
    /// Its partitions, in order.
    pub partitions: Vec<PartitionMade>,
}

/// What a group's offsets are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// At the end everywhere.
    CaughtUp,
    /// Far behind.
    Lagging,
    /// At the log start offsets.
    AtLogStart,
    /// Before a log start offset: what it has not read is gone.
    BeforeLogStart,
    /// Beyond a high watermark, as after a topic was created anew.
    BeyondEnd,
    /// On partitions that hold nothing.
    OnEmptyPartitions,
    /// On some partitions of a topic only.
    Partial,
    /// In the middle of a batch.
    InsideBatch,
    /// A consumer runs: its offsets move on.
    Active,
}

/// One group as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMade {
    /// What its offsets are like.
    pub standing: Standing,
    /// What it committed, in order; empty for the active one, which commits by itself.
    pub offsets: Vec<CommittedOffset>,
}

/// What was made: equal for equal options and clusters of equal size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EstateReport {
    /// Its topics.
    pub topics: BTreeMap<TopicName, TopicMade>,
    /// Its groups.
    pub groups: BTreeMap<GroupId, GroupMade>,
    /// Its access control lists, sorted; none where the brokers have no authorizer.
    pub acls: Vec<AclBinding>,
    /// Bytes of the keys and values that were written.
    pub bytes: u64,
}

impl EstateReport {
    /// Every partition, in order.
    pub fn partitions(&self) -> impl Iterator<Item = (TopicPartition, &PartitionMade)> {
        self.topics.iter().flat_map(|(name, topic)| {
            let partitions = topic.partitions.iter().zip(0..);
            partitions.map(|(made, index): (_, PartitionIndex)| {
                (TopicPartition::new(name.clone(), index), made)
            })
        })
    }

    /// The partitions that are special in this way, in order.
    pub fn with(&self, which: Trait) -> impl Iterator<Item = (TopicPartition, &PartitionMade)> {
        self.partitions()
            .filter(move |(_, made)| made.traits.contains(&which))
    }

    /// Records that were written.
    #[must_use]
    pub fn records(&self) -> i64 {
        self.partitions().map(|(_, made)| made.records).sum()
    }
}

impl fmt::Display for EstateReport {
    /// A summary for people, in a few lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |number: usize| grouped(number as i64);
        writeln!(
            f,
            "Estate      {} topics, {} partitions, {} records, {} MB of keys and values",
            count(self.topics.len()),
            count(self.partitions().count()),
            grouped(self.records()),
            grouped((self.bytes / 1_000_000) as i64),
        )?;
        let mut families: BTreeMap<&str, usize> = BTreeMap::new();
        for topic in self.topics.values() {
            *families.entry(topic.family).or_default() += 1;
        }
        let families = families
            .iter()
            .map(|(family, topics)| format!("{topics} {family}"));
        writeln!(f, "  topics    {}", families.collect::<Vec<_>>().join(", "))?;
        let mut traits: BTreeMap<Trait, usize> = BTreeMap::new();
        for (_, made) in self.partitions() {
            for which in &made.traits {
                *traits.entry(*which).or_default() += 1;
            }
        }
        let of = |which: Trait| traits.get(&which).copied().unwrap_or(0);
        writeln!(
            f,
            "  logs      {} with holes after compaction, {} in transactions ({} with aborted ones), {} with \
             LogAppendTime",
            of(Trait::Compacted),
            of(Trait::Committed) + of(Trait::Aborted) - of(Trait::Interleaved),
            of(Trait::Aborted),
            of(Trait::LogAppendTime),
        )?;
        writeln!(
            f,
            "            {} start far from 0, {} inside a batch, {} were emptied, {} never written, {} are old",
            of(Trait::HeadDeleted),
            of(Trait::HeadDeletedInsideBatch),
            of(Trait::AllDeleted),
            of(Trait::NeverWritten),
            of(Trait::Old),
        )?;
        let active = self
            .groups
            .values()
            .filter(|group| group.standing == Standing::Active);
        let principals: BTreeSet<&str> = self.acls.iter().map(|acl| &*acl.principal).collect();
        write!(
            f,
            "  others    {} groups ({} active), {} access control lists of {} principals",
            self.groups.len(),
            active.count(),
            self.acls.len(),
            principals.len(),
        )
    }
}
