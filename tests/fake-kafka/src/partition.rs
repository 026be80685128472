//! One partition: leader, replicas, high watermark, appends.

use crate::batch::Batch;
use crate::log::Log;
use crate::producers::{Place, Verdict};
use crate::validation::Rules;
use crate::versions::Release;
use std::collections::BTreeMap;

/// What became of a batch that a producer sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Produced {
    /// It was appended at this offset.
    Now(i64),
    /// It had been appended before.
    Before(Place),
}

/// One partition of a topic.
#[derive(Debug, Clone)]
pub(crate) struct Partition {
    pub(crate) leader: Option<i32>,
    pub(crate) epoch: i32,
    /// How far each replica's log reaches.
    replicas: BTreeMap<i32, Replica>,
    pub(crate) log: Log,
    high_watermark: i64,
}

#[derive(Debug, Clone, Copy)]
struct Replica {
    end: i64,
    in_sync: bool,
    /// How far its log reached when its broker was started last: of what was before it knows the
    /// last batch of each producer only.
    loaded: i64,
    /// The same where its log was empty then: of what was before it knows nothing.
    emptied: i64,
}

impl Partition {
    /// A partition with these replicas, of which those that live are in sync; all while none lives.
    pub(crate) fn new(replicas: &[i32], alive: &[i32]) -> Self {
        let lives = |broker: &i32| alive.contains(broker);
        let replica = |broker: &i32| Replica {
            end: 0,
            in_sync: alive.is_empty() || lives(broker),
            loaded: 0,
            emptied: 0,
        };
        let mut partition = Self {
            leader: replicas.iter().copied().find(lives),
            epoch: 0,
            replicas: replicas
                .iter()
                .map(|broker| (*broker, replica(broker)))
                .collect(),
            log: Log::default(),
            high_watermark: 0,
        };
        partition.log.begin_epoch(0);
        partition
    }

    pub(crate) fn replicas(&self) -> impl Iterator<Item = i32> {
        self.replicas.keys().copied()
    }

    pub(crate) fn in_sync(&self) -> impl Iterator<Item = i32> {
        self.replicas
            .iter()
            .filter(|(_, replica)| replica.in_sync)
            .map(|(broker, _)| *broker)
    }

    pub(crate) fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// How far the log of a replica reaches; none where `broker` has none.
    pub(crate) fn end_at(&self, broker: i32) -> Option<i64> {
        self.replicas.get(&broker).map(|replica| replica.end)
    }

    /// Where a reader of committed records must stop. An open transaction whose beginning is deleted
    /// begins at the start; in 4.3, with the batch that holds the start.
    pub(crate) fn last_stable(&self, release: Release) -> i64 {
        let start = self.log.start;
        let begun = match release {
            Release::V4_3 => self.log.first_batch().unwrap_or(start).min(start),
            _ => start,
        };
        let open = self.log.producers.first_open();
        let open = open.map_or(i64::MAX, |open| if open < start { begun } else { open });
        open.min(self.high_watermark)
    }

    /// Appends what a producer sent, or says why not. A batch that is there already is answered with
    /// its place.
    pub(crate) fn produce(&mut self, batch: Batch, rules: &Rules) -> Result<Produced, i16> {
        let batch = rules.check(batch)?;
        if batch.producer_id >= 0
            && let Verdict::Duplicate(place) = self.log.producers.judge(&batch)?
        {
            return Ok(Produced::Before(place));
        }
        Ok(Produced::Now(self.append(batch)))
    }

    /// Appends without asking.
    pub(crate) fn append(&mut self, batch: Batch) -> i64 {
        let (end, epoch) = (self.log.end(), self.epoch);
        let base = self.log.append(batch, end, epoch);
        self.leader_appended();
        base
    }

    /// Appends at `offset`, behind a hole.
    pub(crate) fn append_at(&mut self, batch: Batch, offset: i64) {
        self.log.append(batch, offset, self.epoch);
        self.leader_appended();
    }

    fn leader_appended(&mut self) {
        let end = self.log.end();
        if let Some(leader) = self
            .leader
            .and_then(|leader| self.replicas.get_mut(&leader))
        {
            leader.end = end;
        }
        self.advance();
    }

    /// The follower has fetched everything up to `end`.
    pub(crate) fn replicated(&mut self, broker: i32, end: i64, epoch: i32) {
        if epoch != self.epoch || Some(broker) == self.leader {
            return;
        }
        let log_end = self.log.end();
        if let Some(replica) = self.replicas.get_mut(&broker) {
            replica.end = replica.end.max(end.min(log_end));
            if replica.end == log_end {
                replica.in_sync = true;
            }
        }
        self.advance();
    }

    /// A follower has fetched nothing for too long, although its broker is up.
    pub(crate) fn fall_behind(&mut self, broker: i32) {
        if Some(broker) != self.leader
            && let Some(replica) = self.replicas.get_mut(&broker)
        {
            replica.in_sync = false;
        }
        self.advance();
    }

    /// Has every replica that lives fetch at once, as a producer waits for that asks for all of them.
    pub(crate) fn replicate_at_once(&mut self, alive: &[i32]) {
        let (end, epoch) = (self.log.end(), self.epoch);
        for broker in alive {
            self.replicated(*broker, end, epoch);
        }
    }

    fn advance(&mut self) {
        let least = self
            .replicas
            .values()
            .filter(|replica| replica.in_sync)
            .map(|replica| replica.end)
            .min();
        if let Some(least) = least {
            self.high_watermark = self.high_watermark.max(least);
        }
    }

    /// A broker is gone: it is out of sync, and another one leads where it led.
    pub(crate) fn lose(&mut self, broker: i32, alive: &[i32]) {
        let others = self.in_sync().filter(|other| *other != broker).count();
        // The last one in sync stays on the list: only it may lead again.
        if others > 0
            && let Some(replica) = self.replicas.get_mut(&broker)
        {
            replica.in_sync = false;
        }
        if self.leader == Some(broker) {
            self.leader = None;
            self.elect(alive);
            if self.leader.is_none() {
                self.epoch += 1;
            }
        }
        self.advance();
    }

    /// A broker reads what it knows of producers from its disk, as it does when it is started.
    pub(crate) fn load(&mut self, broker: i32) {
        let start = self.log.start;
        let Some(replica) = self.replicas.get_mut(&broker) else {
            return;
        };
        replica.loaded = replica.end;
        if replica.end == start {
            replica.emptied = replica.end;
        }
        if self.leader == Some(broker) {
            self.remember(broker);
        }
    }

    /// Takes over what a leader knows of producers.
    fn remember(&mut self, leader: i32) {
        if let Some(replica) = self.replicas.get(&leader) {
            let producers = &mut self.log.producers;
            producers.reload(replica.loaded, replica.emptied);
        }
    }

    /// A broker is back.
    pub(crate) fn regain(&mut self, broker: i32, alive: &[i32]) {
        if self.leader.is_none() && self.replicas.contains_key(&broker) {
            self.elect(alive);
        }
    }

    /// Elects the first living replica that is in sync.
    pub(crate) fn elect(&mut self, alive: &[i32]) {
        let next = self.in_sync().find(|broker| alive.contains(broker));
        if let Some(next) = next {
            self.lead(next);
        }
    }

    /// Makes `broker` the leader; what only others have is lost.
    pub(crate) fn lead(&mut self, broker: i32) {
        let Some(replica) = self.replicas.get_mut(&broker) else {
            return;
        };
        replica.in_sync = true;
        let end = replica.end;
        self.leader = Some(broker);
        self.epoch += 1;
        self.log.truncate(end);
        self.remember(broker);
        let end = self.log.end();
        for replica in self.replicas.values_mut() {
            replica.end = replica.end.min(end);
        }
        self.high_watermark = self.high_watermark.min(end);
        self.log.begin_epoch(self.epoch);
        self.advance();
    }

    /// Takes away the end of the log at every replica, acknowledged or not: what an unclean election
    /// or a lost disk does.
    pub(crate) fn lose_end(&mut self, end: i64) {
        self.log.truncate(end);
        let end = self.log.end();
        for replica in self.replicas.values_mut() {
            replica.end = replica.end.min(end);
        }
        self.high_watermark = self.high_watermark.min(self.log.end());
        self.epoch += 1;
        self.log.begin_epoch(self.epoch);
        self.advance();
    }
}
