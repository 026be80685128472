//! Deleting records from the head of partitions.

use super::Admin;
use crate::client::wire;
use crate::patience::Repeat;
use crate::route::{ByPartition, ByTopic, LeaderRequest, Told};
use ferry_model::name::TopicPartition;
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

impl Admin {
    /// Deletes the records below the given offsets, -1 standing for the high watermark; the result
    /// is each partition's log start offset afterwards. Topics must have `delete` in their
    /// `cleanup.policy`.
    pub async fn delete_records(&self, before: &[(TopicPartition, i64)]) -> ByPartition<i64> {
        let operation = DeleteRecords {
            timeout_ms: self.timeout_ms(),
        };
        self.client
            .by_leader(&operation, before.iter().cloned())
            .await
    }
}

struct DeleteRecords {
    timeout_ms: i32,
}

impl LeaderRequest for DeleteRecords {
    type Request = DeleteRecordsRequest;
    type Item = i64;
    type Answer = i64;
    /// The log start offset only ever moves forward.
    const REPEAT: Repeat = Repeat::Safe;

    fn request(&self, items: &ByTopic<i64>) -> DeleteRecordsRequest {
        let partition = |(index, offset): &(i32, i64)| {
            DeleteRecordsPartition::default()
                .with_partition_index(*index)
                .with_offset(*offset)
        };
        let topics = items.iter().map(|(name, partitions)| {
            DeleteRecordsTopic::default()
                .with_name(wire(name))
                .with_partitions(partitions.iter().map(partition).collect())
        });
        DeleteRecordsRequest::default()
            .with_timeout_ms(self.timeout_ms)
            .with_topics(topics.collect())
    }

    fn answers(&self, response: DeleteRecordsResponse) -> Vec<Told<i64>> {
        let topics = response.topics.into_iter().flat_map(|topic| {
            let name = topic.name.to_string();
            topic.partitions.into_iter().map(move |partition| Told {
                topic: name.clone(),
                partition: partition.partition_index,
                code: partition.error_code,
                message: None,
                answer: partition.low_watermark,
            })
        });
        topics.collect()
    }
}
