//! Ferry's own verification, asked where a worker had no way to see a difference.

use crate::contents::FILLER;
use crate::worker::{Orders, PROGRESS_TOPIC, topic};
use ferry_copy::job::{OffsetMode, PartitionOutcome};
use ferry_copy::map::OffsetMap;
use ferry_copy::progress_reader::read_progress;
use ferry_copy::verify::comparison::Mapping;
use ferry_copy::verify::{PartitionToVerify, VerifyProgress, verify};
use ferry_model::name::TopicPartition;
use tokio::sync::watch;

/// Ok when verification says that source and target differ.
pub(crate) async fn differs(orders: &Orders, outcome: &PartitionOutcome) -> Result<(), String> {
    let job = orders.job().await?;
    let mapping = match outcome.mode {
        OffsetMode::Preserve => Mapping::Same,
        OffsetMode::Translate(_) => {
            let progress = TopicPartition::new(topic(PROGRESS_TOPIC), 0);
            let table = read_progress(&job.target, &progress)
                .await
                .map_err(|error| error.to_string())?;
            let found = table
                .partition(&outcome.target)
                .map_err(|error| error.to_string())?;
            match found {
                Some((_, map)) => Mapping::Map(map),
                None => Mapping::Map(OffsetMap::default()),
            }
        }
    };
    let partition = PartitionToVerify {
        expires: false,
        source: outcome.source.clone(),
        target: outcome.target.clone(),
        mapping,
        compacted: false,
        filler: Some(FILLER.into()),
        copied_to: outcome.copied_to,
    };
    let (progress, _) = watch::channel(VerifyProgress::default());
    let verdicts = verify(&job.source, &job.target, vec![partition], progress).await;
    match verdicts.first() {
        Some(verdict) if !verdict.agrees() => Ok(()),
        Some(_) => Err("verification says that they agree".to_owned()),
        None => Err("verification says nothing".to_owned()),
    }
}
