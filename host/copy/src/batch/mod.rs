//! Record batches (message format 2): reading them, rewriting their headers, taking them apart and
//! putting them together. Messages of formats 0 and 1 become such batches as they are read.
//!
//! Source: Apache Kafka protocol guide, "Record Batch"
//! (<https://kafka.apache.org/documentation/#recordbatch>), KIP-98, KIP-534.

pub mod aborted;
mod checksum;
pub mod codec;
pub mod decompress;
pub mod encode;
pub mod error;
mod gzip;
pub mod header;
mod lz4;
mod message_set;
pub mod padding;
pub mod records;
pub mod rewrite;
pub mod slices;
mod snappy;
