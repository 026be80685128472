//! Cutting what a fetch returned into batches.

use super::codec::Codec;
use super::error::BatchError;
use super::header::{Batch, LENGTH_PREFIX_BYTES};
use super::message_set::{MESSAGE_BYTES_MIN, RECORD_BATCH_MAGIC, convert, offset_and_length};
use bytes::{Buf, Bytes};

/// Where the format stands in messages and batches alike.
const MAGIC_AT: usize = 16;

/// Cuts the records of one fetched partition into whole batches. A broker may end the answer in the
/// middle of a batch: that rest is left out and fetched again.
///
/// Messages of formats 0 and 1 come as batches of format 2 that were made of them, not compressed;
/// [`BatchSlices::converted_from`] tells.
#[derive(Debug, Clone)]
pub struct BatchSlices {
    rest: Bytes,
    /// Whether a batch was returned already.
    begun: bool,
    converted_from: Option<Codec>,
}

impl BatchSlices {
    /// Cuts `records`, as the field `records` of a fetch response holds them.
    #[must_use]
    pub fn new(records: Bytes) -> Self {
        Self {
            rest: records,
            begun: false,
            converted_from: None,
        }
    }

    /// How the messages of formats 0 or 1 were compressed that the last batch was made of; none if
    /// it is the broker's own.
    #[must_use]
    pub fn converted_from(&self) -> Option<Codec> {
        self.converted_from
    }

    /// The offset that stands in front of what comes next, whole or not, unchecked: no batch before
    /// it reaches so far.
    #[must_use]
    pub fn offset_behind(&self) -> Option<i64> {
        self.rest
            .first_chunk()
            .map(|bytes| i64::from_be_bytes(*bytes))
    }

    /// What is made of a batch that is not whole: nothing, unless nothing came before it.
    fn cut_off(&self, offset: i64) -> Option<BatchError> {
        (!self.begun && !self.rest.is_empty()).then_some(BatchError::CutOff {
            offset,
            bytes: self.rest.len(),
        })
    }

    fn read(&mut self) -> Option<Result<Batch, BatchError>> {
        let Some(head) = self.rest.first_chunk::<LENGTH_PREFIX_BYTES>() else {
            return self.cut_off(self.offset_behind().unwrap_or(-1)).map(Err);
        };
        let (offset, length) = offset_and_length(head);
        if length < MESSAGE_BYTES_MIN {
            return Some(Err(BatchError::Length { offset, length }));
        }
        let total = length as usize + LENGTH_PREFIX_BYTES;
        let magic = self.rest.get(MAGIC_AT).map(|magic| *magic as i8);
        match magic {
            Some(magic) if !(0..=RECORD_BATCH_MAGIC).contains(&magic) => {
                Some(Err(BatchError::Format { offset, magic }))
            }
            _ if total > self.rest.len() => self.cut_off(offset).map(Err),
            Some(RECORD_BATCH_MAGIC) => Some(Batch::read(self.rest.split_to(total))),
            _ => Some(convert(&self.rest).map(|converted| {
                self.rest.advance(converted.bytes);
                self.converted_from = Some(converted.codec);
                converted.batch
            })),
        }
    }
}

impl Iterator for BatchSlices {
    type Item = Result<Batch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.converted_from = None;
        let read = self.read();
        self.begun = true;
        if !matches!(read, Some(Ok(_))) {
            self.rest = Bytes::new();
        }
        read
    }
}
