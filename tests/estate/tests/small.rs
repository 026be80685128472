//! The small estate on real servers: it is what its report says, and the same every time.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod support;

use ferry_estate::report::Standing;
use ferry_estate::{Estate, EstateError, EstateOptions, EstateReport, Trait, accounts};
use ferry_kafka::admin::groups::Stability;
use ferry_kafka::{Client, Lane, Request as _};
use ferry_model::group::GroupState;
use ferry_model::identity::Side;
use ferry_model::name::{GroupId, TopicPartition};
use ferry_model::snapshot::AclFacts;
use ferry_testbed::KafkaVersion;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest};
use std::collections::{BTreeMap, BTreeSet};
use support::{Contents, Seen, cluster, connect, read};

fn options() -> EstateOptions {
    EstateOptions {
        now_ms: 1_790_000_000_000,
        ..EstateOptions::small()
    }
}

fn partitions(report: &EstateReport) -> Vec<(String, i32)> {
    report
        .partitions()
        .map(|(partition, _)| (partition.topic.to_string(), partition.partition))
        .collect()
}

/// Goal: the report tells the truth, and the same options make the same estate again. Method: two
/// clusters, every record read from both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_estate_is_what_its_report_says_and_the_same_every_time() {
    let first = build("estate-one").await;
    let second = build("estate-two").await;
    assert_eq!(first.0, second.0, "the reports");
    let report = &first.0;
    for (partition, made) in report.partitions() {
        let key = (partition.topic.to_string(), partition.partition);
        let (one, two) = (&first.1[&key], &second.1[&key]);
        let cleaned = report.topics[&partition.topic]
            .configs
            .get("cleanup.policy")
            .is_some_and(|policy| policy.contains("compact"));
        if cleaned {
            // How far the cleaner has come differs; what each key says last does not.
            assert_eq!(latest(one), latest(two), "{partition}");
        } else if made.traits.contains(&Trait::LogAppendTime) {
            assert_eq!(timeless(one), timeless(two), "{partition}");
        } else {
            assert!(one == two, "{partition} differs");
        }
    }
}

/// Builds an estate, holds it against its report, and returns report and contents.
async fn build(name: &str) -> (EstateReport, Contents) {
    let cluster = cluster(name, KafkaVersion::V3_9).await;
    let client = connect(&cluster, Side::Source, accounts::ADMIN).await;
    let estate = Estate::build(&client, options()).await.unwrap();
    let report = estate.report().clone();
    let (settings, all) = (client.settings().clone(), partitions(&report));
    let contents = {
        let (settings, all) = (settings.clone(), all.clone());
        tokio::task::spawn_blocking(move || read(&settings, "read_uncommitted", &all))
    };
    let contents = contents.await.unwrap();
    let committed = tokio::task::spawn_blocking(move || read(&settings, "read_committed", &all));
    check_records(&report, &contents, &committed.await.unwrap());
    check_traits(&report, &contents);
    check_inside_batch(&client, &report).await;
    check_groups(&client, &report).await;
    let acls = client.admin().describe_acls().await.unwrap();
    assert_eq!(acls, AclFacts::Bindings(report.acls.clone()));
    assert!(report.acls.len() > 20);
    let again = Estate::build(&client, options()).await;
    assert!(
        matches!(again, Err(EstateError::NotEmpty { .. })),
        "{again:?}"
    );
    (report, contents)
}

fn check_records(report: &EstateReport, contents: &Contents, committed: &Contents) {
    for (partition, made) in report.partitions() {
        let key = (partition.topic.to_string(), partition.partition);
        let (seen, committed) = (&contents[&key], &committed[&key]);
        let aborted = seen.len() - committed.len();
        assert_eq!(aborted as i64, made.aborted, "{partition}");
        let kept = made.high_watermark - made.log_start_offset - made.markers;
        let compacted = report.topics[&partition.topic]
            .configs
            .get("cleanup.policy")
            .is_some_and(|policy| policy.contains("compact"));
        if compacted {
            assert!(seen.len() as i64 <= kept, "{partition}");
        } else {
            assert_eq!(seen.len() as i64, kept, "{partition}");
        }
        assert!(
            seen.iter()
                .all(|record| record.offset >= made.log_start_offset),
            "{partition}"
        );
    }
}

fn check_traits(report: &EstateReport, contents: &Contents) {
    let seen =
        |partition: &TopicPartition| &contents[&(partition.topic.to_string(), partition.partition)];
    let mut counts: BTreeMap<Trait, usize> = BTreeMap::new();
    for (partition, made) in report.partitions() {
        let seen = seen(&partition);
        for which in &made.traits {
            *counts.entry(*which).or_default() += 1;
            let any = |test: fn(&Seen) -> bool| seen.iter().any(test);
            let holds = match which {
                Trait::NeverWritten => seen.is_empty() && made.high_watermark == 0,
                Trait::AllDeleted => seen.is_empty() && made.log_start_offset > 0,
                Trait::HeadDeleted | Trait::HeadDeletedInsideBatch => {
                    seen.first()
                        .is_some_and(|first| first.offset == made.log_start_offset)
                        && made.log_start_offset > 0
                }
                Trait::Compacted => {
                    let last = seen.last().map_or(0, |last| last.offset);
                    seen.first().is_some_and(|first| first.offset > 0)
                        && (seen.len() as i64) < last - seen[0].offset
                }
                Trait::LogAppendTime => any(|record| {
                    record
                        .timestamp_ms
                        .is_some_and(|ms| ms != 1_790_000_000_000)
                }),
                Trait::Committed => (seen.len() as i64) > made.aborted,
                Trait::Aborted => made.aborted > 0,
                Trait::LargeRecords => {
                    any(|record| record.value.as_ref().is_some_and(|v| v.len() > 1_048_576))
                }
                Trait::Old => {
                    let limit = 1_790_000_000_000 - 30 * 86_400_000;
                    let old = seen
                        .iter()
                        .filter(|r| r.timestamp_ms.is_some_and(|ms| ms < limit));
                    made.log_start_offset > 0 || old.count() * 2 > seen.len()
                }
                Trait::Tombstones => any(|record| record.key.is_some() && record.value.is_none()),
                Trait::NullValues => any(|record| record.value.is_none()),
                Trait::EmptyKeys => any(|record| record.key.as_ref().is_some_and(Vec::is_empty)),
                Trait::NullKeys => any(|record| record.key.is_none()),
                Trait::OddHeaders => any(|record| {
                    let expected = [("attempt", None), ("attempt", Some(&b"again"[..]))];
                    let same = |index: usize| record.headers[index].0 == expected[index].0;
                    record.headers.len() == 4
                        && same(0)
                        && same(1)
                        && record.headers[1].1.as_deref() == expected[1].1
                        && record.headers[2] == ("nothing".to_owned(), None)
                        && record.headers[3] == ("empty".to_owned(), Some(Vec::new()))
                }),
                // Told by batches: tested where those are read.
                Trait::Interleaved
                | Trait::SingleRecordBatches
                | Trait::LargeBatches
                | Trait::MixedCodecs => true,
            };
            assert!(
                holds,
                "{partition} is not {which:?}: {made:?}, {} seen",
                seen.len()
            );
        }
    }
    assert_eq!(counts.len(), 19, "every special case is there: {counts:?}");
}

/// The first batch of a log that starts inside of it begins below the log start offset.
async fn check_inside_batch(client: &Client, report: &EstateReport) {
    let special: Vec<_> = report.with(Trait::HeadDeletedInsideBatch).collect();
    assert!(!special.is_empty());
    for (partition, made) in special {
        client
            .refresh(std::slice::from_ref(&partition.topic))
            .await
            .unwrap();
        let leader = client.leader(&partition).unwrap();
        let wanted = FetchPartition::default()
            .with_partition(partition.partition)
            .with_fetch_offset(made.log_start_offset)
            .with_partition_max_bytes(1_000_000);
        let topic = FetchTopic::default()
            .with_topic_id(client.topic_id(&partition.topic).unwrap().0)
            .with_partitions(vec![wanted]);
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_bytes(1_000_000)
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        let connection = client
            .connection(leader.broker, Lane::Fetch(0))
            .await
            .unwrap();
        let response = connection.call(&request).await.unwrap();
        let data = &response.responses[0].partitions[0];
        assert_eq!(data.error_code, 0, "{}", FetchRequest::API);
        let records = data.records.as_ref().unwrap();
        let base = i64::from_be_bytes(records[..8].try_into().unwrap());
        assert!(base < made.log_start_offset, "{base} of {made:?}");
    }
}

async fn check_groups(client: &Client, report: &EstateReport) {
    let ids: Vec<GroupId> = report.groups.keys().cloned().collect();
    let described = client.admin().describe_groups(&ids).await;
    let mut standings = BTreeSet::new();
    for (id, group) in &report.groups {
        standings.insert(group.standing);
        let state = &described[id].as_ref().unwrap().state;
        let committed = client
            .admin()
            .committed_offsets(id, Stability::Latest)
            .await
            .unwrap();
        if group.standing == Standing::Active {
            assert!(state.active(), "{id}: {state:?}");
            assert!(!committed.is_empty());
        } else {
            assert_eq!(*state, GroupState::Empty, "{id}");
            assert_eq!(committed, group.offsets, "{id}");
            assert!(!committed.is_empty(), "{id}");
        }
    }
    assert_eq!(
        standings.len(),
        9,
        "a group of every standing: {standings:?}"
    );
    let metadata = |group: &ferry_estate::report::GroupMade| {
        group
            .offsets
            .iter()
            .any(|offset| !offset.metadata.is_empty())
    };
    assert!(report.groups.values().any(metadata));
}

type LastValues = BTreeMap<Option<Vec<u8>>, (i64, Option<Vec<u8>>)>;

/// What each key says last. A tombstone may be gone already, so it counts as nothing.
fn latest(records: &[Seen]) -> LastValues {
    let mut latest = LastValues::new();
    for record in records {
        latest.insert(record.key.clone(), (record.offset, record.value.clone()));
    }
    latest.retain(|_, (_, value)| value.is_some());
    latest
}

fn timeless(records: &[Seen]) -> Vec<Seen> {
    let without = |record: &Seen| Seen {
        timestamp_ms: None,
        ..record.clone()
    };
    records.iter().map(without).collect()
}
