//! Which worker copies which partition.
//!
//! The map is static: it follows from the plan and the configuration alone, so that every host comes
//! to the same one. Topic groups with workers of their own take the numbers behind the common ones,
//! in the order of their names.

use ferry_model::name::TopicPartition;
use ferry_plan::{CopyPartition, Plan};
use std::collections::{BTreeMap, HashMap};

/// The worker that `ferry apply` is. It copies what no other one has heard of.
pub(crate) const FIRST: u32 = 1;

/// How many workers there are, and for which topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers {
    /// Workers of all topics that are in no group with workers of its own.
    pub common: u32,
    /// Workers of single topic groups.
    pub groups: BTreeMap<String, u32>,
}

impl Workers {
    /// One for everything.
    #[must_use]
    pub fn only() -> Self {
        Self {
            common: 1,
            groups: BTreeMap::new(),
        }
    }

    /// How many there are in all.
    #[must_use]
    pub fn count(&self) -> u32 {
        let own = self.groups.values().map(|count| (*count).max(1));
        own.fold(self.common.max(1), u32::saturating_add)
    }

    /// The numbers of the workers for topics of `group`: the first and how many.
    pub(crate) fn of_group(&self, group: &str) -> (u32, u32) {
        let mut first = self.common.max(1) + 1;
        for (name, count) in &self.groups {
            let count = (*count).max(1);
            if name == group {
                return (first, count);
            }
            first += count;
        }
        (1, self.common.max(1))
    }
}

/// The number of the worker for `partition`: the first where it was not there yet when the plan was
/// made.
pub(crate) fn slot_of(slots: &HashMap<TopicPartition, u32>, partition: &TopicPartition) -> u32 {
    slots.get(partition).copied().unwrap_or(FIRST)
}

/// The number of the worker for each partition of the source. Large partitions are dealt out first,
/// each to the worker that has the least so far.
#[must_use]
pub fn slots(plan: &Plan, workers: &Workers) -> HashMap<TopicPartition, u32> {
    let mut partitions: Vec<_> = plan.copy_partitions().collect();
    let weight = |copied: &CopyPartition<'_>| {
        let offsets = copied
            .plan
            .high_watermark
            .since(copied.plan.log_start_offset)
            .max(0);
        // A partition costs something even if it is empty.
        copied.plan.size_bytes.unwrap_or(offsets.unsigned_abs()) + 4_096
    };
    partitions.sort_by(|a, b| (weight(b), &a.source).cmp(&(weight(a), &b.source)));
    let mut loads: BTreeMap<u32, u64> = BTreeMap::new();
    let mut slots = HashMap::new();
    for copied in partitions {
        let (first, count) = workers.of_group(copied.group);
        let least = (first..first + count)
            .min_by_key(|number| (loads.get(number).copied().unwrap_or(0), *number))
            .unwrap_or(1);
        *loads.entry(least).or_default() += weight(&copied);
        slots.insert(copied.source, least);
    }
    slots
}
