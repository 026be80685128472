//! The error codes of Kafka's protocol, by the names that Kafka's own logs use.

use kafka_protocol::error::ResponseError;
use std::fmt;

/// An error code of the protocol (Apache Kafka, `org.apache.kafka.common.protocol.Errors`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub i16);

macro_rules! codes {
    ($($name:ident = $code:literal, $doc:literal;)+) => {
        impl ErrorCode {
            $(#[doc = $doc] pub const $name: Self = Self($code);)+
        }
    };
}

codes! {
    UNKNOWN_SERVER_ERROR = -1, "The broker met something that it did not expect.";
    NONE = 0, "No error.";
    OFFSET_OUT_OF_RANGE = 1, "The offset lies outside of what the log holds.";
    CORRUPT_MESSAGE = 2, "A checksum does not fit.";
    UNKNOWN_TOPIC_OR_PARTITION = 3, "The broker does not know the topic, or must not show it.";
    LEADER_NOT_AVAILABLE = 5, "The partition has no leader at the moment.";
    NOT_LEADER_OR_FOLLOWER = 6, "The broker is not the partition's leader.";
    REQUEST_TIMED_OUT = 7, "The broker gave up waiting; what was asked may have happened.";
    REPLICA_NOT_AVAILABLE = 9, "The broker has no replica at the moment.";
    MESSAGE_TOO_LARGE = 10, "The batch is larger than the topic takes.";
    NETWORK_EXCEPTION = 13, "A broker lost another one while it worked on the request.";
    COORDINATOR_LOAD_IN_PROGRESS = 14, "The coordinator is still loading.";
    COORDINATOR_NOT_AVAILABLE = 15, "There is no coordinator yet.";
    NOT_COORDINATOR = 16, "The broker is not the coordinator.";
    INVALID_TOPIC_EXCEPTION = 17, "The name is not legal, or the topic is internal.";
    RECORD_LIST_TOO_LARGE = 18, "The batch is larger than a segment of the log.";
    NOT_ENOUGH_REPLICAS = 19, "Fewer replicas are in sync than the topic demands.";
    NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20, "The batch is in the leader's log but too few replicas have it.";
    ILLEGAL_GENERATION = 22, "The group has gone on to another generation.";
    UNKNOWN_MEMBER_ID = 25, "The group does not know the member, or has members and is asked from outside.";
    REBALANCE_IN_PROGRESS = 27, "The group is rebalancing.";
    TOPIC_AUTHORIZATION_FAILED = 29, "The principal lacks a right on the topic.";
    GROUP_AUTHORIZATION_FAILED = 30, "The principal lacks a right on the group.";
    CLUSTER_AUTHORIZATION_FAILED = 31, "The principal lacks a right on the cluster.";
    INVALID_TIMESTAMP = 32, "The timestamps lie outside of what the topic takes.";
    UNSUPPORTED_SASL_MECHANISM = 33, "The listener does not offer the mechanism.";
    ILLEGAL_SASL_STATE = 34, "SASL where none is expected.";
    UNSUPPORTED_VERSION = 35, "The broker does not speak this version of the API.";
    TOPIC_ALREADY_EXISTS = 36, "A topic of this name exists.";
    INVALID_PARTITIONS = 37, "The number of partitions is not possible.";
    INVALID_REPLICATION_FACTOR = 38, "The replication factor is not possible.";
    INVALID_CONFIG = 40, "A configuration is not accepted.";
    NOT_CONTROLLER = 41, "The broker is not the controller.";
    INVALID_REQUEST = 42, "The request contradicts itself.";
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43, "The message format does not allow this.";
    POLICY_VIOLATION = 44, "A policy of the cluster forbids it.";
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45, "The sequence does not follow on the producer's last one.";
    DUPLICATE_SEQUENCE_NUMBER = 46, "The batch is in the log already.";
    INVALID_PRODUCER_EPOCH = 47, "A newer producer has taken over.";
    INVALID_TXN_STATE = 48, "The transaction is not in a state that allows this.";
    CONCURRENT_TRANSACTIONS = 51, "The previous transaction is not completed yet.";
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53, "The principal lacks a right on the transactional id.";
    SECURITY_DISABLED = 54, "The brokers run without an authorizer.";
    KAFKA_STORAGE_ERROR = 56, "A disk of the broker failed.";
    SASL_AUTHENTICATION_FAILED = 58, "The credentials are not accepted.";
    UNKNOWN_PRODUCER_ID = 59, "The leader has no state of the producer.";
    REASSIGNMENT_IN_PROGRESS = 60, "A reassignment of the partition is going on.";
    NON_EMPTY_GROUP = 68, "The group has members.";
    GROUP_ID_NOT_FOUND = 69, "The coordinator does not know the group.";
    FETCH_SESSION_ID_NOT_FOUND = 70, "The fetch session is gone.";
    INVALID_FETCH_SESSION_EPOCH = 71, "The fetch session is elsewhere.";
    LISTENER_NOT_FOUND = 72, "The leader has no address on this listener.";
    FENCED_LEADER_EPOCH = 74, "The leader's epoch is older than the broker's.";
    UNKNOWN_LEADER_EPOCH = 75, "The leader's epoch is newer than the broker's.";
    UNSUPPORTED_COMPRESSION_TYPE = 76, "The broker does not know the codec.";
    STALE_BROKER_EPOCH = 77, "A broker came back meanwhile.";
    OFFSET_NOT_AVAILABLE = 78, "The new leader does not know its high watermark yet.";
    INVALID_RECORD = 87, "The broker found the records not valid.";
    UNSTABLE_OFFSET_COMMIT = 88, "A transaction holds back the committed offset.";
    THROTTLING_QUOTA_EXCEEDED = 89, "The quota of the controller is used up.";
    PRODUCER_FENCED = 90, "A newer producer has taken over.";
    UNKNOWN_TOPIC_ID = 100, "The broker does not know the topic's id.";
    FETCH_SESSION_TOPIC_ID_ERROR = 106, "The fetch session mixes topics with and without ids.";
    TRANSACTIONAL_ID_NOT_FOUND = 105, "The coordinator does not know the transactional id.";
}

impl ErrorCode {
    /// Whether it says success.
    #[must_use]
    pub fn ok(self) -> bool {
        self.0 == 0
    }

    /// The name as Kafka's tools and logs print it: `NOT_LEADER_OR_FOLLOWER`.
    #[must_use]
    pub fn name(self) -> String {
        match ResponseError::try_from_code(self.0) {
            None => "NONE".to_owned(),
            Some(ResponseError::Unknown(_)) => "UNKNOWN_CODE".to_owned(),
            Some(known) => screaming(&known.to_string()),
        }
    }
}

impl fmt::Display for ErrorCode {
    /// Name and number: `NOT_LEADER_OR_FOLLOWER (6)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

/// `NotLeaderOrFollower` as `NOT_LEADER_OR_FOLLOWER`.
fn screaming(camel: &str) -> String {
    let mut name = String::with_capacity(camel.len() + 8);
    for (index, letter) in camel.chars().enumerate() {
        if index > 0 && letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_carry_the_names_of_kafkas_own_logs() {
        for (code, name) in [
            (
                ErrorCode::NOT_LEADER_OR_FOLLOWER,
                "NOT_LEADER_OR_FOLLOWER (6)",
            ),
            (ErrorCode::UNKNOWN_SERVER_ERROR, "UNKNOWN_SERVER_ERROR (-1)"),
            (
                ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                "NOT_ENOUGH_REPLICAS_AFTER_APPEND (20)",
            ),
            (
                ErrorCode::TRANSACTIONAL_ID_NOT_FOUND,
                "TRANSACTIONAL_ID_NOT_FOUND (105)",
            ),
            (
                ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR,
                "FETCH_SESSION_TOPIC_ID_ERROR (106)",
            ),
            (ErrorCode(0), "NONE (0)"),
            (ErrorCode(9_999), "UNKNOWN_CODE (9999)"),
        ] {
            assert_eq!(code.to_string(), name);
        }
    }
}
