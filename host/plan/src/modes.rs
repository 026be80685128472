//! What becomes of the offsets of each partition.

use crate::plan::{CopyMode, Keeping, PartitionPlan, Protection, TranslateReason};
use ferry_config::{CopySettings, OTHER_GROUP, OffsetMode};
use ferry_model::name::TopicName;
use ferry_model::offset::SourceOffset;
use ferry_model::topic::{LogShape, PartitionFacts, TopicFacts};
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
    target: &Target,
    expiration_ms: i64,
    now_ms: i64,
) -> BTreeMap<TopicName, Vec<PartitionPlan>> {
    let mut plans: BTreeMap<TopicName, Vec<PartitionPlan>> = BTreeMap::new();
    let mut candidates = Vec::new();
    for question in questions {
        let partitions = plans.entry(question.topic.name.clone()).or_default();
        for facts in &question.topic.partitions {
            let (mode, keeping) = match keeping(question, facts, settings, target) {
                Err(reason) => (CopyMode::Translate { reason }, Keeping::default()),
                Ok(keeping) => {
                    let pad = facts.log_start_offset.max(0);
                    if pad > 0 {
                        let place = (question.topic.name.clone(), partitions.len());
                        candidates.push((pad, place, question.group));
                    }
                    (CopyMode::Preserve { pad }, keeping)
                }
            };
            partitions.push(PartitionPlan {
                partition: facts.partition,
                log_start_offset: SourceOffset(facts.log_start_offset),
                high_watermark: SourceOffset(facts.high_watermark),
                size_bytes: facts.size_bytes,
                mode,
                keeping,
                protection: protection(facts, expiration_ms, now_ms),
            });
        }
    }
    candidates.sort();
    let mut spent: BTreeMap<Option<&str>, u64> = BTreeMap::new();
    for (pad, (topic, index), group) in candidates {
        let name = group.unwrap_or(OTHER_GROUP);
        let own = settings
            .groups
            .get(name)
            .and_then(|settings| Some((name, settings.padding_budget?)));
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
            plan.keeping = Keeping::default();
        }
    }
    plans
}

/// Why the partition's records can't keep their offsets, as far as it alone tells; else what it takes
/// that they can.
fn keeping(
    question: &ModeQuestion<'_>,
    facts: &PartitionFacts,
    settings: &CopySettings,
    target: &Target,
) -> Result<Keeping, TranslateReason> {
    let used_at_target = question.existing.is_some_and(|existing| {
        let same = existing
            .partitions
            .iter()
            .find(|p| p.partition == facts.partition);
        same.is_some_and(|partition| partition.high_watermark > 0)
    });
    if settings.offset_mode(question.group) == OffsetMode::Translate {
        return Err(TranslateReason::Chosen);
    }
    if used_at_target {
        return Err(TranslateReason::TargetNotEmpty);
    }
    let sample = Extrapolation::of(facts);
    let shape = &facts.shape;
    let (transactions, fillers) = if question.topic.compacted() {
        if settings.filler_key(question.group).is_none() {
            return Err(TranslateReason::Compacted);
        }
        if window_store(question.topic) {
            return Err(TranslateReason::WindowStore);
        }
        if !target.cleaner_tunable {
            return Err(TranslateReason::CleanerOfTarget);
        }
        let holes = shape.sampled_missing + shape.sampled_holes;
        (sample.all(shape.sampled_markers), sample.all(holes))
    } else {
        if shape.sampled_holes > 0 || (shape.gaps && shape.sampled_missing == 0) {
            return Err(TranslateReason::Gaps);
        }
        let offsets = shape.sampled_markers + shape.sampled_missing;
        (sample.all(offsets), 0)
    };
    // An open transaction holds the last stable offset back: its marker is still to come.
    let open = facts.last_stable_offset < facts.high_watermark;
    let least = u64::from(shape.transactional || open);
    let transactions = transactions.max(least);
    if transactions > 0 && !target.remembers {
        return Err(TranslateReason::Transactional);
    }
    if transactions > settings.transaction_budget(question.group) {
        return Err(TranslateReason::TransactionsOverBudget);
    }
    if fillers > settings.filler_budget(question.group) {
        return Err(TranslateReason::FillersOverBudget);
    }
    if target.too_slow_for(transactions, shape) {
        return Err(TranslateReason::MarkersTooFast);
    }
    Ok(Keeping {
        transactions,
        fillers,
    })
}

/// What a sample says of all of a partition.
struct Extrapolation {
    offsets: u64,
    sampled: u64,
}

impl Extrapolation {
    fn of(facts: &PartitionFacts) -> Self {
        let offsets = facts.high_watermark.saturating_sub(facts.log_start_offset);
        Self {
            offsets: u64::try_from(offsets).unwrap_or(0),
            sampled: facts.shape.sampled_offsets,
        }
    }

    /// How many there are in all, where so many were seen.
    fn all(&self, seen: u64) -> u64 {
        if self.sampled == 0 {
            return seen;
        }
        let all = u128::from(seen) * u128::from(self.offsets);
        u64::try_from(all.div_ceil(u128::from(self.sampled))).unwrap_or(u64::MAX)
    }
}

/// Whether the topic is the changelog of a window or session store: Kafka Streams lets those expire
/// too (Kafka Streams, "Windowed store changelogs").
fn window_store(topic: &TopicFacts) -> bool {
    let policy = topic.configs.get("cleanup.policy");
    topic.name.as_str().ends_with("-changelog")
        && policy.is_some_and(|policy| policy.contains("delete"))
}

/// What the target can do, as far as kept offsets depend on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// Whether its brokers say what they remember of a producer.
    pub(crate) remembers: bool,
    /// Whether topics may tell its cleaner when to work.
    pub(crate) cleaner_tunable: bool,
    /// The time of a round trip, in microseconds.
    pub(crate) round_trip_us: Option<u64>,
}

/// Round trips that it takes to keep an offset free: the partition is added to a transaction, the
/// transaction ends, its marker is looked for, and the batch behind is acknowledged.
pub(crate) const ROUND_TRIPS: u64 = 4;

impl Target {
    /// Whether markers come at the source, on average over the log, more than half as fast as they
    /// can be written here.
    fn too_slow_for(&self, transactions: u64, shape: &LogShape) -> bool {
        let (Some(round_trip_us), Some(oldest), Some(newest)) = (
            self.round_trip_us,
            shape.oldest_timestamp_ms,
            shape.newest_timestamp_ms,
        ) else {
            return false;
        };
        // A young log says nothing about how fast it grows.
        let span_ms = newest.saturating_sub(oldest);
        if span_ms < SPAN_MIN_MS {
            return false;
        }
        let needed_us = u128::from(transactions) * u128::from(ROUND_TRIPS * round_trip_us);
        needed_us > u128::from(span_ms.unsigned_abs()) * 1_000 / 2
    }
}

/// The span of a log's timestamps from which on its rate is believed.
const SPAN_MIN_MS: i64 = 60_000;

fn protection(facts: &PartitionFacts, expiration_ms: i64, now_ms: i64) -> Protection {
    match facts.shape.oldest_timestamp_ms {
        None => Protection::Unknown,
        Some(oldest) if now_ms.saturating_sub(oldest) < expiration_ms => Protection::Protected,
        Some(_) => Protection::Unprotected,
    }
}
