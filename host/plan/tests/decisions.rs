//! What becomes of topics, partitions, groups and bindings, and what is left to a person.

mod support;

use ferry_model::acl::{AclBinding, PatternType, PermissionType, ResourceType};
use ferry_model::decision::{AclDecision, NameKind, NameQuestion, TopicDecision};
use ferry_model::group::GroupState;
use ferry_model::identity::TopicId;
use ferry_model::snapshot::{AclFacts, Snapshot};
use ferry_plan::{
    AclState, BindingState, Circumstances, CopyMode, Creation, DecidedBy, GroupAction, Plan,
    Protection, TranslateReason, plan, plan_under,
};
use support::*;

/// The configuration that answers every open decision with `word`.
fn answering(plan: &Plan, word: &str) -> String {
    let ids: Vec<_> = plan
        .open_decisions()
        .map(|d| format!("{}: {word}", d.id))
        .collect();
    format!("decisions: {{ {} }}", ids.join(", "))
}

#[test]
fn partitions_keep_their_offsets_but_where_something_stands_against_it() {
    let mut compacted = topic("compacted", vec![partition(0, 0, 10)]);
    compacted
        .configs
        .insert("cleanup.policy".into(), "compact".into());
    let mut transactional = partition(0, 0, 10);
    transactional.shape.transactional = true;
    let mut open = partition(1, 0, 10);
    open.last_stable_offset = 7;
    let mut gaps = partition(0, 0, 10);
    gaps.shape.gaps = true;
    let world = snapshot(vec![
        topic(
            "plain",
            vec![partition(0, 0, 10), partition(1, 5, 10), partition(2, 7, 7)],
        ),
        compacted,
        topic("transactional", vec![transactional, open]),
        topic("gaps", vec![gaps]),
    ]);
    let plan = planned("", &world, &mut Rules::default());
    assert_eq!(
        modes(&plan, "plain"),
        [0, 5, 7].map(|pad| CopyMode::Preserve { pad }),
        "the third is empty, and still starts at its offset"
    );
    assert_eq!(
        modes(&plan, "compacted"),
        [translated(TranslateReason::Compacted)]
    );
    assert_eq!(
        modes(&plan, "transactional"),
        [CopyMode::Preserve { pad: 0 }; 2],
        "markers are kept free"
    );
    assert_eq!(modes(&plan, "gaps"), [translated(TranslateReason::Gaps)]);
    assert_eq!(plan.estimate.padding_offsets, 12);
}

#[test]
fn offsets_are_translated_where_the_configuration_says_so_per_group_too() {
    let world = snapshot(vec![
        topic("a", vec![partition(0, 0, 9)]),
        topic("b", vec![partition(0, 0, 9)]),
    ]);
    let mut rules = Rules {
        topics: Box::new(|t| TopicDecision {
            group: (t.name.as_str() == "a").then(|| "fast".into()),
            ..kept("")
        }),
        ..Rules::default()
    };
    let plan = planned(
        "copy: { offsets: translate, groups: { fast: { offsets: preserve } } }",
        &world,
        &mut rules,
    );
    assert_eq!(modes(&plan, "a"), [CopyMode::Preserve { pad: 0 }]);
    assert_eq!(modes(&plan, "b"), [translated(TranslateReason::Chosen)]);
    let plan = planned("copy: { groups: { slow: {} } }", &world, &mut rules);
    assert_eq!(
        plan.notes,
        ["copy.groups.slow: no topic that moves is in this group"]
    );
}

#[test]
fn the_padding_budget_goes_to_the_cheapest_partitions_first() {
    let world = snapshot(vec![
        topic("a", vec![partition(0, 300, 700), partition(1, 100, 700)]),
        topic("b", vec![partition(0, 200, 700)]),
    ]);
    let plan = planned(
        "copy: { padding-budget: 350 }",
        &world,
        &mut Rules::default(),
    );
    let over = translated(TranslateReason::PaddingOverBudget);
    assert_eq!(modes(&plan, "a"), [over, CopyMode::Preserve { pad: 100 }]);
    assert_eq!(modes(&plan, "b"), [CopyMode::Preserve { pad: 200 }]);
    let mut rules = Rules {
        topics: Box::new(|t| TopicDecision {
            group: (t.name.as_str() == "b").then(|| "own".into()),
            ..kept("")
        }),
        ..Rules::default()
    };
    let plan = planned(
        "copy: { padding-budget: 400, groups: { own: { padding-budget: 0 } } }",
        &world,
        &mut rules,
    );
    assert_eq!(
        modes(&plan, "a"),
        [300, 100].map(|pad| CopyMode::Preserve { pad })
    );
    assert_eq!(modes(&plan, "b"), [over]);
}

#[test]
fn protection_compares_the_oldest_record_with_the_expiry_of_producer_ids() {
    let old = |age_ms: i64| {
        let mut facts = partition(0, 0, 10);
        facts.shape.oldest_timestamp_ms = Some(NOW_MS - age_ms);
        facts
    };
    let world = snapshot(vec![
        topic("fresh", vec![old(DAY_MS - 1)]),
        topic("old", vec![old(DAY_MS)]),
        topic("empty", vec![partition(0, 0, 0)]),
    ]);
    let protection =
        |plan: &Plan, name: &str| of(plan, name).moving().expect("moves").partitions[0].protection;
    let plan = planned("", &world, &mut Rules::default());
    assert_eq!(protection(&plan, "fresh"), Protection::Protected);
    assert_eq!(protection(&plan, "old"), Protection::Unprotected);
    assert_eq!(protection(&plan, "empty"), Protection::Unknown);
    let longer = Circumstances {
        producer_id_expiration_ms: 7 * DAY_MS,
        ..Circumstances::default()
    };
    let plan =
        plan_under(&configuration(""), &world, &longer, &mut Rules::default()).expect("a plan");
    assert_eq!(protection(&plan, "old"), Protection::Protected);
}

#[test]
fn topics_of_tools_stay_unless_plugin_and_person_keep_them_and_those_of_brokers_always() {
    let mut configs = topic("connect-configs", vec![partition(0, 0, 9)]);
    configs.internal = Some("Connect configurations of cluster x".into());
    let mut offsets = topic("__consumer_offsets", vec![partition(0, 0, 9)]);
    offsets.internal = Some("consumer offsets".into());
    let world = snapshot(vec![configs, offsets]);
    let plan = planned("", &world, &mut Rules::default());
    assert_eq!(of(&plan, "__consumer_offsets").decided_by, DecidedBy::Host);
    assert!(of(&plan, "connect-configs").moving().is_none());
    assert_eq!(plan.open_decisions().count(), 1);
    assert!(
        plan.open_decisions_problem()
            .is_some_and(|p| p.to_string().contains("FERRY-E365"))
    );

    let plan = planned(&answering(&plan, "keep"), &world, &mut Rules::default());
    assert!(of(&plan, "connect-configs").moving().is_some());
    assert_eq!(of(&plan, "connect-configs").decided_by, DecidedBy::Person);
    assert!(of(&plan, "__consumer_offsets").moving().is_none());
    assert_eq!(plan.open_decisions_problem(), None);

    let mut dropping = Rules {
        topics: Box::new(|_| TopicDecision {
            keep: false,
            ..kept("excluded by rule 1")
        }),
        ..Rules::default()
    };
    let plan = planned("", &world, &mut dropping);
    assert_eq!(
        of(&plan, "connect-configs").reason,
        "internal: Connect configurations of cluster x"
    );
    assert_eq!(plan.decisions, []);
}

#[test]
fn an_answer_that_is_none_is_refused_and_one_to_no_question_is_noted() {
    let mut tool = topic("t", vec![]);
    tool.internal = Some("x".into());
    let world = snapshot(vec![tool]);
    let first = planned("", &world, &mut Rules::default());
    let problem = plan(
        &configuration(&answering(&first, "maybe")),
        &world,
        &mut Rules::default(),
    )
    .expect_err("no answer")
    .to_string();
    assert!(
        problem.contains("FERRY-E358") && problem.contains("possible: keep, leave-out"),
        "{problem}"
    );
    let plan = planned(
        "decisions: { acl-00000000: accept }",
        &world,
        &mut Rules::default(),
    );
    assert_eq!(
        plan.notes,
        ["decisions: nothing is asked under acl-00000000"]
    );
}

#[test]
fn a_target_topic_with_records_of_others_is_a_persons_decision() {
    let mut world = snapshot(vec![topic("a", vec![partition(0, 0, 9)])]);
    world
        .target
        .topics
        .insert(name("a"), topic("a", vec![partition(0, 0, 4)]));
    let plan = planned("", &world, &mut Rules::default());
    assert_eq!(plan.open_decisions().count(), 1);

    let append = planned(&answering(&plan, "append"), &world, &mut Rules::default());
    assert_eq!(append.open_decisions().count(), 0);
    assert_eq!(
        modes(&append, "a"),
        [translated(TranslateReason::TargetNotEmpty)]
    );
    assert!(matches!(
        of(&append, "a").moving().expect("moves").creation,
        Creation::Use { id: Some(_) }
    ));

    let out = planned(
        &answering(&plan, "leave-out"),
        &world,
        &mut Rules::default(),
    );
    assert!(of(&out, "a").moving().is_none());
    assert_eq!(out.estimate.topics, 0);

    let ours = Circumstances {
        created_by_us: [name("a")].into(),
        ..Circumstances::default()
    };
    let plan =
        plan_under(&configuration(""), &world, &ours, &mut Rules::default()).expect("a plan");
    assert_eq!(
        plan.decisions,
        [],
        "what this migration wrote is no obstacle"
    );
    assert_eq!(modes(&plan, "a"), [CopyMode::Preserve { pad: 0 }]);
}

#[test]
fn an_empty_target_topic_is_used_with_its_settings_and_one_of_other_partitions_is_not() {
    let mut world = snapshot(vec![
        topic("a", vec![partition(0, 0, 9)]),
        topic("b", vec![partition(0, 0, 9)]),
    ]);
    let mut there = topic("a", vec![partition(0, 0, 0)]);
    there.configs.insert("retention.ms".into(), "5000".into());
    world.target.topics.insert(name("a"), there);
    let two = topic("b", vec![partition(0, 0, 0), partition(1, 0, 0)]);
    world.target.topics.insert(name("b"), two);
    let plan = planned("", &world, &mut Rules::default());
    let moving = of(&plan, "a").moving().expect("moves");
    assert_eq!(modes(&plan, "a"), [CopyMode::Preserve { pad: 0 }]);
    assert_eq!(moving.configs["retention.ms"], "5000");
    assert_eq!(moving.copy_configs["retention.ms"], "-1");
    let open: Vec<_> = plan
        .open_decisions()
        .map(|d| (d.subject.as_str(), d.why.as_str()))
        .collect();
    assert_eq!(open.len(), 1);
    assert!(
        open[0].0 == "b" && open[0].1.starts_with("the target has it with 2 partitions"),
        "{open:?}"
    );
}

#[test]
fn settings_changed_for_the_copy_are_listed_with_what_comes_after() {
    let mut facts = topic("a", vec![partition(0, 0, 9)]);
    facts.configs.insert("retention.ms".into(), "1000".into());
    facts
        .configs
        .insert("delete.retention.ms".into(), "7".into());
    let plan = planned("", &snapshot(vec![facts]), &mut Rules::prefixing("new."));
    let changes: Vec<_> = plan
        .setting_changes()
        .map(|c| {
            (
                c.topic.to_string(),
                c.key.to_owned(),
                c.during.to_owned(),
                c.afterwards.map(str::to_owned),
            )
        })
        .collect();
    let change = |key: &str, during: &str, afterwards: Option<&str>| {
        (
            "new.a".to_owned(),
            key.to_owned(),
            during.to_owned(),
            afterwards.map(str::to_owned),
        )
    };
    assert_eq!(
        changes,
        [
            change(
                "message.timestamp.after.max.ms",
                "9223372036854775807",
                None
            ),
            change("retention.bytes", "-1", None),
            change("retention.ms", "-1", Some("1000")),
        ]
    );
    let moving = of(&plan, "a").moving().expect("moves");
    assert_eq!(moving.configs_for_copy()["delete.retention.ms"], "7");
    assert_eq!(moving.configs_for_copy()["retention.ms"], "-1");
}

#[test]
fn groups_move_wait_or_are_skipped_with_reasons() {
    let world = with_groups(
        snapshot(vec![
            topic("in", vec![partition(0, 5, 10), partition(1, 0, 0)]),
            topic("out", vec![partition(0, 0, 9)]),
        ]),
        vec![
            group(
                "caught-up",
                GroupState::Empty,
                &[("in", 0, 10), ("in", 1, 0), ("out", 0, 3)],
            ),
            group("behind", GroupState::Empty, &[("in", 0, 2)]),
            group("beyond", GroupState::Empty, &[("in", 0, 99)]),
            group(
                "active",
                GroupState::Active("Stable".into()),
                &[("in", 0, 7)],
            ),
            group(
                "never",
                GroupState::Active("Stable".into()),
                &[("in", 0, -1)],
            ),
            group("elsewhere", GroupState::Empty, &[("out", 0, 3)]),
        ],
    );
    let mut rules = Rules {
        topics: Box::new(|t| TopicDecision {
            keep: t.name.as_str() == "in",
            ..kept("")
        }),
        ..Rules::prefixing("new.")
    };
    let plan = planned("", &world, &mut rules);
    let of = |id: &str| {
        plan.groups
            .iter()
            .find(|group| group.id.0 == id)
            .expect("there")
    };
    let moved = of("caught-up");
    assert_eq!(moved.action, GroupAction::Move);
    assert_eq!(
        moved.target.as_ref().map(|id| id.0.as_str()),
        Some("new.caught-up")
    );
    assert_eq!(
        (moved.offsets.exact, moved.offsets.elsewhere),
        (2, 1),
        "0 on an empty partition counts"
    );
    assert_eq!(of("behind").offsets.earliest, 1);
    assert_eq!(of("beyond").offsets.latest, 1);
    assert!(
        matches!(&of("active").action, GroupAction::Wait { members } if members[0].client_host == "/10.0.0.7")
    );
    assert_eq!(of("active").reason, "active at the source (Stable)");
    assert_eq!(
        (&of("never").action, of("never").reason.as_str()),
        (&GroupAction::Skip, "never committed")
    );
    assert_eq!(
        of("elsewhere").reason,
        "no committed offset on a topic that moves"
    );
    let groups: Vec<_> = rules
        .asked_names
        .iter()
        .filter(|q| q.kind == NameKind::Group)
        .map(|q| q.name.as_str())
        .collect();
    assert_eq!(
        groups,
        ["active", "behind", "beyond", "caught-up"],
        "only what moves is renamed"
    );
}

#[test]
fn offsets_of_translated_partitions_wait_for_the_copy() {
    let world = with_groups(
        snapshot(vec![topic("a", vec![partition(0, 0, 9)])]),
        vec![group("g", GroupState::Empty, &[("a", 0, 3)])],
    );
    let mut rules = Rules::default();
    let plan = planned("copy: { offsets: translate }", &world, &mut rules);
    assert_eq!(plan.groups[0].offsets.after_copy, 1);
    assert!(rules.asked_offsets.is_empty());
}

#[test]
fn a_group_that_the_target_knows_is_not_overwritten_unasked() {
    let source = vec![group("g", GroupState::Empty, &[("a", 0, 3)])];
    let mut world = with_groups(snapshot(vec![topic("a", vec![partition(0, 0, 9)])]), source);
    let there = group("g", GroupState::Empty, &[("a", 0, 1)]);
    world.target.groups.insert(there.id.clone(), there);
    let first = planned("", &world, &mut Rules::default());
    assert_eq!(first.open_decisions().count(), 1);
    let leave = planned(&answering(&first, "leave"), &world, &mut Rules::default());
    assert_eq!(leave.groups[0].action, GroupAction::Skip);
    let overwrite = planned(
        &answering(&first, "overwrite"),
        &world,
        &mut Rules::default(),
    );
    assert_eq!(overwrite.groups[0].action, GroupAction::Move);
    let active = group("g", GroupState::Active("Stable".into()), &[]);
    world.target.groups.insert(active.id.clone(), active);
    let early = planned("", &world, &mut Rules::default());
    assert!(matches!(early.groups[0].action, GroupAction::Wait { .. }));
    assert!(
        early.groups[0]
            .reason
            .contains("an application started early?")
    );
}

fn with_acls(mut world: Snapshot, source: Vec<AclBinding>, target: Vec<AclBinding>) -> Snapshot {
    world.source.acls = AclFacts::Bindings(source);
    world.target.acls = AclFacts::Bindings(target);
    world
}

#[test]
fn bindings_follow_their_renamed_resources_and_are_compared_with_what_exists() {
    let prefixed = binding("User:a", "ord", |b| b.pattern_type = PatternType::Prefixed);
    let group = binding("User:a", "app", |b| b.resource_type = ResourceType::Group);
    let id = binding("User:a", "tx", |b| {
        b.resource_type = ResourceType::TransactionalId;
    });
    let world = with_acls(
        snapshot(vec![topic("orders", vec![partition(0, 0, 9)])]),
        vec![
            binding("User:a", "orders", |_| {}),
            binding("User:a", "gone", |_| {}),
            prefixed,
            group,
            id,
        ],
        vec![binding("User:a", "new.orders", |_| {})],
    );
    let mut rules = Rules::prefixing("new.");
    let plan = planned("", &world, &mut rules);
    assert_eq!(plan.decisions, []);
    let names = |state| {
        let all = plan.bindings(state);
        all.into_iter()
            .map(|b| format!("{} {}", b.resource_type, b.resource_name))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(BindingState::Exists), ["TOPIC new.orders"]);
    assert_eq!(
        names(BindingState::Create),
        ["TOPIC new.ord", "GROUP new.app", "TRANSACTIONAL_ID tx"]
    );
    assert_eq!(plan.acls_to_create().len(), 3);
    let gone = rules
        .asked_acls
        .iter()
        .find(|q| q.binding.resource_name == "gone")
        .expect("asked");
    assert_eq!(
        gone.renamed, None,
        "a topic that does not move has no name at the target"
    );
    assert!(
        rules.asked_names.is_sorted(),
        "by kind and name, prefixes last"
    );
    assert_eq!(
        rules.asked_names.last().map(|q| q.kind),
        Some(NameKind::TopicPrefix)
    );
    assert!(rules.asked_names.contains(&NameQuestion {
        kind: NameKind::TransactionalId,
        name: "tx".into()
    }));
}

#[test]
fn more_rights_or_fewer_denials_are_a_persons_decision() {
    let deny = binding("User:b", "orders", |b| b.permission = PermissionType::Deny);
    let allow = binding("User:a", "orders", |_| {});
    let world = with_acls(
        snapshot(vec![topic("orders", vec![partition(0, 0, 9)])]),
        vec![allow, deny],
        vec![],
    );
    let rules = || Rules {
        acls: Box::new(|question| AclDecision {
            bindings: match question.binding.permission {
                PermissionType::Deny => vec![],
                PermissionType::Allow => vec![binding("User:*", "orders", |_| {})],
            },
            reason: "careless".into(),
            undecided: None,
        }),
        ..Rules::default()
    };
    let plan = planned("", &world, &mut rules());
    let open: Vec<_> = plan.open_decisions().map(|d| d.why.clone()).collect();
    assert_eq!(open.len(), 2, "{open:?}");
    assert!(
        open.contains(&"it grants to everybody".to_owned()),
        "{open:?}"
    );
    assert!(
        open.contains(&"the target would no longer deny it on orders".to_owned()),
        "{open:?}"
    );
    assert!(
        plan.acls_to_create().is_empty(),
        "nothing is created while it is open"
    );
    let accepted = planned(&answering(&plan, "accept"), &world, &mut rules());
    assert_eq!(accepted.acls_to_create().len(), 1);
    assert_eq!(accepted.open_decisions().count(), 0);
}

#[test]
fn what_the_plugin_leaves_to_a_person_is_withheld_until_accepted() {
    let world = with_acls(
        snapshot(vec![topic("orders", vec![partition(0, 0, 9)])]),
        vec![binding("User:a", "orders", |_| {})],
        vec![],
    );
    let rules = || Rules {
        acls: Box::new(|question| AclDecision {
            bindings: vec![question.binding.clone()],
            reason: "unmapped".into(),
            undecided: Some("User:a has no counterpart".into()),
        }),
        ..Rules::default()
    };
    let open = planned("", &world, &mut rules());
    assert_eq!(open.bindings(BindingState::Withheld).len(), 1);
    let skipped = planned(&answering(&open, "skip"), &world, &mut rules());
    assert_eq!(
        (
            skipped.acls_to_create().len(),
            skipped.open_decisions().count()
        ),
        (0, 0)
    );
    let accepted = planned(&answering(&open, "accept"), &world, &mut rules());
    assert_eq!(accepted.acls_to_create().len(), 1);
}

#[test]
fn rights_on_a_topic_that_a_person_left_out_are_not_granted() {
    let mut world = with_acls(
        snapshot(vec![topic("a", vec![partition(0, 0, 9)])]),
        vec![binding("User:a", "a", |_| {})],
        vec![],
    );
    world
        .target
        .topics
        .insert(name("a"), topic("a", vec![partition(0, 0, 4)]));
    let first = planned("", &world, &mut Rules::default());
    let mut rules = Rules::default();
    let out = planned(&answering(&first, "leave-out"), &world, &mut rules);
    assert!(out.acls_to_create().is_empty());
    assert_eq!(rules.asked_acls[0].renamed, None);
}

#[test]
fn two_principals_that_become_one_are_noted() {
    let world = with_acls(
        snapshot(vec![topic("orders", vec![partition(0, 0, 9)])]),
        vec![
            binding("User:a", "orders", |_| {}),
            binding("User:b", "orders", |b| b.host = "h".into()),
        ],
        vec![],
    );
    let mut rules = Rules {
        acls: Box::new(|q| AclDecision {
            bindings: vec![AclBinding {
                principal: "User:sa-1".into(),
                ..q.binding.clone()
            }],
            reason: String::new(),
            undecided: None,
        }),
        ..Rules::default()
    };
    let plan = planned("", &world, &mut rules);
    assert_eq!(
        plan.notes,
        ["User:sa-1 stands for User:a, User:b: each gets the rights of all"]
    );
}

#[test]
fn access_control_that_cannot_be_read_or_kept_is_a_persons_decision() {
    let base = with_acls(
        snapshot(vec![]),
        vec![binding("User:a", "orders", |_| {})],
        vec![],
    );
    let state = |source: Option<AclFacts>, target: Option<AclFacts>| {
        let mut world = base.clone();
        if let Some(facts) = source {
            world.source.acls = facts;
        }
        if let Some(facts) = target {
            world.target.acls = facts;
        }
        let plan = planned("", &world, &mut Rules::default());
        (plan.acl_state, plan.open_decisions().count())
    };
    assert_eq!(
        state(Some(AclFacts::NotAllowed), None),
        (AclState::SourceUnreadable, 1)
    );
    assert_eq!(
        state(Some(AclFacts::NoAuthorizer), None),
        (AclState::SourceWithoutAuthorizer, 0)
    );
    assert_eq!(
        state(None, Some(AclFacts::NoAuthorizer)),
        (AclState::TargetWithoutAuthorizer, 1)
    );
    assert_eq!(
        state(None, Some(AclFacts::NotAllowed)),
        (AclState::TargetUnreadable, 1)
    );
    let none = Some(AclFacts::Bindings(vec![]));
    assert_eq!(
        state(none, Some(AclFacts::NoAuthorizer)).1,
        0,
        "there is nothing to keep"
    );
}

#[test]
fn copy_partitions_name_both_sides_and_carry_the_topic_id() {
    let world = snapshot(vec![topic(
        "a",
        vec![partition(1, 0, 5), partition(0, 3, 9)],
    )]);
    let plan = planned("", &world, &mut Rules::prefixing("new."));
    let all: Vec<_> = plan
        .copy_partitions()
        .map(|p| {
            (
                p.source.to_string(),
                p.target.to_string(),
                p.source_topic_id.is_some(),
                p.mode(),
            )
        })
        .collect();
    assert_eq!(
        all,
        [
            (
                "a-0".to_owned(),
                "new.a-0".to_owned(),
                true,
                CopyMode::Preserve { pad: 3 }
            ),
            (
                "a-1".to_owned(),
                "new.a-1".to_owned(),
                true,
                CopyMode::Preserve { pad: 0 }
            ),
        ]
    );
    assert_eq!(plan.target_topic(&name("a")), Some(&name("new.a")));
    assert_eq!(plan.target_topic(&name("b")), None);
    let _: Option<TopicId> = plan.topics[0].id;
}
