//! Partitions that the source's topics were given after the plan was made.
//!
//! Kafka never takes a partition away (KIP-195), so a topic only grows. What the plan decided of the
//! topic holds for its new partitions too; they begin at offset zero, so that nothing is padded.

use crate::plan::{
    CopyMode, Creation, Keeping, MovingTopic, PartitionPlan, Plan, Protection, TopicOutcome,
    TranslateReason,
};
use ferry_model::name::{PartitionIndex, TopicName};
use ferry_model::offset::SourceOffset;
use std::collections::BTreeMap;

/// How many partitions topics of the source have by now, by name.
pub type Growth = BTreeMap<TopicName, usize>;

impl Plan {
    /// The plan with as many partitions as `growth` says of topics that move to a topic of this
    /// migration. Where it says no more than the plan nothing changes.
    #[must_use]
    pub fn grown(&self, growth: &Growth) -> Self {
        let mut plan = self.clone();
        for topic in &mut plan.topics {
            let Some(count) = growth.get(&topic.name).copied() else {
                continue;
            };
            let TopicOutcome::In(moving) = &mut topic.outcome else {
                continue;
            };
            if count <= topic.partitions || !moving.may_grow() {
                continue;
            }
            let mode = mode_of_new(moving);
            let new = topic.partitions..count;
            moving.partitions.extend(new.map(|number| PartitionPlan {
                partition: PartitionIndex::try_from(number).unwrap_or(PartitionIndex::MAX),
                log_start_offset: SourceOffset(0),
                high_watermark: SourceOffset(0),
                size_bytes: None,
                mode,
                keeping: Keeping::default(),
                protection: Protection::Unknown,
            }));
            topic.partitions = count;
        }
        plan
    }
}

impl MovingTopic {
    /// Whether its target topic may be given more partitions: not where it was there before.
    #[must_use]
    pub fn may_grow(&self) -> bool {
        !matches!(self.creation, Creation::Use { .. })
    }
}

/// What of the topic as a whole decides on its new partitions; all else shows as they are copied.
fn mode_of_new(moving: &MovingTopic) -> CopyMode {
    let of_topic = |reason: TranslateReason| {
        matches!(
            reason,
            TranslateReason::Chosen
                | TranslateReason::Compacted
                | TranslateReason::WindowStore
                | TranslateReason::CleanerOfTarget
        )
    };
    moving
        .partitions
        .iter()
        .find_map(|partition| match partition.mode {
            CopyMode::Translate { reason } if of_topic(reason) => Some(partition.mode),
            _ => None,
        })
        .unwrap_or(CopyMode::Preserve { pad: 0 })
}
