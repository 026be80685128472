//! MirrorMaker 2 in its dedicated mode, from Kafka's own jars.
//!
//! Started as `connect-mirror-maker.sh` starts it: its heap of 256 MiB to 2 GiB, its collector. It
//! is tuned as its users advise for throughput, and everything beside the copying of records is off:
//! heartbeats, checkpoints, offset syncs, group offsets, ACLs, settings of topics, looking for new
//! topics. The topic at the target is there already, so that creating it is not measured either.

use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use super::{Peer, Task};
use crate::child::PeerProcess;
use crate::folder;

/// Tasks of the connector. Each has a consumer and a producer with threads of their own; with more
/// than the processors that brokers and peer share here it gets slower.
const TASKS_MAX: u32 = 2;

/// What `kafka-run-class.sh` gives a server, and `connect-mirror-maker.sh` as heap.
const JAVA_OPTIONS: [&str; 9] = [
    "-Xms256M",
    "-Xmx2G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
    "-Dlog4j2.level=WARN",
];

/// The environment variable that sets another level of its log.
const LOG_LEVEL_VARIABLE: &str = "FERRY_BENCH_MIRROR_MAKER_LOG";

/// Starts it with a configuration of its own.
pub(super) fn start(task: &Task) -> Result<PeerProcess> {
    let name = format!("{}-{}", task.workload.topic, task.alias());
    let configuration = folder::bench()
        .join("logs")
        .join(format!("{name}.properties"));
    if let Some(parent) = configuration.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&configuration, properties(task)?)
        .with_context(|| configuration.display().to_string())?;
    let java = match std::env::var_os("JAVA_HOME") {
        Some(home) => PathBuf::from(home).join("bin/java").into_os_string(),
        None => "java".into(),
    };
    let mut arguments: Vec<_> = JAVA_OPTIONS.iter().map(Into::into).collect();
    if let Ok(level) = std::env::var(LOG_LEVEL_VARIABLE) {
        arguments.push(format!("-Dlog4j2.level={level}").into());
    }
    arguments.push("-cp".into());
    arguments.push(folder::mirror_maker()?.join("*").into_os_string());
    arguments.push("org.apache.kafka.connect.mirror.MirrorMaker".into());
    arguments.push(configuration.into_os_string());
    PeerProcess::start(&name, &java, arguments, false)
}

/// Its configuration.
fn properties(task: &Task) -> Result<String> {
    let source = task.alias();
    let flow = format!("{source}->target");
    let tasks = TASKS_MAX.to_string();
    let codec = task.workload.compression.name();
    let mut text = String::new();
    let mut set = |key: &str, value: &str| writeln!(text, "{key}={value}");
    set("clusters", &format!("{source},target"))?;
    set(&format!("{source}.bootstrap.servers"), &task.source)?;
    set("target.bootstrap.servers", &task.target)?;
    set(&format!("{flow}.enabled"), "true")?;
    set(&format!("target->{source}.enabled"), "false")?;
    set(&format!("{flow}.topics"), &task.workload.topic)?;
    set("tasks.max", &tasks)?;
    set("replication.factor", "1")?;
    for topic in ["config", "offset", "status"] {
        set(&format!("{topic}.storage.replication.factor"), "1")?;
    }
    for switch in [
        "emit.heartbeats",
        "emit.checkpoints",
        "emit.offset-syncs",
        "sync.group.offsets",
        "sync.topic.acls",
        "sync.topic.configs",
        "refresh.topics",
        "refresh.groups",
    ] {
        set(&format!("{switch}.enabled"), "false")?;
    }
    for (key, value) in CONSUMER {
        set(&format!("{flow}.consumer.{key}"), value)?;
    }
    for (key, value) in PRODUCER {
        set(&format!("{flow}.producer.override.{key}"), value)?;
    }
    set(&format!("{flow}.producer.override.compression.type"), codec)?;
    if task.peer == Peer::MirrorMakerExactlyOnce {
        set("target.exactly.once.source.support", "enabled")?;
        set("dedicated.mode.enable.internal.rest", "true")?;
        set("listeners", "http://127.0.0.1:0")?;
        set(
            &format!("{flow}.consumer.isolation.level"),
            "read_committed",
        )?;
    }
    Ok(text)
}

/// Large fetches, and many records a poll.
const CONSUMER: [(&str, &str); 7] = [
    ("auto.offset.reset", "earliest"),
    ("fetch.min.bytes", "65536"),
    ("fetch.max.wait.ms", "100"),
    ("fetch.max.bytes", "67108864"),
    ("max.partition.fetch.bytes", "8388608"),
    ("max.poll.records", "20000"),
    ("receive.buffer.bytes", "1048576"),
];

/// Large batches that may wait for more, and room for many of them.
const PRODUCER: [(&str, &str); 5] = [
    ("batch.size", "524288"),
    ("linger.ms", "20"),
    ("buffer.memory", "134217728"),
    ("max.request.size", "4194304"),
    ("send.buffer.bytes", "1048576"),
];
