//! Ferry itself, with the settings of the command.

use anyhow::{Result, bail};
use ferry_copy::controls::Controls;
use ferry_copy::job::{CopyJob, CopyProgress, CopySettings, OffsetMode, PartitionJob, Until};
use ferry_copy::lease::{Holder, LeaseSettings, Slot};
use ferry_copy::partition::exact::Budget;
use ferry_copy::worker;
use ferry_model::identity::Side;
use ferry_model::name::{TopicName, TopicPartition};
use std::time::Duration;
use tokio::sync::watch;

use super::{Peer, QUIET_MS, Said, Task};
use crate::wire;

/// `copy.memory` unless set.
const MEMORY_BYTES: usize = 256 << 20;
/// How long a target's end must stand still after an unknown outcome, as in the command.
const SETTLING: Duration = Duration::from_secs(2);
/// How long a copy that drains waits for the source to fall quiet.
const DRAIN_LIMIT: Duration = Duration::from_secs(600);
/// `max.message.bytes` of a topic that sets none.
const BATCH_BYTES_MAX: usize = 1_048_588;

/// `copy.lease-seconds` unless set.
const LEASE: Duration = Duration::from_secs(30);

/// A lease as that of the command; each measurement has a progress topic of its own.
fn lease(target: &ferry_kafka::Client) -> LeaseSettings {
    LeaseSettings {
        holder: Holder::default(),
        duration: LEASE,
        request_timeout: target.settings().request_timeout,
        gone: |_| true,
    }
}

/// Copies.
pub(super) async fn run(task: &Task) -> Result<Said> {
    let source = wire::connect(&task.source, Side::Source).await?;
    let target = wire::connect(&task.target, Side::Target).await?;
    let from = TopicName::parse(task.workload.topic.as_str())?;
    let to = TopicName::parse(task.copy.as_str())?;
    let progress = format!("ferry-progress-{}", task.alias());
    let compacted = [("cleanup.policy", "compact")];
    let progress_topic = wire::create_with(&target, &progress, 1, &compacted).await?;
    source.refresh(std::slice::from_ref(&from)).await?;
    target.refresh(std::slice::from_ref(&to)).await?;
    let mode = match task.peer {
        Peer::FerryTransactional => OffsetMode::Translate("to measure it".to_owned()),
        _ => OffsetMode::Preserve,
    };
    let partitions = (0..task.workload.partitions).map(|partition| PartitionJob {
        source: TopicPartition::new(from.clone(), partition),
        target: TopicPartition::new(to.clone(), partition),
        source_topic_id: source.topic_id(&from),
        target_topic_id: target.topic_id(&to),
        group: "other".to_owned(),
        mode: mode.clone(),
        budget: Budget::UNLIMITED,
        filler: None,
        tiered: false,
        batch_bytes_max: BATCH_BYTES_MAX,
    });
    let job = CopyJob {
        partitions: partitions.collect(),
        source: source.clone(),
        target: target.clone(),
        settings: CopySettings {
            memory_bytes: MEMORY_BYTES,
            controls: Controls::default().unchanging(),
            rack: None,
            settling: SETTLING,
            slot: Slot::ONLY,
            lease: lease(&target),
            transactional_id: format!("ferry-{}-0", task.alias()),
            progress_topic,
        },
        until: if task.drains {
            Until::Drained {
                quiet: Duration::from_millis(QUIET_MS),
                limit: DRAIN_LIMIT,
            }
        } else {
            Until::CaughtUp
        },
    };
    let (told, _) = watch::channel(CopyProgress::default());
    let (_keep, cancel) = watch::channel(false);
    let report = worker::run(job, told, cancel).await?;
    let halted = |outcome: &&ferry_copy::job::PartitionOutcome| outcome.halted.is_some();
    if let Some(outcome) = report.outcomes.iter().find(halted) {
        bail!("{} halted: {:?}", outcome.target, outcome.halted);
    }
    Ok(Said {
        seconds: report.progress.elapsed.as_secs_f64(),
        records: report.progress.records,
        ..Said::default()
    })
}
