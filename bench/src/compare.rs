//! Several peers on one workload: in rounds, each round with every peer, each round beginning with
//! another one.

use anyhow::{Context as _, Result, bail};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::measure::{self, Measured, counted_cpu_seconds};
use crate::peer::{Peer, Task};
use crate::room::Room;
use crate::table::{Spread, Table, number, tell};
use crate::wire;
use crate::workload::Workload;

/// Requests under way while the source is filled.
const FILL_DEPTH: usize = 8;

/// Makes the names of runs different.
static RUNS: AtomicUsize = AtomicUsize::new(1);

/// The number of the next run.
pub(crate) fn next_run() -> usize {
    RUNS.fetch_add(1, Ordering::Relaxed)
}

/// How often, and with whom.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) peers: Vec<Peer>,
    /// One run of the first peer is not counted: it warms up the brokers.
    pub(crate) warm_up: bool,
}

/// All runs of one peer on one workload.
#[derive(Debug, Clone)]
pub(crate) struct Runs {
    pub(crate) peer: Peer,
    gigabytes: f64,
    records: f64,
    runs: Vec<Measured>,
}

impl Runs {
    fn spread(&self, pick: impl Fn(&Measured) -> f64) -> Spread {
        Spread::of(self.runs.iter().map(pick))
    }

    /// MB of payload a second.
    pub(crate) fn rate(&self) -> Spread {
        self.spread(|run| self.gigabytes * 1e3 / run.seconds.max(1e-3))
    }

    /// Processor time for a GB of payload.
    pub(crate) fn cpu_per_gb(&self) -> Spread {
        self.spread(|run| counted_cpu_seconds(self.peer, run) / self.gigabytes)
    }

    /// The most memory that was resident, in MiB.
    pub(crate) fn peak_mib(&self) -> Spread {
        self.spread(|run| run.peak_mib)
    }

    fn steady_faults(&self) -> String {
        let told: Option<Vec<f64>> = self
            .runs
            .iter()
            .map(|run| run.steady_faults_per_gb)
            .collect();
        told.map_or_else(|| "-".to_owned(), |told| Spread::of(told).text())
    }
}

/// The head of a table of [`row`]s.
pub(crate) const HEAD: [&str; 9] = [
    "peer",
    "MB/s of payload",
    "records/s",
    "CPU-s per GB",
    "CPU-s before the first record",
    "s from start to end",
    "peak MiB",
    "page faults per GB, steady",
    "brokers' CPU-s per GB, source + target",
];

/// One row for a table.
pub(crate) fn row(label: String, runs: &Runs) -> Vec<String> {
    let per_second = runs.spread(|run| runs.records / run.seconds.max(1e-3));
    let broker = |side: usize| {
        let per_gb = runs.spread(|run| run.brokers_cpu_seconds[side] / runs.gigabytes);
        number(per_gb.median)
    };
    vec![
        label,
        runs.rate().text(),
        number(per_second.median),
        runs.cpu_per_gb().text(),
        number(runs.spread(|run| run.cpu_before_seconds).median),
        number(runs.spread(|run| run.seconds_in_all).median),
        runs.peak_mib().text(),
        runs.steady_faults(),
        format!("{} + {}", broker(0), broker(1)),
    ]
}

/// Fills the source, runs every peer in every round, and empties the source again.
pub(crate) async fn compare(room: &Room, plan: &Plan, workload: &Workload) -> Result<Vec<Runs>> {
    fill(room, workload).await?;
    let mut all: Vec<Runs> = plan
        .peers
        .iter()
        .map(|peer| empty(*peer, workload))
        .collect();
    if plan.warm_up
        && let Some(peer) = plan.peers.first()
    {
        measure::run(room, &Task::new(room, *peer, workload, next_run())).await?;
    }
    for round in 0..plan.rounds {
        for step in 0..all.len() {
            let place = (round + step) % all.len();
            let runs = &mut all[place];
            let task = Task::new(room, runs.peer, workload, next_run());
            let measured = measure::run(room, &task).await?;
            tell(&format!(
                "  round {} {:<28} {:>7} s  {:>6} CPU-s",
                round + 1,
                runs.peer.title(),
                number(measured.seconds),
                number(counted_cpu_seconds(runs.peer, &measured)),
            ))?;
            runs.runs.push(measured);
        }
    }
    wire::delete_all_but(&room.source, &[]).await?;
    Ok(all)
}

fn empty(peer: Peer, workload: &Workload) -> Runs {
    Runs {
        peer,
        gigabytes: workload.payload_gb(),
        records: workload.records() as f64,
        runs: Vec::new(),
    }
}

/// Creates and fills the source's topic.
pub(crate) async fn fill(room: &Room, workload: &Workload) -> Result<()> {
    let topic = wire::create(&room.source, &workload.topic, workload.partitions).await?;
    let began = Instant::now();
    let written = wire::append(
        &room.source,
        &topic,
        workload.partitions,
        &workload.batches()?,
        workload.batches_per_partition,
        FILL_DEPTH,
    )
    .await?;
    let places = wire::places(&topic, workload.partitions);
    let found: i64 = wire::ends(&room.source, &places).await?.iter().sum();
    if found != workload.records() {
        bail!("{found} records were filled in, not {}", workload.records());
    }
    tell(&format!(
        "{}: {} MB of payload, {} MB on the wire, {} records, filled in {} s",
        workload.title,
        number(workload.payload_gb() * 1e3),
        number(written as f64 / 1e6),
        number(found as f64),
        number(began.elapsed().as_secs_f64()),
    ))
}

/// What a ratio has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    None,
}

/// A table of ratios and single figures beside their goals.
pub(crate) struct Goals(Table);

impl Goals {
    pub(crate) fn new() -> Self {
        Self(Table::new(
            "Beside the goals:",
            &["what", "measured", "goal", "reached"],
        ))
    }

    /// Adds a figure.
    pub(crate) fn add(&mut self, what: impl Into<String>, value: f64, goal: Goal) {
        let (goal, reached) = match goal {
            Goal::AtLeast(least) => (format!("at least {}", number(least)), value >= least),
            Goal::AtMost(most) => (format!("at most {}", number(most)), value <= most),
            Goal::None => (String::new(), true),
        };
        let reached = match (goal.is_empty(), reached) {
            (true, _) => "",
            (false, true) => "yes",
            (false, false) => "no",
        };
        let row = vec![what.into(), number(value), goal, reached.to_owned()];
        self.0.rows.push(row);
    }

    /// The table.
    pub(crate) fn table(self) -> Table {
        self.0
    }
}

/// The runs of `peer`, where it took part.
pub(crate) fn of(all: &[Runs], peer: Peer) -> Option<&Runs> {
    all.iter().find(|runs| runs.peer == peer)
}

/// The median of `pick` of one peer divided by that of another one, where both took part.
pub(crate) fn ratio(
    all: &[Runs],
    above: Peer,
    below: Peer,
    pick: impl Fn(&Runs) -> Spread,
) -> Option<f64> {
    let (above, below) = (of(all, above)?, of(all, below)?);
    Some(pick(above).median / pick(below).median.max(1e-9))
}

/// The first peer of a plan, for messages.
pub(crate) fn nobody_left(peers: &[Peer]) -> Result<()> {
    peers
        .first()
        .map(drop)
        .context("none of the peers that were asked for takes part here")
}
