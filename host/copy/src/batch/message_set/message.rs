//! One message of format 0 or 1.

use crate::batch::codec::Codec;
use crate::batch::error::BatchError;
use crate::batch::header::LENGTH_PREFIX_BYTES;

/// What format 0 has for a timestamp, as `RecordBatch.NO_TIMESTAMP` in Apache Kafka.
pub(super) const NO_TIMESTAMP: i64 = -1;
/// Where the part starts that the checksum (CRC-32) in front of it covers: with the format.
const CHECKED_FROM: usize = 16;
/// The bit of the attributes of format 1 that says: the timestamp is the broker's (KIP-32).
const LOG_APPEND_TIME: u8 = 0x08;

/// One message, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// As it is written: absolute, or relative in a compressed set of format 1.
    pub(super) offset: i64,
    pub(super) magic: i8,
    pub(super) timestamp_ms: i64,
    pub(super) log_append_time: bool,
    pub(super) codec: Codec,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    /// Takes the first message off `bytes`. None where nothing or only a part of one is left.
    pub(super) fn take(bytes: &mut &'a [u8]) -> Option<Result<Self, BatchError>> {
        let head = bytes.first_chunk::<LENGTH_PREFIX_BYTES>()?;
        let (offset, length) = offset_and_length(head);
        let Ok(body_bytes) = usize::try_from(length) else {
            return Some(Err(BatchError::Length { offset, length }));
        };
        let (message, rest) = bytes.split_at_checked(LENGTH_PREFIX_BYTES + body_bytes)?;
        *bytes = rest;
        Some(Self::read(offset, message))
    }

    fn read(offset: i64, message: &'a [u8]) -> Result<Self, BatchError> {
        let magic = message.get(CHECKED_FROM).map_or(0, |magic| *magic as i8);
        let malformed = |reason| BatchError::Message {
            offset,
            magic,
            reason,
        };
        let mut fields = Fields(message.get(CHECKED_FROM..).unwrap_or_default());
        let mut parse = || {
            let [magic, attributes] = [fields.byte()?, fields.byte()?];
            let timestamp_ms = match magic {
                0 => NO_TIMESTAMP,
                1 => i64::from_be_bytes(*fields.array()?),
                _ => return Err("a format that is not 0 or 1"),
            };
            let codec = match Codec::of(i16::from(attributes)) {
                Some(Codec::Zstd) | None => return Err("an unknown codec"),
                Some(codec) => codec,
            };
            let (key, value) = (fields.nullable_bytes()?, fields.nullable_bytes()?);
            if !fields.0.is_empty() {
                return Err("bytes behind the value");
            }
            Ok(Self {
                offset,
                magic: magic as i8,
                timestamp_ms,
                log_append_time: magic == 1 && attributes & LOG_APPEND_TIME != 0,
                codec,
                key,
                value,
            })
        };
        parse().map_err(malformed)
    }
}

/// Compares the checksum of the whole message `message`.
pub(super) fn check(message: &[u8]) -> Result<(), BatchError> {
    let Some((head, checked)) = message.split_first_chunk::<CHECKED_FROM>() else {
        return Ok(());
    };
    let [.., a, b, c, d] = *head;
    let written = u32::from_be_bytes([a, b, c, d]);
    let mut crc = flate2::Crc::new();
    crc.update(checked);
    let computed = crc.sum();
    if written == computed {
        return Ok(());
    }
    let offset = message.first_chunk().map_or(-1, |b| i64::from_be_bytes(*b));
    Err(BatchError::Checksum {
        offset,
        written,
        computed,
    })
}

/// The first two fields of messages and batches of every format.
pub(crate) fn offset_and_length(head: &[u8; LENGTH_PREFIX_BYTES]) -> (i64, i32) {
    let [offset @ .., a, b, c, d] = *head;
    (i64::from_be_bytes(offset), i32::from_be_bytes([a, b, c, d]))
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], &'static str> {
        let (front, rest) = self.0.split_first_chunk().ok_or("it is cut off")?;
        self.0 = rest;
        Ok(front)
    }

    fn byte(&mut self) -> Result<u8, &'static str> {
        self.array::<1>().map(|[byte]| *byte)
    }

    fn nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, &'static str> {
        let length = i32::from_be_bytes(*self.array()?);
        if length == -1 {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| "a negative length")?;
        let (front, rest) = self.0.split_at_checked(length).ok_or("it is cut off")?;
        self.0 = rest;
        Ok(Some(front))
    }
}
