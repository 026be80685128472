//! The one place that says what an error code asks for.

use crate::error_code::ErrorCode;
use crate::request::Effect;
use std::time::Duration;

/// What to do about an error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Ask the same broker again after a while.
    Again,
    /// The metadata is old: refresh it, then ask the partition's new leader (or the new
    /// controller).
    RefreshMetadata,
    /// The coordinator has moved or is not ready: find it again, then ask.
    FindCoordinator,
    /// A write may or may not have happened: find out before anything else is written.
    OutcomeUnknown,
    /// Asking again would give the same answer.
    Fatal,
}

impl Retry {
    /// Classifies `code`, answered to a request that reads or writes
    /// (Apache Kafka, `org.apache.kafka.common.errors.RetriableException` and its subclasses).
    ///
    /// For a write, `REQUEST_TIMED_OUT`, `NOT_ENOUGH_REPLICAS`, `NOT_ENOUGH_REPLICAS_AFTER_APPEND`
    /// and `NOT_LEADER_OR_FOLLOWER` leave the outcome unknown: a leader that lost its office while
    /// it waited for its followers answers with one of them, whether its successor has the batch or
    /// not.
    #[must_use]
    pub fn of(code: ErrorCode, effect: Effect) -> Self {
        use ErrorCode as E;
        match code {
            E::REQUEST_TIMED_OUT
            | E::NOT_ENOUGH_REPLICAS
            | E::NOT_ENOUGH_REPLICAS_AFTER_APPEND
            | E::NOT_LEADER_OR_FOLLOWER
                if effect == Effect::Writes =>
            {
                Self::OutcomeUnknown
            }
            E::UNKNOWN_TOPIC_OR_PARTITION
            | E::LEADER_NOT_AVAILABLE
            | E::NOT_LEADER_OR_FOLLOWER
            | E::REPLICA_NOT_AVAILABLE
            | E::NOT_CONTROLLER
            | E::KAFKA_STORAGE_ERROR
            | E::LISTENER_NOT_FOUND
            | E::FENCED_LEADER_EPOCH
            | E::UNKNOWN_TOPIC_ID => Self::RefreshMetadata,
            E::COORDINATOR_LOAD_IN_PROGRESS | E::COORDINATOR_NOT_AVAILABLE | E::NOT_COORDINATOR => {
                Self::FindCoordinator
            }
            E::REQUEST_TIMED_OUT
            | E::NOT_ENOUGH_REPLICAS
            | E::NOT_ENOUGH_REPLICAS_AFTER_APPEND
            | E::NETWORK_EXCEPTION
            | E::CORRUPT_MESSAGE
            | E::CONCURRENT_TRANSACTIONS
            | E::REBALANCE_IN_PROGRESS
            | E::FETCH_SESSION_ID_NOT_FOUND
            | E::INVALID_FETCH_SESSION_EPOCH
            | E::FETCH_SESSION_TOPIC_ID_ERROR
            | E::UNKNOWN_LEADER_EPOCH
            | E::STALE_BROKER_EPOCH
            | E::OFFSET_NOT_AVAILABLE
            | E::UNSTABLE_OFFSET_COMMIT
            | E::THROTTLING_QUOTA_EXCEEDED => Self::Again,
            _ => Self::Fatal,
        }
    }

    /// Whether asking again can help.
    #[must_use]
    pub fn worth_it(self) -> bool {
        matches!(
            self,
            Self::Again | Self::RefreshMetadata | Self::FindCoordinator
        )
    }
}

/// Waiting times between attempts: doubled each time from `first` up to `greatest`.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    first: Duration,
    greatest: Duration,
    attempt: u32,
}

impl Backoff {
    /// Waits `first` before the second attempt, never more than `greatest`.
    #[must_use]
    pub fn new(first: Duration, greatest: Duration) -> Self {
        Self {
            first,
            greatest,
            attempt: 0,
        }
    }

    /// How long to wait before the next attempt.
    pub fn next_wait(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.attempt).unwrap_or(u32::MAX);
        self.attempt = self.attempt.saturating_add(1).min(31);
        self.first.saturating_mul(factor).min(self.greatest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_may_have_happened_is_never_called_retriable() {
        for code in [7, 19, 20, 6] {
            assert_eq!(
                Retry::of(ErrorCode(code), Effect::Writes),
                Retry::OutcomeUnknown,
                "{code}"
            );
            assert!(
                Retry::of(ErrorCode(code), Effect::Reads).worth_it(),
                "{code}"
            );
        }
    }

    #[test]
    fn codes_lead_to_what_helps() {
        for (code, retry) in [
            (ErrorCode::NOT_CONTROLLER, Retry::RefreshMetadata),
            (ErrorCode::NOT_COORDINATOR, Retry::FindCoordinator),
            (ErrorCode::CONCURRENT_TRANSACTIONS, Retry::Again),
            (ErrorCode::TOPIC_AUTHORIZATION_FAILED, Retry::Fatal),
            (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, Retry::Fatal),
            (ErrorCode(9_999), Retry::Fatal),
        ] {
            assert_eq!(Retry::of(code, Effect::Writes), retry, "{code}");
        }
    }

    #[test]
    fn waits_double_up_to_a_limit() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let waits: Vec<u128> = (0..6).map(|_| backoff.next_wait().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_000, 1_000]);
        for _ in 0..100 {
            assert_eq!(backoff.next_wait(), Duration::from_secs(1));
        }
    }
}
