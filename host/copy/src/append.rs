//! What is to be appended at the target, made from what was fetched at the source.
//!
//! A batch passes untouched wherever it can. Where it can't, its records are merged with those of
//! its neighbours: batches that are too small to be sent alone, with holes between their offsets,
//! with the broker's timestamps, of message format 0 or 1, with a codec that the target does not
//! know, too large for the target, or wanted only from some offset on.

mod merge;
mod place;
mod void;

use crate::batch::aborted::{AbortedFilter, Meaning};
use crate::batch::codec::Codec;
use crate::batch::error::BatchError;
use crate::batch::header::{Batch, BatchHeader};
use crate::batch::slices::BatchSlices;
use crate::halt::Halt;
use bytes::Bytes;
use merge::Merger;
use place::Place;
use std::sync::Arc;
pub use void::Void;
use void::VoidRun;

/// A batch smaller than this is merged with its neighbours: what a broker does per batch costs more
/// than what it does per byte.
pub const TINY_BATCH_BYTES: usize = 16 * 1024;
/// Merged batches hold at most this many bytes of records before compression.
pub const MERGED_BYTES_MAX: usize = 512 * 1024;
/// Merged batches hold at most this many records.
pub const MERGED_RECORDS_MAX: i32 = 50_000;

/// Fillers that are made of one answer; the rest is left for the next one.
pub const FILLERS_MAX: i64 = 1_000_000;

/// A batch to be appended at the target: complete but for base offset, producer and sequence.
#[derive(Debug, Clone)]
pub struct Append {
    /// Its header.
    pub header: BatchHeader,
    /// All of its bytes.
    pub bytes: Bytes,
    /// Where its records come from: (source offset, records), side by side in the batch.
    pub runs: Vec<(i64, i64)>,
    /// The source offset behind it.
    pub source_next: i64,
    /// The leader epoch of the source that its last batch was written in.
    pub source_epoch: i32,
    /// Whether it is the source's own batch rather than one put together here.
    pub untouched: bool,
    /// How many of its records are fillers, which stand where the source has none.
    pub fillers: i64,
}

impl Append {
    /// How many records it has.
    #[must_use]
    pub fn records(&self) -> i64 {
        i64::from(self.header.records_count)
    }

    /// The source offset of its first record.
    #[must_use]
    pub fn source_first(&self) -> i64 {
        self.runs
            .first()
            .map_or(self.source_next, |(source, _)| *source)
    }
}

/// What comes next at the target.
#[derive(Debug, Clone)]
pub enum Piece {
    /// Records.
    Append(Append),
    /// Offsets that are kept free of records; only where offsets are kept.
    Void(Void),
}

impl Piece {
    /// The source offset behind it.
    #[must_use]
    pub fn source_next(&self) -> i64 {
        match self {
            Self::Append(append) => append.source_next,
            Self::Void(void) => void.until,
        }
    }

    /// Bytes of its batches.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Append(append) => append.bytes.len(),
            Self::Void(void) => void.aborted.iter().map(|append| append.bytes.len()).sum(),
        }
    }
}

/// Why offsets can't be kept from some source offset on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interruption {
    /// The source offset.
    pub at: i64,
    /// Why, for people.
    pub reason: &'static str,
}

/// What one fetched answer of one partition amounts to.
#[derive(Debug, Default)]
pub struct Prepared {
    /// What is to be written, in order.
    pub pieces: Vec<Piece>,
    /// The source offset behind everything that was looked at. Markers, aborted records and empty
    /// batches at the end move it beyond the last append.
    pub source_next: i64,
    /// The leader epoch of the last batch that was looked at, if there was one.
    pub source_epoch: Option<i32>,
    /// Where the offsets could not be kept on; only when they were to be.
    pub interruption: Option<Interruption>,
    /// The answer holds something that can't be copied; all before it is in `pieces`.
    pub halt: Option<Halt>,
}

impl Prepared {
    /// The records that are to be appended, in order.
    pub fn appends(&self) -> impl Iterator<Item = &Append> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Append(append) => Some(append),
            Piece::Void(_) => None,
        })
    }
}

/// What becomes of the offsets of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offsets {
    /// Records are put side by side.
    Translate,
    /// Every record keeps its offset, and the preparation stops where that is not possible. Offsets
    /// of markers and of aborted records are kept free. So are those that a cleaner has left without
    /// a record, unless there is a key for fillers: then a tombstone with that key takes the place
    /// of each, for the target's cleaner to remove.
    Preserve {
        /// The key of fillers.
        filler: Option<Arc<[u8]>>,
    },
}

impl Offsets {
    /// Every record keeps its offset, without fillers.
    pub const PRESERVE: Self = Self::Preserve { filler: None };
}

/// How a fetched answer is to be prepared.
#[derive(Debug, Clone)]
pub struct Preparation {
    /// The source offset from which on records are wanted.
    pub from: i64,
    /// What becomes of offsets.
    pub offsets: Offsets,
    /// The largest batch that the target takes (`max.message.bytes`).
    pub batch_bytes_max: usize,
}

/// What is known of the source's log and of the target beyond one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The end of the source's log, as its high watermark: no batch of the answer reaches behind
    /// it. `i64::MAX` where it is not known.
    pub source_end: i64,
    /// Whether `from` is where a batch begins or where one was missing, as behind an answer that was
    /// taken to its end. Then no batch of the answer may begin before it.
    pub from_is_boundary: bool,
    /// Whether the target knows Zstandard (KIP-110: brokers from 2.1 on). Where it does not, such
    /// batches are compressed with LZ4.
    pub target_knows_zstd: bool,
}

impl Bounds {
    /// Nothing is known of the source's log, and the target is of this decade.
    pub const UNKNOWN: Self = Self {
        source_end: i64::MAX,
        from_is_boundary: false,
        target_knows_zstd: true,
    };
}

/// Prepares the records of one fetched partition.
#[must_use]
pub fn prepare(
    records: Bytes,
    aborted: impl IntoIterator<Item = (i64, i64)>,
    how: Preparation,
) -> Prepared {
    prepare_within(records, aborted, how, Bounds::UNKNOWN)
}

/// Prepares the records of one fetched partition, of which more is known than the answer says.
///
/// Every batch has its checksum compared, and its offset with its neighbours' and with `bounds`,
/// before anything of it is to be appended: base offsets lie outside of the checksum.
#[must_use]
pub fn prepare_within(
    records: Bytes,
    aborted: impl IntoIterator<Item = (i64, i64)>,
    how: Preparation,
    bounds: Bounds,
) -> Prepared {
    let from = how.from;
    let mut preparer = Preparer {
        position: from,
        epoch: None,
        lone: None,
        void: None,
        merger: Merger::new(&how, bounds, records.len()),
        how,
        bounds,
        lone_lost: false,
    };
    let mut filter = AbortedFilter::new(aborted);
    let mut place = Place::new(from, &bounds);
    let mut slices = BatchSlices::new(records);
    let mut ahead = Ahead::of(&mut slices);
    while let Some((batch, converted_from)) = ahead.batch {
        ahead = Ahead::of(&mut slices);
        let step = batch
            .and_then(|batch| {
                let wanted = place.check(&batch.header, ahead.offset())?;
                Ok((wanted, filter.meaning(&batch)?, batch))
            })
            .map_err(|error| Stop::bad_batch(error.at_least(from)))
            .and_then(|(wanted, meaning, batch)| match wanted {
                true => preparer.take(batch, meaning, converted_from),
                false => Ok(()),
            });
        if let Err(stop) = step {
            return preparer.finish(Some(stop));
        }
    }
    let stop = place.end().map_err(Stop::bad_batch).err();
    preparer.finish(stop)
}

/// What comes behind the batch that is looked at.
struct Ahead {
    /// The next batch, and how it was compressed if it was made of messages of an old format.
    batch: Option<(Result<Batch, BatchError>, Option<Codec>)>,
    /// What stands where the offset of the next batch does, whole or not.
    written: Option<i64>,
}

impl Ahead {
    fn of(slices: &mut BatchSlices) -> Self {
        let written = slices.offset_behind();
        Self {
            batch: slices.next().map(|batch| (batch, slices.converted_from())),
            written,
        }
    }

    /// The offset that the batch before may not reach behind.
    fn offset(&self) -> Option<i64> {
        match &self.batch {
            Some((Ok(batch), _)) => Some(batch.header.base_offset),
            // A damaged batch says nothing of others; it is told of in its turn.
            Some((Err(_), _)) => None,
            None => self.written,
        }
    }
}

enum Stop {
    Halt(Halt),
    Interruption(Interruption),
    /// What was taken so far is enough for one answer.
    Enough,
}

impl Stop {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the shape that map_err wants"
    )]
    fn bad_batch(error: BatchError) -> Self {
        Self::Halt(Halt::bad_batch(&error))
    }
}

struct Preparer {
    how: Preparation,
    bounds: Bounds,
    /// The source offset behind everything that was looked at.
    position: i64,
    epoch: Option<i32>,
    /// A batch that could pass but is too small to be sent alone. It waits for another one to be
    /// merged with; if none comes, it passes.
    lone: Option<Batch>,
    /// Offsets that are to be kept free, behind everything else that was taken.
    void: Option<VoidRun>,
    merger: Merger,
    /// The batch that waited turned out to be malformed.
    lone_lost: bool,
}

impl Preparer {
    /// Takes the next batch. `converted_from` says how it was compressed if it was made of messages
    /// of an old format.
    fn take(
        &mut self,
        batch: Batch,
        meaning: Meaning,
        converted_from: Option<Codec>,
    ) -> Result<(), Stop> {
        let header = batch.header;
        match self.how.offsets {
            Offsets::Translate if meaning == Meaning::Data && header.records_count > 0 => {
                self.take_data(batch, converted_from)?;
            }
            Offsets::Translate => {}
            Offsets::Preserve { .. } => self.take_in_place(batch, meaning, converted_from)?,
        }
        self.position = header.next_offset();
        self.epoch = Some(header.partition_leader_epoch);
        Ok(())
    }

    /// Takes the next batch where every record keeps its offset.
    fn take_in_place(
        &mut self,
        batch: Batch,
        meaning: Meaning,
        converted_from: Option<Codec>,
    ) -> Result<(), Stop> {
        let header = batch.header;
        if self.merger.fillers_made() >= FILLERS_MAX {
            return Err(Stop::Enough);
        }
        if header.base_offset > self.position {
            self.nothing_until(header.base_offset, &header)?;
            self.position = header.base_offset;
        }
        let records = header.records_count > 0;
        match meaning {
            Meaning::Data if records => {
                self.close_void()?;
                let missing =
                    header.next_offset() - header.base_offset - i64::from(header.records_count);
                let reason = match (self.fills(), missing) {
                    (_, 0) => None,
                    (false, _) => Some("offsets without records in a batch"),
                    (true, _) => (missing > FILLERS_MAX)
                        .then_some("more offsets without records in a batch than are filled"),
                };
                if let Some(reason) = reason {
                    let at = self.position;
                    return Err(Stop::Interruption(Interruption { at, reason }));
                }
                self.take_data(batch, converted_from)
            }
            Meaning::Data => self.nothing_until(header.next_offset(), &header),
            Meaning::Aborted if records && !header.has_gaps() => {
                self.close_void_before_records()?;
                self.open_void(&header).records(batch);
                Ok(())
            }
            Meaning::Aborted | Meaning::Marker => {
                self.open_void(&header).nothing_until(header.next_offset());
                Ok(())
            }
        }
    }

    fn fills(&self) -> bool {
        matches!(self.how.offsets, Offsets::Preserve { filler: Some(_) })
    }

    /// A cleaner left no record from the position up to `until`; `neighbour` is the batch there.
    fn nothing_until(&mut self, until: i64, neighbour: &BatchHeader) -> Result<(), Stop> {
        if !self.fills() {
            self.open_void(neighbour).nothing_until(until);
            return Ok(());
        }
        self.close_void()?;
        self.merge_lone()?;
        let reach = until.min(self.position + FILLERS_MAX);
        self.merger
            .fill(self.position, reach, neighbour)
            .map_err(Stop::Halt)?;
        self.position = reach;
        match reach < until {
            true => Err(Stop::Enough),
            false => Ok(()),
        }
    }

    fn open_void(&mut self, header: &BatchHeader) -> &mut VoidRun {
        let (position, epoch) = (self.position, header.partition_leader_epoch);
        self.void
            .get_or_insert_with(|| VoidRun::new(position, epoch))
    }

    /// Records can't stand behind offsets without any in one transaction.
    fn close_void_before_records(&mut self) -> Result<(), Stop> {
        match &self.void {
            Some(run) if run.whole() => self.close_void(),
            _ => Ok(()),
        }
    }

    fn close_void(&mut self) -> Result<(), Stop> {
        let Some(run) = self.void.take() else {
            return Ok(());
        };
        self.flush()?;
        let void = run.close(&self.how, self.bounds).map_err(Stop::Halt)?;
        self.merger.void(void);
        Ok(())
    }

    fn take_data(&mut self, batch: Batch, converted_from: Option<Codec>) -> Result<(), Stop> {
        let passes = converted_from.is_none() && self.merger.passes(&batch);
        if passes && batch.bytes.len() >= TINY_BATCH_BYTES {
            self.flush()?;
            self.merger.pass(batch);
            return Ok(());
        }
        if passes && self.lone.is_none() && self.merger.is_empty() {
            self.lone = Some(batch);
            return Ok(());
        }
        self.merge_lone()?;
        self.merger
            .add(batch, passes, converted_from)
            .map_err(Stop::Halt)
    }

    fn merge_lone(&mut self) -> Result<(), Stop> {
        let Some(lone) = self.lone.take() else {
            return Ok(());
        };
        let added = self.merger.add(lone, true, None);
        self.lone_lost = added.is_err();
        added.map_err(Stop::Halt)
    }

    /// Turns everything that waits into appends.
    fn flush(&mut self) -> Result<(), Stop> {
        if let Some(lone) = self.lone.take() {
            self.merger.pass(lone);
        }
        self.merger.flush().map_err(Stop::Halt)
    }

    /// Closes the offsets at the end that are to be kept free. Where aborted records stand at the
    /// very end, what is behind them decides how they are kept: they are left for the next answer,
    /// unless this one begins with them.
    fn close_last_void(&mut self) -> Result<(), Stop> {
        match &self.void {
            Some(run) if !run.whole() && run.first() > self.how.from => {
                self.position = run.first();
                self.void = None;
                Ok(())
            }
            _ => self.close_void(),
        }
    }

    fn finish(mut self, stop: Option<Stop>) -> Prepared {
        // What waits lies before the place that stopped us. If it can't be encoded either, that
        // comes first in the log and is what the operator has to know.
        let closed = self.close_last_void();
        let stop = closed.and_then(|()| self.flush()).err().or(stop);
        // Then everything is done only up to where the last piece ends.
        let lost = self.lone_lost || self.merger.lost();
        let pieces = self.merger.into_pieces();
        let mut prepared = Prepared {
            source_next: match lost {
                true => pieces.last().map_or(self.how.from, Piece::source_next),
                false => self.position,
            },
            source_epoch: self.epoch,
            pieces,
            ..Prepared::default()
        };
        match stop {
            Some(Stop::Halt(halt)) => prepared.halt = Some(halt),
            Some(Stop::Interruption(interruption)) => prepared.interruption = Some(interruption),
            Some(Stop::Enough) | None => {}
        }
        prepared
    }
}
