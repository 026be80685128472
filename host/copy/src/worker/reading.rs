//! Reading from the source: which partitions are fetched next, and how much of each.

use super::Worker;
use super::event::{Event, Fetched, Index};
use super::fetch::{self, FetchLimits, Wanted};
use super::limits::{Amount, Share};
use super::room::Room;
use super::tracked::Tracked;
use crate::append::{Append, Offsets, Preparation};
use crate::job::Until;
use ferry_kafka::task;
use ferry_model::identity::BrokerId;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Fetches under way per broker of the source.
const FETCH_LANES: u16 = 2;
/// The most that one fetch may bring.
const FETCH_BYTES_MAX: usize = 16 << 20;
/// The least that one fetch may bring where memory is short.
const FETCH_BYTES_LEAST: usize = 1 << 20;
/// The most that one fetch may bring of one partition, but for a single larger batch.
const FETCH_PARTITION_BYTES_MAX: usize = 4 << 20;
/// Partitions in one fetch.
const FETCH_PARTITIONS_MAX: usize = 400;

/// A fetch that has come back.
#[derive(Debug)]
pub(crate) struct FetchEnd {
    pub(crate) broker: BrokerId,
    pub(crate) lane: u16,
    /// The most that it could bring.
    pub(crate) limit: usize,
    /// Whether there may have been more than it could bring.
    pub(crate) full: bool,
    /// Whether it went to remote storage.
    pub(crate) remote: bool,
    pub(crate) results: Vec<(Index, i64, Fetched)>,
}

impl Worker {
    pub(super) fn serve_fetches(&mut self, now: Instant) {
        self.limits.follow(now);
        let brokers = self.turns.brokers();
        let lanes = usize::from(FETCH_LANES);
        let lanes_in_all = lanes * brokers.len();
        let mut room = None;
        for broker in brokers {
            for lane in 0..FETCH_LANES {
                if self.fetches.contains(&(broker, lane)) {
                    continue;
                }
                let allowed = self.limits.of_fetch(broker, lanes, lanes_in_all, now);
                let Some(allowed) = allowed else { break };
                let room = room.get_or_insert_with(|| self.room());
                let limit = allowed.min(self.fetch_bytes_max(room));
                if !self.serve_fetch(broker, lane, limit, room, now) {
                    break;
                }
            }
        }
    }

    fn room(&self) -> Room {
        let budget = self.job.settings.memory_bytes;
        Room::measure(&self.partitions, self.fetching_bytes, budget)
    }

    /// The most that one fetch may bring: less where memory is short, so that what there is goes to
    /// several.
    fn fetch_bytes_max(&self, room: &Room) -> usize {
        let share = self.job.settings.memory_bytes / 4;
        let most = FETCH_BYTES_MAX.min(share).max(FETCH_BYTES_LEAST);
        let least = (most / 4).max(FETCH_BYTES_LEAST);
        (room.free() / 2).clamp(least, most)
    }

    /// Begins one fetch, if there is something to fetch and memory to hold it.
    fn serve_fetch(
        &mut self,
        broker: BrokerId,
        lane: u16,
        limit: usize,
        room: &mut Room,
        now: Instant,
    ) -> bool {
        if room.free() < limit && !room.is_empty() {
            return false;
        }
        let wanted = self.wanted(broker, limit, room, now);
        if wanted.is_empty() {
            return false;
        }
        for want in &wanted {
            self.partitions[want.index].fetching = true;
        }
        self.turns.began(broker);
        self.fetches.insert((broker, lane));
        self.fetching_bytes += limit;
        room.reserve(limit);
        // A leader names nearer replicas for all of a request or for none.
        let may_move = |want: &Wanted| self.partitions[want.index].replica.may_move(now);
        let rack = self.job.settings.rack.clone();
        let limits = FetchLimits {
            bytes: limit as i32,
            rack: rack.filter(|_| wanted.iter().all(may_move)),
        };
        let remote = wanted.iter().any(|want| want.remote);
        if remote {
            self.fetches_remote.insert(broker);
        }
        let (source, events) = (self.job.source.clone(), self.events.clone());
        task::spawn(async move {
            let fetched = fetch::fetch(&source, broker, lane, wanted, limits).await;
            let _ = events.send(Event::Fetched(FetchEnd {
                broker,
                lane,
                limit,
                full: fetched.full,
                remote,
                results: fetched.results,
            }));
        });
        true
    }

    /// The partitions to fetch from `broker` next, those first that had no turn for longest. Those
    /// that have reached the end are left for a fetch of their own: a broker answers at once when
    /// there is anything, and would answer for them with nothing each time.
    fn wanted(&mut self, broker: BrokerId, limit: usize, room: &Room, now: Instant) -> Vec<Wanted> {
        let queue_bytes_max = room.queue_bytes_max();
        let partition_bytes_max = FETCH_PARTITION_BYTES_MAX.min(limit);
        let lanes = usize::from(FETCH_LANES) * self.turns.brokers().len();
        let mut shares: BTreeMap<usize, Share> = BTreeMap::new();
        let mut behind = Vec::new();
        let mut at_end = Vec::new();
        let remote_under_way = self.fetches_remote.contains(&broker);
        for index in self.turns.of(broker) {
            if behind.len() >= FETCH_PARTITIONS_MAX {
                break;
            }
            let tracked = &self.partitions[index];
            let group = tracked.group;
            let Some(from) = tracked.wants_fetch(queue_bytes_max, now) else {
                continue;
            };
            if self.limits.paused(group) || !room.has_place_for(tracked) {
                continue;
            }
            let limits = &mut self.limits;
            let share = shares
                .entry(group)
                .or_insert_with(|| limits.share(group, lanes, now));
            let lag = tracked.ends.last_stable.max(tracked.end) - from;
            let Some(bytes) = share.ask(lag, partition_bytes_max) else {
                continue;
            };
            if lag > 0 && tracked.is_remote(from) {
                if remote_under_way || !behind.is_empty() {
                    continue;
                }
                let mut alone = want(tracked, from, bytes);
                alone.remote = true;
                return vec![alone];
            }
            let list = if lag > 0 { &mut behind } else { &mut at_end };
            if list.len() < FETCH_PARTITIONS_MAX {
                list.push(want(tracked, from, bytes));
            }
        }
        if behind.is_empty() {
            // Until the ends that were there at the beginning are reached there is no need to wait
            // for more.
            let waits = !matches!(self.job.until, Until::CaughtUp);
            return if waits { at_end } else { Vec::new() };
        }
        // Where many wait each gets less, so that its turn comes sooner; but always a whole batch: a
        // broker sends a part of one to nobody but the first.
        let share = limit / behind.len();
        for want in &mut behind {
            let share = share.max(want.how.batch_bytes_max);
            let share = i32::try_from(share).unwrap_or(i32::MAX);
            want.bytes_max = want.bytes_max.min(share);
        }
        behind
    }

    /// A fetch has come back: what it brought counts against the limits, and those that had their
    /// turn stand behind the others.
    pub(super) fn on_fetch(&mut self, end: FetchEnd) {
        self.fetches.remove(&(end.broker, end.lane));
        self.fetching_bytes -= end.limit;
        if end.remote {
            self.fetches_remote.remove(&end.broker);
        }
        let mut amounts: BTreeMap<usize, Amount> = BTreeMap::new();
        for (index, _, fetched) in &end.results {
            let amount = fetched.amount();
            let of_group = amounts.entry(self.partitions[*index].group).or_default();
            of_group.bytes += amount.bytes;
            of_group.records += amount.records;
            // Where the answer was full, who got nothing has not had a turn.
            let empty = matches!(fetched, Fetched::Records { bytes: 0, .. });
            if !(empty && end.full) {
                self.turns.served(*index);
            }
        }
        self.limits.take(end.broker, &amounts);
        let bytes = amounts.values().map(|amount| amount.bytes).sum();
        self.watching.read(end.broker, bytes);
        for (index, from, fetched) in end.results {
            self.on_fetched(index, from, fetched);
        }
    }
}

impl Fetched {
    /// What it brought.
    fn amount(&self) -> Amount {
        let Self::Records {
            bytes, prepared, ..
        } = self
        else {
            return Amount::default();
        };
        let records: i64 = prepared.appends().map(Append::records).sum();
        Amount {
            bytes: *bytes,
            records: records.unsigned_abs(),
        }
    }
}

fn want(tracked: &Tracked, from: i64, bytes_max: usize) -> Wanted {
    Wanted {
        index: tracked.index,
        partition: tracked.job.source.clone(),
        topic_id: tracked.job.source_topic_id,
        leader_epoch: tracked.source_leader.map_or(-1, |(_, epoch)| epoch),
        last_epoch: tracked.epoch_before_fetch(),
        bytes_max: i32::try_from(bytes_max).unwrap_or(i32::MAX),
        remote: false,
        how: Preparation {
            from,
            offsets: match tracked.preserves() {
                true => Offsets::Preserve {
                    filler: tracked.job.filler.clone(),
                },
                false => Offsets::Translate,
            },
            batch_bytes_max: tracked.job.batch_bytes_max,
        },
    }
}
