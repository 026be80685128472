//! The 61 bytes in front of the records.

use super::error::BatchError;
use bytes::Bytes;

/// Bytes of a batch's header, everything before the records.
pub const HEADER_BYTES: usize = 61;
/// Bytes in front of what the length field counts: base offset and the length itself.
pub const LENGTH_PREFIX_BYTES: usize = 12;
/// Where the checksum starts; it covers everything from [`CHECKED_FROM`] on.
pub(crate) const CHECKSUM_AT: usize = 17;
/// Where the part starts that the checksum covers: the attributes.
pub(crate) const CHECKED_FROM: usize = 21;

/// The bits of `attributes` that say how the records are compressed.
pub const CODEC_MASK: i16 = 0x07;
/// The bit of `attributes` that says: timestamps are the broker's (LogAppendTime).
pub const LOG_APPEND_TIME: i16 = 0x08;
/// The bit of `attributes` that says: written in a transaction.
pub const TRANSACTIONAL: i16 = 0x10;
/// The bit of `attributes` that says: a marker of Kafka's own, not data.
pub const CONTROL: i16 = 0x20;
/// The bit of `attributes` that says: `baseTimestamp` is the delete horizon (KIP-534). Set by the
/// cleaner; with it a target would drop live tombstones at its first cleaning.
pub const DELETE_HORIZON: i16 = 0x40;

/// The header of a batch, field by field as the protocol guide names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record, or of where it was before compaction.
    pub base_offset: i64,
    /// Bytes of the whole batch, header included.
    pub total_bytes: usize,
    /// Epoch of the leader that appended the batch.
    pub partition_leader_epoch: i32,
    /// CRC-32C of everything from the attributes on.
    pub checksum: u32,
    /// Codec, timestamp type, transactional, control and delete-horizon bits.
    pub attributes: i16,
    /// Offset of the last record less the base offset; survives compaction.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas add to, in milliseconds since 1970.
    pub base_timestamp: i64,
    /// The largest timestamp, in milliseconds since 1970.
    pub max_timestamp: i64,
    /// The producer's id, -1 without idempotence.
    pub producer_id: i64,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// The producer's sequence number of the first record.
    pub base_sequence: i32,
    /// How many records there are.
    pub records_count: i32,
}

impl BatchHeader {
    /// Reads the header of the batch that `bytes` starts with and checks that its fields are
    /// possible. The checksum is not looked at.
    ///
    /// # Errors
    /// [`BatchError::Format`], [`BatchError::Length`] or [`BatchError::Field`].
    ///
    /// # Panics
    /// Never for `bytes` of at least [`HEADER_BYTES`]; shorter input is [`BatchError::Length`].
    pub fn read(bytes: &[u8]) -> Result<Self, BatchError> {
        let Some(head) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(BatchError::Length {
                offset: -1,
                length: bytes.len() as i32,
            });
        };
        let offset = i64_at(head, 0);
        let length = i32_at(head, 8);
        let magic = head[16] as i8;
        if magic != 2 {
            return Err(BatchError::Format { offset, magic });
        }
        if length < (HEADER_BYTES - LENGTH_PREFIX_BYTES) as i32 {
            return Err(BatchError::Length { offset, length });
        }
        let header = Self {
            base_offset: offset,
            total_bytes: length as usize + LENGTH_PREFIX_BYTES,
            partition_leader_epoch: i32_at(head, 12),
            checksum: i32_at(head, CHECKSUM_AT) as u32,
            attributes: i16_at(head, CHECKED_FROM),
            last_offset_delta: i32_at(head, 23),
            base_timestamp: i64_at(head, 27),
            max_timestamp: i64_at(head, 35),
            producer_id: i64_at(head, 43),
            producer_epoch: i16_at(head, 51),
            base_sequence: i32_at(head, 53),
            records_count: i32_at(head, 57),
        };
        header.checked()
    }

    fn checked(self) -> Result<Self, BatchError> {
        let impossible = |field, value: i64| {
            Err(BatchError::Field {
                offset: self.base_offset,
                field,
                value,
            })
        };
        if self.base_offset < 0 {
            return impossible("base offset", self.base_offset);
        }
        if self.last_offset_delta < 0 {
            return impossible("last offset delta", self.last_offset_delta.into());
        }
        if self
            .base_offset
            .checked_add(i64::from(self.last_offset_delta) + 1)
            .is_none()
        {
            return impossible("base offset", self.base_offset);
        }
        if self.records_count < 0 || self.records_count - 1 > self.last_offset_delta {
            return impossible("record count", self.records_count.into());
        }
        if self.attributes & CODEC_MASK > 4 {
            return impossible("codec", (self.attributes & CODEC_MASK).into());
        }
        Ok(self)
    }

    /// Offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// The offset behind the batch: where the next one starts, if nothing is missing.
    #[must_use]
    pub fn next_offset(&self) -> i64 {
        self.last_offset() + 1
    }

    /// Whether a bit of `attributes` is set.
    #[must_use]
    pub fn has(&self, bit: i16) -> bool {
        self.attributes & bit != 0
    }

    /// Whether offsets inside the batch have no record: the cleaner took them.
    #[must_use]
    pub fn has_gaps(&self) -> bool {
        // The largest delta has no successor.
        self.records_count - 1 != self.last_offset_delta
    }
}

/// One whole batch as it came from a broker, with its header read and its checksum compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its header.
    pub header: BatchHeader,
    /// All of its bytes, header included.
    pub bytes: Bytes,
}

impl Batch {
    /// Reads the one batch that `bytes` consists of and compares its checksum.
    ///
    /// # Errors
    /// Whatever [`BatchHeader::read`] finds, [`BatchError::Length`] when the length field and the
    /// bytes differ, [`BatchError::Checksum`] when the contents are damaged.
    pub fn read(bytes: Bytes) -> Result<Self, BatchError> {
        let header = BatchHeader::read(&bytes)?;
        if header.total_bytes != bytes.len() {
            return Err(BatchError::Length {
                offset: header.base_offset,
                length: (header.total_bytes - LENGTH_PREFIX_BYTES) as i32,
            });
        }
        let computed = crc32c::crc32c(&bytes[CHECKED_FROM..]);
        if computed != header.checksum {
            return Err(BatchError::Checksum {
                offset: header.base_offset,
                written: header.checksum,
                computed,
            });
        }
        Ok(Self { header, bytes })
    }

    /// The records, compressed as they are.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.bytes[HEADER_BYTES..]
    }
}

fn i16_at(head: &[u8; HEADER_BYTES], at: usize) -> i16 {
    i16::from_be_bytes([head[at], head[at + 1]])
}

fn i32_at(head: &[u8; HEADER_BYTES], at: usize) -> i32 {
    i32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
}

fn i64_at(head: &[u8; HEADER_BYTES], at: usize) -> i64 {
    (i64::from(i32_at(head, at)) << 32) | i64::from(i32_at(head, at + 4) as u32)
}
