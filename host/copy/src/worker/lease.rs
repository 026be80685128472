//! Taking a slot over, and whether it is still ours.

use super::keeper::unreadable;
use super::transaction::{BeginFailure, TransactionalProducer};
use super::{CopyError, Worker};
use crate::job::CopyJob;
use crate::lease::{Lease, LeaseRecord, LeaseSettings};
use crate::planted::{Bug, made};
use crate::progress::{ProgressTable, WORKER_KEYS, worker_key};
use std::time::Duration;
use tokio::time::Instant;

/// How long it is tried to take a slot over, besides waiting for an earlier lease to run out.
const TAKE_LIMIT: Duration = Duration::from_secs(120);
/// How long it is waited between attempts.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Ends what an earlier worker had open, takes the slot's lease, and reads the progress topic.
pub(super) async fn take(
    job: &CopyJob,
    transactional: &mut TransactionalProducer,
) -> Result<(Lease, ProgressTable), CopyError> {
    let settings = &job.settings.lease;
    let began = Instant::now();
    let mut seen = None;
    let lease = loop {
        let reason = match try_take(job, transactional, settings, &mut seen).await? {
            Ok(lease) => break lease,
            Err(reason) => reason,
        };
        if began.elapsed() > TAKE_LIMIT {
            return Err(CopyError::Fenced {
                transactional_id: job.settings.transactional_id.clone(),
            });
        }
        tracing::warn!(reason, "the lease was not taken; it is tried again");
        tokio::time::sleep(AGAIN_AFTER).await;
    };
    // Who came at the same time sees us now, and we see them.
    let table = transactional.read_progress().await?;
    refuse_other_counts(job, settings, &table)?;
    Ok((lease, table))
}

/// One attempt; an inner error may pass.
async fn try_take(
    job: &CopyJob,
    transactional: &mut TransactionalProducer,
    settings: &LeaseSettings,
    seen: &mut Option<LeaseRecord>,
) -> Result<Result<Lease, String>, CopyError> {
    let slot = job.settings.slot;
    // From here on nobody else can renew a lease on this slot without our noticing.
    let producer = transactional.initialise().await?;
    let table = transactional.read_progress().await?;
    refuse_other_counts(job, settings, &table)?;
    let key = worker_key(slot.number, "lease");
    let previous: Option<LeaseRecord> = table.read(&key).map_err(|error| unreadable(job, error))?;
    if let Some(sealed) = previous.as_ref().filter(|previous| previous.sealed) {
        let by = sealed.holder.clone();
        return Err(CopyError::Sealed { by });
    }
    // Who has renewed its lease since the last attempt is alive: to try again would only disturb it.
    if let (Some(before), Some(now)) = (seen.as_ref(), previous.as_ref())
        && now.generation == before.generation
        && now.written_at_ms != before.written_at_ms
        && !now.wait(settings.gone).is_zero()
    {
        let holder = now.holder.clone();
        return Err(CopyError::SlotHeld { slot, holder });
    }
    seen.clone_from(&previous);
    let wait = previous.map_or(Duration::ZERO, |previous| previous.wait(settings.gone));
    if !wait.is_zero() && !made(Bug::TakesLeasesEarly) {
        tracing::info!(%slot, wait_s = wait.as_secs_f64(), "an earlier lease has to run out first");
        tokio::time::sleep(wait).await;
    }
    let lease = Lease::new(settings.clone(), slot, (producer.id, producer.epoch));
    let record = lease.progress_record(false);
    transactional.hold(lease.clone());
    match transactional.begin_with(producer, vec![record]).await {
        Ok(()) => Ok(Ok(lease)),
        Err(BeginFailure::Again(reason)) => Ok(Err(reason)),
        Err(BeginFailure::Final(error)) => Ok(Err(error.to_string())),
    }
}

/// Refuses to work beside workers that count differently: two of them might have the same partition.
fn refuse_other_counts(
    job: &CopyJob,
    settings: &LeaseSettings,
    table: &ProgressTable,
) -> Result<(), CopyError> {
    let slot = job.settings.slot;
    let leases: Vec<_> = table
        .keys(WORKER_KEYS)
        .filter(|key| key.ends_with("/lease"))
        .collect();
    for key in leases {
        let found: Option<LeaseRecord> = table.read(key).map_err(|error| unreadable(job, error))?;
        if let Some(lease) = found
            && lease.of != slot.of
            && !lease.wait(settings.gone).is_zero()
        {
            let holder = format!(
                "process {} of {}",
                lease.holder.process_id, lease.holder.host
            );
            let of = lease.of;
            return Err(CopyError::OtherCount { slot, holder, of });
        }
    }
    Ok(())
}

impl Worker {
    /// Whether anything may be written outside of transactions.
    pub(super) fn may_write(&self) -> bool {
        self.lease.gate.is_open()
    }
}
