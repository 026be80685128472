//! What is known of the cluster: its brokers, and who leads which partition.

use ferry_model::identity::{BrokerId, ClusterId, TopicId};
use ferry_model::name::{PartitionIndex, TopicName, TopicPartition};
use ferry_model::snapshot::BrokerFacts;
use kafka_protocol::messages::MetadataResponse;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::Instant;

/// Who leads a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leader {
    /// The broker.
    pub broker: BrokerId,
    /// The epoch of its office; -1 where brokers do not tell.
    pub epoch: i32,
}

/// What is known, shared by everything that belongs to one client.
#[derive(Debug, Default)]
pub(crate) struct MetadataCache {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    cluster_id: Option<ClusterId>,
    controller: Option<BrokerId>,
    brokers: BTreeMap<BrokerId, BrokerFacts>,
    topics: HashMap<TopicName, Topic>,
}

#[derive(Debug)]
struct Topic {
    id: Option<TopicId>,
    leaders: HashMap<PartitionIndex, Entry>,
    read_at: Instant,
}

/// The leader, or none while there is no known one; the epoch stays, so that older news is told
/// from newer.
#[derive(Debug, Clone, Copy)]
struct Entry {
    broker: Option<BrokerId>,
    epoch: i32,
}

impl MetadataCache {
    pub(crate) fn cluster_id(&self) -> Option<ClusterId> {
        self.read().cluster_id.clone()
    }

    pub(crate) fn controller(&self) -> Option<BrokerId> {
        self.read().controller
    }

    pub(crate) fn brokers(&self) -> Vec<BrokerFacts> {
        self.read().brokers.values().cloned().collect()
    }

    pub(crate) fn broker(&self, id: BrokerId) -> Option<BrokerFacts> {
        self.read().brokers.get(&id).cloned()
    }

    pub(crate) fn topic_id(&self, topic: &TopicName) -> Option<TopicId> {
        self.read().topics.get(topic)?.id
    }

    /// Whether the last answer about the topic held the partition, with or without a leader.
    pub(crate) fn knows(&self, partition: &TopicPartition) -> bool {
        let state = self.read();
        let topic = state.topics.get(&partition.topic);
        topic.is_some_and(|topic| topic.leaders.contains_key(&partition.partition))
    }

    pub(crate) fn leader(&self, partition: &TopicPartition) -> Option<Leader> {
        let state = self.read();
        let entry = state
            .topics
            .get(&partition.topic)?
            .leaders
            .get(&partition.partition)?;
        Some(Leader {
            broker: entry.broker?,
            epoch: entry.epoch,
        })
    }

    /// Forgets the leader until the next refresh, but not how new the news was.
    pub(crate) fn forget_leader(&self, partition: &TopicPartition) {
        let mut state = self.write();
        let topic = state.topics.get_mut(&partition.topic);
        if let Some(entry) = topic.and_then(|topic| topic.leaders.get_mut(&partition.partition)) {
            entry.broker = None;
        }
    }

    /// Takes over a leader that an answer named (KIP-951), if it is newer.
    pub(crate) fn note_leader(&self, partition: &TopicPartition, leader: Leader) {
        let mut state = self.write();
        if !state.brokers.contains_key(&leader.broker) {
            return;
        }
        if let Some(topic) = state.topics.get_mut(&partition.topic) {
            topic.note(partition.partition, leader.epoch, Some(leader.broker));
        }
    }

    /// Those of `topics` that were not read since `moment`.
    pub(crate) fn older_than<'a>(
        &self,
        topics: &'a [TopicName],
        moment: Instant,
    ) -> Vec<&'a TopicName> {
        let state = self.read();
        let fresh = |topic| {
            state
                .topics
                .get(topic)
                .is_some_and(|known| known.read_at >= moment)
        };
        topics.iter().filter(|topic| !fresh(*topic)).collect()
    }

    /// Takes over an answer. Topics that the brokers no longer know are forgotten.
    pub(crate) fn apply(&self, response: &MetadataResponse) {
        let mut state = self.write();
        state.cluster_id = response
            .cluster_id
            .as_ref()
            .map(|id| ClusterId(id.to_string()));
        state.controller =
            (response.controller_id.0 >= 0).then_some(BrokerId(response.controller_id.0));
        if !response.brokers.is_empty() {
            let brokers = response.brokers.iter().map(broker_facts);
            state.brokers = brokers.map(|broker| (broker.id, broker)).collect();
        }
        for topic in &response.topics {
            state.apply_topic(topic);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply_topic(&mut self, answer: &MetadataResponseTopic) {
        let Some(name) = answer
            .name
            .as_ref()
            .and_then(|name| TopicName::parse(name.to_string()).ok())
        else {
            return;
        };
        let unknown = answer.partitions.is_empty() && answer.error_code != 0;
        if unknown {
            self.topics.remove(&name);
            return;
        }
        let id = TopicId::known(answer.topic_id);
        let read_at = Instant::now();
        let topic = self.topics.entry(name).or_insert_with(|| Topic {
            id,
            leaders: HashMap::new(),
            read_at,
        });
        // Another id is another topic: nothing that was known holds.
        if topic.id != id {
            topic.id = id;
            topic.leaders.clear();
        }
        topic.read_at = read_at;
        for partition in &answer.partitions {
            let leader = leader_of(partition);
            topic.note(partition.partition_index, partition.leader_epoch, leader);
        }
    }
}

impl Topic {
    /// A broker that lags behind may answer with an older leader: its news is left out (KIP-320).
    fn note(&mut self, partition: PartitionIndex, epoch: i32, broker: Option<BrokerId>) {
        let entry = self
            .leaders
            .entry(partition)
            .or_insert(Entry { broker, epoch });
        if epoch < 0 || epoch >= entry.epoch {
            *entry = Entry { broker, epoch };
        }
    }
}

/// The leader of a partition, where it has one.
pub(crate) fn leader_of(partition: &MetadataResponsePartition) -> Option<BrokerId> {
    (partition.leader_id.0 >= 0).then_some(BrokerId(partition.leader_id.0))
}

/// A broker of the answer in the words of the model.
fn broker_facts(broker: &MetadataResponseBroker) -> BrokerFacts {
    BrokerFacts {
        id: BrokerId(broker.node_id.0),
        host: broker.host.to_string(),
        port: u16::try_from(broker.port).unwrap_or(0),
        rack: broker.rack.as_ref().map(ToString::to_string),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::{BrokerId as WireBroker, TopicName as WireTopic};
    use kafka_protocol::protocol::StrBytes;
    use uuid::Uuid;

    fn answer(id: u128, leader: i32, epoch: i32) -> MetadataResponse {
        let partition = MetadataResponsePartition::default()
            .with_leader_id(WireBroker(leader))
            .with_leader_epoch(epoch);
        let topic = MetadataResponseTopic::default()
            .with_name(Some(WireTopic(StrBytes::from_static_str("orders"))))
            .with_topic_id(Uuid::from_u128(id))
            .with_partitions(vec![partition]);
        let broker = |id| MetadataResponseBroker::default().with_node_id(WireBroker(id));
        MetadataResponse::default()
            .with_brokers(vec![broker(1), broker(2)])
            .with_topics(vec![topic])
    }

    fn partition() -> TopicPartition {
        TopicPartition::new(TopicName::parse("orders").expect("legal"), 0)
    }

    #[test]
    fn older_news_of_a_leader_does_not_replace_newer() {
        let cache = MetadataCache::default();
        cache.apply(&answer(7, 1, 5));
        cache.apply(&answer(7, 2, 4));
        assert_eq!(
            cache.leader(&partition()),
            Some(Leader {
                broker: BrokerId(1),
                epoch: 5
            })
        );
        cache.note_leader(
            &partition(),
            Leader {
                broker: BrokerId(2),
                epoch: 6,
            },
        );
        assert_eq!(
            cache.leader(&partition()),
            Some(Leader {
                broker: BrokerId(2),
                epoch: 6
            })
        );
        cache.note_leader(
            &partition(),
            Leader {
                broker: BrokerId(9),
                epoch: 7,
            },
        );
        assert_eq!(
            cache.leader(&partition()).map(|leader| leader.broker),
            Some(BrokerId(2)),
            "a broker without a known address is no leader yet"
        );
    }

    #[test]
    fn a_forgotten_leader_comes_back_only_with_news_that_is_not_older() {
        let cache = MetadataCache::default();
        cache.apply(&answer(7, 1, 5));
        cache.forget_leader(&partition());
        assert_eq!(cache.leader(&partition()), None);
        cache.apply(&answer(7, 2, 4));
        assert_eq!(cache.leader(&partition()), None);
        cache.apply(&answer(7, 1, 5));
        assert_eq!(
            cache.leader(&partition()),
            Some(Leader {
                broker: BrokerId(1),
                epoch: 5
            })
        );
    }

    #[test]
    fn a_topic_with_another_id_is_another_topic() {
        let cache = MetadataCache::default();
        cache.apply(&answer(7, 1, 5));
        cache.apply(&answer(8, 2, 0));
        assert_eq!(
            cache.leader(&partition()),
            Some(Leader {
                broker: BrokerId(2),
                epoch: 0
            })
        );
    }

    #[test]
    fn a_topic_that_the_brokers_do_not_know_is_forgotten() {
        let cache = MetadataCache::default();
        cache.apply(&answer(7, 1, 5));
        let mut gone = answer(0, 1, 5);
        gone.topics[0].error_code = 3;
        gone.topics[0].partitions.clear();
        cache.apply(&gone);
        assert_eq!(cache.leader(&partition()), None);
    }
}
