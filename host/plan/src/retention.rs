//! What expires once the final settings of a topic hold.
//!
//! Brokers delete segments from the oldest on: those whose largest timestamp is older than
//! `retention.ms`, and those that lie beyond `retention.bytes` when counted from the end. What is
//! told here is what they may delete; where segments end is not known, so that less of it may go.

use crate::plan::Expiring;
use ferry_model::topic::PartitionFacts;
use std::collections::BTreeMap;

/// `retention.ms` of Apache Kafka where nobody says otherwise: 7 days.
const RETENTION_MS_DEFAULT: i64 = 604_800_000;

/// How long a topic keeps its records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Since the largest timestamp of a segment, in milliseconds; none for ever.
    pub ms: Option<i64>,
    /// Up to so many bytes in each partition; none for any.
    pub bytes: Option<u64>,
}

impl Retention {
    /// The retention of a topic with `configs`, where the brokers' defaults are `defaults`: what
    /// neither says is as Apache Kafka has it. A topic that is only compacted keeps everything.
    #[must_use]
    pub fn of(configs: &BTreeMap<String, String>, defaults: &BTreeMap<String, String>) -> Self {
        let value = |key: &str| configs.get(key).or_else(|| defaults.get(key));
        let policy = value("cleanup.policy").map_or("delete", String::as_str);
        if !policy.split(',').any(|part| part.trim() == "delete") {
            return Self::default();
        }
        let number = |key: &str| value(key).and_then(|value| value.parse::<i64>().ok());
        let ms = number("retention.ms").unwrap_or(RETENTION_MS_DEFAULT);
        let bytes = number("retention.bytes").unwrap_or(-1);
        Self {
            ms: (ms >= 0).then_some(ms),
            bytes: u64::try_from(bytes).ok(),
        }
    }

    /// Whether nothing ever expires.
    #[must_use]
    pub fn keeps_everything(&self) -> bool {
        *self == Self::default()
    }

    /// What of `offsets` and `size_bytes` lies beyond the limit of bytes: offsets in proportion.
    #[must_use]
    pub fn beyond_bytes(&self, offsets: i64, size_bytes: u64) -> Expiring {
        let Some(beyond) = self.bytes.and_then(|limit| size_bytes.checked_sub(limit)) else {
            return Expiring::default();
        };
        Expiring {
            records: portion(offsets, beyond.into(), size_bytes.into()),
            bytes: beyond,
        }
    }

    /// What of a partition expires at `now_ms`, by what a sample showed of its timestamps.
    #[must_use]
    pub fn estimate(&self, partition: &PartitionFacts, now_ms: i64) -> Expiring {
        let offsets = (partition.high_watermark - partition.log_start_offset).max(0);
        let size_bytes = partition.size_bytes.unwrap_or(0);
        let shape = &partition.shape;
        let by_time = match (
            self.ms,
            shape.oldest_timestamp_ms,
            shape.newest_timestamp_ms,
        ) {
            (Some(ms), Some(oldest), Some(newest)) => {
                let limit_ms = now_ms.saturating_sub(ms);
                let old = limit_ms.saturating_sub(oldest).max(0).unsigned_abs();
                let all = newest.saturating_sub(oldest).max(0).unsigned_abs();
                // Time passes evenly, as far as is known.
                let records = match newest < limit_ms {
                    true => offsets,
                    false => portion(offsets, old.into(), all.max(1).into()),
                };
                Expiring {
                    records,
                    bytes: bytes_of(records, offsets, size_bytes),
                }
            }
            _ => Expiring::default(),
        };
        by_time.or(self.beyond_bytes(offsets, size_bytes))
    }
}

/// The bytes of so many of `offsets` in a partition of this size, in proportion.
#[must_use]
pub fn bytes_of(records: i64, offsets: i64, size_bytes: u64) -> u64 {
    let (records, offsets) = (records.max(0).unsigned_abs(), offsets.max(1).unsigned_abs());
    let bytes = u128::from(size_bytes) * u128::from(records.min(offsets)) / u128::from(offsets);
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// So much of `whole` as `part` is of `all`.
fn portion(whole: i64, part: u128, all: u128) -> i64 {
    let portion = u128::from(whole.max(0).unsigned_abs()) * part.min(all) / all.max(1);
    i64::try_from(portion).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferry_model::topic::LogShape;

    const DAY_MS: i64 = 86_400_000;
    const NOW_MS: i64 = 100 * DAY_MS;

    fn retention(configs: &[(&str, &str)]) -> Retention {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Retention::of(&configs.iter().map(own).collect(), &BTreeMap::new())
    }

    /// 1,000 offsets in 10,000 bytes, written from so many days ago to so many.
    fn partition(oldest_days: i64, newest_days: i64) -> PartitionFacts {
        PartitionFacts {
            partition: 0,
            leader_epoch: 0,
            log_start_offset: 500,
            high_watermark: 1_500,
            last_stable_offset: 1_500,
            size_bytes: Some(10_000),
            shape: LogShape {
                oldest_timestamp_ms: Some(NOW_MS - oldest_days * DAY_MS),
                newest_timestamp_ms: Some(NOW_MS - newest_days * DAY_MS),
                ..LogShape::default()
            },
        }
    }

    #[test]
    fn what_a_topic_does_not_say_its_brokers_do_and_else_kafka() {
        let week = Retention {
            ms: Some(7 * DAY_MS),
            bytes: None,
        };
        assert_eq!(retention(&[]), week);
        let defaults = BTreeMap::from([
            ("retention.ms".to_owned(), "1000".to_owned()),
            ("retention.bytes".to_owned(), "50".to_owned()),
        ]);
        let own = BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]);
        let expected = Retention {
            ms: None,
            bytes: Some(50),
        };
        assert_eq!(Retention::of(&own, &defaults), expected);
        assert!(retention(&[("cleanup.policy", "compact")]).keeps_everything());
        assert_eq!(retention(&[("cleanup.policy", "compact, delete")]), week);
    }

    #[test]
    fn records_older_than_the_retention_expire() {
        let week = retention(&[]);
        let expiring = |oldest, newest| week.estimate(&partition(oldest, newest), NOW_MS);
        assert_eq!(expiring(6, 1), Expiring::default());
        assert_eq!(expiring(30, 8).records, 1_000, "all of them");
        let half = Expiring {
            records: 500,
            bytes: 5_000,
        };
        assert_eq!(expiring(14, 0), half);
        assert_eq!(expiring(7, 7), Expiring::default(), "one moment");
        let unknown = PartitionFacts {
            shape: LogShape::default(),
            ..partition(30, 30)
        };
        assert_eq!(week.estimate(&unknown, NOW_MS), Expiring::default());
    }

    #[test]
    fn what_lies_beyond_the_limit_of_bytes_expires() {
        let limit = |bytes| retention(&[("retention.ms", "-1"), ("retention.bytes", bytes)]);
        let expiring = |bytes| limit(bytes).estimate(&partition(30, 1), NOW_MS);
        assert_eq!(expiring("10000"), Expiring::default());
        let three_quarters = Expiring {
            records: 750,
            bytes: 7_500,
        };
        assert_eq!(expiring("2500"), three_quarters);
        assert_eq!(expiring("-1"), Expiring::default());
        // Whichever of both limits takes more counts.
        let both = retention(&[("retention.bytes", "9000")]);
        assert_eq!(both.estimate(&partition(14, 0), NOW_MS).records, 500);
    }
}
