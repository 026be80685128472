//! Produce.

use super::code;
use crate::batch::Batch;
use crate::core::{Cleanup, Core};
use crate::partition::Produced;
use crate::producers::{INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER};
use crate::transactions::Place;
use crate::validation::{Rules, refusal};
use crate::versions::Release;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::ProduceResponse;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};

/// The code for a batch whose partition was not added to its transaction, from Produce 11 on (KIP-890);
/// nobody here speaks older versions to brokers that look.
const TRANSACTION_ABORTABLE: i16 = 120;

/// The number of acknowledgements that asks for the leader's alone.
const LEADER_ALONE: i16 = 1;

/// What became of one partition of a request.
#[derive(Debug, Clone)]
pub(crate) struct Appended {
    pub(crate) topic: TopicName,
    pub(crate) index: i32,
    pub(crate) result: Result<Acknowledgement, i16>,
}

/// What a request says for all of its partitions.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    /// The transactional id.
    id: Option<&'a str>,
    leader_alone: bool,
}

/// Where a batch was appended, and what has to be replicated before it is acknowledged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acknowledgement {
    pub(crate) base_offset: i64,
    pub(crate) end: i64,
    pub(crate) epoch: i32,
    pub(crate) log_append_time_ms: i64,
    pub(crate) log_start: i64,
    /// Nobody waits for the followers.
    pub(crate) leader_alone: bool,
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
        let data = request.topic_data.iter().flat_map(|topic| {
            let partitions = topic.partition_data.iter();
            partitions.map(|partition| (topic.name.clone(), partition))
        });
        let mut parts: Vec<(TopicName, i32, Option<Batch>)> = Vec::new();
        for (name, partition) in data {
            let records = partition.records.clone().unwrap_or_default();
            parts.push((name, partition.index, Batch::only(records)));
        }
        let mut batches = parts.iter().filter_map(|(_, _, batch)| batch.as_ref());
        let nameless = id.is_none() && batches.any(Batch::transactional);
        let forced = forced.or(nameless.then_some(code::TRANSACTIONAL_ID_AUTHORIZATION_FAILED));
        let mut appended = Vec::new();
        for (topic, index, batch) in parts {
            let place = (topic.0.to_string(), index);
            let asked = Asked {
                id: id.as_deref(),
                leader_alone: request.acks == LEADER_ALONE,
            };
            let result = match forced {
                Some(code) => Err(code),
                None => self.produce_to(broker, &place, batch, asked),
            };
            appended.push(Appended {
                topic,
                index,
                result,
            });
        }
        appended
    }

    fn produce_to(
        &mut self,
        broker: i32,
        place: &Place,
        batch: Option<Batch>,
        asked: Asked<'_>,
    ) -> Result<Acknowledgement, i16> {
        self.known(&place.0, place.1)?;
        let batch = batch.ok_or(refusal::INVALID_RECORD)?;
        let partition = self.led(broker, &place.0, place.1, -1)?;
        if self.full_disks.contains(&broker) {
            return Err(code::KAFKA_STORAGE_ERROR);
        }
        let open = partition.log.producers.has_open(&batch);
        if let Some(id) = asked.id
            && batch.transactional()
            && !open
        {
            self.verify(id, &batch, place)?;
        }
        let rules = self.rules(place)?;
        let in_sync_min = self.in_sync_min(place);
        let partition = self
            .partition_mut(&place.0, place.1)
            .ok_or(code::UNKNOWN_TOPIC_OR_PARTITION)?;
        if partition.in_sync().count() < in_sync_min && !asked.leader_alone {
            return Err(code::NOT_ENOUGH_REPLICAS);
        }
        let end_before = partition.log.end();
        let remembered = partition
            .log
            .producers
            .iter()
            .any(|(known, _)| known == batch.producer_id);
        let sequence = batch.base_sequence;
        let appended = partition.produce(batch, &rules).map(|produced| {
            let (base_offset, log_append_time_ms) = match produced {
                Produced::Now(base) if rules.log_append_time => (base, rules.now_ms),
                Produced::Now(base) => (base, -1),
                // As brokers have it, whosever time it is.
                Produced::Before(place) => (place.base_offset, place.max_timestamp_ms),
            };
            Acknowledgement {
                base_offset,
                end: partition.log.end(),
                epoch: partition.epoch,
                log_append_time_ms,
                log_start: partition.log.start,
                leader_alone: asked.leader_alone,
            }
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

    /// Whether the coordinator knows a batch as part of the open transaction of `id`: later releases
    /// ask it about the first batch of a transaction in each partition (KIP-890, part 1).
    fn verify(&self, id: &str, batch: &Batch, place: &Place) -> Result<(), i16> {
        let (producer_id, epoch) = (batch.producer_id, batch.producer_epoch);
        if self.options.release == Release::V2_8
            || self.coordinator.holds(id, producer_id, epoch, place)
        {
            return Ok(());
        }
        let own = self.coordinator.get(id);
        Err(match own.is_some_and(|own| own.epoch > epoch) {
            true => INVALID_PRODUCER_EPOCH,
            false => TRANSACTION_ABORTABLE,
        })
    }

    fn rules(&self, place: &Place) -> Result<Rules, i16> {
        let topic = self.topics.get(&place.0);
        let topic = topic.ok_or(code::UNKNOWN_TOPIC_OR_PARTITION)?;
        Ok(Rules {
            release: self.options.release,
            batch_bytes_max: topic.options.batch_bytes_max,
            keyed: topic.options.cleanup != Cleanup::Delete,
            log_append_time: topic.options.log_append_time,
            after_max_ms: topic.options.after_max_ms,
            now_ms: self.clock.now_ms(),
        })
    }

    /// How many replicas must be in sync: for later releases never more than there are.
    fn in_sync_min(&self, place: &Place) -> usize {
        let own = self
            .topics
            .get(&place.0)
            .and_then(|topic| topic.options.in_sync_min);
        let demanded = own.unwrap_or(self.options.in_sync_min);
        match self.partition(&place.0, place.1) {
            Some(partition) if self.options.release > Release::V2_8 => {
                demanded.min(partition.replicas().count())
            }
            _ => demanded,
        }
    }

    /// Whether everything that was appended is replicated, or can't be any more: then with the
    /// error for it.
    pub(crate) fn acknowledge(&self, broker: i32, appended: &mut [Appended]) -> bool {
        let mut done = true;
        for one in appended {
            let Ok(place) = one.result else { continue };
            if place.leader_alone {
                continue;
            }
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
