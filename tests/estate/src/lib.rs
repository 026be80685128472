//! The source cluster of the demo and of tests: a company's Kafka, made by code from a seed.
//!
//! [`Estate::build`] fills an empty cluster with what a real one has after years of use: business
//! topics in every naming style, the topics of Streams, Connect, MirrorMaker 2 and a registry,
//! garbage that nobody remembers; every codec and batch size, tombstones, odd headers, aborted
//! transactions, compacted logs with holes, logs whose head was deleted; groups at every position
//! that a group can have; access control lists that allow, deny, restrict hosts.
//!
//! The same seed, scale and time make the same records at the same offsets. What the brokers do by
//! themselves is not the same every time: where batches end, and how far compaction has come. The
//! [`report::EstateReport`] says what was made and what is special about each partition, so that a
//! test can hold a migration against it.
//!
//! ```no_run
//! use ferry_estate::{Estate, EstateOptions, accounts};
//! # async fn example(source: ferry_kafka::Client) -> Result<(), ferry_estate::EstateError> {
//! let estate = Estate::build(&source, EstateOptions::small()).await?;
//! println!("{}", estate.report());
//! # Ok(())
//! # }
//! ```

pub mod accounts;
mod acls;
mod catalogue;
mod compaction;
mod content;
mod cuts;
mod error;
mod estate;
mod groups;
mod options;
mod random;
mod reader;
pub mod report;
pub mod rights;
mod seeding;
mod topics;
mod transactions;
mod writer;

pub use error::EstateError;
pub use estate::{BROKER_PROPERTIES, Estate};
pub use options::EstateOptions;
pub use report::{EstateReport, Trait};
