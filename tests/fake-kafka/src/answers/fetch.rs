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

/// A fetch's answer, and whether there is anything in it that is worth not waiting for.
#[derive(Debug)]
pub(crate) struct FetchAnswer {
    pub(crate) response: FetchResponse,
    pub(crate) bytes: usize,
    pub(crate) news: bool,
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
            news: false,
        };
        if request.session_epoch > NO_SESSION && request.session_id != 0 {
            // No session is ever kept: FETCH_SESSION_ID_NOT_FOUND.
            answer.response.error_code = 70;
            answer.news = true;
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
                    (Some(code), _) => refused(wanted, code, -1),
                    (None, None) => refused(wanted, code::UNKNOWN_TOPIC_ID, -1),
                    (None, Some(name)) => {
                        self.fetch_one(broker, name, wanted, committed, left, answer.bytes == 0)
                    }
                };
                let bytes = data.records.as_ref().map_or(0, Bytes::len);
                answer.bytes += bytes;
                answer.news |=
                    bytes > 0 || data.error_code != 0 || data.diverging_epoch.end_offset >= 0;
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
        if let Err(code) = self.leads(broker, name, wanted.partition, wanted.current_leader_epoch) {
            return refused(wanted, code, -1);
        }
        let Some(partition) = self.partition(name, wanted.partition) else {
            return refused(wanted, code::UNKNOWN_TOPIC_OR_PARTITION, -1);
        };
        let log = &partition.log;
        if wanted.last_fetched_epoch >= 0 {
            let found = log.epoch_end(wanted.last_fetched_epoch);
            let (epoch, end) = found.unwrap_or((-1, log.start));
            if epoch < wanted.last_fetched_epoch || end < wanted.fetch_offset {
                let diverging = EpochEndOffset::default()
                    .with_epoch(epoch)
                    .with_end_offset(end);
                return PartitionData::default()
                    .with_partition_index(wanted.partition)
                    .with_high_watermark(partition.high_watermark())
                    .with_last_stable_offset(partition.last_stable())
                    .with_log_start_offset(log.start)
                    .with_diverging_epoch(diverging)
                    .with_preferred_read_replica(BrokerId(-1));
            }
        }
        if wanted.fetch_offset < log.start || wanted.fetch_offset > log.end() {
            return refused(wanted, code::OFFSET_OUT_OF_RANGE, log.start);
        }
        let below = match committed {
            true => partition.last_stable(),
            false => partition.high_watermark(),
        };
        let bytes_max = usize::try_from(wanted.partition_max_bytes)
            .unwrap_or(0)
            .min(bytes_left);
        let (records, next) = match bytes_left == 0 && !first {
            true => (Bytes::new(), wanted.fetch_offset),
            false => log.read(
                wanted.fetch_offset,
                below,
                bytes_max,
                self.options.fetch_batches_max,
            ),
        };
        let records = match first || records.len() <= bytes_left {
            true => records,
            false => Bytes::new(),
        };
        let aborted = committed.then(|| {
            log.aborted_in(wanted.fetch_offset, next.max(wanted.fetch_offset))
                .map(|aborted| {
                    AbortedTransaction::default()
                        .with_producer_id(ProducerId(aborted.producer_id))
                        .with_first_offset(aborted.first_offset)
                })
                .collect()
        });
        PartitionData::default()
            .with_partition_index(wanted.partition)
            .with_high_watermark(partition.high_watermark())
            .with_last_stable_offset(partition.last_stable())
            .with_log_start_offset(log.start)
            .with_aborted_transactions(aborted)
            .with_preferred_read_replica(BrokerId(-1))
            .with_records(Some(records))
    }
}

fn refused(wanted: &FetchPartition, code: i16, log_start: i64) -> PartitionData {
    PartitionData::default()
        .with_partition_index(wanted.partition)
        .with_error_code(code)
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(log_start)
        .with_preferred_read_replica(BrokerId(-1))
        .with_records(Some(Bytes::new()))
}
