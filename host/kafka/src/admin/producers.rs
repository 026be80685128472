//! Which producers a partition's leader remembers (KIP-664).

use super::Admin;
use crate::client::wire;
use crate::patience::Repeat;
use crate::route::{ByPartition, ByTopic, LeaderRequest, Told};
use ferry_model::name::TopicPartition;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::{DescribeProducersRequest, DescribeProducersResponse};

/// What a leader remembers of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerState {
    /// The producer id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i32,
    /// The sequence of its last record; -1 where none is known.
    pub last_sequence: i32,
    /// The largest timestamp of its last batch, in milliseconds since 1970; -1 where none is known.
    pub last_timestamp_ms: i64,
    /// The epoch of the coordinator that wrote its last marker; -1 where none did.
    pub coordinator_epoch: i32,
    /// Where its open transaction starts; none where it has none.
    pub transaction_start_offset: Option<i64>,
}

impl Admin {
    /// The producers of each partition, asked of its leader. Brokers from 2.8 on.
    pub async fn describe_producers(
        &self,
        partitions: &[TopicPartition],
    ) -> ByPartition<Vec<ProducerState>> {
        let items = partitions.iter().map(|partition| (partition.clone(), ()));
        self.client.by_leader(&DescribeProducers, items).await
    }
}

struct DescribeProducers;

impl LeaderRequest for DescribeProducers {
    type Request = DescribeProducersRequest;
    type Item = ();
    type Answer = Vec<ProducerState>;
    const REPEAT: Repeat = Repeat::Safe;

    fn request(&self, items: &ByTopic<()>) -> DescribeProducersRequest {
        let topics = items.iter().map(|(name, partitions)| {
            TopicRequest::default()
                .with_name(wire(name))
                .with_partition_indexes(partitions.iter().map(|(index, ())| *index).collect())
        });
        DescribeProducersRequest::default().with_topics(topics.collect())
    }

    fn answers(&self, response: DescribeProducersResponse) -> Vec<Told<Vec<ProducerState>>> {
        let topics = response.topics.into_iter().flat_map(|topic| {
            let name = topic.name.to_string();
            topic.partitions.into_iter().map(move |partition| Told {
                topic: name.clone(),
                partition: partition.partition_index,
                code: partition.error_code,
                message: partition.error_message,
                answer: partition
                    .active_producers
                    .iter()
                    .map(|producer| ProducerState {
                        producer_id: producer.producer_id.0,
                        producer_epoch: producer.producer_epoch,
                        last_sequence: producer.last_sequence,
                        last_timestamp_ms: producer.last_timestamp,
                        coordinator_epoch: producer.coordinator_epoch,
                        transaction_start_offset: (producer.current_txn_start_offset >= 0)
                            .then_some(producer.current_txn_start_offset),
                    })
                    .collect(),
            })
        });
        topics.collect()
    }
}
