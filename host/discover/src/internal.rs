//! Which topics belong to Kafka or a tool rather than to the business, and why.
//!
//! A topic that is wrongly called internal stays behind unnoticed; one that is wrongly not called
//! so resurrects connectors or feeds a mirror at the target. So a name alone decides only where
//! the name is fixed by the tool; names that a business might use as well need something beside
//! them that points to the tool.

use crate::keys::{KeyForms, Owner};
use ferry_model::name::{GroupId, TopicName};
use std::collections::BTreeSet;

/// The protocol type that Connect's workers give their group.
const CONNECT_PROTOCOL: &str = "connect";

/// What is known of one topic.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// Its name.
    pub name: &'a TopicName,
    /// Whether the brokers call it internal.
    pub internal_to_brokers: bool,
    /// Whether it is compacted.
    pub compacted: bool,
    /// How many partitions it has.
    pub partitions: usize,
    /// The forms of its keys, where they were looked at.
    pub keys: Option<&'a KeyForms>,
}

/// What the other topics and the groups of the cluster point to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbourhood {
    /// MirrorMaker 2 keeps topics here.
    mirror_maker: bool,
    /// Aliases of clusters that MirrorMaker 2 mirrors from.
    mirrored_aliases: BTreeSet<String>,
    /// The groups of Connect's workers.
    connect_groups: Vec<GroupId>,
}

impl Neighbourhood {
    /// Reads the names of all topics, and the groups with their protocol types.
    pub fn of<'a>(
        topics: impl IntoIterator<Item = &'a TopicName>,
        groups: impl IntoIterator<Item = (&'a GroupId, &'a str)>,
    ) -> Self {
        let mut around = Self::default();
        for topic in topics {
            let name = topic.as_str();
            around.mirror_maker |= mirror_maker_alone(name);
            if let Some(alias) = name.strip_suffix(".checkpoints.internal") {
                around.mirror_maker = true;
                around.mirrored_aliases.insert(alias.to_owned());
            }
        }
        let workers = groups
            .into_iter()
            .filter(|(_, protocol_type)| *protocol_type == CONNECT_PROTOCOL);
        around.connect_groups = workers.map(|(group, _)| group.clone()).collect();
        around
    }

    /// Why the topic belongs to Kafka or a tool; none for one of the business.
    #[must_use]
    pub fn reason(&self, topic: &Evidence<'_>) -> Option<String> {
        let name = topic.name.as_str();
        if let Some(reason) = by_fixed_name(name) {
            return Some(reason.to_owned());
        }
        let owner = topic.keys.and_then(KeyForms::owner);
        if let Some(reason) = owner.and_then(|owner| self.by_keys(owner, topic)) {
            return Some(reason);
        }
        if let Some(reason) = self.by_neighbours(name) {
            return Some(reason.to_owned());
        }
        if let Some(what) = connect_by_name(name, topic) {
            return Some(format!("Connect {what}{}, by its name", self.of_cluster()));
        }
        if topic.internal_to_brokers {
            return Some("internal to the brokers".to_owned());
        }
        name.starts_with("__")
            .then(|| "named as Kafka names its own topics (__)".to_owned())
    }

    fn by_keys(&self, owner: Owner, topic: &Evidence<'_>) -> Option<String> {
        let cluster = self.of_cluster();
        match owner {
            // Connect refuses to start with more than one partition.
            Owner::ConnectConfigs if topic.partitions == 1 => {
                Some(format!("Connect configurations{cluster}"))
            }
            Owner::ConnectConfigs => None,
            Owner::ConnectOffsets => Some(format!("Connect source offsets{cluster}")),
            Owner::ConnectStatus => Some(format!("Connect status{cluster}")),
            Owner::SchemaRegistry => Some("Schema Registry".to_owned()),
        }
    }

    /// The one Connect cluster that there is; with several it is not known which.
    fn of_cluster(&self) -> String {
        match &self.connect_groups[..] {
            [only] => format!(" of cluster {only}"),
            _ => String::new(),
        }
    }

    /// `device.heartbeats` may be a business's; next to topics of MirrorMaker 2 it is not, if it
    /// starts with the alias of a cluster that is mirrored.
    fn by_neighbours(&self, name: &str) -> Option<&'static str> {
        if name.ends_with(".checkpoints.internal") {
            return Some("MirrorMaker 2 checkpoints");
        }
        if let Some(alias) = name.strip_suffix(".heartbeats") {
            let mirrored = self.mirrored_aliases.contains(alias);
            return mirrored.then_some("MirrorMaker 2 heartbeats");
        }
        (name == "heartbeats" && self.mirror_maker).then_some("MirrorMaker 2 heartbeats")
    }
}

/// Whether the name alone says MirrorMaker 2.
fn mirror_maker_alone(name: &str) -> bool {
    name.starts_with("__mm2") || name.starts_with("mm2-")
}

/// Names that a tool fixes, or prefixes that it takes for itself.
fn by_fixed_name(name: &str) -> Option<&'static str> {
    let exact = match name {
        "__consumer_offsets" => "consumer offsets",
        "__transaction_state" => "transaction state",
        "__share_group_state" => "share group state",
        "__cluster_metadata" => "cluster metadata",
        "__remote_log_metadata" => "tiered storage",
        "__CruiseControlMetrics" => "Cruise Control",
        "_schemas" | "_schema_encoders" => "Schema Registry",
        _ => "",
    };
    if !exact.is_empty() {
        return Some(exact);
    }
    [
        ("__amazon", "Amazon MSK"),
        ("__confluent", "Confluent Platform"),
        ("_confluent", "Confluent Platform"),
        ("__strimzi", "Strimzi"),
        ("__KafkaCruiseControl", "Cruise Control"),
        ("ferry-progress", "Ferry's own progress"),
    ]
    .into_iter()
    .find_map(|(prefix, tool)| name.starts_with(prefix).then_some(tool))
    .or_else(|| mirror_maker_alone(name).then_some("MirrorMaker 2"))
}

/// What a compacted topic is to Connect, by the names that its documentation gives as examples.
fn connect_by_name(name: &str, topic: &Evidence<'_>) -> Option<&'static str> {
    // Keys that were seen and speak of something else outweigh the name.
    let contradicted = topic.keys.is_some_and(|keys| !keys.is_empty());
    if !topic.compacted || contradicted || !name.contains("connect") {
        return None;
    }
    [
        ("configs", "configurations"),
        ("offsets", "source offsets"),
        ("status", "status"),
    ]
    .into_iter()
    .find_map(|(end, what)| {
        let stem = name.strip_suffix(end)?;
        (stem.ends_with(['-', '_', '.'])).then_some(what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> TopicName {
        TopicName::parse(text).expect("legal")
    }

    fn around(topics: &[&str], groups: &[(&str, &str)]) -> Neighbourhood {
        let topics: Vec<_> = topics.iter().map(|topic| name(topic)).collect();
        let groups: Vec<_> = groups
            .iter()
            .map(|(id, kind)| (GroupId::from(*id), *kind))
            .collect();
        Neighbourhood::of(&topics, groups.iter().map(|(id, kind)| (id, *kind)))
    }

    /// The reason for a compacted topic of one partition, its keys being `keys`.
    fn reason(around: &Neighbourhood, topic: &str, keys: &[&str]) -> Option<String> {
        let mut forms = KeyForms::default();
        for key in keys {
            forms.note(Some(key.as_bytes()));
        }
        around.reason(&Evidence {
            name: &name(topic),
            internal_to_brokers: false,
            compacted: true,
            partitions: 1,
            keys: Some(&forms),
        })
    }

    #[test]
    fn names_that_tools_fix_decide_alone() {
        let around = Neighbourhood::default();
        for (topic, tool) in [
            ("__consumer_offsets", "consumer offsets"),
            ("__transaction_state", "transaction state"),
            ("__share_group_state", "share group state"),
            ("_schemas", "Schema Registry"),
            ("__amazon_msk_canary", "Amazon MSK"),
            ("__mm2_offset_syncs", "MirrorMaker 2"),
            ("mm2-configs.a.internal", "MirrorMaker 2"),
            ("a.checkpoints.internal", "MirrorMaker 2 checkpoints"),
            ("_confluent-metrics", "Confluent Platform"),
            ("ferry-progress-retail", "Ferry's own progress"),
            ("__connect-offsets", "Connect source offsets, by its name"),
            ("__something", "named as Kafka names its own topics (__)"),
        ] {
            assert_eq!(
                reason(&around, topic, &[]).as_deref(),
                Some(tool),
                "{topic}"
            );
        }
        for topic in [
            "orders",
            "_orders",
            "billing-store-changelog",
            "schemas",
            "mm2",
        ] {
            assert_eq!(reason(&around, topic, &[]), None, "{topic}");
        }
    }

    #[test]
    fn heartbeats_are_mirror_makers_only_where_it_mirrors() {
        let business = around(&["device.heartbeats", "heartbeats"], &[]);
        assert_eq!(reason(&business, "device.heartbeats", &[]), None);
        assert_eq!(reason(&business, "heartbeats", &[]), None);
        let mirrored = around(&["eu.checkpoints.internal", "device.heartbeats"], &[]);
        assert_eq!(
            reason(&mirrored, "device.heartbeats", &[]),
            None,
            "another alias"
        );
        let heartbeats = Some("MirrorMaker 2 heartbeats".to_owned());
        assert_eq!(reason(&mirrored, "eu.heartbeats", &[]), heartbeats);
        assert_eq!(reason(&mirrored, "heartbeats", &[]), heartbeats);
    }

    #[test]
    fn topics_of_connect_are_found_whatever_they_are_called() {
        let one = around(&[], &[("etl-workers", "connect"), ("billing", "consumer")]);
        let keys = ["connector-s3", "task-s3-0", "commit-s3"];
        assert_eq!(
            reason(&one, "etl-settings", &keys).as_deref(),
            Some("Connect configurations of cluster etl-workers")
        );
        let two = around(&[], &[("a", "connect"), ("b", "connect")]);
        assert_eq!(
            reason(&two, "etl-settings", &keys).as_deref(),
            Some("Connect configurations"),
            "of which cluster is not known"
        );
    }

    #[test]
    fn keys_outweigh_a_name_that_sounds_like_connects() {
        let around = Neighbourhood::default();
        assert_eq!(
            reason(&around, "connect-status", &[]).as_deref(),
            Some("Connect status, by its name")
        );
        assert_eq!(
            reason(&around, "connect-status", &["phone-17"]),
            None,
            "of a phone company"
        );
    }

    #[test]
    fn configurations_of_connect_have_one_partition() {
        let mut forms = KeyForms::default();
        forms.note(Some(b"commit-a"));
        let evidence = Evidence {
            name: &name("builds"),
            internal_to_brokers: false,
            compacted: true,
            partitions: 6,
            keys: Some(&forms),
        };
        assert_eq!(Neighbourhood::default().reason(&evidence), None);
    }

    #[test]
    fn what_the_brokers_call_internal_is_internal() {
        let evidence = Evidence {
            name: &name("offsets"),
            internal_to_brokers: true,
            compacted: true,
            partitions: 50,
            keys: None,
        };
        let reason = Neighbourhood::default().reason(&evidence);
        assert_eq!(reason.as_deref(), Some("internal to the brokers"));
    }
}
