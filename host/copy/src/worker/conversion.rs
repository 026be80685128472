//! From kept offsets to translated ones, at the place where they could not be kept on.

use super::event::Index;
use super::tracked::Tracked;
use super::transaction::{BeginFailure, TransactionalProducer};
use crate::append::Interruption;
use crate::partition::exact::ExactPartition;
use crate::partition::translated::Position;
use crate::progress::PartitionProgress;
use ferry_model::offset::grouped;

/// The first progress of a partition whose records kept their offsets so far.
pub(super) fn begin(
    tracked: &Tracked,
    machine: &ExactPartition,
    interruption: &Interruption,
) -> (Index, PartitionProgress) {
    let reason = format!(
        "{} at offset {}",
        interruption.reason,
        grouped(interruption.at)
    );
    let position = Position {
        source_next: machine.acknowledged(),
        source_epoch: machine
            .epoch_mark()
            .filter(|mark| mark.end == machine.acknowledged())
            .map(|mark| mark.epoch),
    };
    let from = machine.target_start();
    (
        tracked.index,
        PartitionProgress::begin(tracked.job.target.clone(), from, position, reason),
    )
}

/// Writes the first progress of `converting` in one transaction.
pub(super) async fn record(
    transactional: &mut TransactionalProducer,
    converting: Vec<(Index, PartitionProgress)>,
) -> Vec<(Index, Result<PartitionProgress, String>)> {
    let records = converting
        .iter()
        .flat_map(|(_, progress)| progress.records())
        .collect();
    let written = match transactional.begin(records).await {
        Ok(()) => Ok(()),
        Err(BeginFailure::Again(reason)) => Err(reason),
        // Whatever is written next fails in the same way.
        Err(BeginFailure::Final(error)) => Err(error.to_string()),
    };
    converting
        .into_iter()
        .map(|(index, progress)| (index, written.clone().map(|()| progress)))
        .collect()
}
