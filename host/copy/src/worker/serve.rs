//! Serving the wishes of the machines: fetch, send, settle, delete padding, convert, commit.

use super::event::Event;
use super::produce::Entry;
use super::settle::Unsettled;
use super::tracked::Machine;
use super::transaction::Portion;
use super::{ProduceLane, Worker, cluster, conversion, produce, settle};
use crate::append::Append;
use crate::job::Until;
use crate::partition::translated::Waiting;
use ferry_kafka::task;
use ferry_model::identity::{BrokerId, Side};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Produce requests under way per broker of the target.
const REQUESTS_UNDER_WAY_MAX: usize = 6;
/// The size from which on a produce request takes no further batch.
const REQUEST_BYTES: usize = 4 << 20;
/// The most that one transaction takes of all partitions.
pub(super) const TRANSACTION_BYTES_MAX: usize = 32 << 20;
/// The most that one transaction takes of one partition.
const TRANSACTION_PARTITION_BYTES_MAX: usize = 8 << 20;
/// Partitions in one transaction.
pub(super) const TRANSACTION_PARTITIONS_MAX: usize = 500;
/// How long a mere position may wait for a transaction.
const POSITION_WAIT: Duration = Duration::from_millis(500);
/// How often the source is asked for its ends while draining.
const DRAIN_ASK_EVERY: Duration = Duration::from_millis(250);

impl Worker {
    pub(super) fn serve(&mut self) {
        let now = Instant::now();
        self.serve_saving();
        self.serve_leaders(now);
        self.serve_settling(now);
        self.serve_deletions();
        self.serve_conversions();
        self.serve_sends();
        // One transactional producer for both: they take turns.
        if self.voids_last {
            self.serve_transaction(now);
            self.serve_voids();
        } else {
            self.serve_voids();
            self.serve_transaction(now);
        }
        self.serve_guard(now);
        self.serve_tiers(now);
        self.serve_fetches(now);
        self.serve_drain(now);
    }

    /// Looks leaders up again where a partition has none.
    fn serve_leaders(&mut self, now: Instant) {
        for (place, side) in [(0, Side::Source), (1, Side::Target)] {
            if self.refreshing[place] || self.refresh_after[place].is_some_and(|at| now < at) {
                continue;
            }
            let topics: std::collections::BTreeSet<_> = self
                .partitions
                .iter()
                .filter(|t| t.halted().is_none())
                .filter_map(|t| match side {
                    Side::Source if t.source_leader.is_none() => Some(t.job.source.topic.clone()),
                    Side::Target if t.target_leader.is_none() => Some(t.job.target.topic.clone()),
                    _ => None,
                })
                .collect();
            if topics.is_empty() {
                continue;
            }
            self.refreshing[place] = true;
            self.refresh_after[place] = Some(now + Duration::from_millis(250));
            let client = match side {
                Side::Source => self.job.source.clone(),
                Side::Target => self.job.target.clone(),
            };
            let events = self.events.clone();
            task::spawn(async move {
                cluster::refresh(&client, topics.into_iter().collect()).await;
                let _ = events.send(Event::Leaders {
                    source: side == Side::Source,
                });
            });
        }
    }

    fn serve_settling(&mut self, now: Instant) {
        let mut unsettled = Vec::new();
        for tracked in &mut self.partitions {
            let Machine::Exact(machine) = &tracked.machine else {
                continue;
            };
            if tracked.settling
                || !machine.wants_settling()
                || tracked.settle_after.is_some_and(|after| now < after)
            {
                continue;
            }
            tracked.settling = true;
            unsettled.push(Unsettled {
                index: tracked.index,
                source: tracked.job.source.clone(),
                target: tracked.job.target.clone(),
            });
        }
        if unsettled.is_empty() {
            return;
        }
        // Where no request of an earlier run can be on its way, nothing has to stand still first.
        let still = if self.settled_once || self.state.state().began {
            self.job.settings.settling
        } else {
            Duration::ZERO
        };
        self.settled_once = true;
        let (source, target) = (self.job.source.clone(), self.job.target.clone());
        let producer = self.producer.id;
        let events = self.events.clone();
        task::spawn(async move {
            settle::settle(&source, &target, producer, unsettled, still, &events).await;
        });
    }

    fn serve_deletions(&mut self) {
        for tracked in &mut self.partitions {
            let Machine::Exact(machine) = &tracked.machine else {
                continue;
            };
            let Some(before) = machine.wants_deletion() else {
                continue;
            };
            if tracked.deleting {
                continue;
            }
            tracked.deleting = true;
            let (index, partition) = (tracked.index, tracked.job.target.clone());
            let (target, events) = (self.job.target.clone(), self.events.clone());
            task::spawn(async move {
                let result = cluster::delete_records(&target, partition, before).await;
                let _ = events.send(Event::PaddingDeleted { index, result });
            });
        }
    }

    /// Gives partitions whose offsets can't be kept their first progress, in a transaction that
    /// writes nothing else: before any record gets a new offset, it is on record that it may.
    fn serve_conversions(&mut self) {
        if self.transaction_under_way {
            return;
        }
        let mut converting = Vec::new();
        for tracked in &mut self.partitions {
            let Machine::Exact(machine) = &tracked.machine else {
                continue;
            };
            let Some(interruption) = machine.interrupted() else {
                continue;
            };
            if tracked.converting || tracked.settling {
                continue;
            }
            tracked.converting = true;
            converting.push(conversion::begin(tracked, machine, interruption));
        }
        if converting.is_empty() {
            return;
        }
        let Some(mut transactional) = self.transactional.take() else {
            return;
        };
        self.transaction_under_way = true;
        let events = self.events.clone();
        task::spawn(async move {
            let results = conversion::record(&mut transactional, converting).await;
            let _ = events.send(Event::Converted {
                results,
                transactional,
            });
        });
    }

    fn serve_sends(&mut self) {
        if !self.may_write() {
            return;
        }
        let mut orders: BTreeMap<BrokerId, Vec<usize>> = BTreeMap::new();
        let remembered_since_ms = self.memory.since_ms();
        for tracked in &self.partitions {
            if let (Machine::Exact(machine), Some(leader)) =
                (&tracked.machine, tracked.target_leader)
                && machine.can_send(remembered_since_ms)
                && tracked.saved_begun
                && tracked.saved_padding_to == machine.padding_to()
            {
                orders.entry(leader).or_default().push(tracked.index);
            }
        }
        for (broker, mut ready) in orders {
            // Behind those that the last request held: where there is more to send than the broker
            // takes, everybody has a turn.
            let last = self.last_sent.get(&broker).copied();
            let next = ready.partition_point(|index| last.is_some_and(|last| *index <= last));
            ready.rotate_left(next);
            while !ready.is_empty() && self.lane(broker).under_way < REQUESTS_UNDER_WAY_MAX {
                let order = self.order(&mut ready, remembered_since_ms);
                if order.is_empty() {
                    break;
                }
                if let Some(entry) = order.last() {
                    self.last_sent.insert(broker, entry.index);
                }
                let lane = self.lane(broker);
                lane.under_way += 1;
                // A lane's task ends only with its sender, which is ours.
                let _ = lane.orders.send(order);
            }
        }
    }

    /// One request's worth of batches, at most one of each partition. Partitions that have nothing
    /// more to send are taken off `ready`.
    fn order(&mut self, ready: &mut Vec<usize>, remembered_since_ms: i64) -> produce::Order {
        let mut order = Vec::new();
        let mut bytes = 0;
        let mut rest = Vec::new();
        let mut more = Vec::new();
        for index in ready.drain(..) {
            if bytes >= REQUEST_BYTES {
                rest.push(index);
                continue;
            }
            let tracked = &mut self.partitions[index];
            let Machine::Exact(machine) = &mut tracked.machine else {
                continue;
            };
            let queued = machine.queued_bytes();
            let Some(send) = machine.next_send(remembered_since_ms) else {
                continue;
            };
            let taken = queued - machine.queued_bytes();
            tracked.in_flight_bytes += taken;
            bytes += taken.max(1);
            if machine.can_send(remembered_since_ms) {
                more.push(index);
            }
            order.push(Entry {
                index,
                partition: tracked.job.target.clone(),
                send,
            });
        }
        // Who was left out comes before who has more.
        rest.append(&mut more);
        *ready = rest;
        order
    }

    fn lane(&mut self, broker: BrokerId) -> &mut ProduceLane {
        let gate = self.lease.gate.clone();
        let (target, producer, events) = (&self.job.target, self.producer, &self.events);
        self.lanes.entry(broker).or_insert_with(|| ProduceLane {
            orders: produce::start(target.clone(), broker, producer, gate, events.clone()),
            under_way: 0,
        })
    }

    fn serve_transaction(&mut self, now: Instant) {
        if self.transaction_under_way || self.transactional.is_none() {
            return;
        }
        let patient = now.duration_since(self.last_commit) < POSITION_WAIT;
        let mut records_wait = false;
        let mut positions_wait = false;
        for tracked in &self.partitions {
            if let Machine::Translated { machine, .. } = &tracked.machine {
                match machine.waits() {
                    Waiting::Records => records_wait = true,
                    Waiting::Position => positions_wait = true,
                    Waiting::Nothing => {}
                }
            }
        }
        if !records_wait && (!positions_wait || patient) {
            return;
        }
        let portions = self.portions();
        let Some(mut transactional) = self.transactional.take() else {
            return;
        };
        self.transaction_under_way = true;
        self.voids_last = false;
        let events = self.events.clone();
        task::spawn(async move {
            let end = transactional.run(portions).await;
            let _ = events.send(Event::Transaction { end, transactional });
        });
    }

    /// What the next transaction takes of each partition. It begins behind where the last one
    /// stopped, so that no partition waits for ever.
    fn portions(&mut self) -> Vec<Portion> {
        let mut portions = Vec::new();
        let mut bytes = 0;
        let waiting = self.partitions.iter().filter_map(|tracked| {
            let Machine::Translated { machine, .. } = &tracked.machine else {
                return None;
            };
            (machine.waits() == Waiting::Records).then(|| machine.queued_bytes())
        });
        let share = fair_share(waiting.collect(), TRANSACTION_BYTES_MAX);
        let count = self.partitions.len();
        for step in 0..count {
            let index = (self.next_portion + step) % count;
            let tracked = &mut self.partitions[index];
            let Machine::Translated { machine, progress } = &mut tracked.machine else {
                continue;
            };
            if bytes >= TRANSACTION_BYTES_MAX || portions.len() >= TRANSACTION_PARTITIONS_MAX {
                self.next_portion = index;
                break;
            }
            let Some(taken) = machine.take(share.min(TRANSACTION_PARTITION_BYTES_MAX)) else {
                continue;
            };
            let size: usize = taken.appends.iter().map(|append| append.bytes.len()).sum();
            bytes += size;
            tracked.in_flight_bytes += size;
            tracked.taken_records = taken.appends.iter().map(Append::records).sum();
            tracked.in_transaction = true;
            portions.push(Portion {
                index,
                partition: tracked.job.target.clone(),
                taken,
                progress: (**progress).clone(),
            });
        }
        portions
    }

    /// Asks the source for its ends again and again, until they stand still.
    fn serve_drain(&mut self, now: Instant) {
        let waits = matches!(self.job.until, Until::Drained { .. });
        let soon = self
            .drain
            .asked
            .is_some_and(|at| now.duration_since(at) < DRAIN_ASK_EVERY);
        if !waits || self.drain.asking || soon {
            return;
        }
        self.drain.asking = true;
        self.drain.asked = Some(now);
        let partitions: Vec<_> = self
            .partitions
            .iter()
            .map(|t| (t.index, t.job.source.clone()))
            .collect();
        let (source, events) = (self.job.source.clone(), self.events.clone());
        task::spawn(async move {
            let results = cluster::ends(&source, partitions).await;
            let _ = events.send(Event::Ends { results });
        });
    }
}

/// The most that each may take of `total` so that all get what they want, or as much as anybody.
fn fair_share(mut wanted: Vec<usize>, total: usize) -> usize {
    wanted.sort_unstable();
    let mut left = total;
    for (number, bytes) in wanted.iter().enumerate() {
        let share = left / (wanted.len() - number);
        if *bytes > share {
            return share;
        }
        left -= bytes;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::fair_share;

    #[test]
    fn who_wants_little_gets_it_and_the_others_share_the_rest() {
        assert_eq!(fair_share(vec![], 100), 100);
        assert_eq!(fair_share(vec![10, 20], 100), 100);
        assert_eq!(fair_share(vec![1_000, 10, 20], 100), 70);
        assert_eq!(fair_share(vec![1_000, 1_000, 10], 100), 45);
        assert_eq!(fair_share(vec![1_000; 4], 100), 25);
    }
}
