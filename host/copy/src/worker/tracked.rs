//! One partition as the worker follows it.

use super::event::{Index, SourceEnds};
use super::replica::Replica;
use crate::halt::Halt;
use crate::job::{OffsetMode, PartitionJob, PartitionOutcome};
use crate::partition::exact::{EpochMark, ExactPartition, Phase};
use crate::partition::translated::TranslatedPartition;
use crate::progress::PartitionProgress;
use ferry_model::identity::BrokerId;
use tokio::time::Instant;

/// The machine that a partition is copied by.
#[derive(Debug)]
pub(crate) enum Machine {
    /// Offsets are kept.
    Exact(Box<ExactPartition>),
    /// Offsets are translated.
    Translated {
        machine: Box<TranslatedPartition>,
        progress: Box<PartitionProgress>,
    },
}

/// One partition.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) index: Index,
    pub(crate) job: PartitionJob,
    /// The number of its topic group.
    pub(crate) group: usize,
    pub(crate) machine: Machine,
    pub(crate) source_leader: Option<(BrokerId, i32)>,
    /// The replica that the source is read from.
    pub(crate) replica: Replica,
    /// Where the part of the source's log begins that is not in remote storage, where that is known.
    pub(crate) local_start: Option<i64>,
    pub(crate) target_leader: Option<BrokerId>,
    pub(crate) ends: SourceEnds,
    /// Where the copy is done, with `Until::CaughtUp`.
    pub(crate) end: i64,
    /// Where it began in this run; negative until that is known.
    pub(crate) began_at: i64,
    /// The source's leader epoch of the last batch that was fetched in this run.
    pub(crate) fetched_epoch: Option<i32>,
    pub(crate) fetching: bool,
    pub(crate) settling: bool,
    pub(crate) deleting: bool,
    pub(crate) converting: bool,
    pub(crate) in_transaction: bool,
    /// Not to be fetched before.
    pub(crate) fetch_after: Option<Instant>,
    /// Not to be settled before.
    pub(crate) settle_after: Option<Instant>,
    /// Where the target's log ended when the last run did, if that is certain.
    pub(crate) left_at: Option<i64>,
    /// Whether it is on record that the copy of this partition has begun.
    pub(crate) begun: bool,
    /// Whether that is on record, and that the target's log may end elsewhere than the last run left it.
    pub(crate) saved_begun: bool,
    /// The padding that is on record.
    pub(crate) saved_padding_to: Option<i64>,
    /// Whether it is on record that offsets were kept free here.
    pub(crate) saved_voids: bool,
    /// Where both logs ended when the last segment at the target was closed.
    pub(crate) closed_at: Option<i64>,
    /// Bytes that are on their way to the target.
    pub(crate) in_flight_bytes: usize,
    /// Records in the transaction that is under way.
    pub(crate) taken_records: i64,
}

impl Tracked {
    pub(crate) fn new(index: Index, job: PartitionJob, machine: Machine) -> Self {
        Self {
            index,
            job,
            group: 0,
            machine,
            source_leader: None,
            replica: Replica::default(),
            local_start: None,
            target_leader: None,
            ends: SourceEnds::default(),
            end: 0,
            began_at: -1,
            fetched_epoch: None,
            fetching: false,
            settling: false,
            deleting: false,
            converting: false,
            in_transaction: false,
            fetch_after: None,
            settle_after: None,
            left_at: None,
            begun: false,
            saved_begun: false,
            saved_padding_to: None,
            saved_voids: false,
            closed_at: None,
            in_flight_bytes: 0,
            taken_records: 0,
        }
    }

    /// Everything before this source offset is at the target.
    pub(crate) fn copied_to(&self) -> i64 {
        match &self.machine {
            Machine::Exact(machine) => machine.acknowledged(),
            Machine::Translated { machine, .. } => machine.committed().source_next,
        }
    }

    /// Up to where the source's history is known.
    pub(crate) fn epoch_mark(&self) -> Option<EpochMark> {
        match &self.machine {
            Machine::Exact(machine) => machine.epoch_mark(),
            Machine::Translated { machine, .. } => {
                let committed = machine.committed();
                let end = committed.source_next;
                committed.source_epoch.map(|epoch| EpochMark { epoch, end })
            }
        }
    }

    /// The source's leader epoch of the batch right before the next fetch, only where it is certain:
    /// with an older one the leader would take our position for another history's.
    pub(crate) fn epoch_before_fetch(&self) -> Option<i32> {
        match &self.machine {
            // A settled end says how far the copy has come, not in which epoch that was.
            Machine::Exact(_) => self.fetched_epoch,
            Machine::Translated { machine, .. } => {
                let committed = machine.committed();
                let at_committed = machine.fetch_next() == committed.source_next;
                let of_committed = committed.source_epoch.filter(|_| at_committed);
                self.fetched_epoch.or(of_committed)
            }
        }
    }

    pub(crate) fn halted(&self) -> Option<&Halt> {
        match &self.machine {
            Machine::Exact(machine) => match machine.phase() {
                Phase::Halted(halt) => Some(halt),
                _ => None,
            },
            Machine::Translated { machine, .. } => machine.halted(),
        }
    }

    pub(crate) fn halt(&mut self, halt: Halt) {
        match &mut self.machine {
            Machine::Exact(machine) => machine.halt(halt),
            Machine::Translated { machine, .. } => machine.halt(halt),
        }
    }

    /// Bytes of the source's batches that this partition keeps in memory.
    pub(crate) fn held_bytes(&self) -> usize {
        let queued = match &self.machine {
            Machine::Exact(machine) => machine.queued_bytes(),
            Machine::Translated { machine, .. } => machine.queued_bytes(),
        };
        queued + self.in_flight_bytes
    }

    /// The next source offset to fetch, where the partition can take more now.
    pub(crate) fn wants_fetch(&self, queue_bytes_max: usize, now: Instant) -> Option<i64> {
        if self.fetching || self.fetch_after.is_some_and(|after| now < after) {
            return None;
        }
        match &self.machine {
            Machine::Exact(machine) => machine.wants_fetch(queue_bytes_max),
            Machine::Translated { machine, .. } => machine.wants_fetch(queue_bytes_max),
        }
    }

    /// Whether what stands at `offset` may have to be read from remote storage.
    pub(crate) fn is_remote(&self, offset: i64) -> bool {
        self.job.tiered && self.local_start.is_none_or(|start| offset < start)
    }

    pub(crate) fn preserves(&self) -> bool {
        matches!(self.machine, Machine::Exact(_))
    }

    /// Whether it has reached `end` or stopped, with nothing on its way.
    pub(crate) fn finished(&self, end: i64) -> bool {
        let quiet = match &self.machine {
            Machine::Exact(machine) => {
                machine.quiet() && matches!(machine.phase(), Phase::Copying | Phase::Halted(_))
            }
            Machine::Translated { .. } => !self.in_transaction,
        };
        quiet
            && !self.settling
            && !self.deleting
            && !self.converting
            && (self.halted().is_some() || self.copied_to() >= end)
    }

    pub(crate) fn outcome(&self) -> PartitionOutcome {
        let mode = match &self.machine {
            Machine::Exact(_) => OffsetMode::Preserve,
            Machine::Translated { progress, .. } => {
                OffsetMode::Translate(progress.reason().to_owned())
            }
        };
        PartitionOutcome {
            source: self.job.source.clone(),
            target: self.job.target.clone(),
            mode,
            copied_to: self.copied_to(),
            paused: false,
            halted: self.halted().cloned(),
        }
    }
}
