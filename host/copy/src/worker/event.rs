//! What the tasks around the worker tell it.

use super::reading::FetchEnd;
use super::saving::OnRecord;
use super::transaction::{BeginFailure, TransactionalProducer};
use super::voids::VoidEnd;
use super::watching::Lagging;
use crate::append::Prepared;
use crate::halt::Halt;
use crate::partition::exact::TargetEnd;
use crate::progress::PartitionProgress;
use ferry_kafka::error_code::ErrorCode;
use ferry_model::identity::BrokerId;
use std::time::Duration;

/// The number of a partition in the job.
pub(crate) type Index = usize;

/// What the source's leader said of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SourceEnds {
    pub(crate) log_start: i64,
    pub(crate) high_watermark: i64,
    pub(crate) last_stable: i64,
}

/// One partition's part of a fetch.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// The leader answered.
    Records {
        ends: SourceEnds,
        /// Bytes that came of it.
        bytes: u64,
        prepared: Prepared,
    },
    /// The leader answered with an error.
    Error { code: ErrorCode, log_start: i64 },
    /// The leader has another history than ours.
    Diverging { epoch: i32, end_offset: i64 },
    /// The leader names a nearer replica (KIP-392).
    Nearer { replica: BrokerId },
    /// The request failed as a whole.
    Lost,
}

/// How many records a batch holds, and of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    Records(i64),
    Padding(i64),
}

/// One partition's part of a produce request.
#[derive(Debug)]
pub(crate) enum Produced {
    /// Appended at this offset.
    At {
        base: i64,
        count: Count,
        bytes: usize,
    },
    /// Appended, but with timestamps of the target's own.
    Restamped { base: i64 },
    /// Nobody knows.
    Unknown { reason: String },
    /// Refused for good.
    Refused(Halt),
}

/// How a transaction ended.
#[derive(Debug)]
pub(crate) enum TransactionEnd {
    /// Committed; the partitions' new progress.
    Committed {
        progress: Vec<(Index, PartitionProgress)>,
        records: i64,
        bytes: u64,
    },
    /// Aborted; partitions that were refused for good are named.
    Aborted {
        partitions: Vec<Index>,
        halts: Vec<(Index, Halt)>,
        reason: String,
    },
    /// The worker can't go on: another one writes with our transactional id, or the target can't be
    /// reached any more.
    Failed(super::CopyError),
}

/// One partition's settled end, with the source's ends at about the same time.
#[derive(Debug)]
pub(crate) enum Settled {
    /// Settled.
    End {
        target: TargetEnd,
        source: SourceEnds,
    },
    /// Could not be read for now.
    Again { reason: String },
}

#[derive(Debug)]
pub(crate) enum Event {
    LocalStarts {
        starts: Vec<(Index, i64)>,
    },
    Fetched(FetchEnd),
    Produced {
        broker: BrokerId,
        results: Vec<(Index, Produced)>,
    },
    Settled {
        results: Vec<(Index, Settled)>,
    },
    PaddingDeleted {
        index: Index,
        result: Result<(), String>,
    },
    /// Partitions whose offsets could not be kept have their first progress.
    Converted {
        results: Vec<(Index, Result<PartitionProgress, String>)>,
        transactional: Box<TransactionalProducer>,
    },
    /// What the worker remembers is in the progress topic, or not.
    Saved {
        result: Result<(), BeginFailure>,
        on_record: Vec<OnRecord>,
        transactional: Box<TransactionalProducer>,
    },
    /// Offsets that were to be kept free.
    Voids {
        results: Result<Vec<(Index, VoidEnd)>, super::CopyError>,
        transactional: Box<TransactionalProducer>,
    },
    Transaction {
        end: TransactionEnd,
        transactional: Box<TransactionalProducer>,
    },
    /// The source's ends of a partition whose position lies outside of them.
    SourceStart {
        index: Index,
        ends: Option<SourceEnds>,
    },
    /// The source's ends, asked for while draining.
    Ends {
        results: Vec<(Index, SourceEnds)>,
    },
    /// How long a broker of the source took to answer to a canary.
    Canary {
        broker: BrokerId,
        took: Option<Duration>,
    },
    /// Who is in sync at the source, by partition; empty where it can't be told now.
    Followers {
        found: Vec<(Index, Lagging)>,
    },
    /// Leaders were looked up again.
    Leaders {
        source: bool,
    },
}
