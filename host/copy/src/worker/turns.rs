//! Whose turn it is to be fetched next.
//!
//! A broker fills its answer in the order of the request until it is full. The partitions that were
//! served longest ago stand first, so that one which always has more cannot keep others waiting for
//! longer than it takes to serve each of them once.

use super::event::Index;
use ferry_model::identity::BrokerId;
use std::collections::{BTreeMap, BTreeSet};

/// A partition's place: the broker that it is fetched from, and its turn there.
type Place = (BrokerId, u64);

/// Whose turn it is, broker by broker.
#[derive(Debug, Default)]
pub(super) struct Turns {
    queues: BTreeMap<BrokerId, BTreeSet<(u64, Index)>>,
    places: BTreeMap<Index, Place>,
    next_turn: u64,
    /// The broker that a fetch was begun from last.
    last_broker: Option<BrokerId>,
}

impl Turns {
    /// Puts a partition behind all others of `broker`, wherever it was.
    pub(super) fn put(&mut self, index: Index, broker: BrokerId) {
        self.remove(index);
        self.next_turn += 1;
        let queue = self.queues.entry(broker).or_default();
        queue.insert((self.next_turn, index));
        self.places.insert(index, (broker, self.next_turn));
    }

    /// Takes a partition out until it is put somewhere again.
    pub(super) fn remove(&mut self, index: Index) {
        if let Some((broker, turn)) = self.places.remove(&index)
            && let Some(queue) = self.queues.get_mut(&broker)
        {
            queue.remove(&(turn, index));
            if queue.is_empty() {
                self.queues.remove(&broker);
            }
        }
    }

    /// The partition had its turn: the others of its broker come first now.
    pub(super) fn served(&mut self, index: Index) {
        if let Some((broker, _)) = self.places.get(&index) {
            self.put(index, *broker);
        }
    }

    /// The partitions of `broker`, the one that was served longest ago first.
    pub(super) fn of(&self, broker: BrokerId) -> impl Iterator<Item = Index> + '_ {
        let queue = self.queues.get(&broker);
        queue.into_iter().flatten().map(|(_, index)| *index)
    }

    /// A fetch was begun from `broker`.
    pub(super) fn began(&mut self, broker: BrokerId) {
        self.last_broker = Some(broker);
    }

    /// The brokers that partitions are fetched from, the one behind the last that was fetched from
    /// first: where memory or a limit leaves room for one fetch only, they take turns.
    pub(super) fn brokers(&self) -> Vec<BrokerId> {
        let last = self.last_broker;
        let brokers = self.queues.keys().copied();
        let (behind, before): (Vec<_>, Vec<_>) =
            brokers.partition(|broker| last.is_some_and(|last| *broker > last));
        behind.into_iter().chain(before).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: BrokerId = BrokerId(1);
    const TWO: BrokerId = BrokerId(2);

    fn order(turns: &Turns, broker: BrokerId) -> Vec<Index> {
        turns.of(broker).collect()
    }

    #[test]
    fn who_was_served_stands_behind_who_was_not() {
        let mut turns = Turns::default();
        for index in 0..4 {
            turns.put(index, ONE);
        }
        turns.served(0);
        turns.served(2);
        assert_eq!(order(&turns, ONE), [1, 3, 0, 2]);
        turns.remove(3);
        turns.served(3);
        assert_eq!(order(&turns, ONE), [1, 0, 2]);
        turns.put(1, TWO);
        assert_eq!(order(&turns, ONE), [0, 2]);
        assert_eq!(order(&turns, TWO), [1]);
    }

    #[test]
    fn brokers_take_turns() {
        let mut turns = Turns::default();
        for (index, broker) in [(0, 3), (1, 1), (2, 2)] {
            turns.put(index, BrokerId(broker));
        }
        let mut first = Vec::new();
        for _ in 0..4 {
            let broker = turns.brokers()[0];
            turns.began(broker);
            first.push(broker.0);
        }
        assert_eq!(first, [1, 2, 3, 1]);
        turns.remove(1);
        assert_eq!(turns.brokers(), [TWO, BrokerId(3)]);
    }
}
