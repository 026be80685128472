//! Compressing and decompressing the records of a batch.

use super::error::BatchError;
use super::header::CODEC_MASK;
use std::io::{Read, Write};

/// The most bytes that the records of one batch may decompress to. Brokers refuse batches whose
/// compressed form is over `max.message.bytes`; a batch of 1 MiB that gives more than this was made
/// to exhaust its reader.
pub const DECOMPRESSED_BYTES_MAX: usize = 512 * 1024 * 1024;

/// How the records of a batch are compressed (the low three bits of `attributes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Snappy, framed as xerial's Java library does, or bare as other clients do.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard (KIP-110; brokers from 2.1 on).
    Zstd,
}

/// What snappy-java puts in front of its blocks: a magic number and two version numbers.
const XERIAL_MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
/// Bytes of xerial's header: the magic number, version and compatible version.
const XERIAL_HEADER_BYTES: usize = 16;
/// Bytes that snappy-java compresses into one block.
const XERIAL_BLOCK_BYTES: usize = 32 * 1024;

impl Codec {
    /// The codec that `attributes` name; none for a number that Kafka has not given out.
    #[must_use]
    pub fn of(attributes: i16) -> Option<Self> {
        match attributes & CODEC_MASK {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The bits of `attributes` that stand for this codec.
    #[must_use]
    pub fn bits(self) -> i16 {
        self as i16
    }

    /// The name as in `compression.type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Decompresses `payload` of the batch at `offset`, to at most [`DECOMPRESSED_BYTES_MAX`].
    ///
    /// # Errors
    /// [`BatchError::Decompression`] or [`BatchError::Bomb`].
    pub fn decompress(self, payload: &[u8], offset: i64) -> Result<Vec<u8>, BatchError> {
        match self {
            Self::None => Ok(payload.to_vec()),
            Self::Gzip => self.read_bounded(flate2::read::MultiGzDecoder::new(payload), offset),
            Self::Lz4 => self.read_bounded(lz4_flex::frame::FrameDecoder::new(payload), offset),
            Self::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(payload)
                    .map_err(|error| self.failed(offset, &error))?;
                self.read_bounded(decoder, offset)
            }
            Self::Snappy => self.unsnappy(payload, offset),
        }
    }

    /// Compresses `records`.
    ///
    /// # Errors
    /// What the compressor says; writing to memory, none is expected.
    pub fn compress(self, records: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(records.to_vec()),
            Self::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(records)?;
                encoder.finish()
            }
            Self::Lz4 => {
                // Independent blocks of 64 KiB, as the Java client writes them.
                let info = lz4_flex::frame::FrameInfo::new()
                    .block_size(lz4_flex::frame::BlockSize::Max64KB)
                    .block_mode(lz4_flex::frame::BlockMode::Independent);
                let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(records)?;
                encoder.finish().map_err(std::io::Error::other)
            }
            Self::Zstd => zstd::bulk::compress(records, zstd::DEFAULT_COMPRESSION_LEVEL),
            Self::Snappy => snappy(records),
        }
    }

    fn read_bounded(self, reader: impl Read, offset: i64) -> Result<Vec<u8>, BatchError> {
        let mut records = Vec::new();
        reader
            .take(DECOMPRESSED_BYTES_MAX as u64 + 1)
            .read_to_end(&mut records)
            .map_err(|error| self.failed(offset, &error))?;
        if records.len() > DECOMPRESSED_BYTES_MAX {
            return Err(BatchError::Bomb {
                offset,
                limit: DECOMPRESSED_BYTES_MAX,
            });
        }
        Ok(records)
    }

    fn unsnappy(self, payload: &[u8], offset: i64) -> Result<Vec<u8>, BatchError> {
        if !payload.starts_with(XERIAL_MAGIC) {
            return self.unsnappy_block(payload, 0, offset);
        }
        let mut rest = payload.get(XERIAL_HEADER_BYTES..).unwrap_or_default();
        let mut records = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let Some(block) = after.get(..length) else {
                return Err(self.failed(offset, &"a block is cut off"));
            };
            records.append(&mut self.unsnappy_block(block, records.len(), offset)?);
            rest = &after[length..];
        }
        if !rest.is_empty() {
            return Err(self.failed(offset, &"bytes behind the last block"));
        }
        Ok(records)
    }

    fn unsnappy_block(
        self,
        block: &[u8],
        already_bytes: usize,
        offset: i64,
    ) -> Result<Vec<u8>, BatchError> {
        let length =
            snap::raw::decompress_len(block).map_err(|error| self.failed(offset, &error))?;
        if already_bytes + length > DECOMPRESSED_BYTES_MAX {
            return Err(BatchError::Bomb {
                offset,
                limit: DECOMPRESSED_BYTES_MAX,
            });
        }
        snap::raw::Decoder::new()
            .decompress_vec(block)
            .map_err(|error| self.failed(offset, &error))
    }

    fn failed(self, offset: i64, reason: &dyn std::fmt::Display) -> BatchError {
        BatchError::Decompression {
            offset,
            codec: self.name(),
            reason: reason.to_string(),
        }
    }
}

fn snappy(records: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(XERIAL_HEADER_BYTES + records.len() / 2);
    out.extend_from_slice(XERIAL_MAGIC);
    out.extend_from_slice(&1_u32.to_be_bytes());
    out.extend_from_slice(&1_u32.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for block in records.chunks(XERIAL_BLOCK_BYTES) {
        let compressed = encoder.compress_vec(block).map_err(std::io::Error::other)?;
        out.extend_from_slice(&(compressed.len() as u32).to_be_bytes());
        out.extend_from_slice(&compressed);
    }
    Ok(out)
}
