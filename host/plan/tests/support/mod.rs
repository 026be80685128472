//! A small world to plan for, and deciders that are told what to answer.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::result_large_err, reason = "the trait says so")]

use ferry_config::{Configuration, MigrationConfig};
use ferry_model::acl::{AclBinding, AclOperation, PatternType, PermissionType, ResourceType};
use ferry_model::decision::{
    AclDecision, AclQuestion, NameDecision, NameKind, NameQuestion, OffsetAction, OffsetDecision,
    OffsetQuestion, Role, TopicDecision,
};
use ferry_model::digest::Digest;
use ferry_model::group::{CommittedOffset, GroupFacts, GroupMember, GroupState};
use ferry_model::identity::{BrokerId, ClusterId, TopicId};
use ferry_model::name::{GroupId, TopicName, TopicPartition};
use ferry_model::problem::Problem;
use ferry_model::snapshot::{AclFacts, BrokerFacts, ClusterSnapshot, SNAPSHOT_FORMAT, Snapshot};
use ferry_model::topic::{LogShape, PartitionFacts, TopicFacts};
use ferry_plan::{CopyMode, Deciders, Plan, PluginIdentity, TopicPlan, TranslateReason, plan};
use std::collections::BTreeMap;
use std::path::Path;

/// 2026-03-01, some time of day.
pub(crate) const NOW_MS: i64 = 1_772_370_000_000;
pub(crate) const DAY_MS: i64 = 86_400_000;

pub(crate) fn name(name: &str) -> TopicName {
    TopicName::parse(name).expect("a legal name")
}

pub(crate) fn configuration(more: &str) -> MigrationConfig {
    let text = format!(
        "migration: retail-emea\nsource: {{ bootstrap.servers: s }}\ntarget: {{ bootstrap.servers: t }}\n{more}"
    );
    Configuration::parse(text.as_bytes(), Path::new("migration.yaml"))
        .expect("right")
        .settings
}

/// A partition from log start to high watermark, with fresh records.
pub(crate) fn partition(number: i32, start: i64, end: i64) -> PartitionFacts {
    PartitionFacts {
        partition: number,
        leader_epoch: 3,
        log_start_offset: start,
        high_watermark: end,
        last_stable_offset: end,
        size_bytes: Some(u64::try_from(end - start).expect("not negative") * 1000),
        shape: LogShape {
            sampled_batches: 1,
            sampled_bytes: 1000,
            sampled_records: 1,
            oldest_timestamp_ms: (end > start).then_some(NOW_MS - 1000),
            newest_timestamp_ms: (end > start).then_some(NOW_MS - 500),
            largest_batch_bytes: 16_384,
            ..LogShape::default()
        },
    }
}

pub(crate) fn topic(text: &str, partitions: Vec<PartitionFacts>) -> TopicFacts {
    let id = u128::from_be_bytes(
        Digest::of(text.as_bytes()).as_bytes()[..16]
            .try_into()
            .expect("16"),
    );
    TopicFacts {
        name: name(text),
        id: Some(TopicId(uuid::Uuid::from_u128(id))),
        replication_factor: 3,
        internal: None,
        configs: BTreeMap::new(),
        partitions,
    }
}

pub(crate) fn group(id: &str, state: GroupState, offsets: &[(&str, i32, i64)]) -> GroupFacts {
    let members = if state.active() {
        vec![GroupMember {
            client_id: format!("{id}-1"),
            client_host: "/10.0.0.7".into(),
        }]
    } else {
        Vec::new()
    };
    GroupFacts {
        id: GroupId::from(id),
        state,
        protocol_type: "consumer".into(),
        members,
        offsets: offsets
            .iter()
            .map(|(topic, partition, offset)| CommittedOffset {
                partition: TopicPartition::new(name(topic), *partition),
                offset: *offset,
                metadata: String::new(),
            })
            .collect(),
    }
}

pub(crate) fn binding(
    principal: &str,
    resource: &str,
    change: impl FnOnce(&mut AclBinding),
) -> AclBinding {
    let mut binding = AclBinding {
        resource_type: ResourceType::Topic,
        resource_name: resource.to_owned(),
        pattern_type: PatternType::Literal,
        principal: principal.to_owned(),
        host: "*".to_owned(),
        operation: AclOperation::Read,
        permission: PermissionType::Allow,
    };
    change(&mut binding);
    binding
}

pub(crate) fn cluster(id: &str, version: &str, brokers: i32) -> ClusterSnapshot {
    ClusterSnapshot {
        cluster_id: ClusterId(id.to_owned()),
        kafka_version: version.to_owned(),
        brokers: (1..=brokers)
            .map(|number| BrokerFacts {
                id: BrokerId(number),
                host: format!("b-{number}.example"),
                port: 9092,
                rack: None,
            })
            .collect(),
        round_trip_us: None,
        topic_defaults: BTreeMap::new(),
        topics: BTreeMap::new(),
        groups: BTreeMap::new(),
        acls: AclFacts::Bindings(Vec::new()),
    }
}

/// A source of 3.9 with these topics, and an empty target of 4.3.
pub(crate) fn snapshot(topics: Vec<TopicFacts>) -> Snapshot {
    let mut source = cluster("source-id", "3.9", 6);
    source.topics = topics
        .into_iter()
        .map(|topic| (topic.name.clone(), topic))
        .collect();
    Snapshot {
        format: SNAPSHOT_FORMAT,
        taken_at_ms: NOW_MS,
        source,
        target: cluster("target-id", "4.3", 3),
    }
}

pub(crate) fn with_groups(mut snapshot: Snapshot, groups: Vec<GroupFacts>) -> Snapshot {
    snapshot.source.groups = groups
        .into_iter()
        .map(|group| (group.id.clone(), group))
        .collect();
    snapshot
}

type TopicRule = Box<dyn Fn(&TopicFacts) -> TopicDecision>;
type NameRule = Box<dyn Fn(&NameQuestion) -> Option<String>>;
type AclRule = Box<dyn Fn(&AclQuestion) -> AclDecision>;

/// Deciders that follow rules. By default everything is kept, nothing is renamed, offsets are
/// exact, and bindings follow their names.
pub(crate) struct Rules {
    pub(crate) topics: TopicRule,
    pub(crate) names: NameRule,
    pub(crate) acls: AclRule,
    pub(crate) offsets: Box<dyn Fn(&OffsetQuestion) -> OffsetAction>,
    pub(crate) identities: BTreeMap<Role, PluginIdentity>,
    pub(crate) asked_names: Vec<NameQuestion>,
    pub(crate) asked_offsets: Vec<OffsetQuestion>,
    pub(crate) asked_acls: Vec<AclQuestion>,
}

pub(crate) fn kept(reason: &str) -> TopicDecision {
    TopicDecision {
        keep: true,
        reason: reason.to_owned(),
        group: None,
    }
}

pub(crate) fn identity(role: Role, version: &str) -> PluginIdentity {
    PluginIdentity {
        name: format!("ferry/{role}"),
        version: version.to_owned(),
        digest: Digest::of(role.as_str().as_bytes()),
        config_digest: Digest::of(b"{}"),
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            topics: Box::new(|_| kept("kept by default")),
            names: Box::new(|question| Some(question.name.clone())),
            acls: Box::new(|question| AclDecision {
                bindings: question
                    .renamed
                    .iter()
                    .map(|name| AclBinding {
                        resource_name: name.clone(),
                        ..question.binding.clone()
                    })
                    .collect(),
                reason: "as at the source".into(),
                undecided: None,
            }),
            offsets: Box::new(|question| match question.translated {
                Some(exact) => OffsetAction::CommitAt(exact),
                None if question.committed < question.source_start => OffsetAction::Earliest,
                None => OffsetAction::Latest,
            }),
            identities: Role::ALL
                .into_iter()
                .map(|role| (role, identity(role, "1.0.0")))
                .collect(),
            asked_names: Vec::new(),
            asked_offsets: Vec::new(),
            asked_acls: Vec::new(),
        }
    }
}

impl Rules {
    /// Topics, prefixes of topics and groups get `prefix`.
    pub(crate) fn prefixing(prefix: &'static str) -> Self {
        Self {
            names: Box::new(move |question| {
                let renamed = matches!(
                    question.kind,
                    NameKind::Topic
                        | NameKind::TopicPrefix
                        | NameKind::Group
                        | NameKind::GroupPrefix
                );
                Some(if renamed {
                    format!("{prefix}{}", question.name)
                } else {
                    question.name.clone()
                })
            }),
            ..Self::default()
        }
    }
}

impl Deciders for Rules {
    fn topics(&mut self, topics: &[TopicFacts]) -> Result<Vec<TopicDecision>, Problem> {
        Ok(topics.iter().map(|topic| (self.topics)(topic)).collect())
    }

    fn names(&mut self, questions: &[NameQuestion]) -> Result<Vec<NameDecision>, Problem> {
        self.asked_names.extend_from_slice(questions);
        let decide = |question: &NameQuestion| NameDecision {
            name: (self.names)(question),
            reason: "rule 1".to_owned(),
        };
        Ok(questions.iter().map(decide).collect())
    }

    fn offsets(&mut self, questions: &[OffsetQuestion]) -> Result<Vec<OffsetDecision>, Problem> {
        self.asked_offsets.extend_from_slice(questions);
        let decide = |question: &OffsetQuestion| OffsetDecision {
            action: (self.offsets)(question),
            reason: "exact".to_owned(),
        };
        Ok(questions.iter().map(decide).collect())
    }

    fn acls(&mut self, questions: &[AclQuestion]) -> Result<Vec<AclDecision>, Problem> {
        self.asked_acls.extend_from_slice(questions);
        Ok(questions
            .iter()
            .map(|question| (self.acls)(question))
            .collect())
    }

    fn identity(&self, role: Role) -> &PluginIdentity {
        &self.identities[&role]
    }
}

/// The plan of `snapshot` under a configuration with `more` in it.
pub(crate) fn planned(more: &str, snapshot: &Snapshot, rules: &mut Rules) -> Plan {
    plan(&configuration(more), snapshot, rules).expect("a plan")
}

/// What becomes of topic `name`.
pub(crate) fn of<'p>(plan: &'p Plan, name: &str) -> &'p TopicPlan {
    plan.topics
        .iter()
        .find(|topic| topic.name.as_str() == name)
        .expect("there")
}

/// The modes of the partitions of topic `name`, which moves.
pub(crate) fn modes(plan: &Plan, name: &str) -> Vec<CopyMode> {
    let moving = of(plan, name).moving().expect("it moves");
    moving
        .partitions
        .iter()
        .map(|partition| partition.mode)
        .collect()
}

/// New offsets, for `reason`.
pub(crate) fn translated(reason: TranslateReason) -> CopyMode {
    CopyMode::Translate { reason }
}
