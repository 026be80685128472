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
        let until = Instant::now() + by;
        self.sender.send_modify(|throttle| {
            throttle.answers += 1;
            throttle.total_ms += u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
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
