//! ListOffsets, OffsetForLeaderEpoch, DeleteRecords, DescribeProducers.

use super::code;
use crate::core::{Cleanup, Core};
use crate::versions::Release;
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
/// From 3.0 on (KIP-734).
const LARGEST_TIMESTAMP: i64 = -3;
/// From 3.6 on (KIP-405).
const EARLIEST_LOCAL: i64 = -4;

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
                let (index, known) = (asked.partition_index, asked.current_leader_epoch);
                let led = || self.led(broker, name, index, known);
                let partition = match forced.map_or_else(led, Err) {
                    Ok(partition) => partition,
                    Err(code) => return answer.with_error_code(code),
                };
                let log = &partition.log;
                let release = self.options.release;
                let latest = match (request.replica_id.0, request.isolation_level) {
                    (DEBUGGING_CONSUMER, _) => log.end(),
                    (_, 1) => partition.last_stable(release),
                    _ => partition.high_watermark(),
                };
                let (offset, timestamp_ms) = match asked.timestamp {
                    LATEST => {
                        return answer
                            .with_offset(latest)
                            .with_leader_epoch(partition.epoch);
                    }
                    EARLIEST => (log.start, -1),
                    EARLIEST_LOCAL => {
                        let local = self.remote_until(name, index);
                        (local.map_or(log.start, |until| until.max(log.start)), -1)
                    }
                    LARGEST_TIMESTAMP if release > Release::V2_8 => {
                        log.youngest(latest).unwrap_or((-1, -1))
                    }
                    since_ms => log.first_since(since_ms, latest).unwrap_or((-1, -1)),
                };
                let epoch = if offset < 0 { -1 } else { log.epoch_of(offset) };
                answer
                    .with_offset(offset)
                    .with_timestamp(timestamp_ms)
                    .with_leader_epoch(epoch)
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
                let led = || self.led(broker, name, asked.partition, asked.current_leader_epoch);
                let partition = match forced.map_or_else(led, Err) {
                    Ok(partition) => partition,
                    Err(code) => return answer.with_error_code(code),
                };
                match partition.log.epoch_end(asked.leader_epoch) {
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
                let led = || self.led(broker, name, asked.partition_index, -1).map(drop);
                if let Err(code) = forced.map_or_else(led, Err) {
                    return answer.with_error_code(code);
                }
                let topic = self.topics.get(name);
                if topic.is_some_and(|topic| topic.options.cleanup == Cleanup::Compact) {
                    return answer.with_error_code(code::POLICY_VIOLATION);
                }
                let Some(partition) = self.partition_mut(name, asked.partition_index) else {
                    return answer.with_error_code(code::UNKNOWN_TOPIC_OR_PARTITION);
                };
                let before = match asked.offset {
                    -1 => partition.high_watermark(),
                    offset => offset,
                };
                if !(0..=partition.high_watermark()).contains(&before) {
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
                // Followers tell what they know too.
                let replica = || self.replica(broker, name, *index, -1);
                let partition = match forced.map_or_else(replica, Err) {
                    Ok(partition) => partition,
                    Err(code) => return answer.with_error_code(code),
                };
                let producers = partition.log.producers.iter().map(|(id, producer)| {
                    // There is one coordinator, in its first epoch.
                    let coordinator_epoch = if producer.marked { 0 } else { -1 };
                    ProducerState::default()
                        .with_producer_id(ProducerId(id))
                        .with_producer_epoch(producer.epoch.into())
                        .with_last_sequence(producer.last_sequence())
                        .with_last_timestamp(producer.last_timestamp_ms)
                        .with_coordinator_epoch(coordinator_epoch)
                        .with_current_txn_start_offset(producer.open_since.unwrap_or(-1))
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
