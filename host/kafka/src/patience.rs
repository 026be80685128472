//! How long and how often one operation is tried.

use crate::error::KafkaError;
use crate::request::Api;
use crate::retry::{Backoff, Retry};
use ferry_model::identity::Side;
use tokio::time::Instant;

/// More attempts than `default.api.timeout.ms` leaves time for with any sensible setting.
const ATTEMPTS_MAX: u32 = 1_000;

/// Whether an operation may be repeated although it may have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It reads, or doing it twice is the same as doing it once.
    Safe,
    /// A second time would do or say something else.
    Unsafe,
}

impl Repeat {
    /// Whether another attempt is made.
    pub(crate) fn allows(self, retry: Retry) -> bool {
        match retry {
            Retry::OutcomeUnknown => self == Self::Safe,
            other => other.worth_it(),
        }
    }
}

/// The attempts of one operation.
#[derive(Debug)]
pub(crate) struct Patience {
    pub(crate) side: Side,
    pub(crate) api: Api,
    pub(crate) backoff: Backoff,
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
    pub(crate) attempts: u32,
}

impl Patience {
    /// Waits before the next attempt; false when there is no time left for one.
    pub(crate) async fn pause(&mut self, error: &KafkaError) -> bool {
        self.attempts += 1;
        let wait = self.backoff.next_wait();
        if Instant::now() + wait >= self.deadline || self.attempts >= ATTEMPTS_MAX {
            return false;
        }
        let Self {
            side,
            api,
            attempts,
            ..
        } = self;
        tracing::debug!(%side, %api, %error, attempts, "trying again");
        tokio::time::sleep(wait).await;
        true
    }

    /// The end of it.
    pub(crate) fn gave_up(&self, last: KafkaError) -> KafkaError {
        let spent_ms = self.started.elapsed().as_millis();
        KafkaError::GaveUp {
            side: self.side,
            api: self.api,
            attempts: self.attempts,
            spent_ms: u64::try_from(spent_ms).unwrap_or(u64::MAX),
            last: Box::new(last),
        }
    }
}
