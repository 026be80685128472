//! A limit on bytes a second.

use tokio::time::Instant;

/// How many seconds' worth of bytes may be taken at once after a pause.
const BURST_S: f64 = 0.25;

/// A bucket that fills with time. It may be overdrawn by one fetch, whose size is known only when it
/// has come; then it has to fill again first.
#[derive(Debug)]
pub(crate) struct Rate {
    bytes_per_s: f64,
    level: f64,
    filled: Instant,
}

impl Rate {
    pub(crate) fn new(bytes_per_s: u64, now: Instant) -> Self {
        let bytes_per_s = bytes_per_s.max(1) as f64;
        Self {
            bytes_per_s,
            level: bytes_per_s * BURST_S,
            filled: now,
        }
    }

    /// Whether anything may be taken at `now`.
    pub(crate) fn open(&mut self, now: Instant) -> bool {
        let seconds = now.duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.level = (self.level + seconds * self.bytes_per_s).min(self.bytes_per_s * BURST_S);
        self.level > 0.0
    }

    /// Takes `bytes`.
    pub(crate) fn take(&mut self, bytes: u64) {
        self.level -= bytes as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_taken_over_time_stays_within_the_rate() {
        let start = Instant::now();
        let mut rate = Rate::new(1_000_000, start);
        let mut taken = 0_u64;
        for ms in 0..10_000 {
            if rate.open(start + Duration::from_millis(ms)) {
                rate.take(30_000);
                taken += 30_000;
            }
        }
        assert!(
            (9_900_000..=10_300_000).contains(&taken),
            "{taken} bytes in 10 s"
        );
    }
}
