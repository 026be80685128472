//! Closing the last segment of partitions whose holes were filled.
//!
//! A cleaner never touches the segment that is written to, and a segment is closed only when
//! something is appended behind it. Once the source is quiet for good, a marker does it: an empty
//! transaction, which no reader sees. It takes the offset that the source's next record would have
//! had, so that nothing can be copied into the partition any more.

use crate::job::CopyJob;
use crate::partition::voids::VoidWrite;
use crate::state::StateFile;
use crate::worker::{CopyError, TransactionalProducer, VoidEnd, VoidPortion, log_ends_of};
use ferry_model::name::TopicPartition;
use std::sync::Arc;

/// Offsets that closing a partition takes.
pub(crate) const CLOSING_OFFSETS: i64 = 1;

/// What became of a partition that was to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// A marker stands behind this offset, where both logs ended.
    At(i64),
    /// It was not closed, and why, in words. It may be tried again.
    NotNow(String),
}

/// Appends a marker to every partition of `job`, which must have been copied to its end. The topic's
/// `segment.ms` decides whether that closes its segment: with 1 ms it does.
///
/// One run at a time: the caller holds the lock of the migration.
///
/// # Errors
/// [`CopyError`] where nothing can be done at all; partitions that could not be closed are in the
/// result.
pub async fn close(job: &CopyJob) -> Result<Vec<(TopicPartition, Closed)>, CopyError> {
    let mut state = StateFile::open(Arc::clone(&job.settings.state))?;
    let mut transactional = TransactionalProducer::new(
        job.target.clone(),
        job.settings.transactional_id.clone(),
        job.settings.progress_topic.clone(),
    );
    transactional.initialise().await?;
    let mut results = Vec::new();
    let mut portions = Vec::new();
    for (index, partition) in job.partitions.iter().enumerate() {
        let target = &partition.target;
        let known = state.partition(&partition.source).cloned();
        let ends = log_ends_of(&job.target, target).await;
        let (Some(known), Some(ends)) = (known, ends) else {
            let reason = "where it ends is not known".to_owned();
            results.push((target.clone(), Closed::NotNow(reason)));
            continue;
        };
        match known.closed_at {
            Some(at) if ends.log_end == at + CLOSING_OFFSETS => {
                results.push((target.clone(), Closed::At(at)));
            }
            closed_at
                if ends.log_end == known.acknowledged
                    && closed_at.is_none_or(|at| at == ends.log_end) =>
            {
                let remembered = state.partition_mut(&partition.source);
                remembered.closed_at = Some(ends.log_end);
                remembered.voids = true;
                remembered.left_at = None;
                portions.push(portion(index, target, ends.log_end));
            }
            _ => {
                let reason = format!(
                    "it ends at {}, and was copied to {}",
                    ends.log_end, known.acknowledged
                );
                results.push((target.clone(), Closed::NotNow(reason)));
            }
        }
    }
    // From here on no record may take the place of the marker.
    state.save()?;
    if portions.is_empty() {
        return Ok(results);
    }
    for (index, end) in transactional.keep_free(&portions).await? {
        let target = job.partitions[index].target.clone();
        let at = portions.iter().find(|portion| portion.index == index);
        let closed = match (end, at) {
            (VoidEnd::Written, Some(portion)) => Closed::At(portion.write.first),
            (VoidEnd::Unknown(reason), _) => Closed::NotNow(reason),
            (VoidEnd::Refused(halt), _) => Closed::NotNow(format!("{halt:?}")),
            (VoidEnd::Written, None) => continue,
        };
        results.push((target, closed));
    }
    Ok(results)
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
