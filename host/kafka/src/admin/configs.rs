//! Configuration of topics and brokers.

use super::topics::Mode;
use super::{Admin, PerItem, side_by_side};
use crate::client::answered;
use crate::connection::Connection;
use crate::error::{KafkaError, Subject};
use crate::error_code::ErrorCode;
use crate::patience::Repeat;
use crate::pool::Lane;
use crate::request::Request;
use ferry_model::identity::BrokerId;
use ferry_model::name::TopicName;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;

/// How many resources one request is about.
const RESOURCES_PER_REQUEST: usize = 200;

/// What has a configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigResource {
    /// A topic.
    Topic(TopicName),
    /// A broker.
    Broker(BrokerId),
}

impl ConfigResource {
    fn code(&self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) => 4,
        }
    }

    fn name(&self) -> StrBytes {
        StrBytes::from_string(match self {
            Self::Topic(name) => name.to_string(),
            Self::Broker(id) => id.to_string(),
        })
    }

    fn read(code: i8, name: &str) -> Option<Self> {
        match code {
            2 => TopicName::parse(name).ok().map(Self::Topic),
            4 => name.parse().ok().map(|id| Self::Broker(BrokerId(id))),
            _ => None,
        }
    }

    fn subject(&self) -> Subject {
        match self {
            Self::Topic(name) => Subject::Topic(name.clone()),
            Self::Broker(id) => Subject::Other(format!("configuration of broker {id}")),
        }
    }
}

/// Where the value of a configuration comes from
/// (Apache Kafka, `DescribeConfigsResponse.ConfigSource`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on the topic itself.
    Topic,
    /// Set on the broker at run time.
    DynamicBroker,
    /// Set for all brokers at run time.
    DynamicDefaultBroker,
    /// In the broker's properties file.
    StaticBroker,
    /// Nobody set it.
    Default,
    /// Another source, by its code.
    Other(i8),
}

impl ConfigSource {
    fn from_code(code: i8) -> Self {
        match code {
            1 => Self::Topic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefaultBroker,
            4 => Self::StaticBroker,
            5 => Self::Default,
            other => Self::Other(other),
        }
    }
}

/// One configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; brokers never tell that of a sensitive one.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether the value is a secret.
    pub sensitive: bool,
    /// Whether it can't be changed at run time.
    pub read_only: bool,
}

/// A change of one configuration (KIP-339).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// Sets it.
    Set {
        /// Its name.
        name: String,
        /// The new value.
        value: String,
    },
    /// Goes back to the default.
    Delete {
        /// Its name.
        name: String,
    },
}

impl ConfigChange {
    fn wire(&self) -> AlterableConfig {
        let text = |text: &String| StrBytes::from_string(text.clone());
        match self {
            Self::Set { name, value } => AlterableConfig::default()
                .with_name(text(name))
                .with_config_operation(0)
                .with_value(Some(text(value))),
            Self::Delete { name } => AlterableConfig::default()
                .with_name(text(name))
                .with_config_operation(1)
                .with_value(None),
        }
    }
}

impl Admin {
    /// Every configuration of each resource, with its source. Brokers are asked about themselves.
    pub async fn describe_configs(
        &self,
        resources: &[ConfigResource],
    ) -> PerItem<ConfigResource, Vec<ConfigEntry>> {
        let parts = parts(resources.iter().cloned());
        let described = parts.into_iter().map(async |part| {
            let result = self
                .client
                .retrying(DescribeConfigsRequest::API, Repeat::Safe, async || {
                    let connection = self.connection_for(&part).await?;
                    describe(&connection, &part).await
                })
                .await;
            spread(part, result)
        });
        side_by_side(described.collect())
            .await
            .into_iter()
            .flatten()
            .collect()
    }

    /// Changes configurations; what is not named stays as it is.
    pub async fn alter_configs(
        &self,
        changes: &BTreeMap<ConfigResource, Vec<ConfigChange>>,
        mode: Mode,
    ) -> PerItem<ConfigResource, ()> {
        let parts = parts(changes.keys().cloned());
        let altered = parts.into_iter().map(async |part| {
            let result = self
                .client
                .retrying(
                    IncrementalAlterConfigsRequest::API,
                    Repeat::Safe,
                    async || {
                        let connection = self.connection_for(&part).await?;
                        alter(&connection, &part, changes, mode).await
                    },
                )
                .await;
            spread(part, result)
        });
        side_by_side(altered.collect())
            .await
            .into_iter()
            .flatten()
            .collect()
    }

    /// Brokers know their own configuration; about topics the controller is asked, because in
    /// clusters with ZooKeeper only it may change them.
    async fn connection_for(&self, part: &[ConfigResource]) -> Result<Connection, KafkaError> {
        match part.first() {
            Some(ConfigResource::Broker(id)) => self.client.connection(*id, Lane::Admin).await,
            _ => self.client.controller_connection().await,
        }
    }
}

/// Resources that one broker can be asked about in one request.
fn parts(resources: impl Iterator<Item = ConfigResource>) -> Vec<Vec<ConfigResource>> {
    let (topics, brokers): (Vec<_>, Vec<_>) =
        resources.partition(|resource| matches!(resource, ConfigResource::Topic(_)));
    let topics = topics.chunks(RESOURCES_PER_REQUEST).map(<[_]>::to_vec);
    topics
        .chain(brokers.into_iter().map(|broker| vec![broker]))
        .collect()
}

/// The results of one request, with an entry for everything that was asked.
fn spread<T>(
    part: Vec<ConfigResource>,
    result: Result<PerItem<ConfigResource, T>, KafkaError>,
) -> PerItem<ConfigResource, T> {
    match result {
        Ok(results) => results,
        Err(error) => part
            .into_iter()
            .map(|resource| (resource, Err(error.clone())))
            .collect(),
    }
}

/// Fills in what an answer left out.
fn complete<R: Request, T>(
    connection: &Connection,
    part: &[ConfigResource],
    mut results: PerItem<ConfigResource, T>,
) -> PerItem<ConfigResource, T> {
    for resource in part {
        results.entry(resource.clone()).or_insert_with(|| {
            Err(KafkaError::LeftOut {
                peer: connection.peer().clone(),
                api: R::API,
                subject: resource.subject(),
            })
        });
    }
    results
}

async fn describe(
    connection: &Connection,
    part: &[ConfigResource],
) -> Result<PerItem<ConfigResource, Vec<ConfigEntry>>, KafkaError> {
    let resource = |resource: &ConfigResource| {
        DescribeConfigsResource::default()
            .with_resource_type(resource.code())
            .with_resource_name(resource.name())
            .with_configuration_keys(None)
    };
    let request =
        DescribeConfigsRequest::default().with_resources(part.iter().map(resource).collect());
    let response = connection.call(&request).await?;
    let mut results = BTreeMap::new();
    for result in response.results {
        let Some(resource) = ConfigResource::read(result.resource_type, &result.resource_name)
        else {
            continue;
        };
        let described = match result.error_code {
            0 => Ok(result.configs.iter().map(entry).collect()),
            code => {
                let (subject, message) = (Some(resource.subject()), result.error_message.as_ref());
                let code = ErrorCode(code);
                Err(answered::<DescribeConfigsRequest>(
                    connection.peer(),
                    subject,
                    code,
                    message,
                ))
            }
        };
        results.insert(resource, described);
    }
    Ok(complete::<DescribeConfigsRequest, _>(
        connection, part, results,
    ))
}

fn entry(config: &DescribeConfigsResourceResult) -> ConfigEntry {
    ConfigEntry {
        name: config.name.to_string(),
        value: config
            .value
            .as_ref()
            .filter(|_| !config.is_sensitive)
            .map(ToString::to_string),
        source: ConfigSource::from_code(config.config_source),
        sensitive: config.is_sensitive,
        read_only: config.read_only,
    }
}

async fn alter(
    connection: &Connection,
    part: &[ConfigResource],
    changes: &BTreeMap<ConfigResource, Vec<ConfigChange>>,
    mode: Mode,
) -> Result<PerItem<ConfigResource, ()>, KafkaError> {
    let resource = |resource: &ConfigResource| {
        let changes = changes.get(resource).into_iter().flatten();
        AlterConfigsResource::default()
            .with_resource_type(resource.code())
            .with_resource_name(resource.name())
            .with_configs(changes.map(ConfigChange::wire).collect())
    };
    let request = IncrementalAlterConfigsRequest::default()
        .with_resources(part.iter().map(resource).collect())
        .with_validate_only(mode.validate_only());
    let response = connection.call(&request).await?;
    let mut results = BTreeMap::new();
    for result in response.responses {
        let Some(resource) = ConfigResource::read(result.resource_type, &result.resource_name)
        else {
            continue;
        };
        let altered = match result.error_code {
            0 => Ok(()),
            code => Err(answered::<IncrementalAlterConfigsRequest>(
                connection.peer(),
                Some(resource.subject()),
                ErrorCode(code),
                result.error_message.as_ref(),
            )),
        };
        results.insert(resource, altered);
    }
    Ok(complete::<IncrementalAlterConfigsRequest, _>(
        connection, part, results,
    ))
}
