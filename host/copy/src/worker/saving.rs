//! Writing down what the worker remembers, before anything depends on it and every now and then.

use super::event::{Event, Index};
use super::tracked::{Machine, Tracked};
use super::transaction::BeginFailure;
use super::{CopyError, Worker};
use crate::planted::{Bug, made};
use crate::progress::ProgressRecord;
use ferry_kafka::task;
use std::time::Duration;
use tokio::time::Instant;

/// How often the progress topic is told of what changes.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(3);

/// What is on record of one partition once something is written down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnRecord {
    index: Index,
    begun: bool,
    padding_to: Option<i64>,
    voids: bool,
}

impl OnRecord {
    fn of(tracked: &Tracked) -> Option<Self> {
        let Machine::Exact(machine) = &tracked.machine else {
            return None;
        };
        Some(Self {
            index: tracked.index,
            begun: tracked.begun && tracked.began_at >= 0,
            padding_to: machine.padding_to(),
            voids: machine.has_voids(),
        })
    }
}

impl Worker {
    /// Notes which partitions have begun, which paddings, and where offsets are kept free: it must be
    /// on record before the first record is sent, since what is ours, what is padding and what is data
    /// can't be told apart afterwards.
    pub(super) fn remember_beginnings(&mut self) {
        for tracked in &mut self.partitions {
            let Machine::Exact(machine) = &tracked.machine else {
                continue;
            };
            let settled = tracked.began_at >= 0;
            let remembered = self.state.partition_mut(&tracked.job.source);
            if settled && (!tracked.begun || remembered.left_at.is_some()) {
                tracked.begun = true;
                remembered.begun = true;
                remembered.left_at = None;
            }
            if made(Bug::ForgetsPaddings) {
                tracked.saved_padding_to = machine.padding_to();
            } else {
                remembered.padding_to = machine.padding_to();
            }
            remembered.voids |= machine.has_voids();
            self.save_wanted |= (settled && !tracked.saved_begun)
                || tracked.saved_padding_to != machine.padding_to()
                || tracked.saved_voids != machine.has_voids();
        }
        if !self.state.state().began {
            self.state.state_mut().began = true;
            self.save_wanted = true;
        }
    }

    /// Writes down what has to be on record, and how far every partition has come from time to time.
    pub(super) fn serve_saving(&mut self) {
        if !self.save_wanted && !self.save_due() {
            return;
        }
        if self.transaction_under_way {
            return;
        }
        // What counts as being on record is what is written now.
        self.remember_beginnings();
        self.note_positions();
        let on_record: Vec<_> = self.partitions.iter().filter_map(OnRecord::of).collect();
        self.save(on_record);
    }

    fn save_due(&self) -> bool {
        // Why a partition stopped must not be forgotten.
        let stopped = self.partitions.iter().filter(|t| t.halted().is_some());
        let news = self.changed
            && (self.last_checkpoint.elapsed() >= CHECKPOINT_EVERY
                || stopped.count() != self.halted_written);
        news || self.lease.due()
    }

    fn save(&mut self, on_record: Vec<OnRecord>) {
        let records = self.topic_records(false);
        let Some(mut transactional) = self.transactional.take() else {
            return;
        };
        self.transaction_under_way = true;
        let events = self.events.clone();
        task::spawn(async move {
            let result = transactional.begin(records).await;
            let _ = events.send(Event::Saved {
                result,
                on_record,
                transactional,
            });
        });
    }

    /// The records that bring the progress topic up to date, that of the lease among them.
    fn topic_records(&mut self, released: bool) -> Vec<ProgressRecord> {
        let mut records = vec![self.lease.progress_record(released)];
        records.append(&mut self.state.news());
        records
    }

    pub(super) fn on_saved(&mut self, result: Result<(), BeginFailure>, on_record: &[OnRecord]) {
        match result {
            Ok(()) => {
                self.state.written();
                self.on_record(on_record);
            }
            Err(BeginFailure::Again(reason)) => {
                tracing::debug!(reason, "what is remembered was not written yet");
            }
            Err(BeginFailure::Final(error)) => self.failed = Some(*error),
        }
    }

    fn on_record(&mut self, on_record: &[OnRecord]) {
        for known in on_record {
            let tracked = &mut self.partitions[known.index];
            tracked.saved_begun = known.begun;
            tracked.saved_padding_to = known.padding_to;
            tracked.saved_voids = known.voids;
        }
        self.save_wanted = false;
        self.remember_beginnings();
        self.last_checkpoint = Instant::now();
        self.changed = false;
    }

    /// Writes everything down at the end. A lease is given up where nothing can be on its way any more.
    pub(super) async fn save_at_last(&mut self, ended_well: bool) -> Result<(), CopyError> {
        self.note_positions();
        let released = ended_well && self.idle();
        let records = self.topic_records(released);
        let Some(transactional) = &mut self.transactional else {
            return Ok(());
        };
        match transactional.begin(records).await {
            Ok(()) => Ok(()),
            Err(BeginFailure::Final(error)) => Err(*error),
            Err(BeginFailure::Again(reason)) => {
                tracing::warn!(reason, "what is remembered was not written at the end");
                Ok(())
            }
        }
    }
}
