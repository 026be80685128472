//! Cutting what a fetch returned into batches.

use super::error::BatchError;
use super::header::{Batch, BatchHeader, HEADER_BYTES, LENGTH_PREFIX_BYTES};
use bytes::Bytes;

/// Cuts the records of one fetched partition into whole batches. A broker may end the answer in the
/// middle of a batch: that rest is left out and fetched again.
#[derive(Debug, Clone)]
pub struct BatchSlices {
    rest: Bytes,
}

impl BatchSlices {
    /// Cuts `records`, as the field `records` of a fetch response holds them.
    #[must_use]
    pub fn new(records: Bytes) -> Self {
        Self { rest: records }
    }

    /// Bytes of the batch at the front, as its length field says; none when even that is cut off.
    fn front_bytes(&self) -> Option<Result<usize, BatchError>> {
        let head = self.rest.first_chunk::<LENGTH_PREFIX_BYTES>()?;
        let length = i32::from_be_bytes([head[8], head[9], head[10], head[11]]);
        let offset = i64::from_be_bytes([
            head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7],
        ]);
        // Even an empty message of format 0 has 14 bytes behind its length.
        if length < 14 {
            return Some(Err(BatchError::Length { offset, length }));
        }
        Some(Ok(length as usize + LENGTH_PREFIX_BYTES))
    }
}

impl Iterator for BatchSlices {
    type Item = Result<Batch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let total = match self.front_bytes()? {
            Ok(total) => total,
            Err(error) => {
                self.rest = Bytes::new();
                return Some(Err(error));
            }
        };
        if total > self.rest.len() {
            // The answer ends inside this batch. Whether it is of a format that can be copied is
            // worth telling even so, or a lone old message would be fetched for ever.
            let cut = std::mem::take(&mut self.rest);
            return match cut.get(..HEADER_BYTES).map(BatchHeader::read) {
                Some(Err(error @ BatchError::Format { .. })) => Some(Err(error)),
                _ => None,
            };
        }
        let batch = Batch::read(self.rest.split_to(total));
        if batch.is_err() {
            self.rest = Bytes::new();
        }
        Some(batch)
    }
}
