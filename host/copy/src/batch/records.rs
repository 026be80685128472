//! The records inside a batch, one by one.

use super::codec::Codec;
use super::error::BatchError;
use super::header::{Batch, BatchHeader, LOG_APPEND_TIME};
use std::borrow::Cow;

/// Headers that room is made for before they are read.
const HEADERS_EXPECTED: usize = 64;

/// One record of a batch, borrowed from its decompressed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in milliseconds since 1970; the batch's own where the broker gave the time.
    pub timestamp_ms: i64,
    /// Key, value and headers with their lengths, as they stand in the batch: equal bytes mean
    /// equal contents.
    pub body: &'a [u8],
}

/// Key, value and headers of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents<'a> {
    /// The key; none for null.
    pub key: Option<&'a [u8]>,
    /// The value; none for null: a tombstone in compacted topics.
    pub value: Option<&'a [u8]>,
    /// The headers in order; a value may be null.
    pub headers: Vec<(&'a [u8], Option<&'a [u8]>)>,
}

impl<'a> Record<'a> {
    /// Takes key, value and headers apart.
    ///
    /// # Errors
    /// What is malformed, in words; the batch and the place are the caller's to add.
    pub fn contents(&self) -> Result<Contents<'a>, &'static str> {
        let mut cursor = Cursor { rest: self.body };
        let key = cursor.nullable_bytes()?;
        let value = cursor.nullable_bytes()?;
        let count = cursor.headers_count()?;
        // A hostile count must not cost more than the bytes that stand behind it.
        let mut headers = Vec::with_capacity(count.min(HEADERS_EXPECTED));
        for _ in 0..count {
            let key = cursor.nullable_bytes()?.ok_or("a header without a key")?;
            headers.push((key, cursor.nullable_bytes()?));
        }
        cursor.end()?;
        Ok(Contents {
            key,
            value,
            headers,
        })
    }

    /// Whether key, value and headers can be taken apart, without doing so.
    ///
    /// # Errors
    /// What is malformed, in words; the batch and the place are the caller's to add.
    pub fn check(&self) -> Result<(), &'static str> {
        let mut cursor = Cursor { rest: self.body };
        cursor.nullable_bytes()?;
        cursor.nullable_bytes()?;
        for _ in 0..cursor.headers_count()? {
            cursor.nullable_bytes()?.ok_or("a header without a key")?;
            cursor.nullable_bytes()?;
        }
        cursor.end()
    }
}

/// The decompressed records of a batch.
#[derive(Debug)]
pub struct Records<'a> {
    bytes: Cow<'a, [u8]>,
    header: BatchHeader,
}

impl<'a> Records<'a> {
    /// Decompresses the records of `batch`.
    ///
    /// # Errors
    /// [`BatchError::Decompression`] or [`BatchError::Bomb`].
    pub fn of(batch: &'a Batch) -> Result<Self, BatchError> {
        let header = batch.header;
        let bytes = match codec_of(&header)? {
            Codec::None => Cow::Borrowed(batch.payload()),
            _ if header.records_count == 0 => Cow::Borrowed(&[][..]),
            codec => Cow::Owned(codec.decompress(batch.payload(), header.base_offset)?),
        };
        Ok(Self { bytes, header })
    }

    /// The records in order. Iteration ends at the first malformed one, which is an error; so is a
    /// count that differs from the header's, or an offset that does not ascend.
    #[must_use]
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter::over(&self.header, &self.bytes)
    }

    /// Bytes of the records, decompressed.
    #[must_use]
    pub fn decompressed_bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// The codec that a header names.
pub(crate) fn codec_of(header: &BatchHeader) -> Result<Codec, BatchError> {
    Codec::of(header.attributes).ok_or(BatchError::Field {
        offset: header.base_offset,
        field: "codec",
        value: header.attributes.into(),
    })
}

/// Iterates over the records of a batch.
#[derive(Debug)]
pub struct RecordIter<'a> {
    cursor: Cursor<'a>,
    base_offset: i64,
    base_timestamp_ms: i64,
    /// The time that the broker gave to every record.
    fixed_timestamp_ms: Option<i64>,
    last_offset_delta: i64,
    count: u32,
    index: u32,
    previous_delta: i64,
    failed: bool,
}

impl<'a> RecordIter<'a> {
    /// Iterates over `bytes`, the decompressed records behind `header`.
    pub(crate) fn over(header: &BatchHeader, bytes: &'a [u8]) -> Self {
        Self {
            cursor: Cursor { rest: bytes },
            base_offset: header.base_offset,
            base_timestamp_ms: header.base_timestamp,
            fixed_timestamp_ms: header.has(LOG_APPEND_TIME).then_some(header.max_timestamp),
            last_offset_delta: header.last_offset_delta.into(),
            count: header.records_count as u32,
            index: 0,
            previous_delta: -1,
            failed: false,
        }
    }

    fn read(&mut self) -> Result<Record<'a>, &'static str> {
        let length = self.cursor.varint()?;
        let length = usize::try_from(length).map_err(|_| "a negative length")?;
        let mut record = Cursor {
            rest: self.cursor.take(length)?,
        };
        // The record's attributes, none of which are in use.
        record.take(1)?;
        let timestamp_delta = record.varint()?;
        let offset_delta = record.varint()?;
        if offset_delta <= self.previous_delta {
            return Err("its offset does not ascend");
        }
        if offset_delta > self.last_offset_delta {
            return Err("its offset lies behind the batch's last");
        }
        self.previous_delta = offset_delta;
        let timestamp_ms = match self.fixed_timestamp_ms {
            Some(fixed) => fixed,
            None => self.base_timestamp_ms.wrapping_add(timestamp_delta),
        };
        Ok(Record {
            offset: self.base_offset + offset_delta,
            timestamp_ms,
            body: record.rest,
        })
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let read = if self.index < self.count {
            self.read()
        } else if self.cursor.rest.is_empty() {
            return None;
        } else {
            Err("bytes behind the last record")
        };
        let read = read.map_err(|reason| {
            self.failed = true;
            BatchError::Record {
                offset: self.base_offset,
                index: self.index,
                reason,
            }
        });
        self.index += 1;
        Some(read)
    }
}

#[derive(Debug)]
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], &'static str> {
        let (front, rest) = self.rest.split_at_checked(bytes).ok_or("it is cut off")?;
        self.rest = rest;
        Ok(front)
    }

    /// A zigzag varint of at most ten bytes.
    #[inline]
    fn varint(&mut self) -> Result<i64, &'static str> {
        // Most of them are short.
        match *self.rest {
            [byte, ref rest @ ..] if byte < 0x80 => {
                self.rest = rest;
                Ok(unzigzag(byte.into()))
            }
            [low, high, ref rest @ ..] if high < 0x80 => {
                self.rest = rest;
                Ok(unzigzag(u64::from(low & 0x7f) | u64::from(high) << 7))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<i64, &'static str> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or("it is cut off")?;
            self.rest = rest;
            if shift == 63 && *byte > 1 {
                return Err("a number has more than 64 bits");
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(unzigzag(value));
            }
        }
        Err("a number has more than ten bytes")
    }

    #[inline]
    fn nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, &'static str> {
        match self.varint()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| "a negative length")?;
                self.take(length).map(Some)
            }
        }
    }

    fn headers_count(&mut self) -> Result<usize, &'static str> {
        let count = self.varint()?;
        let count = usize::try_from(count).map_err(|_| "a negative number of headers")?;
        // Every header takes two bytes at least.
        if count > self.rest.len() / 2 {
            return Err("more headers than bytes");
        }
        Ok(count)
    }

    fn end(&self) -> Result<(), &'static str> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err("bytes behind the headers")
        }
    }
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Appends `value` as a zigzag varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push((rest as u8) | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
