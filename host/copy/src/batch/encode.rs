//! Putting records together into a new batch.
//!
//! Used where a batch can't pass as it is: offsets missing inside it, timestamps given by the
//! broker, only its end wanted, or too small to be sent alone.

use super::codec::Codec;
use super::header::{BatchHeader, CHECKED_FROM, CHECKSUM_AT, HEADER_BYTES};
use super::records::{Contents, Record, put_varint};
use bytes::{BufMut, Bytes, BytesMut};

/// Collects records into one batch without gaps: the first gets offset delta 0, the next 1, and so
/// on. Keys, values, headers and timestamps stay as they are.
#[derive(Debug)]
pub struct BatchBuilder {
    records: Vec<u8>,
    scratch: Vec<u8>,
    count: i32,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl BatchBuilder {
    /// A builder with room for `bytes` of records.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            records: Vec::with_capacity(bytes),
            scratch: Vec::with_capacity(32),
            count: 0,
            base_timestamp_ms: 0,
            max_timestamp_ms: i64::MIN,
        }
    }

    /// Adds one record behind those that are there.
    pub fn push(&mut self, record: &Record<'_>) {
        self.push_parts(record.timestamp_ms, record.body);
    }

    /// Adds a record made of a timestamp and a body (key, value, headers with their lengths).
    pub(crate) fn push_parts(&mut self, timestamp_ms: i64, body: &[u8]) {
        if self.count == 0 {
            self.base_timestamp_ms = timestamp_ms;
        }
        self.max_timestamp_ms = self.max_timestamp_ms.max(timestamp_ms);
        self.scratch.clear();
        // Record attributes: none are in use.
        self.scratch.push(0);
        put_varint(
            &mut self.scratch,
            timestamp_ms.wrapping_sub(self.base_timestamp_ms),
        );
        put_varint(&mut self.scratch, i64::from(self.count));
        put_varint(&mut self.records, (self.scratch.len() + body.len()) as i64);
        self.records.extend_from_slice(&self.scratch);
        self.records.extend_from_slice(body);
        self.count += 1;
    }

    /// Adds a record with this key, value and headers.
    pub fn push_contents(&mut self, timestamp_ms: i64, contents: &Contents<'_>) {
        let mut body = Vec::new();
        put_nullable_bytes(&mut body, contents.key);
        put_nullable_bytes(&mut body, contents.value);
        put_varint(&mut body, contents.headers.len() as i64);
        for (key, value) in &contents.headers {
            put_nullable_bytes(&mut body, Some(key));
            put_nullable_bytes(&mut body, *value);
        }
        self.push_parts(timestamp_ms, &body);
    }

    /// Records so far.
    #[must_use]
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Bytes of the records so far, not compressed.
    #[must_use]
    pub fn records_bytes(&self) -> usize {
        self.records.len()
    }

    /// The batch, compressed with `codec`, without producer and with base offset 0.
    ///
    /// # Errors
    /// What the compressor says; writing to memory, none is expected.
    pub fn finish(self, codec: Codec) -> std::io::Result<EncodedBatch> {
        let compressed = if codec == Codec::None {
            self.records
        } else {
            codec.compress(&self.records)?
        };
        let bytes = assemble(
            codec.bits(),
            self.count,
            self.base_timestamp_ms,
            if self.count == 0 {
                self.base_timestamp_ms
            } else {
                self.max_timestamp_ms
            },
            &compressed,
        );
        let header = header_of(&bytes)?;
        Ok(EncodedBatch { header, bytes })
    }
}

/// A batch that was put together here, complete but for base offset and producer.
#[derive(Debug, Clone)]
pub struct EncodedBatch {
    /// Its header.
    pub header: BatchHeader,
    /// All of its bytes, header included.
    pub bytes: Bytes,
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

fn header_of(bytes: &[u8]) -> std::io::Result<BatchHeader> {
    BatchHeader::read(bytes).map_err(std::io::Error::other)
}

/// A whole batch around `payload`, with base offset 0 and without a producer.
pub(crate) fn assemble(
    attributes: i16,
    count: i32,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
    payload: &[u8],
) -> Bytes {
    let mut out = BytesMut::with_capacity(HEADER_BYTES + payload.len());
    out.put_i64(0);
    out.put_i32((HEADER_BYTES - 12 + payload.len()) as i32);
    out.put_i32(-1);
    out.put_i8(2);
    out.put_u32(0);
    out.put_i16(attributes);
    out.put_i32((count - 1).max(0));
    out.put_i64(base_timestamp_ms);
    out.put_i64(max_timestamp_ms);
    out.put_i64(-1);
    out.put_i16(-1);
    out.put_i32(-1);
    out.put_i32(count);
    out.put_slice(payload);
    let checksum = crc32c::crc32c(&out[CHECKED_FROM..]);
    out[CHECKSUM_AT..CHECKED_FROM].copy_from_slice(&checksum.to_be_bytes());
    out.freeze()
}
