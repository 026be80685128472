//! Record batches to produce, sound and unsound ones.

use bytes::{Bytes, BytesMut};
use ferry_copy::batch::codec::Codec;
use ferry_copy::batch::encode::BatchBuilder;
use ferry_copy::batch::records::Contents;
use ferry_copy::batch::rewrite::{self, append_rewritten};

/// Where the fields of a batch stand that tests change
/// (<https://kafka.apache.org/documentation/#recordbatch>).
pub mod field {
    /// The base offset, 8 bytes.
    pub const BASE_OFFSET: usize = 0;
    /// The format, 1 byte.
    pub const MAGIC: usize = 16;
    /// The checksum, 4 bytes.
    pub const CHECKSUM: usize = 17;
    /// The attributes, 2 bytes; the checksum covers everything from here on.
    pub const ATTRIBUTES: usize = 21;
    /// The offset of the last record less the base offset, 4 bytes.
    pub const LAST_OFFSET_DELTA: usize = 23;
    /// The number of records, 4 bytes.
    pub const RECORDS: usize = 57;
}

/// Who produces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    /// The id, from InitProducerId.
    pub id: i64,
    /// The epoch.
    pub epoch: i16,
}

impl Producer {
    /// The same producer in its next epoch.
    #[must_use]
    pub fn bumped(self) -> Self {
        Self {
            epoch: self.epoch + 1,
            ..self
        }
    }
}

/// A batch that is described; [`Records::batch`] makes it.
#[derive(Debug, Clone, Copy)]
pub struct Records {
    count: usize,
    timestamp_ms: i64,
    step_ms: i64,
    value_bytes: usize,
    keyed: bool,
    codec: Codec,
    producer: Option<(Producer, i32)>,
    transactional: bool,
}

impl Records {
    /// `count` records of this time, not compressed, of a producer without id.
    #[must_use]
    pub fn new(count: usize, timestamp_ms: i64) -> Self {
        Self {
            count,
            timestamp_ms,
            step_ms: 0,
            value_bytes: 20,
            keyed: true,
            codec: Codec::None,
            producer: None,
            transactional: false,
        }
    }

    /// Produced by `producer`, the first record with this sequence number.
    #[must_use]
    pub fn by(mut self, producer: Producer, sequence: i32) -> Self {
        self.producer = Some((producer, sequence));
        self
    }

    /// Part of a transaction.
    #[must_use]
    pub fn in_transaction(mut self) -> Self {
        self.transactional = true;
        self
    }

    /// Each record so much younger than the one before, in milliseconds.
    #[must_use]
    pub fn apart_ms(mut self, step_ms: i64) -> Self {
        self.step_ms = step_ms;
        self
    }

    /// Compressed.
    #[must_use]
    pub fn compressed(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// With values of this size.
    #[must_use]
    pub fn value_bytes(mut self, value_bytes: usize) -> Self {
        self.value_bytes = value_bytes;
        self
    }

    /// Without keys.
    #[must_use]
    pub fn without_keys(mut self) -> Self {
        self.keyed = false;
        self
    }

    /// The batch.
    ///
    /// # Panics
    /// When the codec fails, which it does not on memory.
    #[must_use]
    pub fn batch(&self) -> Bytes {
        let mut builder = BatchBuilder::default();
        let value = vec![b'v'; self.value_bytes];
        for (number, ago) in (0..self.count).zip(0..) {
            let key = format!("key-{number}");
            let contents = Contents {
                key: self.keyed.then_some(key.as_bytes()),
                value: Some(&value),
                headers: Vec::new(),
            };
            builder.push_contents(self.timestamp_ms + ago * self.step_ms, &contents);
        }
        let built = builder.finish(self.codec).expect("memory can be written");
        let (producer, sequence) = match self.producer {
            Some((Producer { id, epoch }, sequence)) => (rewritten(id, epoch, self), sequence),
            None => (rewritten(-1, -1, self), -1),
        };
        let mut out = BytesMut::new();
        append_rewritten(&mut out, &built.bytes, &built.header, producer, sequence);
        out.freeze()
    }

    /// The batch with some bytes changed, and a checksum that fits them.
    #[must_use]
    pub fn changed(&self, change: impl FnOnce(&mut [u8])) -> Bytes {
        let mut bytes = BytesMut::from(&self.batch()[..]);
        change(&mut bytes);
        let sum = crc32c::crc32c(&bytes[field::ATTRIBUTES..]);
        put(&mut bytes, field::CHECKSUM, &sum.to_be_bytes());
        bytes.freeze()
    }

    /// The batch with bits of its attributes set.
    #[must_use]
    pub fn with_attributes(&self, bits: i16) -> Bytes {
        self.changed(|bytes| {
            let at = field::ATTRIBUTES;
            let attributes = i16::from_be_bytes([bytes[at], bytes[at + 1]]) | bits;
            put(bytes, at, &attributes.to_be_bytes());
        })
    }
}

fn rewritten(id: i64, epoch: i16, records: &Records) -> rewrite::Producer {
    rewrite::Producer {
        id,
        epoch,
        transactional: records.transactional,
    }
}

/// Puts `value` at `at`.
pub fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// A message set of format 1 with one record, as clients wrote them before record batches.
#[must_use]
pub fn message_of_format_1(timestamp_ms: i64) -> Bytes {
    let mut checked = Vec::new();
    // Format, attributes, timestamp, no key, a value.
    checked.extend_from_slice(&[1, 0]);
    checked.extend_from_slice(&timestamp_ms.to_be_bytes());
    checked.extend_from_slice(&(-1_i32).to_be_bytes());
    // Longer than the header of a batch, which it could be taken for.
    checked.extend_from_slice(&100_i32.to_be_bytes());
    checked.extend_from_slice(&[b'v'; 100]);
    let mut message = vec![0; 8];
    message.extend_from_slice(&(checked.len() as i32 + 4).to_be_bytes());
    message.extend_from_slice(&crc32_of(&checked).to_be_bytes());
    message.extend_from_slice(&checked);
    Bytes::from(message)
}

/// CRC-32 as formats 0 and 1 have it (ISO 3309), bit by bit: it is needed for a few bytes only.
fn crc32_of(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ if sum & 1 == 1 { 0xEDB8_8320 } else { 0 };
        }
    }
    !sum
}
