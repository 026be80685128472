//! What an offset translator is asked about one group, from the exact maps.

use crate::undertaking::Undertaking;
use ferry_copy::map::OffsetMap;
use ferry_copy::progress::state_key;
use ferry_copy::progress_reader::read_progress;
use ferry_copy::state::PartitionState;
use ferry_copy::worker::{SourceRange, ends_of};
use ferry_model::decision::OffsetQuestion;
use ferry_model::group::{CommittedOffset, GroupFacts};
use ferry_model::name::TopicPartition;
use ferry_model::offset::{SourceOffset, TargetOffset};
use ferry_model::problem::Problem;
use std::collections::HashMap;

/// Where the records of every partition went, and where both logs start and end now.
pub(crate) struct Places {
    partitions: HashMap<TopicPartition, Place>,
}

struct Place {
    target: TopicPartition,
    /// None where offsets were kept.
    map: Option<OffsetMap>,
    copied_to: i64,
    source: SourceRange,
    target_range: SourceRange,
}

impl Places {
    /// Reads the maps and the ends of both logs.
    pub(crate) async fn read(undertaking: &Undertaking) -> Result<Self, Problem> {
        let plan = &*undertaking.plan();
        let topic = crate::names::progress_topic(&plan.migration);
        let progress = TopicPartition::new(topic.clone(), 0);
        let failed = |error: ferry_copy::worker::CopyError| crate::job::copy_problem(&error);
        let table = read_progress(&undertaking.target, &progress)
            .await
            .map_err(failed)?;
        let copied: Vec<_> = plan.copy_partitions().collect();
        let names = |pick: fn(&ferry_plan::CopyPartition<'_>) -> TopicPartition| {
            copied.iter().map(pick).collect::<Vec<_>>()
        };
        let sources = ends_of(&undertaking.source, &names(|copied| copied.source.clone())).await;
        let targets = ends_of(&undertaking.target, &names(|copied| copied.target.clone())).await;
        let mut partitions = HashMap::new();
        for copied in copied {
            let (Some(source), Some(target_range)) =
                (sources.get(&copied.source), targets.get(&copied.target))
            else {
                return Err(Problem::new(
                    crate::codes::NOT_ANSWERED,
                    format!(
                        "{} or {} can't be asked for its ends",
                        copied.source, copied.target
                    ),
                )
                .cause("a broker is down?")
                .next("ferry check, then ferry apply again"));
            };
            let unreadable = |source| {
                failed(ferry_copy::worker::CopyError::Progress {
                    topic: topic.to_string(),
                    source,
                })
            };
            let found = table.partition(&copied.target).map_err(unreadable)?;
            let (map, copied_to) = match found {
                Some((progress, map)) => (Some(map), progress.position().source_next),
                None => {
                    // What closed a partition's last segment is none of its records.
                    let state: Option<PartitionState> =
                        table.read(&state_key(&copied.target)).map_err(unreadable)?;
                    let closed = state.and_then(|state| state.closed_at);
                    (None, closed.unwrap_or(target_range.high_watermark))
                }
            };
            let place = Place {
                target: copied.target,
                map,
                copied_to,
                source: *source,
                target_range: *target_range,
            };
            partitions.insert(copied.source, place);
        }
        Ok(Self { partitions })
    }

    /// The partition at the target; none where the topic does not move.
    pub(crate) fn target(&self, source: &TopicPartition) -> Option<&TopicPartition> {
        self.partitions.get(source).map(|place| &place.target)
    }

    /// The map, how far it was copied; none where the topic does not move.
    pub(crate) fn copied(&self, source: &TopicPartition) -> Option<(Option<&OffsetMap>, i64)> {
        self.partitions
            .get(source)
            .map(|place| (place.map.as_ref(), place.copied_to))
    }

    /// Start and end of the target's log.
    pub(crate) fn target_range(&self, source: &TopicPartition) -> Option<SourceRange> {
        self.partitions.get(source).map(|place| place.target_range)
    }

    /// What the offset translator is asked about one committed offset; none where the topic does
    /// not move.
    pub(crate) fn question(
        &self,
        group: &GroupFacts,
        committed: &CommittedOffset,
    ) -> Option<OffsetQuestion> {
        let place = self.partitions.get(&committed.partition)?;
        let offset = committed.offset;
        let inside = offset >= place.source.log_start && offset <= place.copied_to;
        let exact = match &place.map {
            None => Some(offset),
            // Behind the last record of the map: the end of what was copied.
            Some(map) => Some(
                map.translate(SourceOffset(offset))
                    .map_or(place.target_range.high_watermark, |target| target.0),
            ),
        };
        Some(OffsetQuestion {
            group: group.id.clone(),
            group_state: group.state.clone(),
            partition: committed.partition.clone(),
            committed: SourceOffset(offset),
            metadata: committed.metadata.clone(),
            translated: exact.filter(|_| inside).map(TargetOffset),
            source_start: SourceOffset(place.source.log_start),
            source_end: SourceOffset(place.source.high_watermark),
            target_start: TargetOffset(place.target_range.log_start),
            target_end: TargetOffset(place.target_range.high_watermark),
            copied_to: SourceOffset(place.copied_to),
        })
    }
}
