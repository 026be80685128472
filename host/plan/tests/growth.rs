//! Partitions that topics of the source are given after the plan was made.

mod support;

use ferry_plan::{CopyMode, Growth, TranslateReason};
use support::*;

fn growth(topic: &str, count: usize) -> Growth {
    [(name(topic), count)].into()
}

#[test]
fn new_partitions_move_as_their_topic_does() {
    let world = snapshot(vec![topic(
        "a",
        vec![partition(0, 0, 10), partition(1, 4, 10)],
    )]);
    let plan = planned("", &world, &mut Rules::default());
    let grown = plan.grown(&growth("a", 4));
    let keeps = |pad| CopyMode::Preserve { pad };
    assert_eq!(modes(&grown, "a"), [keeps(0), keeps(4), keeps(0), keeps(0)]);
    assert_eq!(of(&grown, "a").partitions, 4);
    let numbers: Vec<_> = grown
        .copy_partitions()
        .map(|copied| copied.target.partition)
        .collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    // What is said of other topics, or is not news, changes nothing.
    assert_eq!(plan.grown(&growth("a", 2)), plan);
    assert_eq!(plan.grown(&growth("b", 9)), plan);
}

#[test]
fn what_was_decided_for_a_topic_holds_for_its_new_partitions_and_nothing_else_does() {
    let world = snapshot(vec![topic("a", vec![partition(0, 0, 10)])]);
    let plan = planned(
        "copy: { offsets: translate }",
        &world,
        &mut Rules::default(),
    );
    let chosen = translated(TranslateReason::Chosen);
    assert_eq!(modes(&plan.grown(&growth("a", 2)), "a"), [chosen, chosen]);
    let padded = snapshot(vec![topic("a", vec![partition(0, 9_000, 10_000)])]);
    let plan = planned(
        "copy: { padding-budget: 10 }",
        &padded,
        &mut Rules::default(),
    );
    let over = translated(TranslateReason::PaddingOverBudget);
    assert_eq!(
        modes(&plan.grown(&growth("a", 2)), "a"),
        [over, CopyMode::Preserve { pad: 0 }]
    );
}

#[test]
fn topics_that_were_at_the_target_before_are_left_as_they_are() {
    let mut world = snapshot(vec![topic("a", vec![partition(0, 0, 10)])]);
    let existing = topic("a", vec![partition(0, 0, 5)]);
    world.target.topics.insert(existing.name.clone(), existing);
    let plan = planned("", &world, &mut Rules::default());
    assert_eq!(plan.grown(&growth("a", 2)), plan);
    let mut grown = world.clone();
    let source = grown.source.topics.get_mut("a").expect("there");
    source.partitions.push(partition(1, 0, 0));
    let drifts = plan.drift(&grown, &Default::default());
    let told: Vec<_> = drifts.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["source: topic a has 2 partitions instead of 1"]);
    assert!(drifts[0].stops_apply());
}
