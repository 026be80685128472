use super::*;

fn rules(config: &str) -> Result<Rules, Error> {
    Rules::configure(serde_json::from_str(config).expect("fits the type"))
}

fn decide(config: &str, topic: &Topic) -> Decision {
    rules(config)
        .expect("configured")
        .decide(topic)
        .expect("decides")
}

#[test]
fn a_pattern_of_exclude_is_named_with_its_number() {
    let config = r#"{"exclude": ["optr*", "__*"]}"#;
    let decision = decide(config, &Topic::named("__x"));
    assert!(!decision.keep);
    assert_eq!(decision.reason, "excluded by rule 2: __*");
    assert!(decide(config, &Topic::named("orders")).keep);
}

#[test]
fn with_include_everything_else_stays_behind_unless_the_default_says_otherwise() {
    let topic = Topic::named("other");
    let decision = decide(r#"{"include": ["ord-*"]}"#, &topic);
    assert_eq!(
        (decision.keep, decision.reason.as_str()),
        (false, "no rule includes it")
    );
    assert!(decide(r#"{"include": ["ord-*"], "default": "include"}"#, &topic).keep);
    assert!(!decide(r#"{"rules": [{"include": "ord-*"}]}"#, &topic).keep);
    let both = r#"{"exclude": ["__*"], "include": ["ord-*"]}"#;
    assert!(!decide(both, &topic).keep);
    let mixed = r#"{"rules": [{"include": "ord-*"}, {"exclude": "tmp"}]}"#;
    assert!(decide(mixed, &topic).keep);
}

#[test]
fn the_first_rule_that_fits_decides() {
    let config = r#"{"rules": [{"include": "__keep"}], "exclude": ["__*"]}"#;
    let decision = decide(config, &Topic::named("__keep"));
    assert_eq!(
        (decision.keep, decision.reason.as_str()),
        (true, "included by rule 1: __keep")
    );
    assert!(!decide(config, &Topic::named("__other")).keep);
}

#[test]
fn an_internal_topic_is_out_whatever_the_rules_say_unless_it_is_opted_in() {
    let mut topic = Topic::named("connect-configs");
    topic.internal = Some("Connect configurations of cluster x".to_owned());
    let decision = decide(r#"{"include": ["*"]}"#, &topic);
    assert_eq!(
        (decision.keep, decision.reason.as_str()),
        (false, "internal: Connect configurations of cluster x")
    );
    assert!(decide(r#"{"include": ["*"], "internal": "include"}"#, &topic).keep);
}

#[test]
fn all_conditions_of_a_rule_must_hold_and_stand_in_the_reason() {
    let config = r#"{"rules": [{"exclude": "tmp*", "reason": "load tests",
        "partitions": {"max": 3}, "idle-since": "2026-01-31", "size": {"max": "1 GiB"},
        "cleanup-policy": "delete", "empty": false}]}"#;
    let mut topic = Topic::named("tmp-1");
    topic.partitions = 3;
    topic.offsets = 5;
    topic.size_bytes = Some(10);
    topic.last_write_ms = Some(1_769_817_599_999);
    let decision = decide(config, &topic);
    assert_eq!(
        decision.reason,
        "excluded by rule 1 (load tests): tmp*, 3 partitions, 10 bytes, \
         no record since 2026-01-31, not empty, cleanup.policy delete"
    );
    for change in [
        |t: &mut Topic| t.partitions = 4,
        |t: &mut Topic| t.last_write_ms = Some(1_769_817_600_000),
        |t: &mut Topic| t.last_write_ms = None,
        |t: &mut Topic| t.size_bytes = None,
        |t: &mut Topic| t.offsets = 0,
        |t: &mut Topic| t.configs = vec![("cleanup.policy".to_owned(), "compact".to_owned())],
    ] {
        let mut other = topic.clone();
        change(&mut other);
        assert!(decide(config, &other).keep, "{other:?}");
    }
}

#[test]
fn a_topic_in_two_groups_is_an_error_that_names_both() {
    let config = r#"{"groups": {"orders": ["ord-*"], "all": ["*"]}}"#;
    let mut rules = rules(config).expect("configured");
    let error = rules.decide(&Topic::named("ord-1")).expect_err("two");
    assert_eq!(
        error.message(),
        "topic ord-1 belongs to two groups, all and orders"
    );
    let other = rules.decide(&Topic::named("x")).expect("one");
    assert_eq!(other.group.as_deref(), Some("all"));
}

#[test]
fn a_wrong_rule_is_named_with_its_number() {
    for (config, text) in [
        (
            r#"{"rules": [{"include": "*"}, {"exclude": "re:("}]}"#,
            "rule 2: `re:(`",
        ),
        (
            r#"{"rules": [{"exclude": "*", "idle-since": "2026-02-30"}]}"#,
            "rule 1: `2026-02-30`",
        ),
        (
            r#"{"rules": [{"exclude": "*", "partitions": {"min": 3, "max": 2}}]}"#,
            "nothing fits",
        ),
        (r#"{"groups": {"a": ["re:["]}}"#, "group a"),
    ] {
        let error = rules(config).err().expect(config);
        assert!(error.message().contains(text), "{error}");
    }
}
