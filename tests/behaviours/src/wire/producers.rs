//! DescribeProducers, and ids for producers without transactions.

use super::{Answer, Log};
use crate::cluster::Cluster;
use crate::records::Producer;
use ferry_kafka::Lane;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::{DescribeProducersRequest, InitProducerIdRequest, ProducerId};

/// What a leader knows of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its id and epoch.
    pub producer: Producer,
    /// The sequence number of its last record, -1 where none is remembered.
    pub last_sequence: i32,
    /// The largest timestamp of its last batch.
    pub last_timestamp_ms: i64,
    /// Whether a marker of its coordinator's is known.
    pub marked: bool,
    /// The first offset of its open transaction, -1 without one.
    pub open_since: i64,
}

impl Log<'_> {
    /// The producers that the leader knows, by their ids.
    ///
    /// # Errors
    /// The error code of the partition.
    pub async fn producers(&self) -> Answer<Vec<Known>> {
        self.producers_at(None).await
    }

    /// As [`Log::producers`], asked of `broker` or of the leader.
    ///
    /// # Errors
    /// The error code of the partition.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn producers_at(&self, broker: Option<i32>) -> Answer<Vec<Known>> {
        let topic = TopicRequest::default()
            .with_name(self.topic())
            .with_partition_indexes(vec![self.index()]);
        let request = DescribeProducersRequest::default().with_topics(vec![topic]);
        let connection = self.connection(broker, Lane::Admin).await;
        let response = connection.call(&request).await.expect("is answered");
        let told = &response.topics[0].partitions[0];
        let mut known: Vec<Known> = told
            .active_producers
            .iter()
            .map(|one| Known {
                producer: Producer {
                    id: one.producer_id.0,
                    epoch: one.producer_epoch as i16,
                },
                last_sequence: one.last_sequence,
                last_timestamp_ms: one.last_timestamp,
                marked: one.coordinator_epoch >= 0,
                open_since: one.current_txn_start_offset,
            })
            .collect();
        known.sort_by_key(|one| one.producer.id);
        super::answer(told.error_code, known)
    }
}

impl Cluster {
    /// A fresh id for a producer without transactions.
    ///
    /// # Panics
    /// When it gets none.
    pub async fn producer(&self) -> Producer {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(60_000)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        let connection = self.any_connection().await;
        // A broker that has just started has no ids yet.
        let response = self
            .eventually("a producer id", async || {
                let response = connection.call(&request).await.expect("is answered");
                (response.error_code == 0).then_some(response)
            })
            .await;
        Producer {
            id: response.producer_id.0,
            epoch: response.producer_epoch,
        }
    }
}
