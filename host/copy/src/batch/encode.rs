//! Putting records together into a new batch.
//!
//! Used where a batch can't pass as it is: offsets missing inside it, timestamps given by the
//! broker, only its end wanted, or too small to be sent alone.

use super::codec::Codec;
use super::header::{BatchHeader, CHECKED_FROM, CHECKSUM_AT, HEADER_BYTES, LENGTH_PREFIX_BYTES};
use super::records::{Contents, Record, RecordIter, put_varint};
use bytes::{BufMut, Bytes};

/// Collects records into one batch. Keys, values, headers and timestamps stay as they are. Records
/// that are pushed without an offset get the delta behind the one before: 0, 1, and so on.
#[derive(Debug)]
pub struct BatchBuilder {
    /// Room for the header, then the records.
    bytes: Vec<u8>,
    count: i32,
    next_delta: i32,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
    last_timestamp_ms: i64,
}

/// The most bytes of the numbers in front of a record's body: its length, its attributes, the
/// deltas of timestamp and offset.
const NUMBERS_BYTES_MAX: usize = 10 + 1 + 10 + 5;
/// Where the attributes stand in the buffer for these numbers; the length ends there.
const ATTRIBUTES_AT: usize = 10;

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl BatchBuilder {
    /// A builder with room for `bytes` of records.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        let mut with_header = Vec::with_capacity(HEADER_BYTES + bytes);
        with_header.resize(HEADER_BYTES, 0);
        Self {
            bytes: with_header,
            count: 0,
            next_delta: 0,
            base_timestamp_ms: 0,
            max_timestamp_ms: i64::MIN,
            last_timestamp_ms: 0,
        }
    }

    /// The timestamp of the last record, if there is one.
    pub(crate) fn last_timestamp_ms(&self) -> Option<i64> {
        (self.count > 0).then_some(self.last_timestamp_ms)
    }

    /// Adds one record behind those that are there.
    #[inline]
    pub fn push(&mut self, record: &Record<'_>) {
        self.push_parts(record.timestamp_ms, record.body);
    }

    /// Adds a record made of a timestamp and a body (key, value, headers with their lengths).
    #[inline]
    pub(crate) fn push_parts(&mut self, timestamp_ms: i64, body: &[u8]) {
        self.push_at(self.next_delta, timestamp_ms, body);
    }

    /// Adds a record with `offset_delta`, which must lie behind the one before.
    pub(crate) fn push_at(&mut self, offset_delta: i32, timestamp_ms: i64, body: &[u8]) {
        debug_assert!(offset_delta >= self.next_delta, "offsets ascend");
        if self.count == 0 {
            self.base_timestamp_ms = timestamp_ms;
        }
        self.max_timestamp_ms = self.max_timestamp_ms.max(timestamp_ms);
        self.last_timestamp_ms = timestamp_ms;
        self.next_delta = offset_delta.saturating_add(1);
        self.count += 1;
        let timestamp_delta = timestamp_ms.wrapping_sub(self.base_timestamp_ms);
        let mut numbers = [0; NUMBERS_BYTES_MAX];
        // Record attributes: none are in use, and the buffer is zero.
        let end = put_varint_at(&mut numbers, ATTRIBUTES_AT + 1, timestamp_delta);
        let end = put_varint_at(&mut numbers, end, offset_delta.into());
        let length = end - ATTRIBUTES_AT + body.len();
        let start = ATTRIBUTES_AT - varint_bytes(length as i64);
        put_varint_at(&mut numbers, start, length as i64);
        self.bytes.reserve(end - start + body.len());
        self.bytes.extend_from_slice(&numbers[start..end]);
        self.bytes.extend_from_slice(body);
    }

    /// Lets the batch reach to `offset_delta`, though no record stands there.
    pub(crate) fn reach(&mut self, offset_delta: i32) {
        self.next_delta = self.next_delta.max(offset_delta.saturating_add(1));
    }

    /// Adds a record with this key, value and headers.
    pub fn push_contents(&mut self, timestamp_ms: i64, contents: &Contents<'_>) {
        let mut body = Vec::new();
        put_contents(&mut body, contents);
        self.push_parts(timestamp_ms, &body);
    }

    /// The place to come back to with [`Self::rewind`].
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            bytes: self.bytes.len(),
            count: self.count,
            next_delta: self.next_delta,
            base_timestamp_ms: self.base_timestamp_ms,
            max_timestamp_ms: self.max_timestamp_ms,
        }
    }

    /// Takes everything out again that was added since `mark`.
    pub(crate) fn rewind(&mut self, mark: &Mark) {
        self.bytes.truncate(mark.bytes);
        self.count = mark.count;
        self.next_delta = mark.next_delta;
        self.base_timestamp_ms = mark.base_timestamp_ms;
        self.max_timestamp_ms = mark.max_timestamp_ms;
    }

    /// Two builders, each with half of the records, without gaps.
    pub(crate) fn halves(&self) -> [Self; 2] {
        let bytes = self.records_bytes() / 2;
        let mut halves = [Self::with_capacity(bytes), Self::with_capacity(bytes)];
        let middle = self.count / 2;
        // Every record was written here, so that all of them can be read.
        for (index, record) in (0..).zip(self.records().flatten()) {
            halves[usize::from(index >= middle)].push(&record);
        }
        halves
    }

    /// Records so far.
    #[must_use]
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Bytes of the records so far, not compressed.
    #[must_use]
    pub fn records_bytes(&self) -> usize {
        self.bytes.len() - HEADER_BYTES
    }

    /// The records so far, with their deltas as offsets.
    pub(crate) fn records(&self) -> RecordIter<'_> {
        RecordIter::over(
            &self.header(Codec::None, 0, HEADER_BYTES),
            &self.bytes[HEADER_BYTES..],
        )
    }

    /// The batch, compressed with `codec`, without producer and with base offset 0.
    ///
    /// # Errors
    /// What the compressor says; writing to memory, none is expected.
    pub fn finish(self, codec: Codec) -> std::io::Result<EncodedBatch> {
        match self.finish_within(codec, usize::MAX, 0)? {
            Finished::Batch(batch) => Ok(batch),
            Finished::TooLarge { .. } => Err(std::io::Error::other("no batch is as large")),
        }
    }

    /// The batch, compressed with `codec`, without producer and with `base_offset`; or this builder
    /// again where the batch would have more than `bytes_max`.
    ///
    /// # Errors
    /// What the compressor says; writing to memory, none is expected.
    pub(crate) fn finish_within(
        mut self,
        codec: Codec,
        bytes_max: usize,
        base_offset: i64,
    ) -> std::io::Result<Finished> {
        let mut bytes = match codec {
            Codec::None => std::mem::take(&mut self.bytes),
            codec => {
                let compressed = codec.compress(&self.bytes[HEADER_BYTES..])?;
                let mut bytes = Vec::with_capacity(HEADER_BYTES + compressed.len());
                bytes.resize(HEADER_BYTES, 0);
                bytes.extend_from_slice(&compressed);
                bytes
            }
        };
        // The length field has 31 bits.
        if bytes.len() > bytes_max.min(i32::MAX as usize) {
            let batch_bytes = bytes.len();
            if codec == Codec::None {
                self.bytes = bytes;
            }
            return Ok(Finished::TooLarge {
                builder: self,
                batch_bytes,
            });
        }
        let mut header = self.header(codec, base_offset, bytes.len());
        put_header(&mut bytes[..HEADER_BYTES], &header);
        header.checksum = crc32c::crc32c(&bytes[CHECKED_FROM..]);
        bytes[CHECKSUM_AT..CHECKED_FROM].copy_from_slice(&header.checksum.to_be_bytes());
        Ok(Finished::Batch(EncodedBatch {
            header,
            bytes: Bytes::from(bytes),
        }))
    }

    fn header(&self, codec: Codec, base_offset: i64, total_bytes: usize) -> BatchHeader {
        BatchHeader {
            base_offset,
            total_bytes,
            partition_leader_epoch: -1,
            checksum: 0,
            attributes: codec.bits(),
            last_offset_delta: (self.next_delta - 1).max(0),
            base_timestamp: self.base_timestamp_ms,
            max_timestamp: match self.count {
                0 => self.base_timestamp_ms,
                _ => self.max_timestamp_ms,
            },
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            records_count: self.count,
        }
    }
}

/// What a builder held at some time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    bytes: usize,
    count: i32,
    next_delta: i32,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
}

/// A batch that was put together here, complete but for base offset and producer.
#[derive(Debug, Clone)]
pub struct EncodedBatch {
    /// Its header.
    pub header: BatchHeader,
    /// All of its bytes, header included.
    pub bytes: Bytes,
}

/// What became of a batch that must not be larger than some limit.
#[derive(Debug)]
pub(crate) enum Finished {
    /// It is small enough.
    Batch(EncodedBatch),
    /// It is not.
    TooLarge {
        /// What it would consist of.
        builder: BatchBuilder,
        /// How large it would be.
        batch_bytes: usize,
    },
}

/// Appends the body of a record: key, value and headers with their lengths.
pub(crate) fn put_contents(body: &mut Vec<u8>, contents: &Contents<'_>) {
    put_nullable_bytes(body, contents.key);
    put_nullable_bytes(body, contents.value);
    put_varint(body, contents.headers.len() as i64);
    for (key, value) in &contents.headers {
        put_nullable_bytes(body, Some(key));
        put_nullable_bytes(body, *value);
    }
}

/// The body of a filler: a tombstone with `key`.
pub(crate) fn filler_body(key: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let contents = Contents {
        key: Some(key),
        value: None,
        headers: Vec::new(),
    };
    put_contents(&mut body, &contents);
    body
}

fn put_nullable_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            put_varint(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
        None => put_varint(out, -1),
    }
}

/// Writes `value` as a zigzag varint at `at` and returns where it ends.
#[inline]
fn put_varint_at(out: &mut [u8; NUMBERS_BYTES_MAX], mut at: usize, value: i64) -> usize {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        out[at] = rest as u8 | 0x80;
        rest >>= 7;
        at += 1;
    }
    out[at] = rest as u8;
    at + 1
}

/// Bytes of `value` as a zigzag varint.
#[inline]
fn varint_bytes(value: i64) -> usize {
    let bits = u64::BITS - (zigzag(value) | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

#[inline]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Writes everything but the checksum.
fn put_header(mut out: &mut [u8], header: &BatchHeader) {
    out.put_i64(header.base_offset);
    out.put_i32((header.total_bytes - LENGTH_PREFIX_BYTES) as i32);
    out.put_i32(header.partition_leader_epoch);
    out.put_i8(2);
    out.put_u32(0);
    out.put_i16(header.attributes);
    out.put_i32(header.last_offset_delta);
    out.put_i64(header.base_timestamp);
    out.put_i64(header.max_timestamp);
    out.put_i64(header.producer_id);
    out.put_i16(header.producer_epoch);
    out.put_i32(header.base_sequence);
    out.put_i32(header.records_count);
}
