//! Topics: what there is, creating, deleting, adding partitions.

use super::{Admin, PerItem};
use crate::client::{answered, metadata_request, wire};
use crate::connection::Connection;
use crate::error::{KafkaError, Peer, Subject};
use crate::error_code::ErrorCode;
use crate::metadata::leader_of;
use crate::patience::Repeat;
use crate::request::Request;
use ferry_model::identity::{BrokerId, TopicId};
use ferry_model::name::{PartitionIndex, TopicName};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::metadata_response::{
    MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    self, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, MetadataRequest,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many topics are described by one request.
const DESCRIBED_PER_REQUEST: usize = 500;

/// How many topics one request changes.
const CHANGED_PER_REQUEST: usize = 100;

/// From this version on topics to delete are named one by one, by name or id (KIP-516).
const DELETE_STATES_FROM: i16 = 6;

/// A topic as the brokers describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: TopicName,
    /// Its id, where brokers have ids.
    pub id: Option<TopicId>,
    /// Whether the brokers call it internal.
    pub internal: bool,
    /// Its partitions, in order.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition as the brokers describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionDescription {
    /// Its number.
    pub partition: PartitionIndex,
    /// Its leader, where it has one.
    pub leader: Option<BrokerId>,
    /// The leader's epoch; -1 where brokers do not tell.
    pub leader_epoch: i32,
    /// Every broker that has or should have a replica; the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// Those in sync.
    pub in_sync_replicas: Vec<BrokerId>,
    /// Those offline.
    pub offline_replicas: Vec<BrokerId>,
}

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions; -1 for the broker's default.
    pub partitions: i32,
    /// How many replicas; -1 for the broker's default.
    pub replication_factor: i16,
    /// Its configuration, apart from defaults.
    pub configs: BTreeMap<String, String>,
}

/// Whether an operation is carried out, or only checked by the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Carried out.
    Apply,
    /// Checked: limits, names, policies and rights, without changing anything.
    ValidateOnly,
}

impl Mode {
    pub(super) fn validate_only(self) -> bool {
        self == Self::ValidateOnly
    }
}

impl Admin {
    /// Every topic that the principal may see, by name.
    ///
    /// # Errors
    /// [`KafkaError`] when no broker answers.
    pub async fn list_topics(&self) -> Result<Vec<TopicDescription>, KafkaError> {
        let request = metadata_request(&[]).with_topics(None);
        let (_, response) = self.client.metadata(&request).await?;
        let mut topics: Vec<_> = response.topics.iter().filter_map(description).collect();
        topics.sort_by(|one, two| one.name.cmp(&two.name));
        Ok(topics)
    }

    /// Describes `topics`. One that does not exist has the error `UNKNOWN_TOPIC_OR_PARTITION`.
    ///
    /// # Errors
    /// [`KafkaError`] when no broker answers.
    pub async fn describe_topics(
        &self,
        topics: &[TopicName],
    ) -> Result<PerItem<TopicName, TopicDescription>, KafkaError> {
        let mut found = BTreeMap::new();
        for chunk in topics.chunks(DESCRIBED_PER_REQUEST) {
            let names: Vec<&TopicName> = chunk.iter().collect();
            let (peer, response) = self.client.metadata(&metadata_request(&names)).await?;
            for topic in &response.topics {
                let Some(name) = name_of(topic.name.as_ref()) else {
                    continue;
                };
                let described = match topic.error_code {
                    0 => description(topic).ok_or_else(|| left_out(&peer, &name)),
                    code => {
                        let subject = Some(Subject::Topic(name.clone()));
                        Err(answered::<MetadataRequest>(
                            &peer,
                            subject,
                            ErrorCode(code),
                            None,
                        ))
                    }
                };
                found.insert(name, described);
            }
        }
        Ok(found)
    }

    /// Creates topics; the result is their ids, where brokers have ids.
    ///
    /// # Errors
    /// [`KafkaError`] when a request fails as a whole; topics of earlier requests are created then.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        mode: Mode,
    ) -> Result<PerItem<TopicName, Option<TopicId>>, KafkaError> {
        self.on_controller(
            topics,
            |topic| topic.name.clone(),
            async |connection, topics| {
                let request = CreateTopicsRequest::default()
                    .with_topics(topics.iter().map(|topic| creatable(topic)).collect())
                    .with_timeout_ms(self.timeout_ms())
                    .with_validate_only(mode.validate_only());
                let response = connection.call(&request).await?;
                let result = |topic: messages::create_topics_response::CreatableTopicResult| {
                    let name = name_of(Some(&topic.name))?;
                    let id = TopicId::known(topic.topic_id);
                    let message = topic.error_message.as_ref();
                    let code = ErrorCode(topic.error_code);
                    let result =
                        ok_or::<CreateTopicsRequest, _>(&connection, &name, code, message, id);
                    Some((name, result))
                };
                Ok(response.topics.into_iter().filter_map(result).collect())
            },
        )
        .await
    }

    /// Deletes topics, by name.
    ///
    /// # Errors
    /// [`KafkaError`] when a request fails as a whole; topics of earlier requests are gone then.
    pub async fn delete_topics(
        &self,
        topics: &[TopicName],
    ) -> Result<PerItem<TopicName, ()>, KafkaError> {
        self.on_controller(topics, Clone::clone, async |connection, topics| {
            let version = connection.negotiated::<DeleteTopicsRequest>()?;
            let request = DeleteTopicsRequest::default().with_timeout_ms(self.timeout_ms());
            let request = if version >= DELETE_STATES_FROM {
                let state = |name| DeleteTopicState::default().with_name(Some(wire(name)));
                request.with_topics(topics.iter().map(|name| state(name)).collect())
            } else {
                request.with_topic_names(topics.iter().map(|name| wire(name)).collect())
            };
            let response = connection.call(&request).await?;
            let result = |topic: messages::delete_topics_response::DeletableTopicResult| {
                let name = name_of(topic.name.as_ref())?;
                let message = topic.error_message.as_ref();
                let code = ErrorCode(topic.error_code);
                let result = ok_or::<DeleteTopicsRequest, _>(&connection, &name, code, message, ());
                Some((name, result))
            };
            Ok(response.responses.into_iter().filter_map(result).collect())
        })
        .await
    }

    /// Raises the number of partitions of topics to the given totals.
    ///
    /// # Errors
    /// [`KafkaError`] when a request fails as a whole.
    pub async fn create_partitions(
        &self,
        totals: &[(TopicName, i32)],
        mode: Mode,
    ) -> Result<PerItem<TopicName, ()>, KafkaError> {
        self.on_controller(
            totals,
            |(name, _)| name.clone(),
            async |connection, totals| {
                let topic = |(name, count): &(TopicName, i32)| {
                    let topic = CreatePartitionsTopic::default().with_name(wire(name));
                    topic.with_count(*count).with_assignments(None)
                };
                let request = CreatePartitionsRequest::default()
                    .with_topics(totals.iter().map(|total| topic(total)).collect())
                    .with_timeout_ms(self.timeout_ms())
                    .with_validate_only(mode.validate_only());
                let response = connection.call(&request).await?;
                let result =
                    |topic: messages::create_partitions_response::CreatePartitionsTopicResult| {
                        let name = name_of(Some(&topic.name))?;
                        let message = topic.error_message.as_ref();
                        let code = ErrorCode(topic.error_code);
                        let result = ok_or::<CreatePartitionsRequest, _>(
                            &connection,
                            &name,
                            code,
                            message,
                            (),
                        );
                        Some((name, result))
                    };
                Ok(response.results.into_iter().filter_map(result).collect())
            },
        )
        .await
    }

    /// How long the broker may take over a change, in milliseconds.
    pub(super) fn timeout_ms(&self) -> i32 {
        let timeout = self.client.settings().request_timeout;
        i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
    }

    /// Runs `attempt` on the controller about all of `items`, in chunks, and again about those
    /// that failed with something worth it.
    async fn on_controller<'i, I, T, Attempt>(
        &self,
        items: &'i [I],
        name: impl Fn(&I) -> TopicName,
        attempt: impl Fn(Connection, Vec<&'i I>) -> Attempt,
    ) -> Result<PerItem<TopicName, T>, KafkaError>
    where
        Attempt: Future<Output = Result<Vec<(TopicName, Result<T, KafkaError>)>, KafkaError>>,
    {
        let mut done = BTreeMap::new();
        for chunk in items.chunks(CHANGED_PER_REQUEST) {
            let mut open: Vec<&'i I> = chunk.iter().collect();
            let mut patience = self.client.patience(CreateTopicsRequest::API);
            while !open.is_empty() {
                let connection = self.client.controller_connection().await?;
                let mut last = None;
                for (topic, result) in attempt(connection, open.clone()).await? {
                    match result {
                        Err(error) if Repeat::Unsafe.allows(error.retry()) && !missing(&error) => {
                            last = Some(error);
                        }
                        result => {
                            open.retain(|item| name(item) != topic);
                            done.insert(topic, result);
                        }
                    }
                }
                let Some(error) = last else { break };
                if !patience.pause(&error).await {
                    let gave_up = |item: &I| (name(item), Err(patience.gave_up(error.clone())));
                    done.extend(open.into_iter().map(gave_up));
                    break;
                }
                self.client.refresh_brokers().await?;
            }
        }
        Ok(done)
    }
}

/// A topic that is not there is not there: asking the controller again gives the same answer.
fn missing(error: &KafkaError) -> bool {
    error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let config = |(key, value): (&String, &String)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_string(key.clone()))
            .with_value(Some(StrBytes::from_string(value.clone())))
    };
    CreatableTopic::default()
        .with_name(wire(&topic.name))
        .with_num_partitions(topic.partitions)
        .with_replication_factor(topic.replication_factor)
        .with_configs(topic.configs.iter().map(config).collect())
}

fn name_of(name: Option<&messages::TopicName>) -> Option<TopicName> {
    TopicName::parse(name?.to_string()).ok()
}

fn description(topic: &MetadataResponseTopic) -> Option<TopicDescription> {
    let mut partitions: Vec<_> = topic.partitions.iter().map(partition_description).collect();
    partitions.sort_by_key(|partition| partition.partition);
    Some(TopicDescription {
        name: name_of(topic.name.as_ref())?,
        id: TopicId::known(topic.topic_id),
        internal: topic.is_internal,
        partitions,
    })
}

fn partition_description(partition: &MetadataResponsePartition) -> PartitionDescription {
    let ids = |nodes: &[messages::BrokerId]| nodes.iter().map(|node| BrokerId(node.0)).collect();
    PartitionDescription {
        partition: partition.partition_index,
        leader: leader_of(partition),
        leader_epoch: partition.leader_epoch,
        replicas: ids(&partition.replica_nodes),
        in_sync_replicas: ids(&partition.isr_nodes),
        offline_replicas: ids(&partition.offline_replicas),
    }
}

fn left_out(peer: &Arc<Peer>, name: &TopicName) -> KafkaError {
    KafkaError::LeftOut {
        peer: Arc::clone(peer),
        api: MetadataRequest::API,
        subject: Subject::Topic(name.clone()),
    }
}

fn ok_or<R: Request, T>(
    connection: &Connection,
    name: &TopicName,
    code: ErrorCode,
    message: Option<&StrBytes>,
    value: T,
) -> Result<T, KafkaError> {
    if code.ok() {
        return Ok(value);
    }
    let subject = Some(Subject::Topic(name.clone()));
    Err(answered::<R>(connection.peer(), subject, code, message))
}
