//! Batches of the source, and the records of the target: written and read by rules of their own,
//! not by those of the copier.

use bytes::{BufMut, Bytes, BytesMut};
use ferry_fake_kafka::HEADER_BYTES;

const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// Who writes a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Author {
    pub(crate) producer_id: i64,
    pub(crate) transactional: bool,
}

/// A batch of records without compression, each with its number as the key.
pub(crate) fn batch(ids: &[u64], value_bytes: usize, timestamp_ms: i64, author: Author) -> Bytes {
    let mut records = BytesMut::new();
    for (delta, id) in ids.iter().enumerate() {
        let mut body = BytesMut::new();
        body.put_i8(0);
        put_varint(&mut body, 0);
        put_varint(&mut body, delta as i64);
        put_varint(&mut body, 8);
        body.put_u64(*id);
        put_varint(&mut body, value_bytes as i64);
        body.put_bytes(b'v', value_bytes);
        put_varint(&mut body, 0);
        put_varint(&mut records, body.len() as i64);
        records.extend_from_slice(&body);
    }
    let mut out = BytesMut::with_capacity(HEADER_BYTES + records.len());
    out.put_i64(0);
    out.put_i32((HEADER_BYTES - 12 + records.len()) as i32);
    out.put_i32(0);
    out.put_i8(2);
    out.put_u32(0);
    out.put_i16(if author.transactional {
        TRANSACTIONAL
    } else {
        0
    });
    out.put_i32(ids.len() as i32 - 1);
    out.put_i64(timestamp_ms);
    out.put_i64(timestamp_ms);
    out.put_i64(author.producer_id);
    out.put_i16(0);
    out.put_i32(0);
    out.put_i32(ids.len() as i32);
    out.extend_from_slice(&records);
    let sum = crc32c::crc32c(&out[21..]);
    out[17..21].copy_from_slice(&sum.to_be_bytes());
    out.freeze()
}

fn put_varint(out: &mut BytesMut, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.put_u8((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.put_u8(rest as u8);
}

fn varint(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

/// One record of a log that readers of committed records see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) offset: i64,
    /// Its number; none where its key is no number, as that of a padding record.
    pub(crate) id: Option<u64>,
    /// Whether it is a tombstone with [`FILLER`] as its key.
    pub(crate) filler: bool,
}

/// The key of fillers, which is not as long as a number.
pub(crate) const FILLER: &[u8] = b"filler";

/// The committed records of a log from `start` on. `aborted` holds producer id and first offset of
/// aborted transactions.
pub(crate) fn committed(log: &Bytes, start: i64, aborted: &[(i64, i64)]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut rest = &log[..];
    let mut open: Vec<i64> = Vec::new();
    let mut upcoming = aborted.to_vec();
    while rest.len() >= HEADER_BYTES {
        let total = 12 + u32::from_be_bytes([rest[8], rest[9], rest[10], rest[11]]) as usize;
        let (batch, more) = rest.split_at(total.min(rest.len()));
        rest = more;
        let base = i64_at(batch, 0);
        let attributes = i16::from_be_bytes([batch[21], batch[22]]);
        let producer_id = i64_at(batch, 43);
        // A transaction may have begun before what is left of the log.
        upcoming.retain(|(producer, first)| {
            let begun = *first <= base;
            if begun {
                open.push(*producer);
            }
            !begun
        });
        if attributes & CONTROL != 0 {
            open.retain(|id| *id != producer_id);
            continue;
        }
        if attributes & TRANSACTIONAL != 0 && open.contains(&producer_id) {
            continue;
        }
        records(batch, base, attributes, &mut seen);
    }
    seen.retain(|record| record.offset >= start);
    seen
}

/// How many batches of a log are markers.
pub(crate) fn markers(log: &Bytes) -> u64 {
    let mut rest = &log[..];
    let mut count = 0;
    while rest.len() >= HEADER_BYTES {
        let total = 12 + u32::from_be_bytes([rest[8], rest[9], rest[10], rest[11]]) as usize;
        let attributes = i16::from_be_bytes([rest[21], rest[22]]);
        count += u64::from(attributes & CONTROL != 0);
        rest = &rest[total.min(rest.len())..];
    }
    count
}

fn records(batch: &[u8], base: i64, attributes: i16, seen: &mut Vec<Seen>) {
    let count = u32::from_be_bytes([batch[57], batch[58], batch[59], batch[60]]);
    if attributes & 7 != 0 {
        // Only padding is compressed here.
        seen.extend((0..i64::from(count)).map(|delta| Seen {
            offset: base + delta,
            id: None,
            filler: false,
        }));
        return;
    }
    let mut rest = &batch[HEADER_BYTES..];
    for _ in 0..count {
        let Some(record) = record(&mut rest, base) else {
            return;
        };
        seen.push(record);
    }
}

fn record(rest: &mut &[u8], base: i64) -> Option<Seen> {
    let length = usize::try_from(varint(rest)?).ok()?;
    let (mut body, more) = rest.split_at_checked(length)?;
    *rest = more;
    body = &body[1..];
    let _timestamp = varint(&mut body)?;
    let delta = varint(&mut body)?;
    let key_bytes = varint(&mut body)?;
    let id = match (key_bytes, body.first_chunk::<8>()) {
        (8, Some(key)) => Some(u64::from_be_bytes(*key)),
        _ => None,
    };
    let tombstone = usize::try_from(key_bytes)
        .ok()
        .and_then(|bytes| body.split_at_checked(bytes))
        .filter(|(key, _)| *key == FILLER)
        .and_then(|(_, mut value)| varint(&mut value));
    Some(Seen {
        offset: base + delta,
        id,
        filler: tombstone == Some(-1),
    })
}

fn i64_at(batch: &[u8], at: usize) -> i64 {
    batch[at..at + 8]
        .iter()
        .fold(0, |value, byte| (value << 8) | i64::from(*byte))
}
