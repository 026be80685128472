//! What plugins answer is checked: each kind of nonsense ends the plan, naming plugin and topics.

mod support;

use ferry_model::decision::{AclDecision, NameKind, OffsetAction, TopicDecision};
use ferry_model::offset::TargetOffset;
use ferry_model::problem::Problem;
use ferry_plan::plan;
use support::*;

fn refused(snapshot: &ferry_model::snapshot::Snapshot, rules: &mut Rules) -> String {
    plan(&configuration(""), snapshot, rules)
        .expect_err("nonsense")
        .to_string()
}

fn two_topics() -> ferry_model::snapshot::Snapshot {
    snapshot(vec![
        topic("ord.eu.1", vec![partition(0, 0, 9)]),
        topic("ord.eu-1", vec![partition(0, 0, 9)]),
    ])
}

#[test]
fn two_topics_with_one_name_are_refused_with_both_names() {
    let mut rules = Rules {
        names: Box::new(|_| Some("retail.orders.eu.1".into())),
        ..Rules::default()
    };
    assert_eq!(
        refused(&two_topics(), &mut rules),
        "error[FERRY-E305]: plugin ferry/naming-remapper 1.0.0 gave two topics one name\n  \
         ord.eu-1, ord.eu.1  ->  retail.orders.eu.1\n  \
         next    mend the plugin's rule, or add an exception: plugins.names.with"
    );
}

#[test]
fn names_that_differ_by_dot_and_underscore_only_are_one_name() {
    let mut rules = Rules {
        names: Box::new(|q| {
            Some(
                if q.name.contains("eu.1") {
                    "a.b_c"
                } else {
                    "a_b.c"
                }
                .into(),
            )
        }),
        ..Rules::default()
    };
    let text = refused(&two_topics(), &mut rules);
    assert!(
        text.contains("FERRY-E305") && text.contains("ord.eu-1, ord.eu.1  ->  a.b_c, a_b.c"),
        "{text}"
    );
}

#[test]
fn an_illegal_name_is_refused_with_its_rule() {
    let mut rules = Rules {
        names: Box::new(|q| Some(format!("{}/new", q.name))),
        ..Rules::default()
    };
    let text = refused(&two_topics(), &mut rules);
    assert!(
        text.starts_with("error[FERRY-E351]: plugin ferry/naming-remapper 1.0.0 gave"),
        "{text}"
    );
    assert!(
        text.contains("ord.eu-1: `ord.eu-1/new` holds '/'"),
        "{text}"
    );
}

#[test]
fn a_topic_without_a_name_is_refused_and_a_prefix_without_one_is_not() {
    let mut rules = Rules {
        names: Box::new(|_| None),
        ..Rules::default()
    };
    assert!(refused(&two_topics(), &mut rules).contains("FERRY-E354"));
    let mut world = two_topics();
    world.source.acls =
        ferry_model::snapshot::AclFacts::Bindings(vec![binding("User:a", "ord.", |b| {
            b.pattern_type = ferry_model::acl::PatternType::Prefixed;
        })]);
    let mut rules = Rules {
        names: Box::new(|q| (q.kind != NameKind::TopicPrefix).then(|| q.name.clone())),
        ..Rules::default()
    };
    plan(&configuration(""), &world, &mut rules).expect("a plan");
    assert_eq!(rules.asked_acls[0].renamed, None);
    assert_eq!(rules.asked_acls[0].covered, ["ord.eu-1", "ord.eu.1"]);
}

#[test]
fn a_prefix_that_does_not_cover_what_was_renamed_is_refused() {
    let mut world = two_topics();
    world.source.acls =
        ferry_model::snapshot::AclFacts::Bindings(vec![binding("User:a", "ord.", |b| {
            b.pattern_type = ferry_model::acl::PatternType::Prefixed;
        })]);
    let mut rules = Rules {
        names: Box::new(|q| {
            Some(match (q.kind, q.name.as_str()) {
                (NameKind::TopicPrefix, _) => "new.ord.".to_owned(),
                (_, "ord.eu-1") => "elsewhere".to_owned(),
                (_, other) => format!("new.{other}"),
            })
        }),
        ..Rules::default()
    };
    let text = refused(&world, &mut rules);
    assert!(
        text.contains("FERRY-E355") && text.contains("ord.eu-1  ->  elsewhere"),
        "{text}"
    );
}

#[test]
fn an_undecided_topic_ends_the_plan() {
    struct Silent(Rules);
    #[allow(clippy::result_large_err, reason = "the trait says so")]
    impl ferry_plan::Deciders for Silent {
        fn topics(
            &mut self,
            topics: &[ferry_model::topic::TopicFacts],
        ) -> Result<Vec<TopicDecision>, Problem> {
            let mut decisions = self.0.topics(topics)?;
            decisions.pop();
            Ok(decisions)
        }
        fn names(
            &mut self,
            q: &[ferry_model::decision::NameQuestion],
        ) -> Result<Vec<ferry_model::decision::NameDecision>, Problem> {
            self.0.names(q)
        }
        fn offsets(
            &mut self,
            q: &[ferry_model::decision::OffsetQuestion],
        ) -> Result<Vec<ferry_model::decision::OffsetDecision>, Problem> {
            self.0.offsets(q)
        }
        fn acls(
            &mut self,
            q: &[ferry_model::decision::AclQuestion],
        ) -> Result<Vec<AclDecision>, Problem> {
            self.0.acls(q)
        }
        fn identity(&self, role: ferry_model::decision::Role) -> &ferry_plan::PluginIdentity {
            self.0.identity(role)
        }
    }
    let problem = plan(
        &configuration(""),
        &two_topics(),
        &mut Silent(Rules::default()),
    )
    .expect_err("silent");
    assert!(
        problem.to_string().starts_with(
            "error[FERRY-E350]: plugin ferry/topic-filter 1.0.0 gave 1 decisions for 2 topics"
        ),
        "{problem}"
    );
}

#[test]
fn a_plugin_that_fails_ends_the_plan_with_its_own_problem() {
    struct Trapped(Rules);
    #[allow(clippy::result_large_err, reason = "the trait says so")]
    impl ferry_plan::Deciders for Trapped {
        fn topics(
            &mut self,
            _: &[ferry_model::topic::TopicFacts],
        ) -> Result<Vec<TopicDecision>, Problem> {
            Err(Problem::new(301, "plugin acme/filter 1.0.0 trapped")
                .detail("panicked at rules.rs:7"))
        }
        fn names(
            &mut self,
            _: &[ferry_model::decision::NameQuestion],
        ) -> Result<Vec<ferry_model::decision::NameDecision>, Problem> {
            unreachable!("nothing is asked after a failure")
        }
        fn offsets(
            &mut self,
            _: &[ferry_model::decision::OffsetQuestion],
        ) -> Result<Vec<ferry_model::decision::OffsetDecision>, Problem> {
            unreachable!("nothing is asked after a failure")
        }
        fn acls(
            &mut self,
            _: &[ferry_model::decision::AclQuestion],
        ) -> Result<Vec<AclDecision>, Problem> {
            unreachable!("nothing is asked after a failure")
        }
        fn identity(&self, role: ferry_model::decision::Role) -> &ferry_plan::PluginIdentity {
            self.0.identity(role)
        }
    }
    let problem = plan(
        &configuration(""),
        &two_topics(),
        &mut Trapped(Rules::default()),
    )
    .expect_err("trapped");
    assert!(
        problem.to_string().contains("panicked at rules.rs:7"),
        "{problem}"
    );
}

#[test]
fn names_that_the_target_has_but_for_dots_and_names_of_brokers_are_refused() {
    let mut world = two_topics();
    let taken = topic("ord_eu_1", vec![partition(0, 0, 0)]);
    world.target.topics.insert(taken.name.clone(), taken);
    let text = refused(&world, &mut Rules::default());
    assert!(
        text.contains("FERRY-E353")
            && text.contains("ord.eu.1  ->  ord.eu.1: the target has ord_eu_1"),
        "{text}"
    );
    let mut rules = Rules {
        names: Box::new(|q| {
            Some(if q.name == "ord.eu-1" {
                "__consumer_offsets".into()
            } else {
                q.name.clone()
            })
        }),
        ..Rules::default()
    };
    assert!(refused(&two_topics(), &mut rules).contains("brokers keep it for themselves"));
}

#[test]
fn a_topic_group_with_an_illegal_name_is_refused() {
    let mut rules = Rules {
        topics: Box::new(|_| TopicDecision {
            group: Some("../etc".into()),
            ..kept("")
        }),
        ..Rules::default()
    };
    let text = refused(&two_topics(), &mut rules);
    assert!(
        text.contains("FERRY-E357") && text.contains("`../etc`: ord.eu-1, ord.eu.1"),
        "{text}"
    );
}

#[test]
fn an_offset_beyond_the_log_is_refused() {
    let world = with_groups(
        two_topics(),
        vec![group(
            "g",
            ferry_model::group::GroupState::Empty,
            &[("ord.eu.1", 0, 5)],
        )],
    );
    let mut rules = Rules {
        offsets: Box::new(|_| OffsetAction::CommitAt(TargetOffset(99))),
        ..Rules::default()
    };
    let text = refused(&world, &mut rules);
    assert!(
        text.contains("FERRY-E356") && text.contains("ord.eu.1-0"),
        "{text}"
    );
}

#[test]
fn a_binding_that_kafka_refuses_is_refused() {
    let mut world = two_topics();
    world.source.acls =
        ferry_model::snapshot::AclFacts::Bindings(vec![binding("User:a", "ord.eu.1", |_| {})]);
    let mut rules = Rules {
        acls: Box::new(|q| AclDecision {
            bindings: vec![binding("sa-4711", &q.binding.resource_name, |_| {})],
            reason: String::new(),
            undecided: None,
        }),
        ..Rules::default()
    };
    let text = refused(&world, &mut rules);
    assert!(
        text.contains("FERRY-E366") && text.contains("`User:name`"),
        "{text}"
    );
}

#[test]
fn a_snapshot_of_another_format_is_refused() {
    let mut world = two_topics();
    world.format += 1;
    let text = refused(&world, &mut Rules::default());
    assert!(
        text.contains("FERRY-E359") && text.contains("next    ferry discover"),
        "{text}"
    );
}

#[test]
fn one_cluster_on_both_sides_is_refused() {
    let mut world = two_topics();
    world.target.cluster_id = world.source.cluster_id.clone();
    assert!(
        refused(&world, &mut Rules::default())
            .starts_with("error[FERRY-E352]: source and target are one")
    );
}

#[test]
fn terminal_codes_in_an_answer_are_escaped() {
    let mut rules = Rules {
        names: Box::new(|_| Some("a\u{1b}[2J".into())),
        ..Rules::default()
    };
    let text = refused(&two_topics(), &mut rules);
    assert!(!text.contains('\u{1b}'), "{text:?}");
}
