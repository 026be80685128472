//! CreateTopics, DeleteTopics.

use super::code;
use crate::core::{Cleanup, Core, TopicOptions};
use crate::versions::Release;
use kafka_protocol::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, TopicName,
};

/// How far in the future records may lie in 4.x, unless a topic says otherwise (KIP-1030).
const AFTER_MAX_MS: i64 = 3_600_000;

/// Configurations that are known and change nothing here.
const WITHOUT_EFFECT: [&str; 4] = [
    "compression.type",
    "delete.retention.ms",
    "retention.bytes",
    "retention.ms",
];

impl Core {
    pub(crate) fn create_topics(
        &mut self,
        request: &CreateTopicsRequest,
        forced: Option<i16>,
    ) -> CreateTopicsResponse {
        let topics = request.topics.iter().map(|asked| {
            let name = asked.name.0.to_string();
            let answer = CreatableTopicResult::default().with_name(asked.name.clone());
            let there = self.topics.contains_key(&name);
            if let Some(code) = forced.or(there.then_some(code::TOPIC_ALREADY_EXISTS)) {
                return answer.with_error_code(code);
            }
            let options = match self.options_of(asked) {
                Ok(options) => options,
                Err(code) => return answer.with_error_code(code),
            };
            let partitions = options.partitions as i32;
            if !request.validate_only {
                let places = match asked.assignments.is_empty() {
                    true => self.spread(options.partitions, asked.replication_factor),
                    false => places(asked),
                };
                self.create_topic_at(&name, options, &places);
            }
            let id = self
                .topics
                .get(&name)
                .map(|topic| topic.id)
                .unwrap_or_default();
            answer.with_topic_id(id).with_num_partitions(partitions)
        });
        CreateTopicsResponse::default().with_topics(topics.collect())
    }

    /// What a topic that is asked for shall be like, or why it can't be.
    fn options_of(&self, asked: &CreatableTopic) -> Result<TopicOptions, i16> {
        if !is_legal(asked.name.0.as_str()) {
            return Err(code::INVALID_TOPIC_EXCEPTION);
        }
        let partitions = match (asked.assignments.len(), asked.num_partitions) {
            // As many as the brokers make unless told otherwise (`num.partitions`).
            (0, -1) => 1,
            (0, number @ 1..) => number as usize,
            (0, _) => return Err(code::INVALID_PARTITIONS),
            (number, _) => number,
        };
        let brokers = self.alive().len() as i16;
        if asked.assignments.is_empty()
            && asked.replication_factor != -1
            && !(1..=brokers).contains(&asked.replication_factor)
        {
            return Err(code::INVALID_REPLICATION_FACTOR);
        }
        let mut options = TopicOptions {
            partitions,
            after_max_ms: (self.options.release == Release::V4_3).then_some(AFTER_MAX_MS),
            ..TopicOptions::default()
        };
        for config in &asked.configs {
            let value = config.value.as_deref().unwrap_or_default();
            set(&mut options, config.name.as_str(), value).ok_or(code::INVALID_CONFIG)?;
        }
        Ok(options)
    }

    pub(crate) fn delete_topics(
        &mut self,
        request: &DeleteTopicsRequest,
        forced: Option<i16>,
    ) -> DeleteTopicsResponse {
        let by_state = request.topics.iter().filter_map(|topic| topic.name.clone());
        let names: Vec<TopicName> = by_state
            .chain(request.topic_names.iter().cloned())
            .collect();
        let results = names.into_iter().map(|name| {
            let answer = DeletableTopicResult::default().with_name(Some(name.clone()));
            if let Some(code) = forced {
                return answer.with_error_code(code);
            }
            if self.denied.contains(name.0.as_str()) {
                return answer.with_error_code(code::TOPIC_AUTHORIZATION_FAILED);
            }
            match self.topics.remove(name.0.as_str()) {
                Some(topic) => answer.with_topic_id(topic.id),
                None => answer.with_error_code(code::UNKNOWN_TOPIC_OR_PARTITION),
            }
        });
        DeleteTopicsResponse::default().with_responses(results.collect())
    }
}

/// Replicas of each partition, as the caller places them.
fn places(asked: &CreatableTopic) -> Vec<Vec<i32>> {
    let mut assignments: Vec<&CreatableReplicaAssignment> = asked.assignments.iter().collect();
    assignments.sort_by_key(|assignment| assignment.partition_index);
    assignments
        .into_iter()
        .map(|assignment| {
            assignment
                .broker_ids
                .iter()
                .map(|broker| broker.0)
                .collect()
        })
        .collect()
}

/// Whether a topic may be called so (Apache Kafka, `Topic.validate`).
fn is_legal(name: &str) -> bool {
    let legal = |sign: char| sign.is_ascii_alphanumeric() || "._-".contains(sign);
    (1..=249).contains(&name.len()) && name.chars().all(legal) && name != "." && name != ".."
}

/// Sets what a configuration says; none where it does not exist or can't be so. Those that change
/// nothing of what these brokers do are taken as they are.
fn set(options: &mut TopicOptions, name: &str, value: &str) -> Option<()> {
    match name {
        "max.message.bytes" => options.batch_bytes_max = value.parse().ok()?,
        "min.insync.replicas" => options.in_sync_min = Some(value.parse().ok()?),
        "message.timestamp.after.max.ms" => options.after_max_ms = Some(value.parse().ok()?),
        "message.timestamp.type" => {
            options.log_append_time = match value {
                "LogAppendTime" => true,
                "CreateTime" => false,
                _ => return None,
            }
        }
        "cleanup.policy" => {
            options.cleanup = match value {
                "delete" => Cleanup::Delete,
                "compact" => Cleanup::Compact,
                "compact,delete" | "delete,compact" => Cleanup::CompactAndDelete,
                _ => return None,
            }
        }
        other if WITHOUT_EFFECT.contains(&other) => {}
        _ => return None,
    }
    Some(())
}
