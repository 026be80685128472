//! InitProducerId, AddPartitionsToTxn, EndTxn.

use super::code;
use crate::core::Core;
use crate::transactions::{Markers, Place};
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, EndTxnRequest, EndTxnResponse,
    InitProducerIdRequest, InitProducerIdResponse, ProducerId,
};
use std::collections::BTreeMap;

/// How long a transaction may stay open at most (`transaction.max.timeout.ms`).
const TIMEOUT_MAX_MS: i64 = 900_000;

impl Core {
    fn coordinates(&self, broker: i32) -> Result<(), i16> {
        match self.coordinator_broker() {
            Some(coordinator) if coordinator == broker => Ok(()),
            _ => Err(code::NOT_COORDINATOR),
        }
    }

    pub(crate) fn init_producer_id(
        &mut self,
        broker: i32,
        request: &InitProducerIdRequest,
        forced: Option<i16>,
    ) -> (InitProducerIdResponse, Option<Markers>) {
        let answer = InitProducerIdResponse::default()
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        if let Some(code) = forced {
            return (answer.with_error_code(code), None);
        }
        let fresh = self.fresh_producer_id();
        let Some(id) = request.transactional_id.as_ref() else {
            let answer = answer
                .with_producer_id(ProducerId(fresh))
                .with_producer_epoch(0);
            return (answer, None);
        };
        if id.0.is_empty() {
            return (answer.with_error_code(code::INVALID_REQUEST), None);
        }
        if let Err(code) = self.coordinates(broker) {
            return (answer.with_error_code(code), None);
        }
        let timeout_ms: i64 = request.transaction_timeout_ms.into();
        if !(1..=TIMEOUT_MAX_MS).contains(&timeout_ms) {
            return (
                answer.with_error_code(code::INVALID_TRANSACTION_TIMEOUT),
                None,
            );
        }
        let (result, markers) = self
            .coordinator
            .initialise(id.0.as_str(), timeout_ms, fresh);
        let answer = match result {
            Ok((id, epoch)) => answer
                .with_producer_id(ProducerId(id))
                .with_producer_epoch(epoch),
            Err(code) => answer.with_error_code(code),
        };
        (answer, markers)
    }

    pub(crate) fn add_partitions(
        &mut self,
        broker: i32,
        request: &AddPartitionsToTxnRequest,
        forced: Option<i16>,
    ) -> AddPartitionsToTxnResponse {
        let topics = &request.v3_and_below_topics;
        let places: Vec<Place> = topics
            .iter()
            .flat_map(|topic| {
                let name = topic.name.0.to_string();
                topic
                    .partitions
                    .iter()
                    .map(move |index| (name.clone(), *index))
            })
            .collect();
        let refused = |place: &Place| self.known(&place.0, place.1).err();
        let unknown: BTreeMap<Place, i16> = places
            .iter()
            .filter_map(|place| Some((place.clone(), refused(place)?)))
            .collect();
        let added = match forced {
            Some(code) => Err(code),
            None if !unknown.is_empty() => Err(code::OPERATION_NOT_ATTEMPTED),
            None => self.coordinates(broker).and_then(|()| {
                let now_ms = self.clock.now_ms();
                self.coordinator.add(
                    request.v3_and_below_transactional_id.0.as_str(),
                    request.v3_and_below_producer_id.0,
                    request.v3_and_below_producer_epoch,
                    places,
                    now_ms,
                )
            }),
        };
        let error = added.err().unwrap_or(0);
        let results = topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|index| {
                let place = (topic.name.0.to_string(), *index);
                let own = unknown.get(&place).filter(|_| forced.is_none());
                AddPartitionsToTxnPartitionResult::default()
                    .with_partition_index(*index)
                    .with_partition_error_code(own.copied().unwrap_or(error))
            });
            AddPartitionsToTxnTopicResult::default()
                .with_name(topic.name.clone())
                .with_results_by_partition(partitions.collect())
        });
        AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results.collect())
    }

    pub(crate) fn end_txn(
        &mut self,
        broker: i32,
        request: &EndTxnRequest,
        forced: Option<i16>,
    ) -> (EndTxnResponse, Option<Markers>) {
        let ended = match forced {
            Some(code) => Err(code),
            None => self.coordinates(broker).and_then(|()| {
                self.coordinator.end(
                    request.transactional_id.0.as_str(),
                    request.producer_id.0,
                    request.producer_epoch,
                    request.committed,
                )
            }),
        };
        match ended {
            Ok(markers) => (EndTxnResponse::default(), markers),
            Err(code) => (EndTxnResponse::default().with_error_code(code), None),
        }
    }
}
