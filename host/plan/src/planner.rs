//! Puts the plan together.

use crate::circumstances::Circumstances;
use crate::configs::{DuringCopy, TargetSettings, copy_settings, final_settings};
use crate::deciders::Deciders;
use crate::decision::{DecisionKind, Questions};
use crate::error::PlanError;
use crate::estimate::estimate;
use crate::groups::{Partitions, moving_offsets};
use crate::modes::ModeQuestion;
use crate::names::Names;
use crate::plan::{
    ClusterIdentity, CopyMode, Creation, Expiring, MovingTopic, PartitionPlan, Plan, TopicOutcome,
    TopicPlan,
};
use crate::retention::Retention;
use crate::target_version::TargetVersion;
use crate::text::listed;
use crate::topics::Verdict;
use crate::{acls, groups, modes, names, topics};
use ferry_config::MigrationConfig;
use ferry_model::decision::{NameKind, NameQuestion, Role};
use ferry_model::name::TopicName;
use ferry_model::problem::{Explain, Problem};
use ferry_model::snapshot::{ClusterSnapshot, SNAPSHOT_FORMAT, Snapshot};
use ferry_model::topic::TopicFacts;
use std::collections::BTreeSet;

/// The plan of `configuration` for the world of `snapshot`, under default circumstances.
///
/// # Errors
/// The problem of [`PlanError`]: a plugin failed or answered wrongly, or both clusters are one.
#[allow(
    clippy::result_large_err,
    reason = "a problem is told to a person, and ends the plan"
)]
pub fn plan(
    configuration: &MigrationConfig,
    snapshot: &Snapshot,
    deciders: &mut dyn Deciders,
) -> Result<Plan, Problem> {
    plan_under(configuration, snapshot, &Circumstances::default(), deciders)
        .map_err(|error| error.problem())
}

/// The plan of `configuration` for the world of `snapshot`. The same inputs give the same plan,
/// whatever order their lists are in.
///
/// # Errors
/// [`PlanError`]: a plugin failed or answered wrongly, or both clusters are one.
pub fn plan_under(
    configuration: &MigrationConfig,
    snapshot: &Snapshot,
    circumstances: &Circumstances,
    deciders: &mut dyn Deciders,
) -> Result<Plan, PlanError> {
    if snapshot.format != SNAPSHOT_FORMAT {
        return Err(PlanError::SnapshotFormat {
            found: snapshot.format,
            known: SNAPSHOT_FORMAT,
        });
    }
    if snapshot.source.cluster_id == snapshot.target.cluster_id {
        return Err(PlanError::OneCluster {
            cluster: snapshot.source.cluster_id.to_string(),
        });
    }
    let snapshot = &in_order(snapshot);
    let mut questions = Questions::new(&configuration.decisions);
    let verdicts = topics::decide(&snapshot.source.topics, deciders, &mut questions)?;
    let (acl_state, bindings) = acls::of_source(snapshot);
    let mut asked = acls::name_questions(&bindings);
    asked.extend(topic_and_group_questions(&verdicts, &snapshot.source));
    let mut names = names::decide(&asked, &snapshot.target.topics, deciders)?;
    let draft = Draft {
        configuration,
        snapshot,
        circumstances,
        names: &names,
    };
    let (topic_plans, partitions) = draft.topics(&verdicts, &mut questions)?;
    // What a person left out must not be granted rights on, nor counted as covered by a prefix.
    for topic in topic_plans.iter().filter(|topic| topic.moving().is_none()) {
        names.forget_topic(&topic.name);
    }
    let group_plans = groups::decide(
        &snapshot.source.groups,
        &snapshot.target.groups,
        &partitions,
        &names,
        circumstances,
        deciders,
        &mut questions,
    )?;
    let acl_plans = acls::decide(
        &bindings,
        acl_state,
        snapshot,
        &names,
        deciders,
        &mut questions,
    )?;
    let (decisions, unasked) = questions.finish();
    let estimate = estimate(
        topic_plans
            .iter()
            .filter_map(TopicPlan::moving)
            .map(|moving| moving.partitions.as_slice()),
        configuration
            .copy
            .bandwidth_most()
            .map(ferry_config::Bandwidth::bytes_per_second),
        circumstances.sample,
        snapshot.target.round_trip_us,
    );
    let mut notes = notes(configuration, &topic_plans, &unasked);
    notes.extend(
        acls::shared_principals(&acl_plans)
            .into_iter()
            .map(|(principal, sources)| {
                format!(
                    "{} stands for {}: each gets the rights of all",
                    crate::text::escaped(principal),
                    listed(sources, 5)
                )
            }),
    );
    let configuration_digest = match circumstances.configuration_digest {
        Some(digest) => digest,
        None => configuration.digest()?,
    };
    let plugins = Role::ALL
        .into_iter()
        .map(|role| (role, deciders.identity(role).clone()));
    Ok(Plan {
        migration: configuration.name.to_string(),
        configuration: configuration_digest,
        snapshot_taken_at_ms: snapshot.taken_at_ms,
        source: identity(&snapshot.source),
        target: identity(&snapshot.target),
        plugins: plugins.collect(),
        topics: topic_plans,
        groups: group_plans,
        acl_state,
        acls: acl_plans,
        decisions,
        notes,
        estimate,
    })
}

fn identity(cluster: &ClusterSnapshot) -> ClusterIdentity {
    ClusterIdentity {
        id: cluster.cluster_id.clone(),
        kafka_version: cluster.kafka_version.clone(),
        brokers: cluster.brokers.len(),
    }
}

/// The snapshot with all its lists sorted.
fn in_order(snapshot: &Snapshot) -> Snapshot {
    let mut snapshot = snapshot.clone();
    for cluster in [&mut snapshot.source, &mut snapshot.target] {
        for topic in cluster.topics.values_mut() {
            topic
                .partitions
                .sort_by_key(|partition| partition.partition);
        }
        for group in cluster.groups.values_mut() {
            group.offsets.sort_by(|a, b| a.partition.cmp(&b.partition));
            group.members.sort_by(|a, b| {
                (&a.client_id, &a.client_host).cmp(&(&b.client_id, &b.client_host))
            });
        }
    }
    snapshot
}

/// Names of what moves for sure: topics that are kept, and groups that have committed on one.
fn topic_and_group_questions(
    verdicts: &[Verdict<'_>],
    source: &ClusterSnapshot,
) -> BTreeSet<NameQuestion> {
    let kept: BTreeSet<&TopicName> = verdicts
        .iter()
        .filter(|verdict| verdict.keep)
        .map(|verdict| &verdict.topic.name)
        .collect();
    let topics = kept.iter().map(|name| (NameKind::Topic, name.to_string()));
    let moves = |topic: &TopicName| kept.contains(topic);
    let groups = source
        .groups
        .values()
        .filter(|group| moving_offsets(group, &moves).next().is_some())
        .map(|group| (NameKind::Group, group.id.0.clone()));
    topics
        .chain(groups)
        .map(|(kind, name)| NameQuestion { kind, name })
        .collect()
}

/// What the parts of a plan are made from.
struct Draft<'p> {
    configuration: &'p MigrationConfig,
    snapshot: &'p Snapshot,
    circumstances: &'p Circumstances,
    names: &'p Names,
}

/// A topic that moves, before its partitions have modes.
struct Candidate<'p> {
    target: TopicName,
    existing: Option<&'p TopicFacts>,
    ours: bool,
    decisions: Vec<String>,
    leave_out: Option<String>,
}

impl<'p> Draft<'p> {
    fn topics(
        &self,
        verdicts: &[Verdict<'p>],
        questions: &mut Questions<'_>,
    ) -> Result<(Vec<TopicPlan>, Partitions), PlanError> {
        let mut candidates = Vec::with_capacity(verdicts.len());
        for verdict in verdicts {
            candidates.push(self.candidate(verdict, questions)?);
        }
        let moving = |candidate: &Option<Candidate<'p>>| {
            candidate
                .as_ref()
                .is_some_and(|candidate| candidate.leave_out.is_none())
        };
        let mode_questions: Vec<_> = verdicts
            .iter()
            .zip(&candidates)
            .filter(|(_, candidate)| moving(candidate))
            .map(|(verdict, candidate)| ModeQuestion {
                topic: verdict.topic,
                group: verdict.group.as_deref(),
                existing: candidate
                    .as_ref()
                    .and_then(|c| c.existing.filter(|_| !c.ours)),
            })
            .collect();
        let partitions = modes::decide(
            &mode_questions,
            &self.configuration.copy,
            &self.modes_target(),
            self.circumstances.producer_id_expiration_ms,
            self.snapshot.taken_at_ms,
        );
        let plans = verdicts
            .iter()
            .zip(candidates)
            .map(|(verdict, candidate)| self.topic(verdict, candidate, &partitions))
            .collect();
        Ok((plans, partitions))
    }

    fn target_version(&self) -> TargetVersion {
        let target = &self.snapshot.target;
        TargetVersion::new(self.configuration.target.profile, &target.kafka_version)
    }

    /// What the modes of partitions depend on.
    fn modes_target(&self) -> modes::Target {
        let version = self.target_version();
        modes::Target {
            remembers: version.describes_producers(),
            cleaner_tunable: version.knows("min.cleanable.dirty.ratio"),
            round_trip_us: self.snapshot.target.round_trip_us,
        }
    }

    /// Looks at what the target has under the new name.
    fn candidate(
        &self,
        verdict: &Verdict<'_>,
        questions: &mut Questions<'_>,
    ) -> Result<Option<Candidate<'p>>, PlanError> {
        let Some(target) = self
            .names
            .topic(verdict.topic.name.as_str())
            .filter(|_| verdict.keep)
        else {
            return Ok(None);
        };
        let existing = self.snapshot.target.topics.get(target);
        let ours = self.circumstances.created_by_us.contains(target);
        let mut candidate = Candidate {
            target: target.clone(),
            existing,
            ours,
            decisions: Vec::new(),
            leave_out: None,
        };
        let Some(facts) = existing.filter(|_| !ours) else {
            return Ok(Some(candidate));
        };
        let leave_out = ("leave-out", "the topic stays at the source");
        if facts.partitions.len() != verdict.topic.partitions.len() {
            let decision = questions.ask(
                DecisionKind::PartitionCount,
                target.to_string(),
                format!(
                    "the target has it with {} partitions, the source with {}: records of one key would \
                     meet in other partitions. Delete it at the target, rename the topic, or leave it out",
                    facts.partitions.len(),
                    verdict.topic.partitions.len()
                ),
                &[leave_out],
            )?;
            candidate.leave_out = decision.answer.as_ref().map(|_| decision.why.clone());
            candidate.decisions.push(decision.id);
        } else if facts.offsets() > 0 {
            let decision = questions.ask(
                DecisionKind::TargetTopic,
                target.to_string(),
                "the target has it, with records that Ferry did not write".to_owned(),
                &[
                    (
                        "append",
                        "records are appended to those there, with new offsets",
                    ),
                    leave_out,
                ],
            )?;
            if decision.answer.as_deref() == Some("leave-out") {
                candidate.leave_out = Some(decision.why.clone());
            }
            candidate.decisions.push(decision.id);
        }
        Ok(Some(candidate))
    }

    fn topic(
        &self,
        verdict: &Verdict<'_>,
        candidate: Option<Candidate<'_>>,
        partitions: &Partitions,
    ) -> TopicPlan {
        let facts = verdict.topic;
        let mut plan = TopicPlan {
            name: facts.name.clone(),
            id: facts.id,
            partitions: facts.partitions.len(),
            offsets: facts.offsets(),
            size_bytes: facts.size_bytes(),
            reason: verdict.reason.clone(),
            decided_by: verdict.decided_by,
            decisions: verdict
                .decision
                .iter()
                .map(|decision| decision.id.clone())
                .collect(),
            outcome: TopicOutcome::Out,
        };
        let Some(candidate) = candidate else {
            return plan;
        };
        plan.decisions.extend(candidate.decisions.iter().cloned());
        if let Some(reason) = candidate.leave_out {
            plan.reason = reason;
            plan.decided_by = crate::plan::DecidedBy::Person;
            return plan;
        }
        let partitions = partitions.get(&facts.name).cloned().unwrap_or_default();
        plan.outcome = TopicOutcome::In(Box::new(self.moving(verdict, candidate, partitions)));
        plan
    }

    fn moving(
        &self,
        verdict: &Verdict<'_>,
        candidate: Candidate<'_>,
        partitions: Vec<PartitionPlan>,
    ) -> MovingTopic {
        let facts = verdict.topic;
        let target = &self.snapshot.target;
        let version = self.target_version();
        // What is there keeps its settings. A topic of this migration has those of the copy, which
        // are not meant to stay.
        let (settings, creation) = match candidate.existing {
            Some(existing) if !candidate.ours => (
                TargetSettings {
                    replication_factor: existing.replication_factor,
                    configs: existing.configs.clone(),
                    notes: vec!["the target has it already: its settings stay".to_owned()],
                },
                Creation::Use { id: existing.id },
            ),
            existing => (
                final_settings(
                    facts,
                    version,
                    target.brokers.len(),
                    self.configuration.copy.replication_factor,
                ),
                existing.map_or(Creation::Create, |existing| Creation::Ours {
                    id: existing.id,
                }),
            ),
        };
        let padded = partitions
            .iter()
            .any(|plan| matches!(plan.mode, CopyMode::Preserve { pad } if pad > 0));
        let copy = &self.configuration.copy;
        let group = verdict.group.as_deref();
        let kept = |plan: &PartitionPlan| matches!(plan.mode, CopyMode::Preserve { .. });
        let filled = facts.compacted() && partitions.iter().any(kept);
        let during = DuringCopy { padded, filled };
        let name = self.names.decision(NameKind::Topic, facts.name.as_str());
        let retention = Retention::of(&settings.configs, &target.topic_defaults);
        let expiring = facts
            .partitions
            .iter()
            .map(|partition| retention.estimate(partition, self.snapshot.taken_at_ms))
            .fold(Expiring::default(), Expiring::and);
        MovingTopic {
            target: candidate.target,
            name_reason: name
                .map(|decision| decision.reason.clone())
                .unwrap_or_default(),
            transaction_budget: copy.transaction_budget(group),
            filler_key: copy.filler_key(group).filter(|_| filled).map(str::to_owned),
            filler_budget: copy.filler_budget(group),
            group: verdict.group.clone(),
            creation,
            replication_factor: settings.replication_factor,
            source_configs: facts.configs.clone(),
            copy_configs: copy_settings(facts, &settings.configs, version, during),
            configs: settings.configs,
            expiring,
            notes: settings.notes,
            partitions,
        }
    }
}

/// What is worth knowing of the plan as a whole.
fn notes(
    configuration: &MigrationConfig,
    topics: &[TopicPlan],
    unasked: &BTreeSet<String>,
) -> Vec<String> {
    let mut notes = Vec::new();
    if !unasked.is_empty() {
        let ids = listed(unasked.iter().map(String::as_str), 5);
        notes.push(format!("decisions: nothing is asked under {ids}"));
    }
    let formed: BTreeSet<&str> = topics
        .iter()
        .filter_map(TopicPlan::moving)
        .map(MovingTopic::group)
        .collect();
    for group in configuration.copy.groups.keys() {
        if !formed.contains(group.as_str()) {
            let group = crate::text::escaped(group);
            notes.push(format!(
                "copy.groups.{group}: no topic that moves is in this group"
            ));
        }
    }
    notes
}
