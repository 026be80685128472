//! The thread that ends guests lives as long as its host, and no longer. A process of its own, so that
//! no other test's hosts are counted.

mod support;

use std::time::{Duration, Instant};
use support::{Guest, host, start, tight, topics};

/// Threads of this process with the ticker's name, which Linux cuts to 15 characters.
fn tickers() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.trim_end() == "ferry-plugin-ti")
        .count()
}

#[test]
fn the_thread_ends_with_the_last_job_of_its_host() {
    assert_eq!(tickers(), 0);
    let host = host(tight());
    let waited = Instant::now();
    while tickers() != 1 {
        assert!(waited.elapsed() < Duration::from_secs(10), "no thread");
    }
    let plugin = host.load(&Guest::default().plugin()).expect("loads");
    let mut job = start(&plugin).expect("starts");
    drop((host, plugin));
    assert_eq!(job.decide(&topics(1)).expect("answers").len(), 1);
    assert_eq!(tickers(), 1, "a job still needs it");
    drop(job);
    assert_eq!(tickers(), 0);
}
