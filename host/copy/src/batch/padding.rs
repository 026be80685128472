//! Batches of empty records that move the end of a partition forward.
//!
//! A partition whose log starts at offset L at the source is filled with L empty records at the
//! target, which are deleted at once (DeleteRecords, KIP-107): then both logs start at L.

use super::codec::Codec;
use super::encode::{BatchBuilder, EncodedBatch};

/// Empty records in one batch: 500,000 compress to about 355 KB with Zstandard.
pub const PADDING_RECORDS_MAX: i32 = 500_000;

/// The timestamp of padding records, in milliseconds since 1970.
pub const PADDING_TIMESTAMP_MS: i64 = 0;

/// Body of an empty record: null key, null value, no headers.
const EMPTY_BODY: &[u8] = &[1, 1, 0];

/// A batch of `records` empty records with timestamp 0, so that the padding never shares the fate
/// of younger data: a segment that holds only timestamp 0 is the first to go.
///
/// # Errors
/// What the compressor says; writing to memory, none is expected.
pub fn padding_batch(records: i32) -> std::io::Result<EncodedBatch> {
    let mut builder = BatchBuilder::with_capacity(records as usize * 10);
    for _ in 0..records {
        builder.push_parts(PADDING_TIMESTAMP_MS, EMPTY_BODY);
    }
    builder.finish(Codec::Zstd)
}
