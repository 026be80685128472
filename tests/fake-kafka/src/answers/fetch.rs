//! Fetch.

use super::code;
use crate::core::Core;
use bytes::Bytes;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, PartitionData,
};
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse, ProducerId};

/// Fetch session epochs that begin no session.
const NO_SESSION: i32 = -1;

/// A fetch's answer, and whether there is anything in it that is not to be waited with.
#[derive(Debug)]
pub(crate) struct FetchAnswer {
    pub(crate) response: FetchResponse,
    pub(crate) bytes: usize,
    pub(crate) urgent: bool,
}

impl Core {
    pub(crate) fn fetch(
        &self,
        broker: i32,
        request: &FetchRequest,
        version: i16,
        forced: Option<i16>,
    ) -> FetchAnswer {
        let mut answer = FetchAnswer {
            response: FetchResponse::default(),
            bytes: 0,
            urgent: false,
        };
        if request.session_epoch > NO_SESSION && request.session_id != 0 {
            // No session is ever kept: FETCH_SESSION_ID_NOT_FOUND.
            answer.response.error_code = 70;
            answer.urgent = true;
            return answer;
        }
        let committed = request.isolation_level == 1;
        for topic in &request.topics {
            let name = match version >= 13 {
                true => self.topic_name(topic.topic_id).map(str::to_owned),
                false => Some(topic.topic.0.to_string()),
            };
            let mut response = FetchableTopicResponse::default().with_topic_id(topic.topic_id);
            if version < 13 {
                response.topic = topic.topic.clone();
            }
            for wanted in &topic.partitions {
                let left = usize::try_from(request.max_bytes)
                    .unwrap_or(0)
                    .saturating_sub(answer.bytes);
                let data = match (forced, &name) {
                    (Some(code), _) => refused(wanted, code),
                    (None, None) => refused(wanted, code::UNKNOWN_TOPIC_ID),
                    (None, Some(name)) => {
                        self.fetch_one(broker, name, wanted, committed, left, answer.bytes == 0)
                    }
                };
                let bytes = data.records.as_ref().map_or(0, Bytes::len);
                answer.bytes += bytes;
                answer.urgent |= data.error_code != 0 || data.diverging_epoch.end_offset >= 0;
                response.partitions.push(data);
            }
            answer.response.responses.push(response);
        }
        answer
    }

    fn fetch_one(
        &self,
        broker: i32,
        name: &str,
        wanted: &FetchPartition,
        committed: bool,
        bytes_left: usize,
        first: bool,
    ) -> PartitionData {
        // Followers serve consumers too (KIP-392).
        let found = self.replica(broker, name, wanted.partition, wanted.current_leader_epoch);
        let partition = match found {
            Ok(partition) => partition,
            Err(code) => return refused(wanted, code),
        };
        let log = &partition.log;
        let end = match partition.leader == Some(broker) {
            true => log.end(),
            false => partition.end_at(broker).unwrap_or(0),
        };
        let last_stable = partition.last_stable(self.options.release);
        let answer = PartitionData::default()
            .with_partition_index(wanted.partition)
            .with_high_watermark(partition.high_watermark())
            .with_last_stable_offset(last_stable)
            .with_log_start_offset(log.start)
            .with_preferred_read_replica(BrokerId(-1));
        let inside = (log.start..=end).contains(&wanted.fetch_offset);
        if wanted.last_fetched_epoch >= 0 {
            let Some((epoch, end)) = log.epoch_end(wanted.last_fetched_epoch) else {
                return refused(wanted, code::OFFSET_OUT_OF_RANGE);
            };
            let same = epoch >= wanted.last_fetched_epoch && end >= wanted.fetch_offset;
            if !same && wanted.fetch_offset >= log.start {
                let diverging = EpochEndOffset::default()
                    .with_epoch(epoch)
                    .with_end_offset(end);
                return answer.with_diverging_epoch(diverging);
            }
        }
        if !inside {
            return refused(wanted, code::OFFSET_OUT_OF_RANGE);
        }
        let below = match committed {
            true => last_stable,
            false => partition.high_watermark(),
        };
        let bytes_max = usize::try_from(wanted.partition_max_bytes).unwrap_or(0);
        let (records, next) = log.read(
            wanted.fetch_offset,
            below.min(end),
            (bytes_max.min(bytes_left), first),
            self.options.fetch_batches_max,
        );
        let aborted = committed.then(|| {
            log.aborted_in(wanted.fetch_offset, next.max(wanted.fetch_offset))
                .map(|aborted| {
                    AbortedTransaction::default()
                        .with_producer_id(ProducerId(aborted.producer_id))
                        .with_first_offset(aborted.first_offset)
                })
                .collect()
        });
        answer
            .with_aborted_transactions(aborted)
            .with_records(Some(records))
    }
}

fn refused(wanted: &FetchPartition, code: i16) -> PartitionData {
    PartitionData::default()
        .with_partition_index(wanted.partition)
        .with_error_code(code)
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_preferred_read_replica(BrokerId(-1))
        .with_records(Some(Bytes::new()))
}
