//! Topics get their final settings at the end, and nobody loses by surprise what expires with them.

mod support;

use ferry_demo::Ferry;
use ferry_kafka::admin::configs::{ConfigResource, ConfigSource};
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_kafka::{Client, ClientSettings};
use ferry_model::group::CommittedOffset;
use ferry_model::identity::Side;
use ferry_model::name::{GroupId, TopicName, TopicPartition};
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a broker may take to delete what has expired.
const LIMIT: Duration = Duration::from_secs(90);
/// 40 days in milliseconds.
const OLD_MS: i64 = 40 * 86_400_000;

/// The source keeps records for a year, the target for a week: of a topic that says nothing itself the
/// old half is told to expire, by the plan and before it happens. While a group has not read it the
/// topic's retention stays off and everything else is set; once it may go, it goes, and what is left
/// is still found equal. A topic that keeps everything is left alone. Rolled back, nothing is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_expires_by_final_settings_is_told_and_waits_for_its_readers() {
    let source_cluster = Cluster::builder(KafkaVersion::V3_9)
        .name("final-settings-source")
        .property("log.retention.hours", "8760");
    let target_cluster = Cluster::builder(KafkaVersion::V4_3)
        .name("final-settings-target")
        .property("log.initial.task.delay.ms", "500")
        .property("log.retention.check.interval.ms", "500");
    let (source_cluster, target_cluster) =
        tokio::try_join!(source_cluster.start(), target_cluster.start()).expect("both start");
    let source = connect(&source_cluster, Side::Source).await;
    let target = connect(&target_cluster, Side::Target).await;
    let place = |topic: &str| TopicPartition::new(TopicName::parse(topic).expect("legal"), 0);
    let (history, kept) = (place("history"), place("kept"));
    create(&source, &history, &[("compression.type", "gzip")]).await;
    create(&source, &kept, &[("retention.ms", "-1")]).await;
    let now_ms = ferry_kafka::task::now_ms();
    for topic in [&history, &kept] {
        support::append_at(&source, topic, 300, now_ms - OLD_MS);
        support::append_at(&source, topic, 200, now_ms);
    }
    commit(&source, "late", &history, 120).await;
    commit(&source, "current", &history, 500).await;

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("final-settings");
    write_project(&folder, &source_cluster, &target_cluster);
    let ferry = Ferry::beside_this_program(&folder).expect("ferry is built");
    let planned = run(&ferry, &["plan"], 0).await;
    assert!(planned.contains("Expiring"), "{planned}");
    let plan = planned.split_whitespace().rfind(|w| w.ends_with(".json"));
    let plan = plan.expect("a plan");

    let waiting = run(&ferry, &["apply", plan], 7).await;
    let told = "history: up to 300 of 500 records";
    assert!(waiting.contains(told), "{waiting}");
    assert!(waiting.contains("retention of topic history"), "{waiting}");
    assert!(
        waiting.contains("group late has not read 180 records"),
        "{waiting}"
    );
    let own = own_settings(&target, &history).await;
    assert_eq!(
        own.get("compression.type").map(String::as_str),
        Some("gzip")
    );
    assert_eq!(own.get("retention.ms").map(String::as_str), Some("-1"));

    run(&ferry, &["apply", plan, "--expire-unread"], 0).await;
    assert_eq!(
        own_settings(&target, &history).await,
        BTreeMap::from([("compression.type".to_owned(), "gzip".to_owned())])
    );
    let expected = BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]);
    assert_eq!(own_settings(&target, &kept).await, expected);
    let began = Instant::now();
    while start(&target, &history).await < 300 {
        assert!(began.elapsed() < LIMIT, "nothing expires");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(start(&target, &history).await, 300, "only what is too old");
    assert_eq!(start(&target, &kept).await, 0);
    run(&ferry, &["verify"], 0).await;

    // A topic that is copied again gets its final settings from the next apply.
    run(&ferry, &["copy", "recopy", "history", "--yes"], 0).await;
    let own = own_settings(&target, &history).await;
    assert_eq!(own.get("retention.ms").map(String::as_str), Some("-1"));
    run(&ferry, &["apply", plan, "--expire-unread"], 0).await;
    assert!(
        !own_settings(&target, &history)
            .await
            .contains_key("retention.ms")
    );

    run(&ferry, &["rollback", "--yes"], 0).await;
    let topics = target.admin().list_topics().await.expect("lists");
    let left: Vec<_> = topics.iter().filter(|topic| !topic.internal).collect();
    assert!(left.is_empty(), "{left:?}");
}

async fn connect(cluster: &Cluster, side: Side) -> Client {
    let properties = cluster.client_properties(Listener::Plaintext, "");
    let settings = ClientSettings::from_properties(&properties).expect("settings");
    Client::connect(settings, side).await.expect("connects")
}

async fn create(client: &Client, place: &TopicPartition, configs: &[(&str, &str)]) {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let topic = NewTopic {
        name: place.topic.clone(),
        partitions: 1,
        replication_factor: 1,
        configs: configs.iter().map(own).collect(),
    };
    let created = client.admin().create_topics(&[topic], Mode::Apply).await;
    for result in created.expect("answered").into_values() {
        result.expect("created");
    }
}

async fn commit(client: &Client, group: &str, place: &TopicPartition, offset: i64) {
    let offset = CommittedOffset {
        partition: place.clone(),
        offset,
        metadata: String::new(),
    };
    let group = GroupId(group.to_owned());
    let committed = client.admin().commit_offsets(&group, &[offset]).await;
    for result in committed.expect("answered").into_values() {
        result.expect("committed");
    }
}

/// The settings that are set on the topic itself.
async fn own_settings(client: &Client, place: &TopicPartition) -> BTreeMap<String, String> {
    let resource = ConfigResource::Topic(place.topic.clone());
    let described = client.admin().describe_configs(&[resource]).await;
    let entries = described.into_values().next().expect("answered");
    entries
        .expect("described")
        .into_iter()
        .filter(|entry| entry.source == ConfigSource::Topic)
        .map(|entry| (entry.name, entry.value.unwrap_or_default()))
        .collect()
}

async fn start(client: &Client, place: &TopicPartition) -> i64 {
    let admin = client.admin();
    let places = std::slice::from_ref(place);
    let listed = admin.list_offsets(places, OffsetSpec::Earliest).await;
    let listed = listed.into_values().next().expect("answered");
    listed.expect("listed").offset.expect("a start")
}

fn write_project(folder: &Path, source: &Cluster, target: &Cluster) {
    if folder.exists() {
        std::fs::remove_dir_all(folder).expect("removed");
    }
    std::fs::create_dir_all(folder).expect("made");
    let text = format!(
        "migration: final\n\
         source: {{ bootstrap.servers: \"{}\" }}\n\
         target: {{ bootstrap.servers: \"{}\" }}\n\
         copy: {{ guard: off }}\n",
        source.bootstrap(Listener::Plaintext),
        target.bootstrap(Listener::Plaintext),
    );
    std::fs::write(folder.join("migration.yaml"), text).expect("written");
}

/// Runs `ferry` and returns all that it said.
async fn run(ferry: &Ferry, arguments: &[&str], code: i32) -> String {
    let run = ferry.run(arguments).await.expect("runs");
    let said = format!("{}\n{}", run.out, run.narration);
    assert_eq!(run.code, Some(code), "ferry {arguments:?}\n{said}");
    said
}
