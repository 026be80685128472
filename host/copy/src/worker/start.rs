//! What is made sure of before the first batch.

use super::event::SourceEnds;
use super::groups::Groups;
use super::keeper::Keeper;
use super::limits::Limits;
use super::tracked::{Machine, Tracked};
use super::transaction::{BeginFailure, TransactionalProducer};
use super::turns::Turns;
use super::watching::Watching;
use super::{CopyError, Drain, Worker, cluster};
use crate::batch::rewrite::Producer;
use crate::halt::Halt;
use crate::job::{CopyJob, CopyProgress, OffsetMode, PartitionJob};
use crate::partition::exact::{ExactPartition, Remembered};
use crate::partition::translated::{Position, TranslatedPartition};
use crate::progress::{PartitionProgress, ProgressTable};
use crate::state::ProducerState;
use ferry_kafka::client::Client;
use ferry_model::identity::{Side, TopicId};
use ferry_model::name::TopicPartition;
use ferry_model::offset::grouped;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Opens a worker: identities are compared, the producer is there, an earlier worker's transaction
/// is ended, and every partition has the machine that fits what is at the target.
pub(super) async fn open(
    job: CopyJob,
    progress: watch::Sender<CopyProgress>,
) -> Result<Worker, CopyError> {
    refresh_both(&job).await?;
    let mut transactional = TransactionalProducer::new(
        job.target.clone(),
        job.settings.transactional_id.clone(),
        job.settings.progress_topic.clone(),
    );
    let (lease, table) = super::lease::take(&job, &mut transactional).await?;
    let mut state = Keeper::read(&job, &table)?;
    let producer = idempotent_producer(&job.target, &mut state, &mut transactional).await?;
    let (ends, watching) = tokio::join!(source_ends(&job), Watching::begin(&job));
    let mut partitions = Vec::with_capacity(job.partitions.len());
    for (index, partition) in job.partitions.iter().enumerate() {
        let source = ends.get(&index).copied().unwrap_or_default();
        partitions.push(track(index, partition, source, &state, &table, &job)?);
    }
    check_history(&job.source, &mut partitions, &state).await;
    for tracked in &partitions {
        let remembered = state.partition_mut(&tracked.job.source);
        remembered.source_topic_id = tracked.job.source_topic_id;
        remembered.target_topic_id = tracked.job.target_topic_id;
    }
    let (groups, numbers) = Groups::of(&job, Instant::now());
    for (tracked, number) in partitions.iter_mut().zip(numbers) {
        tracked.group = number;
    }
    let controls = job.settings.controls.clone();
    let limits = Limits::new(controls, groups.names(), Instant::now());
    let memory = super::memory::BrokerMemory::of(&job.target).await;
    let (events, inbox) = mpsc::unbounded_channel();
    let now = Instant::now();
    let mut worker = Worker {
        job,
        state,
        partitions,
        groups,
        turns: Turns::default(),
        limits,
        watching,
        last_sent: BTreeMap::new(),
        next_portion: 0,
        next_void: 0,
        fetches: BTreeSet::new(),
        fetches_remote: BTreeSet::new(),
        asking_tiers: false,
        ask_tiers_after: None,
        fetching_bytes: 0,
        producer,
        memory,
        lanes: BTreeMap::new(),
        lease,
        transactional: Some(Box::new(transactional)),
        transaction_under_way: false,
        voids_last: false,
        last_commit: now,
        refreshing: [false; 2],
        refresh_after: [None; 2],
        drain: Drain::default(),
        events,
        inbox,
        progress,
        told: CopyProgress::default(),
        began: now,
        settled_once: false,
        last_report: now,
        last_checkpoint: now,
        changed: true,
        save_wanted: false,
        halted_written: 0,
        failed: None,
    };
    worker.on_leaders(true);
    worker.on_leaders(false);
    Ok(worker)
}

async fn refresh_both(job: &CopyJob) -> Result<(), CopyError> {
    let topics = |pick: fn(&PartitionJob) -> &TopicPartition| -> Vec<_> {
        let names: BTreeSet<_> = job
            .partitions
            .iter()
            .map(|p| pick(p).topic.clone())
            .collect();
        names.into_iter().collect()
    };
    let mut targets = topics(|p| &p.target);
    targets.push(job.settings.progress_topic.clone());
    for (client, topics) in [(&job.source, topics(|p| &p.source)), (&job.target, targets)] {
        client
            .refresh(&topics)
            .await
            .map_err(|source| CopyError::Kafka {
                what: format!("the topics of the {} can't be looked up", client.side()),
                source: Box::new(source),
            })?;
    }
    Ok(())
}

/// The one producer of this migration, remembered before it is used.
async fn idempotent_producer(
    target: &Client,
    state: &mut Keeper,
    transactional: &mut TransactionalProducer,
) -> Result<Producer, CopyError> {
    let cluster_id = target.cluster_id();
    if let Some(known) = &state.state().producer {
        if let Some(found) = cluster_id.filter(|found| *found != known.cluster_id) {
            return Err(CopyError::OtherTarget {
                recorded: known.cluster_id.to_string(),
                found: found.to_string(),
            });
        }
        return Ok(Producer {
            id: known.id,
            epoch: known.epoch,
            transactional: false,
        });
    }
    let producer = cluster::idempotent_producer(target)
        .await
        .map_err(|source| CopyError::Kafka {
            what: "the target gives no producer id".into(),
            source: Box::new(source),
        })?;
    state.state_mut().producer = Some(ProducerState {
        cluster_id: cluster_id.unwrap_or(ferry_model::identity::ClusterId(String::new())),
        id: producer.id,
        epoch: producer.epoch,
    });
    let written = transactional.begin(state.news()).await;
    written.map_err(BeginFailure::into_error)?;
    state.written();
    Ok(producer)
}

async fn source_ends(job: &CopyJob) -> HashMap<usize, SourceEnds> {
    let partitions = job
        .partitions
        .iter()
        .enumerate()
        .map(|(index, partition)| (index, partition.source.clone()))
        .collect();
    cluster::ends(&job.source, partitions)
        .await
        .into_iter()
        .collect()
}

fn track(
    index: usize,
    partition: &PartitionJob,
    source: SourceEnds,
    state: &Keeper,
    table: &ProgressTable,
    job: &CopyJob,
) -> Result<Tracked, CopyError> {
    let remembered = state
        .partition(&partition.source)
        .cloned()
        .unwrap_or_default();
    let found = table
        .partition(&partition.target)
        .map_err(|source| CopyError::Progress {
            topic: job.settings.progress_topic.to_string(),
            source,
        })?;
    let planned = match &partition.mode {
        OffsetMode::Translate(reason) => Some(reason.clone()),
        OffsetMode::Preserve => remembered.translated_because.clone(),
    };
    let progress = match (found, planned) {
        (Some((progress, _)), _) => Some(progress),
        (None, Some(reason)) => {
            let position = Position {
                source_next: source.log_start,
                source_epoch: None,
            };
            let from = source.log_start;
            Some(PartitionProgress::begin(
                partition.target.clone(),
                from,
                position,
                reason,
            ))
        }
        (None, None) => None,
    };
    let machine = match progress {
        Some(progress) => Machine::Translated {
            machine: Box::new(TranslatedPartition::new(progress.position())),
            progress: Box::new(progress),
        },
        None => {
            let known = Remembered {
                padding_to: remembered.padding_to,
                epoch_mark: remembered.epoch_mark(),
                voids: remembered.voids,
            };
            Machine::Exact(Box::new(ExactPartition::new(known, partition.budget)))
        }
    };
    let mut tracked = Tracked::new(index, partition.clone(), machine);
    tracked.saved_padding_to = remembered.padding_to;
    tracked.saved_voids = remembered.voids;
    tracked.closed_at = remembered.closed_at;
    tracked.begun = remembered.begun;
    tracked.left_at = remembered.left_at;
    tracked.ends = source;
    if !tracked.preserves() {
        tracked.began_at = tracked.copied_to();
        tracked.end = source.last_stable;
    }
    for (side, client, planned, was) in [
        (
            Side::Source,
            &job.source,
            partition.source_topic_id,
            remembered.source_topic_id,
        ),
        (
            Side::Target,
            &job.target,
            partition.target_topic_id,
            remembered.target_topic_id,
        ),
    ] {
        let topic = match side {
            Side::Source => &partition.source.topic,
            Side::Target => &partition.target.topic,
        };
        if let Some(halt) = other_topic(side, client, topic, planned.or(was)) {
            tracked.halt(halt);
        }
    }
    if let Some(halt) = remembered.halted.filter(Halt::diverged) {
        tracked.halt(halt);
    }
    Ok(tracked)
}

/// Whether the topic is gone or another one than it was.
fn other_topic(
    side: Side,
    client: &Client,
    topic: &ferry_model::name::TopicName,
    expected: Option<TopicId>,
) -> Option<Halt> {
    let found = client.topic_id(topic);
    match (expected, found) {
        (Some(expected), Some(found)) if expected != found => Some(Halt::TopicRecreated {
            side: side.to_string(),
        }),
        (Some(_), None) => Some(Halt::TopicGone {
            side: side.to_string(),
        }),
        _ => None,
    }
}

/// Stops partitions of which the source has another history than the one that was copied: the epoch
/// in which the last copied batch was written must still reach as far (KIP-101, KIP-320).
async fn check_history(source: &Client, partitions: &mut [Tracked], state: &Keeper) {
    let mut asked: HashMap<TopicPartition, (i32, i64)> = HashMap::new();
    for tracked in partitions.iter() {
        let mark = match &tracked.machine {
            Machine::Exact(_) => {
                let Some(remembered) = state.partition(&tracked.job.source) else {
                    continue;
                };
                remembered.epoch_mark()
            }
            Machine::Translated { .. } => tracked.epoch_mark(),
        };
        if let Some(mark) = mark.filter(|mark| mark.epoch >= 0) {
            asked.insert(tracked.job.source.clone(), (mark.epoch, mark.end));
        }
    }
    if asked.is_empty() {
        return;
    }
    let ends = cluster::epoch_ends(source, &asked).await;
    for tracked in partitions {
        let Some((epoch, position)) = asked.get(&tracked.job.source) else {
            continue;
        };
        let Some((found, end)) = ends.get(&tracked.job.source) else {
            continue;
        };
        // Without an epoch the leader says that all of it has expired: nothing to compare.
        if *found >= 0 && (found != epoch || end < position) {
            tracked.halt(Halt::SourceHistoryChanged {
                position: *position,
                found: format!(
                    "copied to {} in epoch {epoch}; the source says epoch {found} ends at {}",
                    grouped(*position),
                    grouped(*end)
                ),
            });
        }
    }
}
