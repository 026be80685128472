//! Until when requests may leave.
//!
//! A process that was stopped for a while goes on where it stood, with requests in its queues that
//! somebody else may have answered for meanwhile. A gate that has shut lets nothing more out, not
//! even the rest of a frame.

use crate::task;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A moment until which requests may leave, shared by everybody who sends. The clock is that of the
/// host since its start, which nobody sets and which goes on while the host sleeps.
#[derive(Debug, Clone)]
pub struct Gate(Arc<AtomicI64>);

impl Gate {
    /// A gate that is shut.
    #[must_use]
    pub fn shut() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MIN)))
    }

    /// Lets requests out until `until_ms`, in milliseconds since the start of the host
    /// ([`task::since_boot_ms`]). A gate never shuts earlier than it said before.
    pub fn open_until(&self, until_ms: i64) {
        self.0.fetch_max(until_ms, Ordering::SeqCst);
    }

    /// Whether a request may leave now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        task::since_boot_ms() < self.0.load(Ordering::SeqCst)
    }

    /// When it shuts, in milliseconds since the start of the host.
    #[must_use]
    pub fn shuts_at_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}
