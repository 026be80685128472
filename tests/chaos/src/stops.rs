//! A worker is stopped, replaced, and woken up.

use crate::hosts::Host;
use crate::kills::finish;
use crate::room::Room;
use crate::say;
use anyhow::{Result, ensure};
use clap::Args;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// How long it may take until one of two workers gives way: who finds the slot held tries to take it
/// for two minutes.
const NOTICE_LIMIT: Duration = Duration::from_secs(300);

/// How often, and how much is copied meanwhile.
#[derive(Debug, Clone, Args)]
pub struct Stops {
    /// How often a worker is stopped and replaced.
    #[arg(long, default_value_t = 30)]
    pub stops: u32,
    /// Records at the source.
    #[arg(long, default_value_t = 5_000_000)]
    pub records: u64,
    /// Bytes a second that each worker copies, as in `migration.yaml`.
    #[arg(long, default_value = "256 KiB/s")]
    pub bandwidth: String,
    /// Do not mind if the copy is over before the last fault.
    #[arg(long)]
    pub may_end_early: bool,
    /// What the moments follow from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Worker 2 is stopped with SIGSTOP while it copies, a worker of another host takes its place, and
/// then the first one is woken up with SIGCONT: it may write nothing any more, or what it wrote must be
/// found. In the end everything is equal.
///
/// # Errors
/// What is not as it should be.
pub async fn stops(options: &Stops) -> Result<()> {
    let slow = [
        "workers: 2".to_owned(),
        "lease-seconds: 2".to_owned(),
        format!("bandwidth: {}", options.bandwidth),
    ];
    let room = Room::set("chaos-stops", options.records, &slow).await?;
    let mut first = Host::new(&room, "host-1", "1/2")?;
    let mut at_work = Host::new(&room, "host-2", "2/2")?;
    let mut replacement = Host::new(&room, "host-3", "2/2")?;
    first.start()?;
    at_work.start()?;
    let mut random = fastrand::Rng::with_seed(options.seed);
    let (mut before_taking, mut after_taking, mut lag) = (0, 0, 0);
    for number in 1..=options.stops {
        tokio::time::sleep(Duration::from_millis(random.u64(1_500..4_000))).await;
        at_work.signal(Signal::STOP)?;
        replacement.start()?;
        // It wakes up before or after its lease has run out and been taken over.
        let asleep = Duration::from_millis(random.u64(500..14_000));
        tokio::time::sleep(asleep).await;
        at_work.signal(Signal::CONT)?;
        match asleep > Duration::from_secs(7) {
            true => after_taking += 1,
            false => before_taking += 1,
        }
        // One of the two goes on, the other one says why it does not.
        let began = Instant::now();
        loop {
            if at_work.ended()?.is_some() {
                std::mem::swap(&mut at_work, &mut replacement);
                break;
            }
            if replacement.ended()?.is_some() {
                break;
            }
            ensure!(
                began.elapsed() < NOTICE_LIMIT,
                "stop {number}: two workers in one slot, and neither gives way"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        replacement.kill().await?;
        if number % 5 == 0 || number == options.stops {
            lag = room.lag().await?;
            say(&format!("{number} times stopped and replaced, lag {lag}"));
        }
    }
    ensure!(
        lag > 0 || options.may_end_early,
        "the copy was over before the last stop: write more, or copy slower"
    );
    say(&format!(
        "woken up {before_taking} times while its lease could still last, {after_taking} times \
         after it was taken over"
    ));
    finish(&room, &mut [first, at_work]).await
}
