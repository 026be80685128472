//! Metadata.

use super::{Answer, ErrorCode, Log};
use crate::cluster::Cluster;
use ferry_kafka::Connection;
use kafka_protocol::messages::MetadataRequest;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;

/// What metadata say of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The error code of the partition.
    pub code: ErrorCode,
    /// The leader, -1 without one.
    pub leader: i32,
    /// The leader's epoch.
    pub leader_epoch: i32,
    /// The replicas in ascending order.
    pub replicas: Vec<i32>,
    /// The replicas that are in sync, in ascending order.
    pub in_sync: Vec<i32>,
}

impl Cluster {
    /// The names of these topics with the number of their partitions, in the order of their names; of
    /// all topics where none are named.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn topics(&self, names: Option<&[&str]>) -> Vec<(String, usize)> {
        let named =
            |name: &&str| MetadataRequestTopic::default().with_name(Some(super::text(name).into()));
        let request = MetadataRequest::default()
            .with_topics(names.map(|names| names.iter().map(named).collect()))
            .with_allow_auto_topic_creation(false);
        let connection = self.any_connection().await;
        let response = connection.call(&request).await.expect("is answered");
        let told = response.topics.iter().map(|topic| {
            let name = topic.name.as_ref().map(|name| name.0.to_string());
            (name.unwrap_or_default(), topic.partitions.len())
        });
        let mut told: Vec<(String, usize)> = told.collect();
        told.sort();
        told
    }
}

impl Log<'_> {
    /// What some broker says of this partition, without having the topic made. That there is no leader
    /// is said in [`Described::code`].
    ///
    /// # Errors
    /// The error code of the topic.
    pub async fn metadata(&self) -> Answer<Described> {
        let connection = self.cluster.any_connection().await;
        self.metadata_at(&connection).await
    }

    /// As [`Log::metadata`], on this connection.
    ///
    /// # Errors
    /// The error code of the topic.
    ///
    /// # Panics
    /// When nobody answers.
    pub(crate) async fn metadata_at(&self, connection: &Connection) -> Answer<Described> {
        let topic = MetadataRequestTopic::default().with_name(Some(self.topic()));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![topic]))
            .with_allow_auto_topic_creation(false);
        let response = connection.call(&request).await.expect("is answered");
        let told = &response.topics[0];
        super::answer(told.error_code, ())?;
        let mut partitions = told.partitions.iter();
        let told = partitions
            .find(|partition| partition.partition_index == self.index())
            .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        let sorted = |brokers: &[kafka_protocol::messages::BrokerId]| {
            let mut brokers: Vec<i32> = brokers.iter().map(|broker| broker.0).collect();
            brokers.sort_unstable();
            brokers
        };
        Ok(Described {
            code: ErrorCode(told.error_code),
            leader: told.leader_id.0,
            leader_epoch: told.leader_epoch,
            replicas: sorted(&told.replica_nodes),
            in_sync: sorted(&told.isr_nodes),
        })
    }
}
