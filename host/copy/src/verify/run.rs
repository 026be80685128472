//! Verifying many partitions side by side.

use super::comparison::{Compared, Comparison, Mapping};
use super::reader::Reader;
use crate::worker::{SourceRange, ends_of};
use ferry_kafka::client::Client;
use ferry_kafka::task;
use ferry_model::name::TopicPartition;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// One partition to verify.
#[derive(Debug, Clone)]
pub struct PartitionToVerify {
    /// The partition at the source.
    pub source: TopicPartition,
    /// The partition at the target.
    pub target: TopicPartition,
    /// Where its records were put.
    pub mapping: Mapping,
    /// Whether cleaners may have taken records on either side.
    pub compacted: bool,
    /// The key of fillers, where offsets were kept although cleaners had left holes.
    pub filler: Option<Arc<[u8]>>,
    /// Everything before this source offset is said to be at the target.
    pub copied_to: i64,
    /// Whether the target lets records expire: what lies before its log start is not compared then.
    pub expires: bool,
}

/// What verification says of one partition.
#[derive(Debug, Clone)]
pub struct PartitionVerdict {
    /// The partition at the source.
    pub source: TopicPartition,
    /// The partition at the target.
    pub target: TopicPartition,
    /// The source's log start and the end of what was compared.
    pub source_range: (i64, i64),
    /// The target's start and end of what was compared.
    pub target_range: (i64, i64),
    /// Offsets of the source beyond what was copied.
    pub lag: i64,
    /// What the comparison found, or why it could not be made.
    pub compared: Result<Compared, String>,
}

impl PartitionVerdict {
    /// Whether both sides agree to the end of the source.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.lag == 0
            && self
                .compared
                .as_ref()
                .is_ok_and(|compared| compared.differences_total == 0)
    }
}

/// How far a verification has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Partitions in all.
    pub partitions: usize,
    /// Partitions that are done.
    pub partitions_done: usize,
    /// Bytes of batches read on both sides.
    pub bytes: u64,
}

/// Partitions that are compared at the same time.
const AT_ONCE: usize = 8;

/// Compares `partitions` and returns a verdict for each, in the same order.
pub async fn verify(
    source: &Client,
    target: &Client,
    partitions: Vec<PartitionToVerify>,
    progress: watch::Sender<VerifyProgress>,
) -> Vec<PartitionVerdict> {
    let count = partitions.len();
    progress.send_modify(|p| p.partitions = count);
    let names = |pick: fn(&PartitionToVerify) -> &TopicPartition| {
        partitions
            .iter()
            .map(|p| pick(p).clone())
            .collect::<Vec<_>>()
    };
    let source_ends = ends_of(source, &names(|p| &p.source)).await;
    let target_ends = ends_of(target, &names(|p| &p.target)).await;
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let bytes = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for (index, partition) in partitions.into_iter().enumerate() {
        let ranges = (
            range(&source_ends, &partition.source),
            range(&target_ends, &partition.target),
        );
        let clients = (source.clone(), target.clone());
        let (permits, bytes) = (Arc::clone(&permits), Arc::clone(&bytes));
        task::spawn_in(&mut tasks, async move {
            // The semaphore is never closed.
            let _permit = permits.acquire_owned().await.ok();
            let lane = (index % AT_ONCE) as u16;
            (
                index,
                verify_one(clients, partition, ranges, &bytes, lane).await,
            )
        });
    }
    let mut verdicts: Vec<Option<PartitionVerdict>> = vec![None; count];
    while let Some(done) = tasks.join_next().await {
        if let Ok((index, verdict)) = done {
            verdicts[index] = Some(verdict);
        }
        progress.send_modify(|p| {
            p.partitions_done += 1;
            p.bytes = bytes.load(Ordering::Relaxed);
        });
    }
    verdicts.into_iter().flatten().collect()
}

fn range(
    ends: &HashMap<TopicPartition, SourceRange>,
    partition: &TopicPartition,
) -> Result<SourceRange, String> {
    ends.get(partition)
        .copied()
        .ok_or_else(|| format!("{partition} can't be asked for its ends"))
}

async fn verify_one(
    (source, target): (Client, Client),
    partition: PartitionToVerify,
    ranges: (Result<SourceRange, String>, Result<SourceRange, String>),
    bytes: &AtomicU64,
    lane: u16,
) -> PartitionVerdict {
    let mut verdict = PartitionVerdict {
        source: partition.source.clone(),
        target: partition.target.clone(),
        source_range: (0, 0),
        target_range: (0, 0),
        lag: 0,
        compared: Err(String::new()),
    };
    let (source_ends, target_ends) = match ranges {
        (Ok(source), Ok(target)) => (source, target),
        (Err(reason), _) | (_, Err(reason)) => {
            verdict.compared = Err(reason);
            return verdict;
        }
    };
    verdict.lag = (source_ends.high_watermark - partition.copied_to).max(0);
    let source_end = partition.copied_to.min(source_ends.high_watermark);
    let target_end = target_ends.high_watermark;
    let mut source_from = source_ends.log_start.min(source_end);
    if partition.expires {
        let kept = partition.mapping.kept_from(target_ends.log_start);
        source_from = source_from.max(kept.unwrap_or(source_end)).min(source_end);
    }
    let target_from = partition
        .mapping
        .start(source_from)
        .clamp(target_ends.log_start.min(target_end), target_end);
    let copied_end = partition.mapping.end(partition.copied_to);
    verdict.source_range = (source_from, source_end);
    verdict.target_range = (target_from, target_end);
    let mut comparison = Comparison::new(
        partition.mapping.clone(),
        partition.compacted,
        source_from,
        target_from,
    )
    .with_fillers(partition.filler.as_deref())
    .with_end(target_end, copied_end);
    let mut sources = Reader::new(source, partition.source, source_from, source_end, lane);
    let mut targets = Reader::new(target, partition.target, target_from, target_end, lane);
    let done = compare(&mut comparison, &mut sources, &mut targets, bytes).await;
    verdict.compared = done.map(|()| comparison.finish());
    verdict
}

async fn compare(
    comparison: &mut Comparison,
    source: &mut Reader,
    target: &mut Reader,
    bytes: &AtomicU64,
) -> Result<(), String> {
    loop {
        if source.ended() {
            comparison.end_source();
        }
        if target.ended() {
            comparison.end_target();
        }
        comparison.advance().map_err(|error| error.to_string())?;
        let (wants_source, wants_target) = comparison.wants();
        if !wants_source && !wants_target {
            return Ok(());
        }
        let (from_source, from_target) = tokio::join!(
            async {
                if wants_source && !source.ended() {
                    source.read().await
                } else {
                    Ok(Vec::new())
                }
            },
            async {
                if wants_target && !target.ended() {
                    target.read().await
                } else {
                    Ok(Vec::new())
                }
            },
        );
        for batch in from_source? {
            bytes.fetch_add(batch.bytes.len() as u64, Ordering::Relaxed);
            comparison.push_source(batch);
        }
        for batch in from_target? {
            bytes.fetch_add(batch.bytes.len() as u64, Ordering::Relaxed);
            comparison.push_target(batch);
        }
    }
}
