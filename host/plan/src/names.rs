//! What things are called at the target.

use crate::deciders::Deciders;
use crate::error::PlanError;
use crate::topics::BROKER_TOPICS;
use ferry_model::decision::{NameDecision, NameKind, NameQuestion, Role};
use ferry_model::name::TopicName;
use ferry_model::topic::TopicFacts;
use std::collections::{BTreeMap, BTreeSet};

/// Every name that was asked for, with its checked answer.
#[derive(Default)]
pub(crate) struct Names {
    answers: BTreeMap<NameQuestion, NameDecision>,
    topics: BTreeMap<String, TopicName>,
}

impl Names {
    /// The new name of a topic that moves.
    pub(crate) fn topic(&self, name: &str) -> Option<&TopicName> {
        self.topics.get(name)
    }

    /// Forgets the name of a topic that does not move after all.
    pub(crate) fn forget_topic(&mut self, name: &TopicName) {
        let name = name.to_string();
        self.topics.remove(&name);
        self.answers.remove(&NameQuestion {
            kind: NameKind::Topic,
            name,
        });
    }

    /// The new name of `name`, or of a prefix; none where there is none.
    pub(crate) fn new_name(&self, kind: NameKind, name: &str) -> Option<&str> {
        self.decision(kind, name)?.name.as_deref()
    }

    pub(crate) fn decision(&self, kind: NameKind, name: &str) -> Option<&NameDecision> {
        self.answers.get(&NameQuestion {
            kind,
            name: name.to_owned(),
        })
    }

    /// Old and new names of one kind.
    pub(crate) fn of_kind(&self, kind: NameKind) -> impl Iterator<Item = (&str, &str)> {
        self.answers
            .iter()
            .filter(move |(question, _)| question.kind == kind)
            .filter_map(|(question, answer)| {
                Some((question.name.as_str(), answer.name.as_deref()?))
            })
    }
}

/// Asks for every name and checks the answers: legal, no two things with one name, nothing that
/// the target keeps for itself, prefixes that cover what they say.
pub(crate) fn decide(
    asked: &BTreeSet<NameQuestion>,
    target: &BTreeMap<TopicName, TopicFacts>,
    deciders: &mut dyn Deciders,
) -> Result<Names, PlanError> {
    let questions: Vec<NameQuestion> = asked.iter().cloned().collect();
    let answers = if questions.is_empty() {
        Vec::new()
    } else {
        deciders.names(&questions)?
    };
    let plugin = deciders.identity(Role::NamingRemapper).to_string();
    if answers.len() != questions.len() {
        return Err(PlanError::AnswersMissing {
            plugin,
            questions: "names",
            asked: questions.len(),
            answered: answers.len(),
        });
    }
    let mut names = Names {
        answers: questions.into_iter().zip(answers).collect(),
        ..Names::default()
    };
    names.topics = check_topic_names(&names, &plugin)?;
    check_one_name(&names, &plugin)?;
    check_target(&names, target, &plugin)?;
    check_prefixes(&names, &plugin)?;
    Ok(names)
}

fn word(kind: NameKind) -> &'static str {
    match kind {
        NameKind::Topic => "topic",
        NameKind::Group => "group",
        NameKind::TransactionalId => "transactional id",
        other => other.as_str(),
    }
}

fn check_topic_names(
    names: &Names,
    plugin: &str,
) -> Result<BTreeMap<String, TopicName>, PlanError> {
    let mut topics = BTreeMap::new();
    for (question, answer) in &names.answers {
        let may_be_left = matches!(
            question.kind,
            NameKind::TopicPrefix | NameKind::GroupPrefix | NameKind::TransactionalIdPrefix
        );
        let missing = || PlanError::NameMissing {
            plugin: plugin.to_owned(),
            kind: word(question.kind),
            name: question.name.clone(),
        };
        let new = match &answer.name {
            None if may_be_left => continue,
            None => return Err(missing()),
            Some(new) => new,
        };
        if question.kind == NameKind::Topic {
            let legal = TopicName::parse(new.clone()).map_err(|source| PlanError::IllegalName {
                plugin: plugin.to_owned(),
                name: question.name.clone(),
                source,
            })?;
            topics.insert(question.name.clone(), legal);
        } else if new.is_empty() && !question.name.is_empty() {
            return Err(missing());
        }
    }
    Ok(topics)
}

/// No two topics, groups or transactional ids may become one. Topics also collide where they
/// differ by `.` and `_` only: brokers refuse the second.
fn check_one_name(names: &Names, plugin: &str) -> Result<(), PlanError> {
    let key = |kind: NameKind, new: &str| match kind {
        NameKind::Topic => new.replace('.', "_"),
        _ => new.to_owned(),
    };
    for (kind, things) in [
        (NameKind::Topic, "topics"),
        (NameKind::Group, "groups"),
        (NameKind::TransactionalId, "transactional ids"),
    ] {
        let mut by_key: BTreeMap<String, (Vec<String>, BTreeSet<String>)> = BTreeMap::new();
        for (old, new) in names.of_kind(kind) {
            let entry = by_key.entry(key(kind, new)).or_default();
            entry.0.push(old.to_owned());
            entry.1.insert(new.to_owned());
        }
        let collisions: Vec<_> = by_key
            .into_values()
            .filter(|(old, _)| old.len() > 1)
            .map(|(old, new)| (old, new.into_iter().collect::<Vec<_>>().join(", ")))
            .collect();
        if !collisions.is_empty() {
            return Err(PlanError::OneName {
                plugin: plugin.to_owned(),
                things,
                collisions,
            });
        }
    }
    Ok(())
}

/// A name that the target has is another matter, decided with the topic; one that it has but for
/// `.` and `_`, and those of its brokers, can't be used at all.
fn check_target(
    names: &Names,
    target: &BTreeMap<TopicName, TopicFacts>,
    plugin: &str,
) -> Result<(), PlanError> {
    let by_key: BTreeMap<String, &TopicName> = target
        .keys()
        .map(|name| (name.collision_key(), name))
        .collect();
    let mut taken = Vec::new();
    for (old, new) in &names.topics {
        if BROKER_TOPICS.contains(&new.as_str()) {
            taken.push((
                old.clone(),
                new.to_string(),
                "brokers keep it for themselves".to_owned(),
            ));
        } else if let Some(existing) = by_key.get(&new.collision_key())
            && !target.contains_key(new)
        {
            let by = format!("the target has {existing}, and `.` and `_` are one in metric names");
            taken.push((old.clone(), new.to_string(), by));
        }
    }
    if taken.is_empty() {
        return Ok(());
    }
    Err(PlanError::TargetNameTaken {
        plugin: plugin.to_owned(),
        taken,
    })
}

/// What stands under a prefix at the source has to stand under its new prefix at the target.
fn check_prefixes(names: &Names, plugin: &str) -> Result<(), PlanError> {
    for (prefix_kind, kind) in [
        (NameKind::TopicPrefix, NameKind::Topic),
        (NameKind::GroupPrefix, NameKind::Group),
        (NameKind::TransactionalIdPrefix, NameKind::TransactionalId),
    ] {
        for (prefix, given) in names.of_kind(prefix_kind) {
            let outside: Vec<_> = names
                .of_kind(kind)
                .filter(|(old, new)| old.starts_with(prefix) && !new.starts_with(given))
                .map(|(old, new)| (old.to_owned(), new.to_owned()))
                .collect();
            if !outside.is_empty() {
                return Err(PlanError::PrefixBroken {
                    plugin: plugin.to_owned(),
                    kind: prefix_kind.as_str(),
                    prefix: prefix.to_owned(),
                    given: given.to_owned(),
                    outside,
                });
            }
        }
    }
    Ok(())
}
