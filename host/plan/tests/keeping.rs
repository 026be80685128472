//! What it takes to keep offsets where the source has none of its records, and what goes beyond it.

mod support;

use ferry_model::topic::{LogShape, PartitionFacts};
use ferry_plan::{CopyMode, Plan, TranslateReason};
use support::*;

fn only_mode(plan: &Plan) -> CopyMode {
    modes(plan, "a")[0]
}

/// A partition of 10,000 offsets, a tenth of which was looked at.
fn sampled(change: impl Fn(&mut LogShape)) -> Vec<PartitionFacts> {
    let mut facts = partition(0, 0, 10_000);
    facts.shape.sampled_offsets = 1_000;
    facts.shape.transactional = true;
    change(&mut facts.shape);
    vec![facts]
}

#[test]
fn what_it_takes_to_keep_offsets_free_is_estimated_and_held_against_the_budget() {
    let mut world = snapshot(vec![topic(
        "a",
        sampled(|shape| shape.sampled_markers = 30),
    )]);
    world.target.round_trip_us = Some(2_000);
    let plan = planned("", &world, &mut Rules::default());
    assert_eq!(only_mode(&plan), CopyMode::Preserve { pad: 0 });
    let moving = of(&plan, "a").moving().expect("it moves");
    assert_eq!(moving.partitions[0].keeping.transactions, 300);
    assert_eq!(moving.transaction_budget, 100_000);
    assert_eq!(plan.estimate.transactions, 300);
    assert_eq!(
        plan.estimate.transactions_seconds,
        Some(3),
        "four round trips each"
    );

    let plan = planned(
        "copy: { transaction-budget: 299 }",
        &world,
        &mut Rules::default(),
    );
    let over = translated(TranslateReason::TransactionsOverBudget);
    assert_eq!(only_mode(&plan), over);
    assert_eq!(plan.estimate.transactions, 0);

    world.target.kafka_version = "2.8".into();
    let plan = planned("", &world, &mut Rules::default());
    assert_eq!(only_mode(&plan), translated(TranslateReason::Transactional));
}

#[test]
fn markers_that_come_faster_than_they_can_be_written_are_not_kept_free() {
    let every_ms = |ms: i64| {
        let topic = topic(
            "a",
            sampled(|shape| {
                shape.sampled_markers = 100;
                shape.oldest_timestamp_ms = Some(0);
                shape.newest_timestamp_ms = Some(1_000 * ms);
            }),
        );
        let mut world = snapshot(vec![topic]);
        world.target.round_trip_us = Some(30_000);
        only_mode(&planned("", &world, &mut Rules::default()))
    };
    assert_eq!(every_ms(100), translated(TranslateReason::MarkersTooFast));
    assert_eq!(every_ms(1_000), CopyMode::Preserve { pad: 0 });
}

#[test]
fn compacted_topics_keep_their_offsets_only_where_there_is_a_key_for_fillers() {
    let holes = |shape: &mut LogShape| {
        shape.transactional = false;
        shape.gaps = true;
        shape.sampled_missing = 400;
        shape.sampled_holes = 100;
    };
    let compacted = |name: &str, policy: &str| {
        let mut topic = topic(name, sampled(holes));
        topic.configs.insert("cleanup.policy".into(), policy.into());
        topic
    };
    let world = snapshot(vec![
        compacted("a", "compact"),
        compacted("app-windows-changelog", "compact,delete"),
    ]);
    let plan = planned("", &world, &mut Rules::default());
    assert_eq!(only_mode(&plan), translated(TranslateReason::Compacted));

    let filling = "copy: { filler-key: filler, filler-budget: 5000 }";
    let plan = planned(filling, &world, &mut Rules::default());
    assert_eq!(only_mode(&plan), CopyMode::Preserve { pad: 0 });
    let moving = of(&plan, "a").moving().expect("it moves");
    assert_eq!(moving.partitions[0].keeping.fillers, 5_000);
    assert_eq!(moving.filler_key.as_deref(), Some("filler"));
    assert_eq!(moving.copy_configs["min.cleanable.dirty.ratio"], "0.01");
    assert_eq!(
        modes(&plan, "app-windows-changelog"),
        [translated(TranslateReason::WindowStore)]
    );

    let less = "copy: { filler-key: filler, filler-budget: 4999 }";
    let plan = planned(less, &world, &mut Rules::default());
    assert_eq!(
        only_mode(&plan),
        translated(TranslateReason::FillersOverBudget)
    );
    let moving = of(&plan, "a").moving().expect("it moves");
    assert_eq!(moving.filler_key, None);
}
