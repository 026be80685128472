//! Nobody waits for longer than it takes to serve each of the others once: neither for a fetch, nor
//! for memory, nor for a produce request, nor for a transaction. How long small partitions take beside
//! large ones is compared with how long they take alone, by the clock of the fake brokers.

mod fake;

use fake::{Filling, Running, World, simulated};
use ferry_copy::controls::{Controls, DailyLimit, Limit};
use ferry_copy::job::{CopyJob, OffsetMode};
use std::collections::BTreeMap;
use std::time::Duration;

/// What one wire carries a second.
const WIDTH: u64 = 8 << 20;
/// Large: 6 MiB each, in batches of half a MiB.
const LARGE: Filling = Filling {
    partitions: 20,
    batches: 12,
    records: 512,
    value_bytes: 1_000,
};
/// Small: one batch of 4 KiB each.
const SMALL: Filling = Filling {
    partitions: 500,
    batches: 1,
    records: 4,
    value_bytes: 1_000,
};
/// As long as a wire takes to carry one MiB of every large partition.
const ROUND: Duration = Duration::from_millis(20 * 1_000 / 8);

fn translated() -> OffsetMode {
    OffsetMode::Translate("to try it".to_owned())
}

/// How long the partitions of group `small` take, beside those of group `large` or without them.
fn small_takes(
    large: Option<Filling>,
    mode: &OffsetMode,
    prepare: impl Fn(&World),
    change: impl Fn(&mut CopyJob),
) -> Duration {
    simulated(async {
        let mut world = World::new(1, 2);
        if let Some(large) = large {
            // Named, and therefore numbered, before the small ones.
            world.topic("a-large", "large", mode, large);
        }
        world.topic("small", "small", mode, SMALL);
        prepare(&world);
        let mut job = world.job().await;
        change(&mut job);
        let mut running = Running::start(job);
        let took = running.until_done("small").await;
        running.end().await.expect("runs");
        world.assert_copied();
        took
    })
}

#[test]
fn small_partitions_wait_for_one_turn_of_each_large_one_to_be_fetched() {
    let narrow = |world: &World| world.source_wires.set_width(1, WIDTH);
    let alone = small_takes(None, &OffsetMode::Preserve, narrow, |_| {});
    assert!(alone < Duration::from_secs(1), "{alone:?} alone");
    let beside = small_takes(Some(LARGE), &OffsetMode::Preserve, narrow, |_| {});
    assert!(beside < alone + 2 * ROUND, "{beside:?}, {alone:?} alone");
    // One that is as large as all of these together has no more turns than one of them.
    let one = Filling {
        partitions: 1,
        batches: 240,
        ..LARGE
    };
    let beside = small_takes(Some(one), &OffsetMode::Preserve, narrow, |_| {});
    assert!(beside < alone + ROUND, "{beside:?}, {alone:?} alone");
}

#[test]
fn records_for_a_slow_broker_leave_memory_to_those_for_others() {
    let uneven = |world: &World| {
        world.source_wires.set_width(1, WIDTH);
        world.target_wires.set_width(1, 128 << 10);
        for index in 0..LARGE.partitions as i32 {
            // Led by the slow one, as far as there are any.
            let _ = world.target.lead("a-large", index, 1);
        }
        for index in 0..SMALL.partitions as i32 {
            world.target.lead("small", index, 2).expect("is there");
        }
    };
    let little = |job: &mut CopyJob| job.settings.memory_bytes = 8 << 20;
    let alone = small_takes(None, &OffsetMode::Preserve, uneven, little);
    let beside = small_takes(Some(LARGE), &OffsetMode::Preserve, uneven, little);
    assert!(beside < alone + 2 * ROUND, "{beside:?}, {alone:?} alone");
}

#[test]
fn every_partition_has_a_place_in_produce_requests_before_one_has_its_second() {
    simulated(async {
        let mut world = World::new(1, 1);
        let many = Filling {
            partitions: 60,
            batches: 4,
            ..LARGE
        };
        world.topic("orders", "orders", &OffsetMode::Preserve, many);
        world.target_wires.set_width(1, WIDTH);
        let mut running = Running::start(world.job().await);
        let all = (many.partitions * many.batches * many.records) as i64;
        running
            .until("a half", |progress| progress.records >= all / 2)
            .await;
        let end = |index| {
            let ends = world.target.ends("orders", index).expect("is there");
            ends.high_watermark / many.records as i64
        };
        let ends: Vec<i64> = (0..many.partitions as i32).map(end).collect();
        assert!(ends.iter().all(|batches| *batches >= 1), "{ends:?}");
        running.end().await.expect("runs");
        world.assert_copied();
    });
}

#[test]
fn small_partitions_have_a_place_in_transactions_beside_large_ones() {
    let narrow = |world: &World| {
        world.source_wires.set_width(1, 4 * WIDTH);
        world.target_wires.set_width(1, WIDTH);
        world.target_wires.set_width(2, WIDTH);
    };
    let alone = small_takes(None, &translated(), narrow, |_| {});
    let beside = small_takes(Some(LARGE), &translated(), narrow, |_| {});
    assert!(beside < alone + 2 * ROUND, "{beside:?}, {alone:?} alone");
}

#[test]
fn a_group_at_its_limit_holds_up_no_other() {
    let narrow = |world: &World| world.source_wires.set_width(1, WIDTH);
    let limited = |job: &mut CopyJob| {
        let limit = DailyLimit {
            usual: Limit {
                bytes_per_s: Some(1 << 20),
                records_per_s: None,
            },
            ..DailyLimit::default()
        };
        let controls = Controls {
            groups: BTreeMap::from([("large".to_owned(), limit)]),
            ..Controls::default()
        };
        job.settings.controls = controls.unchanging();
    };
    let alone = small_takes(None, &OffsetMode::Preserve, narrow, limited);
    let beside = small_takes(Some(LARGE), &OffsetMode::Preserve, narrow, limited);
    assert!(
        beside < alone + Duration::from_secs(1),
        "{beside:?}, {alone:?} alone"
    );
}

#[test]
fn brokers_take_turns_where_memory_leaves_room_for_one() {
    simulated(async {
        let mut world = World::new(4, 1);
        let each = Filling {
            partitions: 4,
            batches: 16,
            ..LARGE
        };
        world.topic("orders", "orders", &OffsetMode::Preserve, each);
        world.target_wires.set_width(1, WIDTH);
        let mut job = world.job().await;
        job.settings.memory_bytes = 1 << 20;
        let mut running = Running::start(job);
        let all = (each.partitions * each.batches * each.records) as i64;
        running
            .until("a half", |progress| progress.records >= all / 2)
            .await;
        let end = |index| {
            let ends = world.target.ends("orders", index);
            ends.expect("is there").high_watermark
        };
        let ends: Vec<i64> = (0..4).map(end).collect();
        let (least, most) = (ends.iter().min(), ends.iter().max());
        let (Some(least), Some(most)) = (least, most) else {
            panic!("there are four");
        };
        assert!(most - least <= 3 * 512, "{ends:?}");
        running.end().await.expect("runs");
        world.assert_copied();
    });
}
