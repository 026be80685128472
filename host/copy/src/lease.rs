//! The lease of a worker: who may write the partitions of one slot, for workers on many hosts.
//!
//! The lease is a record of the progress topic, written by transactions of the slot's transactional
//! id. Whoever takes a slot over initialises that id first: from then on nobody else can commit
//! under it, so that an earlier holder's lease runs out within its duration, whatever that holder
//! believes. Every transaction that a holder brings to its end proves that the slot was still its
//! own when the transaction began, and renews the lease from that moment on. Batches outside of
//! transactions leave only while the lease lasts ([`ferry_kafka::gate::Gate`]).

use crate::progress::{ProgressRecord, worker_key};
use ferry_kafka::gate::Gate;
use ferry_kafka::task;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The version of the record's format.
pub const LEASE_FORMAT: u32 = 1;

/// Which worker of how many this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Its number, from 1 on.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

impl Slot {
    /// The only one.
    pub const ONLY: Self = Self { number: 1, of: 1 };
}

impl std::fmt::Display for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// The process that holds a lease.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The name of its host.
    pub host: String,
    /// What tells this run of the host from others; empty where that is not known.
    #[serde(default)]
    pub boot: String,
    /// The id of the process on its host.
    pub process_id: u32,
    /// When the process was started, in ticks since the host was: process ids are given again.
    #[serde(default)]
    pub started_ticks: u64,
}

/// What a worker with a lease needs to know.
#[derive(Debug, Clone)]
pub struct LeaseSettings {
    /// This process.
    pub holder: Holder,
    /// How long a lease lasts from its renewal on.
    pub duration: Duration,
    /// How long a request may be on its way after the lease has run out.
    pub request_timeout: Duration,
    /// Whether a process is certain to be gone, so that its lease need not run out first.
    pub gone: fn(&Holder) -> bool,
}

/// Who holds a slot, as it stands in the progress topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// [`LEASE_FORMAT`] of the writer.
    pub format: u32,
    /// How many workers there are by the holder's account.
    pub of: u32,
    /// Producer id and epoch with which the slot was taken: no two takings have the same.
    pub generation: (i64, i16),
    /// Who holds it.
    pub holder: Holder,
    /// How long it lasts from its renewal on, in milliseconds.
    pub duration_ms: u64,
    /// How long a request of the holder may be on its way after that, in milliseconds.
    pub request_timeout_ms: u64,
    /// When it was last written, in milliseconds since 1970 by the holder's clock. For people.
    pub written_at_ms: i64,
    /// Whether the holder has given it up.
    pub released: bool,
    /// Whether nobody may take the slot any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sealed: bool,
}

impl LeaseRecord {
    /// A slot of `of` that nobody may take any more.
    #[must_use]
    pub fn sealed(of: u32, generation: (i64, i16), sealed_by: Holder) -> Self {
        Self {
            format: LEASE_FORMAT,
            of,
            generation,
            holder: sealed_by,
            duration_ms: 0,
            request_timeout_ms: 0,
            written_at_ms: task::now_ms(),
            released: true,
            sealed: true,
        }
    }

    /// How long whoever takes the slot over has to wait.
    #[must_use]
    pub fn wait(&self, gone: fn(&Holder) -> bool) -> Duration {
        if self.released || gone(&self.holder) {
            return Duration::ZERO;
        }
        Duration::from_millis(self.duration_ms.saturating_add(self.request_timeout_ms))
    }
}

/// The lease that this worker holds.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) settings: LeaseSettings,
    pub(crate) slot: Slot,
    pub(crate) generation: (i64, i16),
    pub(crate) gate: Gate,
}

impl Lease {
    pub(crate) fn new(settings: LeaseSettings, slot: Slot, generation: (i64, i16)) -> Self {
        Self {
            settings,
            slot,
            generation,
            gate: Gate::shut(),
        }
    }

    /// A transaction that began at `began_ms` (since the host's start) has come to its end.
    pub(crate) fn renew(&self, began_ms: i64) {
        let lasts = i64::try_from(self.settings.duration.as_millis()).unwrap_or(i64::MAX);
        self.gate.open_until(began_ms.saturating_add(lasts));
    }

    /// Whether it is time to renew it: a third has passed.
    pub(crate) fn due(&self) -> bool {
        let lasts = i64::try_from(self.settings.duration.as_millis()).unwrap_or(i64::MAX);
        self.gate.shuts_at_ms() - task::since_boot_ms() < lasts - lasts / 3
    }

    /// The record of the progress topic that says so.
    pub(crate) fn progress_record(&self, released: bool) -> ProgressRecord {
        ProgressRecord {
            key: worker_key(self.slot.number, "lease"),
            value: Some(serde_json::json!(self.record(released)).to_string()),
        }
    }

    fn record(&self, released: bool) -> LeaseRecord {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        LeaseRecord {
            format: LEASE_FORMAT,
            of: self.slot.of,
            generation: self.generation,
            holder: self.settings.holder.clone(),
            duration_ms: ms(self.settings.duration),
            request_timeout_ms: ms(self.settings.request_timeout),
            written_at_ms: task::now_ms(),
            released,
            sealed: false,
        }
    }
}
