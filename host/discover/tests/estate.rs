//! A snapshot of the small estate on real servers, read by principals that may do only what Ferry's
//! may.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use ferry_discover::{DiscoverOptions, Progress, discover};
use ferry_estate::report::Standing;
use ferry_estate::{
    BROKER_PROPERTIES, Estate, EstateOptions, EstateReport, Trait, accounts, rights,
};
use ferry_kafka::{Client, ClientSettings};
use ferry_model::group::GroupState;
use ferry_model::identity::Side;
use ferry_model::snapshot::{AclFacts, ClusterSnapshot, Snapshot};
use ferry_model::topic::{PartitionFacts, TopicFacts};
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use std::collections::BTreeSet;
use std::sync::Mutex;

async fn cluster(name: &str, version: KafkaVersion) -> Cluster {
    let admin = accounts::ADMIN;
    let mut builder = Cluster::builder(version)
        .name(name)
        .listener(Listener::SaslSsl)
        .authorizer(true)
        .super_user(admin.name, admin.password);
    for account in [accounts::FERRY_SOURCE, accounts::FERRY_TARGET] {
        builder = builder.user(account.name, account.password);
    }
    for (key, value) in BROKER_PROPERTIES {
        builder = builder.property(key, value);
    }
    builder.start().await.unwrap()
}

async fn connect(cluster: &Cluster, side: Side, account: accounts::Account) -> Client {
    let properties = cluster.client_properties(Listener::SaslSsl, account.name);
    let settings = ClientSettings::from_properties(&properties).unwrap();
    Client::connect(settings, side).await.unwrap()
}

/// Goal: the snapshot says what is special about every partition, topic and group of an estate, with
/// no more rights than are listed, and says it the same every time. Method: two discoveries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_says_what_an_estate_is_like() {
    let source = cluster("discover-source", KafkaVersion::V3_9).await;
    let target = cluster("discover-target", KafkaVersion::V4_3).await;
    let admin = connect(&source, Side::Source, accounts::ADMIN).await;
    let estate = Estate::build(&admin, EstateOptions::small()).await.unwrap();
    let source_rights = rights::source(&accounts::FERRY_SOURCE.principal());
    rights::grant(&admin, &source_rights).await.unwrap();
    let target_admin = connect(&target, Side::Target, accounts::ADMIN).await;
    let target_rights = rights::target(&accounts::FERRY_TARGET.principal());
    rights::grant(&target_admin, &target_rights).await.unwrap();
    let from = connect(&source, Side::Source, accounts::FERRY_SOURCE).await;
    let to = connect(&target, Side::Target, accounts::FERRY_TARGET).await;

    let events = Mutex::new(Vec::new());
    let note = |event: Progress| events.lock().unwrap().push(event);
    let options = DiscoverOptions::default();
    let snapshot = discover(&from, &to, &options, note).await.unwrap();
    let again = discover(&from, &to, &options, |_| {}).await.unwrap();

    let events = events.into_inner().unwrap();
    let notices = events
        .iter()
        .filter(|event| matches!(event, Progress::Notice(_)));
    assert_eq!(notices.collect::<Vec<_>>(), Vec::<&Progress>::new());
    let sampled = events.iter().rev().find_map(|event| match event {
        Progress::Sampled {
            partitions,
            of,
            bytes,
            ..
        } => Some((*partitions, *of, *bytes)),
        _ => None,
    });
    let (partitions, of, bytes) = sampled.unwrap();
    assert_eq!(partitions, of, "every log that holds anything was sampled");
    assert!(bytes > 1_000_000);

    let report = estate.report();
    check_clusters(&snapshot, &source, &target);
    check_topics(&snapshot.source, report);
    check_internal(&snapshot.source);
    check_groups(&snapshot.source, report);
    let mut acls = [report.acls.clone(), source_rights].concat();
    acls.sort();
    assert_eq!(snapshot.source.acls, AclFacts::Bindings(acls));
    check_form(&snapshot, &again);
}

fn check_clusters(snapshot: &Snapshot, source: &Cluster, target: &Cluster) {
    assert_eq!(snapshot.source.cluster_id.0, source.id());
    assert_eq!(snapshot.target.cluster_id.0, target.id());
    assert_eq!(snapshot.source.kafka_version, "3.9");
    assert_eq!(snapshot.target.kafka_version, "4.3");
    assert_eq!(snapshot.source.brokers.len(), 1);
    assert!(snapshot.taken_at_ms > 1_700_000_000_000);
}

fn check_topics(source: &ClusterSnapshot, report: &EstateReport) {
    for (name, made) in &report.topics {
        let facts = &source.topics[name];
        assert_eq!(facts.configs, made.configs, "{name}");
        assert!(facts.id.is_some(), "{name}");
        assert_eq!(facts.replication_factor, 1, "{name}");
        assert_eq!(facts.partitions.len(), made.partitions.len(), "{name}");
    }
    let brokers_own: BTreeSet<&str> = source
        .topics
        .keys()
        .filter(|name| !report.topics.contains_key(*name))
        .map(AsRef::as_ref)
        .collect();
    assert_eq!(
        brokers_own,
        BTreeSet::from(["__consumer_offsets", "__transaction_state"])
    );
    for (partition, made) in report.partitions() {
        let topic = &source.topics[&partition.topic];
        let facts = &topic.partitions[partition.partition as usize];
        assert_eq!(facts.log_start_offset, made.log_start_offset, "{partition}");
        assert_eq!(facts.high_watermark, made.high_watermark, "{partition}");
        assert_eq!(facts.last_stable_offset, made.high_watermark, "{partition}");
        assert!(facts.leader_epoch >= 0, "{partition}");
        assert!(facts.size_bytes.is_some(), "{partition}");
        let readable = facts.high_watermark > facts.log_start_offset;
        assert_eq!(facts.shape.sampled_batches > 0, readable, "{partition}");
        check_shape(topic, facts, &made.traits);
    }
}

/// What the batches of a partition show of what is special about it.
fn check_shape(topic: &TopicFacts, facts: &PartitionFacts, traits: &BTreeSet<Trait>) {
    let shape = &facts.shape;
    let at = format!("{}-{}: {traits:?} {shape:?}", topic.name, facts.partition);
    let has = |which| traits.contains(&which);
    if facts.high_watermark == facts.log_start_offset {
        return;
    }
    assert_eq!(shape.oldest_format, Some(2), "{at}");
    if has(Trait::Compacted) {
        assert!(shape.gaps, "{at}");
    } else if !topic.compacted() {
        assert!(!shape.gaps, "{at}");
    }
    let in_transactions = has(Trait::Committed) || has(Trait::Aborted);
    assert_eq!(shape.transactional, in_transactions, "{at}");
    assert_eq!(shape.log_append_time, has(Trait::LogAppendTime), "{at}");
    if has(Trait::SingleRecordBatches) {
        assert_eq!(shape.sampled_records, shape.sampled_batches, "{at}");
        assert!(shape.sampled_batches > 100, "{at}");
    }
    if has(Trait::LargeBatches) {
        assert!(shape.largest_batch_bytes > 64 * 1024, "{at}");
    }
    if has(Trait::LargeRecords) {
        assert!(shape.largest_batch_bytes > 1_048_576, "{at}");
    }
    if has(Trait::MixedCodecs) {
        let codecs: Vec<&str> = shape.codecs.iter().map(String::as_str).collect();
        assert_eq!(codecs, ["gzip", "lz4", "none", "snappy", "zstd"], "{at}");
    }
    let (oldest, newest) = (
        shape.oldest_timestamp_ms.unwrap(),
        shape.newest_timestamp_ms.unwrap(),
    );
    assert!(0 < oldest && oldest <= newest, "{at}");
    if has(Trait::Old) {
        let month_ms = 30 * 86_400_000;
        let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        assert!(
            oldest < now_ms.unwrap().as_millis() as i64 - month_ms,
            "{at}"
        );
    }
}

fn check_internal(source: &ClusterSnapshot) {
    let reasons: Vec<(&str, &str)> = source
        .topics
        .values()
        .filter_map(|topic| Some((topic.name.as_str(), topic.internal.as_deref()?)))
        .collect();
    assert_eq!(
        reasons,
        [
            ("__amazon_msk_canary", "Amazon MSK"),
            ("__consumer_offsets", "consumer offsets"),
            ("__mm2_offset_syncs", "MirrorMaker 2"),
            ("__transaction_state", "transaction state"),
            ("_schemas", "Schema Registry"),
            ("connect-configs", "Connect configurations"),
            ("connect-offsets", "Connect source offsets"),
            ("connect-status", "Connect status"),
            ("etl-positions", "Connect source offsets"),
            ("etl-settings", "Connect configurations"),
            ("etl-states", "Connect status"),
            ("mm2-configs.onprem.internal", "MirrorMaker 2"),
            ("onprem.checkpoints.internal", "MirrorMaker 2 checkpoints"),
        ]
    );
}

fn check_groups(source: &ClusterSnapshot, report: &EstateReport) {
    assert_eq!(
        source.groups.keys().collect::<Vec<_>>(),
        report.groups.keys().collect::<Vec<_>>()
    );
    for (id, made) in &report.groups {
        let facts = &source.groups[id];
        if made.standing == Standing::Active {
            assert_eq!(facts.state, GroupState::Active("Stable".to_owned()), "{id}");
            assert_eq!(facts.protocol_type, "consumer", "{id}");
            assert_eq!(facts.members.len(), 1, "{id}");
            assert!(facts.members[0].client_id.starts_with(&id.0), "{facts:?}");
            assert!(!facts.offsets.is_empty(), "{id}");
        } else {
            assert_eq!(facts.state, GroupState::Empty, "{id}");
            assert_eq!(facts.offsets, made.offsets, "{id}");
        }
    }
}

/// The JSON reads back, holds no secret, and is the same the next time, but for what moves by
/// itself: the time, the active group, and how far the cleaner has come.
fn check_form(snapshot: &Snapshot, again: &Snapshot) {
    let json = serde_json::to_string(snapshot).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), *snapshot);
    let accounts = [
        accounts::ADMIN,
        accounts::FERRY_SOURCE,
        accounts::FERRY_TARGET,
    ];
    for account in accounts.into_iter().chain(accounts::APPLICATIONS) {
        assert!(!json.contains(account.password), "{}", account.name);
    }
    let still = |snapshot: &Snapshot| {
        let mut still = snapshot.clone();
        still.taken_at_ms = 0;
        still.source.round_trip_us = None;
        still.target.round_trip_us = None;
        still.source.groups.retain(|_, group| !group.state.active());
        still
            .source
            .topics
            .retain(|name, topic| !topic.compacted() && !name.as_str().starts_with("__"));
        serde_json::to_string(&still).unwrap()
    };
    assert_eq!(still(snapshot), still(again));
}
