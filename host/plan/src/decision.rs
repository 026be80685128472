//! What only a person may decide.

use crate::error::PlanError;
use ferry_model::canonical::{self, NotJson};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a decision is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecisionKind {
    /// A plugin keeps a topic that belongs to a tool.
    InternalTopic,
    /// The target has the topic already, and records in it.
    TargetTopic,
    /// The target has the topic already, with another number of partitions.
    PartitionCount,
    /// The target has committed offsets of the group already.
    TargetGroup,
    /// An access control list that the plugin leaves to a person, or that grants more than was
    /// asked.
    Acl,
    /// Access control lists can't be read at the source, or not be compared or kept at the target.
    AclsUnavailable,
}

impl DecisionKind {
    /// The beginning of the decision's id.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InternalTopic => "internal-topic",
            Self::TargetTopic => "target-topic",
            Self::PartitionCount => "partition-count",
            Self::TargetGroup => "target-group",
            Self::Acl => "acl",
            Self::AclsUnavailable => "acls",
        }
    }
}

/// A possible answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What is written into the configuration: `accept`.
    pub word: String,
    /// What it means.
    pub meaning: String,
}

/// Something that only a person may decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Its id, the same in every plan as long as the question is the same: `acl-3f0c92d1`.
    pub id: String,
    /// What it is about.
    pub kind: DecisionKind,
    /// What exactly: a topic, a group, a binding.
    pub subject: String,
    /// Why it is not decided by itself.
    pub why: String,
    /// The possible answers.
    pub answers: Vec<Answer>,
    /// The answer that the configuration gives; none while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

impl Decision {
    /// Whether nobody has answered yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.answer.is_none()
    }
}

/// The hexadecimal digits of an id: enough that two among thousands do not meet.
const ID_DIGITS: usize = 8;

/// The id of a question. It covers the subject and the reason, not only the subject: an answer
/// that was given to one question does not answer another about the same thing.
fn id(kind: DecisionKind, subject: &str, why: &str) -> Result<String, NotJson> {
    let digest = canonical::digest(&(kind.as_str(), subject, why))?.to_string();
    Ok(format!(
        "{}-{}",
        kind.as_str(),
        &digest["sha256:".len()..][..ID_DIGITS]
    ))
}

/// Collects the decisions of a plan and looks up their answers.
pub(crate) struct Questions<'c> {
    answers: &'c BTreeMap<String, String>,
    asked: BTreeMap<String, Decision>,
}

impl<'c> Questions<'c> {
    pub(crate) fn new(answers: &'c BTreeMap<String, String>) -> Self {
        Self {
            answers,
            asked: BTreeMap::new(),
        }
    }

    /// Asks, and returns the decision with its answer if there is one.
    pub(crate) fn ask(
        &mut self,
        kind: DecisionKind,
        subject: String,
        why: String,
        answers: &[(&str, &str)],
    ) -> Result<Decision, PlanError> {
        let mut id = id(kind, &subject, &why)?;
        // Two questions with one id: the later one, in the order of the plan, gets a number. It
        // takes 32 equal bits to get here.
        let first = id.clone();
        let mut number = 2;
        while self
            .asked
            .get(&id)
            .is_some_and(|other| other.subject != subject || other.why != why)
        {
            id = format!("{first}-{number}");
            number += 1;
        }
        let answer = self.answers.get(&id).cloned();
        if let Some(answer) = &answer
            && !answers.iter().any(|(word, _)| word == answer)
        {
            return Err(PlanError::NoSuchAnswer {
                id,
                answer: answer.clone(),
                answers: answers.iter().map(|(word, _)| (*word).to_owned()).collect(),
            });
        }
        let decision = Decision {
            id: id.clone(),
            kind,
            subject,
            why,
            answers: answers
                .iter()
                .map(|(word, meaning)| Answer {
                    word: (*word).to_owned(),
                    meaning: (*meaning).to_owned(),
                })
                .collect(),
            answer,
        };
        self.asked.insert(id, decision.clone());
        Ok(decision)
    }

    /// Every decision by id, and the ids that the configuration answers although nobody asks.
    pub(crate) fn finish(self) -> (Vec<Decision>, BTreeSet<String>) {
        let unasked = self
            .answers
            .keys()
            .filter(|id| !self.asked.contains_key(*id))
            .cloned()
            .collect();
        (self.asked.into_values().collect(), unasked)
    }
}
