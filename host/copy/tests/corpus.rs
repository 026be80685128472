//! What real brokers and Kafka's own producer wrote is replayed: after `prepare`, another decoder
//! reads what Kafka's own consumer read. `corpus/README.md` says where the files come from.

mod replay;

use bytes::{Bytes, BytesMut};
use ferry_copy::append::{Bounds, Offsets, Preparation, prepare, prepare_within};
use ferry_copy::batch::codec::Codec;
use ferry_copy::batch::header::{BatchHeader, CONTROL, DELETE_HORIZON, LOG_APPEND_TIME};
use ferry_copy::batch::slices::BatchSlices;
use replay::{Answer, answers, seen};

fn translate(answer: &Answer, batch_bytes_max: usize) -> Preparation {
    Preparation {
        from: answer.from,
        offsets: Offsets::Translate,
        batch_bytes_max,
    }
}

#[test]
fn every_record_arrives_as_kafkas_own_consumer_reads_it() {
    for answer in answers() {
        for batch_bytes_max in [1 << 20, 30_000] {
            let how = translate(&answer, batch_bytes_max);
            let prepared = prepare(answer.records.clone(), answer.aborted.clone(), how);
            assert_eq!(prepared.halt, None, "{}", answer.name);
            assert_eq!(seen(&prepared), answer.expected, "{}", answer.name);
        }
    }
}

#[test]
fn a_record_that_fits_no_batch_of_the_target_halts_there_and_what_lies_before_arrives() {
    for answer in answers() {
        let how = translate(&answer, 400);
        let prepared = prepare(answer.records.clone(), answer.aborted.clone(), how);
        let seen = seen(&prepared);
        assert_eq!(seen, answer.expected[..seen.len()], "{}", answer.name);
        assert_eq!(
            prepared.halt.is_none(),
            seen.len() == answer.expected.len(),
            "{}: {:?}",
            answer.name,
            prepared.halt
        );
        assert!(prepared.appends().all(|a| a.bytes.len() <= 400));
    }
}

#[test]
fn records_from_any_offset_on_are_those_that_a_consumer_reads_from_there() {
    for answer in answers() {
        for from in (answer.from..answer.end()).step_by(3) {
            // As a broker answers: with the batch that holds the offset, or the next one.
            let begin = starts(&answer.records)
                .into_iter()
                .find(|at| next_offset_at(&answer.records, *at) > from)
                .expect("the end lies behind");
            let how = Preparation {
                from,
                ..translate(&answer, 1 << 20)
            };
            let aborted = aborted_from(&answer, from);
            let prepared = prepare(answer.records.slice(begin..), aborted, how);
            let expected: Vec<_> = answer
                .expected
                .iter()
                .filter(|line| offset_of(line) >= from)
                .cloned()
                .collect();
            assert_eq!(prepared.halt, None, "{} from {from}", answer.name);
            assert_eq!(seen(&prepared), expected, "{} from {from}", answer.name);
        }
    }
}

/// The aborted transactions that a broker names to who asks from `from` on: those whose marker lies
/// there.
fn aborted_from(answer: &Answer, from: i64) -> Vec<(i64, i64)> {
    let markers: Vec<(i64, i64)> = BatchSlices::new(answer.records.clone())
        .map(|batch| batch.expect("reads").header)
        .filter(|header| header.has(CONTROL))
        .map(|header| (header.producer_id, header.base_offset))
        .collect();
    let ends_behind = |&(producer, first): &(i64, i64)| {
        let end = markers
            .iter()
            .find(|(of, at)| *of == producer && *at >= first);
        end.is_some_and(|(_, at)| *at >= from)
    };
    answer.aborted.iter().copied().filter(ends_behind).collect()
}

/// The offset behind the batch, or the message of an old format, at byte `at`.
fn next_offset_at(records: &Bytes, at: usize) -> i64 {
    match records[at + 16] {
        2 => BatchHeader::read(&records[at..])
            .expect("reads")
            .next_offset(),
        _ => i64::from_be_bytes(records[at..at + 8].try_into().expect("eight bytes")) + 1,
    }
}

fn offset_of(line: &str) -> i64 {
    let offset = line.split(' ').next().expect("an offset");
    offset.parse().expect("a number")
}

#[test]
fn a_target_without_zstd_gets_another_codec_and_the_same_records() {
    let bounds = Bounds {
        target_knows_zstd: false,
        ..Bounds::UNKNOWN
    };
    for answer in answers() {
        let how = translate(&answer, 1 << 20);
        let aborted = answer.aborted.clone();
        let prepared = prepare_within(answer.records.clone(), aborted, how.clone(), bounds);
        let codecs = prepared
            .appends()
            .map(|append| Codec::of(append.header.attributes).expect("a codec"));
        assert!(codecs.into_iter().all(|codec| codec != Codec::Zstd));
        assert_eq!(seen(&prepared), answer.expected, "{}", answer.name);
    }
}

#[test]
fn the_corpus_has_every_shape_that_cannot_pass() {
    let mut bits = 0;
    let (mut gaps, mut codecs, mut formats) = (false, 0, [false; 3]);
    for answer in answers() {
        formats[usize::from(answer.records[16])] = true;
        for batch in BatchSlices::new(answer.records) {
            let header = batch.expect("reads").header;
            bits |= header.attributes;
            gaps |= header.has_gaps();
            codecs |= 1 << (header.attributes % 8);
        }
    }
    for bit in [CONTROL, DELETE_HORIZON, LOG_APPEND_TIME] {
        assert_ne!(bits & bit, 0, "a batch with bit {bit:#x}");
    }
    assert!(gaps, "a batch that the cleaner took records out of");
    assert_eq!(codecs, 0b11111, "every codec");
    assert_eq!(formats, [true; 3], "every message format");
}

/// The bits of the base offset, which no checksum covers.
const OFFSET_BITS: std::ops::Range<usize> = 0..8 * 8;
/// The bits of the leader epoch in batches of format 2, which no checksum covers.
const EPOCH_BITS: std::ops::Range<usize> = 12 * 8..16 * 8;

#[test]
fn every_bit_that_falls_over_is_found_or_changes_nothing() {
    for answer in answers() {
        // The first batches are enough: flipping takes the square of the length.
        let records = front(&answer, 3_000);
        let starts = starts(&records);
        let last = *starts.last().expect("a batch");
        let bounds = Bounds {
            source_end: next_offset_at(&records, last),
            from_is_boundary: true,
            ..Bounds::UNKNOWN
        };
        let how = translate(&answer, 1 << 20);
        let aborted = || answer.aborted.clone();
        let good = prepare_within(records.clone(), aborted(), how.clone(), bounds);
        let good_seen = seen(&good);
        let has_holes = answer.name.contains("cleaned") || answer.name.contains("compacted");
        for bit in 0..records.len() * 8 {
            let mut flipped = BytesMut::from(&records[..]);
            flipped[bit / 8] ^= 1 << (bit % 8);
            let prepared = prepare_within(flipped.freeze(), aborted(), how.clone(), bounds);
            let seen = seen(&prepared);
            let start = *starts
                .iter()
                .rfind(|start| **start <= bit / 8)
                .expect("a batch begins before");
            let place = bit - start * 8;
            let of = || format!("{}: bit {place} of the batch at byte {start}", answer.name);
            if prepared.halt.is_some() || prepared.source_next < good.source_next {
                // Found, or taken for the end of the answer and asked for again.
                assert_eq!(seen, good_seen[..seen.len()], "{}", of());
            } else if records[start + 16] == 2 && EPOCH_BITS.contains(&place) {
                // The epoch is not for the target; the source is told of it and contradicts.
                assert_eq!(seen, good_seen, "{}", of());
            } else if has_holes && OFFSET_BITS.contains(&place) {
                // Beside a hole another offset is as good as the true one: no reader can tell.
                let contents = |lines: &[String]| -> Vec<String> {
                    let without_offset =
                        |line: &String| line.split_once(' ').map(|l| l.1.to_owned());
                    lines.iter().filter_map(without_offset).collect()
                };
                assert_eq!(contents(&seen), contents(&good_seen), "{}", of());
            } else {
                panic!("nobody noticed {}", of());
            }
        }
    }
}

/// Where batches, or messages of old formats, begin.
fn starts(records: &Bytes) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at < records.len() {
        starts.push(at);
        let length = i32::from_be_bytes(records[at + 8..at + 12].try_into().expect("four bytes"));
        at += length as usize + 12;
    }
    starts
}

/// As many whole batches from the front as `bytes_max` hold, at least one.
fn front(answer: &Answer, bytes_max: usize) -> Bytes {
    let starts = starts(&answer.records);
    let end = starts
        .iter()
        .copied()
        .chain([answer.records.len()])
        .skip(1)
        .take_while(|end| *end <= bytes_max)
        .last()
        .unwrap_or(starts[0]);
    answer.records.slice(..end)
}

#[test]
fn an_answer_that_ends_anywhere_gives_whole_batches_and_nothing_else() {
    for answer in answers() {
        let how = translate(&answer, 1 << 20);
        let first_bytes = starts(&answer.records).get(1).copied();
        let first_bytes = first_bytes.unwrap_or(answer.records.len());
        for bytes in (0..answer.records.len()).step_by(7) {
            let cut = answer.records.slice(..bytes);
            let prepared = prepare(cut, answer.aborted.clone(), how.clone());
            let seen = seen(&prepared);
            assert_eq!(seen, answer.expected[..seen.len()], "{}", answer.name);
            // A broker never cuts the first batch.
            let whole = bytes == 0 || bytes >= first_bytes;
            assert_eq!(prepared.halt.is_none(), whole, "{} to {bytes}", answer.name);
        }
    }
}

#[test]
fn offsets_that_no_checksum_covers_have_to_fit_their_place() {
    let answer = answers()
        .into_iter()
        .find(|answer| answer.name == "4.3/tiny")
        .expect("it is kept");
    let second = starts(&answer.records)[1];
    let header = |at: usize| BatchHeader::read(&answer.records[at..]).expect("reads");
    let with_offset = |at: usize, offset: i64| {
        let mut bytes = BytesMut::from(&answer.records[..]);
        bytes[at..at + 8].copy_from_slice(&offset.to_be_bytes());
        let prepared = prepare(bytes.freeze(), [], translate(&answer, 1 << 20));
        let error = prepared.halt.map(|halt| format!("{halt:?}"));
        error.unwrap_or_else(|| panic!("offset {offset} at byte {at} is taken"))
    };
    let next = header(second).base_offset;
    // The batch in front is told of first: its end lies behind what comes.
    assert!(with_offset(second, next - 1).contains("it reaches behind the next one"));
    assert!(with_offset(0, 1).contains("it reaches behind the next one"));
    let how = Preparation {
        from: next,
        ..translate(&answer, 1 << 20)
    };
    let only_before = prepare(answer.records.slice(..second), [], how);
    let halt = format!("{:?}", only_before.halt);
    assert!(halt.contains("it ends before what was asked for"), "{halt}");
    let bounds = Bounds {
        source_end: next - 1,
        ..Bounds::UNKNOWN
    };
    let how = translate(&answer, 1 << 20);
    let behind = prepare_within(answer.records.clone(), [], how.clone(), bounds);
    let halt = format!("{:?}", behind.halt);
    assert!(
        halt.contains("it reaches behind the end of the log"),
        "{halt}"
    );
    assert!(behind.pieces.is_empty());
    let bounds = Bounds {
        from_is_boundary: true,
        ..Bounds::UNKNOWN
    };
    let how = Preparation {
        from: 1,
        ..translate(&answer, 1 << 20)
    };
    let before = prepare_within(answer.records.slice(second..), [], how.clone(), bounds);
    assert_eq!(before.halt, None);
    let before = prepare_within(answer.records.clone(), [], how.clone(), bounds);
    let halt = format!("{:?}", before.halt);
    assert!(
        halt.contains("it begins before what was asked for"),
        "{halt}"
    );
}
