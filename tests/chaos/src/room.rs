//! The clusters, their topics, and the project.

use crate::{fill, say};
use anyhow::{Context as _, Result, ensure};
use ferry_demo::{Ferry, operator};
use ferry_kafka::admin::PerItem;
use ferry_kafka::admin::offsets::{ListedOffset, OffsetSpec};
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_kafka::{Client, ClientSettings};
use ferry_model::identity::Side;
use ferry_model::name::{TopicName, TopicPartition};
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long partitions may take to have leaders.
const LEADERS_LIMIT: Duration = Duration::from_secs(60);

/// Topics with their partitions, whether they hold transactions, and whether offsets are kept.
const TOPICS: [(&str, i32, bool, bool); 3] = [
    ("orders", 6, false, true),
    ("ledger", 2, true, true),
    ("moved", 2, false, false),
];

/// Two clusters with something to copy, and a project that is planned and has its topics.
pub(crate) struct Room {
    pub(crate) source_cluster: Cluster,
    pub(crate) target_cluster: Cluster,
    /// What was planned; every host has a copy of it.
    pub(crate) project: PathBuf,
    _folder: tempfile::TempDir,
}

impl Room {
    /// Starts a source and a target of three nodes, and writes about `records` records.
    pub(crate) async fn set(name: &str, records: u64, copy: &[String]) -> Result<Self> {
        say("starting a source (Kafka 3.9) and a target of three nodes (Kafka 4.3)");
        let (at_source, at_target) = (format!("{name}-source"), format!("{name}-target"));
        let (source_cluster, target_cluster) = tokio::try_join!(
            cluster(&at_source, KafkaVersion::V3_9, 1),
            cluster(&at_target, KafkaVersion::V4_3, 3),
        )?;
        let source = client(&source_cluster, Side::Source).await?;
        let made = TOPICS.map(|(name, partitions, ..)| NewTopic {
            name: topic(name),
            partitions,
            replication_factor: 1,
            configs: BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]),
        });
        for (name, result) in source.admin().create_topics(&made, Mode::Apply).await? {
            result.with_context(|| format!("topic {name}"))?;
        }
        await_leaders(&source).await?;
        say(&format!("writing {records} records of 40 days ago"));
        let partitions: i32 = TOPICS.iter().map(|(_, partitions, ..)| partitions).sum();
        let each = records / u64::try_from(partitions)?;
        for (name, partitions, transactional, _) in TOPICS {
            for partition in 0..partitions {
                let place = TopicPartition::new(topic(name), partition);
                match transactional {
                    true => fill::transactions(&source, &place, each).await?,
                    false => fill::plain(&source, &place, each).await?,
                }
            }
        }
        let folder = tempfile::tempdir()?;
        let project = folder.path().join("project");
        std::fs::create_dir(&project)?;
        let room = Self {
            source_cluster,
            target_cluster,
            project,
            _folder: folder,
        };
        room.write_project(copy)?;
        let ferry = Ferry::beside_this_program(&room.project)?;
        let plan = operator::plan(&ferry, say).await?.display().to_string();
        let begun = ferry.run(&["apply", &plan, "--until", "topics"]).await?;
        ensure!(begun.code == Some(0), "ferry apply: {}", begun.narration);
        Ok(room)
    }

    fn write_project(&self, copy: &[String]) -> Result<()> {
        let copy: String = copy.iter().map(|line| format!("  {line}\n")).collect();
        let text = format!(
            r#"migration: chaos
source:
  bootstrap.servers: "{source}"
target:
  bootstrap.servers: "{target}"
  request.timeout.ms: "5000"
plugins:
  topics:
    use: ferry/topic-filter@1
    with: {{ groups: {{ moved: ["moved*"] }} }}
  names:
    use: ferry/naming-remapper@1
  offsets:
    use: ferry/offset-translator@1
  acls:
    use: ferry/acl-generator@1
copy:
  replication-factor: 3
{copy}  groups:
    moved: {{ offsets: translate }}
"#,
            source = self.source_cluster.bootstrap(Listener::Plaintext),
            target = self.target_cluster.bootstrap(Listener::Plaintext),
        );
        std::fs::write(self.project.join("migration.yaml"), text)?;
        Ok(())
    }

    /// Every partition: its topic, its number, and whether its offsets are kept.
    pub(crate) fn partitions() -> Vec<(String, i32, bool)> {
        let mut all = Vec::new();
        for (name, partitions, _, kept) in TOPICS {
            all.extend((0..partitions).map(|partition| (name.to_owned(), partition, kept)));
        }
        all
    }

    /// Offsets of the source that the target has not, over all partitions whose offsets are kept, and
    /// whether those with new offsets are there too.
    pub(crate) async fn lag(&self) -> Result<i64> {
        let source = client(&self.source_cluster, Side::Source).await?;
        let target = client(&self.target_cluster, Side::Target).await?;
        let places: Vec<_> = Self::partitions()
            .into_iter()
            .filter(|(_, _, kept)| *kept)
            .map(|(name, partition, _)| TopicPartition::new(topic(&name), partition))
            .collect();
        let spec = OffsetSpec::Latest;
        let (source, target) = tokio::join!(
            async { source.admin().list_offsets(&places, spec).await },
            async { target.admin().list_offsets(&places, spec).await },
        );
        let mut lag = 0;
        for place in &places {
            let end = |listed: &PerItem<_, ListedOffset>| {
                let found = listed.get(place).and_then(|result| result.as_ref().ok());
                found.and_then(|listed| listed.offset)
            };
            lag += (end(&source).context("no end")? - end(&target).unwrap_or(0)).max(0);
        }
        Ok(lag)
    }

    pub(crate) fn bootstraps(&self) -> (String, String) {
        (
            self.source_cluster.bootstrap(Listener::Plaintext),
            self.target_cluster.bootstrap(Listener::Plaintext),
        )
    }
}

/// Waits until every partition answers.
async fn await_leaders(client: &Client) -> Result<()> {
    let places: Vec<_> = Room::partitions()
        .into_iter()
        .map(|(name, partition, _)| TopicPartition::new(topic(&name), partition))
        .collect();
    let began = Instant::now();
    loop {
        let listed = client
            .admin()
            .list_offsets(&places, OffsetSpec::Latest)
            .await;
        if listed.values().all(Result::is_ok) {
            return Ok(());
        }
        ensure!(
            began.elapsed() < LEADERS_LIMIT,
            "not every partition of the source has a leader"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn topic(name: &str) -> TopicName {
    match TopicName::parse(name) {
        Ok(name) => name,
        Err(error) => unreachable!("{name}: {error}"),
    }
}

async fn cluster(name: &str, version: KafkaVersion, nodes: u32) -> Result<Cluster> {
    let mut builder = Cluster::builder(version)
        .name(name)
        .nodes(nodes)
        .listener(Listener::Plaintext)
        .heap_mib(384)
        // Nothing of the producers' state may protect what a worker does.
        .property("producer.id.expiration.check.interval.ms", "1000")
        .property("log.initial.task.delay.ms", "3600000")
        .property("controlled.shutdown.enable", "true");
    if nodes > 1 {
        builder = builder
            .property("default.replication.factor", "3")
            .property("min.insync.replicas", "2")
            .property("offsets.topic.replication.factor", "3")
            .property("transaction.state.log.replication.factor", "3")
            .property("transaction.state.log.min.isr", "2");
    }
    builder.start().await.context("a cluster can't be started")
}

async fn client(cluster: &Cluster, side: Side) -> Result<Client> {
    let properties = cluster.client_properties(Listener::Plaintext, "");
    let settings = ClientSettings::from_properties(&properties)?;
    Ok(Client::connect(settings, side).await?)
}
