//! From messages of formats 0 and 1 to batches of format 2.

use super::RECORD_BATCH_MAGIC;
use super::message::{Message, check};
use crate::batch::codec::Codec;
use crate::batch::decompress::Decompressor;
use crate::batch::encode::{BatchBuilder, Finished, put_contents};
use crate::batch::error::BatchError;
use crate::batch::header::Batch;
use crate::batch::records::Contents;

/// Messages that stand for themselves are put together up to this many bytes.
const TOGETHER_BYTES: usize = 256 * 1024;

/// A batch of format 2 made of messages of formats 0 or 1.
#[derive(Debug)]
pub(crate) struct Converted {
    /// The batch, not compressed.
    pub(crate) batch: Batch,
    /// How the messages were compressed.
    pub(crate) codec: Codec,
    /// Bytes that the messages took.
    pub(crate) bytes: usize,
}

/// Converts the compressed set that `messages` begins with, or as many single messages as are there
/// without a hole between their offsets. `messages` must begin with a whole message.
pub(crate) fn convert(messages: &[u8]) -> Result<Converted, BatchError> {
    let mut rest = messages;
    let first = take_checked(&mut rest)?;
    if first.codec != Codec::None {
        return Ok(Converted {
            batch: open(&first)?,
            codec: first.codec,
            bytes: messages.len() - rest.len(),
        });
    }
    let mut batch = Conversion::new(&first, first.offset)?;
    batch.push(first.offset, first.timestamp_ms, &first)?;
    let mut next = first.offset.checked_add(1);
    while batch.builder.records_bytes() < TOGETHER_BYTES {
        let mut behind = rest;
        // What is wrong with the next message is told when it is at the front.
        let Ok(message) = take_checked(&mut behind) else {
            break;
        };
        if message.codec != Codec::None || Some(message.offset) != next {
            break;
        }
        batch.push(message.offset, message.timestamp_ms, &message)?;
        next = message.offset.checked_add(1);
        rest = behind;
    }
    Ok(Converted {
        batch: batch.finish()?,
        codec: Codec::None,
        bytes: messages.len() - rest.len(),
    })
}

fn take_checked<'a>(rest: &mut &'a [u8]) -> Result<Message<'a>, BatchError> {
    let before = *rest;
    let taken = Message::take(rest).unwrap_or(Err(BatchError::CutOff {
        offset: -1,
        bytes: before.len(),
    }));
    // Damage shows first in the checksum, then in what was read; a batch of format 2 is neither.
    match taken {
        Err(error @ BatchError::Message { magic, .. }) if magic >= RECORD_BATCH_MAGIC => Err(error),
        taken => {
            check(&before[..before.len() - rest.len()])?;
            taken
        }
    }
}

/// Opens a compressed set: all of its messages become one batch.
///
/// In format 0 the messages inside have absolute offsets. In format 1 they are relative to the
/// first, and that of the whole is the absolute one of the last. Holes are those of the cleaner.
fn open(set: &Message<'_>) -> Result<Batch, BatchError> {
    let malformed = |reason| BatchError::Message {
        offset: set.offset,
        magic: set.magic,
        reason,
    };
    let value = set
        .value
        .ok_or_else(|| malformed("a compressed set without a value"))?;
    let mut inside = Vec::new();
    Decompressor::default().decompress(set.codec, value, set.offset, &mut inside)?;
    let (first, last) =
        ends(&inside).ok_or_else(|| malformed("a compressed set without messages"))?;
    let base = match set.magic {
        0 => 0,
        _ => set
            .offset
            .checked_sub(last)
            .filter(|base| *base >= 0)
            .ok_or_else(|| malformed("the messages inside reach before offset 0"))?,
    };
    let absolute = |offset: i64| {
        base.checked_add(offset)
            .filter(|offset| *offset <= set.offset)
            .ok_or_else(|| malformed("a message inside lies behind the whole set"))
    };
    let mut batch = Conversion::new(set, absolute(first)?)?;
    let mut rest = &inside[..];
    while let Some(message) = Message::take(&mut rest) {
        let message = message?;
        if message.codec != Codec::None {
            return Err(malformed("a compressed set inside a compressed set"));
        }
        // The broker gives the time to the whole set; messages of format 0 have none.
        let timestamp_ms = match message.magic {
            1 if set.log_append_time => set.timestamp_ms,
            _ => message.timestamp_ms,
        };
        batch.push(absolute(message.offset)?, timestamp_ms, &message)?;
    }
    if !rest.is_empty() {
        return Err(malformed("a message inside is cut off"));
    }
    batch.finish_at(set.offset)
}

/// The offsets of the first and the last message, as they are written.
fn ends(mut messages: &[u8]) -> Option<(i64, i64)> {
    let first = Message::take(&mut messages)?.ok()?.offset;
    let mut last = first;
    while let Some(Ok(message)) = Message::take(&mut messages) {
        last = message.offset;
    }
    Some((first, last))
}

/// A batch that is being made of messages.
struct Conversion {
    builder: BatchBuilder,
    base_offset: i64,
    next_delta: i64,
    magic: i8,
    body: Vec<u8>,
}

impl Conversion {
    fn new(of: &Message<'_>, base_offset: i64) -> Result<Self, BatchError> {
        if base_offset < 0 {
            return Err(BatchError::Field {
                offset: of.offset,
                field: "offset",
                value: base_offset,
            });
        }
        Ok(Self {
            builder: BatchBuilder::default(),
            base_offset,
            next_delta: 0,
            magic: of.magic,
            body: Vec::new(),
        })
    }

    fn push(
        &mut self,
        offset: i64,
        timestamp_ms: i64,
        message: &Message<'_>,
    ) -> Result<(), BatchError> {
        let delta = self.delta(offset)?;
        self.body.clear();
        let contents = Contents {
            key: message.key,
            value: message.value,
            headers: Vec::new(),
        };
        put_contents(&mut self.body, &contents);
        self.builder.push_at(delta, timestamp_ms, &self.body);
        self.next_delta = i64::from(delta) + 1;
        Ok(())
    }

    /// The delta of `offset`, which must lie behind the record before.
    fn delta(&self, offset: i64) -> Result<i32, BatchError> {
        let malformed = |reason| BatchError::Message {
            offset,
            magic: self.magic,
            reason,
        };
        let delta = offset
            .checked_sub(self.base_offset)
            .filter(|delta| *delta >= self.next_delta)
            .ok_or_else(|| malformed("its offset does not ascend"))?;
        // The offset behind the last record must still be one.
        i32::try_from(delta)
            .ok()
            .filter(|delta| *delta < i32::MAX && offset < i64::MAX)
            .ok_or_else(|| malformed("its offset lies too far from the first"))
    }

    /// The batch, which reaches to `last_offset`.
    fn finish_at(mut self, last_offset: i64) -> Result<Batch, BatchError> {
        if last_offset - self.base_offset >= self.next_delta {
            let delta = self.delta(last_offset)?;
            self.builder.reach(delta);
        }
        self.finish()
    }

    fn finish(self) -> Result<Batch, BatchError> {
        let Self {
            builder,
            base_offset,
            magic,
            ..
        } = self;
        match builder.finish_within(Codec::None, usize::MAX, base_offset) {
            Ok(Finished::Batch(encoded)) => Ok(Batch {
                header: encoded.header,
                bytes: encoded.bytes,
            }),
            Ok(Finished::TooLarge { .. }) | Err(_) => Err(BatchError::Message {
                offset: base_offset,
                magic,
                reason: "it is too large for a batch",
            }),
        }
    }
}
