//! The codecs that compress the records of a batch.

use super::decompress::Decompressor;
use super::error::BatchError;
use super::header::CODEC_MASK;
use super::snappy;
use std::io::Write;

pub use super::decompress::DECOMPRESSED_BYTES_MAX;

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

    /// Decompresses `payload` of the batch at `offset`, to at most [`DECOMPRESSED_BYTES_MAX`]. For
    /// many batches a [`Decompressor`] is faster.
    ///
    /// # Errors
    /// [`BatchError::Decompression`] or [`BatchError::Bomb`].
    pub fn decompress(self, payload: &[u8], offset: i64) -> Result<Vec<u8>, BatchError> {
        let mut records = Vec::new();
        Decompressor::default().decompress(self, payload, offset, &mut records)?;
        Ok(records)
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
            Self::Snappy => snappy::compress(records),
        }
    }
}
