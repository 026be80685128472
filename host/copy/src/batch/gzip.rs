//! Reading gzip (RFC 1952) with one decompressor for many batches.

use super::decompress::{Failure, spare};
use flate2::{Crc, Decompress, FlushDecompress, Status};

/// Bytes of a header without optional fields.
const HEADER_BYTES: usize = 10;
/// The only method there is: deflate.
const DEFLATE: u8 = 8;
/// The bits of the header's flags: a checksum of the header, further fields, name, comment.
const HEADER_CHECKSUM: u8 = 0x02;
const EXTRA: u8 = 0x04;
const NAME: u8 = 0x08;
const COMMENT: u8 = 0x10;

/// Decompresses every member of `payload` behind what `records` holds.
pub(super) fn decompress(
    inflate: &mut Decompress,
    mut payload: &[u8],
    records: &mut Vec<u8>,
) -> Result<(), Failure> {
    loop {
        skip_header(&mut payload)?;
        let start = records.len();
        inflate_member(inflate, &mut payload, records)?;
        let mut checksum = Crc::new();
        checksum.update(&records[start..]);
        let trailer = [checksum.sum(), checksum.amount()].map(u32::to_le_bytes);
        if take(&mut payload, 8)? != trailer.as_flattened() {
            return Err(Failure::new("its contents do not fit their checksum"));
        }
        if payload.is_empty() {
            return Ok(());
        }
    }
}

fn inflate_member(
    inflate: &mut Decompress,
    payload: &mut &[u8],
    records: &mut Vec<u8>,
) -> Result<(), Failure> {
    inflate.reset(false);
    loop {
        spare(records, payload.len().saturating_mul(4))?;
        let (read_before, written_before) = (inflate.total_in(), inflate.total_out());
        let status = inflate
            .decompress_vec(payload, records, FlushDecompress::None)
            .map_err(Failure::new)?;
        let read = inflate.total_in() - read_before;
        *payload = &payload[read as usize..];
        match status {
            Status::StreamEnd => return Ok(()),
            // There was room, so it is input that lacks.
            _ if read == 0 && inflate.total_out() == written_before => {
                return Err(Failure::new("it is cut off"));
            }
            _ => {}
        }
    }
}

fn skip_header(payload: &mut &[u8]) -> Result<(), Failure> {
    let header = take(payload, HEADER_BYTES)?;
    if header[..3] != [0x1f, 0x8b, DEFLATE] {
        return Err(Failure::new("no gzip header"));
    }
    let flags = header[3];
    if flags & EXTRA != 0 {
        let length = take(payload, 2)?;
        take(
            payload,
            usize::from(u16::from_le_bytes([length[0], length[1]])),
        )?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = payload.iter().position(|byte| *byte == 0);
            take(payload, end.unwrap_or(payload.len()) + 1)?;
        }
    }
    if flags & HEADER_CHECKSUM != 0 {
        take(payload, 2)?;
    }
    Ok(())
}

fn take<'a>(payload: &mut &'a [u8], bytes: usize) -> Result<&'a [u8], Failure> {
    let (front, rest) = payload
        .split_at_checked(bytes)
        .ok_or_else(|| Failure::new("it is cut off"))?;
    *payload = rest;
    Ok(front)
}
