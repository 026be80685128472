//! Offsets that are kept free, between the machines and the transactional producer.

use super::event::{Event, Index};
use super::serve::{TRANSACTION_BYTES_MAX, TRANSACTION_PARTITIONS_MAX};
use super::tracked::Machine;
use super::transaction::VoidPortion;
use super::{CopyError, Worker};
use crate::halt::Halt;
use ferry_kafka::task;

/// What became of offsets that were to be kept free.
#[derive(Debug)]
pub(crate) enum VoidEnd {
    /// They are taken, and nothing is behind them.
    Written,
    /// Nobody knows how many of them are taken.
    Unknown(String),
    /// They can't be taken, or something else is in their place.
    Refused(Halt),
}

impl Worker {
    /// Takes the next offsets of every partition that has some to keep free, in one transaction.
    pub(super) fn serve_voids(&mut self) {
        if self.transaction_under_way || self.transactional.is_none() || !self.may_write() {
            return;
        }
        let portions = self.void_portions();
        if portions.is_empty() {
            return;
        }
        let Some(mut transactional) = self.transactional.take() else {
            return;
        };
        self.transaction_under_way = true;
        self.voids_last = true;
        let events = self.events.clone();
        task::spawn(async move {
            let results = transactional.keep_free(&portions).await;
            let _ = events.send(Event::Voids {
                results,
                transactional,
            });
        });
    }

    /// What the next transaction keeps free of each partition, beginning behind where the last one
    /// stopped.
    fn void_portions(&mut self) -> Vec<VoidPortion> {
        let mut portions = Vec::new();
        let mut bytes = 0;
        let count = self.partitions.len();
        for step in 0..count {
            let index = (self.next_void + step) % count;
            let tracked = &mut self.partitions[index];
            let Machine::Exact(machine) = &mut tracked.machine else {
                continue;
            };
            if bytes >= TRANSACTION_BYTES_MAX || portions.len() >= TRANSACTION_PARTITIONS_MAX {
                self.next_void = index;
                break;
            }
            // From then on sequence numbers do not follow offsets: it has to be on record.
            if !tracked.saved_voids && machine.wants_void() {
                self.save_wanted = true;
                continue;
            }
            let Some(write) = machine.next_void() else {
                continue;
            };
            let size: usize = write.aborted.iter().map(|append| append.bytes.len()).sum();
            bytes += size;
            tracked.in_flight_bytes += size;
            portions.push(VoidPortion {
                index,
                partition: tracked.job.target.clone(),
                write,
            });
        }
        portions
    }

    pub(super) fn on_voids(&mut self, results: Result<Vec<(Index, VoidEnd)>, CopyError>) {
        let results = match results {
            Ok(results) => results,
            Err(error) => {
                self.failed = Some(error);
                return;
            }
        };
        for (index, end) in results {
            let tracked = &mut self.partitions[index];
            tracked.in_flight_bytes = 0;
            let Machine::Exact(machine) = &mut tracked.machine else {
                continue;
            };
            match end {
                VoidEnd::Written => {
                    machine.on_void_written();
                    self.told.voids += 1;
                    self.told.appending = self.began.elapsed();
                }
                VoidEnd::Unknown(reason) => {
                    tracing::debug!(partition = %tracked.job.target, reason, "an outcome is unknown");
                    machine.on_void_unknown();
                    tracked.target_leader = None;
                }
                VoidEnd::Refused(halt) => {
                    machine.on_void_unknown();
                    machine.halt(halt);
                }
            }
        }
    }
}
