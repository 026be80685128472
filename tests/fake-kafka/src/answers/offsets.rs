//! ListOffsets, OffsetForLeaderEpoch, DeleteRecords, DescribeProducers.

use super::code;
use crate::core::Core;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    DeleteRecordsRequest, DeleteRecordsResponse, DescribeProducersRequest,
    DescribeProducersResponse, ListOffsetsRequest, ListOffsetsResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, ProducerId,
};

/// The replica id of a consumer that looks behind the high watermark.
const DEBUGGING_CONSUMER: i32 = -2;
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

impl Core {
    pub(crate) fn list_offsets(
        &self,
        broker: i32,
        request: &ListOffsetsRequest,
        forced: Option<i16>,
    ) -> ListOffsetsResponse {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let answer = ListOffsetsPartitionResponse::default()
                    .with_partition_index(asked.partition_index)
                    .with_timestamp(-1)
                    .with_offset(-1)
                    .with_leader_epoch(-1);
                let name = topic.name.0.as_str();
                let leads = || {
                    self.leads(
                        broker,
                        name,
                        asked.partition_index,
                        asked.current_leader_epoch,
                    )
                };
                if let Err(code) = forced.map_or_else(leads, Err) {
                    return answer.with_error_code(code);
                }
                let Some(partition) = self.partition(name, asked.partition_index) else {
                    return answer.with_error_code(code::UNKNOWN_TOPIC_OR_PARTITION);
                };
                let latest = match (request.replica_id.0, request.isolation_level) {
                    (DEBUGGING_CONSUMER, _) => partition.log.end(),
                    (_, 1) => partition.last_stable(),
                    _ => partition.high_watermark(),
                };
                let offset = match asked.timestamp {
                    LATEST => latest,
                    EARLIEST => partition.log.start,
                    timestamp => partition
                        .log
                        .batches()
                        .iter()
                        .find(|batch| batch.max_timestamp_ms >= timestamp)
                        .map_or(-1, |batch| batch.base_offset),
                };
                answer
                    .with_offset(offset)
                    .with_leader_epoch(partition.epoch)
            });
            ListOffsetsTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        ListOffsetsResponse::default().with_topics(topics.collect())
    }

    pub(crate) fn epoch_ends(
        &self,
        broker: i32,
        request: &OffsetForLeaderEpochRequest,
        forced: Option<i16>,
    ) -> OffsetForLeaderEpochResponse {
        let topics = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|asked| {
                let answer = EpochEndOffset::default()
                    .with_partition(asked.partition)
                    .with_leader_epoch(-1)
                    .with_end_offset(-1);
                let name = topic.topic.0.as_str();
                let leads =
                    || self.leads(broker, name, asked.partition, asked.current_leader_epoch);
                if let Err(code) = forced.map_or_else(leads, Err) {
                    return answer.with_error_code(code);
                }
                let found = self
                    .partition(name, asked.partition)
                    .and_then(|partition| partition.log.epoch_end(asked.leader_epoch));
                match found {
                    Some((epoch, end)) => answer.with_leader_epoch(epoch).with_end_offset(end),
                    None => answer,
                }
            });
            OffsetForLeaderTopicResult::default()
                .with_topic(topic.topic.clone())
                .with_partitions(partitions.collect())
        });
        OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
    }

    pub(crate) fn delete_records(
        &mut self,
        broker: i32,
        request: &DeleteRecordsRequest,
        forced: Option<i16>,
    ) -> DeleteRecordsResponse {
        let topics = request.topics.iter().map(|topic| {
            let name = topic.name.0.as_str();
            let partitions = topic.partitions.iter().map(|asked| {
                let answer = DeleteRecordsPartitionResult::default()
                    .with_partition_index(asked.partition_index)
                    .with_low_watermark(-1);
                let leads = || self.leads(broker, name, asked.partition_index, -1);
                if let Err(code) = forced.map_or_else(leads, Err) {
                    return answer.with_error_code(code);
                }
                let Some(partition) = self.partition_mut(name, asked.partition_index) else {
                    return answer.with_error_code(code::UNKNOWN_TOPIC_OR_PARTITION);
                };
                let before = match asked.offset {
                    -1 => partition.high_watermark(),
                    offset => offset,
                };
                if before > partition.high_watermark() {
                    return answer.with_error_code(code::OFFSET_OUT_OF_RANGE);
                }
                partition.log.delete_before(before);
                answer.with_low_watermark(partition.log.start)
            });
            DeleteRecordsTopicResult::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        DeleteRecordsResponse::default().with_topics(topics.collect())
    }

    pub(crate) fn describe_producers(
        &self,
        broker: i32,
        request: &DescribeProducersRequest,
        forced: Option<i16>,
    ) -> DescribeProducersResponse {
        let topics = request.topics.iter().map(|topic| {
            let name = topic.name.0.as_str();
            let partitions = topic.partition_indexes.iter().map(|index| {
                let answer = PartitionResponse::default().with_partition_index(*index);
                let leads = || self.leads(broker, name, *index, -1);
                if let Err(code) = forced.map_or_else(leads, Err) {
                    return answer.with_error_code(code);
                }
                let producers = self
                    .partition(name, *index)
                    .into_iter()
                    .flat_map(|partition| {
                        partition.log.producers.iter().map(|(id, producer)| {
                            ProducerState::default()
                                .with_producer_id(ProducerId(id))
                                .with_producer_epoch(producer.epoch.into())
                                .with_last_sequence(producer.last_sequence())
                                .with_last_timestamp(producer.last_timestamp_ms)
                                .with_coordinator_epoch(-1)
                                .with_current_txn_start_offset(producer.open_since.unwrap_or(-1))
                        })
                    });
                answer.with_active_producers(producers.collect())
            });
            TopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        DescribeProducersResponse::default().with_topics(topics.collect())
    }
}
