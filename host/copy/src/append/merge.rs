//! Putting the records of several batches together into batches that the target takes.

use super::{
    Append, Bounds, MERGED_BYTES_MAX, MERGED_RECORDS_MAX, Offsets, Piece, Preparation, Void,
};
use crate::batch::codec::Codec;
use crate::batch::decompress::Decompressor;
use crate::batch::encode::{BatchBuilder, Finished, filler_body};
use crate::batch::error::BatchError;
use crate::batch::header::{Batch, BatchHeader, HEADER_BYTES, LOG_APPEND_TIME};
use crate::batch::records::{RecordIter, codec_of};
use crate::halt::Halt;

/// A batch that could pass but decompresses to more than this is not merged: a few of its kind
/// would fill a merged batch.
const WORTH_MERGING_BYTES_MAX: usize = MERGED_BYTES_MAX / 4;

/// So many fillers side by side are compressed: they are all alike.
const ALIKE_MIN: i64 = 1_000;
/// About what a record takes besides its body.
const NUMBERS_BYTES: usize = 10;

/// Where records come from: (source offset, records), side by side.
type Runs = Vec<(i64, i64)>;

/// Collects records of batch after batch, and the appends that were made of them.
#[derive(Debug)]
pub(super) struct Merger {
    /// Only records from this offset on are added, and only those before the other.
    from: i64,
    until: i64,
    batch_bytes_max: usize,
    /// The body of a filler, where holes are filled.
    filler: Option<Vec<u8>>,
    bounds: Bounds,
    /// Bytes of the answer that were not merged yet: the most room that is worth making.
    left_bytes: usize,
    builder: BatchBuilder,
    codec: Codec,
    runs: Runs,
    source_next: i64,
    source_epoch: i32,
    decompressor: Decompressor,
    /// Decompressed records of the batch that is being added.
    opened: Vec<u8>,
    /// Fillers among the records that wait, and in all.
    fillers: i64,
    fillers_made: i64,
    pieces: Vec<Piece>,
    lost: bool,
}

impl Merger {
    /// A merger for an answer of `answer_bytes`.
    pub(super) fn new(how: &Preparation, bounds: Bounds, answer_bytes: usize) -> Self {
        let filler = match &how.offsets {
            Offsets::Preserve { filler } => filler.as_deref().map(filler_body),
            Offsets::Translate => None,
        };
        Self {
            from: how.from,
            until: i64::MAX,
            batch_bytes_max: how.batch_bytes_max,
            filler,
            bounds,
            left_bytes: answer_bytes,
            builder: BatchBuilder::default(),
            codec: Codec::None,
            runs: Vec::new(),
            source_next: how.from,
            source_epoch: -1,
            decompressor: Decompressor::default(),
            opened: Vec::new(),
            fillers: 0,
            fillers_made: 0,
            pieces: Vec::new(),
            lost: false,
        }
    }

    /// Leaves out records at `until` and behind it.
    pub(super) fn until(mut self, until: i64) -> Self {
        self.until = until;
        self
    }

    /// Whether records that had been added could not be appended.
    pub(super) fn lost(&self) -> bool {
        self.lost
    }

    /// Fillers that were made so far.
    pub(super) fn fillers_made(&self) -> i64 {
        self.fillers_made
    }

    /// Whether no records wait.
    pub(super) fn is_empty(&self) -> bool {
        self.builder.count() == 0
    }

    /// Everything that was passed, merged and flushed, or kept free, in order.
    pub(super) fn into_pieces(self) -> Vec<Piece> {
        self.pieces
    }

    /// Whether the target takes all of a batch as it is.
    pub(super) fn passes(&self, batch: &Batch) -> bool {
        let header = &batch.header;
        header.base_offset >= self.from
            && header.next_offset() <= self.until
            && !header.has_gaps()
            && !header.has(LOG_APPEND_TIME)
            && batch.bytes.len() <= self.batch_bytes_max
            && self.target_knows_codec(header)
    }

    /// Whether the target can read a batch with this header.
    fn target_knows_codec(&self, header: &BatchHeader) -> bool {
        Codec::of(header.attributes).is_some_and(|codec| self.codec_for(codec) == codec)
    }

    /// The codec for records that came with `codec`.
    fn codec_for(&self, codec: Codec) -> Codec {
        match codec {
            Codec::Zstd if !self.bounds.target_knows_zstd => Codec::Lz4,
            codec => codec,
        }
    }

    /// Keeps offsets free. Nothing may wait.
    pub(super) fn void(&mut self, void: Void) {
        debug_assert!(self.is_empty(), "what waits comes first");
        self.pieces.push(Piece::Void(void));
    }

    /// Appends `batch` as it is. Nothing may wait.
    pub(super) fn pass(&mut self, batch: Batch) {
        debug_assert!(self.is_empty(), "what waits comes first");
        let header = batch.header;
        self.left_bytes = self.left_bytes.saturating_sub(batch.bytes.len());
        self.pieces.push(Piece::Append(Append {
            header,
            bytes: batch.bytes,
            runs: vec![(header.base_offset, header.records_count.into())],
            source_next: header.next_offset(),
            source_epoch: header.partition_leader_epoch,
            untouched: true,
            fillers: 0,
        }));
    }

    /// Adds the wanted records of `batch`. One that `passes` is appended as it is if it turns out
    /// not to be worth merging. `converted_from` says how it was compressed before it was converted.
    pub(super) fn add(
        &mut self,
        batch: Batch,
        passes: bool,
        converted_from: Option<Codec>,
    ) -> Result<(), Halt> {
        let header = batch.header;
        let written = codec_of(&header).map_err(|error| Halt::bad_batch(&error))?;
        // Kept apart while the rest of the merger changes.
        let mut opened = std::mem::take(&mut self.opened);
        let records = match written {
            Codec::None => batch.payload(),
            codec => {
                self.decompressor
                    .decompress(codec, batch.payload(), header.base_offset, &mut opened)
                    .map_err(|error| Halt::bad_batch(&error))?;
                &opened
            }
        };
        if passes && records.len() > WORTH_MERGING_BYTES_MAX {
            self.flush()?;
            self.pass(batch);
        } else {
            self.make_room(records.len(), header.records_count)?;
            self.left_bytes = self.left_bytes.saturating_sub(batch.bytes.len());
            let codec = self.codec_for(converted_from.unwrap_or(written));
            if self.codec == Codec::None {
                self.codec = codec;
            }
            self.add_records(&header, records)
                .map_err(|error| Halt::bad_batch(&error))?;
            self.source_next = header.next_offset();
            self.source_epoch = header.partition_leader_epoch;
        }
        self.opened = opened;
        Ok(())
    }

    /// Flushes if what waits would become too large with further `bytes` and `records`.
    fn make_room(&mut self, bytes: usize, records: i32) -> Result<(), Halt> {
        let target_max = self.batch_bytes_max.saturating_sub(HEADER_BYTES);
        let bytes_max = MERGED_BYTES_MAX.min(target_max);
        let full = self.builder.records_bytes() + bytes > bytes_max
            || self.builder.count().saturating_add(records) > MERGED_RECORDS_MAX;
        if full {
            self.flush()?;
        }
        if self.is_empty() {
            // Records that were compressed take more room than the answer has left.
            let room = bytes.max(self.left_bytes.min(bytes_max));
            self.builder = BatchBuilder::with_capacity(room);
        }
        Ok(())
    }

    /// Adds fillers for the offsets from `first` up to `until`, with the timestamp of a neighbour: the
    /// record before, or else one of the batch that stands there.
    pub(super) fn fill(
        &mut self,
        first: i64,
        until: i64,
        neighbour: &BatchHeader,
    ) -> Result<(), Halt> {
        let Some(filler) = self.filler.take() else {
            return Ok(());
        };
        let before = self.builder.last_timestamp_ms();
        let timestamp_ms = before.unwrap_or(neighbour.max_timestamp);
        let mut filled = Ok(());
        for offset in first.max(self.from)..until {
            filled = self.make_room(filler.len() + NUMBERS_BYTES, 1);
            if filled.is_err() {
                break;
            }
            if self.codec == Codec::None && until - first >= ALIKE_MIN {
                self.codec = Codec::Lz4;
            }
            self.push_filler(&filler, offset, timestamp_ms);
            self.source_next = offset + 1;
            self.source_epoch = neighbour.partition_leader_epoch;
        }
        self.filler = Some(filler);
        filled
    }

    fn push_filler(&mut self, filler: &[u8], offset: i64, timestamp_ms: i64) {
        self.builder.push_parts(timestamp_ms, filler);
        note(&mut self.runs, offset, 1);
        self.fillers += 1;
        self.fillers_made += 1;
    }

    fn add_records(&mut self, header: &BatchHeader, records: &[u8]) -> Result<(), BatchError> {
        let mark = self.builder.mark();
        let runs = self.runs.len();
        let fillers = self.fillers;
        let last_run = self.runs.last().copied();
        let added = self.try_add_records(header, records);
        if added.is_err() {
            // Nothing of a bad batch may stay.
            self.builder.rewind(&mark);
            self.runs.truncate(runs);
            self.fillers = fillers;
            if let (Some(last), Some(before)) = (self.runs.last_mut(), last_run) {
                *last = before;
            }
        }
        added
    }

    fn try_add_records(&mut self, header: &BatchHeader, records: &[u8]) -> Result<(), BatchError> {
        let inside = header.base_offset >= self.from && header.next_offset() <= self.until;
        let whole = inside && !header.has_gaps();
        let wanted = self.from.max(header.base_offset)..self.until.min(header.next_offset());
        let mut next = wanted.start;
        let filler = self.filler.take();
        for (index, record) in (0..).zip(RecordIter::over(header, records)) {
            let checked = record.and_then(|record| {
                record.check().map_err(|reason| BatchError::Record {
                    offset: header.base_offset,
                    index,
                    reason,
                })?;
                Ok(record)
            });
            let record = match checked {
                Ok(record) => record,
                Err(error) => {
                    self.filler = filler;
                    return Err(error);
                }
            };
            if whole {
                self.builder.push(&record);
            } else if wanted.contains(&record.offset) {
                if let Some(filler) = &filler {
                    (next..record.offset)
                        .for_each(|offset| self.push_filler(filler, offset, record.timestamp_ms));
                    next = record.offset + 1;
                }
                self.builder.push(&record);
                note(&mut self.runs, record.offset, 1);
            }
        }
        if whole {
            note(
                &mut self.runs,
                header.base_offset,
                header.records_count.into(),
            );
        } else if let Some(filler) = &filler {
            let last_ms = self.builder.last_timestamp_ms();
            let timestamp_ms = last_ms.unwrap_or(header.max_timestamp);
            (next..wanted.end).for_each(|offset| self.push_filler(filler, offset, timestamp_ms));
        }
        self.filler = filler;
        Ok(())
    }

    /// Turns the records that wait into appends.
    pub(super) fn flush(&mut self) -> Result<(), Halt> {
        let builder = std::mem::take(&mut self.builder);
        let runs = std::mem::take(&mut self.runs);
        let codec = std::mem::replace(&mut self.codec, Codec::None);
        let fillers = std::mem::take(&mut self.fillers);
        let encoded = self.encode(builder, runs, codec, self.source_next, fillers);
        self.lost |= encoded.is_err();
        encoded
    }

    /// Makes one batch of `builder`, or halves it until each batch is small enough.
    fn encode(
        &mut self,
        builder: BatchBuilder,
        runs: Runs,
        codec: Codec,
        source_next: i64,
        fillers: i64,
    ) -> Result<(), Halt> {
        let Some(&(first, _)) = runs.first() else {
            return Ok(());
        };
        let limit_bytes = self.batch_bytes_max;
        let finished = builder
            .finish_within(codec, limit_bytes, 0)
            .map_err(|error| Halt::BadBatch {
                error: format!("records from offset {first} can't be encoded: {error}"),
            })?;
        match finished {
            Finished::Batch(encoded) => self.pieces.push(Piece::Append(Append {
                header: encoded.header,
                bytes: encoded.bytes,
                runs,
                source_next,
                source_epoch: self.source_epoch,
                untouched: false,
                fillers,
            })),
            Finished::TooLarge { builder, .. } if builder.count() > 1 => {
                let [front, back] = builder.halves();
                let (front_runs, back_runs) = split(&runs, front.count().into());
                let middle = back_runs.first().map_or(source_next, |(offset, _)| *offset);
                drop(builder);
                self.encode(front, front_runs, codec, middle, fillers)?;
                self.encode(back, back_runs, codec, source_next, 0)?;
            }
            Finished::TooLarge { batch_bytes, .. } => {
                return Err(Halt::RecordTooLarge {
                    offset: first,
                    batch_bytes,
                    limit_bytes,
                });
            }
        }
        Ok(())
    }
}

/// Notes `records` more, from `source` on.
fn note(runs: &mut Runs, source: i64, records: i64) {
    match runs.last_mut() {
        Some((first, count)) if *first + *count == source => *count += records,
        _ => runs.push((source, records)),
    }
}

/// The runs of the first `records` records, and those of the others.
fn split(runs: &[(i64, i64)], records: i64) -> (Runs, Runs) {
    let (mut front, mut back) = (Runs::new(), Runs::new());
    let mut left = records;
    for &(source, count) in runs {
        let taken = count.min(left);
        if taken > 0 {
            front.push((source, taken));
        }
        if taken < count {
            back.push((source + taken, count - taken));
        }
        left -= taken;
    }
    (front, back)
}
