//! A limit on bytes and records a second.

use crate::controls::Limit;
use tokio::time::Instant;

/// How many seconds' worth may be taken at once after a rest.
const BURST_S: f64 = 0.25;
/// The least that one fetch asks for under a limit, in bytes.
const FETCH_BYTES_LEAST: usize = 64 << 10;
/// How large a record is taken to be before any was seen, in bytes.
const RECORD_BYTES_GUESSED: f64 = 1_024.0;
/// How much one fetch counts in the mean size of records.
const RECORD_BYTES_WEIGHT: f64 = 0.2;

/// A bucket that fills with time. It may be overdrawn by what is under way already, whose size is
/// known only when it has come; then it has to fill again first.
#[derive(Debug)]
struct Bucket {
    per_s: Option<f64>,
    level: f64,
    filled: Instant,
}

impl Bucket {
    fn new(now: Instant) -> Self {
        Self {
            per_s: None,
            level: 0.0,
            filled: now,
        }
    }

    /// Changes the rate. What is overdrawn stays as long to be waited for as it was.
    fn set(&mut self, per_s: Option<u64>, now: Instant) {
        self.fill(now);
        let before = self.per_s;
        self.per_s = per_s.map(|per_s| per_s.max(1) as f64);
        match (before, self.per_s) {
            (_, None) => self.level = 0.0,
            (None, Some(after)) => self.level = after * BURST_S,
            (Some(before), Some(after)) => self.level *= after / before,
        }
    }

    fn fill(&mut self, now: Instant) {
        let seconds = now.duration_since(self.filled).as_secs_f64();
        self.filled = now;
        if let Some(per_s) = self.per_s {
            self.level = (self.level + seconds * per_s).min(per_s * BURST_S);
        }
    }

    fn open(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.per_s.is_none() || self.level > 0.0
    }

    fn take(&mut self, amount: f64) {
        if self.per_s.is_some() {
            self.level -= amount;
        }
    }
}

/// A limit on bytes and on records a second, both at once.
#[derive(Debug)]
pub(super) struct Rate {
    limit: Limit,
    bytes: Bucket,
    records: Bucket,
    /// The mean size of a record, as far as seen.
    record_bytes: f64,
}

impl Rate {
    /// No limit.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            limit: Limit::default(),
            bytes: Bucket::new(now),
            records: Bucket::new(now),
            record_bytes: RECORD_BYTES_GUESSED,
        }
    }

    /// The limit that holds.
    pub(super) fn limit(&self) -> Limit {
        self.limit
    }

    /// Changes the limit.
    pub(super) fn set(&mut self, limit: Limit, now: Instant) {
        if limit != self.limit {
            self.limit = limit;
            self.bytes.set(limit.bytes_per_s, now);
            self.records.set(limit.records_per_s, now);
        }
    }

    /// How many bytes one of `fetches` that may be under way at the same time may bring at most:
    /// together a second's worth. None while nothing may be fetched.
    pub(super) fn allowance(&mut self, fetches: usize, now: Instant) -> Option<usize> {
        // Both are filled, whichever is empty.
        let (bytes, records) = (self.bytes.open(now), self.records.open(now));
        if !bytes || !records {
            return None;
        }
        let by_bytes = self.bytes.per_s;
        let by_records = self.records.per_s.map(|per_s| per_s * self.record_bytes);
        let least = [by_bytes, by_records].into_iter().flatten();
        let share = least.fold(f64::INFINITY, f64::min) / fetches.max(1) as f64;
        // A float that is too large becomes the largest integer.
        Some((share as usize).max(FETCH_BYTES_LEAST))
    }

    /// The mean size of a record, as far as seen, in bytes.
    pub(super) fn record_bytes(&self) -> f64 {
        self.record_bytes
    }

    /// Takes what a fetch brought.
    pub(super) fn take(&mut self, bytes: u64, records: u64) {
        self.bytes.take(bytes as f64);
        self.records.take(records as f64);
        if records > 0 {
            let mean = bytes as f64 / records as f64;
            self.record_bytes += (mean - self.record_bytes) * RECORD_BYTES_WEIGHT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn limited(bytes_per_s: Option<u64>, records_per_s: Option<u64>, now: Instant) -> Rate {
        let mut rate = Rate::new(now);
        rate.set(
            Limit {
                bytes_per_s,
                records_per_s,
            },
            now,
        );
        rate
    }

    /// Takes fetches of 30,000 bytes and 60 records for ten seconds, whenever that is allowed.
    fn ten_seconds(rate: &mut Rate, start: Instant) -> u64 {
        let mut fetches = 0;
        for ms in 0..10_000 {
            let now = start + Duration::from_millis(ms);
            if rate.allowance(1, now).is_some() {
                rate.take(30_000, 60);
                fetches += 1;
            }
        }
        fetches
    }

    #[test]
    fn what_is_taken_over_time_stays_within_the_rate() {
        let start = Instant::now();
        let by_bytes = ten_seconds(&mut limited(Some(1_000_000), None, start), start);
        assert!((330..=344).contains(&by_bytes), "{by_bytes} fetches");
        let by_records = ten_seconds(&mut limited(None, Some(600), start), start);
        assert!((100..=104).contains(&by_records), "{by_records} fetches");
        let by_both = ten_seconds(&mut limited(Some(1_000_000), Some(600), start), start);
        assert_eq!(by_both, by_records, "the tighter one holds");
        assert_eq!(ten_seconds(&mut Rate::new(start), start), 10_000);
    }

    #[test]
    fn a_changed_rate_neither_forgives_nor_stretches_what_was_overdrawn() {
        let start = Instant::now();
        let mut rate = limited(Some(1_000_000), None, start);
        // One second and three quarters more than is there.
        rate.take(2_000_000, 1);
        rate.set(
            Limit {
                bytes_per_s: Some(1_000),
                records_per_s: None,
            },
            start,
        );
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(rate.allowance(1, at(1_700)), None);
        assert!(rate.allowance(1, at(1_800)).is_some());
    }

    #[test]
    fn a_limit_that_is_lifted_is_open_at_once() {
        let start = Instant::now();
        let mut rate = limited(Some(1_000), None, start);
        rate.take(1_000_000, 1);
        assert_eq!(rate.allowance(1, start), None);
        rate.set(Limit::default(), start);
        assert_eq!(rate.allowance(1, start), Some(usize::MAX));
    }

    #[test]
    fn all_fetches_together_are_allowed_a_seconds_worth() {
        let start = Instant::now();
        let mut rate = limited(Some(8 << 20), None, start);
        assert_eq!(rate.allowance(4, start), Some(2 << 20));
        assert_eq!(
            rate.allowance(10_000, start),
            Some(FETCH_BYTES_LEAST),
            "no fetch is worth less"
        );
        let mut rate = limited(None, Some(4_096), start);
        assert_eq!(rate.allowance(4, start), Some(1 << 20), "records of 1 KiB");
        for _ in 0..50 {
            rate.take(100 * 4_096, 100);
        }
        let after = start + Duration::from_secs(60);
        let share = rate.allowance(4, after).expect("filled again");
        assert!((4_190_000..=4 << 20).contains(&share), "{share}");
    }
}
