//! What the headers of batches say about a log.

use ferry_copy::batch::error::BatchError;
use ferry_copy::batch::header::{
    BatchHeader, CODEC_MASK, CONTROL, DELETE_HORIZON, LENGTH_PREFIX_BYTES, LOG_APPEND_TIME,
    TRANSACTIONAL,
};
use ferry_model::topic::LogShape;

/// Bytes of a message of format 0 or 1 up to its attributes.
const OLD_HEAD_BYTES: usize = 18;

/// Where the timestamp of a message of format 1 stands.
const OLD_TIMESTAMP_AT: usize = 18;

/// The names of the codecs, by their number.
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// Collects the shape of one log from stretches of it, which come in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShapeReader {
    shape: LogShape,
    /// The offset behind the last batch that was seen.
    seen_to: i64,
    /// Offsets that the seen batches cover, holes among them included.
    covered: i64,
}

impl ShapeReader {
    /// What was seen so far.
    #[must_use]
    pub fn shape(&self) -> &LogShape {
        &self.shape
    }

    /// The offset behind the last batch that was seen; 0 where none was.
    #[must_use]
    pub fn seen_to(&self) -> i64 {
        self.seen_to
    }

    /// Bytes on the wire for each offset, as far as seen.
    #[must_use]
    pub fn bytes_per_offset(&self) -> Option<f64> {
        (self.covered > 0).then(|| self.shape.sampled_bytes as f64 / self.covered as f64)
    }

    /// Looks at what a fetch from offset `from` brought. Only headers are read, so a batch that is
    /// cut off behind its header counts like a whole one. Returns whether anything could be read.
    pub fn read(&mut self, from: i64, mut records: &[u8]) -> bool {
        let mut expected = from;
        let mut any = false;
        loop {
            let Some(mut seen) = Seen::at_front(records) else {
                return any;
            };
            any = true;
            if seen.format < 2 {
                seen.base_offset = expected.min(seen.base_offset);
            }
            // A fetch begins with the batch that holds its offset, and the stretch before may have
            // ended in it or behind it.
            if seen.next_offset > self.seen_to {
                let missing = seen.base_offset - expected.max(self.seen_to);
                if seen.base_offset > expected {
                    self.shape.gaps = true;
                    let missing = u64::try_from(missing).unwrap_or(0);
                    self.shape.sampled_missing += missing;
                    self.shape.sampled_offsets += missing;
                }
                self.note(&seen);
            }
            expected = expected.max(seen.next_offset);
            match records.get(seen.total_bytes..) {
                Some(rest) => records = rest,
                None => return any,
            }
        }
    }

    fn note(&mut self, seen: &Seen) {
        let shape = &mut self.shape;
        shape.sampled_batches += 1;
        shape.sampled_bytes += seen.total_bytes as u64;
        shape.sampled_records += seen.records;
        shape.gaps |= seen.gaps;
        shape.transactional |= seen.transactional;
        shape.oldest_format = Some(
            shape
                .oldest_format
                .map_or(seen.format, |f| f.min(seen.format)),
        );
        let bytes = u32::try_from(seen.total_bytes).unwrap_or(u32::MAX);
        shape.largest_batch_bytes = shape.largest_batch_bytes.max(bytes);
        let covered = seen.next_offset - self.seen_to.max(seen.base_offset);
        self.covered += covered;
        let offsets = u64::try_from(covered).unwrap_or(0);
        shape.sampled_offsets += offsets;
        if seen.control {
            shape.sampled_markers += offsets;
        } else if seen.gaps {
            let all = u64::try_from(seen.next_offset - seen.base_offset).unwrap_or(0);
            shape.sampled_holes += all.saturating_sub(seen.records).min(offsets);
        }
        self.seen_to = seen.next_offset;
        // What Kafka writes itself says nothing about the data.
        if seen.control {
            return;
        }
        shape.log_append_time |= seen.log_append_time;
        if let Some(codec) = CODECS.get(usize::from(seen.codec))
            && !shape.codecs.contains(*codec)
        {
            shape.codecs.insert((*codec).to_owned());
        }
        if let Some((oldest, newest)) = seen.timestamps {
            let least = shape.oldest_timestamp_ms.map_or(oldest, |t| t.min(oldest));
            let most = shape.newest_timestamp_ms.map_or(newest, |t| t.max(newest));
            shape.oldest_timestamp_ms = Some(least);
            shape.newest_timestamp_ms = Some(most);
        }
    }
}

/// What one header says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    base_offset: i64,
    next_offset: i64,
    total_bytes: usize,
    records: u64,
    gaps: bool,
    transactional: bool,
    control: bool,
    log_append_time: bool,
    format: i8,
    codec: u8,
    /// The smallest and the largest timestamp, as far as a header tells.
    timestamps: Option<(i64, i64)>,
}

impl Seen {
    /// The header that `records` starts with; none where it is cut off or makes no sense.
    fn at_front(records: &[u8]) -> Option<Self> {
        match BatchHeader::read(records) {
            Ok(header) => Some(Self::of(&header)),
            Err(BatchError::Format { magic, .. }) => Self::old(records, magic),
            // A lone message of an old format is shorter than the header of a batch.
            Err(BatchError::Length { .. }) => match records.get(16) {
                Some(&magic) if magic < 2 => Self::old(records, magic as i8),
                _ => None,
            },
            Err(_) => None,
        }
    }

    fn of(header: &BatchHeader) -> Self {
        let control = header.has(CONTROL);
        let newest = header.max_timestamp;
        // The first record's timestamp, unless the field holds something else; later records may be
        // older, which only their own bytes tell.
        let first = if header.has(DELETE_HORIZON) || header.has(LOG_APPEND_TIME) {
            newest
        } else {
            header.base_timestamp.min(newest)
        };
        Self {
            base_offset: header.base_offset,
            next_offset: header.next_offset(),
            total_bytes: header.total_bytes,
            records: match control {
                true => 0,
                false => u64::try_from(header.records_count).unwrap_or(0),
            },
            gaps: header.has_gaps(),
            transactional: control || header.has(TRANSACTIONAL),
            control,
            log_append_time: header.has(LOG_APPEND_TIME),
            format: 2,
            codec: (header.attributes & CODEC_MASK) as u8,
            timestamps: (first >= 0 && header.records_count > 0).then_some((first, newest)),
        }
    }

    /// A message of format 0 or 1, where a compressed set of messages is one message whose offset is
    /// that of its last (Apache Kafka protocol guide, "Message sets").
    fn old(records: &[u8], magic: i8) -> Option<Self> {
        let head = records.get(..OLD_HEAD_BYTES)?;
        let offset = i64::from_be_bytes(head[..8].try_into().ok()?);
        let length = i32::from_be_bytes(head[8..12].try_into().ok()?);
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length >= 14)?;
        if offset < 0 || offset == i64::MAX {
            return None;
        }
        let attributes = head[17];
        let timestamp = records
            .get(OLD_TIMESTAMP_AT..OLD_TIMESTAMP_AT + 8)
            .and_then(|bytes| bytes.try_into().ok())
            .map(i64::from_be_bytes)
            .filter(|timestamp| magic == 1 && *timestamp >= 0);
        Some(Self {
            base_offset: offset,
            next_offset: offset + 1,
            total_bytes: length + LENGTH_PREFIX_BYTES,
            records: 1,
            gaps: false,
            transactional: false,
            control: false,
            log_append_time: magic == 1 && attributes & 0x08 != 0,
            format: magic,
            codec: attributes & 0x07,
            timestamps: timestamp.map(|timestamp| (timestamp, timestamp)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferry_copy::batch::header::HEADER_BYTES;

    /// The header of a batch with as many bytes behind it as `payload` says.
    struct Made {
        base: i64,
        delta: i32,
        count: i32,
        attributes: i16,
        base_timestamp: i64,
        max_timestamp: i64,
        payload: usize,
    }

    impl Default for Made {
        fn default() -> Self {
            Self {
                base: 0,
                delta: 9,
                count: 10,
                attributes: 0,
                base_timestamp: 1_000,
                max_timestamp: 2_000,
                payload: 100,
            }
        }
    }

    impl Made {
        fn bytes(&self) -> Vec<u8> {
            let mut bytes = vec![0; HEADER_BYTES + self.payload];
            bytes[..8].copy_from_slice(&self.base.to_be_bytes());
            let length = (bytes.len() - LENGTH_PREFIX_BYTES) as i32;
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            bytes[16] = 2;
            bytes[21..23].copy_from_slice(&self.attributes.to_be_bytes());
            bytes[23..27].copy_from_slice(&self.delta.to_be_bytes());
            bytes[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
            bytes[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
            bytes[57..61].copy_from_slice(&self.count.to_be_bytes());
            bytes
        }
    }

    fn read(from: i64, batches: &[Made]) -> LogShape {
        let bytes: Vec<u8> = batches.iter().flat_map(Made::bytes).collect();
        let mut reader = ShapeReader::default();
        reader.read(from, &bytes);
        reader.shape().clone()
    }

    #[test]
    fn a_log_without_holes_is_counted_and_measured() {
        let second = Made {
            base: 10,
            attributes: 4,
            max_timestamp: 3_000,
            payload: 500,
            ..Made::default()
        };
        let shape = read(3, &[Made::default(), second]);
        assert_eq!((shape.sampled_batches, shape.sampled_records), (2, 20));
        assert_eq!(shape.sampled_bytes, 161 + 561);
        assert_eq!(shape.largest_batch_bytes, 561);
        assert!(
            !shape.gaps,
            "the log starts in the middle of the first batch"
        );
        assert_eq!(shape.oldest_format, Some(2));
        assert_eq!(
            (shape.oldest_timestamp_ms, shape.newest_timestamp_ms),
            (Some(1_000), Some(3_000))
        );
        assert_eq!(shape.codecs, ["none".to_owned(), "zstd".to_owned()].into());
    }

    #[test]
    fn holes_show_inside_a_batch_between_batches_and_at_the_head() {
        let inside = Made {
            count: 7,
            ..Made::default()
        };
        assert!(read(0, &[inside]).gaps);
        let later = || Made {
            base: 12,
            ..Made::default()
        };
        assert!(read(0, &[Made::default(), later()]).gaps);
        assert!(read(5, &[later()]).gaps, "nothing at offsets 5 to 11");
        assert!(!read(12, &[later()]).gaps);
    }

    #[test]
    fn markers_show_transactions_and_nothing_else() {
        let marker = Made {
            base: 10,
            delta: 0,
            count: 1,
            attributes: CONTROL | TRANSACTIONAL,
            max_timestamp: 9_000,
            base_timestamp: 9_000,
            payload: 12,
        };
        let shape = read(0, &[Made::default(), marker]);
        assert!(shape.transactional && !shape.gaps);
        assert_eq!(shape.sampled_records, 10);
        assert_eq!(
            shape.newest_timestamp_ms,
            Some(2_000),
            "when it was committed says nothing"
        );
    }

    #[test]
    fn log_append_time_and_the_delete_horizon_do_not_pass_for_timestamps_of_records() {
        let appended = Made {
            attributes: LOG_APPEND_TIME,
            base_timestamp: 5,
            ..Made::default()
        };
        let shape = read(0, &[appended]);
        assert!(shape.log_append_time);
        assert_eq!(shape.oldest_timestamp_ms, Some(2_000));
        let cleaned = Made {
            attributes: DELETE_HORIZON,
            base_timestamp: 5,
            ..Made::default()
        };
        let shape = read(0, &[cleaned]);
        assert_eq!(shape.oldest_timestamp_ms, Some(2_000));
    }

    #[test]
    fn a_batch_that_is_cut_off_behind_its_header_counts() {
        let mut bytes = Made {
            payload: 1_000_000,
            ..Made::default()
        }
        .bytes();
        bytes.truncate(HEADER_BYTES + 7);
        let mut reader = ShapeReader::default();
        assert!(reader.read(0, &bytes));
        assert_eq!(reader.shape().largest_batch_bytes, 1_000_061);
        bytes.truncate(HEADER_BYTES - 1);
        assert!(!ShapeReader::default().read(0, &bytes));
    }

    #[test]
    fn stretches_that_overlap_are_counted_once() {
        let second = || {
            Made {
                base: 10,
                ..Made::default()
            }
            .bytes()
        };
        let mut reader = ShapeReader::default();
        reader.read(0, &[Made::default().bytes(), second()].concat());
        reader.read(15, &second());
        assert_eq!(reader.shape().sampled_batches, 2);
        assert_eq!(
            (reader.seen_to(), reader.bytes_per_offset()),
            (20, Some(16.1))
        );
        let third = Made {
            base: 40,
            ..Made::default()
        }
        .bytes();
        reader.read(40, &third);
        assert!(!reader.shape().gaps, "nobody looked at what lies between");
        assert_eq!(reader.bytes_per_offset(), Some(16.1));
    }

    #[test]
    fn messages_of_old_formats_are_told_with_format_codec_and_time() {
        let mut message = vec![0; 40];
        message[..8].copy_from_slice(&41_i64.to_be_bytes());
        message[8..12].copy_from_slice(&28_i32.to_be_bytes());
        message[16] = 1;
        message[17] = 2;
        message[18..26].copy_from_slice(&7_000_i64.to_be_bytes());
        let mut reader = ShapeReader::default();
        assert!(reader.read(30, &message));
        let shape = reader.shape();
        assert_eq!(shape.oldest_format, Some(1));
        assert_eq!(shape.codecs, ["snappy".to_owned()].into());
        assert_eq!(shape.newest_timestamp_ms, Some(7_000));
        assert_eq!(reader.seen_to(), 42);
        assert!(
            !shape.gaps,
            "the offset is that of the last message of a set"
        );
    }

    #[test]
    fn nonsense_ends_the_reading_without_a_panic() {
        let mut reader = ShapeReader::default();
        assert!(!reader.read(0, &[0xff; 200]));
        assert!(!reader.read(0, &[]));
        assert!(!reader.read(0, &[0; 200]), "a length of zero");
        assert_eq!(reader.shape(), &LogShape::default());
    }
}
