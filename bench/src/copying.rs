//! One copy in a process of its own, measured from inside.

use crate::filling::{PARTITIONS, connect, create};
use anyhow::{Result, bail};
use ferry_copy::job::{CopyJob, CopyProgress, CopySettings, OffsetMode, PartitionJob, Until};
use ferry_copy::worker;
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_model::identity::Side;
use ferry_model::name::{TopicName, TopicPartition};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;
use tokio::sync::watch;

/// What is to be copied where.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) topic: String,
    pub(crate) copy: String,
}

/// What it took.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    /// User and system time of the whole process, from its start.
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_mib: f64,
}

/// Copies and prints what it took.
pub(crate) async fn copy(task: Task) -> Result<()> {
    let source = connect(&task.source, Side::Source).await?;
    let target = connect(&task.target, Side::Target).await?;
    let from = TopicName::parse(task.topic)?;
    let to = create(&target, &task.copy).await?;
    let progress_topic = TopicName::parse(format!("ferry-progress-{}", task.copy))?;
    let progress = NewTopic {
        name: progress_topic.clone(),
        partitions: 1,
        replication_factor: 1,
        configs: BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]),
    };
    for (_, result) in target
        .admin()
        .create_topics(&[progress], Mode::Apply)
        .await?
    {
        result?;
    }
    source.refresh(std::slice::from_ref(&from)).await?;
    let state = std::env::temp_dir().join(format!("ferry-bench-{}.json", std::process::id()));
    let partitions = (0..PARTITIONS).map(|partition| PartitionJob {
        source: TopicPartition::new(from.clone(), partition),
        target: TopicPartition::new(to.clone(), partition),
        source_topic_id: source.topic_id(&from),
        target_topic_id: target.topic_id(&to),
        mode: OffsetMode::Preserve,
        batch_bytes_max: 1_048_588,
    });
    let job = CopyJob {
        source: source.clone(),
        target: target.clone(),
        partitions: partitions.collect(),
        settings: CopySettings {
            memory_bytes: 256 << 20,
            bandwidth_bytes_per_s: None,
            settling: Duration::from_secs(2),
            transactional_id: format!("ferry-{}", task.copy),
            progress_topic,
            state_path: state.clone(),
        },
        until: Until::CaughtUp,
    };
    let (told, _) = watch::channel(CopyProgress::default());
    let (_keep, cancel) = watch::channel(false);
    let report = worker::run(job, told, cancel).await?;
    let _ = std::fs::remove_file(state);
    if let Some(halted) = report
        .outcomes
        .iter()
        .find(|outcome| outcome.halted.is_some())
    {
        bail!("{} halted: {:?}", halted.target, halted.halted);
    }
    let measured = Measured {
        bytes: report.progress.bytes,
        seconds: report.progress.elapsed.as_secs_f64(),
        cpu_seconds: cpu_seconds(),
        peak_mib: peak_mib(),
    };
    Ok(writeln!(
        std::io::stdout().lock(),
        "{}",
        serde_json::to_string(&measured)?
    )?)
}

/// Processor time of this process, user and system (proc(5), `/proc/self/stat`, in ticks of 10 ms).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|t| t.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// The most memory that was resident (proc(5), `VmHWM`).
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or("");
    let kib = line
        .split_whitespace()
        .next()
        .and_then(|kib| kib.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}
