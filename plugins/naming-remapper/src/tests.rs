use super::*;

fn names(config: &str) -> Result<Names, Error> {
    Names::configure(serde_json::from_str(config).expect("fits the type"))
}

fn ask(names: &mut Names, kind: &str, name: &str) -> (Option<String>, String) {
    let decision = names.decide(&Question::new(kind, name)).expect("decides");
    (decision.name, decision.reason)
}

/// The new name of one thing.
fn new_name(config: &str, kind: &str, name: &str) -> String {
    let mut names = names(config).expect("configured");
    ask(&mut names, kind, name).0.expect("a name")
}

#[test]
fn the_table_goes_before_exceptions_and_exceptions_before_rules() {
    let config = r#"{"topics": {"table": {"a": "b"}, "except": ["a", "keep-*"],
        "rules": [{"add-prefix": "retail."}]}}"#;
    let mut names = names(config).expect("configured");
    let mut topic = |name| ask(&mut names, "topic", name);
    assert_eq!(topic("a"), (Some("b".into()), "table".into()));
    assert_eq!(
        topic("keep-x"),
        (Some("keep-x".into()), "exception: keep-*".into())
    );
    assert_eq!(
        topic("x"),
        (Some("retail.x".into()), "rule 1: *: prefix retail.".into())
    );
}

#[test]
fn a_template_takes_groups_of_expressions_and_wildcards_of_globs() {
    let config = r#"{"topics": {"rules": [
        {"match": "re:ord\\.(.+)", "to": "retail.orders.$1"},
        {"match": "pay-*-*", "to": "retail.$2.pay.$1"}]}}"#;
    assert_eq!(new_name(config, "topic", "ord.eu.1"), "retail.orders.eu.1");
    assert_eq!(new_name(config, "topic", "pay-eu-1"), "retail.1.pay.eu");
    assert_eq!(new_name(config, "topic", "other"), "other");
}

#[test]
fn steps_change_a_name_one_after_the_other() {
    let config = r#"{"topics": {"rules": [{"strip-prefix": "legacy.", "strip-suffix": ".v1",
        "replace": {"from": "__", "to": "."}, "case": "kebab", "add-prefix": "eu.",
        "add-suffix": ".v2"}]}}"#;
    assert_eq!(
        new_name(config, "topic", "legacy.orderEvents__x.v1"),
        "eu.order-events.x.v2"
    );
    assert_eq!(new_name(config, "topic", "plain"), "eu.plain.v2");
}

#[test]
fn a_principal_keeps_its_type() {
    let config = r#"{"principals": {"table": {"User:a": "User:sa-1"},
        "rules": [{"match": "User:*", "add-prefix": "sa-"}]}}"#;
    assert_eq!(new_name(config, "principal", "User:a"), "User:sa-1");
    assert_eq!(new_name(config, "principal", "User:b"), "User:sa-b");
}

#[test]
fn a_subject_follows_its_topic_by_either_strategy() {
    let config = r#"{"topics": {"table": {"ord-eu": "retail.ord"}},
        "subjects": {"table": {"ord-eu-key": "by-hand"}, "rules": [{"add-prefix": "s."}]}}"#;
    let mut names = names(config).expect("configured");
    let mut subject = |name: &str, topic: Option<&str>| {
        let mut question = Question::new("subject", name);
        if let Some(topic) = topic {
            question
                .attributes
                .push(("topic".to_owned(), topic.to_owned()));
        }
        names
            .decide(&question)
            .expect("decides")
            .name
            .expect("a name")
    };
    assert_eq!(subject("ord-eu-value", Some("ord-eu")), "retail.ord-value");
    assert_eq!(
        subject("ord-eu-com.acme.Order", Some("ord-eu")),
        "retail.ord-com.acme.Order"
    );
    assert_eq!(subject("ord-eu-key", Some("ord-eu")), "by-hand");
    assert_eq!(subject("ord-eu-value", None), "retail.ord-value");
    assert_eq!(subject("com.acme.Order", None), "s.com.acme.Order");
}

#[test]
fn an_internal_topic_follows_its_application_whatever_the_rules_for_topics_say() {
    let topic = |config: &str| {
        let mut question = Question::new("topic", "billing-store-changelog");
        question
            .attributes
            .push(("application-id".to_owned(), "billing".to_owned()));
        let mut names = names(config).expect("configured");
        names
            .decide(&question)
            .expect("decides")
            .name
            .expect("a name")
    };
    let rules = r#""topics": {"rules": [{"add-prefix": "t."}]},
        "groups": {"rules": [{"add-prefix": "g."}]}"#;
    assert_eq!(topic(&format!("{{{rules}}}")), "g.billing-store-changelog");
    assert_eq!(
        topic(&format!(r#"{{{rules}, "streams": "ignore"}}"#)),
        "t.billing-store-changelog"
    );
    assert_eq!(
        topic(r#"{"topics": {"rules": [{"add-prefix": "t."}]}}"#),
        "billing-store-changelog",
        "an application that keeps its id keeps its topics"
    );
}

/// The renamed prefix, or why there is none.
fn prefix_of(rules: &str, prefix: &str, topics: &[&str]) -> Result<String, String> {
    let mut names = names(&format!(r#"{{"topics": {rules}}}"#)).expect("configured");
    for topic in topics {
        ask(&mut names, "topic", topic);
    }
    let (name, reason) = ask(&mut names, "topic-prefix", prefix);
    name.ok_or(reason)
}

#[test]
fn a_prefix_is_renamed_where_the_rules_prove_it() {
    for (rules, prefix, new) in [
        (
            r#"{"rules": [{"add-prefix": "retail."}]}"#,
            "ord.",
            "retail.ord.",
        ),
        (
            r#"{"rules": [{"match": "ord.*", "to": "x.$1"}]}"#,
            "ord.eu",
            "x.eu",
        ),
        (
            r#"{"rules": [{"match": "re:ord\\.(.+)", "to": "x.$1"}]}"#,
            "ord.eu",
            "x.eu",
        ),
        (
            r#"{"rules": [{"match": "pay.*", "to": "x.$1"}]}"#,
            "ord.",
            "ord.",
        ),
        (
            r#"{"rules": [{"match": "re:ord\\.(.+)", "to": "x.$1"}, {"add-prefix": "y."}]}"#,
            "ord.",
            "x.",
        ),
        (r#"{"rules": [{"strip-prefix": "ord."}]}"#, "ord.eu", "eu"),
        (
            r#"{"rules": [{"case": "upper", "add-suffix": "-x"}]}"#,
            "ord.",
            "ORD.",
        ),
        (
            r#"{"except": ["ord.*"], "rules": [{"add-prefix": "x"}]}"#,
            "ord.",
            "ord.",
        ),
        (
            r#"{"table": {"ord.a": "x.ord.a"}, "rules": [{"add-prefix": "x."}]}"#,
            "ord.",
            "x.ord.",
        ),
        ("{}", "ord.", "ord."),
    ] {
        assert_eq!(prefix_of(rules, prefix, &[]).as_deref(), Ok(new), "{rules}");
    }
}

#[test]
fn a_prefix_that_the_rules_tear_apart_has_no_single_one() {
    for (rules, prefix) in [
        (r#"{"rules": [{"match": "ord.eu*", "to": "x.$1"}]}"#, "ord."),
        (r#"{"rules": [{"strip-prefix": "ord."}]}"#, "ord."),
        (r#"{"rules": [{"strip-prefix": "ord.eu"}]}"#, "ord."),
        (
            r#"{"rules": [{"match": "*.v1", "add-prefix": "x."}]}"#,
            "ord.",
        ),
        (
            r#"{"table": {"ord.a": "other"}, "rules": [{"add-prefix": "x."}]}"#,
            "ord.",
        ),
        (
            r#"{"except": ["ord.a"], "rules": [{"add-prefix": "x."}]}"#,
            "ord.",
        ),
        (
            r#"{"rules": [{"replace": {"from": ".eu", "to": "-"}}]}"#,
            "ord.",
        ),
        (r#"{"rules": [{"strip-suffix": "ders"}]}"#, "ord"),
        (r#"{"rules": [{"case": "kebab"}]}"#, "orderH"),
        (r#"{"rules": [{"match": "ord.*", "to": "x.$1.y"}]}"#, "ord."),
    ] {
        let found = prefix_of(rules, prefix, &[]);
        assert!(found.is_err(), "{rules}: {found:?}");
    }
}

#[test]
fn a_prefix_that_would_cover_names_of_others_has_no_single_one() {
    let rules = r#"{"rules": [{"match": "a.*", "to": "x.$1"}, {"match": "b.*", "to": "x.$1"}]}"#;
    assert_eq!(prefix_of(rules, "a.", &["a.1"]).as_deref(), Ok("x."));
    let why = prefix_of(rules, "a.", &["a.1", "b.2"]).expect_err("covers b.2");
    assert_eq!(why, "no single prefix: x. would cover x.2 too, once b.2");
}

#[test]
fn a_name_that_is_the_prefix_itself_speaks_for_itself() {
    let rules = r#"{"rules": [{"match": "re:ord\\.(.+)", "to": "x.$1"}]}"#;
    assert_eq!(prefix_of(rules, "ord.", &["ord.a"]).as_deref(), Ok("x."));
    let why = prefix_of(rules, "ord.", &["ord.a", "ord."]).expect_err("stays behind");
    assert_eq!(why, "no single prefix: ord. becomes ord.");
}

#[test]
fn an_internal_topic_that_leaves_its_prefix_speaks_against_it() {
    let config = r#"{"topics": {"rules": [{"add-prefix": "t."}]}}"#;
    let mut names = names(config).expect("configured");
    let mut topic = Question::new("topic", "billing-store-changelog");
    topic
        .attributes
        .push(("application-id".to_owned(), "billing".to_owned()));
    names.decide(&topic).expect("decides");
    let (name, why) = ask(&mut names, "topic-prefix", "billing-");
    assert_eq!(name, None);
    assert!(
        why.contains("billing-store-changelog becomes billing-store-changelog"),
        "{why}"
    );
}

#[test]
fn the_proven_prefix_is_never_contradicted_by_the_rules_themselves() {
    let sections = [
        r#"{"rules": [{"strip-prefix": "or", "add-prefix": "x."}]}"#,
        r#"{"rules": [{"replace": {"from": "d.e", "to": "Z"}}, {"add-suffix": "s"}]}"#,
        r#"{"rules": [{"strip-suffix": "d.eu", "case": "snake"}]}"#,
        r#"{"rules": [{"match": "ord*", "to": "y$1"}, {"match": "o*", "to": "z$1"}]}"#,
        r#"{"rules": [{"match": "re:o(.+)", "to": "$1"}]}"#,
        r#"{"rules": [{"case": "kebab"}]}"#,
    ];
    let rests = [
        "", ".", "d", "d.", "d.eu", "d.Eu", "D", "dE", "d.eu.1", "x", "Xy", "_",
    ];
    for section in sections {
        for prefix in ["o", "or", "ord", "ord.", "orD", "x"] {
            let Ok(new) = prefix_of(section, prefix, &[]) else {
                continue;
            };
            for rest in rests {
                let config = format!(r#"{{"topics": {section}}}"#);
                let name = new_name(&config, "topic", &format!("{prefix}{rest}"));
                assert!(
                    name.starts_with(&new),
                    "{section}: {prefix}{rest} -> {name}, not {new}"
                );
            }
        }
    }
}

#[test]
fn a_wrong_rule_is_named_with_its_section_and_number() {
    for (config, text) in [
        (
            r#"{"topics": {"rules": [{"match": "re:("}]}}"#,
            "topics: rule 1: `re:(`",
        ),
        (
            r#"{"groups": {"rules": [{"match": "a*", "to": "$2"}]}}"#,
            "groups: rule 1: `$2` uses $2",
        ),
        (
            r#"{"topics": {"rules": [{"match": "a"}]}}"#,
            "changes nothing",
        ),
        (
            r#"{"topics": {"rules": [{"to": "x", "case": "lower"}]}}"#,
            "whole name",
        ),
        (r#"{"subjects": {"except": [""]}}"#, "subjects: "),
    ] {
        let error = names(config).err().expect(config);
        assert!(error.message().contains(text), "{error}");
    }
}

#[test]
fn a_kind_that_is_not_known_keeps_its_names() {
    let config = r#"{"topics": {"rules": [{"add-prefix": "x"}]}}"#;
    assert_eq!(new_name(config, "delegation-token", "a"), "a");
}
