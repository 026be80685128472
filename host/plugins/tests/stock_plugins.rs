//! What the stock plugins promise beyond single decisions.

mod support;

use ferry_model::acl::PermissionType;
use ferry_model::decision::{NameKind, NameQuestion, OffsetAction};
use ferry_plugins::{AclGenerator, DecidingRole, OffsetTranslator, Plugin};
use serde_json::{Value, json};
use std::path::Path;
use support::{built, host, tight, topics};

fn plugin(name: &str) -> Plugin {
    let limits = ferry_plugins::Limits {
        call_ms: 20_000,
        ..tight()
    };
    host(limits).load(&built(name)).expect("loads")
}

fn configured(plugin: &Plugin, with: &Value) -> ferry_plugins::Configuration {
    plugin.configure(with, Path::new(".")).expect("fits")
}

#[test]
fn every_stock_plugin_starts_without_any_configuration() {
    for name in [
        "topic-filter",
        "naming-remapper",
        "offset-translator",
        "acl-generator",
    ] {
        let plugin = plugin(name);
        assert_eq!(plugin.manifest().name.as_str(), format!("ferry/{name}"));
        assert_eq!(plugin.manifest().role.as_str(), name);
        let configuration = configured(&plugin, &Value::Null);
        let started = match name {
            "topic-filter" => plugin.topic_filter(&configuration).err(),
            "naming-remapper" => plugin.naming_remapper(&configuration).err(),
            "offset-translator" => plugin.offset_translator(&configuration).err(),
            _ => plugin.acl_generator(&configuration).err(),
        };
        assert_eq!(started, None);
    }
}

#[test]
fn decisions_on_many_topics_come_back_in_order_whatever_the_chunks() {
    let plugin = plugin("topic-filter");
    let configuration = configured(&plugin, &json!({"exclude": ["optr.*"]}));
    let topics = topics(25_000);
    let mut job = plugin.topic_filter(&configuration).expect("starts");
    let decisions = job.decide(&topics).expect("decides");
    assert_eq!(decisions.len(), topics.len());
    for (topic, decision) in topics.iter().zip(&decisions) {
        assert_eq!(
            decision.keep,
            !topic.name.as_str().starts_with("optr."),
            "{}",
            topic.name
        );
    }
}

#[test]
fn prefixes_are_decided_after_the_names_and_answered_in_their_place() {
    let plugin = plugin("naming-remapper");
    let rules = json!({"topics": {"rules": [
        {"match": "a.*", "to": "x.$1"}, {"match": "b.*", "to": "x.$1"}]}});
    let configuration = configured(&plugin, &rules);
    let question = |kind, name: &str| NameQuestion {
        kind,
        name: name.to_owned(),
    };
    let mut job = plugin.naming_remapper(&configuration).expect("starts");
    let decisions = job
        .decide(&[
            question(NameKind::TopicPrefix, "a."),
            question(NameKind::Topic, "a.1"),
            question(NameKind::Topic, "b.2"),
        ])
        .expect("decides");
    let names: Vec<_> = decisions.into_iter().map(|d| d.name).collect();
    assert_eq!(
        names,
        [None, Some("x.1".to_owned()), Some("x.2".to_owned())]
    );
}

#[test]
fn no_configuration_puts_a_group_ahead_of_what_was_copied() {
    let plugin = plugin("offset-translator");
    let questions: Vec<_> = (0..2_000)
        .map(|number| {
            let mut question = OffsetTranslator::sample(number);
            let jump = number as i64 % 45 - 10;
            question.committed.0 += jump;
            question.translated = question.translated.map(|offset| offset.plus(jump));
            question.copied_to.0 -= number as i64 % 7;
            question
        })
        .collect();
    for policy in ["earliest", "latest", "skip"] {
        let not_copied = if policy == "earliest" { "skip" } else { policy };
        let with = json!({"behind-start": policy, "beyond-end": policy, "not-copied": not_copied});
        let configuration = configured(&plugin, &with);
        let mut job = plugin.offset_translator(&configuration).expect("starts");
        let decisions = job.decide(&questions).expect("decides");
        for (question, decision) in questions.iter().zip(decisions) {
            if let OffsetAction::CommitAt(offset) = decision.action {
                assert!(offset >= question.target_start && offset <= question.target_end);
                assert!(question.committed <= question.copied_to, "{question:?}");
                assert_eq!(Some(offset), question.translated);
            }
        }
    }
}

#[test]
fn no_binding_grants_what_the_source_did_not_without_an_open_decision() {
    let plugin = plugin("acl-generator");
    let configuration = configured(
        &plugin,
        &json!({"principals": {"User:service-001": "User:sa"}}),
    );
    let mut job = plugin.acl_generator(&configuration).expect("starts");
    let questions: Vec<_> = (0..600)
        .map(|number| {
            let mut question = AclGenerator::sample(number);
            if number % 3 == 0 {
                question.binding.permission = PermissionType::Deny;
            }
            if number % 5 == 0 {
                question.renamed = None;
            }
            question
        })
        .collect();
    for (question, decision) in questions
        .iter()
        .zip(job.decide(&questions).expect("decides"))
    {
        for binding in &decision.bindings {
            assert_eq!(binding.permission, question.binding.permission);
            assert_eq!(binding.operation, question.binding.operation);
            assert_eq!(Some(&binding.resource_name), question.renamed.as_ref());
            assert_eq!(binding.principal, "User:sa");
        }
        let deny = question.binding.permission == PermissionType::Deny;
        let lost = decision.bindings.is_empty() && decision.undecided.is_none();
        assert!(!(deny && lost), "{question:?}");
    }
}
