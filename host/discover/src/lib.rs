//! Reads what both clusters of a migration look like.
//!
//! [`discover`] asks both clusters for everything that a plan is made of and fills a
//! [`Snapshot`](ferry_model::snapshot::Snapshot): topics with their ids, configurations and
//! partitions, committed offsets of groups, access control lists. It writes nothing anywhere.
//!
//! # How a partition's shape is told
//! How a partition can be copied depends on what is in its log: gaps, transactions, LogAppendTime,
//! old formats. [`sample`] reads a few stretches of each log of the source, without decompressing
//! anything, and notes what the headers of batches say. The bytes it reads have limits per
//! partition and in all, and so has the time; many partitions share one request.
//!
//! # What belongs to tools
//! Topics of brokers, Connect, MirrorMaker 2, Schema Registry and Ferry itself are marked with the
//! reason ([`internal`]): by name where the name is fixed, by the keys of their records where a
//! worker's settings choose the name.
//!
//! # What a missing right does
//! Where the snapshot can say that something is not known (sizes on disk, access control lists, the
//! shape of logs), discovery goes on and reports a
//! [`Notice`](progress::Progress::Notice). Where a plan would be wrong without it (configurations,
//! offsets, groups), [`DiscoverError`] names what could not be read and the right that is missing.

mod cluster;
pub mod codes;
pub mod error;
mod groups;
pub mod internal;
pub mod keys;
pub mod options;
pub mod progress;
pub mod sample;
mod snapshot;
pub mod streams;
mod topics;

pub use error::DiscoverError;
pub use options::{DiscoverOptions, SampleOptions};
pub use progress::{Part, Progress};
pub use snapshot::discover;
