//! Topics, their configurations and the offsets of their partitions.

use crate::cluster::notice;
use crate::codes;
use crate::error::{DiscoverError, explained};
use crate::progress::{Part, Progress};
use ferry_kafka::admin::configs::{ConfigEntry, ConfigResource, ConfigSource};
use ferry_kafka::admin::offsets::{ListedOffset, OffsetSpec};
use ferry_kafka::error::KafkaError;
use ferry_kafka::{Client, ErrorCode};
use ferry_model::identity::TopicId;
use ferry_model::name::{PartitionIndex, TopicName, TopicPartition};
use ferry_model::problem::Problem;
use ferry_model::topic::{LogShape, PartitionFacts};
use std::collections::{BTreeMap, BTreeSet};

/// What is read of a topic before its partitions are.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    pub(crate) id: Option<TopicId>,
    pub(crate) replication_factor: i16,
    pub(crate) internal_to_brokers: bool,
    pub(crate) configs: BTreeMap<String, String>,
    /// Each partition with its leader's epoch.
    pub(crate) partitions: Vec<(PartitionIndex, i32)>,
}

/// Topics by name.
pub(crate) type Topics = BTreeMap<TopicName, Topic>;

/// Partitions by topic, in order.
pub(crate) type Partitions = BTreeMap<TopicName, Vec<PartitionFacts>>;

/// Lists the topics that the principal may see.
pub(crate) async fn list<P: Fn(Progress) + Sync>(
    client: &Client,
    progress: &P,
) -> Result<Topics, DiscoverError> {
    let side = client.side();
    let listed = client.admin().list_topics().await;
    let listed = listed.map_err(|source| DiscoverError::Part {
        side,
        part: Part::Topics,
        source: Box::new(source),
    })?;
    let topic = |topic: ferry_kafka::admin::topics::TopicDescription| {
        let replicas = topic.partitions.iter().map(|p| p.replicas.len()).max();
        let facts = Topic {
            id: topic.id,
            replication_factor: i16::try_from(replicas.unwrap_or(0)).unwrap_or(i16::MAX),
            internal_to_brokers: topic.internal,
            configs: BTreeMap::new(),
            partitions: topic
                .partitions
                .iter()
                .map(|p| (p.partition, p.leader_epoch))
                .collect(),
        };
        (topic.name, facts)
    };
    let topics: Topics = listed.into_iter().map(topic).collect();
    progress(Progress::Read {
        side,
        part: Part::Topics,
        count: topics.len(),
    });
    Ok(topics)
}

/// Fills in what was set on each topic itself.
pub(crate) async fn read_configs<P: Fn(Progress) + Sync>(
    client: &Client,
    topics: &mut Topics,
    progress: &P,
) -> Result<(), DiscoverError> {
    let side = client.side();
    let resources: Vec<_> = topics.keys().cloned().map(ConfigResource::Topic).collect();
    let described = client.admin().describe_configs(&resources).await;
    let mut refused: Vec<(TopicName, KafkaError)> = Vec::new();
    for (resource, result) in described {
        let ConfigResource::Topic(name) = resource else {
            continue;
        };
        match result {
            Ok(entries) => {
                if let Some(topic) = topics.get_mut(&name) {
                    topic.configs = own(entries);
                }
            }
            Err(error) if gone(&error) => {
                tracing::info!(%side, topic = %name, "deleted while it was read");
                topics.remove(&name);
            }
            Err(error) => refused.push((name, error)),
        }
    }
    refused.sort_by(|one, two| one.0.cmp(&two.0));
    if let Some((_, source)) = refused.first().cloned() {
        let topics = refused.into_iter().map(|(name, _)| name).collect();
        return Err(DiscoverError::Configs {
            side,
            topics,
            source: Box::new(source),
        });
    }
    progress(Progress::Read {
        side,
        part: Part::Configs,
        count: topics.len(),
    });
    Ok(())
}

/// What was set on the topic itself, without secrets.
fn own(entries: Vec<ConfigEntry>) -> BTreeMap<String, String> {
    entries
        .into_iter()
        .filter(|entry| entry.source == ConfigSource::Topic && !entry.sensitive)
        .filter_map(|entry| Some((entry.name, entry.value?)))
        .collect()
}

/// The offsets and sizes of all partitions. A topic that was deleted meanwhile is left out.
pub(crate) async fn read_partitions<P: Fn(Progress) + Sync>(
    client: &Client,
    topics: &Topics,
    progress: &P,
) -> Result<Partitions, DiscoverError> {
    let side = client.side();
    let all: Vec<TopicPartition> = topics
        .iter()
        .flat_map(|(name, topic)| {
            let partitions = topic.partitions.iter();
            partitions.map(|(index, _)| TopicPartition::new(name.clone(), *index))
        })
        .collect();
    let admin = client.admin();
    // One after the other, because each can only have grown when the next is read: log start, last
    // stable offset and high watermark then stand in this order.
    let starts = admin.list_offsets(&all, OffsetSpec::Earliest).await;
    let stable = admin.list_offsets(&all, OffsetSpec::LastStable).await;
    let ends = admin.list_offsets(&all, OffsetSpec::Latest).await;
    let sizes = read_sizes(client, topics, progress).await;
    let mut refused: BTreeMap<TopicPartition, KafkaError> = BTreeMap::new();
    let mut deleted: BTreeSet<TopicName> = BTreeSet::new();
    let mut partitions = Partitions::new();
    for (name, topic) in topics {
        let mut list = Vec::with_capacity(topic.partitions.len());
        for &(index, leader_epoch) in &topic.partitions {
            let partition = TopicPartition::new(name.clone(), index);
            let read = |offsets: &BTreeMap<TopicPartition, Result<ListedOffset, KafkaError>>| {
                offset(offsets.get(&partition))
            };
            let facts = read(&starts).and_then(|start| {
                let high_watermark = read(&ends)?;
                Ok(PartitionFacts {
                    partition: index,
                    leader_epoch,
                    // Records may have been deleted, or a log truncated, in between.
                    log_start_offset: start.min(high_watermark),
                    high_watermark,
                    last_stable_offset: read(&stable)?.min(high_watermark),
                    size_bytes: sizes.get(&partition).copied(),
                    shape: LogShape::default(),
                })
            });
            match facts {
                Ok(facts) => list.push(facts),
                Err(Some(error)) if !gone(&error) => drop(refused.insert(partition, error)),
                Err(_) => drop(deleted.insert(name.clone())),
            }
        }
        partitions.insert(name.clone(), list);
    }
    for name in deleted {
        tracing::info!(%side, topic = %name, "deleted while it was read");
        partitions.remove(&name);
        refused.retain(|partition, _| partition.topic != name);
    }
    if let Some((_, source)) = refused.first_key_value() {
        return Err(DiscoverError::Offsets {
            side,
            source: Box::new(source.clone()),
            partitions: refused.into_keys().collect(),
        });
    }
    progress(Progress::Read {
        side,
        part: Part::Offsets,
        count: partitions.values().map(Vec::len).sum(),
    });
    Ok(partitions)
}

/// One offset; an error without words where the answer has none.
fn offset(listed: Option<&Result<ListedOffset, KafkaError>>) -> Result<i64, Option<KafkaError>> {
    match listed {
        Some(Ok(listed)) => listed.offset.ok_or(None),
        Some(Err(error)) => Err(Some(error.clone())),
        None => Err(None),
    }
}

/// Whether the topic was deleted since it was listed.
fn gone(error: &KafkaError) -> bool {
    match error {
        KafkaError::NoPartition { .. } => true,
        KafkaError::GaveUp { last, .. } => gone(last),
        error => matches!(
            error.code(),
            Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID)
        ),
    }
}

/// Sizes on disk, where the brokers tell. They tell of every topic, those included that the
/// principal may not see: which is how it shows that there are any.
async fn read_sizes<P: Fn(Progress) + Sync>(
    client: &Client,
    topics: &Topics,
    progress: &P,
) -> BTreeMap<TopicPartition, u64> {
    let side = client.side();
    let sizes = match client.admin().partition_sizes().await {
        Ok(sizes) => sizes,
        Err(error) => {
            let what = format!("{side}: the sizes of partitions on disk are not known");
            let problem = explained(codes::SIZES_UNKNOWN, what, &error);
            progress(Progress::Notice(problem));
            return BTreeMap::new();
        }
    };
    let unlisted: BTreeSet<&TopicName> = sizes
        .keys()
        .map(|partition| &partition.topic)
        .filter(|topic| !topics.contains_key(*topic))
        .collect();
    let unlisted: Vec<TopicName> = unlisted.into_iter().cloned().collect();
    if !unlisted.is_empty() {
        // Created or deleted meanwhile, or hidden.
        let described = client.admin().describe_topics(&unlisted).await;
        let hidden: Vec<TopicName> = described
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(topic, result)| {
                let code = result.err()?.code();
                (code == Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED)).then_some(topic)
            })
            .collect();
        if !hidden.is_empty() {
            let count = hidden.len();
            let what = format!("{side}: {count} topics are hidden from the principal");
            let problem = Problem::new(codes::TOPICS_HIDDEN, what)
                .cause("the principal lacks DESCRIBE on them")
                .next(format!(
                    "grant DESCRIBE on TOPIC * to the principal of the {side}"
                ));
            notice(progress, problem, &hidden);
        }
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_set_on_the_topic_itself_is_kept_and_no_secret() {
        let entry = |name: &str, source, sensitive, value: Option<&str>| ConfigEntry {
            name: name.to_owned(),
            value: value.map(ToOwned::to_owned),
            source,
            sensitive,
            read_only: false,
        };
        let kept = own(vec![
            entry(
                "cleanup.policy",
                ConfigSource::Topic,
                false,
                Some("compact"),
            ),
            entry(
                "segment.bytes",
                ConfigSource::StaticBroker,
                false,
                Some("1"),
            ),
            entry("retention.ms", ConfigSource::Default, false, Some("2")),
            entry("password", ConfigSource::Topic, true, Some("secret")),
            entry("nameless", ConfigSource::Topic, false, None),
        ]);
        let expected = BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]);
        assert_eq!(kept, expected);
    }
}
