//! The two clusters that every peer copies between.

use anyhow::Result;
use ferry_kafka::Client;
use ferry_model::identity::Side;
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use std::path::PathBuf;

use crate::{usage, wire};

/// The largest heap of each broker in MiB: 10,000 partitions need more than the test bed's default.
const HEAP_MIB: u32 = 1_024;

/// Two clusters of one node each, on loopback, without encryption or login.
pub(crate) struct Room {
    clusters: [Cluster; 2],
    /// The bench's own way to the source.
    pub(crate) source: Client,
    /// The bench's own way to the target.
    pub(crate) target: Client,
}

impl Room {
    /// Starts both clusters.
    pub(crate) async fn open() -> Result<Self> {
        let start = |name: &str| {
            Cluster::builder(KafkaVersion::V4_3)
                .name(name)
                .listener(Listener::Plaintext)
                .property("log.retention.check.interval.ms", "3600000")
                // What a run has copied leaves the disk before the next one.
                .property("log.segment.delete.delay.ms", "1000")
                .heap_mib(HEAP_MIB)
                .throughput()
                .start()
        };
        let (source, target) = tokio::try_join!(start("bench-source"), start("bench-target"))?;
        let clusters = [source, target];
        Ok(Self {
            source: wire::connect(&bootstrap(&clusters[0]), Side::Source).await?,
            target: wire::connect(&bootstrap(&clusters[1]), Side::Target).await?,
            clusters,
        })
    }

    /// The source's `bootstrap.servers`.
    pub(crate) fn source_bootstrap(&self) -> String {
        bootstrap(&self.clusters[0])
    }

    /// The target's `bootstrap.servers`.
    pub(crate) fn target_bootstrap(&self) -> String {
        bootstrap(&self.clusters[1])
    }

    /// A folder on the file system that holds the brokers' data.
    pub(crate) fn data(&self) -> PathBuf {
        self.clusters[1].node(1).folder().to_owned()
    }

    /// The processor time of the source's broker and of the target's so far, in seconds.
    pub(crate) fn brokers_cpu_seconds(&self) -> [f64; 2] {
        self.clusters.each_ref().map(|cluster| {
            let usages = cluster
                .nodes()
                .filter_map(|node| usage::of(node.process_id()?));
            usages.map(|usage| usage.cpu_seconds).sum()
        })
    }
}

fn bootstrap(cluster: &Cluster) -> String {
    cluster.bootstrap(Listener::Plaintext)
}
