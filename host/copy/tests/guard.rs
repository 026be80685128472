//! The source is read more slowly while its brokers are in trouble, and as fast as it goes again
//! afterwards: against fake brokers and by their clock.
//!
//! Method: a copy runs freely, the brokers are put into trouble, and what is read in the next seconds
//! is compared with what was read before; then the trouble ends.

mod fake;

use fake::{Filling, Running, World, simulated};
use ferry_copy::controls::Controls;
use ferry_copy::guard::{CanaryCeiling, Cause, FollowersBehind, GuardSettings, Pace};
use ferry_copy::job::{CopyProgress, GuardTurn, OffsetMode};
use ferry_fake_kafka::{Seen, Treatment};
use ferry_model::identity::BrokerId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Kafka's numbers of the requests that are treated (protocol page, API keys).
const FETCH: i16 = 1;
const METADATA: i16 = 3;
const MIB: u64 = 1 << 20;
/// What the wire from each broker carries: how fast it is read while nothing else holds.
const WIRE_BYTES_PER_S: u64 = 4 * MIB;

/// 160 MiB in records of 4 KiB, forty seconds for one broker.
const MUCH: Filling = Filling {
    partitions: 2,
    batches: 320,
    records: 64,
    value_bytes: 4_000,
};

const SETTINGS: GuardSettings = GuardSettings {
    floor_bytes_per_s: MIB / 4,
    ..GuardSettings::USUAL
};

/// A source of so many brokers, the copy of it under way, and the switch of its trouble.
struct Trouble {
    world: World,
    running: Running,
    on: Arc<AtomicBool>,
}

impl Trouble {
    /// Starts a copy of a source whose requests are treated by `treat` while the trouble is on.
    async fn begin(
        brokers: usize,
        settings: GuardSettings,
        mut treat: impl FnMut(Seen) -> Treatment + Send + 'static,
    ) -> Self {
        let mut world = World::new(brokers, 1);
        world.topic("orders", "orders", &OffsetMode::Preserve, MUCH);
        for broker in 1..=brokers as i32 {
            world.source_wires.set_width(broker, WIRE_BYTES_PER_S);
        }
        let on = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&on);
        world.source.set_faults(move |seen| {
            if switch.load(Ordering::Relaxed) {
                treat(seen)
            } else {
                Treatment::default()
            }
        });
        let mut job = world.job().await;
        job.settings.controls = Controls {
            guard: settings,
            ..Controls::default()
        }
        .unchanging();
        let running = Running::start(job);
        Self { world, running, on }
    }

    fn set(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// How fast the source is copied in the next `seconds`, in bytes a second.
    async fn bytes_per_s(&self, seconds: u64) -> u64 {
        let before = self.running.progress().bytes;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        (self.running.progress().bytes - before) / seconds
    }

    /// Waits until a broker is read freely again after it was held back.
    async fn until_free(&mut self) -> Duration {
        let since = Instant::now();
        let free = |progress: &CopyProgress| {
            let last = progress.guard.turns.last();
            last.is_some_and(|turn| turn.turn.to == Pace::Free)
        };
        self.running.until("the full pace", free).await;
        since.elapsed()
    }

    fn turns(&self) -> Vec<GuardTurn> {
        self.running.progress().guard.turns
    }
}

#[test]
fn a_broker_that_answers_slowly_is_read_more_slowly_until_it_answers_as_before() {
    simulated(async {
        let slow = |seen: Seen| Treatment {
            before: match seen.api_key {
                METADATA => Duration::from_millis(400),
                _ => Duration::ZERO,
            },
            ..Treatment::default()
        };
        let mut trouble = Trouble::begin(1, SETTINGS, slow).await;
        let free = trouble.bytes_per_s(8).await;
        assert!(free > 5 * MIB / 2, "{free} bytes a second");
        assert_eq!(trouble.turns(), [], "nothing is wrong");

        trouble.set(true);
        let slowed = |progress: &CopyProgress| progress.guard.slowed >= 2;
        trouble.running.until("the second cut", slowed).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let held = trouble.bytes_per_s(2).await;
        assert!(held < free / 3, "{held} instead of {free} bytes a second");
        let first = trouble.turns()[0];
        let Cause::Slow { latency, ceiling } = first.turn.cause else {
            panic!("{first:?}");
        };
        assert_eq!(first.broker, BrokerId(1));
        assert!(latency >= Duration::from_millis(400) && ceiling < latency);

        trouble.set(false);
        trouble.until_free().await;
        let again = trouble.bytes_per_s(3).await;
        assert!(again > 5 * MIB / 2, "{again} bytes a second");
        let report = trouble.running.end().await.expect("runs");
        trouble.world.assert_copied();
        assert!(report.progress.guard.held > Duration::from_secs(10));
    });
}

#[test]
fn a_broker_that_throttles_is_read_a_little_more_slowly_than_it_allows() {
    simulated(async {
        let throttled = |seen: Seen| Treatment {
            throttle: match seen.api_key {
                FETCH => Duration::from_secs(2),
                _ => Duration::ZERO,
            },
            ..Treatment::default()
        };
        let mut trouble = Trouble::begin(1, SETTINGS, throttled).await;
        trouble.bytes_per_s(8).await;
        trouble.set(true);
        let slowed = |progress: &CopyProgress| progress.guard.slowed >= 1;
        trouble.running.until("a cut", slowed).await;
        let cause = trouble.turns()[0].turn.cause;
        assert!(
            matches!(cause, Cause::Throttled { percent, most: 50 } if percent > 50 && percent <= 100),
            "{cause:?}"
        );
        trouble.set(false);
        trouble.until_free().await;
        trouble.running.end().await.expect("runs");
        trouble.world.assert_copied();
    });
}

#[test]
fn a_leader_whose_followers_fall_behind_is_left_alone_and_the_others_are_not() {
    simulated(async {
        let settings = GuardSettings {
            followers: FollowersBehind::Pause,
            ..SETTINGS
        };
        let mut trouble = Trouble::begin(2, settings, |_| Treatment::default()).await;
        trouble.bytes_per_s(3).await;
        // Broker 1 leads the first partition, broker 2 follows there.
        let behind = trouble.world.source.fall_behind("orders", 0, 2);
        behind.expect("is there");
        let stopped = |progress: &CopyProgress| progress.guard.stopped == 1;
        trouble.running.until("the pause", stopped).await;
        let turn = trouble.turns()[0];
        assert_eq!((turn.broker, turn.turn.to), (BrokerId(1), Pace::Stopped));
        assert_eq!(turn.turn.cause, Cause::FollowersBehind { partitions: 1 });
        // What was fetched before is still on its way.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let copied = |world: &World, index| world.target.ends("orders", index).expect("is there");
        let before = [0, 1].map(|index| copied(&trouble.world, index).high_watermark);
        tokio::time::sleep(Duration::from_secs(30)).await;
        let after = [0, 1].map(|index| copied(&trouble.world, index).high_watermark);
        assert_eq!(after[0], before[0], "not read at all");
        assert!(after[1] > before[1], "read on: {before:?}, {after:?}");

        trouble.world.source.catch_up();
        trouble.until_free().await;
        trouble.running.end().await.expect("runs");
        trouble.world.assert_copied();
    });
}

#[test]
fn what_was_so_before_the_copy_is_no_reason_to_read_more_slowly() {
    simulated(async {
        let slow = |seen: Seen| Treatment {
            before: match seen.api_key {
                METADATA => Duration::from_millis(60),
                _ => Duration::ZERO,
            },
            ..Treatment::default()
        };
        for (canary, slowed) in [
            (CanaryCeiling::Times(3), false),
            (CanaryCeiling::Within(Duration::from_millis(50)), true),
        ] {
            let settings = GuardSettings { canary, ..SETTINGS };
            let mut world = World::new(2, 1);
            world.topic("orders", "orders", &OffsetMode::Preserve, MUCH);
            world.source_wires.set_width(1, WIRE_BYTES_PER_S);
            world.source_wires.set_width(2, WIRE_BYTES_PER_S);
            world.source.fall_behind("orders", 0, 2).expect("is there");
            world.source.set_faults(slow);
            let mut job = world.job().await;
            job.settings.controls = Controls {
                guard: settings,
                ..Controls::default()
            }
            .unchanging();
            let report = Running::start(job).end().await.expect("runs");
            let guard = report.progress.guard;
            assert_eq!(guard.slowed > 0, slowed, "{canary:?}: {guard:?}");
        }
    });
}
