//! What the copy remembers between runs, in records of the progress topic.
//!
//! The target's log says how far a partition with kept offsets has come, and the progress topic how
//! far a translated one; here stands what neither can tell: the producer, paddings that were begun,
//! partitions that are translated though they were to be kept, and checkpoints to prove at the next
//! start that the source still has the history that was copied.

use ferry_model::identity::{ClusterId, TopicId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::halt::Halt;
use crate::partition::exact::EpochMark;

/// What one worker remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyState {
    /// The producer that everything with kept offsets is written with.
    pub producer: Option<ProducerState>,
    /// Per partition of the source, as `topic-partition`.
    pub partitions: BTreeMap<String, PartitionState>,
    /// Whether a copy has ever begun, so that something may still be on its way to the target.
    pub began: bool,
}

/// The producer of one migration at one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerState {
    /// The cluster that gave the id.
    pub cluster_id: ClusterId,
    /// The producer's id.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
}

/// What is remembered of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionState {
    /// The id of the source topic when the copy began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_topic_id: Option<TopicId>,
    /// The id of the target topic when the copy began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_topic_id: Option<TopicId>,
    /// Where a padding ends that has been begun and is not deleted yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding_to: Option<i64>,
    /// Why the offsets are translated from some point on though they were to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub translated_because: Option<String>,
    /// Everything before this source offset was acknowledged at the last checkpoint.
    #[serde(default)]
    pub acknowledged: i64,
    /// The source's leader epoch of the last batch of which it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_epoch: Option<i32>,
    /// The offset behind that batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_epoch_end: Option<i64>,
    /// Where the target's log ended when the last run did, where every outcome was known then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_at: Option<i64>,
    /// Whether offsets have been kept free by transactions, so that sequence numbers lie behind
    /// offsets.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub voids: bool,
    /// Whether the end of the target's log has been looked at, so that it may hold records of ours.
    #[serde(default)]
    pub begun: bool,
    /// Where both logs ended when the last segment at the target was closed with a marker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<i64>,
    /// Whether the target's brokers remember the producer well enough to refuse repeats of their own
    /// accord; none where nothing was acknowledged yet in the last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected: Option<bool>,
    /// Why the partition stopped, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<Halt>,
}

impl PartitionState {
    /// Up to where the source's history is known.
    #[must_use]
    pub fn epoch_mark(&self) -> Option<EpochMark> {
        Some(EpochMark {
            epoch: self.source_epoch?,
            end: self.source_epoch_end?,
        })
    }

    /// Remembers up to where the source's history is known.
    pub fn set_epoch_mark(&mut self, mark: Option<EpochMark>) {
        self.source_epoch = mark.map(|mark| mark.epoch);
        self.source_epoch_end = mark.map(|mark| mark.end);
    }
}
