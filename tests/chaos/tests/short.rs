//! The long runs in short: a few kills, a few replaced workers.

use ferry_chaos::{Kills, Stops, kills, stops};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_that_are_killed_while_brokers_restart_leave_everything_equal() {
    let options = Kills {
        kills: 4,
        records: 60_000,
        pause_ms: 1_500,
        per_restart: 2,
        bandwidth: "512 KiB/s".into(),
        may_end_early: true,
        seed: 7,
    };
    kills(&options).await.expect("equal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_wakes_up_after_it_was_replaced_does_no_harm() {
    let options = Stops {
        stops: 1,
        records: 40_000,
        bandwidth: "128 KiB/s".into(),
        may_end_early: true,
        seed: 7,
    };
    stops(&options).await.expect("equal");
}
