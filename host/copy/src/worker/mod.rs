//! The worker: one task that owns every partition's machine, and small tasks around it that fetch,
//! send, settle and commit, and tell it what happened.
//!
//! Nothing but the worker's own task changes a machine, so there are no locks and the order of
//! events is the order of things. Each kind of wish of a machine has one place that serves it.

pub mod closing;
mod cluster;
mod conversion;
mod ending;
mod event;
mod fetch;
mod groups;
mod handle;
mod keeper;
mod lease;
mod limits;
mod memory;
mod predicted;
mod produce;
mod rate;
mod reading;
mod replica;
mod room;
mod saving;
mod sending;
mod serve;
mod settle;
mod start;
mod tiered;
mod tracked;
mod transaction;
mod turns;
mod voids;
mod watching;

use crate::job::{CopyJob, CopyProgress, CopyReport, PartitionOutcome};
use crate::lease::{Holder, Lease, Slot};
pub use cluster::{SourceRange, ends_of};
pub(crate) use cluster::{log_ends as log_ends_of_all, log_ends_of};
use event::{Event, Index};
use ferry_kafka::error::KafkaError;
use ferry_model::identity::BrokerId;
use ferry_model::name::TopicPartition;
use groups::Groups;
use keeper::Keeper;
use limits::Limits;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracked::{Machine, Tracked};
pub(crate) use transaction::{BeginFailure, TransactionalProducer, VoidPortion};
use turns::Turns;
use watching::Watching;

/// How often progress is told.
const REPORT_EVERY: Duration = Duration::from_millis(200);
/// How long a stopping worker waits for what is on its way.
const STOP_LIMIT: Duration = Duration::from_secs(35);
/// Events that are handled before wishes are served again.
const EVENTS_AT_ONCE: usize = 256;

/// Why a copy could not run. What concerns single partitions is a halt instead.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A cluster could not be asked what must be known before anything is copied.
    #[error("{what}")]
    Kafka {
        /// What was to be done.
        what: String,
        /// Why it was not.
        #[source]
        source: Box<KafkaError>,
    },
    /// The target is another cluster than the one that this copy was begun at.
    #[error("this migration was begun at target cluster {recorded}, and this is {found}")]
    OtherTarget {
        /// The cluster that it was begun at.
        recorded: String,
        /// The cluster that answers.
        found: String,
    },
    /// The progress topic can't be trusted.
    #[error("the progress topic {topic}")]
    Progress {
        /// The topic.
        topic: String,
        /// What is wrong with it.
        #[source]
        source: crate::progress::ProgressError,
    },
    /// The progress topic can't be read.
    #[error("the progress topic {topic} can't be read: {reason}")]
    ProgressUnreadable {
        /// The topic.
        topic: String,
        /// Why.
        reason: String,
    },
    /// A transaction has been open on the progress topic for longer than any may.
    #[error("producer {producer_id} has a transaction open on {partition} since offset {offset}")]
    ProgressBlocked {
        /// The partition.
        partition: TopicPartition,
        /// The producer.
        producer_id: i64,
        /// Where its transaction starts.
        offset: i64,
    },
    /// The slot was taken away for good: the copy is complete.
    #[error("the copy was sealed by process {} of {}", .by.process_id, .by.host)]
    Sealed {
        /// The process that sealed it.
        by: Holder,
    },
    /// Another process works in this slot, and goes on.
    #[error("worker {slot} is at work: process {} of {}", .holder.process_id, .holder.host)]
    SlotHeld {
        /// This worker.
        slot: Slot,
        /// The process that holds the slot.
        holder: Holder,
    },
    /// There are workers that count differently, so that two might copy the same partition.
    #[error("worker {slot} was started while {holder} works as one of {of}")]
    OtherCount {
        /// This worker.
        slot: Slot,
        /// The other worker's process.
        holder: String,
        /// How many workers there are by its account.
        of: u32,
    },
    /// The progress topic could not be written.
    #[error("the progress topic can't be written: {reason}")]
    NotWritten {
        /// Why.
        reason: String,
    },
    /// Another worker writes with the same transactional id.
    #[error("another worker writes with transactional id {transactional_id}")]
    Fenced {
        /// The id.
        transactional_id: String,
    },
    /// The source did not fall quiet in time.
    #[error("the source did not fall quiet within {} s", limit.as_secs())]
    NotDrained {
        /// How long it was waited.
        limit: Duration,
        /// The partitions that still move or lag, with what is in the way.
        partitions: Vec<String>,
    },
    /// The source can't be drained while topic groups rest of which something is left to copy.
    #[error("topic groups are paused: {}", groups.iter().map(|(group, _)| group.as_str()).collect::<Vec<_>>().join(", "))]
    Paused {
        /// The groups, and how many source offsets of each are left.
        groups: Vec<(String, i64)>,
    },
}

/// Runs `job` until it is done, or until `cancel` becomes true: then what is on its way is awaited
/// and nothing new is begun.
///
/// One run at a time: the caller holds the lock of the migration.
///
/// # Errors
/// [`CopyError`]. Partitions that stopped are in the report instead; the others go on without them.
pub async fn run(
    job: CopyJob,
    progress: watch::Sender<CopyProgress>,
    cancel: watch::Receiver<bool>,
) -> Result<CopyReport, CopyError> {
    let mut stopped = cancel.clone();
    let (partitions, waiting) = (job.partitions.clone(), stopped.wait_for(|stopped| *stopped));
    let mut worker = tokio::select! {
        biased;
        opened = start::open(job, progress) => opened?,
        Ok(_) = waiting => return Ok(CopyReport::not_begun(&partitions)),
    };
    let result = worker.run(cancel).await;
    worker.leave();
    let saved = worker.save_at_last(result.is_ok()).await;
    let cancelled = result?;
    saved?;
    Ok(worker.report(cancelled))
}

pub(crate) struct Worker {
    job: CopyJob,
    state: Keeper,
    partitions: Vec<Tracked>,
    /// The topic groups, and what was copied of them.
    groups: Groups,
    /// Whose turn it is to be fetched.
    turns: Turns,
    /// The limits on fetching.
    limits: Limits,
    /// What is watched of the source's brokers.
    watching: Watching,
    /// Of each broker of the target, the partition that stood last in the last request, for fairness.
    last_sent: BTreeMap<BrokerId, Index>,
    /// Where the next transaction begins to take, for fairness.
    next_portion: usize,
    /// The same for transactions that keep offsets free.
    next_void: usize,
    /// Lanes to brokers of the source that have a fetch under way.
    fetches: BTreeSet<(BrokerId, u16)>,
    /// Brokers that read remote storage for us.
    fetches_remote: BTreeSet<BrokerId>,
    /// Whether it is being asked where the local parts of logs begin, and when it is asked again.
    asking_tiers: bool,
    ask_tiers_after: Option<Instant>,
    /// Bytes that the fetches under way may bring at most.
    fetching_bytes: usize,
    producer: crate::batch::rewrite::Producer,
    memory: memory::BrokerMemory,
    lanes: BTreeMap<BrokerId, ProduceLane>,
    /// The lease that this worker holds.
    lease: Lease,
    transactional: Option<Box<TransactionalProducer>>,
    /// Whether the transactional producer is away.
    transaction_under_way: bool,
    /// Whether it was last used to keep offsets free.
    voids_last: bool,
    last_commit: Instant,
    refreshing: [bool; 2],
    refresh_after: [Option<Instant>; 2],
    drain: Drain,
    events: mpsc::UnboundedSender<Event>,
    inbox: mpsc::UnboundedReceiver<Event>,
    progress: watch::Sender<CopyProgress>,
    told: CopyProgress,
    began: Instant,
    settled_once: bool,
    last_report: Instant,
    last_checkpoint: Instant,
    changed: bool,
    /// Something has to be on record before the copy can go on.
    save_wanted: bool,
    /// Partitions that are on record as stopped.
    halted_written: usize,
    /// A checkpoint failed: nothing new is begun, since it could not be remembered.
    failed: Option<CopyError>,
}

/// What is under way to one broker of the target.
struct ProduceLane {
    orders: mpsc::UnboundedSender<produce::Order>,
    under_way: usize,
}

/// How far the draining is.
#[derive(Debug, Default)]
struct Drain {
    asking: bool,
    /// When the source was last asked for its ends.
    asked: Option<Instant>,
    /// Since when every end has stood still and been reached.
    quiet_since: Option<Instant>,
    ends: Vec<i64>,
}

impl Worker {
    async fn run(&mut self, mut cancel: watch::Receiver<bool>) -> Result<bool, CopyError> {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stopping: Option<Instant> = None;
        loop {
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if stopping.is_none() && *cancel.borrow() {
                stopping = Some(Instant::now());
            }
            if let Some(since) = stopping {
                if self.idle() || since.elapsed() > STOP_LIMIT {
                    return Ok(true);
                }
            } else {
                if self.done()? {
                    return Ok(false);
                }
                self.serve();
            }
            self.tell();
            tokio::select! {
                biased;
                _ = cancel.wait_for(|cancelled| *cancelled), if stopping.is_none() => {}
                _ = tick.tick() => {}
                event = self.inbox.recv() => {
                    let mut next = event;
                    let mut handled = 0;
                    while let Some(event) = next {
                        self.handle(event);
                        handled += 1;
                        next = (handled < EVENTS_AT_ONCE)
                            .then(|| self.inbox.try_recv().ok())
                            .flatten();
                    }
                }
            }
        }
    }

    /// Notes where the target's logs end, for the next run to find them so.
    fn leave(&mut self) {
        for tracked in &self.partitions {
            let Machine::Exact(machine) = &tracked.machine else {
                continue;
            };
            let remembered = self.state.partition_mut(&tracked.job.source);
            remembered.left_at = machine.known_end();
        }
    }

    /// Notes how far every partition has come.
    fn note_positions(&mut self) {
        self.halted_written = 0;
        let remembered_since_ms = self.memory.since_ms();
        for tracked in &self.partitions {
            let copied_to = tracked.copied_to();
            let mark = tracked.epoch_mark();
            let halted = tracked.halted().cloned();
            self.halted_written += usize::from(halted.is_some());
            let remembered = self.state.partition_mut(&tracked.job.source);
            // While a partition is being settled its position is not known yet.
            if copied_to > 0 || halted.is_some() {
                remembered.acknowledged = copied_to;
                remembered.set_epoch_mark(mark);
            }
            remembered.halted = halted;
            remembered.protected = match &tracked.machine {
                Machine::Exact(machine) => machine
                    .protected(remembered_since_ms)
                    .or(remembered.protected),
                // A transaction is committed once, whatever brokers remember.
                Machine::Translated { .. } => Some(true),
            };
        }
    }

    /// Whether nothing is on its way to the target.
    fn idle(&self) -> bool {
        !self.transaction_under_way
            && self.lanes.values().all(|lane| lane.under_way == 0)
            && self.partitions.iter().all(|tracked| !tracked.deleting)
    }

    fn tell(&mut self) {
        if self.last_report.elapsed() < REPORT_EVERY {
            return;
        }
        self.last_report = Instant::now();
        self.groups.take_pace(self.last_report);
        self.told = self.measured();
        self.progress.send_replace(self.told.clone());
    }

    fn measured(&self) -> CopyProgress {
        let mut now = CopyProgress {
            partitions: self.partitions.len(),
            records: self.told.records,
            padding: self.told.padding,
            voids: self.told.voids,
            appending: self.told.appending,
            bytes: self.told.bytes,
            elapsed: self.began.elapsed(),
            throttled: throttled(&self.job.source) + throttled(&self.job.target),
            groups: self.groups.progress(),
            guard: self.watching.progress(),
            ..CopyProgress::default()
        };
        for (number, group) in now.groups.iter_mut().enumerate() {
            group.paused = self.limits.paused(number);
            group.limit = self.limits.of_group(number);
        }
        for tracked in &self.partitions {
            let group = &mut now.groups[tracked.group];
            let end = tracked.end.max(tracked.ends.last_stable);
            group.partitions += 1;
            if tracked.halted().is_some() {
                group.partitions_halted += 1;
            } else if tracked.finished(end) {
                group.partitions_done += 1;
            }
            group.lag += (end - tracked.copied_to()).max(0);
            group.lag_at_start += (end - tracked.began_at.max(0)).max(0);
        }
        for group in &now.groups {
            now.partitions_halted += group.partitions_halted;
            now.partitions_done += group.partitions_done;
            now.lag += group.lag;
            now.lag_at_start += group.lag_at_start;
        }
        now
    }

    fn report(&self, cancelled: bool) -> CopyReport {
        let progress = self.measured();
        self.progress.send_replace(progress.clone());
        let outcome = |tracked: &Tracked| PartitionOutcome {
            paused: self.limits.paused(tracked.group),
            ..tracked.outcome()
        };
        CopyReport {
            progress,
            outcomes: self.partitions.iter().map(outcome).collect(),
            cancelled,
        }
    }
}

/// How long the brokers of a cluster have throttled this client, summed up.
fn throttled(client: &ferry_kafka::client::Client) -> Duration {
    client
        .brokers()
        .iter()
        .map(|broker| Duration::from_millis(client.throttle(broker.id).total_ms))
        .sum()
}
