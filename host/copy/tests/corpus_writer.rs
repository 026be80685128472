//! Writes the corpus anew: `corpus/README.md` says how it is called.

mod replay;
mod wire;

use ferry_copy::batch::header::DELETE_HORIZON;
use ferry_copy::batch::slices::BatchSlices;
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_kafka::{Client, ClientSettings};
use ferry_model::identity::Side;
use ferry_model::name::{TopicName, TopicPartition};
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use wire::fetch;

/// How long the broker's cleaner may take.
const CLEANER_LIMIT: Duration = Duration::from_secs(120);

const TOPICS: [(&str, &[(&str, &str)]); 12] = [
    ("plain-none", &[]),
    ("plain-gzip", &[]),
    ("plain-snappy", &[]),
    ("plain-lz4", &[]),
    ("plain-zstd", &[]),
    ("tiny", &[]),
    ("large-none", &[]),
    ("large-zstd", &[]),
    (
        "broker-time-none",
        &[("message.timestamp.type", "LogAppendTime")],
    ),
    (
        "broker-time-gzip",
        &[("message.timestamp.type", "LogAppendTime")],
    ),
    ("transactions", &[]),
    (
        "compacted",
        &[
            ("cleanup.policy", "compact"),
            ("min.cleanable.dirty.ratio", "0.001"),
            ("segment.ms", "1000"),
        ],
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes files of the repository"]
async fn write_the_corpus() {
    let classes = compile();
    let classes = classes.path();
    let old = text(&emptied("old"));
    java(KafkaVersion::V3_9, classes, &["OldFormats", &old]);
    for (version, name) in [(KafkaVersion::V3_9, "3.9"), (KafkaVersion::V4_3, "4.3")] {
        write(version, classes, &emptied(name)).await;
    }
}

async fn write(version: KafkaVersion, classes: &Path, folder: &Path) {
    let cluster = Cluster::builder(version)
        .name(format!("corpus-{}", version.release()))
        .listener(Listener::Plaintext)
        .property("log.cleaner.backoff.ms", "300")
        .start()
        .await
        .expect("starts");
    let properties = cluster.client_properties(Listener::Plaintext, "");
    let settings = ClientSettings::from_properties(&properties).expect("settings");
    let client = Client::connect(settings, Side::Source)
        .await
        .expect("connects");
    create(&client).await;
    let bootstrap = cluster.bootstrap(Listener::Plaintext);
    java(version, classes, &["Corpus", "produce", &bootstrap]);
    let began = Instant::now();
    while !cleaned(&fetched(&client, "compacted").await.0) {
        assert!(began.elapsed() < CLEANER_LIMIT, "the cleaner does not come");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let arguments = ["Corpus", "consume", &bootstrap, &text(folder)];
    java(version, classes, &arguments);
    for (topic, _) in TOPICS {
        let (records, aborted) = fetched(&client, topic).await;
        let file = folder.join(topic);
        std::fs::write(file.with_extension("records"), records).expect("writes");
        if !aborted.is_empty() {
            std::fs::write(file.with_extension("aborted"), aborted).expect("writes");
        }
    }
}

/// Whether the cleaner took out everything that it can.
fn cleaned(records: &[u8]) -> bool {
    let headers: Vec<_> = BatchSlices::new(records.to_vec().into())
        .map(|batch| batch.expect("reads").header)
        .collect();
    // Of 31 records 13 are the last of their keys; the last segment is not cleaned.
    let left: i32 = headers.iter().map(|header| header.records_count).sum();
    left <= 16 && headers.iter().any(|header| header.has(DELETE_HORIZON))
}

async fn create(client: &Client) {
    let topics: Vec<_> = TOPICS
        .iter()
        .map(|(name, configs)| NewTopic {
            name: topic(name),
            partitions: 1,
            replication_factor: 1,
            configs: configs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        })
        .collect();
    let created = client.admin().create_topics(&topics, Mode::Apply).await;
    for (name, result) in created.expect("answers") {
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let names: Vec<_> = topics.into_iter().map(|topic| topic.name).collect();
    client.refresh(&names).await.expect("answers");
}

/// Everything of a partition as fetch responses hold it, and a line for every aborted transaction.
async fn fetched(client: &Client, name: &str) -> (Vec<u8>, String) {
    let partition = TopicPartition::new(topic(name), 0);
    let (mut records, mut aborted, mut next) = (Vec::new(), String::new(), 0);
    loop {
        let data = fetch(client, &partition, next, true).await;
        for transaction in data.aborted_transactions.iter().flatten() {
            let line = format!(
                "{} {}\n",
                transaction.producer_id.0, transaction.first_offset
            );
            if !aborted.contains(&line) {
                aborted.push_str(&line);
            }
        }
        let answer = data.records.clone().unwrap_or_default();
        let Some(last) = BatchSlices::new(answer.clone()).last() else {
            return (records, aborted);
        };
        next = last.expect("reads").header.next_offset();
        records.extend_from_slice(&answer);
    }
}

/// Compiles the programs of the corpus with the jars of the older release, which both run with.
fn compile() -> tempfile::TempDir {
    let classes = tempfile::tempdir().expect("a folder");
    let status = Command::new(jdk("javac"))
        .args(["-cp", &jars(KafkaVersion::V3_9), "-d"])
        .arg(classes.path())
        .args(["Corpus.java", "OldFormats.java"].map(|file| replay::folder().join(file)))
        .status()
        .expect("javac runs");
    assert!(status.success(), "{status}");
    classes
}

/// Runs a program of the corpus with the jars of a release.
fn java(version: KafkaVersion, classes: &Path, arguments: &[&str]) {
    let class_path = format!("{}:{}", text(classes), jars(version));
    let status = Command::new(jdk("java"))
        .args(["-cp", &class_path])
        .args(arguments)
        .status()
        .expect("java runs");
    assert!(status.success(), "{arguments:?}: {status}");
}

fn jars(version: KafkaVersion) -> String {
    let folder = std::env::var("FERRY_TEST_KAFKA_DIR").expect("FERRY_TEST_KAFKA_DIR is set");
    format!("{folder}/{}/*", version.release())
}

fn jdk(program: &str) -> PathBuf {
    match std::env::var_os("JAVA_HOME") {
        Some(home) => PathBuf::from(home).join("bin").join(program),
        None => program.into(),
    }
}

/// A folder of the corpus with nothing in it.
fn emptied(name: &str) -> PathBuf {
    let folder = replay::folder().join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("removes");
    }
    std::fs::create_dir_all(&folder).expect("creates");
    folder
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

fn topic(name: &str) -> TopicName {
    TopicName::parse(name).expect("legal")
}
