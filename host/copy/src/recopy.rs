//! Forgetting what was copied of a topic, so that its copy starts over.

use crate::job::CopyJob;
use crate::state::StateFile;
use crate::worker::{BeginFailure, CopyError, TransactionalProducer};
use ferry_model::name::TopicName;
use std::sync::Arc;

/// Forgets everything about the partitions of `job`, whose topic is `target` at the target: the
/// progress of translated partitions and what the state file remembers. The target topic must be
/// gone, or records would be copied beside those that are there.
///
/// # Errors
/// [`CopyError`] when the progress can't be read or written; it may be tried again.
pub async fn forget_topic(job: &CopyJob, target: &TopicName) -> Result<(), CopyError> {
    let mut transactional = TransactionalProducer::new(
        job.target.clone(),
        job.settings.transactional_id.clone(),
        job.settings.progress_topic.clone(),
    );
    transactional.initialise().await?;
    let tombstones = transactional
        .read_progress()
        .await?
        .tombstones(target.as_str());
    if !tombstones.is_empty() {
        transactional
            .begin(tombstones)
            .await
            .map_err(BeginFailure::into_error)?;
    }
    if job.settings.lease.is_some() {
        return Ok(());
    }
    let mut state = StateFile::open(Arc::clone(&job.settings.state))?;
    for partition in &job.partitions {
        state.forget(&partition.source);
    }
    state.save()?;
    Ok(())
}
