//! Which topic settings a target knows.
//!
//! The table was read out of `LogConfig` of Apache Kafka 3.9.2 and 4.3.1; versions are those of the
//! KIPs that brought or removed a setting.

use ferry_config::Profile;

/// A version of Kafka, major and minor.
type Version = (u32, u32);

/// Settings that every version from 2.8 on knows.
const LASTING: &[&str] = &[
    "cleanup.policy",
    "compression.type",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "index.interval.bytes",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "unclean.leader.election.enable",
];

/// Settings that came later, with the first version that knows them.
const ADDED: &[(&str, Version)] = &[
    ("message.timestamp.after.max.ms", (3, 6)),
    ("message.timestamp.before.max.ms", (3, 6)),
    ("compression.gzip.level", (3, 8)),
    ("compression.lz4.level", (3, 8)),
    ("compression.zstd.level", (3, 8)),
];

/// Settings that went, with the first version that does not know them.
const REMOVED: &[(&str, Version)] = &[
    ("message.downconversion.enable", (4, 0)),
    ("message.format.version", (4, 0)),
    ("message.timestamp.difference.max.ms", (4, 0)),
];

/// Settings that are about one cluster and mean nothing on another, with the reason.
const LOCAL: &[(&str, &str)] = &[
    (
        "follower.replication.throttled.replicas",
        "names brokers of the source",
    ),
    (
        "leader.replication.throttled.replicas",
        "names brokers of the source",
    ),
    (
        "local.retention.bytes",
        "tiered storage is set up per cluster",
    ),
    ("local.retention.ms", "tiered storage is set up per cluster"),
    (
        "remote.log.copy.disable",
        "tiered storage is set up per cluster",
    ),
    (
        "remote.log.delete.on.disable",
        "tiered storage is set up per cluster",
    ),
    (
        "remote.storage.enable",
        "tiered storage is set up per cluster",
    ),
];

/// Settings that a topic of Confluent Cloud may have.
const CONFLUENT_CLOUD: &[&str] = &[
    "cleanup.policy",
    "delete.retention.ms",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.type",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.ms",
];

/// The smallest `segment.bytes` since 4.0 (KIP-1030).
const SEGMENT_BYTES_LEAST: i64 = 1_048_576;

/// The largest `message.timestamp.after.max.ms`, which was the default before 4.0 (KIP-1030).
pub(crate) const TIMESTAMP_RANGE_MOST: &str = "9223372036854775807";

/// What a target knows, by its profile and its brokers' versions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TargetVersion {
    profile: Profile,
    /// The oldest and the newest broker; none where the version is in words that are not known.
    range: Option<(Version, Version)>,
}

impl TargetVersion {
    /// Reads `4.3`, `3.9.2` or `2.8 to 3.9`.
    pub(crate) fn new(profile: Profile, kafka_version: &str) -> Self {
        let mut versions = kafka_version.split(" to ").map(version);
        let first = versions.next().flatten();
        let range = match (first, versions.next()) {
            (Some(only), None) => Some((only, only)),
            (Some(oldest), Some(Some(newest))) => Some((oldest, newest)),
            _ => None,
        };
        Self { profile, range }
    }

    pub(crate) fn profile(self) -> Profile {
        self.profile
    }

    fn oldest_is_at_least(self, version: Version) -> bool {
        self.range.is_none_or(|(oldest, _)| oldest >= version)
    }

    fn newest_is_at_least(self, version: Version) -> bool {
        self.range.is_none_or(|(_, newest)| newest >= version)
    }

    /// Whether every broker of the target knows topic setting `key`.
    pub(crate) fn knows(self, key: &str) -> bool {
        if self.profile == Profile::ConfluentCloud {
            return CONFLUENT_CLOUD.contains(&key);
        }
        let since = ADDED.iter().find(|(name, _)| *name == key);
        let until = REMOVED.iter().find(|(name, _)| *name == key);
        LASTING.contains(&key)
            || since.is_some_and(|(_, version)| self.oldest_is_at_least(*version))
            || until.is_some_and(|(_, version)| !self.newest_is_at_least(*version))
    }

    /// Why a setting can't be carried over; none where it can.
    pub(crate) fn refusal(self, key: &str) -> Option<&'static str> {
        if let Some((_, reason)) = LOCAL.iter().find(|(name, _)| *name == key) {
            return Some(reason);
        }
        (!self.knows(key)).then_some("the target does not know it")
    }

    /// The smallest `segment.bytes` that the target takes.
    pub(crate) fn segment_bytes_least(self) -> i64 {
        if self.newest_is_at_least((4, 0)) {
            SEGMENT_BYTES_LEAST
        } else {
            14
        }
    }

    /// Whether its brokers can be asked what they remember of a producer (KIP-664).
    pub(crate) fn describes_producers(self) -> bool {
        self.oldest_is_at_least((3, 0))
    }

    /// Whether records of more than an hour in the future are refused unless a topic says
    /// otherwise.
    pub(crate) fn refuses_the_future(self) -> bool {
        self.newest_is_at_least((4, 0))
    }
}

fn version(text: &str) -> Option<Version> {
    let mut parts = text.trim().split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?;
    let digits = minor
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(minor.len());
    Some((major, minor[..digits].parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apache(version: &str) -> TargetVersion {
        TargetVersion::new(Profile::ApacheKafka, version)
    }

    #[test]
    fn settings_come_and_go_with_versions() {
        assert!(!apache("3.5").knows("message.timestamp.after.max.ms"));
        assert!(apache("3.9.2").knows("message.timestamp.after.max.ms"));
        assert!(apache("3.9").knows("message.format.version"));
        assert!(!apache("4.3").knows("message.format.version"));
        assert!(!apache("4.3").knows("confluent.value.schema.validation"));
    }

    #[test]
    fn a_cluster_in_mid_upgrade_knows_what_all_its_brokers_know() {
        let mixed = apache("3.5 to 4.0");
        assert!(
            !mixed.knows("message.timestamp.after.max.ms"),
            "not yet on 3.5"
        );
        assert!(!mixed.knows("message.format.version"), "no longer on 4.0");
        assert!(mixed.refuses_the_future());
        assert!(mixed.knows("retention.ms"));
    }

    #[test]
    fn confluent_cloud_takes_its_own_list() {
        let cloud = TargetVersion::new(Profile::ConfluentCloud, "4.1");
        assert!(cloud.knows("retention.ms"));
        assert!(!cloud.knows("compression.type"));
        assert!(!cloud.knows("flush.ms"));
    }
}
