//! The consumer groups, at every position that a group can have.

use crate::error::EstateError;
use crate::options::EstateOptions;
use crate::random::Random;
use crate::report::{GroupMade, PartitionMade, Standing, TopicMade, Trait};
use ferry_kafka::Client;
use ferry_model::group::CommittedOffset;
use ferry_model::name::{GroupId, TopicName, TopicPartition};
use std::collections::BTreeMap;

/// The group that a consumer runs in.
pub(crate) const ACTIVE: &str = "orders-dashboard";

/// What it reads.
pub(crate) const ACTIVE_TOPIC: &str = "ord-us-created";

/// How many groups of no particular interest the whole estate has.
const ORDINARY: usize = 14;

/// How far a group beyond the end is beyond it.
const BEYOND: i64 = 5_000;

/// Groups by id.
pub(crate) type Groups = BTreeMap<GroupId, GroupMade>;

/// What each group of every estate reads, how it stands, and the metadata that it commits.
const SPECIAL: [(&str, &[&str], Standing, &str); 15] = [
    (
        "orders-projection",
        &["ord.eu.created", "OrdersEU"],
        Standing::CaughtUp,
        "",
    ),
    ("orders-archive", &["ord.eu.created"], Standing::Lagging, ""),
    (
        "fraud-scoring",
        &["payments.captured.v2"],
        Standing::AtLogStart,
        "",
    ),
    (
        "payments-reporting",
        &["payments.captured.v2"],
        Standing::BeforeLogStart,
        "",
    ),
    (
        "newsletter-sender",
        &["newsletter.optin"],
        Standing::OnEmptyPartitions,
        "",
    ),
    (
        "session-cleaner",
        &["sessions.expired"],
        Standing::OnEmptyPartitions,
        "",
    ),
    (
        "connect-s3-sink",
        &["ord.eu.created", "OrdersEU"],
        Standing::Lagging,
        "",
    ),
    (
        "billing-app",
        &[
            "ord-us-created",
            "billing-app-KSTREAM-KEY-SELECT-0000000007-repartition",
        ],
        Standing::CaughtUp,
        "AgAAAYxS1wAA",
    ),
    (
        "pricing-service",
        &["pricing_table"],
        Standing::CaughtUp,
        r#"{"host":"pricing-1","build":"2024.11"}"#,
    ),
    (
        "ledger-audit",
        &["ledger.transfers"],
        Standing::CaughtUp,
        "",
    ),
    (
        "ledger-replay",
        &["ledger.transfers"],
        Standing::Lagging,
        "replay \u{e4}",
    ),
    (
        "inventory-sync",
        &["inventory.levels"],
        Standing::Partial,
        "",
    ),
    ("audit-exporter", &["audit.log"], Standing::Lagging, ""),
    (
        "legacy-importer",
        &["legacy.import"],
        Standing::BeyondEnd,
        "",
    ),
    (
        "settlement-runs",
        &["payments.settlements"],
        Standing::InsideBatch,
        "",
    ),
];

/// What the groups of an estate commit; the active one commits by itself.
pub(crate) fn plan(options: &EstateOptions, topics: &BTreeMap<TopicName, TopicMade>) -> Groups {
    let mut groups = Groups::new();
    for (id, reads, standing, metadata) in SPECIAL {
        let offsets = reads.iter().flat_map(|topic| {
            let made = topics.get_key_value(*topic);
            made.map(|(name, made)| offsets(name, made, standing, metadata))
                .unwrap_or_default()
        });
        let mut offsets: Vec<CommittedOffset> = offsets.collect();
        offsets.sort_by(|one, two| one.partition.cmp(&two.partition));
        groups.insert(GroupId::from(id), GroupMade { standing, offsets });
    }
    groups.extend(ordinary(options, topics));
    let active = GroupMade {
        standing: Standing::Active,
        offsets: Vec::new(),
    };
    groups.insert(GroupId::from(ACTIVE), active);
    groups
}

/// Groups on topics of no particular interest, somewhere or at the end.
fn ordinary(options: &EstateOptions, topics: &BTreeMap<TopicName, TopicMade>) -> Groups {
    let read: Vec<&TopicName> = topics
        .iter()
        .filter(|(name, topic)| {
            let special = SPECIAL
                .iter()
                .any(|(_, reads, ..)| reads.contains(&name.as_str()));
            topic.family == "business" && !special
        })
        .map(|(name, _)| name)
        .collect();
    let count = (ORDINARY as f64 * options.ordinary_share()).round() as usize;
    let mut random = Random::new(options.seed, "groups", 0);
    let mut groups = Groups::new();
    while groups.len() < count && !read.is_empty() {
        let topic = read[random.below(read.len() as u64) as usize];
        let standing = match groups.len() % 3 {
            0 => Standing::CaughtUp,
            1 => Standing::Lagging,
            _ => Standing::AtLogStart,
        };
        let id = format!(
            "{}-reader-{}",
            topic.as_str().replace(['.', '_'], "-"),
            groups.len()
        );
        let offsets = offsets(topic, &topics[topic], standing, "");
        groups.insert(GroupId(id), GroupMade { standing, offsets });
    }
    groups
}

fn offsets(
    topic: &TopicName,
    made: &TopicMade,
    standing: Standing,
    metadata: &str,
) -> Vec<CommittedOffset> {
    let partitions = made.partitions.iter().zip(0..);
    partitions
        .filter_map(|(partition, index)| {
            Some(CommittedOffset {
                partition: TopicPartition::new(topic.clone(), index),
                offset: offset(partition, index, standing)?,
                metadata: metadata.to_owned(),
            })
        })
        .collect()
}

fn offset(made: &PartitionMade, index: i32, standing: Standing) -> Option<i64> {
    let (start, end) = (made.log_start_offset, made.high_watermark);
    Some(match standing {
        Standing::CaughtUp => end,
        // Never at either end, and never the same.
        Standing::Lagging => start + (end - start) * i64::from(2 + index % 5) / 10,
        Standing::AtLogStart => start,
        Standing::BeforeLogStart if start > 10 => start / 2,
        Standing::BeforeLogStart => end,
        Standing::BeyondEnd => end + BEYOND,
        Standing::OnEmptyPartitions if start == end => end,
        Standing::OnEmptyPartitions => return None,
        Standing::Partial if index == 0 => start + (end - start) / 3,
        Standing::Partial | Standing::Active => return None,
        Standing::InsideBatch => {
            let inside = made.traits.contains(&Trait::HeadDeletedInsideBatch);
            if inside {
                start
            } else {
                start + (end - start) / 2 + 1
            }
        }
    })
}

/// Commits what was planned.
pub(crate) async fn commit(client: &Client, groups: &Groups) -> Result<(), EstateError> {
    for (id, group) in groups {
        if group.offsets.is_empty() {
            continue;
        }
        let committed = client.admin().commit_offsets(id, &group.offsets).await;
        let committed = committed.map_err(EstateError::kafka("committed offsets"))?;
        for (partition, result) in committed {
            let what = format!("the commit of group {id} on {partition}");
            result.map_err(EstateError::refused(what))?;
        }
    }
    Ok(())
}
