//! What the keys of a compacted topic's records say about who writes it.
//!
//! Connect and Schema Registry take the names of their topics from settings, but write keys in
//! fixed forms (Apache Kafka, `KafkaConfigBackingStore`, `OffsetUtils`, `KafkaStatusBackingStore`;
//! Schema Registry, `SchemaRegistryKey`). Only keys are looked at: values may hold passwords.

use std::collections::BTreeSet;

/// What one key looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    /// `connector-s3-sink`: Connect's, but also what a business might write.
    Connector,
    /// `commit-s3-sink`, `task-s3-sink-0`, `session-key` ...: nobody else's.
    ConnectConfig,
    /// `["s3-source",{"path":"a"}]`.
    ConnectOffset,
    /// `status-connector-s3-sink`, `status-task-s3-sink-0`, `status-topic-orders:connector-s3-sink`.
    ConnectStatus,
    /// `{"keytype":"SCHEMA","subject":"orders-value","version":1,"magic":1}`.
    SchemaRegistry,
    /// Anything else.
    Other,
}

/// Whose topic the keys speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Connect keeps the configurations of its connectors there.
    ConnectConfigs,
    /// Connect keeps the positions of its source connectors there.
    ConnectOffsets,
    /// Connect keeps the states of connectors and tasks there.
    ConnectStatus,
    /// Schema Registry keeps its schemas there.
    SchemaRegistry,
}

/// The forms of the keys that were seen in one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyForms {
    forms: BTreeSet<Form>,
}

impl KeyForms {
    /// Takes note of one key; none for a record without.
    pub fn note(&mut self, key: Option<&[u8]>) {
        self.forms.insert(form(key));
    }

    /// Takes note of the keys of another partition of the topic.
    pub fn merge(&mut self, other: &Self) {
        self.forms.extend(&other.forms);
    }

    /// Whether no key was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Whose topic it is, where every key that was seen says the same.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        use Form::{ConnectConfig, ConnectOffset, ConnectStatus, Connector, SchemaRegistry};
        let forms: Vec<Form> = self.forms.iter().copied().collect();
        match forms[..] {
            // `connector-...` alone proves nothing: chargers of cars have connectors, too.
            [ConnectConfig] | [Connector, ConnectConfig] => Some(Owner::ConnectConfigs),
            [ConnectOffset] => Some(Owner::ConnectOffsets),
            [ConnectStatus] => Some(Owner::ConnectStatus),
            [SchemaRegistry] => Some(Owner::SchemaRegistry),
            _ => None,
        }
    }
}

fn form(key: Option<&[u8]>) -> Form {
    let Some(key) = key.and_then(|key| std::str::from_utf8(key).ok()) else {
        return Form::Other;
    };
    let starts = |starts: &[&str]| starts.iter().any(|start| key.starts_with(start));
    let connects = [
        "commit-",
        "target-state-",
        "tasks-fencing-",
        "restart-connector-",
        "logger-cluster-",
    ];
    if key == "session-key" || numbered_task(key) || starts(&connects) {
        Form::ConnectConfig
    } else if key.starts_with("connector-") {
        Form::Connector
    } else if starts(&["status-connector-", "status-task-", "status-topic-"]) {
        Form::ConnectStatus
    } else if key.starts_with('[') && source_position(key) {
        Form::ConnectOffset
    } else if key.starts_with('{') && registry_key(key) {
        Form::SchemaRegistry
    } else {
        Form::Other
    }
}

/// `task-s3-sink-0`.
fn numbered_task(key: &str) -> bool {
    key.strip_prefix("task-")
        .and_then(|rest| rest.rsplit_once('-'))
        .is_some_and(|(name, number)| {
            !name.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
        })
}

/// A pair of the connector's name and the partition of what it reads.
fn source_position(key: &str) -> bool {
    match serde_json::from_str(key) {
        Ok(serde_json::Value::Array(pair)) => {
            matches!(
                &pair[..],
                [serde_json::Value::String(_), serde_json::Value::Object(_)]
            )
        }
        _ => false,
    }
}

fn registry_key(key: &str) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_str(key).ok();
    let keytype = value.as_ref().and_then(|value| value.get("keytype"));
    keytype
        .and_then(|keytype| keytype.as_str())
        .is_some_and(|word| word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(keys: &[&str]) -> Option<Owner> {
        let mut forms = KeyForms::default();
        for key in keys {
            forms.note(Some(key.as_bytes()));
        }
        forms.owner()
    }

    #[test]
    fn topics_of_connect_are_told_by_their_keys() {
        let configs = [
            "session-key",
            "connector-s3-sink",
            "task-s3-sink-0",
            "commit-s3-sink",
        ];
        assert_eq!(owner(&configs), Some(Owner::ConnectConfigs));
        assert_eq!(owner(&["task-s3-sink-12"]), Some(Owner::ConnectConfigs));
        let offsets = [
            r#"["jdbc",{"protocol":"1","table":"orders"}]"#,
            r#"["file",{}]"#,
        ];
        assert_eq!(owner(&offsets), Some(Owner::ConnectOffsets));
        let status = ["status-connector-s3-sink", "status-task-s3-sink-0"];
        assert_eq!(owner(&status), Some(Owner::ConnectStatus));
    }

    #[test]
    fn the_registrys_topic_is_told_by_its_keys() {
        let keys = [
            r#"{"keytype":"NOOP","magic":0}"#,
            r#"{"keytype":"SCHEMA","subject":"orders-value","version":1,"magic":1}"#,
        ];
        assert_eq!(owner(&keys), Some(Owner::SchemaRegistry));
        assert_eq!(owner(&[r#"{"keytype":"customer 7"}"#]), None);
    }

    #[test]
    fn a_business_topic_with_similar_keys_is_not_taken_for_connects() {
        assert_eq!(
            owner(&["connector-17", "connector-18"]),
            None,
            "of chargers of cars"
        );
        assert_eq!(owner(&["task-42", "task-"]), None, "of a to-do list");
        assert_eq!(
            owner(&["commit-a", "order-7"]),
            None,
            "one foreign key is enough"
        );
        assert_eq!(owner(&[r#"["a","b"]"#, "[1,2]"]), None);
        assert_eq!(owner(&[]), None);
        let mut forms = KeyForms::default();
        forms.note(None);
        assert_eq!(forms.owner(), None);
    }
}
