//! How soon after the source's last record everything is at the target.
//!
//! A peer catches up with a topic of 3,000 partitions. Then a process writes to it for ten seconds
//! and falls quiet. What counts is the time from the acknowledgement of its last record to the
//! moment when the target has everything, and to the moment when Ferry says so.

use anyhow::{Context as _, Result, ensure};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::child::PeerProcess;
use crate::compare::{self, Goal, Goals};
use crate::measure::Watch;
use crate::peer::{self, Peer, QUIET_MS, Said, Task};
use crate::room::Room;
use crate::sections::Wishes;
use crate::table::{Spread, Table, number, publish, tell};
use crate::wire;
use crate::workload::{Compression, Workload};

/// Partitions of the topic.
const PARTITIONS: i32 = 3_000;
/// Batches of the topic, on the wire.
const BATCH_BYTES: usize = 4 << 10;
/// How long catching up, and then draining, may take.
const LIMIT: Duration = Duration::from_secs(600);
/// How long a drain may take beyond the settling time.
const SECONDS_MOST: f64 = 5.0;

/// One run.
#[derive(Debug, Clone, Copy)]
struct Drained {
    /// From the source's last record to everything at the target.
    complete_seconds: f64,
    /// From the source's last record to the end of the process; none for peers that never end.
    said_seconds: Option<f64>,
    /// Processor time from the first of those records to the last at the target.
    cpu_seconds: f64,
    peak_mib: f64,
}

/// Runs every peer in every round.
pub(crate) async fn drain(room: &Room, wishes: &Wishes) -> Result<()> {
    let plan = wishes.plan(&[Peer::Ferry, Peer::MirrorMaker])?;
    let mut workload = Workload::of_batches(Compression::Lz4, PARTITIONS, BATCH_BYTES, 1)?;
    workload.batches_per_partition = 1;
    let mut all: Vec<(Peer, Vec<Drained>)> =
        plan.peers.iter().map(|peer| (*peer, Vec::new())).collect();
    for round in 0..plan.rounds {
        for step in 0..all.len() {
            let place = (round + step) % all.len();
            let peer = all[place].0;
            let drained = run(room, peer, &workload).await;
            wire::delete_all_but(&room.target, &[]).await?;
            wire::delete_all_but(&room.source, &[]).await?;
            let drained = drained.with_context(|| peer.title())?;
            tell(&format!(
                "  round {} {:<28} complete after {} s",
                round + 1,
                peer.title(),
                number(drained.complete_seconds),
            ))?;
            all[place].1.push(drained);
        }
    }
    publish("drain", &tables(&all))
}

fn tables(all: &[(Peer, Vec<Drained>)]) -> [Table; 2] {
    let quiet_seconds = Duration::from_millis(QUIET_MS).as_secs_f64();
    let mut table = Table::new(
        format!("Draining {PARTITIONS} partitions that were written to at 1,000 batches a second"),
        &[
            "peer",
            "s to complete",
            "s until it says so",
            "CPU-s in all",
            "peak MiB",
        ],
    );
    let mut goals = Goals::new();
    for (peer, runs) in all {
        let of = |pick: fn(&Drained) -> f64| Spread::of(runs.iter().map(pick));
        let said: Option<Vec<f64>> = runs.iter().map(|run| run.said_seconds).collect();
        let said = said.map(Spread::of);
        table.rows.push(vec![
            peer.title().to_owned(),
            of(|run| run.complete_seconds).text(),
            said.map_or_else(|| "-".to_owned(), Spread::text),
            of(|run| run.cpu_seconds).text(),
            of(|run| run.peak_mib).text(),
        ]);
        if let Some(said) = said {
            let text = format!(
                "{}: s until it says so, beyond {quiet_seconds} s of settling",
                peer.title()
            );
            goals.add(
                text,
                said.median - quiet_seconds,
                Goal::AtMost(SECONDS_MOST),
            );
        }
    }
    [table, goals.table()]
}

async fn run(room: &Room, peer: Peer, workload: &Workload) -> Result<Drained> {
    compare::fill(room, workload).await?;
    let number = compare::next_run();
    let mut task = Task::new(room, peer, workload, number);
    task.drains = true;
    let copy = wire::create(&room.target, &task.copy, workload.partitions).await?;
    let process = peer::start(&task)?;
    let mut watch = Watch::new(room, &process, &copy, &task);
    until(&mut watch, workload.records()).await?;
    let before = crate::usage::of(process.id()).unwrap_or_default();
    let load = peer::start(&Task::new(room, Peer::Load, workload, number))?;
    while !load.ended() {
        watch.look().await?;
        watch.pause().await;
    }
    let loaded: Said = load.said()?;
    until(&mut watch, workload.records() + loaded.records).await?;
    let complete_seconds = seconds_since_1970()? - loaded.last_at;
    let after = crate::usage::of(process.id()).unwrap_or_default();
    let peak_mib = watch.peak_mib;
    let said_seconds = if peer.never_ends() {
        None
    } else {
        Some(end(process).await? - loaded.last_at)
    };
    Ok(Drained {
        complete_seconds,
        said_seconds,
        cpu_seconds: after.cpu_seconds - before.cpu_seconds,
        peak_mib,
    })
}

/// Waits until the copy has `wanted` records.
async fn until(watch: &mut Watch<'_>, wanted: i64) -> Result<()> {
    let began = Instant::now();
    loop {
        let ends = watch.look().await?;
        if ends >= wanted {
            ensure!(
                ends == wanted,
                "{ends} records are at the target, not {wanted}"
            );
            return Ok(());
        }
        ensure!(
            began.elapsed() < LIMIT,
            "{ends} of {wanted} records are at the target, and time is up"
        );
        watch.pause().await;
    }
}

/// Waits for the end of a process; when it was, in seconds since 1970.
async fn end(process: PeerProcess) -> Result<f64> {
    let began = Instant::now();
    while !process.ended() {
        ensure!(began.elapsed() < LIMIT, "it does not end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ended = seconds_since_1970()?;
    process.said::<Said>()?;
    Ok(ended)
}

fn seconds_since_1970() -> Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64())
}
