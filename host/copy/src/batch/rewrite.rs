//! The few header fields that a batch needs to be appended elsewhere.

use super::checksum::with_new_front;
use super::header::{
    BatchHeader, CHECKED_FROM, CHECKSUM_AT, CODEC_MASK, HEADER_BYTES, TRANSACTIONAL,
};
use bytes::{BufMut, BytesMut};

/// As whom a batch is appended at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    /// The producer's id, from InitProducerId.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
}

/// The sequence number of the record that will stand at `offset`, where every record of the
/// partition was written by one producer from offset 0 on: sequence numbers wrap after 2^31 - 1.
#[must_use]
pub fn sequence_at(offset: i64) -> i32 {
    (offset & i64::from(i32::MAX)) as i32
}

/// Appends `batch` to `out`, rewritten to be produced by `producer` with `base_sequence`.
///
/// Base offset 0, leader epoch -1, producer id, epoch, sequence and checksum are new; of the
/// attributes only the codec is kept (the delete-horizon bit, KIP-534, must not travel: with it the
/// target's cleaner would drop live tombstones). Base timestamp, maximum timestamp, count and
/// records stay as they are to the last bit.
///
/// The new checksum follows from the one that `batch` carries and from the two headers; the records
/// are not read for it. Records that changed after `batch` was checked are therefore refused by the
/// target instead of getting a checksum that fits them.
///
/// `batch` must be a whole batch whose `header` has been read from it, without gaps, without
/// LogAppendTime and no control batch: those are re-encoded or skipped before.
pub fn append_rewritten(
    out: &mut BytesMut,
    batch: &[u8],
    header: &BatchHeader,
    producer: Producer,
    base_sequence: i32,
) {
    out.reserve(batch.len());
    out.put_slice(&rewritten_header(batch, header, producer, base_sequence));
    out.put_slice(&batch[HEADER_BYTES..]);
}

/// The header that [`append_rewritten`] puts before the records of `batch`.
#[must_use]
pub fn rewritten_header(
    batch: &[u8],
    header: &BatchHeader,
    producer: Producer,
    base_sequence: i32,
) -> [u8; HEADER_BYTES] {
    debug_assert_eq!(batch.len(), header.total_bytes);
    debug_assert!(!header.has_gaps(), "a batch with gaps can't pass through");
    let mut attributes = header.attributes & CODEC_MASK;
    if producer.transactional {
        attributes |= TRANSACTIONAL;
    }
    let mut fresh = [0; HEADER_BYTES];
    let mut out = &mut fresh[..];
    out.put_i64(0);
    out.put_slice(&batch[8..12]);
    out.put_i32(-1);
    out.put_i8(2);
    out.put_u32(0);
    out.put_i16(attributes);
    out.put_slice(&batch[23..43]);
    out.put_i64(producer.id);
    out.put_i16(producer.epoch);
    out.put_i32(base_sequence);
    out.put_slice(&batch[57..HEADER_BYTES]);
    let checksum = with_new_front(
        header.checksum,
        crc32c::crc32c(&batch[CHECKED_FROM..HEADER_BYTES]),
        crc32c::crc32c(&fresh[CHECKED_FROM..]),
        batch.len() - HEADER_BYTES,
    );
    fresh[CHECKSUM_AT..CHECKED_FROM].copy_from_slice(&checksum.to_be_bytes());
    fresh
}
