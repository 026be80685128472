//! Reading LZ4 frames.
//!
//! Kafka's brokers and clients of message format 0 computed the checksum in the frame's header over
//! the wrong bytes (KAFKA-3160). No checksum of the frame is looked at here: the batch or message
//! around it has one over all of it, and so frames of every age can be read.
//!
//! Source: LZ4 frame format description, version 1.6.

use super::decompress::{Failure, grown};

const MAGIC: [u8; 4] = 0x184D_2204_u32.to_le_bytes();
/// The bit of a block's size that says: not compressed.
const UNCOMPRESSED: u32 = 1 << 31;
/// How far back a block that is not independent may refer.
const WINDOW_BYTES: usize = 64 * 1024;

/// A block with less than this many bytes is likely to decompress to little.
const SMALL_BLOCK_BYTES: usize = 1024;

/// What the header of a frame says.
struct Frame {
    independent: bool,
    block_checksums: bool,
    content_checksum: bool,
    block_bytes_max: usize,
}

/// Decompresses every frame of `payload` behind what `records` holds.
pub(super) fn decompress(mut payload: &[u8], records: &mut Vec<u8>) -> Result<(), Failure> {
    loop {
        let frame = header(&mut payload)?;
        let start = records.len();
        while let Some(size) = block_size(&mut payload)? {
            let uncompressed = size & UNCOMPRESSED != 0;
            let block = take(&mut payload, (size & !UNCOMPRESSED) as usize)?;
            if uncompressed {
                grown(records, block.len())?.copy_from_slice(block);
            } else {
                decompress_block(&frame, start, block, records)?;
            }
            if frame.block_checksums {
                take(&mut payload, 4)?;
            }
        }
        if frame.content_checksum {
            take(&mut payload, 4)?;
        }
        if payload.is_empty() {
            return Ok(());
        }
    }
}

fn header(payload: &mut &[u8]) -> Result<Frame, Failure> {
    if take(payload, 4)? != MAGIC {
        return Err(Failure::new("no LZ4 frame"));
    }
    let [flags, sizes] = [byte(payload)?, byte(payload)?];
    let has = |bit: u8| flags >> bit & 1 == 1;
    if flags >> 6 != 1 {
        return Err(Failure::new("an unknown version of LZ4 frames"));
    }
    if has(0) {
        return Err(Failure::new("a frame that wants a dictionary"));
    }
    let block_bytes_max = match sizes >> 4 & 7 {
        n @ 4..=7 => 1_usize << (2 * n + 8),
        _ => return Err(Failure::new("an impossible size of blocks")),
    };
    if has(3) {
        // The size of the contents, which is found out anyway.
        take(payload, 8)?;
    }
    // The checksum of the header.
    take(payload, 1)?;
    Ok(Frame {
        independent: has(5),
        block_checksums: has(4),
        content_checksum: has(2),
        block_bytes_max,
    })
}

/// The size of the next block; none at the end of the frame.
fn block_size(payload: &mut &[u8]) -> Result<Option<u32>, Failure> {
    let (size, rest) = payload
        .split_first_chunk::<4>()
        .ok_or_else(|| Failure::new("the frame has no end"))?;
    *payload = rest;
    let size = u32::from_le_bytes(*size);
    Ok((size != 0).then_some(size))
}

fn decompress_block(
    frame: &Frame,
    frame_start: usize,
    block: &[u8],
    records: &mut Vec<u8>,
) -> Result<(), Failure> {
    let start = records.len();
    // One byte of LZ4 stands for 255 at most. Clearing room for that costs more than a small block
    // itself, which hardly ever needs it.
    let bytes_max = frame.block_bytes_max.min(block.len().saturating_mul(255));
    let bytes_likely = match block.len() {
        0..SMALL_BLOCK_BYTES => bytes_max.min(block.len() * 8),
        _ => bytes_max,
    };
    let mut room_bytes = bytes_likely;
    loop {
        grown(records, room_bytes)?;
        let (before, room) = records.split_at_mut(start);
        let written = if frame.independent {
            lz4_flex::block::decompress_into(block, room)
        } else {
            let window = frame_start.max(start.saturating_sub(WINDOW_BYTES));
            lz4_flex::block::decompress_into_with_dict(block, room, &before[window..])
        };
        records.truncate(start + *written.as_ref().unwrap_or(&0));
        match written {
            Ok(_) => return Ok(()),
            Err(_) if room_bytes < bytes_max => room_bytes = bytes_max,
            Err(error) => return Err(Failure::new(error)),
        }
    }
}

fn byte(payload: &mut &[u8]) -> Result<u8, Failure> {
    take(payload, 1).map(|bytes| bytes[0])
}

fn take<'a>(payload: &mut &'a [u8], bytes: usize) -> Result<&'a [u8], Failure> {
    let (front, rest) = payload
        .split_at_checked(bytes)
        .ok_or_else(|| Failure::new("the frame is cut off"))?;
    *payload = rest;
    Ok(front)
}
