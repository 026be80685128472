//! What a plan holds.

use crate::circumstances::SampledRate;
use crate::deciders::PluginIdentity;
use crate::decision::Decision;
use ferry_config::OTHER_GROUP;
use ferry_model::acl::AclBinding;
use ferry_model::canonical::{self, NotJson};
use ferry_model::decision::Role;
use ferry_model::digest::Digest;
use ferry_model::group::{GroupMember, GroupState};
use ferry_model::identity::{ClusterId, TopicId};
use ferry_model::name::{GroupId, PartitionIndex, TopicName, TopicPartition};
use ferry_model::offset::SourceOffset;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a migration will do, in full. Everything in it is sorted, so that equal plans are equal
/// bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The name of the migration.
    pub migration: String,
    /// The digest of the configuration that it was made from.
    pub configuration: Digest,
    /// When the snapshot was taken that it was made from, in milliseconds since 1970.
    pub snapshot_taken_at_ms: i64,
    /// The cluster that is left.
    pub source: ClusterIdentity,
    /// The cluster that is moved to.
    pub target: ClusterIdentity,
    /// Who decided in each role.
    pub plugins: BTreeMap<Role, PluginIdentity>,
    /// Every topic of the source, by name.
    pub topics: Vec<TopicPlan>,
    /// Every group of the source, by id.
    pub groups: Vec<GroupPlan>,
    /// Whether access control lists are part of the migration.
    pub acl_state: AclState,
    /// Every binding of the source, in order.
    pub acls: Vec<AclPlan>,
    /// What a person has to decide or has decided, by id.
    pub decisions: Vec<Decision>,
    /// What is worth knowing and stops nothing.
    pub notes: Vec<String>,
    /// How much there is to copy, and how long it may take.
    pub estimate: Estimate,
}

/// A cluster, as far as a plan pins it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterIdentity {
    /// Its id.
    pub id: ClusterId,
    /// The version of Kafka that its brokers' API versions point to.
    pub kafka_version: String,
    /// How many brokers it has.
    pub brokers: usize,
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecidedBy {
    /// A rule of the host.
    Host,
    /// The plugin of this role.
    Plugin(Role),
    /// A person, by an answer in the configuration.
    Person,
}

/// What becomes of one topic of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicPlan {
    /// Its name at the source.
    pub name: TopicName,
    /// Its id at the source, where the brokers have topic ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<TopicId>,
    /// How many partitions it has.
    pub partitions: usize,
    /// Offsets between log start and high watermark over all partitions: at most so many records.
    pub offsets: i64,
    /// Bytes of one replica, where the brokers told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Why it moves or does not.
    pub reason: String,
    /// Who decided that.
    pub decided_by: DecidedBy,
    /// The decision of a person that it waits for or follows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<String>,
    /// What becomes of it.
    pub outcome: TopicOutcome,
}

impl TopicPlan {
    /// How it moves; none where it stays.
    #[must_use]
    pub fn moving(&self) -> Option<&MovingTopic> {
        match &self.outcome {
            TopicOutcome::Out => None,
            TopicOutcome::In(moving) => Some(moving),
        }
    }
}

/// What becomes of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TopicOutcome {
    /// It stays at the source.
    Out,
    /// It moves.
    In(Box<MovingTopic>),
}

/// How a topic moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MovingTopic {
    /// Its name at the target.
    pub target: TopicName,
    /// Why it is called so.
    pub name_reason: String,
    /// The topic group that it is copied in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Whether it is created.
    pub creation: Creation,
    /// Replicas of each partition at the target.
    pub replication_factor: i16,
    /// Settings at the source that differ from the defaults there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub source_configs: BTreeMap<String, String>,
    /// Settings at the target after the migration, where they differ from the defaults there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub configs: BTreeMap<String, String>,
    /// Transactions that may be written to each partition so that offsets are kept.
    #[serde(default)]
    pub transaction_budget: u64,
    /// The key of fillers, where holes are filled so that offsets are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filler_key: Option<String>,
    /// Fillers that may be written to each partition.
    #[serde(default)]
    pub filler_budget: u64,
    /// Settings that are different during the copy.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub copy_configs: BTreeMap<String, String>,
    /// What expires of it once its settings are set back, estimated from a sample.
    #[serde(default, skip_serializing_if = "Expiring::is_nothing")]
    pub expiring: Expiring,
    /// What is worth knowing of its settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Its partitions, in order.
    pub partitions: Vec<PartitionPlan>,
}

impl MovingTopic {
    /// The topic group that it is copied in: [`OTHER_GROUP`] where the topic filter named none.
    #[must_use]
    pub fn group(&self) -> &str {
        self.group.as_deref().unwrap_or(OTHER_GROUP)
    }

    /// Whether its retention is off during the copy, so that what is too old goes afterwards.
    #[must_use]
    pub fn copy_expires_nothing(&self) -> bool {
        let off = |key: &str| self.copy_configs.contains_key(key);
        off("retention.ms") || off("retention.bytes")
    }

    /// The settings that the topic has while it is copied, complete.
    #[must_use]
    pub fn configs_for_copy(&self) -> BTreeMap<String, String> {
        let mut configs = self.configs.clone();
        configs.extend(self.copy_configs.clone());
        configs
    }
}

/// Records that expire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expiring {
    /// How many, at most.
    pub records: i64,
    /// Their bytes, in proportion.
    pub bytes: u64,
}

impl Expiring {
    /// Whether it is nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The larger of two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if other.records > self.records {
            other
        } else {
            self
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            records: self.records.saturating_add(other.records),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// Whether a target topic is created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Creation {
    /// It is created.
    Create,
    /// It is there already and used as it is.
    Use {
        /// Its id, where the brokers have topic ids.
        id: Option<TopicId>,
    },
    /// This migration created it before.
    Ours {
        /// Its id, where the brokers have topic ids.
        id: Option<TopicId>,
    },
}

/// How one partition is copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionPlan {
    /// Its number, the same on both sides.
    pub partition: PartitionIndex,
    /// The source's log start offset.
    pub log_start_offset: SourceOffset,
    /// The source's high watermark.
    pub high_watermark: SourceOffset,
    /// Bytes of one replica, where the brokers told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// What becomes of the offsets.
    pub mode: CopyMode,
    /// What it takes to keep them besides padding, as far as a sample tells.
    #[serde(default, skip_serializing_if = "Keeping::is_nothing")]
    pub keeping: Keeping,
    /// Whether the target's brokers protect the copy against repeats.
    pub protection: Protection,
}

/// What it takes to keep offsets where the source has none of its records, estimated from a sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keeping {
    /// Transactions at the target, one for each marker, and for each offset that is missing.
    pub transactions: u64,
    /// Fillers in the place of records that a cleaner has taken.
    pub fillers: u64,
}

impl Keeping {
    /// Whether it takes nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What becomes of the offsets of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyMode {
    /// Records keep their offsets.
    Preserve {
        /// Empty records that are written and deleted before the first real one: the offsets that
        /// the source has already deleted.
        pad: i64,
    },
    /// Records get new offsets; an exact map leads from the old ones to the new ones.
    Translate {
        /// Why they can't keep theirs.
        reason: TranslateReason,
    },
}

/// Why records can't keep their offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TranslateReason {
    /// The configuration says so.
    Chosen,
    /// The target's partition has offsets already.
    TargetNotEmpty,
    /// The topic is compacted: offsets are missing, or will be.
    Compacted,
    /// Markers of transactions take offsets, and this version of the target can't say what it
    /// remembers of a producer (KIP-664).
    Transactional,
    /// Keeping the offsets of markers and of missing records free would go beyond the budget.
    TransactionsOverBudget,
    /// Markers come faster at the source than they can be written at the target.
    MarkersTooFast,
    /// Offsets are missing in batches.
    Gaps,
    /// Filling the holes would go beyond the budget.
    FillersOverBudget,
    /// A changelog of a window or session store, whose keys have a form that a filler's has not.
    WindowStore,
    /// The target does not let its cleaner be told to take fillers soon.
    CleanerOfTarget,
    /// Padding it would go beyond the budget.
    PaddingOverBudget,
}

impl TranslateReason {
    /// The reason in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chosen => "chosen in configuration",
            Self::TargetNotEmpty => "target not empty",
            Self::Compacted => "compacted",
            Self::Transactional => "transactional, and the target is older than 3.0",
            Self::TransactionsOverBudget => "more markers than the budget",
            Self::MarkersTooFast => "markers come faster than they can be written",
            Self::Gaps => "offsets missing",
            Self::FillersOverBudget => "more holes than the budget",
            Self::WindowStore => "changelog of a window store",
            Self::CleanerOfTarget => "the target's cleaner can't be tuned",
            Self::PaddingOverBudget => "padding over budget",
        }
    }
}

/// Whether the target's brokers remember the copier well enough to refuse repeated and skipped
/// batches of their own accord.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// The oldest record seen is younger than the target's `producer.id.expiration.ms`.
    Protected,
    /// Records are older: brokers forget the producer, and one writer has to be ensured otherwise.
    Unprotected,
    /// No record timestamp was seen.
    Unknown,
}

/// A partition to copy, with both its names.
#[derive(Debug, Clone)]
pub struct CopyPartition<'p> {
    /// At the source.
    pub source: TopicPartition,
    /// At the target.
    pub target: TopicPartition,
    /// The id of the source's topic, where the brokers have topic ids.
    pub source_topic_id: Option<TopicId>,
    /// The topic group.
    pub group: &'p str,
    /// How its topic moves.
    pub moving: &'p MovingTopic,
    /// How it is copied.
    pub plan: &'p PartitionPlan,
}

impl CopyPartition<'_> {
    /// What becomes of the offsets.
    #[must_use]
    pub fn mode(&self) -> CopyMode {
        self.plan.mode
    }
}

/// A setting of a target topic that is different during the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingChange<'p> {
    /// The topic at the target.
    pub topic: &'p TopicName,
    /// The setting.
    pub key: &'p str,
    /// Its value during the copy.
    pub during: &'p str,
    /// Its value afterwards; none where it is left to the target's default.
    pub afterwards: Option<&'p str>,
}

/// What becomes of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupPlan {
    /// Its id at the source.
    pub id: GroupId,
    /// Its state when the snapshot was taken.
    pub state: GroupState,
    /// Its id at the target; none where it is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<GroupId>,
    /// What becomes of it.
    pub action: GroupAction,
    /// Why.
    pub reason: String,
    /// Its committed offsets on topics that move.
    pub offsets: GroupOffsets,
    /// The decision of a person that it waits for or follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
}

/// What becomes of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupAction {
    /// Its offsets are set at the target.
    Move,
    /// It has members. Its offsets are set in a later pass, once it has none.
    Wait {
        /// The members.
        members: Vec<GroupMember>,
    },
    /// Nothing is set at the target.
    Skip,
}

/// Committed offsets of a group on topics that move, by what becomes of them. Where offsets are
/// preserved this can be told beforehand; where they are translated it is decided after the copy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupOffsets {
    /// Set to an offset of the target.
    pub exact: usize,
    /// Set to the log start offset of the target.
    pub earliest: usize,
    /// Set to the end of the target.
    pub latest: usize,
    /// Not set.
    pub skipped: usize,
    /// Decided after the copy.
    pub after_copy: usize,
    /// On topics that do not move.
    pub elsewhere: usize,
}

impl GroupOffsets {
    /// Offsets on topics that move.
    #[must_use]
    pub fn moving(&self) -> usize {
        self.exact + self.earliest + self.latest + self.skipped + self.after_copy
    }
}

/// Whether access control lists are part of the migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AclState {
    /// They are read, decided and compared.
    Planned,
    /// The source has none: its brokers run without an authorizer.
    SourceWithoutAuthorizer,
    /// They can't be read at the source.
    SourceUnreadable,
    /// The target can keep none: its brokers run without an authorizer.
    TargetWithoutAuthorizer,
    /// They can't be read at the target, so that nothing can be compared.
    TargetUnreadable,
}

/// What becomes of one binding of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AclPlan {
    /// The binding at the source.
    pub source: AclBinding,
    /// What the target gets for it.
    pub bindings: Vec<PlannedBinding>,
    /// Why.
    pub reason: String,
    /// The decision of a person that it waits for or follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
}

/// A binding of the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedBinding {
    /// The binding.
    pub binding: AclBinding,
    /// Whether it is there already.
    pub state: BindingState,
}

/// What becomes of a binding of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BindingState {
    /// It is created.
    Create,
    /// It is there already.
    Exists,
    /// A person has to decide, or has decided against it.
    Withheld,
}

/// How much there is to copy, and how long it may take.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// Topics that move.
    pub topics: usize,
    /// Partitions of these topics.
    pub partitions: usize,
    /// Bytes of one replica of the partitions whose size is known.
    pub bytes: u64,
    /// Partitions whose size the brokers do not tell.
    pub partitions_without_size: usize,
    /// Offsets between log start and high watermark: at most so many records.
    pub offsets: i64,
    /// Empty records that are written and deleted for padding.
    pub padding_offsets: i64,
    /// Transactions that keep offsets free.
    #[serde(default)]
    pub transactions: u64,
    /// Those of the partition that takes most of them.
    #[serde(default)]
    pub transactions_most: u64,
    /// Fillers in the place of records that a cleaner has taken.
    #[serde(default)]
    pub fillers: u64,
    /// The time that these transactions take, in seconds, by the round trip to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactions_seconds: Option<u64>,
    /// The limit of the configuration, in bytes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_bytes_per_second: Option<u64>,
    /// The sample that the time rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<SampledRate>,
    /// The shortest time that the copy may take, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_seconds_least: Option<u64>,
    /// The longest time that the copy may take, in seconds. Only a sample tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_seconds_most: Option<u64>,
}

impl Plan {
    /// The digest of the plan's canonical JSON.
    ///
    /// # Errors
    /// [`NotJson`] where a part has no JSON form; no plan of [`crate::plan()`] has such a part.
    pub fn digest(&self) -> Result<Digest, NotJson> {
        canonical::digest(self)
    }

    /// The topics that move, with their plan.
    pub fn moving_topics(&self) -> impl Iterator<Item = (&TopicPlan, &MovingTopic)> {
        self.topics
            .iter()
            .filter_map(|topic| Some((topic, topic.moving()?)))
    }

    /// Every partition to copy, by the topic's name at the source and the partition's number.
    pub fn copy_partitions(&self) -> impl Iterator<Item = CopyPartition<'_>> {
        self.moving_topics().flat_map(|(topic, moving)| {
            moving.partitions.iter().map(move |plan| CopyPartition {
                source: TopicPartition::new(topic.name.clone(), plan.partition),
                target: TopicPartition::new(moving.target.clone(), plan.partition),
                source_topic_id: topic.id,
                group: moving.group(),
                moving,
                plan,
            })
        })
    }

    /// The topic groups of the topics that move, in order.
    #[must_use]
    pub fn topic_groups(&self) -> BTreeSet<&str> {
        self.moving_topics().map(|(_, m)| m.group()).collect()
    }

    /// Every setting that is different during the copy, by topic and key.
    pub fn setting_changes(&self) -> impl Iterator<Item = SettingChange<'_>> {
        self.moving_topics().flat_map(|(_, moving)| {
            moving
                .copy_configs
                .iter()
                .map(|(key, during)| SettingChange {
                    topic: &moving.target,
                    key,
                    during,
                    afterwards: moving.configs.get(key).map(String::as_str),
                })
        })
    }

    /// The name at the target of a topic that moves.
    #[must_use]
    pub fn target_topic(&self, source: &TopicName) -> Option<&TopicName> {
        let index = self
            .topics
            .binary_search_by(|topic| topic.name.cmp(source))
            .ok()?;
        self.topics[index].moving().map(|moving| &moving.target)
    }

    /// Every binding that is to be created at the target, once each.
    #[must_use]
    pub fn acls_to_create(&self) -> BTreeSet<&AclBinding> {
        self.bindings(BindingState::Create)
    }

    /// Every binding of the target in this state, once each.
    #[must_use]
    pub fn bindings(&self, state: BindingState) -> BTreeSet<&AclBinding> {
        let all = self.acls.iter().flat_map(|acl| &acl.bindings);
        all.filter(|planned| planned.state == state)
            .map(|planned| &planned.binding)
            .collect()
    }

    /// The decisions that nobody has answered. While there is one, nothing may be applied.
    pub fn open_decisions(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.iter().filter(|decision| decision.is_open())
    }
}
