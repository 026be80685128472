//! One run of one peer, measured from outside: the same way for everybody.
//!
//! The target is asked for its ends, and the kernel for what the process has used, again and again.
//! Time is counted from the last moment when nothing was at the target to the first when everything
//! was.

use anyhow::{Context as _, Result, bail, ensure};
use ferry_model::name::{TopicName, TopicPartition};
use std::time::{Duration, Instant};

use crate::child::PeerProcess;
use crate::looks::{self, Look};
use crate::peer::{self, Peer, Said, Task};
use crate::room::Room;
use crate::usage::{self, Usage};
use crate::wire;

/// How long one run may take.
const LIMIT: Duration = Duration::from_secs(1_800);
/// How long nothing may change before a run is given up.
const STALL_LIMIT: Duration = Duration::from_secs(180);
/// How long the ends must stand still where they do not say whether everything is there.
const STILL: Duration = Duration::from_secs(3);
/// How often the target is asked, with few partitions and with many.
const ASK_EVERY: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(100)];
/// From so many partitions on there are many.
const MANY_PARTITIONS: i32 = 500;

/// What one run took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    /// From nothing at the target to everything, in seconds.
    pub(crate) seconds: f64,
    /// From the start of the process to everything, in seconds.
    pub(crate) seconds_in_all: f64,
    /// Processor time of the process, from its start; to the last record for peers that never end.
    pub(crate) cpu_seconds: f64,
    /// The part of it that was used before the first record was at the target.
    pub(crate) cpu_before_seconds: f64,
    pub(crate) peak_mib: f64,
    /// Minor page faults a GB of payload, in the middle half of the copy; none where it was too
    /// short to tell.
    pub(crate) steady_faults_per_gb: Option<f64>,
    /// Processor time of the source's broker and of the target's.
    pub(crate) brokers_cpu_seconds: [f64; 2],
}

/// Runs `task` and checks that the copy is complete. The topics that it leaves are deleted.
pub(crate) async fn run(room: &Room, task: &Task) -> Result<Measured> {
    let title = task.peer.title();
    let measured = run_once(room, task).await;
    wire::delete_all_but(&room.target, &[]).await?;
    wire::delete_all_but(&room.source, &[task.workload.topic.as_str()]).await?;
    write_back(room);
    measured.with_context(|| format!("{title}, {}", task.workload.title))
}

/// Has the system write to disk what waits for it there, so that no run pays for another one.
fn write_back(room: &Room) {
    let _ = std::process::Command::new("sync")
        .arg("--file-system")
        .arg(room.data())
        .status();
}

async fn run_once(room: &Room, task: &Task) -> Result<Measured> {
    if !task.peer.writes() {
        return run_reader(room, task).await;
    }
    let copy = wire::create(&room.target, &task.copy, task.workload.partitions).await?;
    let brokers_before = room.brokers_cpu_seconds();
    let began = Instant::now();
    let process = peer::start(task)?;
    let mut watch = Watch::new(room, &process, &copy, task);
    watch.until_complete(task).await?;
    let brokers_cpu_seconds = since(room, brokers_before);
    let mut measured = looks::figures(&watch.looks, began, task).context("nobody has looked")?;
    measured.brokers_cpu_seconds = brokers_cpu_seconds;
    measured.peak_mib = watch.peak_mib;
    if task.peer.never_ends() {
        drop(process);
    } else {
        let said: Said = process.said()?;
        measured.peak_mib = measured.peak_mib.max(said.peak_mib);
    }
    complete(room, task, &copy).await?;
    Ok(measured)
}

/// What the brokers have used since they had used `before`.
fn since(room: &Room, before: [f64; 2]) -> [f64; 2] {
    let after = room.brokers_cpu_seconds();
    [after[0] - before[0], after[1] - before[1]]
}

/// Whether every record is at the target, once.
async fn complete(room: &Room, task: &Task, copy: &TopicName) -> Result<()> {
    let wanted = task.workload.records();
    let partitions = task.workload.partitions;
    let found = if task.peer.writes_markers() {
        wire::read_all(&room.target, copy, partitions)
            .await?
            .records
    } else {
        let ends = wire::ends(&room.target, &wire::places(copy, partitions)).await?;
        ends.iter().sum()
    };
    ensure!(
        found == wanted,
        "{found} records are at the target, not {wanted}"
    );
    Ok(())
}

/// A peer that writes nowhere measures its own time.
async fn run_reader(room: &Room, task: &Task) -> Result<Measured> {
    let brokers_before = room.brokers_cpu_seconds();
    let began = Instant::now();
    let process = peer::start(task)?;
    while !process.ended() {
        ensure!(began.elapsed() < LIMIT, "it does not end");
        tokio::time::sleep(ASK_EVERY[0]).await;
    }
    let seconds_in_all = began.elapsed().as_secs_f64();
    let usage = usage::of(process.id()).unwrap_or_default();
    let said: Said = process.said()?;
    let wanted = task.workload.records();
    ensure!(
        said.records == wanted,
        "{} records were read, not {wanted}",
        said.records
    );
    Ok(Measured {
        seconds: said.seconds,
        seconds_in_all,
        cpu_seconds: usage.cpu_seconds,
        peak_mib: said.peak_mib,
        brokers_cpu_seconds: since(room, brokers_before),
        ..Measured::default()
    })
}

/// The looks at a run so far.
pub(crate) struct Watch<'a> {
    room: &'a Room,
    process: &'a PeerProcess,
    places: Vec<TopicPartition>,
    every: Duration,
    looks: Vec<Look>,
    pub(crate) peak_mib: f64,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(
        room: &'a Room,
        process: &'a PeerProcess,
        copy: &TopicName,
        task: &Task,
    ) -> Self {
        let partitions = task.workload.partitions;
        Self {
            room,
            process,
            places: wire::places(copy, partitions),
            every: ASK_EVERY[usize::from(partitions >= MANY_PARTITIONS)],
            looks: Vec::new(),
            peak_mib: 0.0,
        }
    }

    /// Looks once; the sum of the ends.
    pub(crate) async fn look(&mut self) -> Result<i64> {
        let ended = self.process.ended();
        let ends = wire::ends(&self.room.target, &self.places).await?;
        let usage = usage::of(self.process.id()).unwrap_or_default();
        if let Some(peak_mib) = usage::peak_mib(self.process.id()) {
            self.peak_mib = self.peak_mib.max(peak_mib);
        }
        let look = Look {
            at: Instant::now(),
            ends: ends.iter().sum(),
            // Whether it had ended before the ends were asked for: then they are the last.
            usage: Usage { ended, ..usage },
        };
        self.looks.push(look);
        Ok(look.ends)
    }

    /// Waits as long as is right between two looks.
    pub(crate) async fn pause(&self) {
        tokio::time::sleep(self.every).await;
    }

    /// Looks until the copy is complete, and the process of a peer that ends has ended.
    async fn until_complete(&mut self, task: &Task) -> Result<()> {
        let began = Instant::now();
        let wanted = task.workload.records();
        let mut changed = (Instant::now(), -1);
        loop {
            let ends = self.look().await?;
            if ends != changed.1 {
                changed = (Instant::now(), ends);
            }
            let ended = self.looks.last().is_some_and(|look| look.usage.ended);
            let still = changed.0.elapsed();
            if task.peer.never_ends() {
                let all = if task.peer.writes_markers() {
                    ends >= wanted && still >= STILL
                } else {
                    ends >= wanted
                };
                if all {
                    return Ok(());
                }
            }
            if ended {
                if task.peer.never_ends() {
                    bail!("it ended by itself:\n{}", self.process.log_end());
                }
                return Ok(());
            }
            if began.elapsed() > LIMIT || still > STALL_LIMIT {
                let log = self.process.log_end();
                bail!("{ends} of {wanted} records are there, and nothing happens:\n{log}");
            }
            self.pause().await;
        }
    }
}

/// What of a peer's processor time is counted for a GB: everything, but for MirrorMaker 2 only what
/// it used once its first record was at the target. Its virtual machine's start is shown apart.
pub(crate) fn counted_cpu_seconds(peer: Peer, measured: &Measured) -> f64 {
    if peer.never_ends() {
        measured.cpu_seconds - measured.cpu_before_seconds
    } else {
        measured.cpu_seconds
    }
}
