//! Which topics move.

use crate::deciders::Deciders;
use crate::decision::{Decision, DecisionKind, Questions};
use crate::error::PlanError;
use crate::plan::DecidedBy;
use ferry_model::decision::{Role, TopicDecision};
use ferry_model::name::TopicName;
use ferry_model::topic::TopicFacts;
use std::collections::BTreeMap;

/// Topics that brokers keep for themselves and write in formats of their own: no copy of one means
/// anything on another cluster (Apache Kafka, `Topic.INTERNAL_TOPICS` and the tiered storage's).
pub(crate) const BROKER_TOPICS: [&str; 5] = [
    "__cluster_metadata",
    "__consumer_offsets",
    "__remote_log_metadata",
    "__share_group_state",
    "__transaction_state",
];

/// The greatest length of the name of a topic group.
const TOPIC_GROUP_LENGTH_MAX: usize = 63;

/// Whether one topic moves, and why.
pub(crate) struct Verdict<'f> {
    pub(crate) topic: &'f TopicFacts,
    pub(crate) keep: bool,
    pub(crate) reason: String,
    pub(crate) decided_by: DecidedBy,
    pub(crate) group: Option<String>,
    pub(crate) decision: Option<Decision>,
}

/// Asks about every topic of the source and checks the answers.
pub(crate) fn decide<'f>(
    topics: &'f BTreeMap<TopicName, TopicFacts>,
    deciders: &mut dyn Deciders,
    questions: &mut Questions<'_>,
) -> Result<Vec<Verdict<'f>>, PlanError> {
    let asked: Vec<TopicFacts> = topics.values().cloned().collect();
    let answers = deciders.topics(&asked)?;
    let plugin = deciders.identity(Role::TopicFilter).to_string();
    if answers.len() != asked.len() {
        return Err(PlanError::AnswersMissing {
            plugin,
            questions: "topics",
            asked: asked.len(),
            answered: answers.len(),
        });
    }
    check_groups(&asked, &answers, &plugin)?;
    topics
        .values()
        .zip(answers)
        .map(|(topic, answer)| verdict(topic, answer, questions))
        .collect()
}

fn verdict<'f>(
    topic: &'f TopicFacts,
    answer: TopicDecision,
    questions: &mut Questions<'_>,
) -> Result<Verdict<'f>, PlanError> {
    let mut verdict = Verdict {
        topic,
        keep: answer.keep,
        reason: answer.reason,
        decided_by: DecidedBy::Plugin(Role::TopicFilter),
        group: answer.group,
        decision: None,
    };
    if BROKER_TOPICS.contains(&topic.name.as_str()) {
        verdict.keep = false;
        verdict.decided_by = DecidedBy::Host;
        verdict.reason = "internal: brokers keep it for themselves".to_owned();
        return Ok(verdict);
    }
    let Some(internal) = &topic.internal else {
        return Ok(verdict);
    };
    if !verdict.keep {
        verdict.decided_by = DecidedBy::Host;
        verdict.reason = format!("internal: {internal}");
        return Ok(verdict);
    }
    let decision = questions.ask(
        DecisionKind::InternalTopic,
        topic.name.to_string(),
        format!("it belongs to a tool ({internal}), and the topic filter keeps it"),
        &[
            ("keep", "it moves"),
            ("leave-out", "it stays at the source"),
        ],
    )?;
    verdict.keep = decision.answer.as_deref() == Some("keep");
    verdict.decided_by = if decision.is_open() {
        DecidedBy::Host
    } else {
        DecidedBy::Person
    };
    if !verdict.keep {
        verdict.reason = format!("internal: {internal}");
    }
    verdict.decision = Some(decision);
    Ok(verdict)
}

/// Names of topic groups name folders and metrics.
fn check_groups(
    topics: &[TopicFacts],
    answers: &[TopicDecision],
    plugin: &str,
) -> Result<(), PlanError> {
    let legal = |group: &str| {
        (1..=TOPIC_GROUP_LENGTH_MAX).contains(&group.len())
            && group
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    let group_of = |answer: &TopicDecision| answer.group.clone();
    let Some(illegal) = answers
        .iter()
        .filter_map(group_of)
        .find(|group| !legal(group))
    else {
        return Ok(());
    };
    let there = topics
        .iter()
        .zip(answers)
        .filter(|(_, a)| a.group.as_ref() == Some(&illegal));
    Err(PlanError::IllegalTopicGroup {
        plugin: plugin.to_owned(),
        topics: there.map(|(topic, _)| topic.name.to_string()).collect(),
        group: illegal,
    })
}
