//! What is measured: one function for each command.

use anyhow::Result;

use crate::compare::{self, Goal, Goals, HEAD, Plan, Runs, of, ratio, row};
use crate::peer::Peer;
use crate::room::Room;
use crate::table::{Table, publish};
use crate::workload::{Compression, Workload};

/// Partitions of a topic, unless their number is what is varied.
const PARTITIONS: i32 = 6;
/// Batches that are worth passing on as they are.
const LARGE_BATCH_BYTES: usize = 64 << 10;
/// Batches of a partition with little in it.
const SMALL_BATCH_BYTES: usize = 4 << 10;
/// How many partitions a company has.
const MANY_PARTITIONS: i32 = 3_000;
/// The numbers of partitions that are compared.
const GROWING: [i32; 5] = [10, 100, 1_000, 3_000, 10_000];
/// The most memory with [`MANY_PARTITIONS`], in MiB.
const PEAK_MIB_MOST: f64 = 300.0;

/// What was asked for on the command line.
#[derive(Debug, Clone)]
pub(crate) struct Wishes {
    pub(crate) rounds: usize,
    /// MB of payload in one run; each section has its own default.
    pub(crate) megabytes: Option<u64>,
    /// Only these peers; all where it is empty.
    pub(crate) peers: Vec<Peer>,
    /// Only this codec.
    pub(crate) compression: Option<Compression>,
    /// Only so many partitions.
    pub(crate) partitions: Vec<i32>,
    pub(crate) warm_up: bool,
}

impl Wishes {
    /// The plan of a section whose peers are `peers`.
    pub(crate) fn plan(&self, peers: &[Peer]) -> Result<Plan> {
        let wanted = |peer: &&Peer| self.peers.is_empty() || self.peers.contains(peer);
        let peers: Vec<Peer> = peers.iter().filter(wanted).copied().collect();
        compare::nobody_left(&peers)?;
        Ok(Plan {
            rounds: self.rounds,
            peers,
            warm_up: self.warm_up,
        })
    }
}

/// Large batches of every codec, with everybody.
pub(crate) async fn large(room: &Room, wishes: &Wishes) -> Result<()> {
    for compression in [Compression::Lz4, Compression::None, Compression::Zstd] {
        if wishes.compression.is_some_and(|only| only != compression) {
            continue;
        }
        let megabytes = wishes.megabytes.unwrap_or(2_000);
        let workload = Workload::of_batches(compression, PARTITIONS, LARGE_BATCH_BYTES, megabytes)?;
        let plan = wishes.plan(&[
            Peer::Ferry,
            Peer::MirrorMaker,
            Peer::MirrorMakerExactlyOnce,
            Peer::Pump,
            Peer::RawProducer,
            Peer::RawConsumer,
            Peer::RawBoth,
        ])?;
        let all = compare::compare(room, &plan, &workload).await?;
        let cpu_goal = match compression {
            Compression::Lz4 => Goal::AtLeast(15.0),
            Compression::None => Goal::AtLeast(10.0),
            Compression::Zstd => Goal::None,
        };
        let mut goals = Goals::new();
        add_ratio(&mut goals, &all, Ratio::Cpu(Peer::MirrorMaker), cpu_goal);
        add_ratio(
            &mut goals,
            &all,
            Ratio::Cpu(Peer::MirrorMakerExactlyOnce),
            Goal::None,
        );
        add_ratio(&mut goals, &all, Ratio::Cpu(Peer::Pump), Goal::AtLeast(3.0));
        add_ratio(
            &mut goals,
            &all,
            Ratio::Rate(Peer::MirrorMaker),
            Goal::AtLeast(4.0),
        );
        add_ratio(
            &mut goals,
            &all,
            Ratio::Rate(Peer::Pump),
            Goal::AtLeast(1.4),
        );
        add_ratio(
            &mut goals,
            &all,
            Ratio::Rate(Peer::RawProducer),
            Goal::AtLeast(0.9),
        );
        add_ratio(&mut goals, &all, Ratio::Rate(Peer::RawBoth), Goal::None);
        let name = format!("large-{}", compression.name());
        publish(&name, &[table(&workload, &all), goals.table()])?;
    }
    Ok(())
}

/// Batches of one record each.
pub(crate) async fn tiny(room: &Room, wishes: &Wishes) -> Result<()> {
    let workload = Workload::tiny(PARTITIONS, wishes.megabytes.unwrap_or(200));
    let plan = wishes.plan(&[
        Peer::Ferry,
        Peer::MirrorMaker,
        Peer::Pump,
        Peer::RawConsumer,
    ])?;
    let all = compare::compare(room, &plan, &workload).await?;
    let mut goals = Goals::new();
    add_ratio(
        &mut goals,
        &all,
        Ratio::Cpu(Peer::MirrorMaker),
        Goal::AtLeast(6.0),
    );
    add_ratio(
        &mut goals,
        &all,
        Ratio::Rate(Peer::MirrorMaker),
        Goal::AtLeast(4.0),
    );
    add_ratio(&mut goals, &all, Ratio::Cpu(Peer::Pump), Goal::None);
    add_ratio(&mut goals, &all, Ratio::Rate(Peer::Pump), Goal::None);
    publish("tiny", &[table(&workload, &all), goals.table()])
}

/// Many partitions with little in each.
pub(crate) async fn many(room: &Room, wishes: &Wishes) -> Result<()> {
    let megabytes = wishes.megabytes.unwrap_or(300);
    let lz4 = Compression::Lz4;
    let workload = Workload::of_batches(lz4, MANY_PARTITIONS, SMALL_BATCH_BYTES, megabytes)?;
    let plan = wishes.plan(&[
        Peer::Ferry,
        Peer::MirrorMaker,
        Peer::MirrorMakerExactlyOnce,
        Peer::Pump,
    ])?;
    let all = compare::compare(room, &plan, &workload).await?;
    let mut goals = Goals::new();
    for peer in [Peer::MirrorMaker, Peer::Pump] {
        add_ratio(&mut goals, &all, Ratio::Cpu(peer), Goal::None);
        add_ratio(&mut goals, &all, Ratio::Rate(peer), Goal::None);
    }
    add_memory(&mut goals, &all, MANY_PARTITIONS);
    publish("many", &[table(&workload, &all), goals.table()])
}

/// The same amount in ever more partitions.
pub(crate) async fn partitions(room: &Room, wishes: &Wishes) -> Result<()> {
    let mut rows = Table::new(
        "The same amount of lz4 batches of 64 KiB in ever more partitions",
        &HEAD,
    );
    let mut goals = Goals::new();
    for partitions in GROWING {
        if !wishes.partitions.is_empty() && !wishes.partitions.contains(&partitions) {
            continue;
        }
        let megabytes = wishes.megabytes.unwrap_or(1_500);
        let lz4 = Compression::Lz4;
        let workload = Workload::of_batches(lz4, partitions, LARGE_BATCH_BYTES, megabytes)?;
        let plan = wishes.plan(&[Peer::Ferry, Peer::MirrorMaker, Peer::Pump])?;
        let all = compare::compare(room, &plan, &workload).await?;
        for runs in &all {
            let label = format!("{}, {partitions} partitions", runs.peer.title());
            rows.rows.push(row(label, runs));
        }
        if partitions == MANY_PARTITIONS {
            add_memory(&mut goals, &all, partitions);
        }
    }
    publish("partitions", &[rows, goals.table()])
}

/// What safety costs: every batch in a transaction, and one batch at a time.
pub(crate) async fn price(room: &Room, wishes: &Wishes) -> Result<()> {
    let megabytes = wishes.megabytes.unwrap_or(2_000);
    let lz4 = Compression::Lz4;
    let workload = Workload::of_batches(lz4, PARTITIONS, LARGE_BATCH_BYTES, megabytes)?;
    let plan = wishes.plan(&[
        Peer::Ferry,
        Peer::FerryTransactional,
        Peer::RawProducer,
        Peer::RawProducerDepthOne,
    ])?;
    let all = compare::compare(room, &plan, &workload).await?;
    let mut goals = Goals::new();
    let pairs = [
        (Peer::FerryTransactional, Peer::Ferry),
        (Peer::RawProducerDepthOne, Peer::RawProducer),
    ];
    for (dear, cheap) in pairs {
        let between = format!("{} over {}", dear.title(), cheap.title());
        if let Some(value) = ratio(&all, dear, cheap, Runs::rate) {
            goals.add(format!("throughput: {between}"), value, Goal::None);
        }
        if let Some(value) = ratio(&all, dear, cheap, Runs::cpu_per_gb) {
            goals.add(format!("CPU: {between}"), value, Goal::None);
        }
    }
    publish("price", &[table(&workload, &all), goals.table()])
}

fn table(workload: &Workload, all: &[Runs]) -> Table {
    let title = format!(
        "{}; {} MB of payload",
        workload.title,
        (workload.payload_gb() * 1e3).round()
    );
    let mut table = Table::new(title, &HEAD);
    let rows = all
        .iter()
        .map(|runs| row(runs.peer.title().to_owned(), runs));
    table.rows.extend(rows);
    table
}

/// Something that is compared with Ferry.
#[derive(Debug, Clone, Copy)]
enum Ratio {
    /// How many times Ferry's processor time this peer uses.
    Cpu(Peer),
    /// How many times this peer's throughput Ferry has.
    Rate(Peer),
}

fn add_ratio(goals: &mut Goals, all: &[Runs], what: Ratio, goal: Goal) {
    let (text, value) = match what {
        Ratio::Cpu(peer) => (
            format!("CPU: {} over Ferry", peer.title()),
            ratio(all, peer, Peer::Ferry, Runs::cpu_per_gb),
        ),
        Ratio::Rate(peer) => (
            format!("throughput: Ferry over {}", peer.title()),
            ratio(all, Peer::Ferry, peer, Runs::rate),
        ),
    };
    if let Some(value) = value {
        goals.add(text, value, goal);
    }
}

fn add_memory(goals: &mut Goals, all: &[Runs], partitions: i32) {
    if let Some(ferry) = of(all, Peer::Ferry) {
        let text = format!("Ferry's peak memory with {partitions} partitions, MiB");
        goals.add(text, ferry.peak_mib().most, Goal::AtMost(PEAK_MIB_MOST));
    }
}
