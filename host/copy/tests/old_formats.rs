//! Segments of message formats 0 and 1 under a real broker, copied to the newest one.
//!
//! A broker of 3.9 writes neither format any more, but it serves what an upgraded cluster still has
//! on its disks. So the segments are put on its disk while it is down.

mod replay;
mod support;
mod wire;

use bytes::Bytes;
use ferry_copy::job::OffsetMode;
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_kafka::{Client, ClientSettings};
use ferry_model::identity::Side;
use ferry_model::name::TopicPartition;
use ferry_testbed::Listener;
use replay::Answer;
use std::path::{Path, PathBuf};
use support::{Bed, assert_equal, topic};
use wire::fetch;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_of_old_formats_arrive_as_kafkas_own_classes_read_them() {
    let mut bed = Bed::start("old-formats").await;
    let mut logs = replay::answers();
    logs.retain(|answer| answer.name.starts_with("old/"));
    for log in &logs {
        let forever = [("retention.ms", "-1")];
        bed.create(&bed.source, name(log), 1, &forever).await;
        bed.create(&bed.target, name(log), 1, &forever).await;
    }
    let broker = bed.source_cluster.node(1);
    broker.stop().await.expect("stops");
    for log in &logs {
        replace_segment(&partition_folder(broker.folder(), name(log)), log);
    }
    broker.restart().await.expect("starts again");
    let properties = bed
        .source_cluster
        .client_properties(Listener::Plaintext, "");
    let settings = ClientSettings::from_properties(&properties).expect("settings");
    bed.source = Client::connect(settings, Side::Source)
        .await
        .expect("connects");
    let topics: Vec<_> = logs.iter().map(|log| topic(name(log))).collect();
    bed.source.refresh(&topics).await.expect("answers");
    for log in &logs {
        let served = fetched(&bed.source, name(log), log.from).await;
        assert_eq!(served, log.records, "{}: served as it is on disk", log.name);
    }

    let partitions: Vec<_> = logs
        .iter()
        .map(|log| bed.partition(name(log), 0, OffsetMode::Preserve))
        .collect();
    let report = bed.copy(bed.job(partitions)).await;
    for (log, outcome) in logs.iter().zip(&report.outcomes) {
        assert_eq!(outcome.halted, None, "{}", log.name);
        assert_eq!(
            translates(&outcome.mode),
            !keeps_offsets(log),
            "{outcome:?}"
        );
    }
    assert_equal(&bed.verdicts(&report, false).await);
    // What verification reads of the source went through the same conversion as the copy. Here the
    // target is compared with what Kafka's classes make of the same bytes.
    for log in &logs {
        let place = TopicPartition::new(topic(name(log)), 0);
        let start = bed.offset(&bed.target, &place, OffsetSpec::Earliest).await;
        let copied = fetched(&bed.target, name(log), start).await;
        let lines = replay::lines(&copied);
        if !keeps_offsets(log) {
            let contents = |lines: &[String]| -> Vec<String> {
                let split = |line: &String| line.split_once(' ').map(|halves| halves.1.to_owned());
                lines.iter().filter_map(split).collect()
            };
            assert_eq!(contents(&lines), contents(&log.expected), "{}", log.name);
        } else {
            assert_eq!(lines, log.expected, "{}", log.name);
        }
    }
}

fn translates(mode: &OffsetMode) -> bool {
    matches!(mode, OffsetMode::Translate(_))
}

/// What compaction removed between messages is kept free; inside of a compressed message it can't.
fn keeps_offsets(log: &Answer) -> bool {
    !log.name.contains("cleaned") || log.name.ends_with("-none")
}

fn name(log: &Answer) -> &str {
    log.name.trim_start_matches("old/")
}

/// The folder of partition 0 somewhere below `folder`.
fn partition_folder(folder: &Path, topic: &str) -> PathBuf {
    let wanted = format!("{topic}-0");
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("reads") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| *name == *wanted) {
                    return path;
                }
                folders.push(path);
            }
        }
    }
    panic!("no folder of {wanted}");
}

/// Puts the log in the place of the empty segment; the broker builds its indexes anew.
fn replace_segment(folder: &Path, log: &Answer) {
    for entry in std::fs::read_dir(folder).expect("reads") {
        let path = entry.expect("an entry").path();
        if path
            .file_stem()
            .is_some_and(|stem| *stem == *"00000000000000000000")
        {
            std::fs::remove_file(path).expect("removes");
        }
    }
    let segment = format!("{:020}.log", log.from);
    std::fs::write(folder.join(segment), &log.records).expect("writes");
}

/// Everything of partition 0 from `from` on.
async fn fetched(client: &Client, name: &str, from: i64) -> Bytes {
    let partition = TopicPartition::new(topic(name), 0);
    let data = fetch(client, &partition, from, false).await;
    data.records.unwrap_or_default()
}
