//! ApiVersions, Metadata, FindCoordinator.

use super::code;
use crate::core::{Core, Topic};
use crate::versions::Release;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiVersionsResponse, BrokerId, FindCoordinatorRequest, FindCoordinatorResponse,
    MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

/// From this version on several keys are asked for at once.
const BATCHED_FROM: i16 = 4;

impl Core {
    pub(crate) fn api_versions(&self) -> ApiVersionsResponse {
        let keys = self.options.release.apis().map(|(key, least, greatest)| {
            ApiVersion::default()
                .with_api_key(key)
                .with_min_version(least)
                .with_max_version(greatest)
        });
        ApiVersionsResponse::default().with_api_keys(keys.collect())
    }

    pub(crate) fn metadata(&self, request: &MetadataRequest) -> MetadataResponse {
        let brokers = self.alive().into_iter().map(|broker| {
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(broker))
                .with_host(StrBytes::from_static_str("127.0.0.1"))
                .with_port(self.ports.get(&broker).copied().unwrap_or(0).into())
        });
        let topics: Vec<MetadataResponseTopic> = match &request.topics {
            Some(asked) => asked
                .iter()
                .filter_map(|topic| topic.name.as_ref())
                .map(|name| self.topic_metadata(name, self.topics.get(name.0.as_str())))
                .collect(),
            None => self
                .topics
                .iter()
                .map(|(name, topic)| {
                    let name = TopicName(StrBytes::from_string(name.clone()));
                    self.topic_metadata(&name, Some(topic))
                })
                .collect(),
        };
        MetadataResponse::default()
            .with_cluster_id(Some(StrBytes::from_string(self.options.cluster_id.clone())))
            .with_controller_id(BrokerId(self.coordinator_broker().unwrap_or(-1)))
            .with_brokers(brokers.collect())
            .with_topics(topics)
    }

    fn topic_metadata(&self, name: &TopicName, topic: Option<&Topic>) -> MetadataResponseTopic {
        let answer = MetadataResponseTopic::default().with_name(Some(name.clone()));
        if self.denied.contains(name.0.as_str()) {
            return answer.with_error_code(code::TOPIC_AUTHORIZATION_FAILED);
        }
        let Some(topic) = topic else {
            return answer
                .with_error_code(code::UNKNOWN_TOPIC_OR_PARTITION)
                .with_topic_id(Uuid::nil());
        };
        let partitions = topic
            .partitions
            .iter()
            .enumerate()
            .map(|(index, partition)| {
                let brokers = |list: Vec<i32>| list.into_iter().map(BrokerId).collect();
                // 4.x keeps the last one apart, who may lead again (KIP-966).
                let told = |broker: &i32| {
                    self.options.release < Release::V4_3 || !self.down.contains(broker)
                };
                let error = match partition.leader {
                    Some(_) => 0,
                    None => code::LEADER_NOT_AVAILABLE,
                };
                MetadataResponsePartition::default()
                    .with_error_code(error)
                    .with_partition_index(index as i32)
                    .with_leader_id(BrokerId(partition.leader.unwrap_or(-1)))
                    .with_leader_epoch(partition.epoch)
                    .with_replica_nodes(brokers(partition.replicas().collect()))
                    .with_offline_replicas(brokers(
                        partition
                            .replicas()
                            .filter(|broker| self.down.contains(broker))
                            .collect(),
                    ))
                    .with_isr_nodes(brokers(partition.in_sync().filter(told).collect()))
            });
        answer
            .with_topic_id(topic.id)
            .with_partitions(partitions.collect())
    }

    pub(crate) fn find_coordinator(
        &self,
        request: &FindCoordinatorRequest,
        version: i16,
        forced: Option<i16>,
    ) -> FindCoordinatorResponse {
        let found = match (forced, self.coordinator_broker()) {
            (Some(code), _) => Err(code),
            (None, Some(broker)) => Ok(broker),
            (None, None) => Err(code::COORDINATOR_NOT_AVAILABLE),
        };
        let error = found.err().unwrap_or(0);
        let broker = BrokerId(found.unwrap_or(-1));
        let port = self.ports.get(&broker.0).copied().unwrap_or(0).into();
        let host = StrBytes::from_static_str("127.0.0.1");
        if version < BATCHED_FROM {
            return FindCoordinatorResponse::default()
                .with_error_code(error)
                .with_node_id(broker)
                .with_host(host)
                .with_port(port);
        }
        let coordinators = request.coordinator_keys.iter().map(|key| {
            Coordinator::default()
                .with_key(key.clone())
                .with_error_code(error)
                .with_node_id(broker)
                .with_host(host.clone())
                .with_port(port)
        });
        FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
    }
}
