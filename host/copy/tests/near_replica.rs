//! Reading a real source of three brokers from the replicas of one rack (KIP-392).

mod support;

use ferry_copy::controls::{Change, Controls, LimitChange};
use ferry_copy::job::OffsetMode;
use ferry_kafka::Client;
use ferry_kafka::admin::topics::{Mode, NewTopic, TopicDescription};
use ferry_model::identity::{BrokerId, Side};
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use support::{Bed, Made, Writer, assert_equal, topic};

const PARTITIONS: i32 = 6;
const SELECTOR: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_rack_the_other_brokers_serve_next_to_nothing_and_all_arrives() {
    let source = Cluster::builder(KafkaVersion::V3_9)
        .name("near-replica-source")
        .nodes(3)
        .listener(Listener::Plaintext)
        .property("broker.rack", "rack-{node}")
        .property("replica.selector.class", SELECTOR);
    let (source, mut bed) = tokio::join!(source.start(), Bed::start("near-replica"));
    let source_cluster = source.expect("starts");
    bed.source = support::connect(&source_cluster, Side::Source).await;
    bed.source_cluster = source_cluster;

    let wanted = NewTopic {
        name: topic("orders"),
        partitions: PARTITIONS,
        replication_factor: 3,
        configs: BTreeMap::new(),
    };
    let created = bed
        .source
        .admin()
        .create_topics(&[wanted], Mode::Apply)
        .await;
    for result in created.expect("answers").into_values() {
        result.expect("is created");
    }
    bed.source
        .refresh(&[topic("orders")])
        .await
        .expect("answers");
    bed.create(&bed.target, "orders", PARTITIONS, &[("retention.ms", "-1")])
        .await;
    in_sync(&bed.source).await;
    let mut partitions = Vec::new();
    for index in 0..PARTITIONS {
        let mut writer = Writer::new(&bed.source, "orders", index).await;
        for _ in 0..20 {
            writer
                .write(Made {
                    records: 50,
                    value_bytes: 1_000,
                    ..Made::default()
                })
                .await;
        }
        partitions.push(bed.partition("orders", index, OffsetMode::Preserve));
    }

    // At such a pace the other brokers could never serve it.
    let crawling = LimitChange {
        bytes_per_s: Change::To(1),
        ..LimitChange::default()
    };
    let controls = Controls {
        brokers: BTreeMap::from([1, 3].map(|broker| (BrokerId(broker), crawling))),
        ..Controls::default()
    };
    let mut job = bed.job(partitions);
    job.settings.rack = Some("rack-2".into());
    job.settings.controls = controls.unchanging();
    let report = bed.copy(job).await;
    for outcome in &report.outcomes {
        assert_eq!((&outcome.halted, outcome.copied_to), (&None, 1_000));
    }
    assert_equal(&bed.verdicts(&report, false).await);
}

/// Waits until every broker is in sync: only such replicas are named.
async fn in_sync(client: &Client) {
    let limit = Instant::now() + Duration::from_secs(30);
    loop {
        let name = topic("orders");
        let described = client
            .admin()
            .describe_topics(std::slice::from_ref(&name))
            .await;
        let described = described.expect("answers").remove(&name);
        let all = |topic: &TopicDescription| {
            let mut partitions = topic.partitions.iter();
            partitions.all(|p| p.leader.is_some() && p.in_sync_replicas.len() == 3)
        };
        if matches!(&described, Some(Ok(topic)) if all(topic)) {
            return;
        }
        assert!(Instant::now() < limit, "not in sync: {described:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
