//! What plugins are asked and what they answer, once their answers have left the sandbox.

use crate::acl::AclBinding;
use crate::group::GroupState;
use crate::name::{GroupId, TopicPartition};
use crate::offset::{SourceOffset, TargetOffset};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kinds of plugins that decide. A role is a pure function from facts to decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Decides which topics move.
    TopicFilter,
    /// Decides what things are called at the target.
    NamingRemapper,
    /// Decides where groups go on reading.
    OffsetTranslator,
    /// Decides which access control lists the target gets.
    AclGenerator,
}

impl Role {
    /// Every role, in the order in which they are asked.
    pub const ALL: [Self; 4] = [
        Self::TopicFilter,
        Self::NamingRemapper,
        Self::OffsetTranslator,
        Self::AclGenerator,
    ];

    /// The role as it is written in configuration and WIT: `topic-filter`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TopicFilter => "topic-filter",
            Self::NamingRemapper => "naming-remapper",
            Self::OffsetTranslator => "offset-translator",
            Self::AclGenerator => "acl-generator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a topic moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicDecision {
    /// Whether it moves.
    pub keep: bool,
    /// Why, for people: `excluded by optr*`.
    pub reason: String,
    /// The topic group it is copied in, where the plugin gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// What kind of thing a name belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameKind {
    /// A topic.
    Topic,
    /// A consumer group.
    Group,
    /// A subject of the Schema Registry.
    Subject,
    /// A connector.
    Connector,
    /// A transactional id.
    TransactionalId,
    /// A principal, as `User:name`.
    Principal,
    /// The start of topic names, as prefixed ACLs hold it.
    TopicPrefix,
    /// The start of group ids, as prefixed ACLs hold it.
    GroupPrefix,
    /// The start of transactional ids, as prefixed ACLs hold it.
    TransactionalIdPrefix,
}

impl NameKind {
    /// The kind as it is written in WIT: `transactional-id`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Group => "group",
            Self::Subject => "subject",
            Self::Connector => "connector",
            Self::TransactionalId => "transactional-id",
            Self::Principal => "principal",
            Self::TopicPrefix => "topic-prefix",
            Self::GroupPrefix => "group-prefix",
            Self::TransactionalIdPrefix => "transactional-id-prefix",
        }
    }
}

/// A name with its kind: what a naming remapper is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NameQuestion {
    /// What it names.
    pub kind: NameKind,
    /// The name at the source.
    pub name: String,
}

/// What a thing is called at the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameDecision {
    /// Its name at the target. For a prefix: the prefix that covers exactly the renamed names, or
    /// none where no single prefix does.
    pub name: Option<String>,
    /// Why, for people: `prefix retail.`.
    pub reason: String,
}

/// One committed offset with all that is needed to decide on it: what an offset translator is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetQuestion {
    /// The group, by its name at the source.
    pub group: GroupId,
    /// The group's state at the source.
    pub group_state: GroupState,
    /// The partition, by its name at the source.
    pub partition: TopicPartition,
    /// What the group committed at the source.
    pub committed: SourceOffset,
    /// What the application stored beside it.
    pub metadata: String,
    /// The exact place of `committed` at the target; none where it lies outside of what was copied.
    pub translated: Option<TargetOffset>,
    /// The source's log start offset.
    pub source_start: SourceOffset,
    /// The source's high watermark.
    pub source_end: SourceOffset,
    /// The target's log start offset.
    pub target_start: TargetOffset,
    /// The target's high watermark.
    pub target_end: TargetOffset,
    /// How far the partition was copied: everything before it is at the target.
    pub copied_to: SourceOffset,
}

/// Where a group goes on reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OffsetAction {
    /// At this offset of the target.
    CommitAt(TargetOffset),
    /// At the log start offset of the target, committed explicitly.
    Earliest,
    /// At the end of the target, committed explicitly.
    Latest,
    /// Nothing is committed: `auto.offset.reset` of the application decides.
    Skip,
}

/// Where a group goes on reading, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetDecision {
    /// Where.
    pub action: OffsetAction,
    /// Why, for people: `exact`.
    pub reason: String,
}

/// One binding of the source, with the names as they are at the target: what an ACL generator is
/// asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclQuestion {
    /// The binding at the source.
    pub binding: AclBinding,
    /// The resource's name at the target by the naming remapper. For a literal topic that does not
    /// move, and for a prefix without a single renamed prefix: none.
    pub renamed: Option<String>,
    /// Names at the target of the moved resources that the source's pattern covers. Only for
    /// prefixed patterns and `*`, at most 1,000.
    pub covered: Vec<String>,
}

/// What becomes of one binding of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclDecision {
    /// What the target gets; empty where it gets nothing.
    pub bindings: Vec<AclBinding>,
    /// Why, for people.
    pub reason: String,
    /// A person has to decide: why. The bindings are then what the plugin would propose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecided: Option<String>,
}
