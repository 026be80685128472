//! What expires at the target once the final retention of topics holds, measured right before.
//!
//! A broker is asked for the first record that is not too old: everything before it may go, up to the
//! end of a segment. What lies beyond a limit of bytes is told by the sizes of logs, in proportion.

use crate::undertaking::Undertaking;
use ferry_copy::worker::{SourceRange, ends_of};
use ferry_kafka::admin::configs::{ConfigResource, ConfigSource};
use ferry_kafka::admin::groups::Stability;
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_kafka::task::now_ms;
use ferry_model::name::{GroupId, TopicName, TopicPartition};
use ferry_model::problem::{Explain as _, Problem};
use ferry_plan::render::amount;
use ferry_plan::retention::{Retention, bytes_of};
use ferry_plan::text::escaped;
use ferry_plan::{Expiring, GroupAction, MovingTopic};
use std::collections::{BTreeMap, HashMap};

/// What expires of one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Expiry {
    pub(crate) expiring: Expiring,
    /// Offsets that the topic holds, and their bytes where brokers tell.
    offsets: i64,
    bytes: Option<u64>,
    retention: Retention,
    /// In each partition, the first offset that stays.
    kept_from: BTreeMap<TopicPartition, i64>,
    /// A group that has not read everything that expires, and how much of it.
    pub(crate) unread: Option<(GroupId, i64)>,
}

impl Expiry {
    /// A line for people; none where nothing expires.
    pub(crate) fn line(&self, topic: &TopicName) -> Option<String> {
        if self.expiring.records == 0 {
            return None;
        }
        let sizes = self.bytes.map_or_else(String::new, |all| {
            let (some, all) = (amount::bytes(self.expiring.bytes), amount::bytes(all));
            format!(", {some} of {all},")
        });
        let limits = [
            self.retention.ms.map(|ms| format!("retention.ms={ms}")),
            self.retention
                .bytes
                .map(|bytes| format!("retention.bytes={bytes}")),
        ];
        let limits: Vec<String> = limits.into_iter().flatten().collect();
        Some(format!(
            "{topic}: up to {} of {} records{sizes} expire with {}",
            amount::count(self.expiring.records),
            amount::count(self.offsets),
            limits.join(" and ")
        ))
    }
}

/// Measures what expires of each topic once `configs` of the plan hold.
pub(crate) async fn measure(
    undertaking: &Undertaking,
    topics: &[&MovingTopic],
) -> Result<BTreeMap<TopicName, Expiry>, Problem> {
    let defaults = defaults(undertaking).await?;
    let mut measured: BTreeMap<TopicName, Expiry> = BTreeMap::new();
    // Partitions with the same time limit are asked for together.
    let mut by_limit: BTreeMap<i64, Vec<TopicPartition>> = BTreeMap::new();
    let mut limited = Vec::new();
    for moving in topics {
        let retention = Retention::of(&moving.configs, &defaults);
        if retention.keeps_everything() {
            continue;
        }
        let partitions = moving
            .partitions
            .iter()
            .map(|plan| TopicPartition::new(moving.target.clone(), plan.partition));
        for partition in partitions {
            if let Some(ms) = retention.ms {
                by_limit.entry(ms).or_default().push(partition.clone());
            }
            limited.push(partition);
        }
        let expiry = Expiry {
            retention,
            ..Expiry::default()
        };
        measured.insert(moving.target.clone(), expiry);
    }
    let ends = ends_of(&undertaking.target, &limited).await;
    let sizes = undertaking.target.admin().partition_sizes().await.ok();
    let mut young: HashMap<TopicPartition, i64> = HashMap::new();
    let now_ms = now_ms();
    for (ms, partitions) in by_limit {
        let spec = OffsetSpec::Timestamp(now_ms.saturating_sub(ms).max(0));
        let found = undertaking
            .target
            .admin()
            .list_offsets(&partitions, spec)
            .await;
        for (partition, listed) in found {
            let listed = listed.map_err(|error| error.problem())?;
            // Where no record is young enough, all of them are too old.
            young.insert(partition, listed.offset.unwrap_or(i64::MAX));
        }
    }
    for partition in limited {
        let Some(expiry) = measured.get_mut(&partition.topic) else {
            continue;
        };
        let range = ends.get(&partition).copied().ok_or_else(|| {
            let what = format!("{partition} of the target can't be asked for its ends");
            Problem::new(crate::codes::NOT_ANSWERED, what)
                .cause("a broker is down?")
                .next("ferry check, then ferry apply again")
        })?;
        let size = sizes
            .as_ref()
            .map(|sizes| sizes.get(&partition).copied().unwrap_or(0));
        let young = young.get(&partition).copied();
        expiry.add(partition, range, young, size);
    }
    unread(undertaking, &mut measured).await?;
    Ok(measured)
}

impl Expiry {
    fn add(
        &mut self,
        partition: TopicPartition,
        range: SourceRange,
        young: Option<i64>,
        size: Option<u64>,
    ) {
        let offsets = (range.high_watermark - range.log_start).max(0);
        let old = young.map_or(0, |young| {
            young.min(range.high_watermark).max(range.log_start) - range.log_start
        });
        let by_time = Expiring {
            records: old,
            bytes: size.map_or(0, |size| bytes_of(old, offsets, size)),
        };
        let beyond = self.retention.beyond_bytes(offsets, size.unwrap_or(0));
        let expiring = by_time.or(beyond);
        self.expiring = self.expiring.and(expiring);
        self.offsets += offsets;
        self.bytes = size.map(|size| self.bytes.unwrap_or(0) + size);
        if expiring.records > 0 {
            self.kept_from
                .insert(partition, range.log_start + expiring.records);
        }
    }

    /// Takes note of a group's committed offset, if what is behind it is to expire.
    fn note_reader(&mut self, group: &GroupId, partition: &TopicPartition, committed: i64) {
        let Some(kept_from) = self.kept_from.get(partition) else {
            return;
        };
        let unread = kept_from - committed;
        if unread > self.unread.as_ref().map_or(0, |(_, most)| *most) {
            self.unread = Some((group.clone(), unread));
        }
    }

    /// Why the topic's retention is left off, for a person; none where every group has read what
    /// expires.
    pub(crate) fn why_left_off(&self) -> Option<String> {
        let (group, records) = self.unread.as_ref()?;
        Some(format!(
            "group {} has not read {} records that would expire: apply again once it has, or with \
             --expire-unread",
            escaped(&group.0),
            amount::count(*records)
        ))
    }
}

/// Finds out which groups of this migration have not read what is to expire.
async fn unread(
    undertaking: &Undertaking,
    measured: &mut BTreeMap<TopicName, Expiry>,
) -> Result<(), Problem> {
    if measured.values().all(|expiry| expiry.kept_from.is_empty()) {
        return Ok(());
    }
    let admin = undertaking.target.admin();
    let plan = undertaking.plan();
    let moved = plan
        .groups
        .iter()
        .filter(|group| group.action != GroupAction::Skip)
        .filter_map(|group| group.target.as_ref());
    for group in moved {
        let committed = admin.committed_offsets(group, Stability::Latest).await;
        for offset in committed.map_err(|error| error.problem())? {
            if let Some(expiry) = measured.get_mut(&offset.partition.topic) {
                expiry.note_reader(group, &offset.partition, offset.offset);
            }
        }
    }
    Ok(())
}

/// How long the target's topics keep their records that do not say so themselves: what holds for the
/// progress topic, which says nothing of it.
async fn defaults(undertaking: &Undertaking) -> Result<BTreeMap<String, String>, Problem> {
    let topic = crate::names::progress_topic(&undertaking.plan().migration);
    let resource = ConfigResource::Topic(topic);
    let described = undertaking
        .target
        .admin()
        .describe_configs(std::slice::from_ref(&resource))
        .await;
    let mut defaults = BTreeMap::new();
    for (_, entries) in described {
        for entry in entries.map_err(|error| error.problem())? {
            if entry.name.starts_with("retention.") && entry.source != ConfigSource::Topic {
                defaults.extend(entry.value.map(|value| (entry.name, value)));
            }
        }
    }
    Ok(defaults)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic() -> TopicName {
        TopicName::parse("orders").expect("legal")
    }

    fn partition(index: i32) -> TopicPartition {
        TopicPartition::new(topic(), index)
    }

    fn range(log_start: i64, high_watermark: i64) -> SourceRange {
        SourceRange {
            log_start,
            high_watermark,
        }
    }

    fn expiry(ms: Option<i64>, bytes: Option<u64>) -> Expiry {
        Expiry {
            retention: Retention { ms, bytes },
            ..Expiry::default()
        }
    }

    #[test]
    fn everything_before_the_first_young_record_expires() {
        let mut expiry = expiry(Some(1_000), None);
        expiry.add(partition(0), range(100, 300), Some(150), Some(2_000));
        expiry.add(partition(1), range(0, 100), Some(0), Some(1_000));
        // No record is young enough; and the log's start may lie behind what was asked for.
        expiry.add(partition(2), range(0, 10), Some(i64::MAX), Some(100));
        expiry.add(partition(3), range(50, 50), Some(i64::MAX), Some(0));
        assert_eq!(
            expiry.expiring,
            Expiring {
                records: 60,
                bytes: 600
            }
        );
        assert_eq!(
            expiry.line(&topic()).as_deref(),
            Some("orders: up to 60 of 310 records, 600 B of 3 KiB, expire with retention.ms=1000")
        );
    }

    #[test]
    fn the_larger_of_both_limits_counts_and_sizes_that_nobody_tells_are_left_out() {
        let mut both = expiry(Some(1_000), Some(500));
        both.add(partition(0), range(0, 100), Some(10), Some(1_000));
        assert_eq!(both.expiring.records, 50);
        let mut untold = expiry(Some(1_000), Some(500));
        untold.add(partition(0), range(0, 100), Some(10), None);
        assert_eq!(
            untold.line(&topic()).as_deref(),
            Some(
                "orders: up to 10 of 100 records expire with retention.ms=1000 and \
                 retention.bytes=500"
            )
        );
    }

    #[test]
    fn a_group_that_has_not_read_what_expires_is_named() {
        let mut expiry = expiry(Some(1_000), None);
        expiry.add(partition(0), range(0, 100), Some(60), None);
        let group = |name: &str| GroupId(name.to_owned());
        expiry.note_reader(&group("current"), &partition(0), 60);
        expiry.note_reader(&group("elsewhere"), &partition(1), 0);
        assert_eq!(expiry.why_left_off(), None);
        expiry.note_reader(&group("near"), &partition(0), 59);
        expiry.note_reader(&group("far"), &partition(0), 20);
        expiry.note_reader(&group("middle"), &partition(0), 40);
        assert_eq!(expiry.unread, Some((group("far"), 40)));
        let why = expiry.why_left_off().expect("unread");
        assert!(
            why.starts_with("group far has not read 40 records"),
            "{why}"
        );
    }
}
