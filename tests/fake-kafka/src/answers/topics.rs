//! CreateTopics, DeleteTopics.

use super::code;
use crate::core::{Core, TopicOptions};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, TopicName,
};

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
            if !request.validate_only {
                let options = TopicOptions {
                    partitions: usize::try_from(asked.num_partitions).unwrap_or(1).max(1),
                    ..TopicOptions::default()
                };
                self.create_topic(&name, options);
            }
            let id = self
                .topics
                .get(&name)
                .map(|topic| topic.id)
                .unwrap_or_default();
            answer
                .with_topic_id(id)
                .with_num_partitions(asked.num_partitions)
        });
        CreateTopicsResponse::default().with_topics(topics.collect())
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
            match self.topics.remove(name.0.as_str()) {
                Some(topic) => answer.with_topic_id(topic.id),
                None => answer.with_error_code(code::UNKNOWN_TOPIC_OR_PARTITION),
            }
        });
        DeleteTopicsResponse::default().with_responses(results.collect())
    }
}
