//! What is to be appended at the target, made from what was fetched at the source.

use crate::batch::aborted::{AbortedFilter, Meaning};
use crate::batch::codec::Codec;
use crate::batch::encode::{BatchBuilder, EncodedBatch};
use crate::batch::error::BatchError;
use crate::batch::header::{Batch, BatchHeader, HEADER_BYTES, LOG_APPEND_TIME};
use crate::batch::records::{Record, Records};
use crate::batch::slices::BatchSlices;
use crate::halt::Halt;
use bytes::Bytes;

/// A batch smaller than this is merged with its neighbours: what a broker does per batch costs more
/// than what it does per byte.
pub const TINY_BATCH_BYTES: usize = 16 * 1024;
/// Merged batches hold at most this many bytes of records before compression.
pub const MERGED_BYTES_MAX: usize = 512 * 1024;
/// Merged batches hold at most this many records.
pub const MERGED_RECORDS_MAX: i32 = 50_000;

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
    /// What is to be appended, in order.
    pub appends: Vec<Append>,
    /// The source offset behind everything that was looked at. Markers, aborted records and empty
    /// batches at the end move it beyond the last append.
    pub source_next: i64,
    /// The leader epoch of the last batch that was looked at, if there was one.
    pub source_epoch: Option<i32>,
    /// Where the offsets could not be kept on; only when they were to be.
    pub interruption: Option<Interruption>,
    /// The answer holds something that can't be copied; all before it is in `appends`.
    pub halt: Option<Halt>,
}

/// How a fetched answer is to be prepared.
#[derive(Debug, Clone, Copy)]
pub struct Preparation {
    /// The source offset from which on records are wanted.
    pub from: i64,
    /// Keep every record at its offset, and stop where that is not possible.
    pub preserve: bool,
    /// The largest batch that the target takes (`max.message.bytes`).
    pub batch_bytes_max: usize,
}

/// Prepares the records of one fetched partition.
#[must_use]
pub fn prepare(
    records: Bytes,
    aborted: impl IntoIterator<Item = (i64, i64)>,
    how: Preparation,
) -> Prepared {
    let mut preparer = Preparer {
        how,
        prepared: Prepared {
            source_next: how.from,
            ..Prepared::default()
        },
        tiny: Vec::new(),
        tiny_bytes: 0,
    };
    let mut filter = AbortedFilter::new(aborted);
    for batch in BatchSlices::new(records) {
        let step = batch
            .map_err(|error| Stop::Halt(Halt::bad_batch(&error)))
            .and_then(|batch| {
                if batch.header.next_offset() <= how.from {
                    return Ok(());
                }
                let meaning = filter.meaning(&batch).map_err(Stop::bad_batch)?;
                preparer.take(batch, meaning)
            });
        if let Err(stop) = step {
            return preparer.stopped(stop);
        }
    }
    match preparer.flush() {
        Ok(()) => preparer.prepared,
        Err(stop) => preparer.stopped(stop),
    }
}

enum Stop {
    Halt(Halt),
    Interruption(Interruption),
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
    prepared: Prepared,
    /// Batches too small to be sent alone, side by side at the end of what was taken.
    tiny: Vec<Batch>,
    tiny_bytes: usize,
}

impl Preparer {
    fn take(&mut self, batch: Batch, meaning: Meaning) -> Result<(), Stop> {
        let header = batch.header;
        let expected = self.expected();
        if self.how.preserve {
            self.keeps_offsets(&header, meaning, expected)?;
        }
        if meaning != Meaning::Data || header.records_count == 0 {
            self.flush()?;
            self.step_over(&header);
            return Ok(());
        }
        let trimmed = header.base_offset < self.how.from;
        let whole = !trimmed && !header.has_gaps() && !header.has(LOG_APPEND_TIME);
        if whole && batch.bytes.len() < TINY_BATCH_BYTES {
            return self.add_tiny(batch);
        }
        self.flush()?;
        if whole && batch.bytes.len() <= self.how.batch_bytes_max {
            self.prepared.appends.push(Append {
                header,
                bytes: batch.bytes,
                runs: vec![(header.base_offset, header.records_count.into())],
                source_next: header.next_offset(),
                source_epoch: header.partition_leader_epoch,
                untouched: true,
            });
        } else {
            self.encode(std::slice::from_ref(&batch))?;
        }
        self.step_over(&header);
        Ok(())
    }

    /// The source offset that the next batch should start at, tiny ones included.
    fn expected(&self) -> i64 {
        self.tiny.last().map_or(self.prepared.source_next, |batch| {
            batch.header.next_offset()
        })
    }

    fn keeps_offsets(
        &self,
        header: &BatchHeader,
        meaning: Meaning,
        expected: i64,
    ) -> Result<(), Stop> {
        let interrupted = |reason| {
            Err(Stop::Interruption(Interruption {
                at: expected,
                reason,
            }))
        };
        match meaning {
            Meaning::Marker => interrupted("a transaction marker"),
            Meaning::Aborted => interrupted("records of an aborted transaction"),
            Meaning::Data if header.base_offset > expected => {
                interrupted("offsets without records between batches")
            }
            Meaning::Data if header.has_gaps() => interrupted("offsets without records in a batch"),
            Meaning::Data => Ok(()),
        }
    }

    fn step_over(&mut self, header: &BatchHeader) {
        self.prepared.source_next = header.next_offset();
        self.prepared.source_epoch = Some(header.partition_leader_epoch);
    }

    fn add_tiny(&mut self, batch: Batch) -> Result<(), Stop> {
        let bytes = batch.bytes.len() - HEADER_BYTES;
        let limit = MERGED_BYTES_MAX.min(self.how.batch_bytes_max.saturating_sub(HEADER_BYTES));
        let records: i64 = self
            .tiny
            .iter()
            .map(|b| i64::from(b.header.records_count))
            .sum();
        let full = self.tiny_bytes + bytes > limit
            || records + i64::from(batch.header.records_count) > MERGED_RECORDS_MAX.into();
        if full {
            self.flush()?;
        }
        self.tiny_bytes += bytes;
        self.tiny.push(batch);
        Ok(())
    }

    /// Turns the tiny batches that wait into appends.
    fn flush(&mut self) -> Result<(), Stop> {
        let tiny = std::mem::take(&mut self.tiny);
        self.tiny_bytes = 0;
        let Some(last) = tiny.last() else {
            return Ok(());
        };
        let header = last.header;
        if let [alone] = &tiny[..]
            && alone.bytes.len() <= self.how.batch_bytes_max
        {
            self.prepared.appends.push(Append {
                header,
                bytes: alone.bytes.clone(),
                runs: vec![(header.base_offset, header.records_count.into())],
                source_next: header.next_offset(),
                source_epoch: header.partition_leader_epoch,
                untouched: true,
            });
        } else {
            self.encode(&tiny)?;
        }
        self.step_over(&header);
        Ok(())
    }

    /// Puts the records of `batches` from the wanted offset on into new batches.
    fn encode(&mut self, batches: &[Batch]) -> Result<(), Stop> {
        let (Some(first), Some(last)) = (batches.first(), batches.last()) else {
            return Ok(());
        };
        let codec = Codec::of(first.header.attributes).unwrap_or(Codec::None);
        let opened = batches
            .iter()
            .map(Records::of)
            .collect::<Result<Vec<_>, _>>()
            .map_err(Stop::bad_batch)?;
        let mut records = Vec::new();
        for opened in &opened {
            for record in opened.iter() {
                let record = record.map_err(Stop::bad_batch)?;
                if record.offset >= self.how.from {
                    records.push(record);
                }
            }
        }
        let epoch = last.header.partition_leader_epoch;
        self.encode_records(&records, codec, last.header.next_offset(), epoch)
    }

    /// Encodes `records` into one batch, or halves them until each batch is small enough.
    fn encode_records(
        &mut self,
        records: &[Record<'_>],
        codec: Codec,
        source_next: i64,
        source_epoch: i32,
    ) -> Result<(), Stop> {
        let [first, ..] = records else { return Ok(()) };
        let limit_bytes = self.how.batch_bytes_max;
        let encoded = build(records, codec).map_err(|error| {
            Stop::Halt(Halt::BadBatch {
                error: format!(
                    "records from offset {} can't be encoded: {error}",
                    first.offset
                ),
            })
        })?;
        if encoded.bytes.len() > limit_bytes {
            if records.len() == 1 {
                return Err(Stop::Halt(Halt::RecordTooLarge {
                    offset: first.offset,
                    batch_bytes: encoded.bytes.len(),
                    limit_bytes,
                }));
            }
            let (front, back) = records.split_at(records.len() / 2);
            self.encode_records(front, codec, back[0].offset, source_epoch)?;
            return self.encode_records(back, codec, source_next, source_epoch);
        }
        self.prepared.appends.push(Append {
            header: encoded.header,
            bytes: encoded.bytes,
            runs: runs_of(records),
            source_next,
            source_epoch,
            untouched: false,
        });
        Ok(())
    }

    fn stopped(mut self, stop: Stop) -> Prepared {
        // What waits lies before the place that stopped us. If it can't be encoded either, that
        // comes first in the log and is what the operator has to know.
        let stop = match self.flush() {
            Ok(()) => stop,
            Err(earlier) => earlier,
        };
        match stop {
            Stop::Halt(halt) => self.prepared.halt = Some(halt),
            Stop::Interruption(interruption) => self.prepared.interruption = Some(interruption),
        }
        // Appends that were made before a later half failed may reach beyond it: what counts is
        // where the last append ends.
        if let Some(last) = self.prepared.appends.last() {
            self.prepared.source_next = self.prepared.source_next.max(last.source_next);
        }
        self.prepared
    }
}

fn build(records: &[Record<'_>], codec: Codec) -> std::io::Result<EncodedBatch> {
    let bytes = records.iter().map(|record| record.body.len() + 16).sum();
    let mut builder = BatchBuilder::with_capacity(bytes);
    for record in records {
        builder.push(record);
    }
    builder.finish(codec)
}

fn runs_of(records: &[Record<'_>]) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for record in records {
        match runs.last_mut() {
            Some((source, count)) if *source + *count == record.offset => *count += 1,
            _ => runs.push((record.offset, 1)),
        }
    }
    runs
}
