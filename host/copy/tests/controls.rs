//! Limits and pauses that change while a copy runs, against fake brokers and by their clock.

mod fake;

use fake::{Filling, NOW_MS, Running, World, simulated};
use ferry_copy::controls::{Change, Controls, DailyLimit, DayPart, Limit, LimitChange};
use ferry_copy::job::{OffsetMode, Until};
use ferry_copy::worker::CopyError;
use ferry_model::identity::BrokerId;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// 8 MiB in records of 1 KiB.
const EIGHT_MIB: Filling = Filling {
    partitions: 4,
    batches: 32,
    records: 64,
    value_bytes: 1_000,
};

fn bytes_per_s(bytes: u64) -> Limit {
    Limit {
        bytes_per_s: Some(bytes),
        records_per_s: None,
    }
}

fn all(usual: Limit) -> Controls {
    Controls {
        all: DailyLimit {
            usual,
            ..DailyLimit::default()
        },
        ..Controls::default()
    }
}

/// How long a copy of `filling` takes under `controls`, in virtual seconds.
fn seconds(brokers: usize, filling: Filling, controls: &Controls) -> f64 {
    simulated(async {
        let mut world = World::new(brokers, 1);
        world.topic("orders", "orders", &OffsetMode::Preserve, filling);
        let mut job = world.job().await;
        job.settings.controls = controls.clone().unchanging();
        let report = Running::start(job).end().await.expect("runs");
        world.assert_copied();
        report.progress.elapsed.as_secs_f64()
    })
}

#[test]
fn a_copy_takes_as_long_as_its_limits_say() {
    let free = seconds(1, EIGHT_MIB, &Controls::default());
    assert!(free < 0.5, "{free} s without a limit");
    for (what, controls, least, most) in [
        ("bytes", all(bytes_per_s(1 << 20)), 7.0, 9.0),
        (
            "records",
            all(Limit {
                bytes_per_s: None,
                records_per_s: Some(1_024),
            }),
            7.0,
            9.0,
        ),
        (
            "of the group",
            Controls {
                groups: BTreeMap::from([("orders".to_owned(), all(bytes_per_s(2 << 20)).all)]),
                ..Controls::default()
            },
            3.2,
            4.6,
        ),
        (
            "of each broker",
            Controls {
                each_broker: bytes_per_s(2 << 20),
                ..Controls::default()
            },
            3.2,
            4.6,
        ),
    ] {
        let took = seconds(1, EIGHT_MIB, &controls);
        assert!((least..most).contains(&took), "{what}: {took} s");
    }
    // Four brokers side by side; the one with half of the others' limit is the last.
    let uneven = Controls {
        each_broker: bytes_per_s(2 << 20),
        brokers: BTreeMap::from([(
            BrokerId(3),
            LimitChange {
                bytes_per_s: Change::To(1 << 20),
                ..LimitChange::default()
            },
        )]),
        ..Controls::default()
    };
    let took = seconds(4, EIGHT_MIB, &uneven);
    assert!((1.1..2.1).contains(&took), "uneven brokers: {took} s");
}

#[test]
fn a_limit_holds_for_its_hours_by_the_clock_of_the_time_zone() {
    // Two seconds before four o'clock, two hours east of UTC.
    let from_min = 4 * 60;
    let hours = Controls {
        utc_offset_min: 120,
        all: DailyLimit {
            usual: bytes_per_s(512 << 10),
            hours: vec![(
                DayPart {
                    from_min,
                    to_min: from_min + 60,
                },
                LimitChange {
                    bytes_per_s: Change::Lifted,
                    ..LimitChange::default()
                },
            )],
        },
        ..Controls::default()
    };
    simulated(async {
        let before_ms = 2 * 3_600_000 - 2_000;
        ferry_kafka::task::simulate(Some(NOW_MS + before_ms));
        let mut world = World::new(1, 1);
        world.topic("orders", "orders", &OffsetMode::Preserve, EIGHT_MIB);
        let mut job = world.job().await;
        job.settings.controls = hours.unchanging();
        let report = Running::start(job).end().await.expect("runs");
        let took = report.progress.elapsed;
        assert!(
            (Duration::from_millis(1_900)..Duration::from_millis(2_500)).contains(&took),
            "{took:?}: limited until the hour, and then no more"
        );
    });
}

#[test]
fn a_limit_that_changes_while_the_copy_runs_is_followed_at_once() {
    simulated(async {
        let mut world = World::new(1, 1);
        world.topic("orders", "orders", &OffsetMode::Preserve, EIGHT_MIB);
        let (controls, followed) = watch::channel(all(bytes_per_s(256 << 10)));
        let mut job = world.job().await;
        job.settings.controls = followed;
        let mut running = Running::start(job);
        running
            .until("one MiB", |progress| progress.bytes >= 1 << 20)
            .await;
        let slow = running.progress().elapsed;
        assert!(slow > Duration::from_secs(2), "{slow:?}");
        controls.send_replace(Controls::default());
        let changed = Instant::now();
        running.end().await.expect("runs");
        assert!(changed.elapsed() < Duration::from_secs(1));
        world.assert_copied();
    });
}

#[test]
fn a_paused_group_is_not_fetched_until_it_goes_on_and_the_others_are() {
    simulated(async {
        let mut world = World::new(1, 1);
        world.topic("orders", "orders", &OffsetMode::Preserve, EIGHT_MIB);
        let translated = OffsetMode::Translate("to try it".to_owned());
        world.topic("prices", "prices", &translated, EIGHT_MIB);
        let (controls, followed) = watch::channel(Controls::default());
        controls.send_modify(|controls| {
            controls.pauses.groups.insert("orders".to_owned());
        });
        let mut job = world.job().await;
        job.settings.controls = followed;
        let mut running = Running::start(job);
        running.until_done("prices").await;
        let orders = running.group("orders");
        assert!(orders.paused, "{orders:?}");
        assert_eq!((orders.records, orders.lag), (0, 4 * 32 * 64));
        assert!(!running.group("prices").paused);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(running.group("orders").records, 0);

        controls.send_modify(|controls| controls.pauses.groups.clear());
        let report = running.end().await.expect("runs");
        assert_eq!(report.progress.groups[0].records, 4 * 32 * 64);
        assert_eq!(report.progress.groups[1].records, 4 * 32 * 64);
        world.assert_copied();
    });
}

#[test]
fn what_a_group_had_queued_when_it_was_paused_is_still_sent() {
    simulated(async {
        let mut world = World::new(1, 1);
        world.topic("orders", "orders", &OffsetMode::Preserve, EIGHT_MIB);
        world.target_wires.set_width(1, 256 << 10);
        let (controls, followed) = watch::channel(Controls::default());
        let mut job = world.job().await;
        job.settings.controls = followed;
        job.settings.memory_bytes = 2 << 20;
        let mut running = Running::start(job);
        running
            .until("the first bytes", |progress| progress.bytes > 0)
            .await;
        controls.send_modify(|controls| controls.pauses.all = true);
        tokio::time::sleep(Duration::from_secs(120)).await;
        let sent = running.group("orders").records;
        assert!((1_000..7_000).contains(&sent), "{sent} records");
        running.stop();
        let report = running.end().await.expect("runs");
        assert!(report.cancelled && report.outcomes.iter().all(|outcome| outcome.paused));
        let copied: i64 = report.outcomes.iter().map(|o| o.copied_to).sum();
        assert_eq!(copied, sent, "all that had been fetched, and nothing more");
    });
}

#[test]
fn a_drain_says_at_once_that_a_group_with_something_left_is_paused() {
    simulated(async {
        let mut world = World::new(1, 1);
        world.topic("orders", "orders", &OffsetMode::Preserve, EIGHT_MIB);
        world.topic("prices", "prices", &OffsetMode::Preserve, EIGHT_MIB);
        let (controls, followed) = watch::channel(Controls::default());
        controls.send_modify(|controls| {
            controls.pauses.groups.insert("orders".to_owned());
        });
        let until = Until::Drained {
            quiet: Duration::from_secs(2),
            limit: Duration::from_secs(600),
        };
        let mut job = world.job().await;
        job.settings.controls = followed.clone();
        job.until = until;
        let began = Instant::now();
        let error = Running::start(job).end().await.expect_err("can't drain");
        let CopyError::Paused { groups } = &error else {
            panic!("{error}");
        };
        assert_eq!(groups, &[("orders".to_owned(), 4 * 32 * 64)]);
        assert!(began.elapsed() < Duration::from_secs(2));

        // A paused group of which nothing is left is in nobody's way.
        controls.send_modify(|controls| controls.pauses.groups.clear());
        let mut job = world.job().await;
        job.settings.controls = followed.clone();
        Running::start(job).end().await.expect("copies");
        controls.send_modify(|controls| {
            controls.pauses.groups.insert("orders".to_owned());
        });
        let mut job = world.job().await;
        job.settings.controls = followed;
        job.until = until;
        Running::start(job).end().await.expect("drains");
    });
}
