//! The settings of a target topic, in the end and during the copy.

use crate::target_version::{TIMESTAMP_RANGE_MOST, TargetVersion};
use ferry_config::Profile;
use ferry_model::topic::TopicFacts;
use std::collections::BTreeMap;

/// `max.message.bytes` where a topic does not say otherwise (Apache Kafka, `message.max.bytes`).
const MAX_MESSAGE_BYTES_DEFAULT: i64 = 1_048_588;

/// The replication factor of Confluent Cloud, which allows no other.
const CONFLUENT_CLOUD_REPLICATION_FACTOR: i16 = 3;

/// Settings of one target topic.
pub(crate) struct TargetSettings {
    pub(crate) replication_factor: i16,
    pub(crate) configs: BTreeMap<String, String>,
    pub(crate) notes: Vec<String>,
}

/// The settings that a new target topic has in the end: those of the source as far as the target
/// knows them.
pub(crate) fn final_settings(
    topic: &TopicFacts,
    version: TargetVersion,
    target_brokers: usize,
    wanted_replicas: Option<i16>,
) -> TargetSettings {
    let mut notes = Vec::new();
    let wanted = wanted_replicas.unwrap_or(topic.replication_factor).max(1);
    let replication_factor = replication_factor(wanted, version, target_brokers, &mut notes);
    let mut configs = BTreeMap::new();
    for (key, value) in &topic.configs {
        match version.refusal(key) {
            None => {
                configs.insert(key.clone(), value.clone());
            }
            Some(_) if key == "message.timestamp.difference.max.ms" => {}
            Some(reason) => notes.push(format!("{key}={value} is left out: {reason}")),
        }
    }
    carry_timestamp_difference(topic, version, &mut configs, &mut notes);
    adapt_segment_bytes(version, &mut configs, &mut notes);
    adapt_in_sync_replicas(replication_factor, &mut configs, &mut notes);
    TargetSettings {
        replication_factor,
        configs,
        notes,
    }
}

fn replication_factor(
    wanted: i16,
    version: TargetVersion,
    target_brokers: usize,
    notes: &mut Vec<String>,
) -> i16 {
    let target = if version.profile() == Profile::ConfluentCloud {
        CONFLUENT_CLOUD_REPLICATION_FACTOR
    } else {
        wanted.min(i16::try_from(target_brokers.max(1)).unwrap_or(i16::MAX))
    };
    if target < wanted {
        notes.push(format!(
            "replication factor {target} instead of {wanted}: the target has {target_brokers} brokers"
        ));
    } else if target > wanted {
        notes.push(format!(
            "replication factor {target} instead of {wanted}: the target has no other"
        ));
    }
    target
}

/// `message.timestamp.difference.max.ms` became two settings in 3.6 (KIP-937), and went in 4.0.
fn carry_timestamp_difference(
    topic: &TopicFacts,
    version: TargetVersion,
    configs: &mut BTreeMap<String, String>,
    notes: &mut Vec<String>,
) {
    const OLD: &str = "message.timestamp.difference.max.ms";
    const NEW: [&str; 2] = [
        "message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms",
    ];
    let Some(value) = topic.configs.get(OLD).filter(|_| !version.knows(OLD)) else {
        return;
    };
    if !NEW.iter().all(|key| version.knows(key)) {
        notes.push(format!(
            "{OLD}={value} is left out: the target does not know it"
        ));
        return;
    }
    for key in NEW {
        configs
            .entry(key.to_owned())
            .or_insert_with(|| value.clone());
    }
    notes.push(format!("{OLD}={value} becomes {} and {}", NEW[1], NEW[0]));
}

fn adapt_segment_bytes(
    version: TargetVersion,
    configs: &mut BTreeMap<String, String>,
    notes: &mut Vec<String>,
) {
    let least = version.segment_bytes_least();
    if let Some(value) = configs.get_mut("segment.bytes")
        && value.parse::<i64>().is_ok_and(|bytes| bytes < least)
    {
        notes.push(format!(
            "segment.bytes={least} instead of {value}: the target takes no less"
        ));
        *value = least.to_string();
    }
}

fn adapt_in_sync_replicas(
    replication_factor: i16,
    configs: &mut BTreeMap<String, String>,
    notes: &mut Vec<String>,
) {
    if let Some(value) = configs.get_mut("min.insync.replicas")
        && value
            .parse::<i16>()
            .is_ok_and(|replicas| replicas > replication_factor)
    {
        notes.push(format!(
            "min.insync.replicas={replication_factor} instead of {value}: there are no more replicas"
        ));
        *value = replication_factor.to_string();
    }
}

/// What is done to a topic while it is copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DuringCopy {
    /// Empty records are written and deleted first.
    pub(crate) padded: bool,
    /// Holes are filled.
    pub(crate) filled: bool,
}

/// The settings that have to differ during the copy, where they do: `configs` is what the topic
/// has otherwise.
///
/// `delete.retention.ms` is never among them: while it is lower, the cleaner removes tombstones that
/// consumers have not seen.
pub(crate) fn copy_settings(
    topic: &TopicFacts,
    configs: &BTreeMap<String, String>,
    version: TargetVersion,
    what: DuringCopy,
) -> BTreeMap<String, String> {
    let configured = |key: &str| configs.get(key).map(String::as_str);
    let mut during = BTreeMap::new();
    let mut set = |key: &str, value: &str, otherwise: &str| {
        if version.knows(key) && configured(key).unwrap_or(otherwise) != value {
            during.insert(key.to_owned(), value.to_owned());
        }
    };
    // Batches pass as they are: no other codec, no other timestamps.
    set("compression.type", "producer", "producer");
    set("message.timestamp.type", "CreateTime", "CreateTime");
    set(
        "message.timestamp.before.max.ms",
        TIMESTAMP_RANGE_MOST,
        TIMESTAMP_RANGE_MOST,
    );
    let after = if version.refuses_the_future() {
        "3600000"
    } else {
        TIMESTAMP_RANGE_MOST
    };
    set(
        "message.timestamp.after.max.ms",
        TIMESTAMP_RANGE_MOST,
        after,
    );
    set(
        "message.timestamp.difference.max.ms",
        TIMESTAMP_RANGE_MOST,
        TIMESTAMP_RANGE_MOST,
    );
    // Old records must not expire as they arrive. The default of a broker is not known here, so
    // both are set even where they may be the default.
    set("retention.ms", "-1", "");
    set("retention.bytes", "-1", "");
    // Empty records without keys are refused on compacted topics, and so is DeleteRecords.
    let policy = configured("cleanup.policy").unwrap_or("delete");
    if what.padded && policy.split(',').any(|part| part.trim() == "compact") {
        set("cleanup.policy", "delete", "");
    }
    if what.filled {
        // The cleaner is to take fillers as soon as it may.
        set("min.cleanable.dirty.ratio", "0.01", "");
        set("min.compaction.lag.ms", "0", "0");
    }
    let limit = configured("max.message.bytes")
        .and_then(|value| value.parse().ok())
        .unwrap_or(MAX_MESSAGE_BYTES_DEFAULT);
    if let Some(needed) = message_bytes_needed(topic).filter(|needed| *needed > limit) {
        set("max.message.bytes", &needed.to_string(), "");
    }
    during
}

/// The largest batch of the topic with room for a larger one that the sample missed, in whole MiB;
/// none where no batch was seen.
fn message_bytes_needed(topic: &TopicFacts) -> Option<i64> {
    const MIB: i64 = 1 << 20;
    let seen = topic
        .partitions
        .iter()
        .map(|p| i64::from(p.shape.largest_batch_bytes))
        .max()?;
    let allowed = topic
        .configs
        .get("max.message.bytes")
        .and_then(|value| value.parse().ok());
    let allowed: i64 = allowed.unwrap_or(0);
    if seen == 0 && allowed == 0 {
        return None;
    }
    // What fits the usual limit with an eighth to spare needs no change.
    let with_room = seen + seen / 8;
    if with_room <= MAX_MESSAGE_BYTES_DEFAULT && allowed <= MAX_MESSAGE_BYTES_DEFAULT {
        return Some(with_room.max(allowed));
    }
    Some(allowed.max((with_room + MIB - 1) / MIB * MIB))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferry_model::name::TopicName;
    use ferry_model::topic::{LogShape, PartitionFacts};

    fn topic(configs: &[(&str, &str)], largest_batch_bytes: u32) -> TopicFacts {
        TopicFacts {
            name: TopicName::parse("orders").expect("legal"),
            id: None,
            replication_factor: 3,
            internal: None,
            configs: map(configs),
            partitions: vec![PartitionFacts {
                partition: 0,
                leader_epoch: 0,
                log_start_offset: 0,
                high_watermark: 10,
                last_stable_offset: 10,
                size_bytes: None,
                shape: LogShape {
                    largest_batch_bytes,
                    ..LogShape::default()
                },
            }],
        }
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    const PADDED: DuringCopy = DuringCopy {
        padded: true,
        filled: false,
    };

    fn apache(version: &str) -> TargetVersion {
        TargetVersion::new(Profile::ApacheKafka, version)
    }

    #[test]
    fn settings_are_carried_over_and_what_the_target_does_not_know_is_noted() {
        let topic = topic(
            &[
                ("retention.ms", "1000"),
                ("message.format.version", "2.8"),
                ("remote.storage.enable", "true"),
                ("message.timestamp.difference.max.ms", "5000"),
                ("segment.bytes", "16384"),
                ("min.insync.replicas", "2"),
            ],
            0,
        );
        let settings = final_settings(&topic, apache("4.3"), 1, None);
        assert_eq!(
            settings.configs,
            map(&[
                ("retention.ms", "1000"),
                ("message.timestamp.after.max.ms", "5000"),
                ("message.timestamp.before.max.ms", "5000"),
                ("segment.bytes", "1048576"),
                ("min.insync.replicas", "1"),
            ])
        );
        assert_eq!(settings.replication_factor, 1);
        assert_eq!(settings.notes.len(), 6, "{:#?}", settings.notes);
        let old = final_settings(&topic, apache("3.5"), 3, None);
        let more = final_settings(&topic, apache("3.5"), 9, Some(5));
        assert_eq!(more.replication_factor, 5);
        assert_eq!(old.replication_factor, 3);
        assert_eq!(old.configs["segment.bytes"], "16384");
        assert_eq!(old.configs["message.timestamp.difference.max.ms"], "5000");
        assert!(!old.configs.contains_key("message.timestamp.after.max.ms"));
    }

    #[test]
    fn during_the_copy_nothing_expires_and_nothing_is_rewritten() {
        let topic = topic(&[], 4_000);
        let configs = map(&[
            ("compression.type", "gzip"),
            ("message.timestamp.type", "LogAppendTime"),
            ("retention.ms", "-1"),
            ("delete.retention.ms", "5"),
        ]);
        assert_eq!(
            copy_settings(&topic, &configs, apache("4.3"), PADDED),
            map(&[
                ("compression.type", "producer"),
                ("message.timestamp.type", "CreateTime"),
                ("message.timestamp.after.max.ms", TIMESTAMP_RANGE_MOST),
                ("retention.bytes", "-1"),
            ])
        );
        assert!(
            !copy_settings(&topic, &configs, apache("3.9"), PADDED)
                .contains_key("message.timestamp.after.max.ms")
        );
    }

    #[test]
    fn a_compacted_topic_is_not_compacted_while_it_is_padded() {
        let configs = map(&[("cleanup.policy", "compact,delete")]);
        let during = |what| copy_settings(&topic(&[], 0), &configs, apache("4.3"), what);
        assert_eq!(
            during(PADDED).get("cleanup.policy").map(String::as_str),
            Some("delete")
        );
        assert!(!during(DuringCopy::default()).contains_key("cleanup.policy"));
    }

    #[test]
    fn the_cleaner_of_a_topic_with_fillers_works_soon() {
        let what = DuringCopy {
            padded: false,
            filled: true,
        };
        let configs = map(&[
            ("cleanup.policy", "compact"),
            ("min.compaction.lag.ms", "5"),
        ]);
        let during = copy_settings(&topic(&[], 0), &configs, apache("4.3"), what);
        assert_eq!(during["min.cleanable.dirty.ratio"], "0.01");
        assert_eq!(during["min.compaction.lag.ms"], "0");
    }

    #[test]
    fn room_is_made_for_batches_larger_than_the_target_would_take() {
        let during = |largest, configs: &[(&str, &str)]| {
            let topic = topic(configs, largest);
            let settings = final_settings(&topic, apache("4.3"), 3, None);
            copy_settings(
                &topic,
                &settings.configs,
                apache("4.3"),
                DuringCopy::default(),
            )
            .get("max.message.bytes")
            .cloned()
        };
        assert_eq!(during(900_000, &[]), None);
        assert_eq!(
            during(1_048_588, &[]).as_deref(),
            Some("2097152"),
            "no room to spare"
        );
        assert_eq!(during(5_000_000, &[]).as_deref(), Some("6291456"));
        assert_eq!(
            during(5_000, &[("max.message.bytes", "1000")]).as_deref(),
            Some("5625")
        );
        assert_eq!(
            during(5_000_000, &[("max.message.bytes", "10000000")]),
            None
        );
    }
}
