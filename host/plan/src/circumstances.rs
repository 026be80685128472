//! What a plan depends on beyond configuration and snapshot.

use ferry_model::digest::Digest;
use ferry_model::name::TopicName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// `producer.id.expiration.ms` of Apache Kafka since 3.5 where brokers do not say otherwise: 1 day.
pub const PRODUCER_ID_EXPIRATION_MS_DEFAULT: i64 = 86_400_000;

/// What a plan depends on beyond configuration and snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circumstances {
    /// How long the target's brokers remember a producer, counted from the largest record timestamp
    /// of its last batch (`producer.id.expiration.ms`).
    pub producer_id_expiration_ms: i64,
    /// How fast a sample was copied, where one was taken.
    pub sample: Option<SampledRate>,
    /// Target topics that the journal proves to be this migration's own: their records are no
    /// obstacle.
    pub created_by_us: BTreeSet<TopicName>,
    /// The digest of the configuration with the files that it names; without it that of the
    /// settings alone.
    pub configuration_digest: Option<Digest>,
}

impl Default for Circumstances {
    fn default() -> Self {
        Self {
            producer_id_expiration_ms: PRODUCER_ID_EXPIRATION_MS_DEFAULT,
            sample: None,
            created_by_us: BTreeSet::new(),
            configuration_digest: None,
        }
    }
}

/// How fast a sample was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampledRate {
    /// The slowest part of the sample, in bytes per second.
    pub bytes_per_second_low: u64,
    /// The fastest part of the sample, in bytes per second.
    pub bytes_per_second_high: u64,
    /// How long the sample took, in milliseconds.
    pub duration_ms: u64,
}
