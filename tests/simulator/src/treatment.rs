//! What a schedule does to single requests and connections.

use crate::fault::{Fault, FaultCounts};
use crate::network::Fate;
use fastrand::Rng;
use ferry_fake_kafka::{Faults, Reply, Seen, Treatment, Work};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What both clusters' brokers and networks share.
#[derive(Debug)]
pub(crate) struct Chance {
    rng: Rng,
    per_mille: u32,
    lingers_at_most: Duration,
    followers_wait: Duration,
    pub(crate) counts: FaultCounts,
    /// A digest of every request and the time at which it came.
    trace: u64,
    began: Instant,
}

/// Shared by everything that takes chances.
#[derive(Debug, Clone)]
pub(crate) struct Chances(Arc<Mutex<Chance>>);

impl Chances {
    pub(crate) fn new(seed: u64, per_mille: u32, lingers_at_most: Duration) -> Self {
        Self(Arc::new(Mutex::new(Chance {
            rng: Rng::with_seed(seed ^ 0x00C0_FFEE),
            per_mille,
            lingers_at_most,
            followers_wait: Duration::ZERO,
            counts: FaultCounts::default(),
            trace: 0,
            began: Instant::now(),
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Chance> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing more goes wrong.
    pub(crate) fn heal(&self) {
        let mut chance = self.lock();
        chance.per_mille = 0;
        chance.followers_wait = Duration::ZERO;
    }

    pub(crate) fn slow_followers(&self, wait: Duration) {
        self.lock().followers_wait = wait;
    }

    pub(crate) fn trace(&self) -> u64 {
        self.lock().trace
    }

    /// What becomes of the next connection.
    pub(crate) fn fate(&self) -> Fate {
        let mut chance = self.lock();
        let wait = Duration::from_micros(chance.rng.u64(..2_000));
        if !chance.strikes() {
            return Fate::Made(wait);
        }
        if chance.rng.bool() {
            chance.counts.add(Fault::ConnectionRefused);
            Fate::Refused(wait)
        } else {
            chance.counts.add(Fault::RequestCut);
            let bytes = chance.rng.usize(1..4_000);
            Fate::Breaks(bytes)
        }
    }
}

impl Chance {
    fn strikes(&mut self) -> bool {
        self.per_mille > 0 && self.rng.u32(..1_000) < self.per_mille
    }

    fn note(&mut self, seen: Seen) {
        let micros = self.began.elapsed().as_micros() as u64;
        let what = (seen.broker as u64) << 20 | (seen.api_key as u64) << 1 | u64::from(seen.alone);
        for word in [micros, what] {
            self.trace = (self.trace.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn misfortune(&mut self, seen: Seen) -> Treatment {
        let mut treatment = Treatment::default();
        let slow = Duration::from_millis(self.rng.u64(1..300));
        match self.rng.u8(..10) {
            0 => {
                self.counts.add(Fault::ReplyLost);
                treatment.reply = Reply::Lost;
            }
            1 | 2 => {
                self.counts.add(Fault::ReplyClosed);
                treatment.reply = Reply::Closed;
            }
            3 => {
                self.counts.add(Fault::ReplyCut);
                treatment.reply = Reply::Cut(self.rng.usize(..64));
            }
            4 => {
                self.counts.add(Fault::ReplyTwice);
                treatment.reply = Reply::Twice;
            }
            5 => {
                self.counts.add(Fault::ReplySwapped);
                treatment.reply = Reply::Swapped;
            }
            6 => {
                if let Some(code) = self.one_of(refusals(seen.api_key)) {
                    self.counts.add(Fault::RequestRefused);
                    treatment.work = Work::Refused(code);
                }
            }
            7 => {
                if let Some(code) = self.one_of(late_refusals(seen.api_key)) {
                    self.counts.add(Fault::RequestDoneAndRefused);
                    treatment.work = Work::DoneAndRefused(code);
                }
            }
            8 => {
                self.counts.add(Fault::RequestThrottled);
                treatment.throttle = slow;
            }
            _ => {
                self.counts.add(Fault::RequestSlow);
                let ms = self.lingers_at_most.as_millis() as u64;
                treatment.before = Duration::from_millis(self.rng.u64(1..ms));
            }
        }
        treatment
    }

    fn one_of(&mut self, codes: &[i16]) -> Option<i16> {
        (!codes.is_empty()).then(|| codes[self.rng.usize(..codes.len())])
    }
}

/// Codes that brokers answer instead of working, by API key.
fn refusals(api_key: i16) -> &'static [i16] {
    match api_key {
        // Produce: another leader, unknown for now, too few replicas, a broken disk, no order.
        0 => &[6, 3, 19, 56, 45],
        // Fetch: another leader, epochs.
        1 => &[6, 3, 74, 76],
        // ListOffsets.
        2 => &[6, 78, 74],
        // DeleteRecords.
        21 => &[6, 7],
        // FindCoordinator.
        10 => &[15],
        // InitProducerId, AddPartitionsToTxn, EndTxn.
        22 | 24 | 26 => &[14, 15, 16, 51],
        // OffsetForLeaderEpoch, DescribeProducers.
        23 | 61 => &[6],
        _ => &[],
    }
}

/// Codes that brokers answer although the work is done.
fn late_refusals(api_key: i16) -> &'static [i16] {
    match api_key {
        0 => &[6, 7, 20],
        21 => &[7],
        _ => &[],
    }
}

impl Faults for Chances {
    fn treat(&mut self, seen: Seen) -> Treatment {
        let mut chance = self.lock();
        chance.note(seen);
        if seen.alone {
            chance.counts.add(Fault::RequestOutlives);
        }
        let mut treatment = if chance.strikes() {
            chance.misfortune(seen)
        } else {
            Treatment::default()
        };
        treatment.before += Duration::from_micros(chance.rng.u64(..1_500));
        treatment.after = Duration::from_micros(chance.rng.u64(..500));
        treatment
    }

    fn replication(&mut self) -> Option<Duration> {
        let mut chance = self.lock();
        let usual = Duration::from_micros(chance.rng.u64(100..4_000));
        Some(usual + chance.followers_wait)
    }

    fn marker(&mut self) -> Option<Duration> {
        let mut chance = self.lock();
        Some(Duration::from_micros(chance.rng.u64(100..20_000)))
    }
}
