//! What both clusters looked like at one moment.

use crate::acl::AclBinding;
use crate::group::GroupFacts;
use crate::identity::{BrokerId, ClusterId};
use crate::name::{GroupId, TopicName};
use crate::topic::TopicFacts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the snapshot's file format.
pub const SNAPSHOT_FORMAT: u32 = 1;

/// What both clusters looked like when `ferry discover` read them. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`SNAPSHOT_FORMAT`] of the writer.
    pub format: u32,
    /// When it was taken, in milliseconds since 1970.
    pub taken_at_ms: i64,
    /// The cluster that is left.
    pub source: ClusterSnapshot,
    /// The cluster that is moved to.
    pub target: ClusterSnapshot,
}

/// One cluster at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSnapshot {
    /// Its id.
    pub cluster_id: ClusterId,
    /// The version of Kafka that its brokers' API versions point to, as `4.3` or `2.8 to 3.9`.
    pub kafka_version: String,
    /// Its brokers, by id.
    pub brokers: Vec<BrokerFacts>,
    /// The least time that a request and its answer took, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_us: Option<u64>,
    /// What holds for topics that do not say otherwise, as far as its brokers tell: `retention.ms` and
    /// `retention.bytes`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topic_defaults: BTreeMap<String, String>,
    /// Its topics, by name.
    pub topics: BTreeMap<TopicName, TopicFacts>,
    /// Its consumer groups, by id.
    pub groups: BTreeMap<GroupId, GroupFacts>,
    /// Its access control lists.
    pub acls: AclFacts,
}

/// One broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerFacts {
    /// Its id.
    pub id: BrokerId,
    /// The host that it advertises on the listener that was used.
    pub host: String,
    /// The port that it advertises.
    pub port: u16,
    /// Its rack, where set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rack: Option<String>,
}

/// The access control lists of a cluster, or why they can't be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AclFacts {
    /// Every binding, sorted.
    Bindings(Vec<AclBinding>),
    /// The brokers run without an authorizer.
    NoAuthorizer,
    /// The principal that asked may not describe them.
    NotAllowed,
}

impl AclFacts {
    /// The bindings, none where they can't be told.
    #[must_use]
    pub fn bindings(&self) -> &[AclBinding] {
        match self {
            Self::Bindings(bindings) => bindings,
            Self::NoAuthorizer | Self::NotAllowed => &[],
        }
    }
}
