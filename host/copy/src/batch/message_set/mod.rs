//! Message formats 0 and 1, as brokers before 0.11 wrote them.
//!
//! A broker of any version serves old segments as they are. There, every message stands for itself,
//! or a message without a key wraps a compressed set of messages. Here they become batches of
//! format 2 with the same offsets, timestamps, keys and values; format 0 has no timestamps, which
//! format 2 writes as -1.
//!
//! Source: Apache Kafka documentation, "Old Message Format"; KIP-31 (relative offsets), KIP-32
//! (timestamps); KAFKA-3160 (the framing of LZ4 in format 0).

mod convert;
mod message;
#[cfg(test)]
mod tests;

pub(crate) use convert::convert;
pub(crate) use message::offset_and_length;

/// The first message format that is not of this family.
pub(crate) const RECORD_BATCH_MAGIC: i8 = 2;
/// Bytes of the least message of format 0, behind its offset and length.
pub(crate) const MESSAGE_BYTES_MIN: i32 = 14;
