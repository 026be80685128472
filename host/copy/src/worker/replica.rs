//! From which replica of a partition the source is read.
//!
//! Whoever says in which rack it stands is sent by the leader to a replica near to it (KIP-392): its
//! answer names the replica and brings nothing. Only the leader knows everything of a log: whatever a
//! follower refuses is asked of the leader before anything is concluded from it.

use super::Worker;
use super::event::Index;
use ferry_model::identity::BrokerId;
use std::time::Duration;
use tokio::time::Instant;

/// How long a replica is read before the leader is asked again which one it should be: as long as
/// consumers do (`metadata.max.age.ms`).
const REPLICA_LASTS: Duration = Duration::from_secs(300);
/// How long the leader itself is read after a follower failed.
const LEADER_LASTS: Duration = Duration::from_secs(30);

/// The replica that one partition is read from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Replica {
    /// The leader, which may name another one.
    #[default]
    Leader,
    /// The leader itself, until then.
    LeaderItself(Instant),
    /// This follower, until then.
    Follower(BrokerId, Instant),
}

impl Replica {
    /// Whether the leader may be asked to name a nearer one.
    pub(crate) fn may_move(self, now: Instant) -> bool {
        match self {
            Self::LeaderItself(until) => now >= until,
            Self::Leader | Self::Follower(..) => true,
        }
    }

    pub(crate) fn is_follower(self) -> bool {
        matches!(self, Self::Follower(..))
    }
}

impl Worker {
    /// The leader has named a nearer replica.
    pub(super) fn on_nearer_replica(&mut self, index: Index, broker: BrokerId) {
        let tracked = &mut self.partitions[index];
        tracked.replica = Replica::Follower(broker, Instant::now() + REPLICA_LASTS);
        self.turns.put(index, broker);
    }

    /// A follower has refused or failed: the leader knows.
    pub(super) fn back_to_leader(&mut self, index: Index) {
        let until = Instant::now() + LEADER_LASTS;
        self.read_from_leader(index, Replica::LeaderItself(until));
    }

    /// Where a follower was read for long enough, the leader is asked again.
    pub(super) fn renew_replica(&mut self, index: Index) {
        if let Replica::Follower(_, until) = self.partitions[index].replica
            && Instant::now() >= until
        {
            self.read_from_leader(index, Replica::Leader);
        }
    }

    fn read_from_leader(&mut self, index: Index, replica: Replica) {
        let tracked = &mut self.partitions[index];
        tracked.replica = replica;
        match tracked.source_leader {
            Some((leader, _)) => self.turns.put(index, leader),
            None => self.turns.remove(index),
        }
    }
}
