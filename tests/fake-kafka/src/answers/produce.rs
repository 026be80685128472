//! Produce.

use super::code;
use crate::batch::{Batch, refusal};
use crate::core::Core;
use crate::producers::{INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER};
use crate::transactions::{Place, code as transaction};
use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::ProduceResponse;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};

/// What became of one partition of a request.
#[derive(Debug, Clone)]
pub(crate) struct Appended {
    pub(crate) topic: TopicName,
    pub(crate) index: i32,
    pub(crate) result: Result<Acknowledgement, i16>,
}

/// Where a batch was appended, and what has to be replicated before it is acknowledged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acknowledgement {
    pub(crate) base_offset: i64,
    pub(crate) end: i64,
    pub(crate) epoch: i32,
    pub(crate) log_append_time_ms: i64,
    pub(crate) log_start: i64,
}

impl Core {
    /// Appends what can be appended.
    pub(crate) fn produce(
        &mut self,
        broker: i32,
        request: &ProduceRequest,
        forced: Option<i16>,
    ) -> Vec<Appended> {
        let id = request.transactional_id.as_ref().map(|id| id.0.to_string());
        let mut appended = Vec::new();
        for topic in &request.topic_data {
            for partition in &topic.partition_data {
                let result = match forced {
                    Some(code) => Err(code),
                    None => self.produce_to(
                        broker,
                        &(topic.name.0.to_string(), partition.index),
                        partition.records.clone().unwrap_or_default(),
                        id.as_deref(),
                    ),
                };
                appended.push(Appended {
                    topic: topic.name.clone(),
                    index: partition.index,
                    result,
                });
            }
        }
        appended
    }

    fn produce_to(
        &mut self,
        broker: i32,
        place: &Place,
        mut records: Bytes,
        id: Option<&str>,
    ) -> Result<Acknowledgement, i16> {
        self.leads(broker, &place.0, place.1, -1)?;
        if self.full_disks.contains(&broker) {
            return Err(code::KAFKA_STORAGE_ERROR);
        }
        let batch = Batch::read(&mut records).ok_or(refusal::CORRUPT_MESSAGE)?;
        if !records.is_empty() {
            return Err(refusal::INVALID_RECORD);
        }
        // A partition that the coordinator does not know of is refused (KIP-890, part 1).
        let known = |id| {
            let (producer_id, epoch) = (batch.producer_id, batch.producer_epoch);
            self.coordinator.holds(id, producer_id, epoch, place)
        };
        match id {
            Some(id) if batch.transactional() && !known(id) => {
                let fenced = self
                    .coordinator
                    .get(id)
                    .is_some_and(|own| own.epoch > batch.producer_epoch);
                return Err(match fenced {
                    true => INVALID_PRODUCER_EPOCH,
                    false => transaction::INVALID_TXN_STATE,
                });
            }
            None if batch.transactional() => return Err(transaction::INVALID_TXN_STATE),
            _ => {}
        }
        let in_sync_min = self.options.in_sync_min;
        let options = self.topics.get(&place.0).map(|topic| topic.options.clone());
        let options = options.ok_or(code::UNKNOWN_TOPIC_OR_PARTITION)?;
        let now_ms = self.clock.now_ms();
        let partition = self
            .partition_mut(&place.0, place.1)
            .ok_or(code::UNKNOWN_TOPIC_OR_PARTITION)?;
        let end_before = partition.log.end();
        let remembered = partition
            .log
            .producers
            .iter()
            .any(|(known, _)| known == batch.producer_id);
        let sequence = batch.base_sequence;
        let result = partition.produce(batch, options.batch_bytes_max, in_sync_min);
        let appended = result.map(|base_offset| Acknowledgement {
            base_offset,
            end: partition.log.end(),
            epoch: partition.epoch,
            log_append_time_ms: if options.log_append_time { now_ms } else { -1 },
            log_start: partition.log.start,
        });
        match &appended {
            Ok(place) if place.base_offset < end_before => self.counts.duplicates += 1,
            Ok(_) if !remembered && sequence > 0 => self.counts.appends_without_state += 1,
            Err(OUT_OF_ORDER_SEQUENCE_NUMBER | INVALID_PRODUCER_EPOCH) => {
                self.counts.refused_sequences += 1;
            }
            _ => {}
        }
        appended
    }

    /// Whether everything that was appended is replicated, or can't be any more: then with the
    /// error for it.
    pub(crate) fn acknowledge(&self, broker: i32, appended: &mut [Appended]) -> bool {
        let mut done = true;
        for one in appended {
            let Ok(place) = one.result else { continue };
            let Some(partition) = self.partition(one.topic.0.as_str(), one.index) else {
                one.result = Err(code::UNKNOWN_TOPIC_OR_PARTITION);
                continue;
            };
            if partition.epoch != place.epoch || partition.leader != Some(broker) {
                one.result = Err(code::NOT_LEADER_OR_FOLLOWER);
            } else if partition.high_watermark() < place.end {
                done = false;
            }
        }
        done
    }
}

/// What is still not replicated is answered as timed out.
pub(crate) fn late(core: &Core, appended: &mut [Appended]) {
    for one in appended {
        let behind = |place: &Acknowledgement| {
            core.partition(one.topic.0.as_str(), one.index)
                .is_none_or(|partition| partition.high_watermark() < place.end)
        };
        if one.result.as_ref().is_ok_and(behind) {
            one.result = Err(code::REQUEST_TIMED_OUT);
        }
    }
}

pub(crate) fn response(appended: Vec<Appended>) -> ProduceResponse {
    let mut topics: Vec<TopicProduceResponse> = Vec::new();
    for one in appended {
        let answer = PartitionProduceResponse::default().with_index(one.index);
        let answer = match one.result {
            Ok(place) => answer
                .with_base_offset(place.base_offset)
                .with_log_append_time_ms(place.log_append_time_ms)
                .with_log_start_offset(place.log_start),
            Err(code) => answer
                .with_error_code(code)
                .with_base_offset(-1)
                .with_log_append_time_ms(-1),
        };
        match topics.last_mut().filter(|topic| topic.name == one.topic) {
            Some(topic) => topic.partition_responses.push(answer),
            None => topics.push(
                TopicProduceResponse::default()
                    .with_name(one.topic)
                    .with_partition_responses(vec![answer]),
            ),
        }
    }
    ProduceResponse::default().with_responses(topics)
}
