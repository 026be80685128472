//! How large the replicas are on disk.

use super::{Admin, side_by_side};
use crate::client::answered;
use crate::connection::Connection;
use crate::error::{KafkaError, Subject};
use crate::error_code::ErrorCode;
use crate::patience::Repeat;
use crate::pool::Lane;
use crate::request::Request;
use ferry_model::identity::BrokerId;
use ferry_model::name::{TopicName, TopicPartition};
use kafka_protocol::messages::DescribeLogDirsRequest;
use kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsResult;
use std::collections::BTreeMap;

/// A folder of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDir {
    /// Where it is.
    pub path: String,
    /// Bytes of its disk, where told (KIP-827).
    pub total_bytes: Option<u64>,
    /// Bytes that are free, where told.
    pub usable_bytes: Option<u64>,
    /// The replicas in it.
    pub replicas: Vec<ReplicaSize>,
}

/// A replica on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaSize {
    /// Of which partition.
    pub partition: TopicPartition,
    /// How large it is.
    pub size_bytes: u64,
    /// Whether it is on its way into this folder from another.
    pub future: bool,
}

impl Admin {
    /// The folders of every broker.
    pub async fn log_dirs(&self) -> BTreeMap<BrokerId, Result<Vec<LogDir>, KafkaError>> {
        let asked = self.client.brokers().into_iter().map(async |broker| {
            let dirs = self
                .client
                .retrying(DescribeLogDirsRequest::API, Repeat::Safe, async || {
                    let connection = self.client.connection(broker.id, Lane::Admin).await?;
                    describe(&connection).await
                })
                .await;
            (broker.id, dirs)
        });
        side_by_side(asked.collect()).await.into_iter().collect()
    }

    /// The size of the largest replica of each partition, in bytes.
    ///
    /// # Errors
    /// [`KafkaError`] of the first broker that does not tell, as where the principal lacks DESCRIBE
    /// on the cluster.
    pub async fn partition_sizes(&self) -> Result<BTreeMap<TopicPartition, u64>, KafkaError> {
        let mut sizes: BTreeMap<TopicPartition, u64> = BTreeMap::new();
        for dirs in self.log_dirs().await.into_values() {
            let replicas = dirs?.into_iter().flat_map(|dir| dir.replicas);
            for replica in replicas.filter(|replica| !replica.future) {
                let size = sizes.entry(replica.partition).or_default();
                *size = (*size).max(replica.size_bytes);
            }
        }
        Ok(sizes)
    }
}

async fn describe(connection: &Connection) -> Result<Vec<LogDir>, KafkaError> {
    let refused = |subject, code| {
        answered::<DescribeLogDirsRequest>(connection.peer(), Some(subject), ErrorCode(code), None)
    };
    let request = DescribeLogDirsRequest::default().with_topics(None);
    let response = connection.call(&request).await?;
    if response.error_code != 0 {
        return Err(refused(Subject::Cluster, response.error_code));
    }
    // Brokers before 3.2 tell a principal without rights nothing at all.
    if response.results.is_empty() {
        return Err(refused(
            Subject::Cluster,
            ErrorCode::CLUSTER_AUTHORIZATION_FAILED.0,
        ));
    }
    let mut dirs = Vec::new();
    for result in &response.results {
        if result.error_code != 0 {
            let subject = Subject::Other(format!("log folder {}", result.log_dir));
            return Err(refused(subject, result.error_code));
        }
        dirs.push(log_dir(result));
    }
    Ok(dirs)
}

fn log_dir(result: &DescribeLogDirsResult) -> LogDir {
    let replicas = result.topics.iter().flat_map(|topic| {
        let name = TopicName::parse(topic.name.to_string()).ok();
        topic.partitions.iter().filter_map(move |replica| {
            Some(ReplicaSize {
                partition: TopicPartition::new(name.clone()?, replica.partition_index),
                size_bytes: u64::try_from(replica.partition_size).unwrap_or(0),
                future: replica.is_future_key,
            })
        })
    });
    LogDir {
        path: result.log_dir.to_string(),
        total_bytes: u64::try_from(result.total_bytes).ok(),
        usable_bytes: u64::try_from(result.usable_bytes).ok(),
        replicas: replicas.collect(),
    }
}
