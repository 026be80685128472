use super::*;

fn acls(config: &str) -> Result<Acls, Error> {
    Acls::configure(serde_json::from_str(config).expect("fits the type"))
}

/// `ALLOW User:a READ on TOPIC ord LITERAL`, and the topic keeps its name.
fn question() -> Question {
    Question {
        binding: Binding {
            resource_type: "TOPIC".to_owned(),
            resource_name: "ord".to_owned(),
            pattern_type: "LITERAL".to_owned(),
            principal: "User:a".to_owned(),
            host: "*".to_owned(),
            operation: "READ".to_owned(),
            permission: Permission::Allow,
        },
        renamed: Some("ord".to_owned()),
        covered: Vec::new(),
        attributes: Vec::new(),
    }
}

/// The question with changes.
fn with(change: impl FnOnce(&mut Question)) -> Question {
    let mut question = question();
    change(&mut question);
    question
}

fn decide(config: &str, question: &Question) -> Decision {
    let mut acls = acls(config).expect("configured");
    acls.decide(question).expect("decides")
}

/// Prefix `ord.` without a single renamed one, covering two names.
fn torn_prefix(permission: Permission) -> Question {
    with(|q| {
        q.binding.pattern_type = "PREFIXED".to_owned();
        q.binding.resource_name = "ord.".to_owned();
        q.binding.permission = permission;
        q.renamed = None;
        q.covered = vec!["x.a".to_owned(), "y.b".to_owned()];
    })
}

#[test]
fn without_configuration_a_binding_is_carried_over_as_it_is() {
    let decision = decide("{}", &question());
    assert_eq!(
        decision,
        Decision::create(vec![question().binding], "as at the source")
    );
}

#[test]
fn principal_and_name_are_mapped_and_the_reason_says_so() {
    let config = r#"{"principals": {"User:a": "User:sa-1"}}"#;
    let decision = decide(config, &with(|q| q.renamed = Some("retail.ord".to_owned())));
    assert_eq!(decision.reason, "principal by table, renamed");
    assert_eq!(decision.bindings[0].principal, "User:sa-1");
    assert_eq!(decision.bindings[0].resource_name, "retail.ord");
    assert_eq!(decision.undecided, None);
}

#[test]
fn principals_come_from_a_csv_text_too_and_rules_fill_the_gaps() {
    let config = r#"{"principals": "source,target\n\"User:CN=a,OU=b\",User:sa-1\n",
        "principal-rules": [{"match": "User:svc-*", "to": "User:sa-$1"}]}"#;
    let principal = |name: &str| {
        let decision = decide(config, &with(|q| q.binding.principal = name.to_owned()));
        decision.bindings.first().map(|b| b.principal.clone())
    };
    assert_eq!(principal("User:CN=a,OU=b").as_deref(), Some("User:sa-1"));
    assert_eq!(principal("User:svc-x").as_deref(), Some("User:sa-x"));
    assert_eq!(principal("User:other"), None);
}

#[test]
fn a_principal_that_a_table_does_not_name_is_a_question_unless_told_otherwise() {
    let table = r#""principals": {"User:b": "User:sa-1"}"#;
    let decision = decide(&format!("{{{table}}}"), &question());
    assert_eq!(
        decision.undecided.as_deref(),
        Some("who is User:a at the target?")
    );
    assert!(decision.bindings.is_empty());
    let dropped = decide(&format!(r#"{{{table}, "unmapped": "drop"}}"#), &question());
    assert_eq!((dropped.bindings.len(), dropped.undecided), (0, None));
    let kept = decide(&format!(r#"{{{table}, "unmapped": "keep"}}"#), &question());
    assert_eq!(kept.bindings, [question().binding]);
}

#[test]
fn a_prefix_is_renamed_or_becomes_one_binding_per_name() {
    let renamed = with(|q| {
        *q = torn_prefix(Permission::Allow);
        q.renamed = Some("x.".to_owned());
    });
    let decision = decide("{}", &renamed);
    assert_eq!(decision.bindings[0].resource_name, "x.");
    assert_eq!(decision.bindings[0].pattern_type, "PREFIXED");
    for (config, question) in [
        ("{}", torn_prefix(Permission::Allow)),
        (r#"{"prefixed": "expand"}"#, renamed.clone()),
    ] {
        let decision = decide(config, &question);
        let names: Vec<_> = decision
            .bindings
            .iter()
            .map(|b| b.resource_name.as_str())
            .collect();
        assert_eq!(names, ["x.a", "y.b"]);
        assert!(
            decision
                .bindings
                .iter()
                .all(|b| b.pattern_type == "LITERAL")
        );
        assert_eq!(decision.reason, "on 2 names instead of the prefix ord.");
    }
}

#[test]
fn a_prefix_over_a_list_that_may_be_incomplete_is_a_question() {
    let many = with(|q| {
        *q = torn_prefix(Permission::Allow);
        q.covered = (0..1_000).map(|i| format!("x.{i}")).collect();
    });
    let decision = decide("{}", &many);
    assert!(decision.bindings.is_empty() && decision.undecided.is_some());
}

#[test]
fn wildcards_are_questions_unless_they_are_kept() {
    let everybody = with(|q| q.binding.principal = "User:*".to_owned());
    let everything = with(|q| q.binding.resource_name = "*".to_owned());
    for question in [everybody, everything] {
        let decision = decide("{}", &question);
        assert_eq!(
            decision.bindings,
            vec![question.binding.clone()],
            "what is proposed"
        );
        assert!(decision.undecided.is_some());
        let kept = decide(r#"{"wildcards": "keep"}"#, &question);
        assert_eq!((kept.bindings.len(), kept.undecided), (1, None));
    }
}

#[test]
fn everybody_is_never_looked_up_in_the_table() {
    let config = r#"{"principals": {"User:a": "User:b"}, "wildcards": "keep"}"#;
    let decision = decide(config, &with(|q| q.binding.principal = "User:*".to_owned()));
    assert_eq!(decision.bindings[0].principal, "User:*");
}

#[test]
fn hosts_are_kept_opened_or_asked_about() {
    let hosted = with(|q| q.binding.host = "10.0.0.1".to_owned());
    let host = |config: &str| {
        let decision = decide(config, &hosted);
        (
            decision.bindings[0].host.clone(),
            decision.undecided.is_some(),
        )
    };
    assert_eq!(host("{}"), ("10.0.0.1".to_owned(), false));
    assert_eq!(host(r#"{"hosts": "any"}"#), ("*".to_owned(), false));
    assert_eq!(
        host(r#"{"hosts": "undecided"}"#),
        ("10.0.0.1".to_owned(), true)
    );
    assert_eq!(
        host(r#"{"target": {"hosts": false}}"#),
        ("*".to_owned(), true)
    );
    assert_eq!(
        host(r#"{"target": {"hosts": false}, "hosts": "any"}"#),
        ("*".to_owned(), false)
    );
}

#[test]
fn operations_on_the_cluster_are_left_behind_where_the_target_does_not_know_them() {
    let cluster = with(|q| {
        q.binding.resource_type = "CLUSTER".to_owned();
        q.binding.resource_name = "kafka-cluster".to_owned();
        q.binding.operation = "ALTER".to_owned();
        q.renamed = None;
    });
    assert_eq!(
        decide("{}", &cluster).bindings,
        vec![cluster.binding.clone()]
    );
    let config = r#"{"target": {"cluster-operations": ["DESCRIBE"]}}"#;
    let decision = decide(config, &cluster);
    assert_eq!(decision.reason, "the target knows no ALTER on the cluster");
    assert!(decision.bindings.is_empty() && decision.undecided.is_none());
}

/// Each way in which a binding may be lost, as configuration and question.
fn ways_to_lose() -> Vec<(&'static str, Question)> {
    let gone = with(|q| q.renamed = None);
    let cluster = with(|q| {
        q.binding.resource_type = "CLUSTER".to_owned();
        q.binding.operation = "ALTER".to_owned();
    });
    let token = with(|q| q.binding.resource_type = "DELEGATION_TOKEN".to_owned());
    let user = with(|q| {
        q.binding.resource_type = "USER".to_owned();
        q.binding.resource_name = "User:z".to_owned();
    });
    let empty = with(|q| {
        *q = torn_prefix(Permission::Allow);
        q.covered.clear();
    });
    vec![
        ("{}", gone),
        ("{}", empty),
        (r#"{"target": {"cluster-operations": []}}"#, cluster),
        ("{}", token),
        (
            r#"{"principals": {"User:b": "User:c"}, "unmapped": "drop"}"#,
            question(),
        ),
        (
            r#"{"principals": {"User:a": "User:c"}, "unmapped": "drop"}"#,
            user,
        ),
        (r#"{"drop": [{"principal": "*"}]}"#, question()),
    ]
}

#[test]
fn an_allow_that_is_lost_is_lost_with_a_reason() {
    for (config, question) in ways_to_lose() {
        let decision = decide(config, &question);
        assert_eq!(
            (decision.bindings.len(), decision.undecided),
            (0, None),
            "{config}"
        );
        assert!(!decision.reason.is_empty());
    }
}

#[test]
fn a_deny_is_never_lost_without_a_person() {
    for (config, mut question) in ways_to_lose() {
        question.binding.permission = Permission::Deny;
        let decision = decide(config, &question);
        assert!(
            decision.undecided.is_some() || !decision.bindings.is_empty(),
            "{config}: {decision:?}"
        );
    }
    let torn = decide("{}", &torn_prefix(Permission::Deny));
    assert!(torn.undecided.is_some());
    let dropped = decide(
        r#"{"drop": [{"principal": "User:a", "permission": "DENY", "reason": "left the firm"}]}"#,
        &with(|q| q.binding.permission = Permission::Deny),
    );
    assert_eq!(dropped.reason, "left behind by rule 1 (left the firm)");
}

#[test]
fn a_deny_for_one_host_never_becomes_one_for_all_by_itself() {
    let hosted = with(|q| {
        q.binding.host = "10.0.0.1".to_owned();
        q.binding.permission = Permission::Deny;
    });
    for config in [r#"{"hosts": "any"}"#, r#"{"target": {"hosts": false}}"#] {
        assert!(decide(config, &hosted).undecided.is_some(), "{config}");
    }
}

#[test]
fn a_kind_of_resource_that_is_not_known_is_a_question() {
    let decision = decide(
        "{}",
        &with(|q| q.binding.resource_type = "SHARE".to_owned()),
    );
    assert!(decision.undecided.is_some());
}

#[test]
fn what_is_wrong_in_the_configuration_is_named() {
    for (config, text) in [
        (r#"{"principals": {"a": "User:b"}}"#, "`a` has no type"),
        (r#"{"principals": "User:a,b"}"#, "line 1: `b` has no type"),
        (
            r#"{"principals": "User:a,User:b\nUser:a,User:c"}"#,
            "line 2: User:a is User:c here",
        ),
        (
            r#"{"principal-rules": [{"match": "*", "to": "x"}]}"#,
            "rule 1: `x` has no type",
        ),
        (
            r#"{"principal-rules": [{"match": "a", "to": "User:$1"}]}"#,
            "rule 1: `User:$1` uses $1",
        ),
        (r#"{"drop": [{"host": "re:("}]}"#, "drop rule 1"),
    ] {
        let error = acls(config).err().expect(config);
        assert!(error.message().contains(text), "{error}");
    }
}
