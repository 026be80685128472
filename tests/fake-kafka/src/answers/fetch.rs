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
    /// Bytes that a follower sends.
    from_followers: usize,
    partitions: usize,
    remote: usize,
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
            from_followers: 0,
            partitions: 0,
            remote: 0,
        };
        if request.session_epoch > NO_SESSION && request.session_id != 0 {
            // No session is ever kept: FETCH_SESSION_ID_NOT_FOUND.
            answer.response.error_code = 70;
            answer.urgent = true;
            return answer;
        }
        let committed = request.isolation_level == 1;
        let mut remote_served = false;
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
                        let nearer = self.nearer(broker, name, wanted.partition, &request.rack_id);
                        // One partition of a request is read from remote storage, and no other.
                        let remote = self.is_remote(name, wanted);
                        let left = match remote && remote_served {
                            true => None,
                            false => Some(left),
                        };
                        remote_served |= remote;
                        answer.remote += usize::from(remote);
                        match nearer {
                            Some(nearer) => self.sent_on(broker, name, wanted, nearer),
                            None => {
                                let first = answer.bytes == 0;
                                self.fetch_one(broker, name, wanted, committed, left, first)
                            }
                        }
                    }
                };
                let bytes = data.records.as_ref().map_or(0, Bytes::len);
                answer.bytes += bytes;
                answer.partitions += 1;
                if let Some(name) = &name
                    && self.leads(broker, name, wanted.partition) == Some(false)
                {
                    answer.from_followers += bytes;
                }
                answer.urgent |= data.error_code != 0
                    || data.diverging_epoch.end_offset >= 0
                    || data.preferred_read_replica.0 >= 0;
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
        bytes_left: Option<usize>,
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
        let Some(bytes_left) = bytes_left else {
            return answer.with_records(Some(Bytes::new()));
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

impl Core {
    pub(crate) fn count_fetch(&mut self, answer: &FetchAnswer) {
        self.counts.bytes_from_followers += answer.from_followers as u64;
        self.counts.bytes_from_leaders += (answer.bytes - answer.from_followers) as u64;
        self.counts.remote_fetches += answer.remote as u64;
        if answer.remote > 0 {
            self.counts.beside_remote += (answer.partitions - 1) as u64;
        }
    }

    fn leads(&self, broker: i32, name: &str, index: i32) -> Option<bool> {
        let partition = self.partition(name, index)?;
        Some(partition.leader == Some(broker))
    }

    /// The replica in `rack` that a leader names in place of itself.
    fn nearer(&self, broker: i32, name: &str, index: i32, rack: &str) -> Option<i32> {
        if !self.options.rack_aware || rack.is_empty() {
            return None;
        }
        let partition = self.replica(broker, name, index, -1).ok()?;
        if partition.leader != Some(broker) {
            return None;
        }
        let near = |other: &i32| format!("rack-{other}") == rack;
        let found = partition.in_sync().find(near);
        found.filter(|found| *found != broker)
    }

    /// The answer of a leader that names another replica.
    fn sent_on(&self, broker: i32, name: &str, wanted: &FetchPartition, to: i32) -> PartitionData {
        // It checks the request as any other, and answers without records.
        let checked = self.fetch_one(broker, name, wanted, true, None, false);
        match checked.error_code == 0 && checked.diverging_epoch.end_offset < 0 {
            true => checked.with_preferred_read_replica(BrokerId(to)),
            false => checked,
        }
    }

    /// Whether what is wanted lies in remote storage alone.
    fn is_remote(&self, name: &str, wanted: &FetchPartition) -> bool {
        self.remote_until(name, wanted.partition)
            .is_some_and(|until| wanted.fetch_offset < until)
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
