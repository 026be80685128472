//! Forgetting what was copied of a topic, so that its copy starts over.

use crate::job::CopyJob;
use crate::worker::{BeginFailure, CopyError, TransactionalProducer};
use ferry_model::name::TopicName;

/// Forgets what the progress topic remembers of the partitions of `target`, a topic of the target,
/// which must be gone, or records would be copied beside those that are there. `job` says where.
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
    Ok(())
}
