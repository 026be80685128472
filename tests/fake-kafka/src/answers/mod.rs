//! What brokers answer: one file for each group of APIs.
//!
//! Each function answers at once; what has to be waited for (replication, records to come) is left
//! to the connection.

pub(crate) mod fetch;
pub(crate) mod metadata;
pub(crate) mod offsets;
pub(crate) mod produce;
pub(crate) mod topics;
pub(crate) mod transactions;

use crate::core::Core;
use crate::partition::Partition;

/// Kafka's codes that more than one API answers with.
pub(crate) mod code {
    pub(crate) const OFFSET_OUT_OF_RANGE: i16 = 1;
    pub(crate) const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    pub(crate) const LEADER_NOT_AVAILABLE: i16 = 5;
    pub(crate) const NOT_LEADER_OR_FOLLOWER: i16 = 6;
    pub(crate) const REQUEST_TIMED_OUT: i16 = 7;
    pub(crate) const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    pub(crate) const NOT_COORDINATOR: i16 = 16;
    pub(crate) const INVALID_TOPIC_EXCEPTION: i16 = 17;
    pub(crate) const NOT_ENOUGH_REPLICAS: i16 = 19;
    pub(crate) const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
    pub(crate) const TOPIC_ALREADY_EXISTS: i16 = 36;
    pub(crate) const INVALID_PARTITIONS: i16 = 37;
    pub(crate) const INVALID_REPLICATION_FACTOR: i16 = 38;
    pub(crate) const INVALID_CONFIG: i16 = 40;
    pub(crate) const INVALID_REQUEST: i16 = 42;
    pub(crate) const POLICY_VIOLATION: i16 = 44;
    pub(crate) const INVALID_TRANSACTION_TIMEOUT: i16 = 50;
    pub(crate) const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;
    pub(crate) const OPERATION_NOT_ATTEMPTED: i16 = 55;
    pub(crate) const KAFKA_STORAGE_ERROR: i16 = 56;
    pub(crate) const FENCED_LEADER_EPOCH: i16 = 74;
    pub(crate) const UNKNOWN_LEADER_EPOCH: i16 = 75;
    pub(crate) const UNKNOWN_TOPIC_ID: i16 = 100;
}

impl Core {
    /// A partition that the caller may know of.
    pub(crate) fn known(&self, topic: &str, index: i32) -> Result<&Partition, i16> {
        if self.denied.contains(topic) {
            return Err(code::TOPIC_AUTHORIZATION_FAILED);
        }
        self.partition(topic, index)
            .ok_or(code::UNKNOWN_TOPIC_OR_PARTITION)
    }

    /// A partition that `broker` has a replica of, for a caller that knows of no other epoch.
    pub(crate) fn replica(
        &self,
        broker: i32,
        topic: &str,
        index: i32,
        known_epoch: i32,
    ) -> Result<&Partition, i16> {
        let partition = self.known(topic, index)?;
        if partition.end_at(broker).is_none() {
            return Err(code::NOT_LEADER_OR_FOLLOWER);
        }
        if known_epoch >= 0 && known_epoch < partition.epoch {
            return Err(code::FENCED_LEADER_EPOCH);
        }
        if known_epoch > partition.epoch {
            return Err(code::UNKNOWN_LEADER_EPOCH);
        }
        Ok(partition)
    }

    /// A partition that `broker` leads, for a caller that knows of no other epoch.
    pub(crate) fn led(
        &self,
        broker: i32,
        topic: &str,
        index: i32,
        known_epoch: i32,
    ) -> Result<&Partition, i16> {
        let partition = self.replica(broker, topic, index, known_epoch)?;
        match partition.leader {
            Some(leader) if leader == broker => Ok(partition),
            _ => Err(code::NOT_LEADER_OR_FOLLOWER),
        }
    }
}
