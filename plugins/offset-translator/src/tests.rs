use super::*;
use ferry_sdk::offset_translator::GroupState;

fn policies(config: &str) -> Policies {
    let config = serde_json::from_str(config).expect("fits the type");
    Policies::configure(config).expect("configured")
}

/// A group in the middle: source 10 to 30, copied to 25 as target 0 to 15.
fn question(committed: i64, translated: Option<i64>) -> Question {
    Question {
        group: "billing".to_owned(),
        group_state: GroupState::Empty,
        topic: "orders".to_owned(),
        partition: 0,
        committed,
        metadata: String::new(),
        translated,
        source_start: 10,
        source_end: 30,
        target_start: 0,
        target_end: 15,
        copied_to: 25,
        attributes: Vec::new(),
    }
}

fn decide(config: &str, committed: i64, translated: Option<i64>) -> (Action, String) {
    let decision = policies(config).decide(&question(committed, translated));
    let decision = decision.expect("decides");
    (decision.action, decision.reason)
}

#[test]
fn an_offset_with_a_translation_is_committed_exactly_there() {
    assert_eq!(
        decide("{}", 20, Some(10)),
        (Action::CommitAt(10), "exact".to_owned())
    );
    assert_eq!(
        decide("{}", 25, Some(15)).0,
        Action::CommitAt(15),
        "at the end"
    );
    assert_eq!(
        decide("{}", 10, Some(0)).0,
        Action::CommitAt(0),
        "at the start"
    );
}

#[test]
fn each_case_without_a_translation_has_its_own_default() {
    let (action, reason) = decide("{}", 5, None);
    assert_eq!(action, Action::Earliest);
    assert_eq!(
        reason,
        "earliest: committed 5, before the source's log start 10"
    );
    let (action, reason) = decide("{}", 31, None);
    assert_eq!(action, Action::Latest);
    assert_eq!(reason, "latest: committed 31, beyond the source's end 30");
    let (action, reason) = decide("{}", 26, None);
    assert_eq!(action, Action::Skip);
    assert_eq!(reason, "skipped: committed 26, copied to 25");
    let (action, reason) = decide("{}", 12, None);
    assert_eq!(action, Action::Earliest);
    assert_eq!(
        reason,
        "earliest: committed 12, before the first record copied"
    );
}

#[test]
fn the_policies_are_taken_from_the_configuration() {
    let config = r#"{"behind-start": "skip", "beyond-end": "earliest", "not-copied": "latest"}"#;
    assert_eq!(decide(config, 5, None).0, Action::Skip);
    assert_eq!(decide(config, 31, None).0, Action::Earliest);
    assert_eq!(decide(config, 26, None).0, Action::Latest);
}

#[test]
fn no_group_is_put_ahead_of_what_was_copied_whatever_the_translation_says() {
    for (committed, translated) in [
        (26, Some(16)),
        (31, Some(15)),
        (25, Some(16)),
        (26, Some(3)),
    ] {
        let (action, _) = decide("{}", committed, translated);
        assert!(
            !matches!(action, Action::CommitAt(_)),
            "{committed}: {action:?}"
        );
    }
    assert_eq!(decide("{}", 10, Some(-1)).0, Action::Earliest);
}

#[test]
fn the_first_group_rule_that_fits_counts() {
    let config = r#"{"groups": [
        {"match": "bill*", "topics": "other", "policy": "skip"},
        {"match": "bill*", "policy": "latest", "reason": "reads live data only"},
        {"match": "*", "policy": "skip"}]}"#;
    assert_eq!(
        decide(config, 20, Some(10)),
        (
            Action::Latest,
            "group rule 2 (reads live data only): bill*".to_owned()
        )
    );
}

#[test]
fn a_group_rule_that_translates_may_change_one_fallback_only() {
    let config =
        r#"{"beyond-end": "earliest", "groups": [{"match": "*", "behind-start": "skip"}]}"#;
    assert_eq!(decide(config, 5, None).0, Action::Skip);
    assert_eq!(decide(config, 31, None).0, Action::Earliest);
    assert_eq!(decide(config, 20, Some(10)).0, Action::CommitAt(10));
}

#[test]
fn a_wrong_pattern_is_named_with_its_number() {
    let config = serde_json::from_str(r#"{"groups": [{"match": "re:("}]}"#).expect("fits");
    let error = Policies::configure(config).err().expect("refused");
    assert!(
        error.message().starts_with("group rule 1: `re:(`"),
        "{error}"
    );
}
