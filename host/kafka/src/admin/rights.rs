//! What the principal may do, as the brokers tell it (KIP-430).

use super::Admin;
use crate::client::{answered, metadata_request};
use crate::error::{KafkaError, Subject};
use crate::error_code::ErrorCode;
use crate::patience::Repeat;
use crate::request::Request;
use ferry_model::acl::AclOperation;
use ferry_model::name::TopicName;
use kafka_protocol::messages::{DescribeClusterRequest, MetadataResponse};
use std::collections::BTreeMap;

/// What a broker answers where it tells no operations.
const NOT_TOLD: i32 = i32::MIN;

/// The operations on one resource that the principal may carry out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// One bit for each operation, at the place that its code on the wire names.
    bits: i32,
}

impl Rights {
    fn told(bits: i32) -> Option<Self> {
        (bits != NOT_TOLD).then_some(Self { bits })
    }

    /// Whether `operation` is allowed.
    #[must_use]
    pub fn allow(self, operation: AclOperation) -> bool {
        self.bits & (1 << operation.code()) != 0
    }

    /// Those of `operations` that are not allowed.
    #[must_use]
    pub fn missing(self, operations: &[AclOperation]) -> Vec<AclOperation> {
        let missing = operations
            .iter()
            .filter(|operation| !self.allow(**operation));
        missing.copied().collect()
    }
}

impl Admin {
    /// The rights on every topic that the principal may see; none where the brokers do not tell
    /// (before 2.3). Without an authorizer everything is allowed.
    ///
    /// # Errors
    /// [`KafkaError`] when no broker answers.
    pub async fn topic_rights(&self) -> Result<BTreeMap<TopicName, Option<Rights>>, KafkaError> {
        let request = metadata_request(&[])
            .with_topics(None)
            .with_include_topic_authorized_operations(true);
        let (_, response): (_, MetadataResponse) = self.client.metadata(&request).await?;
        let rights = response.topics.iter().filter_map(|topic| {
            let name = TopicName::parse(topic.name.as_ref()?.as_str()).ok()?;
            Some((name, Rights::told(topic.topic_authorized_operations)))
        });
        Ok(rights.collect())
    }

    /// The rights on the cluster itself; none where the brokers do not tell (before 2.8). Brokers
    /// tell nothing but zero to a principal that lacks DESCRIBE.
    ///
    /// # Errors
    /// [`KafkaError`] when no broker answers.
    pub async fn cluster_rights(&self) -> Result<Option<Rights>, KafkaError> {
        let request =
            DescribeClusterRequest::default().with_include_cluster_authorized_operations(true);
        let api = DescribeClusterRequest::API;
        self.client
            .retrying(api, Repeat::Safe, async || {
                let connection = self.client.any_connection().await?;
                if connection.version::<DescribeClusterRequest>().is_none() {
                    return Ok(None);
                }
                let response = connection.call(&request).await?;
                match ErrorCode(response.error_code) {
                    ErrorCode::NONE => Ok(Rights::told(response.cluster_authorized_operations)),
                    code => Err(answered::<DescribeClusterRequest>(
                        connection.peer(),
                        Some(Subject::Cluster),
                        code,
                        response.error_message.as_ref(),
                    )),
                }
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_at_the_places_that_the_protocol_names() {
        // READ 3, DESCRIBE 8, DESCRIBE_CONFIGS 10 (Kafka protocol, AclOperation).
        let rights = Rights::told((1 << 3) | (1 << 8)).expect("told");
        assert!(rights.allow(AclOperation::Read));
        assert!(!rights.allow(AclOperation::Write));
        assert_eq!(
            rights.missing(&[AclOperation::Describe, AclOperation::DescribeConfigs]),
            [AclOperation::DescribeConfigs]
        );
        assert_eq!(Rights::told(i32::MIN), None);
    }
}
