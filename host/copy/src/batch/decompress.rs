//! Decompressing the records of a batch, within a limit.

use super::codec::Codec;
use super::error::BatchError;
use super::{gzip, lz4, snappy};
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// The most bytes that the records of one batch may decompress to. Brokers refuse batches whose
/// compressed form is over `max.message.bytes`; a batch of 1 MiB that gives more than this was made
/// to exhaust its reader.
pub const DECOMPRESSED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The least room that is made for output of unknown size.
const ROOM_BYTES_MIN: usize = 4 * 1024;

/// Decompresses batch after batch; what a codec needs to begin with is set up once.
#[derive(Default)]
pub struct Decompressor {
    zstd: Option<Decoder<'static>>,
    inflate: Option<flate2::Decompress>,
}

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decompressor").finish_non_exhaustive()
    }
}

impl Decompressor {
    /// Decompresses `payload` of the batch at `offset` into `records`, to at most
    /// [`DECOMPRESSED_BYTES_MAX`]. What `records` held is replaced; its room is used again.
    ///
    /// # Errors
    /// [`BatchError::Decompression`] or [`BatchError::Bomb`].
    pub fn decompress(
        &mut self,
        codec: Codec,
        payload: &[u8],
        offset: i64,
        records: &mut Vec<u8>,
    ) -> Result<(), BatchError> {
        records.clear();
        let done = match codec {
            Codec::None => grown(records, payload.len()).map(|room| room.copy_from_slice(payload)),
            Codec::Gzip => {
                let inflate = self
                    .inflate
                    .get_or_insert_with(|| flate2::Decompress::new(false));
                gzip::decompress(inflate, payload, records)
            }
            Codec::Snappy => snappy::decompress(payload, records),
            Codec::Lz4 => lz4::decompress(payload, records),
            Codec::Zstd => self.zstd(payload, records),
        };
        let done = match done {
            Ok(()) if records.len() > DECOMPRESSED_BYTES_MAX => Err(Failure::TooMuch),
            done => done,
        };
        done.map_err(|failure| match failure {
            Failure::TooMuch => BatchError::Bomb {
                offset,
                limit: DECOMPRESSED_BYTES_MAX,
            },
            Failure::Malformed(reason) => BatchError::Decompression {
                offset,
                codec: codec.name(),
                reason,
            },
        })
    }

    fn zstd(&mut self, payload: &[u8], records: &mut Vec<u8>) -> Result<(), Failure> {
        let decoder = match &mut self.zstd {
            Some(decoder) => decoder,
            empty => empty.insert(Decoder::new().map_err(Failure::new)?),
        };
        decoder.reinit().map_err(Failure::new)?;
        let mut input = InBuffer::around(payload);
        loop {
            spare(records, payload.len().saturating_mul(4))?;
            let (read_before, written_before) = (input.pos(), records.len());
            let mut output = OutBuffer::around_pos(records, written_before);
            // None are missing of a frame that has been read to its end.
            let missing = decoder.run(&mut input, &mut output).map_err(Failure::new)?;
            if missing == 0 && input.pos() == payload.len() {
                return Ok(());
            }
            // There was room, so it is input that lacks.
            if input.pos() == read_before && records.len() == written_before {
                return Err(Failure::new("it is cut off"));
            }
        }
    }
}

/// Why something can't be decompressed.
pub(super) enum Failure {
    /// It is malformed: how, in words.
    Malformed(String),
    /// It gives more than [`DECOMPRESSED_BYTES_MAX`].
    TooMuch,
}

impl Failure {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the shape that map_err wants"
    )]
    pub(super) fn new(reason: impl ToString) -> Self {
        Self::Malformed(reason.to_string())
    }
}

/// Makes `records` longer by `bytes` and returns what was added.
pub(super) fn grown(records: &mut Vec<u8>, bytes: usize) -> Result<&mut [u8], Failure> {
    let start = records.len();
    if bytes > DECOMPRESSED_BYTES_MAX - start {
        return Err(Failure::TooMuch);
    }
    records.resize(start + bytes, 0);
    Ok(&mut records[start..])
}

/// Makes sure that `records` has unused room. `bytes` is a guess of what will come.
pub(super) fn spare(records: &mut Vec<u8>, bytes: usize) -> Result<(), Failure> {
    if records.len() > DECOMPRESSED_BYTES_MAX {
        return Err(Failure::TooMuch);
    }
    if records.len() == records.capacity() {
        // One byte over the limit shows that there is too much; the room doubles at least.
        let room_max = DECOMPRESSED_BYTES_MAX + 1 - records.len();
        let room = bytes.max(records.len()).max(ROOM_BYTES_MIN).min(room_max);
        records.reserve_exact(room);
    }
    Ok(())
}
