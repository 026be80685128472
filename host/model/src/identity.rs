//! Who is who: clusters, brokers and topics by identity rather than by name.

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The id that a cluster gave itself when its storage was formatted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClusterId(pub String);

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The id of a topic, new at every creation (KIP-516; brokers from 2.8 on). A topic that was
/// deleted and created again has the same name and another id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TopicId(pub uuid::Uuid);

impl TopicId {
    /// The id, or none where a broker without topic ids answered all zeros.
    #[must_use]
    pub fn known(id: uuid::Uuid) -> Option<Self> {
        (!id.is_nil()).then_some(Self(id))
    }
}

impl fmt::Display for TopicId {
    /// As Kafka prints it: 22 characters of URL-safe base64.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.0.as_bytes());
        f.pad(&text)
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<TopicId> for String {
    fn from(id: TopicId) -> Self {
        id.to_string()
    }
}

/// A text that is not the id of a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a topic id (22 characters of URL-safe base64)")]
pub struct IllegalTopicId(pub String);

impl TryFrom<String> for TopicId {
    type Error = IllegalTopicId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(&text)
            .ok()
            .and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        match bytes {
            Some(bytes) => Ok(Self(uuid::Uuid::from_bytes(bytes))),
            None => Err(IllegalTopicId(text)),
        }
    }
}

/// The number of a broker within its cluster (`node.id`, once `broker.id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BrokerId(pub i32);

impl fmt::Display for BrokerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Which of the two clusters of a migration is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The cluster that is left.
    Source,
    /// The cluster that is moved to.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_id_is_written_as_kafka_writes_it_and_read_back() {
        let id = TopicId(uuid::Uuid::from_u128(
            0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10,
        ));
        assert_eq!(id.to_string(), "AQIDBAUGBwgJCgsMDQ4PEA");
        assert_eq!(TopicId::try_from(id.to_string()), Ok(id));
        assert!(TopicId::try_from("short".to_owned()).is_err());
    }

    #[test]
    fn a_broker_without_topic_ids_gives_none() {
        assert_eq!(TopicId::known(uuid::Uuid::nil()), None);
    }
}
