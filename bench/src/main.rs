//! `./x bench`: measures Ferry beside others between two real clusters on this machine.
//!
//! The source is filled once for each comparison. Each run copies it into a new topic, in a process
//! of its own, so that processor time and memory are those of a whole process. Brokers and peers
//! share the processors. Every peer takes its turn in every round.

mod child;
mod compare;
mod drain;
mod folder;
mod looks;
mod measure;
mod peer;
mod room;
mod sections;
mod table;
mod usage;
mod wire;
mod workload;

use anyhow::Result;
use clap::{Parser, Subcommand};
use peer::Peer;
use room::Room;
use sections::Wishes;
use workload::Compression;

/// Measures Ferry beside MirrorMaker 2, librdkafka and the bare wire, between two real clusters on
/// this machine.
#[derive(Debug, Parser)]
struct Arguments {
    /// What is measured; everything unless told.
    #[command(subcommand)]
    section: Option<Section>,
    /// Rounds, each with every peer.
    #[arg(long, global = true, default_value_t = 5)]
    rounds: usize,
    /// MB of payload in one run; each measurement has its own default.
    #[arg(long, global = true)]
    megabytes: Option<u64>,
    /// Only these peers, with commas between them.
    #[arg(long, global = true, value_enum, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// Only this codec: none, lz4 or zstd (for `large`).
    #[arg(long, global = true, value_parser = compression)]
    codec: Option<Compression>,
    /// Only these numbers of partitions, with commas between them (for `partitions`).
    #[arg(long, global = true, value_delimiter = ',')]
    partitions: Vec<i32>,
    /// One round with little in it: shows that everything works, and no more.
    #[arg(long, global = true)]
    quick: bool,
}

/// What can be measured.
#[derive(Debug, Clone, Subcommand)]
enum Section {
    /// Batches of 64 KiB: lz4, uncompressed, zstd.
    Large,
    /// Batches of one record of 200 bytes.
    Tiny,
    /// 3,000 partitions with little in each.
    Many,
    /// Processor time and memory with 10 to 10,000 partitions.
    Partitions,
    /// From the source's last record to a complete target.
    Drain,
    /// What transactions cost, and one batch at a time.
    Price,
    /// All of these.
    All,
    /// One run of one peer; for this program itself.
    #[command(hide = true)]
    Peer {
        /// What it is to do.
        task: String,
    },
}

fn compression(name: &str) -> Result<Compression, String> {
    let all = [Compression::None, Compression::Lz4, Compression::Zstd];
    let found = all.into_iter().find(|one| one.name() == name);
    found.ok_or_else(|| "none, lz4 and zstd are measured".to_owned())
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match arguments.section.clone().unwrap_or(Section::All) {
        Section::Peer { task } => runtime.block_on(peer::run(&task)),
        section => runtime.block_on(bench(&section, &wishes(arguments))),
    }
}

/// MB of payload in a run of a quick measurement.
const QUICK_MEGABYTES: u64 = 60;

fn wishes(arguments: Arguments) -> Wishes {
    let Arguments {
        rounds,
        megabytes,
        peers,
        codec,
        partitions,
        quick,
        section: _,
    } = arguments;
    Wishes {
        rounds: if quick { 1 } else { rounds.max(1) },
        megabytes: megabytes.or(quick.then_some(QUICK_MEGABYTES)),
        peers,
        compression: codec,
        partitions,
        warm_up: !quick,
    }
}

async fn bench(section: &Section, wishes: &Wishes) -> Result<()> {
    let room = Room::open().await?;
    let (room, all) = (&room, matches!(section, Section::All));
    if all || matches!(section, Section::Large) {
        sections::large(room, wishes).await?;
    }
    if all || matches!(section, Section::Tiny) {
        sections::tiny(room, wishes).await?;
    }
    if all || matches!(section, Section::Many) {
        sections::many(room, wishes).await?;
    }
    if all || matches!(section, Section::Partitions) {
        sections::partitions(room, wishes).await?;
    }
    if all || matches!(section, Section::Drain) {
        drain::drain(room, wishes).await?;
    }
    if all || matches!(section, Section::Price) {
        sections::price(room, wishes).await?;
    }
    Ok(())
}
