//! Kafka brokers in the same process, for what real ones can't be made to do on demand.
//!
//! They speak the wire protocol, over TCP or over pipes in memory, and keep the rules of real
//! brokers that a copier depends on: producer state with five remembered batches that expires by
//! the largest *record* timestamp, any sequence accepted without it, EndTxn answered before its
//! markers are written, one request at a time on each connection, requests of a client that hung
//! up worked on all the same, leader epochs, high watermarks, last stable offsets.
//!
//! One suite of behaviours runs against these and against real brokers, so that they can't drift
//! from the truth. Time is the runtime's: with a paused clock, schedules of minutes take
//! milliseconds.

mod answers;
mod batch;
mod clock;
mod cluster;
mod connection;
mod core;
mod faults;
mod log;
mod partition;
mod producers;
mod records;
mod shared;
mod transactions;
mod validation;
mod versions;

pub use batch::HEADER_BYTES;
pub use cluster::{Door, Ends, FakeKafka, NoSuchPartition};
pub use core::{Cleanup, Counts, Options, TopicOptions};
pub use faults::{Faults, NoFaults, Reply, Seen, Treatment, Work};
pub use versions::Release;

/// Brokers that listen on no port of their own say that they listen on this one plus their number.
pub const FIRST_PORT: u16 = 9_092;
