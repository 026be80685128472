//! Closing the last segment of partitions whose holes were filled.
//!
//! A cleaner never touches the segment that is written to, and a segment is closed only when
//! something is appended behind it. Once the source is quiet for good, a marker does it: an empty
//! transaction, which no reader sees. It takes the offset that the source's next record would have
//! had, so that nothing can be copied into the partition any more.

use super::event::SourceEnds;
use super::keeper::Keeper;
use super::voids::VoidEnd;
use super::{
    BeginFailure, CopyError, TransactionalProducer, VoidPortion, cluster, lease, log_ends_of,
};
use crate::job::CopyJob;
use crate::partition::voids::VoidWrite;
use crate::state::PartitionState;
use ferry_model::name::TopicPartition;
use ferry_model::offset::grouped;
use std::collections::HashMap;

/// Offsets that closing a partition takes.
pub(crate) const CLOSING_OFFSETS: i64 = 1;

/// What became of a partition that was to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// A marker stands behind this offset, where both logs ended.
    At(i64),
    /// Its offsets are translated by now: no filler stands in it but those from before, and records
    /// may follow.
    Translated,
    /// It was not closed, and why, in words. It may be tried again.
    NotNow(String),
}

/// Appends a marker to every partition of `job`, which must have been copied to its end. The topic's
/// `segment.ms` decides whether that closes its segment: with 1 ms it does.
///
/// # Errors
/// [`CopyError`] where nothing can be done at all; partitions that could not be closed are in the
/// result, whose order is that of the job.
pub async fn close(job: &CopyJob) -> Result<Vec<(TopicPartition, Closed)>, CopyError> {
    let mut transactional = TransactionalProducer::new(
        job.target.clone(),
        job.settings.transactional_id.clone(),
        job.settings.progress_topic.clone(),
    );
    let (lease, table) = lease::take(job, &mut transactional).await?;
    let mut state = Keeper::read(job, &table)?;
    let sources = job.partitions.iter().map(|p| p.source.clone());
    let sources = cluster::ends(&job.source, sources.enumerate().collect()).await;
    let sources: HashMap<usize, SourceEnds> = sources.into_iter().collect();
    let mut results = Vec::with_capacity(job.partitions.len());
    let mut portions = Vec::new();
    for (index, partition) in job.partitions.iter().enumerate() {
        let translated =
            table
                .partition(&partition.target)
                .map_err(|source| CopyError::Progress {
                    topic: job.settings.progress_topic.to_string(),
                    source,
                })?;
        let closed = if translated.is_some() {
            Closed::Translated
        } else {
            let target = log_ends_of(&job.target, &partition.target).await;
            let target = target.map(|ends| ends.log_end);
            let remembered = state.partition_mut(&partition.source);
            let closed = look(remembered, target, sources.get(&index));
            if let Wanted::Marker(end) = closed {
                remembered.closed_at = Some(end);
                remembered.voids = true;
                remembered.left_at = None;
                portions.push(portion(index, &partition.target, end));
            }
            closed.into()
        };
        results.push((partition.target.clone(), closed));
    }
    // From here on no record may take the place of the marker.
    let written = transactional.begin(state.news()).await;
    written.map_err(BeginFailure::into_error)?;
    state.written();
    if !portions.is_empty() {
        for (index, end) in transactional.keep_free(&portions).await? {
            if let Some(reason) = match end {
                VoidEnd::Written => None,
                VoidEnd::Unknown(reason) => Some(reason),
                VoidEnd::Refused(halt) => Some(format!("{halt:?}")),
            } {
                results[index].1 = Closed::NotNow(reason);
            }
        }
    }
    let released = transactional.begin(vec![lease.progress_record(true)]).await;
    released.map_err(BeginFailure::into_error)?;
    Ok(results)
}

/// What is to be done about a partition.
enum Wanted {
    /// Nothing: it is closed behind this offset.
    Nothing(i64),
    /// A marker behind this offset, where both logs end.
    Marker(i64),
    /// It can't be closed now, and why.
    Later(String),
}

impl From<Wanted> for Closed {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Nothing(at) | Wanted::Marker(at) => Self::At(at),
            Wanted::Later(reason) => Self::NotNow(reason),
        }
    }
}

fn look(remembered: &PartitionState, target: Option<i64>, source: Option<&SourceEnds>) -> Wanted {
    let (Some(target), Some(source)) = (target, source) else {
        return Wanted::Later("where it ends is not known".to_owned());
    };
    if let Some(halt) = &remembered.halted {
        return Wanted::Later(format!("its copy has halted: {halt:?}"));
    }
    if let Some(at) = remembered
        .closed_at
        .filter(|at| target == at + CLOSING_OFFSETS)
    {
        return Wanted::Nothing(at);
    }
    // Offsets are kept: both end at the same one once everything is copied.
    if source.last_stable == source.high_watermark && target == source.high_watermark {
        return Wanted::Marker(target);
    }
    Wanted::Later(format!(
        "it ends at {}, and the source at {}",
        grouped(target),
        grouped(source.high_watermark)
    ))
}

fn portion(index: usize, target: &TopicPartition, end: i64) -> VoidPortion {
    VoidPortion {
        index,
        partition: target.clone(),
        write: VoidWrite {
            first: end,
            until: end + CLOSING_OFFSETS,
            aborted: Vec::new(),
            source_epoch: -1,
        },
    }
}
