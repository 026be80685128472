//! What is known of a consumer group.

use crate::name::{GroupId, TopicPartition};
use serde::{Deserialize, Serialize};

/// The state of a group as the coordinator names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupState {
    /// Without members; its offsets may be altered.
    Empty,
    /// Without members and without offsets, about to be forgotten.
    Dead,
    /// With members. Holds the coordinator's own word: `Stable`, `PreparingRebalance` ...
    Active(String),
}

impl GroupState {
    /// Whether the group has members, so that its offsets can't be altered from outside.
    #[must_use]
    pub fn active(&self) -> bool {
        matches!(self, Self::Active(_))
    }
}

/// What is known of one consumer group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupFacts {
    /// Its id.
    pub id: GroupId,
    /// Its state when it was asked.
    pub state: GroupState,
    /// `consumer`, `connect`, ... as the members said (`protocolType`).
    pub protocol_type: String,
    /// Its members: client id and host, for people to find them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<GroupMember>,
    /// What it has committed, in order of topic and partition.
    pub offsets: Vec<CommittedOffset>,
}

/// A member of a group, as far as the coordinator tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMember {
    /// `client.id` of the member.
    pub client_id: String,
    /// The address it came from.
    pub client_host: String,
}

/// A committed offset: the next offset that the group will read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittedOffset {
    /// The partition.
    pub partition: TopicPartition,
    /// The next offset to read.
    pub offset: i64,
    /// What the application stored beside it, often empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metadata: String,
}
