//! CreateTopics, DeleteTopics.

use super::{Answer, ErrorCode, Log};
use crate::cluster::Cluster;
use ferry_kafka::{Connection, Lane};
use ferry_model::identity::BrokerId as KnownBroker;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{BrokerId, CreateTopicsRequest, DeleteTopicsRequest};

/// How long brokers may wait for each other, in milliseconds.
const TIMEOUT_MS: i32 = 10_000;

impl Cluster {
    /// Asks once for a topic whose partitions are replicated on every broker and led by the first.
    ///
    /// # Errors
    /// The error code of the topic.
    pub async fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Answer<()> {
        let brokers: Vec<i32> = (1..=self.brokers().count()).collect();
        let places: Vec<&[i32]> = (0..partitions).map(|_| &brokers[..]).collect();
        self.create_topic_at(name, &places, configs).await
    }

    /// Asks once for a topic with these replicas of each partition.
    ///
    /// # Errors
    /// The error code of the topic.
    pub async fn create_topic_at(
        &self,
        name: &str,
        places: &[&[i32]],
        configs: &[(&str, &str)],
    ) -> Answer<()> {
        let assignments = (0..).zip(places).map(|(index, brokers)| {
            CreatableReplicaAssignment::default()
                .with_partition_index(index)
                .with_broker_ids(brokers.iter().copied().map(BrokerId).collect())
        });
        let configs = configs.iter().map(|(key, value)| {
            CreatableTopicConfig::default()
                .with_name(super::text(key))
                .with_value(Some(super::text(value)))
        });
        let topic = CreatableTopic::default()
            .with_name(super::text(name).into())
            .with_num_partitions(-1)
            .with_replication_factor(-1)
            .with_assignments(assignments.collect())
            .with_configs(configs.collect());
        self.create(topic).await
    }

    /// Asks once for a topic with so many partitions and replicas, -1 for what is usual; where they
    /// are is left to the brokers.
    ///
    /// # Errors
    /// The error code of the topic.
    pub async fn create_topic_anywhere(
        &self,
        name: &str,
        partitions: i32,
        replicas: i16,
    ) -> Answer<()> {
        let topic = CreatableTopic::default()
            .with_name(super::text(name).into())
            .with_num_partitions(partitions)
            .with_replication_factor(replicas);
        self.create(topic).await
    }

    async fn create(&self, topic: CreatableTopic) -> Answer<()> {
        let request = CreateTopicsRequest::default()
            .with_timeout_ms(TIMEOUT_MS)
            .with_topics(vec![topic]);
        let connection = self.controller().await;
        let response = connection.call(&request).await.expect("is answered");
        super::answer(response.topics[0].error_code, ())
    }

    /// Asks once to delete a topic.
    ///
    /// # Errors
    /// The error code of the topic.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn delete_once(&self, name: &str) -> Answer<()> {
        let connection = self.controller().await;
        let request = DeleteTopicsRequest::default().with_timeout_ms(TIMEOUT_MS);
        // From version 6 on topics are named by name or id.
        let request = match connection.version::<DeleteTopicsRequest>() {
            Some(..=5) => request.with_topic_names(vec![super::text(name).into()]),
            _ => {
                let topic = DeleteTopicState::default().with_name(Some(super::text(name).into()));
                request.with_topics(vec![topic])
            }
        };
        let response = connection.call(&request).await.expect("is answered");
        super::answer(response.responses[0].error_code, ())
    }

    /// Deletes a topic, and waits until brokers do not know it.
    ///
    /// # Panics
    /// When it is not deleted.
    pub async fn delete_topic(&self, log: &Log<'_>) {
        let deleted = self.delete_once(log.place().topic.as_str()).await;
        assert_eq!(deleted, Ok(()));
        let gone = async || match log.metadata().await {
            Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => Some(()),
            _ => None,
        };
        self.eventually("the topic is gone", gone).await;
    }

    async fn controller(&self) -> Connection {
        match self.client().controller() {
            Some(KnownBroker(..=0)) | None => self.any_connection().await,
            Some(broker) => self.connection(broker, Lane::Admin).await,
        }
    }
}
