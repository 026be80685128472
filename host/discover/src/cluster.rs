//! One cluster.

use crate::error::{DiscoverError, names};
use crate::internal::{Evidence, Neighbourhood};
use crate::options::SampleOptions;
use crate::progress::{Part, Progress};
use crate::topics::Partitions;
use crate::{codes, groups, sample, topics};
use ferry_kafka::Client;
use ferry_kafka::admin::configs::ConfigResource;
use ferry_kafka::error::KafkaError;
use ferry_model::problem::Problem;
use ferry_model::snapshot::{AclFacts, BrokerFacts, ClusterSnapshot};
use ferry_model::topic::TopicFacts;
use futures_util::future::{join, try_join, try_join3};
use std::collections::BTreeMap;
use std::time::Instant;

/// Reads everything about one cluster; its logs are sampled where `sampling` says how.
pub(crate) async fn read<P: Fn(Progress) + Sync>(
    client: &Client,
    sampling: Option<&SampleOptions>,
    progress: &P,
) -> Result<ClusterSnapshot, DiscoverError> {
    let (identity, (topics, mut partitions), (acls, groups)) = try_join3(
        identity(client, progress),
        read_topics(client, progress),
        try_join(read_acls(client, progress), groups::read(client, progress)),
    )
    .await?;
    let keys = match sampling {
        Some(options) => sample::take(client, options, &topics, &mut partitions, progress).await,
        None => BTreeMap::new(),
    };
    let around = Neighbourhood::of(
        topics.keys(),
        groups.values().map(|g| (&g.id, &*g.protocol_type)),
    );
    let mut facts = BTreeMap::new();
    for (name, topic) in topics {
        let mut topic_facts = TopicFacts {
            id: topic.id,
            replication_factor: topic.replication_factor,
            internal: None,
            configs: topic.configs,
            partitions: partitions.remove(&name).unwrap_or_default(),
            name,
        };
        let evidence = Evidence {
            name: &topic_facts.name,
            internal_to_brokers: topic.internal_to_brokers,
            compacted: topic_facts.compacted(),
            partitions: topic_facts.partitions.len(),
            keys: keys.get(&topic_facts.name),
        };
        topic_facts.internal = around.reason(&evidence);
        facts.insert(topic_facts.name.clone(), topic_facts);
    }
    Ok(ClusterSnapshot {
        cluster_id: identity.id,
        kafka_version: identity.release,
        brokers: identity.brokers,
        round_trip_us: identity.round_trip_us,
        topic_defaults: topic_defaults(client).await,
        topics: facts,
        groups,
        acls,
    })
}

/// How long topics keep their records that do not say so themselves, by the configuration of one broker;
/// empty where it may not be read.
async fn topic_defaults(client: &Client) -> BTreeMap<String, String> {
    let Some(broker) = client.brokers().into_iter().map(|broker| broker.id).min() else {
        return BTreeMap::new();
    };
    let resource = ConfigResource::Broker(broker);
    let described = client
        .admin()
        .describe_configs(std::slice::from_ref(&resource))
        .await;
    let Some(Ok(entries)) = described.into_values().next() else {
        return BTreeMap::new();
    };
    let number = |name: &str| -> Option<i64> {
        let entry = entries.iter().find(|entry| entry.name == name)?;
        entry.value.as_ref()?.parse().ok()
    };
    // The finest unit that is set counts.
    let unit = |name, ms: i64| number(name).map(|time| if time < 0 { -1 } else { time * ms });
    let retention_ms = unit("log.retention.ms", 1)
        .or_else(|| unit("log.retention.minutes", 60_000))
        .or_else(|| unit("log.retention.hours", 3_600_000));
    let defaults = [
        ("retention.ms", retention_ms),
        ("retention.bytes", number("log.retention.bytes")),
    ];
    defaults
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?.to_string())))
        .collect()
}

struct Identity {
    id: ferry_model::identity::ClusterId,
    release: String,
    brokers: Vec<BrokerFacts>,
    round_trip_us: Option<u64>,
}

/// How often the cluster is asked for the time of a round trip.
const ROUND_TRIPS: usize = 3;

/// The least time that a small request and its answer take, in microseconds.
async fn round_trip_us(client: &Client) -> Option<u64> {
    let mut least = None;
    for _ in 0..ROUND_TRIPS {
        let began = Instant::now();
        client.admin().describe_cluster().await.ok()?;
        let took = u64::try_from(began.elapsed().as_micros()).ok()?;
        least = Some(least.map_or(took, |least: u64| least.min(took)));
    }
    least
}

async fn identity<P: Fn(Progress) + Sync>(
    client: &Client,
    progress: &P,
) -> Result<Identity, DiscoverError> {
    let side = client.side();
    let unreadable = |source: KafkaError| DiscoverError::Part {
        side,
        part: Part::Cluster,
        source: Box::new(source),
    };
    let admin = client.admin();
    let cluster = admin.describe_cluster().await.map_err(unreadable)?;
    let release = admin.kafka_version().await.map_err(unreadable)?;
    let mut brokers = cluster.brokers;
    brokers.sort_by_key(|broker| broker.id);
    progress(Progress::Read {
        side,
        part: Part::Cluster,
        count: brokers.len(),
    });
    Ok(Identity {
        round_trip_us: round_trip_us(client).await,
        id: cluster.id.ok_or(DiscoverError::NoClusterId { side })?,
        release,
        brokers,
    })
}

async fn read_topics<P: Fn(Progress) + Sync>(
    client: &Client,
    progress: &P,
) -> Result<(topics::Topics, Partitions), DiscoverError> {
    let mut listed = topics::list(client, progress).await?;
    let described = listed.clone();
    let (configs, partitions) = join(
        topics::read_configs(client, &mut listed, progress),
        topics::read_partitions(client, &described, progress),
    )
    .await;
    configs?;
    let partitions = partitions?;
    // What was deleted meanwhile is left out of both.
    listed.retain(|name, _| partitions.contains_key(name));
    Ok((listed, partitions))
}

async fn read_acls<P: Fn(Progress) + Sync>(
    client: &Client,
    progress: &P,
) -> Result<AclFacts, DiscoverError> {
    let side = client.side();
    let acls = client.admin().describe_acls().await;
    let acls = acls.map_err(|source| DiscoverError::Part {
        side,
        part: Part::Acls,
        source: Box::new(source),
    })?;
    if acls == AclFacts::NotAllowed {
        let problem = Problem::new(
            codes::ACLS_UNKNOWN,
            format!("{side}: access control lists are not known"),
        )
        .cause("the principal lacks DESCRIBE on CLUSTER kafka-cluster")
        .next(format!(
            "grant DESCRIBE on CLUSTER kafka-cluster to the principal of the {side}"
        ));
        progress(Progress::Notice(problem));
    }
    progress(Progress::Read {
        side,
        part: Part::Acls,
        count: acls.bindings().len(),
    });
    Ok(acls)
}

/// Notes that something is not known, with the names that it is about.
pub(crate) fn notice<P: Fn(Progress), T: ToString>(progress: &P, problem: Problem, about: &[T]) {
    progress(Progress::Notice(names(problem, about)));
}
