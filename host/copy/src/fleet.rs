//! What all workers of a migration together have come to, as the progress topic tells.

use crate::job::{OffsetMode, PartitionJob};
use crate::lease::{Holder, LeaseRecord};
use crate::progress::{ProgressRecord, WORKER_KEYS, state_key, worker_key};
use crate::progress_reader::read_progress;
use crate::state::PartitionState;
use crate::worker::{BeginFailure, CopyError, TransactionalProducer, log_ends_of_all};
use ferry_kafka::client::Client;
use ferry_model::name::{TopicName, TopicPartition};
use std::time::Duration;

/// What one partition has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionStanding {
    /// What its worker remembers of it; none before the copy has begun.
    pub state: Option<PartitionState>,
    /// How its offsets are treated by now.
    pub mode: OffsetMode,
    /// Everything before this source offset is at the target; none where that can't be told now.
    pub copied_to: Option<i64>,
}

/// What all workers together have come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Every partition, in the order that was asked for.
    pub partitions: Vec<PartitionStanding>,
    /// The leases by the number of their slot.
    pub leases: Vec<(u32, LeaseRecord)>,
}

/// Reads what has become of `partitions`, without taking part.
///
/// # Errors
/// [`CopyError`] where the progress topic can't be read or trusted.
pub async fn standing(
    target: &Client,
    progress_topic: &TopicName,
    partitions: &[PartitionJob],
) -> Result<Standing, CopyError> {
    let progress = TopicPartition::new(progress_topic.clone(), 0);
    let table = read_progress(target, &progress).await?;
    let unreadable = |source| CopyError::Progress {
        topic: progress_topic.to_string(),
        source,
    };
    let names: Vec<_> = partitions.iter().map(|p| p.target.clone()).collect();
    let ends = log_ends_of_all(target, &names).await;
    let mut found = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let state = table
            .read::<PartitionState>(&state_key(&partition.target))
            .map_err(unreadable)?;
        let translated = table.partition(&partition.target).map_err(unreadable)?;
        let (mode, copied_to) = match translated {
            Some((progress, _)) => (
                OffsetMode::Translate(progress.reason().to_owned()),
                Some(progress.position().source_next),
            ),
            // The target's log says it, but for the marker that closes it.
            None if partition.mode == OffsetMode::Preserve => {
                let closed = state.as_ref().and_then(|state| state.closed_at);
                let replicated = ends.get(&partition.target).map(|ends| ends.high_watermark);
                (OffsetMode::Preserve, closed.or(replicated))
            }
            None => (partition.mode.clone(), None),
        };
        found.push(PartitionStanding {
            state,
            mode,
            copied_to,
        });
    }
    let mut leases = Vec::new();
    for key in table.keys(WORKER_KEYS) {
        let number = key
            .strip_prefix(WORKER_KEYS)
            .and_then(|rest| rest.strip_suffix("/lease"))
            .and_then(|number| number.parse().ok());
        if let Some(number) = number
            && let Some(lease) = table.read::<LeaseRecord>(key).map_err(unreadable)?
        {
            leases.push((number, lease));
        }
    }
    leases.sort_by_key(|(number, _)| *number);
    Ok(Standing {
        partitions: found,
        leases,
    })
}

impl Standing {
    /// The slots that somebody may work in, with who that is. `gone` says of a process whether it is
    /// certain to be gone.
    #[must_use]
    pub fn at_work(&self, gone: fn(&Holder) -> bool) -> Vec<(u32, &LeaseRecord)> {
        self.leases
            .iter()
            .filter(|(_, lease)| !lease.sealed && !lease.wait(gone).is_zero())
            .map(|(number, lease)| (*number, lease))
            .collect()
    }
}

/// Takes a slot away from whoever holds it, for good: a worker that is started in it afterwards says
/// that the copy is sealed. Returns how long the lease may still last that was taken away.
///
/// # Errors
/// [`CopyError`]; it may be tried again.
pub async fn seal(
    target: &Client,
    progress_topic: &TopicName,
    transactional_id: String,
    number: u32,
    sealed_by: Holder,
    gone: fn(&Holder) -> bool,
) -> Result<Duration, CopyError> {
    let topic = progress_topic.clone();
    let mut transactional = TransactionalProducer::new(target.clone(), transactional_id, topic);
    let producer = transactional.initialise().await?;
    let table = transactional.read_progress().await?;
    let key = worker_key(number, "lease");
    let previous: Option<LeaseRecord> = table.read(&key).map_err(|source| CopyError::Progress {
        topic: progress_topic.to_string(),
        source,
    })?;
    let wait = previous
        .as_ref()
        .filter(|previous| !previous.sealed)
        .map_or(Duration::ZERO, |previous| previous.wait(gone));
    let sealed = LeaseRecord::sealed(
        previous.map_or(number, |previous| previous.of),
        (producer.id, producer.epoch),
        sealed_by,
    );
    let record = ProgressRecord {
        key,
        value: Some(serde_json::json!(sealed).to_string()),
    };
    transactional
        .begin_with(producer, vec![record])
        .await
        .map_err(BeginFailure::into_error)?;
    Ok(wait)
}

/// Opens slots again that were sealed, since something has to be copied once more.
///
/// # Errors
/// [`CopyError`]; it may be tried again.
pub async fn unseal(
    target: &Client,
    progress_topic: &TopicName,
    transactional_id: String,
    number: u32,
) -> Result<(), CopyError> {
    let topic = progress_topic.clone();
    let mut transactional = TransactionalProducer::new(target.clone(), transactional_id, topic);
    let producer = transactional.initialise().await?;
    let table = transactional.read_progress().await?;
    let key = worker_key(number, "lease");
    let found: Option<LeaseRecord> = table.read(&key).map_err(|source| CopyError::Progress {
        topic: progress_topic.to_string(),
        source,
    })?;
    if found.is_none_or(|lease| !lease.sealed) {
        return Ok(());
    }
    let record = ProgressRecord { key, value: None };
    let written = transactional.begin_with(producer, vec![record]).await;
    written.map_err(BeginFailure::into_error)
}
