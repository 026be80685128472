//! Snappy as Kafka's clients write it: blocks in the framing of xerial's Java library, or one bare
//! block.

use super::decompress::{Failure, grown};

/// What snappy-java puts in front of its blocks: a magic number and two version numbers.
const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
/// The magic number's first four bytes where a length is expected: another stream begins.
const MAGIC_AS_LENGTH: [u8; 4] = *b"\x82SNA";
/// Bytes of xerial's header: the magic number, version and compatible version.
const HEADER_BYTES: usize = 16;
/// Bytes that snappy-java compresses into one block.
const BLOCK_BYTES: usize = 32 * 1024;

/// Compresses `records` into xerial's framing.
pub(super) fn compress(records: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(HEADER_BYTES + records.len() / 2);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&1_u32.to_be_bytes());
    out.extend_from_slice(&1_u32.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for block in records.chunks(BLOCK_BYTES) {
        let compressed = encoder.compress_vec(block).map_err(std::io::Error::other)?;
        out.extend_from_slice(&(compressed.len() as u32).to_be_bytes());
        out.extend_from_slice(&compressed);
    }
    Ok(out)
}

/// Decompresses `payload` behind what `records` holds.
pub(super) fn decompress(payload: &[u8], records: &mut Vec<u8>) -> Result<(), Failure> {
    if !payload.starts_with(MAGIC) {
        return block(payload, records);
    }
    let mut rest = payload.get(HEADER_BYTES..).unwrap_or_default();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        if *length == MAGIC_AS_LENGTH && rest.starts_with(MAGIC) {
            rest = rest.get(HEADER_BYTES..).unwrap_or_default();
            continue;
        }
        let length = u32::from_be_bytes(*length) as usize;
        let Some((front, behind)) = after.split_at_checked(length) else {
            return Err(Failure::new("a block is cut off"));
        };
        block(front, records)?;
        rest = behind;
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(Failure::new("bytes behind the last block"))
    }
}

fn block(block: &[u8], records: &mut Vec<u8>) -> Result<(), Failure> {
    let length = snap::raw::decompress_len(block).map_err(Failure::new)?;
    let start = records.len();
    // Snappy copies at most 64 bytes for three bytes of its own: more can't come of so little.
    if length > block.len().saturating_mul(64) {
        return Err(Failure::new("a block claims more than it can hold"));
    }
    let room = grown(records, length)?;
    let written = snap::raw::Decoder::new()
        .decompress(block, room)
        .map_err(Failure::new)?;
    records.truncate(start + written);
    Ok(())
}
