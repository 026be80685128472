//! The brokers' clock: it goes with the runtime's, from a moment that is chosen, and can be set.

use std::time::Duration;
use tokio::time::Instant;

/// Milliseconds since 1970 as the brokers see them.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    began: Instant,
    began_ms: i64,
    /// How far it was set forward or back.
    set_by_ms: i64,
}

impl Clock {
    pub(crate) fn starting_at(began_ms: i64) -> Self {
        Self {
            began: Instant::now(),
            began_ms,
            set_by_ms: 0,
        }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.began_ms + passed + self.set_by_ms
    }

    /// Sets the clock forward, or back with a negative number.
    pub(crate) fn set_by(&mut self, ms: i64) {
        self.set_by_ms += ms;
    }
}

/// A duration as milliseconds.
pub(crate) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
