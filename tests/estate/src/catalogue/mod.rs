//! Which topics there are, and what is in them.

mod business;
mod special;
mod tools;

use crate::content::{Age, Content};
use crate::options::EstateOptions;
use crate::report::Trait;
use crate::writer::{Batches, Codec};
use std::collections::BTreeMap;

/// A topic to make.
#[derive(Debug, Clone)]
pub(crate) struct TopicSpec {
    pub(crate) name: String,
    /// What it stands for.
    pub(crate) family: &'static str,
    pub(crate) partitions: i32,
    pub(crate) configs: BTreeMap<String, String>,
    pub(crate) load: Load,
    /// Which partitions lose their head, or all.
    pub(crate) cuts: Vec<Cut>,
    /// What is special about all of its partitions.
    pub(crate) traits: Vec<Trait>,
}

/// What is written.
#[derive(Debug, Clone)]
pub(crate) enum Load {
    /// Nothing.
    Nothing,
    /// Made-up records.
    Records(Records),
    /// Records as they are given, all in partition 0 unless keyed otherwise.
    Fixed(Vec<Fixed>),
    /// Records in transactions of several producers: see [`crate::transactions`].
    Transactions {
        /// Records of one transaction and partition.
        records: u32,
    },
}

impl Load {
    /// Whether its writing waits for acknowledgements midway.
    pub(crate) fn waits(&self) -> bool {
        matches!(self, Self::Records(records) if records.one_batch || records.codecs.len() > 1)
    }
}

/// Made-up records.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    pub(crate) per_partition: u32,
    /// The codecs, in turn.
    pub(crate) codecs: &'static [Codec],
    pub(crate) batches: Batches,
    pub(crate) content: Content,
    pub(crate) age: Age,
    /// Whether a partition's records come in one batch of their own.
    pub(crate) one_batch: bool,
}

/// One record that is given.
#[derive(Debug, Clone)]
pub(crate) struct Fixed {
    pub(crate) partition: i32,
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
}

/// Deletes the head of a partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) partition: i32,
    /// How much of it, in thousandths; 1,000 for all.
    pub(crate) thousandths: i64,
    pub(crate) which: Trait,
}

/// A month and a bit, in hours.
pub(crate) const OLD_HOURS: i64 = 31 * 24;

impl TopicSpec {
    pub(crate) fn new(name: &str, family: &'static str, partitions: i32, load: Load) -> Self {
        Self {
            name: name.to_owned(),
            family,
            partitions,
            configs: BTreeMap::new(),
            load,
            cuts: Vec::new(),
            traits: Vec::new(),
        }
    }

    pub(crate) fn config(mut self, key: &str, value: &str) -> Self {
        self.configs.insert(key.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn with(mut self, traits: &[Trait]) -> Self {
        self.traits.extend_from_slice(traits);
        self
    }

    pub(crate) fn cut(mut self, partition: i32, thousandths: i64, which: Trait) -> Self {
        self.cuts.push(Cut {
            partition,
            thousandths,
            which,
        });
        self
    }

    /// Made so that the cleaner finds work at once: several segments, and no waiting for dirt. A
    /// segment holds a tenth of the time that the records span.
    pub(crate) fn cleaned(self, age: Age) -> Self {
        let segment_ms = (age.from_hours - age.to_hours) * 3_600_000 / 10;
        self.config("cleanup.policy", "compact")
            .config("segment.ms", &segment_ms.to_string())
            .config("min.cleanable.dirty.ratio", "0.01")
            .with(&[Trait::Compacted])
    }
}

/// All topics of an estate. `brokers` bounds what replication may be demanded.
pub(crate) fn topics(options: &EstateOptions, brokers: usize) -> Vec<TopicSpec> {
    let mut topics = special::topics(options);
    topics.extend(tools::topics(options));
    let ordinary = business::topics(options);
    // Spread over the families, so that a part of them shows every style.
    let share = options.ordinary_share();
    let kept = |index: usize| {
        let before = (index as f64 * share).floor();
        ((index + 1) as f64 * share).floor() > before
    };
    let chosen = ordinary
        .into_iter()
        .enumerate()
        .filter(|(index, _)| kept(*index));
    topics.extend(chosen.map(|(_, topic)| topic));
    for topic in &mut topics {
        if let Some(value) = topic.configs.get_mut("min.insync.replicas") {
            *value = brokers.clamp(1, 2).to_string();
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferry_model::name::TopicName;
    use std::collections::BTreeSet;

    fn records(topic: &TopicSpec) -> u64 {
        match &topic.load {
            Load::Records(records) => u64::from(records.per_partition) * topic.partitions as u64,
            Load::Fixed(records) => records.len() as u64,
            Load::Nothing | Load::Transactions { .. } => 0,
        }
    }

    #[test]
    fn the_whole_estate_has_the_size_that_is_promised() {
        let topics = topics(&EstateOptions::full(), 3);
        let partitions: i32 = topics.iter().map(|topic| topic.partitions).sum();
        let records: u64 = topics.iter().map(records).sum();
        assert!(
            (190..=210).contains(&topics.len()),
            "{} topics",
            topics.len()
        );
        assert!((650..=750).contains(&partitions), "{partitions} partitions");
        assert!(
            (1_500_000..=2_000_000).contains(&records),
            "{records} records"
        );
    }

    #[test]
    fn names_are_legal_and_do_not_collide_at_any_scale() {
        for scale in [0.0, 0.1, 0.5, 1.0] {
            let options = EstateOptions {
                scale,
                ..EstateOptions::full()
            };
            let mut keys = BTreeSet::new();
            for topic in topics(&options, 1) {
                let name = TopicName::parse(topic.name).expect("legal");
                assert!(keys.insert(name.collision_key()), "{name}");
            }
            assert!(keys.len() >= 25, "{} topics at {scale}", keys.len());
        }
    }

    #[test]
    fn records_older_than_the_default_retention_are_in_topics_that_keep_them() {
        for topic in topics(&EstateOptions::full(), 1) {
            let Load::Records(records) = &topic.load else {
                continue;
            };
            let retention = topic.configs.get("retention.ms").map(String::as_str);
            let kept_hours = match retention {
                _ if topic
                    .configs
                    .get("cleanup.policy")
                    .is_some_and(|p| p == "compact") =>
                {
                    i64::MAX
                }
                Some("-1") => i64::MAX,
                Some(ms) => ms.parse::<i64>().expect("a number") / 3_600_000,
                None => 7 * 24,
            };
            assert!(records.age.from_hours < kept_hours, "{}", topic.name);
        }
    }

    #[test]
    fn every_special_case_is_in_the_smallest_estate() {
        let options = EstateOptions {
            scale: 0.0,
            ..EstateOptions::full()
        };
        let topics = topics(&options, 1);
        let mut traits: BTreeSet<Trait> = topics.iter().flat_map(|t| t.traits.clone()).collect();
        traits.extend(
            topics
                .iter()
                .flat_map(|t| t.cuts.iter().map(|cut| cut.which)),
        );
        for which in [
            Trait::NeverWritten,
            Trait::HeadDeleted,
            Trait::HeadDeletedInsideBatch,
            Trait::AllDeleted,
            Trait::Compacted,
            Trait::LogAppendTime,
            Trait::SingleRecordBatches,
            Trait::LargeBatches,
            Trait::LargeRecords,
            Trait::MixedCodecs,
            Trait::Old,
            Trait::Tombstones,
            Trait::NullValues,
            Trait::OddHeaders,
            Trait::EmptyKeys,
            Trait::NullKeys,
        ] {
            assert!(traits.contains(&which), "{which:?}");
        }
        let transactions = |topic: &&TopicSpec| matches!(topic.load, Load::Transactions { .. });
        assert_eq!(topics.iter().filter(transactions).count(), 1);
    }
}
