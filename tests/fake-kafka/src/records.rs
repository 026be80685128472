//! The records inside of a batch, as far as a broker looks at them. Compressed ones are not looked
//! into: what brokers find out about them is taken from the header here.

use crate::batch::{Batch, HEADER_BYTES};

/// The bits of a batch's attributes that say how its records are compressed.
const CODEC: i16 = 0x07;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) timestamp_ms: i64,
    pub(crate) has_key: bool,
}

/// The records are not those that the header announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The records of a batch; none where they are compressed.
pub(crate) fn read(batch: &Batch) -> Result<Option<Vec<Record>>, Malformed> {
    if batch.attributes & CODEC != 0 {
        return Ok(None);
    }
    let mut rest = &batch.bytes[HEADER_BYTES..];
    let mut records = Vec::new();
    for _ in 0..batch.records {
        records.push(one(batch, &mut rest).ok_or(Malformed)?);
    }
    match rest.is_empty() {
        true => Ok(Some(records)),
        false => Err(Malformed),
    }
}

fn one(batch: &Batch, rest: &mut &[u8]) -> Option<Record> {
    let length = usize::try_from(varint(rest)?).ok()?;
    let (mut body, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    let (_attributes, after) = body.split_first()?;
    body = after;
    let timestamp_delta = varint(&mut body)?;
    let _offset_delta = varint(&mut body)?;
    let key_bytes = varint(&mut body)?;
    Some(Record {
        timestamp_ms: batch.base_timestamp_ms.wrapping_add(timestamp_delta),
        has_key: key_bytes >= 0,
    })
}

/// A zigzag number of variable length.
fn varint(bytes: &mut &[u8]) -> Option<i64> {
    let mut raw = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        raw |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((raw >> 1) as i64 ^ -((raw & 1) as i64));
        }
    }
    None
}
