//! Who copies: Ferry, and what it is compared with. Each runs in a process of its own.

mod ferry;
mod load;
mod mirror_maker;
mod pump;
mod raw;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::io::Write as _;

use crate::child::PeerProcess;
use crate::room::Room;
use crate::workload::Workload;

/// One that copies, or does a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub(crate) enum Peer {
    /// Ferry, with kept offsets.
    Ferry,
    /// Ferry, with translated offsets: every batch in a transaction.
    FerryTransactional,
    /// MirrorMaker 2, at least once.
    MirrorMaker,
    /// MirrorMaker 2 with `exactly.once.source.support`.
    MirrorMakerExactlyOnce,
    /// librdkafka's consumer and its idempotent producer in one process.
    Pump,
    /// Ferry's wire client, which appends batches that were made before.
    RawProducer,
    /// The same with one request under way at a time.
    RawProducerDepthOne,
    /// Ferry's wire client, which fetches and keeps nothing.
    RawConsumer,
    /// Producer and consumer side by side, with nothing between them: what no copy can exceed where
    /// both clusters share the processors.
    RawBoth,
    /// Writes to the source for a while, then falls quiet.
    #[value(skip)]
    Load,
}

impl Peer {
    /// The name in tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Ferry => "Ferry",
            Self::FerryTransactional => "Ferry, transactional",
            Self::MirrorMaker => "MirrorMaker 2",
            Self::MirrorMakerExactlyOnce => "MirrorMaker 2, exactly once",
            Self::Pump => "librdkafka pump",
            Self::RawProducer => "producer alone",
            Self::RawProducerDepthOne => "producer alone, depth one",
            Self::RawConsumer => "consumer alone",
            Self::RawBoth => "producer and consumer, unconnected",
            Self::Load => "load",
        }
    }

    /// The name in topics and files.
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Ferry => "ferry",
            Self::FerryTransactional => "ferrytx",
            Self::MirrorMaker => "mm",
            Self::MirrorMakerExactlyOnce => "mmeos",
            Self::Pump => "pump",
            Self::RawProducer => "raw",
            Self::RawProducerDepthOne => "rawone",
            Self::RawConsumer => "read",
            Self::RawBoth => "both",
            Self::Load => "load",
        }
    }

    /// It goes on until it is stopped.
    pub(crate) fn never_ends(self) -> bool {
        matches!(self, Self::MirrorMaker | Self::MirrorMakerExactlyOnce)
    }

    /// Its target holds markers of transactions, so that ends say more than there are records.
    pub(crate) fn writes_markers(self) -> bool {
        matches!(
            self,
            Self::FerryTransactional | Self::MirrorMakerExactlyOnce
        )
    }

    /// It writes to the target.
    pub(crate) fn writes(self) -> bool {
        !matches!(self, Self::RawConsumer | Self::Load)
    }
}

/// How long the source has to be quiet before a copy that drains is done.
pub(crate) const QUIET_MS: u64 = 2_000;

/// What a peer is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) peer: Peer,
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) workload: Workload,
    /// Where it goes at the target. The topic is there already, and empty.
    pub(crate) copy: String,
    /// Follow the source until it has been quiet for [`QUIET_MS`], instead of up to the end that it
    /// has at the beginning.
    pub(crate) drains: bool,
}

impl Task {
    /// The task of `peer` in run number `run`.
    pub(crate) fn new(room: &Room, peer: Peer, workload: &Workload, run: usize) -> Self {
        let alias = format!("{}{run}", peer.slug());
        Self {
            peer,
            source: room.source_bootstrap(),
            target: room.target_bootstrap(),
            // MirrorMaker 2 puts the name of the source in front; so does everybody here.
            copy: format!("{alias}.{}", workload.topic),
            workload: workload.clone(),
            drains: false,
        }
    }

    /// The name of the source that stands in front of the copy's name.
    fn alias(&self) -> &str {
        self.copy.split('.').next().unwrap_or_default()
    }
}

/// What a peer says when it is done.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Said {
    /// How long it took by its own clock, for peers that write nowhere.
    pub(crate) seconds: f64,
    /// Records that it has copied, read or written.
    pub(crate) records: i64,
    /// The most memory that was resident.
    pub(crate) peak_mib: f64,
    /// When the last record was acknowledged, in seconds since 1970.
    pub(crate) last_at: f64,
}

/// Starts the process of a peer.
pub(crate) fn start(task: &Task) -> Result<PeerProcess> {
    if task.peer.never_ends() {
        return mirror_maker::start(task);
    }
    let name = format!("{}-{}", task.workload.topic, task.alias());
    let arguments = ["peer".to_owned(), serde_json::to_string(task)?];
    PeerProcess::start(&name, std::env::current_exe()?.as_os_str(), arguments, true)
}

/// Does `task` in this process, and says how it went on the standard output.
pub(crate) async fn run(task: &str) -> Result<()> {
    let task: Task = serde_json::from_str(task).context("the task of a peer")?;
    let mut said = match task.peer {
        Peer::Ferry | Peer::FerryTransactional => ferry::run(&task).await?,
        Peer::Pump => tokio::task::block_in_place(|| pump::run(&task))?,
        Peer::RawProducer => raw::produce(&task, raw::DEPTH).await?,
        Peer::RawProducerDepthOne => raw::produce(&task, 1).await?,
        Peer::RawConsumer => raw::consume(&task).await?,
        Peer::RawBoth => raw::both(&task).await?,
        Peer::Load => load::run(&task).await?,
        Peer::MirrorMaker | Peer::MirrorMakerExactlyOnce => {
            anyhow::bail!("MirrorMaker 2 is a program of its own")
        }
    };
    said.peak_mib = crate::usage::peak_mib(std::process::id()).unwrap_or_default();
    Ok(writeln!(
        std::io::stdout().lock(),
        "{}",
        serde_json::to_string(&said)?
    )?)
}
