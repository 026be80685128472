//! Names as Kafka knows them, checked where they enter.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The greatest length of a topic name in characters
/// (Apache Kafka, `org.apache.kafka.common.internals.Topic.MAX_NAME_LENGTH`).
pub const TOPIC_NAME_LENGTH_MAX: usize = 249;

/// Why a text can't be the name of a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IllegalTopicName {
    /// The name has no characters.
    #[error("a topic name must not be empty")]
    Empty,
    /// The name is `.` or `..`, which brokers refuse because it names a folder.
    #[error("a topic can't be named `{0}`")]
    Dots(String),
    /// The name is longer than [`TOPIC_NAME_LENGTH_MAX`].
    #[error("`{name}` has {length} characters; Kafka allows {TOPIC_NAME_LENGTH_MAX}")]
    TooLong {
        /// The name as it was given.
        name: String,
        /// Its length in bytes.
        length: usize,
    },
    /// The name holds a character outside `[a-zA-Z0-9._-]`.
    #[error("`{name}` holds {character:?}; Kafka allows letters, digits, `.`, `_` and `-`")]
    Character {
        /// The name as it was given.
        name: String,
        /// The first character that is not allowed.
        character: char,
    },
}

/// The name of a topic: 1 to 249 characters of `[a-zA-Z0-9._-]`, neither `.` nor `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TopicName(String);

impl TopicName {
    /// Checks `name` by the rules of the broker.
    ///
    /// # Errors
    /// [`IllegalTopicName`] says which rule was broken.
    pub fn parse(name: impl Into<String>) -> Result<Self, IllegalTopicName> {
        let name = name.into();
        if name.is_empty() {
            return Err(IllegalTopicName::Empty);
        }
        if name == "." || name == ".." {
            return Err(IllegalTopicName::Dots(name));
        }
        if let Some(character) = name
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')))
        {
            return Err(IllegalTopicName::Character { name, character });
        }
        if name.len() > TOPIC_NAME_LENGTH_MAX {
            let length = name.len();
            return Err(IllegalTopicName::TooLong { name, length });
        }
        Ok(Self(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it appears in metric names, where `.` and `_` are one: two topics with the same
    /// key collide there, and brokers refuse to create the second.
    #[must_use]
    pub fn collision_key(&self) -> String {
        self.0.replace('.', "_")
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for TopicName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TopicName {
    type Error = IllegalTopicName;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::parse(name)
    }
}

impl From<TopicName> for String {
    fn from(name: TopicName) -> Self {
        name.0
    }
}

/// The id of a consumer group (`group.id`). Kafka allows any text, the empty one included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupId(pub String);

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for GroupId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

/// The number of a partition within its topic, from 0.
pub type PartitionIndex = i32;

/// One partition of one topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition within it.
    pub partition: PartitionIndex,
}

impl TopicPartition {
    /// Names partition `partition` of `topic`.
    #[must_use]
    pub fn new(topic: TopicName, partition: PartitionIndex) -> Self {
        Self { topic, partition }
    }
}

impl fmt::Display for TopicPartition {
    /// In the form of Kafka's own logs: `orders-3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.topic, self.partition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_every_name_that_a_broker_accepts() {
        for name in [
            "a",
            "orders.eu-1_x",
            "__consumer_offsets",
            "...",
            &"a".repeat(249),
        ] {
            assert_eq!(TopicName::parse(name).expect(name).as_str(), name);
        }
    }

    #[test]
    fn refuses_what_a_broker_refuses_and_says_which_rule() {
        assert_eq!(TopicName::parse(""), Err(IllegalTopicName::Empty));
        assert_eq!(
            TopicName::parse(".."),
            Err(IllegalTopicName::Dots("..".into()))
        );
        assert!(matches!(
            TopicName::parse("a b"),
            Err(IllegalTopicName::Character { character: ' ', .. })
        ));
        assert!(matches!(
            TopicName::parse("a".repeat(250)),
            Err(IllegalTopicName::TooLong { length: 250, .. })
        ));
    }

    #[test]
    fn names_that_differ_by_dot_and_underscore_only_share_a_collision_key() {
        let key = |name: &str| TopicName::parse(name).expect("legal").collision_key();
        assert_eq!(key("a.b_c"), key("a_b.c"));
        assert_ne!(key("a.b"), key("a-b"));
    }

    #[test]
    fn a_topic_name_is_checked_when_it_is_deserialized() {
        assert!(serde_json::from_str::<TopicName>("\"a b\"").is_err());
    }
}
