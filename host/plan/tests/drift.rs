//! What moved since a plan was made is said, and nothing else.

mod support;

use ferry_model::acl::AclBinding;
use ferry_model::decision::Role;
use ferry_model::digest::Digest;
use ferry_model::identity::{ClusterId, TopicId};
use ferry_model::name::TopicName;
use ferry_model::snapshot::{AclFacts, Snapshot};
use ferry_model::topic::TopicFacts;
use ferry_plan::{Drift, Plan, plan};
use std::collections::BTreeSet;
use support::*;

fn world() -> Snapshot {
    let mut world = snapshot(vec![
        topic("a", vec![partition(0, 0, 9), partition(1, 0, 9)]),
        topic("left", vec![partition(0, 0, 9)]),
    ]);
    world.source.acls = AclFacts::Bindings(vec![
        binding("User:a", "a", |_| {}),
        binding("User:b", "a", |_| {}),
    ]);
    world.target.acls = AclFacts::Bindings(vec![binding("User:b", "a", |_| {})]);
    let empty = topic("there", vec![partition(0, 0, 0)]);
    world
        .source
        .topics
        .insert(name("there"), topic("there", vec![partition(0, 0, 9)]));
    world.target.topics.insert(name("there"), empty);
    world
}

fn planned() -> Plan {
    let mut rules = Rules {
        topics: Box::new(|topic| ferry_model::decision::TopicDecision {
            keep: topic.name.as_str() != "left",
            ..kept("")
        }),
        ..Rules::default()
    };
    plan(&configuration(""), &world(), &mut rules).expect("a plan")
}

/// What the plan says of a world that `change` made out of its own.
fn drift(change: impl FnOnce(&mut Snapshot)) -> Vec<String> {
    drift_with(&BTreeSet::new(), change)
}

fn drift_with(ours: &BTreeSet<TopicName>, change: impl FnOnce(&mut Snapshot)) -> Vec<String> {
    let mut world = world();
    change(&mut world);
    planned()
        .drift(&world, ours)
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn source<'w>(world: &'w mut Snapshot, topic: &str) -> &'w mut TopicFacts {
    world.source.topics.get_mut(topic).expect("there")
}

fn target<'w>(world: &'w mut Snapshot, topic: &str) -> &'w mut TopicFacts {
    world.target.topics.get_mut(topic).expect("there")
}

fn bindings(facts: &mut AclFacts) -> &mut Vec<AclBinding> {
    match facts {
        AclFacts::Bindings(bindings) => bindings,
        _ => panic!("the world has bindings"),
    }
}

#[test]
fn a_world_that_only_went_on_has_not_drifted() {
    let found = drift(|world| {
        world.taken_at_ms += 1_000_000;
        for partition in &mut source(world, "a").partitions {
            partition.high_watermark += 100;
            partition.last_stable_offset += 100;
            partition.log_start_offset += 3;
        }
        world.source.topics.remove("left");
        bindings(&mut world.source.acls).reverse();
    });
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn settings_for_the_copy_on_a_topic_that_is_used_as_it_is_are_no_drift_and_others_are() {
    let set = |value: &'static str| {
        drift(move |world| {
            let there = world.target.topics.get_mut(&name("there")).expect("there");
            there
                .configs
                .insert("retention.ms".to_owned(), value.to_owned());
        })
    };
    assert_eq!(set("-1"), Vec::<String>::new());
    assert_eq!(
        set("5"),
        ["target: retention.ms of topic there is 5 instead of the default"]
    );
}

#[test]
fn another_cluster_is_named_and_nothing_else() {
    let found = drift(|world| {
        world.target.cluster_id = ClusterId("other".into());
        world.source.topics.clear();
    });
    assert_eq!(found, ["target: cluster other instead of target-id"]);
}

#[test]
fn topics_that_went_came_or_were_recreated_are_named() {
    let gone = |world: &mut Snapshot| drop(world.source.topics.remove("a"));
    assert_eq!(drift(gone), ["source: topic a is gone"]);
    let recreated =
        |world: &mut Snapshot| source(world, "a").id = Some(TopicId(uuid::Uuid::from_u128(7)));
    assert_eq!(
        drift(recreated),
        ["source: topic a was deleted and created again"]
    );
    let grown = |world: &mut Snapshot| source(world, "a").partitions.push(partition(2, 0, 0));
    assert_eq!(
        drift(grown),
        ["source: topic a has 3 partitions instead of 2; the new ones are moved too"]
    );
    let truncated = |world: &mut Snapshot| source(world, "a").partitions[1].high_watermark = 4;
    assert_eq!(
        drift(truncated),
        ["source: a-1 ends at 4, before it ended at 9"]
    );
    let set = |world: &mut Snapshot| {
        source(world, "a")
            .configs
            .insert("retention.ms".into(), "5".into());
    };
    assert_eq!(
        drift(set),
        ["source: retention.ms of topic a is 5 instead of the default"]
    );
}

#[test]
fn a_new_topic_at_the_source_is_told_and_stops_nothing() {
    let mut world = world();
    world
        .source
        .topics
        .insert(name("new"), topic("new", vec![]));
    let found = planned().drift(&world, &BTreeSet::new());
    assert_eq!(
        found[0].to_string(),
        "source: topic new is new; this plan does not move it"
    );
    assert_eq!(Drift::problem(&found), None);
}

#[test]
fn target_topics_that_are_not_ours_are_watched() {
    let appeared = |world: &mut Snapshot| {
        world.target.topics.insert(
            name("a"),
            topic("a", vec![partition(0, 0, 3), partition(1, 0, 0)]),
        );
    };
    assert_eq!(drift(appeared), ["target: topic a appeared"]);
    assert_eq!(
        drift_with(&[name("a")].into(), appeared),
        Vec::<String>::new(),
        "ours may have records"
    );
    let written = |world: &mut Snapshot| target(world, "there").partitions[0].high_watermark = 5;
    assert_eq!(
        drift(written),
        ["target: topic there was empty and has records"]
    );
    assert_eq!(
        drift_with(&[name("there")].into(), written),
        Vec::<String>::new()
    );
    let gone = |world: &mut Snapshot| drop(world.target.topics.remove("there"));
    assert_eq!(drift(gone), ["target: topic there is gone"]);
    let set = |world: &mut Snapshot| {
        target(world, "there")
            .configs
            .insert("retention.ms".into(), "5".into());
    };
    assert_eq!(
        drift(set),
        ["target: retention.ms of topic there is 5 instead of the default"]
    );
}

#[test]
fn bindings_that_came_or_went_are_named_and_those_we_created_are_not() {
    let new = |world: &mut Snapshot| {
        bindings(&mut world.source.acls).push(binding("User:c", "a", |_| {}));
    };
    assert_eq!(
        drift(new),
        ["source: new access control list: ALLOW User:c READ on TOPIC a from *"]
    );
    let gone = |world: &mut Snapshot| drop(bindings(&mut world.source.acls).remove(0));
    assert_eq!(
        drift(gone),
        ["source: access control list is gone: ALLOW User:a READ on TOPIC a from *"]
    );
    let existing = |world: &mut Snapshot| bindings(&mut world.target.acls).clear();
    assert_eq!(
        drift(existing),
        ["target: access control list is gone: ALLOW User:b READ on TOPIC a from *"]
    );
    let created = |world: &mut Snapshot| {
        bindings(&mut world.target.acls).push(binding("User:a", "a", |_| {}));
    };
    assert_eq!(drift(created), Vec::<String>::new());
    let unreadable = |world: &mut Snapshot| world.source.acls = AclFacts::NotAllowed;
    assert_eq!(
        drift(unreadable),
        ["access control lists can be read or kept otherwise than before"]
    );
}

#[test]
fn other_plugins_and_another_configuration_are_drift() {
    let plan = planned();
    let mut rules = Rules::default();
    assert_eq!(plan.drift_of_deciders(&rules), []);
    rules
        .identities
        .insert(Role::AclGenerator, identity(Role::AclGenerator, "1.1.0"));
    rules
        .identities
        .get_mut(&Role::TopicFilter)
        .expect("there")
        .config_digest = Digest::of(b"x");
    let found: Vec<_> = plan
        .drift_of_deciders(&rules)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        found,
        [
            "topic-filter: ferry/topic-filter 1.0.0 is another build or has another configuration",
            "acl-generator: ferry/acl-generator 1.1.0 instead of ferry/acl-generator 1.0.0",
        ]
    );
    assert_eq!(plan.drift_of_configuration(plan.configuration), None);
    assert_eq!(
        plan.drift_of_configuration(Digest::of(b"y")),
        Some(Drift::Configuration)
    );
}

#[test]
fn the_problem_lists_what_stops() {
    let mut world = world();
    world.source.topics.remove("a");
    let found = planned().drift(&world, &BTreeSet::new());
    assert_eq!(
        Drift::problem(&found).expect("it stops").to_string(),
        "error[FERRY-E364]: the world no longer matches the plan\n  source: topic a is gone\n  \
         next    ferry plan"
    );
}
