//! What is to be copied, and how it went.

use crate::controls::{Controls, Limit};
use crate::guard::Turn;
use crate::halt::Halt;
use crate::lease::{LeaseSettings, Slot};
use crate::partition::exact::Budget;
use ferry_kafka::client::Client;
use ferry_model::identity::{BrokerId, TopicId};
use ferry_model::name::{TopicName, TopicPartition};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How the offsets of one partition are treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OffsetMode {
    /// Every record keeps its offset, as far as the source's log allows it.
    Preserve,
    /// Records get new offsets, and the exact map is kept; why, for people.
    Translate(String),
}

/// One partition to copy.
#[derive(Debug, Clone)]
pub struct PartitionJob {
    /// The partition at the source.
    pub source: TopicPartition,
    /// The partition at the target.
    pub target: TopicPartition,
    /// The id of the source topic when it was planned, where brokers have ids.
    pub source_topic_id: Option<TopicId>,
    /// The id of the target topic when it was created, where brokers have ids.
    pub target_topic_id: Option<TopicId>,
    /// The topic group that it is limited, paused and counted with.
    pub group: String,
    /// How its offsets are treated.
    pub mode: OffsetMode,
    /// What may be spent so that offsets are kept.
    pub budget: Budget,
    /// The key of fillers, where offsets are kept although a cleaner has left holes.
    pub filler: Option<Arc<[u8]>>,
    /// Whether the source keeps old segments in remote storage (`remote.storage.enable`, KIP-405).
    pub tiered: bool,
    /// The largest batch that the target topic takes (`max.message.bytes`).
    pub batch_bytes_max: usize,
}

/// Limits and times of the copy.
#[derive(Debug, Clone)]
pub struct CopySettings {
    /// Bytes of batches that may be in memory at once.
    pub memory_bytes: usize,
    /// How fast the source is read and which topic groups rest: followed while the copy runs.
    pub controls: watch::Receiver<Controls>,
    /// The rack that the source is read from where it can be (`client.rack`, KIP-392).
    pub rack: Option<Arc<str>>,
    /// How long the end of a target partition must stand still before it is trusted, after a run
    /// that may have left requests with the brokers.
    pub settling: Duration,
    /// Which worker of how many this is.
    pub slot: Slot,
    /// The lease that keeps others from the partitions of this slot.
    pub lease: LeaseSettings,
    /// The transactional id of this slot, which translated partitions are written with.
    pub transactional_id: String,
    /// The topic of the target that keeps the leases, the progress of translated partitions, and what
    /// else the workers have to remember.
    pub progress_topic: TopicName,
}

/// When a copy is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// It is asked to stop. Until then it follows the source.
    Stopped,
    /// Every partition has reached the end that the source had when the copy began.
    CaughtUp,
    /// Every partition has reached the end of the source, no transaction is open there, and the end
    /// has not moved for this long.
    Drained {
        /// How long the source must be quiet.
        quiet: Duration,
        /// How long to wait for that.
        limit: Duration,
    },
}

/// A copy to run.
#[derive(Debug, Clone)]
pub struct CopyJob {
    /// The cluster that is left.
    pub source: Client,
    /// The cluster that is moved to.
    pub target: Client,
    /// What is to be copied.
    pub partitions: Vec<PartitionJob>,
    /// Limits and times.
    pub settings: CopySettings,
    /// When it is done.
    pub until: Until,
}

/// How far a copy has come.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CopyProgress {
    /// Partitions in all.
    pub partitions: usize,
    /// Partitions that have reached their end.
    pub partitions_done: usize,
    /// Partitions that stopped.
    pub partitions_halted: usize,
    /// Records appended at the target in this run.
    pub records: i64,
    /// Empty records that were appended at the target in this run, to be deleted again, so that
    /// offsets are kept.
    pub padding: i64,
    /// Transactions that were written at the target in this run to keep offsets free.
    pub voids: i64,
    /// Bytes of the batches that were appended in this run.
    pub bytes: u64,
    /// Source offsets that are still to be copied.
    pub lag: i64,
    /// Source offsets that were to be copied when this run began.
    pub lag_at_start: i64,
    /// Since the run began.
    pub elapsed: Duration,
    /// From the beginning of the run to the last append at the target.
    pub appending: Duration,
    /// How long brokers have throttled this client.
    pub throttled: Duration,
    /// Every topic group, by name.
    pub groups: Vec<GroupProgress>,
    /// How the source's brokers were protected.
    pub guard: GuardProgress,
}

/// How the source's brokers were protected in this run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GuardProgress {
    /// How often a broker was slowed.
    pub slowed: u32,
    /// How often a broker was not read at all for a while.
    pub stopped: u32,
    /// How long brokers were read more slowly than they could be, summed up over all of them.
    pub held: Duration,
    /// The last changes of pace, the oldest first.
    pub turns: Vec<GuardTurn>,
    /// How many there were before these.
    pub turns_before: u64,
}

/// A change of the pace that one broker of the source is read at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardTurn {
    /// The broker.
    pub broker: BrokerId,
    /// The change.
    pub turn: Turn,
}

/// How far the copy of one topic group has come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupProgress {
    /// The group.
    pub name: String,
    /// Whether it rests: nothing new of it is fetched.
    pub paused: bool,
    /// The limit that holds for it now, besides that for all.
    pub limit: Limit,
    /// Its partitions.
    pub partitions: usize,
    /// Those that have reached their end.
    pub partitions_done: usize,
    /// Those that stopped.
    pub partitions_halted: usize,
    /// Records appended at the target in this run.
    pub records: i64,
    /// Bytes of the batches that were appended in this run.
    pub bytes: u64,
    /// Records a second, over the last few seconds.
    pub records_per_s: u64,
    /// Bytes a second, over the last few seconds.
    pub bytes_per_s: u64,
    /// Source offsets that are still to be copied.
    pub lag: i64,
    /// Source offsets that were to be copied when this run began.
    pub lag_at_start: i64,
}

/// What became of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionOutcome {
    /// The partition at the source.
    pub source: TopicPartition,
    /// The partition at the target.
    pub target: TopicPartition,
    /// Whether its offsets are kept, or why not.
    pub mode: OffsetMode,
    /// Everything before this source offset is at the target.
    pub copied_to: i64,
    /// Whether its topic group rested when the copy ended.
    pub paused: bool,
    /// Why it stopped, if it did.
    pub halted: Option<Halt>,
}

impl CopyReport {
    /// The report of a copy of `partitions` that was asked to stop before anything was known of them.
    pub(crate) fn not_begun(partitions: &[PartitionJob]) -> Self {
        let outcome = |partition: &PartitionJob| PartitionOutcome {
            source: partition.source.clone(),
            target: partition.target.clone(),
            mode: partition.mode.clone(),
            copied_to: 0,
            paused: false,
            halted: None,
        };
        Self {
            progress: CopyProgress {
                partitions: partitions.len(),
                ..CopyProgress::default()
            },
            outcomes: partitions.iter().map(outcome).collect(),
            cancelled: true,
        }
    }
}

/// How a copy ended.
#[derive(Debug, Clone, PartialEq)]
pub struct CopyReport {
    /// The last progress.
    pub progress: CopyProgress,
    /// Every partition, in the order of the job.
    pub outcomes: Vec<PartitionOutcome>,
    /// Whether it was asked to stop before it was done.
    pub cancelled: bool,
}
