//! Making the topics, and checking how they turned out.

use crate::catalogue::TopicSpec;
use crate::error::EstateError;
use ferry_kafka::Client;
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_model::name::{TopicName, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long new partitions may be without a leader.
const LEADERS_LIMIT: Duration = Duration::from_secs(60);

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(50);

/// The name of a topic of the catalogue. All of them are legal, which a test sees to.
pub(crate) fn name(topic: &TopicSpec) -> Result<TopicName, EstateError> {
    TopicName::parse(topic.name.clone()).map_err(|error| EstateError::Write {
        topic: topic.name.clone(),
        reason: error.to_string(),
    })
}

/// Makes all topics, with as many replicas as the brokers make by default.
pub(crate) async fn create(client: &Client, topics: &[TopicSpec]) -> Result<(), EstateError> {
    let mut new = Vec::with_capacity(topics.len());
    for topic in topics {
        new.push(NewTopic {
            name: name(topic)?,
            partitions: topic.partitions,
            replication_factor: -1,
            configs: topic.configs.clone(),
        });
    }
    let listed = client.admin().list_topics().await;
    let listed = listed.map_err(EstateError::kafka("the list of topics"))?;
    let wanted: BTreeSet<&TopicName> = new.iter().map(|topic| &topic.name).collect();
    let present: Vec<_> = listed
        .iter()
        .filter(|topic| wanted.contains(&topic.name))
        .collect();
    if let Some(first) = present.first() {
        return Err(EstateError::NotEmpty {
            first: first.name.clone(),
            count: present.len(),
        });
    }
    let created = client.admin().create_topics(&new, Mode::Apply).await;
    let created = created.map_err(EstateError::kafka("topics"))?;
    for (name, result) in created {
        result.map_err(EstateError::refused(format!("topic {name}")))?;
    }
    Ok(())
}

/// Waits until every partition has a leader that answers.
///
/// One that is not ready yet refuses the first batch of an idempotent producer, and then takes the
/// second for the first: brokers accept any sequence of a producer that they do not know, and the
/// first batch is lost when it comes again.
pub(crate) async fn await_leaders(
    client: &Client,
    partitions: &[TopicPartition],
) -> Result<(), EstateError> {
    let started = Instant::now();
    let mut open = partitions.to_vec();
    loop {
        let listed = client.admin().list_offsets(&open, OffsetSpec::Latest).await;
        open = listed
            .into_iter()
            .filter(|(_, result)| result.is_err())
            .map(|(partition, _)| partition)
            .collect();
        let Some(first) = open.first() else {
            return Ok(());
        };
        if started.elapsed() > LEADERS_LIMIT {
            return Err(EstateError::TooSlow {
                what: format!("the election of a leader of {first}"),
                limit_ms: LEADERS_LIMIT.as_millis() as u64,
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Checks that `spec` of every partition is as expected.
pub(crate) async fn check(
    client: &Client,
    expected: &BTreeMap<TopicPartition, i64>,
    spec: OffsetSpec,
    what: &str,
) -> Result<(), EstateError> {
    let partitions: Vec<TopicPartition> = expected.keys().cloned().collect();
    let listed = client.admin().list_offsets(&partitions, spec).await;
    for (partition, result) in listed {
        let found = result.map_err(EstateError::refused(format!("{what} of {partition}")))?;
        let (found, expected) = (found.offset.unwrap_or(-1), expected[&partition]);
        if found != expected {
            return Err(EstateError::Unexpected {
                what: format!("the {what} of {partition}"),
                expected,
                found,
            });
        }
    }
    Ok(())
}
