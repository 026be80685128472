//! Which replica the source is read from, and how remote storage is.

mod fake;

use fake::{Filling, Running, World, simulated};
use ferry_copy::job::{CopyJob, CopyProgress, OffsetMode};
use ferry_fake_kafka::Counts;

const FILLING: Filling = Filling {
    partitions: 12,
    batches: 40,
    records: 64,
    value_bytes: 1_000,
};

/// Copies a topic of three brokers with `change`, disturbed by `disturb` while it runs; what the
/// source's brokers counted.
fn copied(
    partitions: usize,
    change: impl FnOnce(&World, &mut CopyJob),
    disturb: impl AsyncFnOnce(&World, &mut Running),
) -> Counts {
    simulated(async {
        let mut world = World::new(3, 1);
        let filling = Filling {
            partitions,
            ..FILLING
        };
        world.topic("orders", "orders", &OffsetMode::Preserve, filling);
        let mut job = world.job().await;
        change(&world, &mut job);
        let mut running = Running::start(job);
        disturb(&world, &mut running).await;
        running.end().await.expect("runs");
        world.assert_copied();
        world.source.counts()
    })
}

async fn undisturbed(_: &World, _: &mut Running) {}

#[test]
fn without_a_rack_leaders_are_read() {
    let counts = copied(12, |_, _| (), undisturbed);
    assert_eq!(counts.bytes_from_followers, 0);
    assert!(counts.bytes_from_leaders > 0);
}

#[test]
fn with_a_rack_every_partition_is_read_from_its_replica_there() {
    let all = copied(12, |_, _| (), undisturbed).bytes_from_leaders;
    let counts = copied(
        12,
        |_, job| job.settings.rack = Some("rack-3".into()),
        undisturbed,
    );
    // A third of the partitions is led by the broker of the rack itself. Answers may end in the
    // middle of a batch, which comes again then.
    assert!(counts.bytes_from_followers >= all * 2 / 3, "{counts:?}");
    assert!(counts.bytes_from_leaders <= all * 35 / 100, "{counts:?}");
    let counts = copied(
        12,
        |_, job| job.settings.rack = Some("elsewhere".into()),
        undisturbed,
    );
    assert_eq!(counts.bytes_from_followers, 0, "there is no such replica");
}

#[test]
fn a_follower_that_fails_is_not_waited_for() {
    let counts = copied(
        12,
        |world, job| {
            job.settings.rack = Some("rack-3".into());
            world.source_wires.set_width(3, 1 << 20);
        },
        async |world, running| {
            let some = |progress: &CopyProgress| progress.records > 100;
            running.until("some records", some).await;
            world.source.stop(3);
        },
    );
    assert!(counts.bytes_from_followers > 0, "{counts:?}");
    assert!(
        counts.bytes_from_leaders > counts.bytes_from_followers,
        "{counts:?}"
    );
}

#[test]
fn what_is_in_remote_storage_is_fetched_alone_and_holds_up_nobody() {
    let counts = copied(
        12,
        |world, job| {
            for partition in &mut job.partitions {
                partition.tiered = true;
            }
            // The first half of every other partition.
            for index in (0..12).step_by(2) {
                world.source.set_remote_until("orders", index, 20 * 64);
            }
        },
        undisturbed,
    );
    assert!(counts.remote_fetches > 0, "{counts:?}");
    assert_eq!(counts.beside_remote, 0, "{counts:?}");
}

#[test]
fn a_partition_that_is_not_said_to_be_tiered_is_fetched_with_the_others() {
    let counts = copied(
        12,
        |world, _| world.source.set_remote_until("orders", 0, 20 * 64),
        undisturbed,
    );
    assert!(counts.beside_remote > 0, "{counts:?}");
}
