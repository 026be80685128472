//! What holds for every world: the same inputs in any order give the same plan, no two topics share
//! a name, every partition of every topic that moves has a mode, and the file keeps all of it.

mod support;

use ferry_model::group::GroupState;
use ferry_model::snapshot::{AclFacts, Snapshot};
use ferry_plan::{PlanFile, TopicOutcome, plan};
use proptest::prelude::*;
use std::collections::BTreeSet;
use support::*;

/// A topic's number, the partitions' starts and lengths, and whether it is compacted.
type Shape = (u8, Vec<(u16, u16)>, bool);

fn world(shapes: &[Shape], groups: &[(u8, u8, u16)], bindings: &[(u8, u8, bool)]) -> Snapshot {
    let topics = shapes.iter().map(|(number, partitions, compacted)| {
        let partitions = partitions
            .iter()
            .enumerate()
            .map(|(index, (start, length))| {
                let start = i64::from(*start);
                partition(
                    i32::try_from(index).expect("few"),
                    start,
                    start + i64::from(*length),
                )
            });
        let mut facts = topic(&format!("topic-{number}"), partitions.collect());
        if *compacted {
            facts
                .configs
                .insert("cleanup.policy".into(), "compact".into());
        }
        facts
    });
    let groups = groups.iter().map(|(id, number, offset)| {
        let topic = format!("topic-{number}");
        let state = if id % 5 == 0 {
            GroupState::Active("Stable".into())
        } else {
            GroupState::Empty
        };
        group(
            &format!("group-{id}"),
            state,
            &[(&topic, 0, i64::from(*offset)), (&topic, 1, 1)],
        )
    });
    let mut world = with_groups(snapshot(topics.collect()), groups.collect());
    let bindings = bindings.iter().map(|(principal, number, prefixed)| {
        binding(
            &format!("User:{principal}"),
            &format!("topic-{number}"),
            |b| {
                if *prefixed {
                    b.pattern_type = ferry_model::acl::PatternType::Prefixed;
                }
            },
        )
    });
    world.source.acls = AclFacts::Bindings(bindings.collect());
    world
}

/// The same world with all its lists turned round.
fn turned(mut world: Snapshot) -> Snapshot {
    for topic in world.source.topics.values_mut() {
        topic.partitions.reverse();
    }
    for group in world.source.groups.values_mut() {
        group.offsets.reverse();
    }
    if let AclFacts::Bindings(bindings) = &mut world.source.acls {
        bindings.reverse();
    }
    world.source.brokers.reverse();
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_is_the_same_in_any_order_complete_and_without_collisions(
        shapes in prop::collection::vec((0..40_u8, prop::collection::vec((0..500_u16, 0..500_u16), 0..4), any::<bool>()), 0..25),
        groups in prop::collection::vec((0..20_u8, 0..40_u8, 0..900_u16), 0..15),
        bindings in prop::collection::vec((0..5_u8, 0..40_u8, any::<bool>()), 0..15),
        budget in 0..3_000_u64,
    ) {
        let configuration = configuration(&format!("copy: {{ padding-budget: {budget} }}"));
        let world = world(&shapes, &groups, &bindings);
        let first = plan(&configuration, &world, &mut Rules::prefixing("new."))
            .map_err(|problem| TestCaseError::fail(problem.to_string()))?;
        let second = plan(&configuration, &turned(world.clone()), &mut Rules::prefixing("new."))
            .map_err(|problem| TestCaseError::fail(problem.to_string()))?;
        prop_assert_eq!(first.digest().expect("JSON"), second.digest().expect("JSON"));

        prop_assert_eq!(first.topics.len(), world.source.topics.len(), "every topic is in or out");
        let mut names = BTreeSet::new();
        for topic in &first.topics {
            let TopicOutcome::In(moving) = &topic.outcome else { continue };
            prop_assert!(names.insert(moving.target.collision_key()), "{}", moving.target);
            let numbers: Vec<_> = moving.partitions.iter().map(|partition| partition.partition).collect();
            let expected: Vec<_> = (0..i32::try_from(topic.partitions).expect("few")).collect();
            prop_assert_eq!(numbers, expected, "every partition has a mode");
        }
        let padded = u64::try_from(first.estimate.padding_offsets).expect("not negative");
        prop_assert!(padded <= budget, "{padded}");
        prop_assert!(first.drift(&world, &BTreeSet::new()).is_empty());

        let file = PlanFile::new(first).expect("JSON");
        let text = file.to_text().expect("text");
        let read = PlanFile::parse(text.as_bytes(), std::path::Path::new("plan.json")).expect("a plan");
        prop_assert_eq!(read, file);
    }
}
