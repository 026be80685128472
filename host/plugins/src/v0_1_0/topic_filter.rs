//! The topic filter of 0.1.0.

use super::bindings::exports::ferry::role::topic_filter::{Decision, Guest, Topic};
use super::{Exports, pairs_weight_bytes};
use crate::containment::Containment;
use crate::role::{Answer, DecidingRole, TopicFilter, accept_reason};
use ferry_model::decision::{Role, TopicDecision};
use ferry_model::name::TopicName;
use ferry_model::topic::{LogShape, PartitionFacts, TopicFacts};
use std::collections::BTreeMap;
use wasmtime::Store;
use wasmtime::component::Instance;

/// Bytes of the fixed part of a topic.
const FIXED_BYTES: usize = 160;

/// The greatest length of a topic group's name.
const GROUP_BYTES_MAX: usize = 63;

impl DecidingRole for TopicFilter {
    type Question = TopicFacts;
    type Decision = TopicDecision;
    const ROLE: Role = Role::TopicFilter;
    type Guest = Guest;
    type Raw = Decision;
    type Context = ();

    fn subject(question: &TopicFacts) -> String {
        question.name.to_string()
    }

    fn sample(number: usize) -> TopicFacts {
        let team = ["orders", "billing", "pricing", "optr", "__internal"][number % 5];
        let configs = [
            ("cleanup.policy", "compact,delete"),
            ("max.message.bytes", "2097152"),
            ("retention.ms", "604800000"),
        ];
        TopicFacts {
            name: TopicName::parse(format!("{team}.events.region-{number:06}"))
                .unwrap_or_else(|_| unreachable!("letters, digits and dots")),
            id: None,
            replication_factor: 3,
            internal: None,
            configs: configs
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            partitions: vec![PartitionFacts {
                partition: 0,
                leader_epoch: 1,
                log_start_offset: 0,
                high_watermark: number as i64,
                last_stable_offset: number as i64,
                size_bytes: Some(number as u64 * 100),
                shape: LogShape::default(),
            }],
        }
    }

    fn guest(
        exports: &Exports,
        store: &mut Store<Containment>,
        instance: &Instance,
    ) -> Option<wasmtime::Result<Guest>> {
        match exports {
            Exports::TopicFilter(indices) => Some(indices.load(store, instance)),
            _ => None,
        }
    }

    fn configure(guest: &Guest, store: &mut Store<Containment>, config: &str) -> Answer<()> {
        guest.call_configure(store, config)
    }

    fn context(_questions: &[TopicFacts]) {}

    fn decide(
        guest: &Guest,
        store: &mut Store<Containment>,
        questions: &[&TopicFacts],
        _context: &(),
    ) -> Answer<Vec<Decision>> {
        // Lists are handed over as slices: all configurations stand in one vector, each topic
        // borrows its part. The same goes for ids, which are made into texts here.
        let configs: Vec<(&str, &str)> = questions.iter().flat_map(|t| pairs(&t.configs)).collect();
        let ids: Vec<Option<String>> = questions
            .iter()
            .map(|t| t.id.map(|id| id.to_string()))
            .collect();
        let attributes: Vec<(&str, &str)> = ids
            .iter()
            .flatten()
            .map(|id| ("topic-id", id.as_str()))
            .collect();
        let (mut configs, mut attributes) = (configs.as_slice(), attributes.as_slice());
        let mut topics = Vec::with_capacity(questions.len());
        for (topic, id) in questions.iter().zip(&ids) {
            topics.push(Topic {
                name: topic.name.as_str(),
                partitions: topic.partitions.len() as u32,
                replication_factor: u16::try_from(topic.replication_factor).unwrap_or(0),
                internal: topic.internal.as_deref(),
                configs: take(&mut configs, topic.configs.len()),
                size_bytes: topic.size_bytes(),
                offsets: u64::try_from(topic.offsets()).unwrap_or(0),
                last_write_ms: topic.last_write_ms(),
                attributes: take(&mut attributes, usize::from(id.is_some())),
            });
        }
        guest.call_decide(store, &topics)
    }

    fn weight_bytes(topic: &TopicFacts) -> usize {
        FIXED_BYTES
            + topic.name.as_str().len()
            + topic.internal.as_ref().map_or(0, String::len)
            + pairs_weight_bytes(&topic.configs)
    }

    fn accept(_topic: &TopicFacts, raw: Decision) -> Result<TopicDecision, String> {
        if let Some(group) = &raw.group {
            accept_group(group)?;
        }
        Ok(TopicDecision {
            keep: raw.keep,
            reason: accept_reason(raw.reason)?,
            group: raw.group,
        })
    }
}

fn pairs(map: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    map.iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
}

/// Cuts the first `count` items off.
fn take<'a, T>(rest: &mut &'a [T], count: usize) -> &'a [T] {
    let (taken, left) = rest.split_at(count.min(rest.len()));
    *rest = left;
    taken
}

fn accept_group(group: &str) -> Result<(), String> {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=GROUP_BYTES_MAX).contains(&group.len()) && group.bytes().all(legal) {
        return Ok(());
    }
    Err(format!(
        "the topic group `{}` is not 1 to {GROUP_BYTES_MAX} of a-z, 0-9 and -",
        crate::printable::line(group, GROUP_BYTES_MAX)
    ))
}
