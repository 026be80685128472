//! Record batches as a broker sees them: header, place, time, control batches.
//!
//! Written from the published format (<https://kafka.apache.org/documentation/#recordbatch>) and
//! not shared with the code under test: what both read the same way is more likely to be right.

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes before the records.
pub const HEADER_BYTES: usize = 61;

const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const MAX_TIMESTAMP_AT: usize = 35;
/// The bit that says: the timestamp is the broker's.
const TIMESTAMP_TYPE: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// The sequence number of batches that have none.
pub(crate) const NO_SEQUENCE: i32 = -1;

/// One batch in a log.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) bytes: Bytes,
    pub(crate) base_offset: i64,
    pub(crate) last_offset_delta: i32,
    pub(crate) leader_epoch: i32,
    pub(crate) attributes: i16,
    pub(crate) base_timestamp_ms: i64,
    pub(crate) max_timestamp_ms: i64,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    pub(crate) records: i32,
}

impl Batch {
    /// Reads the batch at the front of `bytes`, which is cut off; none where there is no whole one.
    pub(crate) fn read(bytes: &mut Bytes) -> Option<Self> {
        let length = i32::from_be_bytes(bytes.get(8..12)?.try_into().ok()?);
        let total = usize::try_from(length).ok()?.checked_add(12)?;
        if total < HEADER_BYTES || bytes.len() < total {
            return None;
        }
        let bytes = bytes.split_to(total);
        let i16_at = |at: usize| i16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let i32_at = |at: usize| {
            i32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let i64_at = |at: usize| (i64::from(i32_at(at)) << 32) | i64::from(i32_at(at + 4) as u32);
        Some(Self {
            base_offset: i64_at(0),
            leader_epoch: i32_at(12),
            attributes: i16_at(ATTRIBUTES_AT),
            last_offset_delta: i32_at(23),
            base_timestamp_ms: i64_at(27),
            max_timestamp_ms: i64_at(MAX_TIMESTAMP_AT),
            producer_id: i64_at(43),
            producer_epoch: i16_at(51),
            base_sequence: i32_at(53),
            records: i32_at(57),
            bytes,
        })
    }

    /// Reads the one batch that a produce request has for a partition; none where there is none, or
    /// more than one, or messages of older formats. What is behind it and is no batch is not seen.
    pub(crate) fn only(mut records: Bytes) -> Option<Self> {
        let batch = Self::read(&mut records).filter(|batch| batch.magic() == 2)?;
        match Self::read(&mut records) {
            None => Some(batch),
            Some(_) => None,
        }
    }

    fn magic(&self) -> u8 {
        self.bytes[16]
    }

    pub(crate) fn next_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta) + 1
    }

    pub(crate) fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return NO_SEQUENCE;
        }
        let last = i64::from(self.base_sequence) + i64::from(self.last_offset_delta);
        (last % (i64::from(i32::MAX) + 1)) as i32
    }

    pub(crate) fn transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    pub(crate) fn control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Whether its largest timestamp is the broker's, and that of all its records.
    pub(crate) fn has_broker_time(&self) -> bool {
        self.attributes & TIMESTAMP_TYPE != 0
    }

    /// Whether the checksum fits what it covers.
    pub(crate) fn has_right_checksum(&self) -> bool {
        self.bytes[CRC_AT..ATTRIBUTES_AT] == checksum(&self.bytes)
    }

    /// The batch with this largest timestamp, which is the broker's time or the records' own.
    pub(crate) fn stamped(self, broker_time: bool, max_timestamp_ms: i64) -> Self {
        let attributes = match broker_time {
            true => self.attributes | TIMESTAMP_TYPE,
            false => self.attributes & !TIMESTAMP_TYPE,
        };
        if (attributes, max_timestamp_ms) == (self.attributes, self.max_timestamp_ms) {
            return self;
        }
        let mut bytes = BytesMut::from(&self.bytes[..]);
        bytes[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&attributes.to_be_bytes());
        bytes[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8]
            .copy_from_slice(&max_timestamp_ms.to_be_bytes());
        let sum = checksum(&bytes);
        bytes[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&sum);
        Self {
            bytes: bytes.freeze(),
            attributes,
            max_timestamp_ms,
            ..self
        }
    }

    /// The batch at its place: offset and leader epoch lie outside of the checksum.
    pub(crate) fn placed(mut self, base_offset: i64, leader_epoch: i32) -> Self {
        let mut bytes = BytesMut::from(&self.bytes[..]);
        bytes[0..8].copy_from_slice(&base_offset.to_be_bytes());
        bytes[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
        self.bytes = bytes.freeze();
        self.base_offset = base_offset;
        self.leader_epoch = leader_epoch;
        self
    }

    /// The marker that ends a transaction (`EndTransactionMarker`): one control record.
    pub(crate) fn marker(commit: bool, producer_id: i64, producer_epoch: i16, now_ms: i64) -> Self {
        let mut record = BytesMut::new();
        record.put_i8(0);
        record.put_u8(0);
        record.put_u8(0);
        record.put_u8(8);
        record.put_i16(0);
        record.put_i16(i16::from(commit));
        record.put_u8(12);
        record.put_i16(0);
        record.put_i32(0);
        record.put_u8(0);
        let mut bytes = BytesMut::with_capacity(HEADER_BYTES + 1 + record.len());
        bytes.put_i64(0);
        bytes.put_i32((HEADER_BYTES - 12 + 1 + record.len()) as i32);
        bytes.put_i32(0);
        bytes.put_i8(2);
        bytes.put_u32(0);
        bytes.put_i16(TRANSACTIONAL | CONTROL);
        bytes.put_i32(0);
        bytes.put_i64(now_ms);
        bytes.put_i64(now_ms);
        bytes.put_i64(producer_id);
        bytes.put_i16(producer_epoch);
        bytes.put_i32(NO_SEQUENCE);
        bytes.put_i32(1);
        bytes.put_u8((record.len() * 2) as u8);
        bytes.extend_from_slice(&record);
        let sum = checksum(&bytes);
        bytes[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&sum);
        Self {
            bytes: bytes.freeze(),
            base_offset: 0,
            last_offset_delta: 0,
            leader_epoch: 0,
            attributes: TRANSACTIONAL | CONTROL,
            base_timestamp_ms: now_ms,
            max_timestamp_ms: now_ms,
            producer_id,
            producer_epoch,
            base_sequence: NO_SEQUENCE,
            records: 1,
        }
    }
}

/// The checksum of a batch, as it stands in its header.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(&bytes[ATTRIBUTES_AT..]).to_be_bytes()
}
