//! A project folder and the real binary in it.

#![allow(unreachable_pub, reason = "shared by several tests")]

use ferry_model::group::{CommittedOffset, GroupFacts, GroupState};
use ferry_model::identity::{BrokerId, ClusterId};
use ferry_model::name::{GroupId, TopicName, TopicPartition};
use ferry_model::snapshot::{AclFacts, BrokerFacts, ClusterSnapshot, SNAPSHOT_FORMAT, Snapshot};
use ferry_model::topic::{LogShape, PartitionFacts, TopicFacts};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// When the snapshot was taken: 2026-03-01, some time of day.
const TAKEN_AT_MS: i64 = 1_772_370_000_000;

/// A folder with a `migration.yaml`, and a snapshot that stands for both clusters.
pub struct Project {
    folder: TempDir,
}

/// What a run of the binary came to.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub narration: String,
}

impl Project {
    /// Clusters that nobody listens at; `more` follows in `migration.yaml`.
    pub fn new(more: &str) -> Self {
        let project = Self {
            folder: TempDir::new().expect("a folder"),
        };
        project.write(
            "migration.yaml",
            &format!(
                "migration: retail\nsource: {{ bootstrap.servers: \"127.0.0.1:1\" }}\n\
                 target: {{ bootstrap.servers: \"127.0.0.1:1\" }}\n{more}"
            ),
        );
        project
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("readable")
    }

    /// Writes the snapshot of a source with these topics and an empty target.
    pub fn topics(&self, names: &[&str]) {
        let text = serde_json::to_string(&snapshot(names)).expect("a snapshot");
        self.write("snapshot.json", &text);
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ferry"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).output().expect("ferry runs");
        Run {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("text"),
            narration: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Plans with the snapshot.
    pub fn plan(&self) -> Run {
        self.run(&["plan", "--snapshot", "snapshot.json"])
    }

    /// The plan files in the folder.
    pub fn plans(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut plans: Vec<_> = names
            .map(|name| name.to_string_lossy().into_owned())
            .filter(|name| name.starts_with("plan-"))
            .collect();
        plans.sort();
        plans
    }
}

/// Where `./x plugins` puts a plugin.
pub fn built(name: &str) -> String {
    let target = Path::new(env!("CARGO_BIN_EXE_ferry"))
        .ancestors()
        .nth(2)
        .expect("a target folder");
    let path = target.join("plugins").join(format!("{name}.wasm"));
    assert!(path.is_file(), "{} is missing: ./x plugins", path.display());
    path.display().to_string()
}

fn snapshot(names: &[&str]) -> Snapshot {
    let mut source = cluster("source", "3.9");
    source.topics = names.iter().map(|name| topic(name)).collect();
    let committed = |name: &TopicName| CommittedOffset {
        partition: TopicPartition::new(name.clone(), 0),
        offset: 5,
        metadata: String::new(),
    };
    let billing = GroupFacts {
        id: GroupId("billing".into()),
        state: GroupState::Empty,
        protocol_type: "consumer".into(),
        members: Vec::new(),
        offsets: source.topics.keys().map(committed).collect(),
    };
    source.groups.insert(billing.id.clone(), billing);
    Snapshot {
        format: SNAPSHOT_FORMAT,
        taken_at_ms: TAKEN_AT_MS,
        source,
        target: cluster("target", "4.3"),
    }
}

fn cluster(id: &str, version: &str) -> ClusterSnapshot {
    ClusterSnapshot {
        cluster_id: ClusterId(id.to_owned()),
        kafka_version: version.to_owned(),
        brokers: vec![BrokerFacts {
            id: BrokerId(1),
            host: "b-1.example".into(),
            port: 9092,
            rack: None,
        }],
        round_trip_us: None,
        topic_defaults: BTreeMap::new(),
        topics: BTreeMap::new(),
        groups: BTreeMap::new(),
        acls: AclFacts::NoAuthorizer,
    }
}

fn topic(name: &str) -> (TopicName, TopicFacts) {
    let name = TopicName::parse(name).expect("a legal name");
    let partition = PartitionFacts {
        partition: 0,
        leader_epoch: 3,
        log_start_offset: 0,
        high_watermark: 10,
        last_stable_offset: 10,
        size_bytes: Some(10_000),
        shape: LogShape {
            sampled_batches: 1,
            sampled_bytes: 1000,
            sampled_records: 1,
            oldest_timestamp_ms: Some(TAKEN_AT_MS - 1000),
            newest_timestamp_ms: Some(TAKEN_AT_MS - 500),
            largest_batch_bytes: 1000,
            ..LogShape::default()
        },
    };
    let topic = TopicFacts {
        name: name.clone(),
        id: None,
        replication_factor: 1,
        internal: None,
        configs: BTreeMap::new(),
        partitions: vec![partition],
    };
    (name, topic)
}
