//! The naming remapper of 0.1.0.

use super::Exports;
use super::bindings::exports::ferry::role::naming_remapper::{Decision, Guest, Question};
use crate::containment::Containment;
use crate::role::{Answer, DecidingRole, NamingRemapper, accept_reason};
use ferry_model::decision::{NameDecision, NameKind, NameQuestion, Role};
use std::collections::BTreeSet;
use wasmtime::Store;
use wasmtime::component::Instance;

/// Bytes of the fixed part of a question.
const FIXED_BYTES: usize = 24;

/// The ends of the names of Kafka Streams' internal topics
/// (Apache Kafka, `InternalTopologyBuilder`).
const STREAMS_ENDINGS: [&str; 2] = ["-changelog", "-repartition"];

/// The names that others are derived from.
#[derive(Debug)]
pub struct Related {
    topics: BTreeSet<String>,
    groups: BTreeSet<String>,
}

impl Related {
    fn among(questions: &[NameQuestion]) -> Self {
        let names = |kind| {
            let of_kind = questions.iter().filter(move |q| q.kind == kind);
            of_kind.map(|q| q.name.clone()).collect()
        };
        Self {
            topics: names(NameKind::Topic),
            groups: names(NameKind::Group),
        }
    }

    /// The Streams application that owns an internal topic: the longest group whose id and a `-`
    /// start the topic's name.
    fn application<'t>(&self, topic: &'t str) -> Option<&'t str> {
        let stem = STREAMS_ENDINGS.iter().find_map(|e| topic.strip_suffix(e))?;
        let ends = stem.rmatch_indices('-').map(|(at, _)| &topic[..at]);
        ends.into_iter().find(|id| self.groups.contains(*id))
    }

    /// The topic of a subject: all before the last `-`. Both naming strategies that hold a topic put
    /// a word without `-` behind it: `key`, `value`, or the full name of an Avro record.
    fn topic<'s>(&self, subject: &'s str) -> Option<&'s str> {
        let (topic, _) = subject.rsplit_once('-')?;
        self.topics.contains(topic).then_some(topic)
    }

    /// The attributes of a question, none to two.
    fn attributes<'q>(&self, question: &'q NameQuestion) -> Vec<(&'static str, &'q str)> {
        let topic = match question.kind {
            NameKind::Topic => Some(question.name.as_str()),
            NameKind::Subject => self.topic(&question.name),
            _ => None,
        };
        let mut attributes = Vec::new();
        if let Some(application) = topic.and_then(|topic| self.application(topic)) {
            attributes.push(("application-id", application));
        }
        if let (NameKind::Subject, Some(topic)) = (question.kind, topic) {
            attributes.push(("topic", topic));
        }
        attributes
    }
}

/// Whether a name is the start of others. What becomes of it depends on these.
fn is_prefix(kind: NameKind) -> bool {
    matches!(
        kind,
        NameKind::TopicPrefix | NameKind::GroupPrefix | NameKind::TransactionalIdPrefix
    )
}

impl DecidingRole for NamingRemapper {
    type Question = NameQuestion;
    type Decision = NameDecision;
    const ROLE: Role = Role::NamingRemapper;
    type Guest = Guest;
    type Raw = Decision;
    type Context = Related;

    fn subject(question: &NameQuestion) -> String {
        format!("{} {}", question.kind.as_str(), question.name)
    }

    fn sample(number: usize) -> NameQuestion {
        let (kind, name) = match number % 4 {
            0 => (NameKind::Group, format!("billing-{number:06}")),
            1 => (NameKind::Subject, format!("ord.eu.{:06}-value", number + 1)),
            _ => (NameKind::Topic, format!("ord.eu.{number:06}")),
        };
        NameQuestion { kind, name }
    }

    fn guest(
        exports: &Exports,
        store: &mut Store<Containment>,
        instance: &Instance,
    ) -> Option<wasmtime::Result<Guest>> {
        match exports {
            Exports::NamingRemapper(indices) => Some(indices.load(store, instance)),
            _ => None,
        }
    }

    fn configure(guest: &Guest, store: &mut Store<Containment>, config: &str) -> Answer<()> {
        guest.call_configure(store, config)
    }

    fn context(questions: &[NameQuestion]) -> Related {
        Related::among(questions)
    }

    fn decide(
        guest: &Guest,
        store: &mut Store<Containment>,
        questions: &[&NameQuestion],
        related: &Related,
    ) -> Answer<Vec<Decision>> {
        let attributes: Vec<_> = questions.iter().map(|q| related.attributes(q)).collect();
        let asked: Vec<_> = questions
            .iter()
            .zip(&attributes)
            .map(|(question, attributes)| Question {
                kind: question.kind.as_str(),
                name: &question.name,
                attributes,
            })
            .collect();
        guest.call_decide(store, &asked)
    }

    fn weight_bytes(question: &NameQuestion) -> usize {
        // The name, and two attributes that are parts of it.
        FIXED_BYTES + 3 * (question.name.len() + 32)
    }

    fn later(question: &NameQuestion) -> bool {
        is_prefix(question.kind)
    }

    fn accept(question: &NameQuestion, raw: Decision) -> Result<NameDecision, String> {
        if raw.name.is_none() && !is_prefix(question.kind) {
            return Err("it has no name; only prefixes may have none".to_owned());
        }
        Ok(NameDecision {
            name: raw.name,
            reason: accept_reason(raw.reason)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(kind: NameKind, name: &str) -> NameQuestion {
        NameQuestion {
            kind,
            name: name.to_owned(),
        }
    }

    #[test]
    fn an_internal_topic_belongs_to_the_longest_group_that_starts_its_name() {
        let related = Related::among(&[
            question(NameKind::Group, "billing"),
            question(NameKind::Group, "billing-app"),
        ]);
        let application = |topic| related.application(topic);
        assert_eq!(
            application("billing-app-store-changelog"),
            Some("billing-app")
        );
        assert_eq!(application("billing-x-repartition"), Some("billing"));
        assert_eq!(application("billing-changelog"), None, "no operator's name");
        assert_eq!(application("billing-app-store"), None);
        assert_eq!(application("orders-store-changelog"), None);
    }

    #[test]
    fn a_subject_belongs_to_a_topic_that_is_asked_about_too() {
        let related = Related::among(&[
            question(NameKind::Topic, "ord-eu"),
            question(NameKind::Topic, "app-x-changelog"),
            question(NameKind::Group, "app"),
        ]);
        let attributes = |name| {
            let question = question(NameKind::Subject, name);
            let pairs = related.attributes(&question);
            pairs
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(attributes("ord-eu-value"), ["topic=ord-eu"]);
        assert_eq!(attributes("ord-eu-com.acme.Order"), ["topic=ord-eu"]);
        assert_eq!(
            attributes("app-x-changelog-value"),
            ["application-id=app", "topic=app-x-changelog"]
        );
        assert!(attributes("com.acme.Order").is_empty());
        assert!(attributes("other-value").is_empty());
    }
}
