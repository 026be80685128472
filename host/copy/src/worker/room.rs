//! Who may fill the memory that is left.
//!
//! What waits to be sent takes memory until it is. A slow broker of the target, or a partition
//! that the target takes slowly, would in time hold all of it, and everything else would move at
//! their pace. So each way to the target may hold as much as is still free, and each partition an
//! eighth of that: however many of them are slow, something is left for the others.

use super::tracked::{Machine, Tracked};
use ferry_model::identity::BrokerId;
use std::collections::BTreeMap;

/// What one partition may keep waiting before it is not fetched any more.
const QUEUE_BYTES_MAX: usize = 4 << 20;
/// The part of the free memory that one partition may keep waiting.
const QUEUE_PART: usize = 8;

/// A way to the target: what waits for it waits together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// Produce requests to one broker.
    Broker(Option<BrokerId>),
    /// Transactions, which span all brokers.
    Transactions,
}

impl Way {
    fn of(tracked: &Tracked) -> Self {
        match tracked.machine {
            Machine::Exact(_) => Self::Broker(tracked.target_leader),
            Machine::Translated { .. } => Self::Transactions,
        }
    }
}

/// The memory for batches on their way.
#[derive(Debug)]
pub(super) struct Room {
    budget: usize,
    held: usize,
    by_way: BTreeMap<Way, usize>,
}

impl Room {
    /// What `partitions` hold of `budget`, with `fetching` bytes that fetches under way may bring.
    pub(super) fn measure(partitions: &[Tracked], fetching: usize, budget: usize) -> Self {
        let mut room = Self {
            budget,
            held: fetching,
            by_way: BTreeMap::new(),
        };
        for tracked in partitions.iter().filter(|t| t.halted().is_none()) {
            let held = tracked.held_bytes();
            room.held += held;
            *room.by_way.entry(Way::of(tracked)).or_default() += held;
        }
        room
    }

    /// Bytes that nothing holds.
    pub(super) fn free(&self) -> usize {
        self.budget.saturating_sub(self.held)
    }

    /// Whether nothing is held at all.
    pub(super) fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Sets `bytes` aside for a fetch.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.held += bytes;
    }

    /// What one partition may keep waiting before it is not fetched any more.
    pub(super) fn queue_bytes_max(&self) -> usize {
        (self.free() / QUEUE_PART).clamp(1, QUEUE_BYTES_MAX)
    }

    /// Whether the way that the records of `tracked` go may hold more.
    pub(super) fn has_place_for(&self, tracked: &Tracked) -> bool {
        // With one way there is nobody to leave room for.
        self.by_way.len() < 2
            || self
                .by_way
                .get(&Way::of(tracked))
                .is_none_or(|held| *held <= self.free())
    }
}
