//! Where the stretches of a log begin that are read.

use super::Log;

/// A stretch of a log that is read. They are read in the order of [`Stretch::ALL`], so that the
/// offsets ascend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stretch {
    /// From the log start offset on.
    Head,
    /// From so many thirds of the log on.
    Thirds(i64),
    /// As near to the end as its bytes reach, by the size of what was seen.
    Tail,
    /// The very last batch, if it was not seen yet.
    Last,
}

impl Stretch {
    /// All of them.
    pub(super) const ALL: [Self; 5] = [
        Self::Head,
        Self::Thirds(1),
        Self::Thirds(2),
        Self::Tail,
        Self::Last,
    ];

    /// How many of them share the bytes of a partition; the last batch is what it is.
    pub(super) const SIZED: u64 = 4;

    /// The offset to read from; none where all was seen already.
    pub(super) fn start(self, log: &Log, stretch_bytes: u64) -> Option<i64> {
        let (start, end) = (log.log_start_offset, log.high_watermark);
        let seen_to = log.reader.seen_to().max(start);
        if seen_to >= end {
            return None;
        }
        let from = match self {
            Self::Head => start,
            Self::Thirds(thirds) => start + (end - start) / 3 * thirds,
            Self::Tail => {
                let per_offset = log.reader.bytes_per_offset()?;
                // Half of it, so that the end is reached even if batches have grown.
                let offsets = stretch_bytes as f64 / 2.0 / per_offset.max(f64::MIN_POSITIVE);
                end - (offsets.min(i64::MAX as f64) as i64).clamp(1, end - start)
            }
            Self::Last => end - 1,
        };
        Some(from.max(seen_to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyForms;
    use crate::sample::shape::ShapeReader;
    use ferry_model::name::{TopicName, TopicPartition};

    fn log(log_start_offset: i64, high_watermark: i64) -> Log {
        Log {
            partition: TopicPartition::new(TopicName::parse("orders").expect("legal"), 0),
            topic_id: None,
            log_start_offset,
            high_watermark,
            compacted: false,
            reader: ShapeReader::default(),
            keys: KeyForms::default(),
            failed: None,
        }
    }

    /// Lets the log's reader see a message of 100 bytes at `offset`.
    fn see(log: &mut Log, from: i64, offset: i64) {
        let mut message = vec![0; 100];
        message[..8].copy_from_slice(&offset.to_be_bytes());
        message[8..12].copy_from_slice(&88_i32.to_be_bytes());
        message[16] = 1;
        assert!(log.reader.read(from, &message));
    }

    fn starts(log: &Log) -> Vec<Option<i64>> {
        let start = |stretch: Stretch| stretch.start(log, 2_000);
        Stretch::ALL.into_iter().map(start).collect()
    }

    #[test]
    fn the_stretches_lie_between_log_start_and_high_watermark() {
        let mut log = log(1_000, 4_000);
        assert_eq!(
            starts(&log),
            [Some(1_000), Some(2_000), Some(3_000), None, Some(3_999)],
            "without anything seen the tail can't be guessed"
        );
        see(&mut log, 1_000, 1_000);
        assert_eq!(
            starts(&log),
            [
                Some(1_001),
                Some(2_000),
                Some(3_000),
                Some(3_990),
                Some(3_999)
            ],
            "ten messages of 100 bytes are half of 2,000"
        );
    }

    #[test]
    fn what_was_seen_is_not_read_again() {
        let mut log = log(0, 300);
        see(&mut log, 0, 249);
        assert_eq!(starts(&log)[1..3], [Some(250), Some(250)]);
        see(&mut log, 250, 299);
        assert_eq!(starts(&log), [None; 5]);
    }
}
