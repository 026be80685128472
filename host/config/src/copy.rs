//! Settings of the copy.

use crate::guard::GuardChoice;
use crate::limits::{BrokerKey, Hours, LimitSettings, OrNone, UtcOffset};
use crate::quantity::{Bandwidth, ByteSize, RecordRate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What becomes of the offsets of records.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum OffsetMode {
    /// Records keep their offsets wherever the partition allows it; the plan says where it does
    /// not, and why.
    #[default]
    Preserve,
    /// Records get new offsets; an exact map leads from the old ones to the new ones.
    Translate,
}

/// How records are copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping"
)]
pub struct CopySettings {
    /// Whether records keep their offsets.
    pub offsets: OffsetMode,
    /// The most that is read from the source per second, over all topics. Without it only the
    /// brokers' quotas limit the copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<Bandwidth>,
    /// The most records that are read from the source per second, over all topics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<RecordRate>,
    /// Limits that stand in place of these two in parts of the day.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hours: Hours,
    /// The clock that all hours go by, as its distance from UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<UtcOffset>,
    /// Limits on what is read from each broker of the source, within those for all.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub brokers: BTreeMap<BrokerKey, LimitSettings>,
    /// How the brokers of the source are protected from being read too fast.
    #[serde(skip_serializing_if = "GuardChoice::is_default")]
    pub guard: GuardChoice,
    /// The rack that Ferry stands in, as the source's brokers name it (`broker.rack`). With it each
    /// partition is read from a replica in that rack where there is one, if the source's brokers choose
    /// replicas by rack (`replica.selector.class`, KIP-392). Without it leaders are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rack: Option<String>,
    /// Memory for batches on their way, over all partitions.
    pub memory: ByteSize,
    /// How many offsets may be padded, over all partitions. A partition that starts at offset n
    /// costs n empty records at the target, written and deleted again (about 4 million a second of
    /// one broker's CPU). Partitions beyond the budget get new offsets.
    pub padding_budget: u64,
    /// How many transactions may be written to one partition so that offsets are kept where the
    /// source has markers of transactions, aborted records or missing offsets. Each takes about four
    /// round trips to the target, many partitions at once. Partitions beyond the budget get new
    /// offsets.
    pub transaction_budget: u64,
    /// The key of fillers. With it compacted topics keep their offsets: a tombstone of this key
    /// stands at the target where the source's cleaner has left no record, until the target's
    /// cleaner takes it. Consumers that read before that see tombstones of this key, so their
    /// deserializers have to understand it. Without it compacted topics get new offsets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filler_key: Option<String>,
    /// How many fillers may be written to one partition. Partitions beyond the budget get new
    /// offsets.
    pub filler_budget: u64,
    /// How many replicas new topics get at the target, as far as it has brokers. As many as at the
    /// source unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub replication_factor: Option<i16>,
    /// How many processes copy the topics that are in no group with workers of its own. `ferry apply`
    /// is the first; the others are `ferry copy --worker 2/N` and so on, on this host or others.
    #[schemars(range(min = 1))]
    pub workers: u32,
    /// How long a worker may write after it last heard of the target, in seconds. A worker on
    /// another host waits as long before it takes a partition over.
    #[schemars(range(min = 1))]
    pub lease_seconds: u64,
    /// Settings per topic group, as the topic filter formed the groups.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, TopicGroupSettings>,
}

/// Offsets that may be padded where the configuration says nothing: some eight minutes of one
/// broker's CPU.
pub const PADDING_BUDGET_DEFAULT: u64 = 2_000_000_000;

/// Transactions per partition where the configuration says nothing: half an hour with round trips of
/// 5 ms.
pub const TRANSACTION_BUDGET_DEFAULT: u64 = 100_000;

/// How long a lease lasts where the configuration says nothing, in seconds.
pub const LEASE_SECONDS_DEFAULT: u64 = 10;

/// Fillers per partition where the configuration says nothing.
pub const FILLER_BUDGET_DEFAULT: u64 = 100_000_000;

impl Default for CopySettings {
    fn default() -> Self {
        Self {
            offsets: OffsetMode::default(),
            bandwidth: None,
            records: None,
            hours: Hours::new(),
            time_zone: None,
            brokers: BTreeMap::new(),
            guard: GuardChoice::default(),
            rack: None,
            memory: ByteSize::MEMORY_DEFAULT,
            padding_budget: PADDING_BUDGET_DEFAULT,
            transaction_budget: TRANSACTION_BUDGET_DEFAULT,
            filler_key: None,
            filler_budget: FILLER_BUDGET_DEFAULT,
            replication_factor: None,
            workers: 1,
            lease_seconds: LEASE_SECONDS_DEFAULT,
            groups: BTreeMap::new(),
        }
    }
}

/// Settings of one topic group; what is left out is as for all topics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "kebab-case",
    deny_unknown_fields,
    default,
    expecting = "a mapping"
)]
pub struct TopicGroupSettings {
    /// Whether records of these topics keep their offsets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offsets: Option<OffsetMode>,
    /// The most that is read per second for these topics, within the limit for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<Bandwidth>,
    /// The most records that are read per second for these topics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<RecordRate>,
    /// Limits that stand in place of these two in parts of the day.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hours: Hours,
    /// How many offsets may be padded for these topics, in place of their share of the budget for
    /// all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding_budget: Option<u64>,
    /// How many transactions may be written to one partition so that offsets are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_budget: Option<u64>,
    /// The key of fillers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filler_key: Option<String>,
    /// How many fillers may be written to one partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filler_budget: Option<u64>,
    /// How many processes copy these topics and no others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<u32>,
}

/// The topic group of topics that the topic filter put in none.
pub const OTHER_GROUP: &str = "other";

impl CopySettings {
    /// The settings of the group that a topic is in; `group` is what the topic filter said.
    #[must_use]
    pub fn group(&self, group: Option<&str>) -> Option<&TopicGroupSettings> {
        self.groups.get(group.unwrap_or(OTHER_GROUP))
    }

    /// The greatest bandwidth of any hour; none where there is no limit at some hour.
    #[must_use]
    pub fn bandwidth_most(&self) -> Option<Bandwidth> {
        let mut most = self.bandwidth?;
        for settings in self.hours.values() {
            match settings.bandwidth {
                Some(OrNone::None) => return None,
                Some(OrNone::Of(bandwidth)) => most = most.max(bandwidth),
                None => {}
            }
        }
        Some(most)
    }

    /// The offset mode of a topic in `group`.
    #[must_use]
    pub fn offset_mode(&self, group: Option<&str>) -> OffsetMode {
        self.group(group)
            .and_then(|settings| settings.offsets)
            .unwrap_or(self.offsets)
    }

    /// Transactions that may be written to one partition of a topic in `group`.
    #[must_use]
    pub fn transaction_budget(&self, group: Option<&str>) -> u64 {
        self.group(group)
            .and_then(|settings| settings.transaction_budget)
            .unwrap_or(self.transaction_budget)
    }

    /// Fillers that may be written to one partition of a topic in `group`.
    #[must_use]
    pub fn filler_budget(&self, group: Option<&str>) -> u64 {
        self.group(group)
            .and_then(|settings| settings.filler_budget)
            .unwrap_or(self.filler_budget)
    }

    /// The key of fillers of a topic in `group`, if holes are filled there.
    #[must_use]
    pub fn filler_key(&self, group: Option<&str>) -> Option<&str> {
        self.group(group)
            .and_then(|settings| settings.filler_key.as_deref())
            .or(self.filler_key.as_deref())
    }
}
