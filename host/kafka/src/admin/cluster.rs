//! The cluster as a whole.

use super::{Admin, side_by_side};
use crate::api_versions::{self, BrokerVersions};
use crate::error::KafkaError;
use crate::pool::Lane;
use ferry_model::identity::{BrokerId, ClusterId};
use ferry_model::snapshot::BrokerFacts;
use std::collections::BTreeMap;

/// The cluster as its brokers describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDescription {
    /// Its id, where brokers tell it.
    pub id: Option<ClusterId>,
    /// The controller; in clusters without ZooKeeper any broker that passes requests on.
    pub controller: Option<BrokerId>,
    /// Its brokers, by id.
    pub brokers: Vec<BrokerFacts>,
}

impl Admin {
    /// Id, controller and brokers, read anew.
    ///
    /// # Errors
    /// [`KafkaError`] when no broker answers.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, KafkaError> {
        self.client.refresh_brokers().await?;
        Ok(ClusterDescription {
            id: self.client.cluster_id(),
            controller: self.client.controller(),
            brokers: self.client.brokers(),
        })
    }

    /// The API versions of every broker: those of a cluster in mid-upgrade differ.
    pub async fn broker_versions(&self) -> BTreeMap<BrokerId, Result<BrokerVersions, KafkaError>> {
        let asked = self.client.brokers().into_iter().map(async |broker| {
            let connection = self.client.connection(broker.id, Lane::Admin).await;
            let versions = connection
                .map(|connection| connection.broker_versions().cloned().unwrap_or_default());
            (broker.id, versions)
        });
        side_by_side(asked.collect()).await.into_iter().collect()
    }

    /// The release of Apache Kafka that the brokers' API versions point to, as `4.3`, or
    /// `3.9 to 4.3` for a cluster in mid-upgrade.
    ///
    /// # Errors
    /// [`KafkaError`] of the first broker that can't be reached.
    pub async fn kafka_version(&self) -> Result<String, KafkaError> {
        let mut releases = Vec::new();
        for versions in self.broker_versions().await.into_values() {
            releases.push(versions?.release());
        }
        releases.sort_by_key(|release| api_versions::age(release));
        Ok(match (releases.last(), releases.first()) {
            (Some(oldest), Some(newest)) if oldest != newest => format!("{oldest} to {newest}"),
            (Some(only), _) => (*only).to_owned(),
            (None, _) => "unknown".to_owned(),
        })
    }
}
