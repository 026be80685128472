//! What an event changes.

use super::Worker;
use super::closing::CLOSING_OFFSETS;
use super::event::{Count, Event, Fetched, Index, Produced, Settled, SourceEnds, TransactionEnd};
use super::replica::Replica;
use super::tracked::Machine;
use crate::halt::Halt;
use crate::partition::translated::TranslatedPartition;
use crate::planted::{Bug, made};
use crate::progress::PartitionProgress;
use ferry_kafka::error_code::ErrorCode;
use ferry_kafka::task;
use std::time::Duration;
use tokio::time::Instant;

/// How long a partition rests after a fetch that failed.
const FETCH_REST: Duration = Duration::from_millis(200);
/// How long a partition rests after its end could not be settled.
const SETTLE_REST: Duration = Duration::from_millis(500);

impl Worker {
    pub(super) fn handle(&mut self, event: Event) {
        self.changed = true;
        match event {
            Event::Fetched(end) => self.on_fetch(end),
            Event::Produced { broker, results } => {
                if let Some(lane) = self.lanes.get_mut(&broker) {
                    lane.under_way -= 1;
                }
                for (index, produced) in results {
                    self.on_produced(index, produced);
                }
            }
            Event::Settled { results } => {
                for (index, settled) in results {
                    self.on_settled(index, settled);
                }
                self.remember_beginnings();
            }
            Event::PaddingDeleted { index, result } => self.on_padding_deleted(index, result),
            Event::Converted {
                results,
                transactional,
            } => {
                self.transaction_under_way = false;
                self.transactional = Some(transactional);
                self.on_converted(results);
            }
            Event::Saved {
                result,
                on_record,
                transactional,
            } => {
                self.transaction_under_way = false;
                self.transactional = Some(transactional);
                self.on_saved(result, &on_record);
            }
            Event::Voids {
                results,
                transactional,
            } => {
                self.transaction_under_way = false;
                self.transactional = Some(transactional);
                self.on_voids(results);
            }
            Event::Transaction { end, transactional } => {
                self.transaction_under_way = false;
                self.transactional = Some(transactional);
                self.on_transaction(end);
            }
            Event::Canary { broker, took } => self.watching.on_canary(broker, took),
            Event::Followers { found } => self.watching.on_followers(found),
            Event::LocalStarts { starts } => self.on_local_starts(starts),
            Event::Ends { results } => self.on_ends(results),
            Event::Leaders { source } => self.on_leaders(source),
            Event::SourceStart { index, ends } => self.on_source_start(index, ends),
        }
    }

    pub(super) fn on_fetched(&mut self, index: Index, from: i64, fetched: Fetched) {
        let tracked = &mut self.partitions[index];
        tracked.fetching = false;
        // What a follower says is no proof of anything: see replica.rs.
        if tracked.replica.is_follower() && !matches!(fetched, Fetched::Records { .. }) {
            tracked.fetch_after = Some(Instant::now() + FETCH_REST);
            self.back_to_leader(index);
            return;
        }
        match fetched {
            Fetched::Nearer { replica } => self.on_nearer_replica(index, replica),
            Fetched::Records { ends, prepared, .. } => {
                tracked.ends = ends;
                if let Some(epoch) = prepared.source_epoch {
                    tracked.fetched_epoch = Some(epoch);
                }
                match (&mut tracked.machine, tracked.closed_at) {
                    (Machine::Exact(machine), Some(at)) if !prepared.pieces.is_empty() => {
                        machine.halt(Halt::Closed { at });
                    }
                    (Machine::Exact(machine), _) => machine.on_fetched(from, prepared),
                    (Machine::Translated { machine, .. }, _) => machine.on_fetched(from, prepared),
                }
                self.renew_replica(index);
            }
            Fetched::Lost => {
                tracked.fetch_after = Some(Instant::now() + FETCH_REST);
                self.lost_source_leader(index);
            }
            Fetched::Diverging { epoch, end_offset } => {
                tracked.halt(Halt::SourceHistoryChanged {
                    position: from,
                    found: format!("epoch {epoch} ends at offset {end_offset}"),
                });
            }
            Fetched::Error { code, log_start } => self.on_fetch_error(index, from, code, log_start),
        }
    }

    fn on_fetch_error(&mut self, index: Index, from: i64, code: ErrorCode, log_start: i64) {
        let tracked = &mut self.partitions[index];
        tracked.fetch_after = Some(Instant::now() + FETCH_REST);
        match code {
            ErrorCode::OFFSET_OUT_OF_RANGE if log_start > from => {
                // What lies before the new start was never fetched: its epoch is not known.
                tracked.fetched_epoch = None;
                match &mut tracked.machine {
                    Machine::Exact(machine) => machine.on_source_starts_at(log_start),
                    Machine::Translated { machine, .. } => machine.on_source_starts_at(log_start),
                }
                self.remember_beginnings();
            }
            ErrorCode::OFFSET_OUT_OF_RANGE if log_start >= 0 => {
                tracked.halt(Halt::SourceHistoryChanged {
                    position: from,
                    found: "the source's log ends before it".into(),
                });
            }
            // Brokers before 2.8 or so answer without a log start: ask for it.
            ErrorCode::OFFSET_OUT_OF_RANGE => self.ask_source_start(index),
            ErrorCode::TOPIC_AUTHORIZATION_FAILED => tracked.halt(Halt::Refused {
                side: "source".into(),
                error: code.to_string(),
                offset: from,
            }),
            ErrorCode::UNKNOWN_TOPIC_ID => {
                tracked.halt(Halt::TopicRecreated {
                    side: "source".into(),
                });
            }
            _ => {
                tracing::debug!(partition = %tracked.job.source, %code, "a fetch was refused");
                self.lost_source_leader(index);
            }
        }
    }

    fn lost_source_leader(&mut self, index: Index) {
        self.partitions[index].source_leader = None;
        self.partitions[index].replica = Replica::Leader;
        self.turns.remove(index);
    }

    fn on_produced(&mut self, index: Index, produced: Produced) {
        let tracked = &mut self.partitions[index];
        let Machine::Exact(machine) = &mut tracked.machine else {
            return;
        };
        match produced {
            Produced::At { base, count, bytes } => {
                machine.on_acknowledged(base);
                if !machine.halted() {
                    match count {
                        Count::Records(records) => {
                            self.told.records += records;
                            self.groups.add(tracked.group, records, bytes as u64);
                        }
                        Count::Padding(padding) => self.told.padding += padding,
                    }
                    self.told.bytes += bytes as u64;
                    self.told.appending = self.began.elapsed();
                }
            }
            Produced::Restamped { base } => {
                machine.on_refused(Halt::TimestampsRewritten { offset: base });
            }
            Produced::Unknown { reason } => {
                tracing::debug!(partition = %tracked.job.target, reason, "an outcome is unknown");
                machine.on_unknown();
                tracked.target_leader = None;
            }
            Produced::Refused(halt) => machine.on_refused(halt),
        }
        if machine.quiet() {
            tracked.in_flight_bytes = 0;
        }
    }

    fn on_settled(&mut self, index: Index, settled: Settled) {
        let tracked = &mut self.partitions[index];
        tracked.settling = false;
        let Machine::Exact(machine) = &mut tracked.machine else {
            return;
        };
        match settled {
            Settled::End { mut target, source } => {
                let first = tracked.began_at < 0;
                if let Some(at) = tracked.closed_at {
                    // Behind it there is at most the marker that closed it.
                    target.log_end -= i64::from(target.log_end == at + CLOSING_OFFSETS);
                }
                tracked.ends = source;
                // Before the copy has begun nothing of ours can be there, and behind where it was
                // left neither.
                let left_at = if tracked.begun {
                    tracked.left_at.take()
                } else {
                    Some(0)
                };
                let beyond =
                    |left_at: &i64| target.log_end > *left_at && !made(Bug::LooksAtNoOffset);
                if let Some(left_at) = left_at.filter(beyond) {
                    machine.halt(Halt::TargetEndUnexpected {
                        log_end: target.log_end,
                        acknowledged: left_at,
                        sent: left_at,
                    });
                    return;
                }
                tracked.fetched_epoch = None;
                machine.on_settled(target, source.log_start, source.high_watermark);
                if first {
                    tracked.began_at = machine.acknowledged().max(source.log_start);
                    tracked.end = source.last_stable;
                }
            }
            Settled::Again { reason } => {
                tracing::debug!(partition = %tracked.job.target, reason, "not settled yet");
                tracked.settle_after = Some(Instant::now() + SETTLE_REST);
            }
        }
    }

    fn on_padding_deleted(&mut self, index: Index, result: Result<(), String>) {
        let tracked = &mut self.partitions[index];
        tracked.deleting = false;
        let Machine::Exact(machine) = &mut tracked.machine else {
            return;
        };
        match result {
            Ok(()) => {
                machine.on_padding_deleted();
                self.remember_beginnings();
            }
            Err(error) => {
                let offset = machine.acknowledged();
                machine.halt(Halt::Refused {
                    side: "target".into(),
                    error,
                    offset,
                });
            }
        }
    }

    fn on_converted(&mut self, results: Vec<(Index, Result<PartitionProgress, String>)>) {
        for (index, result) in results {
            let tracked = &mut self.partitions[index];
            tracked.converting = false;
            match result {
                Ok(progress) => {
                    let remembered = self.state.partition_mut(&tracked.job.source);
                    remembered.translated_because = Some(progress.reason().to_owned());
                    tracked.machine = Machine::Translated {
                        machine: Box::new(TranslatedPartition::new(progress.position())),
                        progress: Box::new(progress),
                    };
                }
                Err(reason) => {
                    tracing::warn!(partition = %tracked.job.target, reason, "not converted yet");
                }
            }
        }
    }

    fn on_transaction(&mut self, end: TransactionEnd) {
        self.last_commit = Instant::now();
        match end {
            TransactionEnd::Committed {
                progress,
                records,
                bytes,
            } => {
                self.told.records += records;
                self.told.bytes += bytes;
                self.told.appending = self.began.elapsed();
                for (index, next) in progress {
                    let tracked = &mut self.partitions[index];
                    tracked.in_transaction = false;
                    let taken = std::mem::take(&mut tracked.in_flight_bytes) as u64;
                    self.groups.add(tracked.group, tracked.taken_records, taken);
                    if let Machine::Translated { machine, progress } = &mut tracked.machine {
                        machine.on_committed();
                        **progress = next;
                    }
                }
            }
            TransactionEnd::Aborted {
                partitions,
                halts,
                reason,
            } => {
                tracing::warn!(reason, "a transaction was aborted and is done again");
                for index in partitions {
                    let tracked = &mut self.partitions[index];
                    tracked.in_transaction = false;
                    tracked.in_flight_bytes = 0;
                    tracked.fetched_epoch = None;
                    if let Machine::Translated { machine, .. } = &mut tracked.machine {
                        machine.on_aborted();
                    }
                }
                for (index, halt) in halts {
                    self.partitions[index].halt(halt);
                }
            }
            TransactionEnd::Failed(error) => self.failed = Some(error),
        }
    }

    fn on_ends(&mut self, results: Vec<(Index, SourceEnds)>) {
        self.drain.asking = false;
        if results.len() < self.partitions.len() {
            // Not every end is known: that proves nothing.
            self.drain.quiet_since = None;
            return;
        }
        let mut ends = vec![0; self.partitions.len()];
        let mut reached = true;
        for (index, found) in results {
            let tracked = &mut self.partitions[index];
            tracked.ends = found;
            ends[index] = found.high_watermark;
            let settled = found.last_stable == found.high_watermark;
            reached &=
                tracked.halted().is_some() || (settled && tracked.finished(found.high_watermark));
        }
        let moved = ends != self.drain.ends;
        self.drain.ends = ends;
        if moved || !reached {
            self.drain.quiet_since = None;
        } else if self.drain.quiet_since.is_none() {
            self.drain.quiet_since = Some(Instant::now());
        }
    }

    pub(super) fn on_leaders(&mut self, source: bool) {
        self.refreshing[usize::from(!source)] = false;
        for tracked in &mut self.partitions {
            if source && tracked.source_leader.is_none() {
                let Some(leader) = self.job.source.leader(&tracked.job.source) else {
                    continue;
                };
                tracked.source_leader = Some((leader.broker, leader.epoch));
                self.turns.put(tracked.index, leader.broker);
            } else if !source && tracked.target_leader.is_none() {
                let leader = self.job.target.leader(&tracked.job.target);
                tracked.target_leader = leader.map(|leader| leader.broker);
            }
        }
    }

    fn on_source_start(&mut self, index: Index, ends: Option<SourceEnds>) {
        let tracked = &mut self.partitions[index];
        tracked.fetching = false;
        let Some(ends) = ends else { return };
        let from = tracked.wants_fetch(usize::MAX, Instant::now() + FETCH_REST);
        if let Some(from) = from {
            let code = ErrorCode::OFFSET_OUT_OF_RANGE;
            self.on_fetch_error(index, from, code, ends.log_start);
        }
    }

    fn ask_source_start(&mut self, index: Index) {
        self.partitions[index].fetching = true;
        let partition = self.partitions[index].job.source.clone();
        let (source, events) = (self.job.source.clone(), self.events.clone());
        task::spawn(async move {
            let ends = super::cluster::ends(&source, vec![(index, partition)]).await;
            let _ = events.send(Event::SourceStart {
                index,
                ends: ends.first().map(|(_, e)| *e),
            });
        });
    }
}
