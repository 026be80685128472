//! One partition of a topic, as behaviours hold it.

use crate::cluster::Cluster;
use ferry_kafka::{Connection, Lane, Leader};
use ferry_model::identity::BrokerId;
use ferry_model::name::TopicPartition;
use kafka_protocol::messages::TopicName as WireTopic;
use uuid::Uuid;

/// One partition's log.
#[derive(Debug, Clone)]
pub struct Log<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) place: TopicPartition,
    /// The topic's id; nil where brokers have none.
    pub(crate) topic_id: Uuid,
}

impl<'a> Log<'a> {
    /// The topic and the partition.
    #[must_use]
    pub fn place(&self) -> &TopicPartition {
        &self.place
    }

    /// Another partition of the topic.
    #[must_use]
    pub fn sibling(&self, index: i32) -> Log<'a> {
        Log {
            place: TopicPartition::new(self.place.topic.clone(), index),
            ..self.clone()
        }
    }

    /// Its leader and the leader's epoch, asked for now, as soon as it has one.
    pub async fn leader(&self) -> Leader {
        let client = self.cluster.client();
        let topics = std::slice::from_ref(&self.place.topic);
        let led = async || {
            client.refresh(topics).await.ok()?;
            client.leader(&self.place)
        };
        self.cluster.eventually("a leader", led).await
    }

    /// A connection to `broker`, or to the leader that is known.
    pub(crate) async fn connection(&self, broker: Option<i32>, lane: Lane) -> Connection {
        let broker = match (broker, self.cluster.client().leader(&self.place)) {
            (Some(broker), _) => BrokerId(broker),
            (None, Some(leader)) => leader.broker,
            (None, None) => self.leader().await.broker,
        };
        self.cluster.connection(broker, lane).await
    }

    /// The topic's name, as messages hold it.
    pub(crate) fn topic(&self) -> WireTopic {
        WireTopic(super::text(self.place.topic.as_str()))
    }

    pub(crate) fn index(&self) -> i32 {
        self.place.partition
    }
}
