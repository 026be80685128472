//! What is told while a discovery goes on.

use ferry_model::identity::Side;
use ferry_model::problem::Problem;
use std::fmt;
use std::time::Duration;

/// A part of a cluster that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Id, release and brokers.
    Cluster,
    /// The list of topics.
    Topics,
    /// Configurations of topics.
    Configs,
    /// Offsets of partitions.
    Offsets,
    /// Consumer groups and what they committed.
    Groups,
    /// Access control lists.
    Acls,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cluster => "cluster",
            Self::Topics => "topics",
            Self::Configs => "configurations",
            Self::Offsets => "offsets",
            Self::Groups => "consumer groups",
            Self::Acls => "access control lists",
        })
    }
}

/// Something that happened while a discovery goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// A part was read.
    Read {
        /// Of which cluster.
        side: Side,
        /// Which part.
        part: Part,
        /// How many of what it consists of: brokers, topics, partitions, groups, bindings.
        count: usize,
    },
    /// Partitions of the source were sampled so far; the last one of these is the whole.
    Sampled {
        /// Partitions of which a batch was seen.
        partitions: usize,
        /// Partitions that hold anything.
        of: usize,
        /// Bytes of record batches that were fetched.
        bytes: u64,
        /// How long it took so far. `bytes` by this is what the way from the source gives to small
        /// reads, a lower bound of what a copy gets.
        elapsed: Duration,
    },
    /// Something could not be read, and the snapshot does without it.
    Notice(Problem),
}
