//! How much a broker throttles this client, as its answers say (KIP-219).
//!
//! A broker that throttles answers at once and then does not read from the connection for the time
//! it names. Requests may still be sent; they wait in the network. Whoever copies had better wait
//! here and send more at once later.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// What one broker has asked for so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Throttle {
    /// How many answers carried a throttle time.
    pub answers: u64,
    /// The sum of their throttle times, in milliseconds.
    pub total_ms: u64,
    /// How long it did not read because of them, in milliseconds: what overlaps counts once.
    pub unread_ms: u64,
    /// Until when the broker does not read; none where it never throttled.
    pub until: Option<Instant>,
}

impl Throttle {
    /// How long the broker still does not read.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.until
            .map(|until| until.saturating_duration_since(Instant::now()))
            .unwrap_or_default()
    }
}

/// The sum over all connections to one broker. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ThrottleGauge {
    sender: Arc<watch::Sender<Throttle>>,
}

impl ThrottleGauge {
    /// Adds one throttle time.
    pub(crate) fn add(&self, by: Duration) {
        let now = Instant::now();
        let until = now + by;
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.sender.send_modify(|throttle| {
            let before = throttle.until.unwrap_or(now).max(now);
            throttle.answers += 1;
            throttle.total_ms += ms(by);
            throttle.unread_ms += ms(until.saturating_duration_since(before));
            throttle.until = throttle.until.max(Some(until));
        });
    }

    pub(crate) fn read(&self) -> Throttle {
        *self.sender.borrow()
    }

    pub(crate) fn remaining(&self) -> Duration {
        self.read().remaining()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Throttle> {
        self.sender.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn throttle_times_that_overlap_are_one_time_in_which_nothing_is_read() {
        let gauge = ThrottleGauge::default();
        gauge.add(Duration::from_millis(300));
        tokio::time::advance(Duration::from_millis(100)).await;
        gauge.add(Duration::from_millis(300));
        gauge.add(Duration::from_millis(50));
        tokio::time::advance(Duration::from_millis(1_000)).await;
        gauge.add(Duration::from_millis(20));
        let throttle = gauge.read();
        assert_eq!(
            (throttle.answers, throttle.total_ms, throttle.unread_ms),
            (4, 670, 420)
        );
    }
}
