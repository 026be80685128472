//! What becomes of the offsets of each partition.

use crate::plan::{CopyMode, PartitionPlan, Protection, TranslateReason};
use ferry_config::{CopySettings, OffsetMode};
use ferry_model::name::TopicName;
use ferry_model::offset::SourceOffset;
use ferry_model::topic::{PartitionFacts, TopicFacts};
use std::collections::BTreeMap;

/// A topic that moves, as far as the modes of its partitions depend on it.
pub(crate) struct ModeQuestion<'f> {
    pub(crate) topic: &'f TopicFacts,
    pub(crate) group: Option<&'f str>,
    /// The topic as it is at the target, unless it is new there or this migration's own.
    pub(crate) existing: Option<&'f TopicFacts>,
}

/// The partitions of all topics that move with their modes, by topic.
///
/// Padding is given to the partitions that need the least of it first, so that the budget preserves
/// as many partitions as it can.
pub(crate) fn decide(
    questions: &[ModeQuestion<'_>],
    settings: &CopySettings,
    expiration_ms: i64,
    now_ms: i64,
) -> BTreeMap<TopicName, Vec<PartitionPlan>> {
    let mut plans: BTreeMap<TopicName, Vec<PartitionPlan>> = BTreeMap::new();
    let mut candidates = Vec::new();
    for question in questions {
        let partitions = plans.entry(question.topic.name.clone()).or_default();
        for facts in &question.topic.partitions {
            let mode = match obstacle(question, facts, settings) {
                Some(reason) => CopyMode::Translate { reason },
                None => {
                    let pad = facts.log_start_offset.max(0);
                    if pad > 0 {
                        let place = (question.topic.name.clone(), partitions.len());
                        candidates.push((pad, place, question.group));
                    }
                    CopyMode::Preserve { pad }
                }
            };
            partitions.push(PartitionPlan {
                partition: facts.partition,
                log_start_offset: SourceOffset(facts.log_start_offset),
                high_watermark: SourceOffset(facts.high_watermark),
                size_bytes: facts.size_bytes,
                mode,
                protection: protection(facts, expiration_ms, now_ms),
            });
        }
    }
    candidates.sort();
    let mut spent: BTreeMap<Option<&str>, u64> = BTreeMap::new();
    for (pad, (topic, index), group) in candidates {
        let own = group.and_then(|name| Some((name, settings.groups.get(name)?.padding_budget?)));
        let (purse, budget) = match own {
            Some((name, budget)) => (Some(name), budget),
            None => (None, settings.padding_budget),
        };
        let spent = spent.entry(purse).or_default();
        let sum = spent.saturating_add(pad.unsigned_abs());
        if sum <= budget {
            *spent = sum;
        } else if let Some(plan) = plans.get_mut(&topic).and_then(|plans| plans.get_mut(index)) {
            plan.mode = CopyMode::Translate {
                reason: TranslateReason::PaddingOverBudget,
            };
        }
    }
    plans
}

/// Why the partition's records can't keep their offsets, as far as it alone tells.
fn obstacle(
    question: &ModeQuestion<'_>,
    facts: &PartitionFacts,
    settings: &CopySettings,
) -> Option<TranslateReason> {
    let used_at_target = question.existing.is_some_and(|existing| {
        let same = existing
            .partitions
            .iter()
            .find(|p| p.partition == facts.partition);
        same.is_some_and(|partition| partition.high_watermark > 0)
    });
    // An open transaction holds the last stable offset back: its marker is still to come.
    let transactional =
        facts.shape.transactional || facts.last_stable_offset < facts.high_watermark;
    if settings.offset_mode(question.group) == OffsetMode::Translate {
        Some(TranslateReason::Chosen)
    } else if used_at_target {
        Some(TranslateReason::TargetNotEmpty)
    } else if question.topic.compacted() {
        Some(TranslateReason::Compacted)
    } else if transactional {
        Some(TranslateReason::Transactional)
    } else if facts.shape.gaps {
        Some(TranslateReason::Gaps)
    } else {
        None
    }
}

fn protection(facts: &PartitionFacts, expiration_ms: i64, now_ms: i64) -> Protection {
    match facts.shape.oldest_timestamp_ms {
        None => Protection::Unknown,
        Some(oldest) if now_ms.saturating_sub(oldest) < expiration_ms => Protection::Protected,
        Some(_) => Protection::Unprotected,
    }
}
