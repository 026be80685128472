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

/// Kafka's codes that more than one API answers with.
pub(crate) mod code {
    pub(crate) const OFFSET_OUT_OF_RANGE: i16 = 1;
    pub(crate) const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    pub(crate) const LEADER_NOT_AVAILABLE: i16 = 5;
    pub(crate) const NOT_LEADER_OR_FOLLOWER: i16 = 6;
    pub(crate) const REQUEST_TIMED_OUT: i16 = 7;
    pub(crate) const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    pub(crate) const NOT_COORDINATOR: i16 = 16;
    pub(crate) const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
    pub(crate) const TOPIC_ALREADY_EXISTS: i16 = 36;
    pub(crate) const KAFKA_STORAGE_ERROR: i16 = 56;
    pub(crate) const FENCED_LEADER_EPOCH: i16 = 74;
    pub(crate) const UNKNOWN_LEADER_EPOCH: i16 = 76;
    pub(crate) const UNKNOWN_TOPIC_ID: i16 = 100;
}

impl Core {
    /// Whether `broker` may answer for a partition: it leads it, and the caller knows of no other
    /// epoch.
    pub(crate) fn leads(
        &self,
        broker: i32,
        topic: &str,
        index: i32,
        known_epoch: i32,
    ) -> Result<(), i16> {
        if self.denied.contains(topic) {
            return Err(code::TOPIC_AUTHORIZATION_FAILED);
        }
        let partition = self
            .partition(topic, index)
            .ok_or(code::UNKNOWN_TOPIC_OR_PARTITION)?;
        if partition.leader != Some(broker) {
            return Err(code::NOT_LEADER_OR_FOLLOWER);
        }
        if known_epoch >= 0 && known_epoch < partition.epoch {
            return Err(code::FENCED_LEADER_EPOCH);
        }
        if known_epoch > partition.epoch {
            return Err(code::UNKNOWN_LEADER_EPOCH);
        }
        Ok(())
    }
}
