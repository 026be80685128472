//! What is made of fetched batches, for batches of all shapes.

use bytes::{Bytes, BytesMut};
use ferry_copy::append::{Append, Offsets, Piece, Preparation, Prepared, prepare};
use ferry_copy::batch::codec::{Codec, DECOMPRESSED_BYTES_MAX};
use ferry_copy::batch::encode::BatchBuilder;
use ferry_copy::batch::error::BatchError;
use ferry_copy::batch::header::{Batch, CONTROL, DELETE_HORIZON, LOG_APPEND_TIME, TRANSACTIONAL};
use ferry_copy::batch::padding::padding_batch;
use ferry_copy::batch::records::{Record, Records};
use ferry_copy::batch::rewrite::{Producer, append_rewritten, sequence_at};
use ferry_copy::halt::Halt;
use proptest::prelude::*;

/// A record as the tests think of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plain {
    offset: i64,
    timestamp_ms: i64,
    body: Vec<u8>,
}

/// Body of a record with a key and a value, without headers.
fn body(key: &[u8], value: Option<&[u8]>) -> Vec<u8> {
    let zigzag = |n: i64| {
        let mut rest = ((n << 1) ^ (n >> 63)) as u64;
        let mut out = Vec::new();
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
        out
    };
    let mut out = zigzag(key.len() as i64);
    out.extend_from_slice(key);
    match value {
        Some(value) => {
            out.extend(zigzag(value.len() as i64));
            out.extend_from_slice(value);
        }
        None => out.extend(zigzag(-1)),
    }
    out.push(0);
    out
}

/// The batch that a source broker would hold for `records` from `base` on: dense, then with the
/// named offsets taken out as its cleaner would.
#[derive(Debug, Clone)]
struct SourceBatch {
    base: i64,
    records: Vec<(i64, Vec<u8>)>,
    without: Vec<usize>,
    codec: Codec,
    bits: i16,
}

impl SourceBatch {
    fn dense(base: i64, count: usize) -> Self {
        let records = (0..count)
            .map(|i| {
                (
                    1_000 + i as i64,
                    body(format!("k{base}-{i}").as_bytes(), Some(b"value")),
                )
            })
            .collect();
        Self {
            base,
            records,
            without: Vec::new(),
            codec: Codec::None,
            bits: 0,
        }
    }

    /// The offset behind it.
    fn end(&self) -> i64 {
        self.base + self.records.len() as i64
    }

    fn encode(&self) -> Bytes {
        let mut builder = BatchBuilder::default();
        for (timestamp_ms, body) in &self.records {
            builder.push(&Record {
                offset: 0,
                timestamp_ms: *timestamp_ms,
                body,
            });
        }
        let batch = builder.finish(Codec::None).expect("encodes");
        // Take records out by copying their frames, which leaves gaps in the offsets.
        let whole = Batch::read(batch.bytes).expect("reads");
        let mut payload = Vec::new();
        let mut kept = 0_i32;
        let mut rest = whole.payload();
        for index in 0..self.records.len() {
            let (length, bytes) = read_varint(rest);
            let frame = &rest[..bytes + length as usize];
            if !self.without.contains(&index) {
                payload.extend_from_slice(frame);
                kept += 1;
            }
            rest = &rest[bytes + length as usize..];
        }
        let payload = self.codec.compress(&payload).expect("compresses");
        let mut out = BytesMut::from(&whole.bytes[..61]);
        out.extend_from_slice(&payload);
        let length = (out.len() - 12) as i32;
        out[0..8].copy_from_slice(&self.base.to_be_bytes());
        out[8..12].copy_from_slice(&length.to_be_bytes());
        out[12..16].copy_from_slice(&7_i32.to_be_bytes());
        out[21..23].copy_from_slice(&(self.codec.bits() | self.bits).to_be_bytes());
        out[43..51].copy_from_slice(&4711_i64.to_be_bytes());
        out[57..61].copy_from_slice(&kept.to_be_bytes());
        let checksum = crc32c::crc32c(&out[21..]);
        out[17..21].copy_from_slice(&checksum.to_be_bytes());
        out.freeze()
    }

    fn plain(&self) -> Vec<Plain> {
        let last = self.records.iter().map(|(timestamp, _)| *timestamp).max();
        self.records
            .iter()
            .enumerate()
            .filter(|(index, _)| !self.without.contains(index))
            .map(|(index, (timestamp_ms, body))| Plain {
                offset: self.base + index as i64,
                timestamp_ms: match last {
                    Some(last) if self.bits & LOG_APPEND_TIME != 0 => last,
                    _ => *timestamp_ms,
                },
                body: body.clone(),
            })
            .collect()
    }
}

fn read_varint(bytes: &[u8]) -> (i64, usize) {
    let (mut value, mut at) = (0_u64, 0);
    loop {
        value |= u64::from(bytes[at] & 0x7f) << (7 * at);
        at += 1;
        if bytes[at - 1] & 0x80 == 0 {
            return ((value >> 1) as i64 ^ -((value & 1) as i64), at);
        }
    }
}

/// What a consumer of the target would see, each record with the source offset it came from.
fn appended(prepared: &Prepared) -> Vec<Plain> {
    let mut seen = Vec::new();
    for append in prepared.appends() {
        let mut out = BytesMut::new();
        let producer = Producer {
            id: 99,
            epoch: 3,
            transactional: true,
        };
        append_rewritten(
            &mut out,
            &append.bytes,
            &append.header,
            producer,
            sequence_at(5),
        );
        let batch = Batch::read(out.freeze()).expect("a broker accepts it");
        assert_eq!(batch.header.base_offset, 0);
        assert_eq!(batch.header.producer_id, 99);
        assert_eq!(batch.header.base_sequence, 5);
        assert!(batch.header.has(TRANSACTIONAL));
        for bit in [CONTROL, DELETE_HORIZON, LOG_APPEND_TIME] {
            assert!(!batch.header.has(bit), "bit {bit:#x} must not travel");
        }
        assert!(!batch.header.has_gaps(), "brokers refuse gaps");
        let mut sources = append
            .runs
            .iter()
            .flat_map(|(source, count)| *source..*source + *count);
        let records = Records::of(&batch).expect("opens");
        for record in records.iter() {
            let record = record.expect("reads");
            seen.push(Plain {
                offset: sources.next().expect("a source offset for every record"),
                timestamp_ms: record.timestamp_ms,
                body: record.body.to_vec(),
            });
        }
        assert_eq!(sources.next(), None, "a record for every source offset");
    }
    seen
}

/// Goes through the pieces as the target takes them: each lies behind the one before. Returns where
/// they end.
fn in_place(prepared: &Prepared, from: i64) -> i64 {
    let mut next = from;
    for piece in &prepared.pieces {
        match piece {
            Piece::Append(append) => {
                assert_eq!(append.source_first(), next);
                next += append.records();
            }
            Piece::Void(void) => {
                assert_eq!(void.first, next);
                assert!(void.transactions() >= 1, "room for a marker");
                next = void.until;
            }
        }
        assert_eq!(piece.source_next(), next);
    }
    next
}

/// What is kept free: from where to where, and with which records.
fn voids(prepared: &Prepared) -> Vec<(i64, i64, Vec<Plain>)> {
    let void = |piece: &Piece| match piece {
        Piece::Append(_) => None,
        Piece::Void(void) => {
            let pieces = void.aborted.iter().cloned().map(Piece::Append).collect();
            let records = Prepared {
                pieces,
                ..Prepared::default()
            };
            Some((void.first, void.until, appended(&records)))
        }
    };
    prepared.pieces.iter().filter_map(void).collect()
}

fn only(prepared: &Prepared) -> &Append {
    let appends: Vec<_> = prepared.appends().collect();
    assert_eq!(appends.len(), 1);
    appends[0]
}

const FILLER: &[u8] = b"a key of fillers";

fn filler() -> Vec<u8> {
    body(FILLER, None)
}

fn filling() -> Preparation {
    Preparation {
        offsets: Offsets::Preserve {
            filler: Some(FILLER.into()),
        },
        ..PRESERVE
    }
}

fn joined(batches: &[SourceBatch]) -> Bytes {
    let mut out = BytesMut::new();
    for batch in batches {
        out.extend_from_slice(&batch.encode());
    }
    out.freeze()
}

const TRANSLATE: Preparation = Preparation {
    from: 0,
    offsets: Offsets::Translate,
    batch_bytes_max: 1 << 20,
};
const PRESERVE: Preparation = Preparation {
    from: 0,
    offsets: Offsets::PRESERVE,
    batch_bytes_max: 1 << 20,
};

fn codec() -> impl Strategy<Value = Codec> {
    prop_oneof![
        Just(Codec::None),
        Just(Codec::Gzip),
        Just(Codec::Snappy),
        Just(Codec::Lz4),
        Just(Codec::Zstd)
    ]
}

fn record() -> impl Strategy<Value = (i64, Vec<u8>)> {
    let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..200));
    let timestamp = prop_oneof![-1..10_000_i64, Just(i64::MAX), Just(i64::MIN)];
    (timestamp, prop::collection::vec(any::<u8>(), 0..20), value)
        .prop_map(|(timestamp, key, value)| (timestamp, body(&key, value.as_deref())))
}

prop_compose! {
    fn source_batch()(
        records in prop::collection::vec(record(), 1..60),
        codec in codec(),
        log_append_time in prop::bool::weighted(0.1),
        delete_horizon in prop::bool::weighted(0.1),
        gaps in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        gappy in prop::bool::weighted(0.3),
    ) -> SourceBatch {
        let mut without: Vec<usize> = Vec::new();
        if gappy {
            without = gaps.iter().map(|index| index.index(records.len())).collect();
        }
        let mut bits = 0;
        if log_append_time { bits |= LOG_APPEND_TIME; }
        if delete_horizon { bits |= DELETE_HORIZON; }
        SourceBatch { base: 0, records, without, codec, bits }
    }
}

fn source_log() -> impl Strategy<Value = Vec<SourceBatch>> {
    prop::collection::vec(
        (
            source_batch(),
            prop_oneof![4 => Just(0_i64), 1 => 1..50_i64],
        ),
        1..12,
    )
    .prop_map(|batches| {
        let mut base = 0;
        batches
            .into_iter()
            .map(|(mut batch, gap_before)| {
                base += gap_before;
                batch.base = base;
                base += batch.records.len() as i64;
                batch
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn every_record_arrives_once_in_order_with_its_contents(
        log in source_log(), from in 0..200_i64, batch_bytes_max in 600..100_000_usize,
    ) {
        let how = Preparation { from, offsets: Offsets::Translate, batch_bytes_max };
        // An answer begins with the batch that holds what was asked for, or the next one.
        let answer: Vec<_> = log.iter().filter(|batch| batch.end() > from).cloned().collect();
        let prepared = prepare(joined(&answer), [], how);
        prop_assert_eq!(&prepared.halt, &None);
        let expected: Vec<Plain> =
            log.iter().flat_map(SourceBatch::plain).filter(|r| r.offset >= from).collect();
        prop_assert_eq!(appended(&prepared), expected);
        let end = log.last().map_or(0, SourceBatch::end);
        prop_assert_eq!(prepared.source_next, end.max(from));
        for append in prepared.appends() {
            prop_assert!(append.bytes.len() <= batch_bytes_max);
        }
    }

    #[test]
    fn offsets_are_kept_up_to_a_batch_with_holes(log in source_log()) {
        let prepared = prepare(joined(&log), [], PRESERVE);
        let holed = log
            .iter()
            .find(|batch| (1..batch.records.len()).contains(&batch.plain().len()));
        let until = in_place(&prepared, 0);
        prop_assert_eq!(until, prepared.source_next);
        let kept: Vec<Plain> =
            log.iter().flat_map(SourceBatch::plain).filter(|r| r.offset < until).collect();
        prop_assert_eq!(appended(&prepared), kept);
        match (holed, prepared.interruption) {
            (Some(batch), Some(interruption)) => {
                prop_assert_eq!(interruption.at, batch.base);
                prop_assert_eq!(until, batch.base);
            }
            (None, None) => prop_assert_eq!(until, log.last().map_or(0, SourceBatch::end)),
            (_, other) => prop_assert!(false, "interrupted: {:?}", other),
        }
    }

    #[test]
    fn with_fillers_every_offset_is_kept(log in source_log(), from in 0..100_i64) {
        let how = Preparation { from, ..filling() };
        let answer: Vec<_> = log.iter().filter(|batch| batch.end() > from).cloned().collect();
        let prepared = prepare(joined(&answer), [], how);
        prop_assert_eq!(&prepared.interruption, &None);
        let end = log.last().map_or(0, SourceBatch::end).max(from);
        prop_assert_eq!(in_place(&prepared, from), end);
        let (fillers, kept): (Vec<_>, Vec<_>) =
            appended(&prepared).into_iter().partition(|record| record.body == filler());
        let expected: Vec<Plain> =
            log.iter().flat_map(SourceBatch::plain).filter(|r| r.offset >= from).collect();
        prop_assert_eq!(fillers.len() as i64, end - from - expected.len() as i64);
        prop_assert_eq!(prepared.appends().map(|a| a.fillers).sum::<i64>(), fillers.len() as i64);
        prop_assert_eq!(kept, expected);
        for pair in fillers.windows(2) {
            prop_assert!(pair[0].offset < pair[1].offset);
        }
    }

    #[test]
    fn damaged_bytes_are_never_appended_as_they_are(
        log in source_log(), at in any::<prop::sample::Index>(), bit in 0..8_u32,
    ) {
        let mut bytes = BytesMut::from(&joined(&log)[..]);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let prepared = prepare(bytes.freeze(), [], TRANSLATE);
        let all: Vec<Plain> = log.iter().flat_map(SourceBatch::plain).collect();
        // Whatever was damaged: what arrives are records of the source, contents and timestamps
        // untouched. Offsets lie outside of the checksum, so only the contents are compared.
        for record in appended(&prepared) {
            prop_assert!(all.iter().any(|r| r.body == record.body && r.timestamp_ms == record.timestamp_ms));
        }
    }
}

#[test]
fn a_large_batch_passes_without_a_copy_of_its_records() {
    let mut batch = SourceBatch::dense(0, 10);
    batch.records[0].1 = body(b"k", Some(&[7; 40_000]));
    let bytes = batch.encode();
    let prepared = prepare(bytes.clone(), [], PRESERVE);
    let append = only(&prepared);
    assert!(append.untouched);
    assert_eq!(append.bytes.as_ptr(), bytes.as_ptr(), "the very same bytes");
}

#[test]
fn tiny_batches_become_one() {
    let log: Vec<_> = (0..500).map(|i| SourceBatch::dense(i * 3, 3)).collect();
    let prepared = prepare(joined(&log), [], PRESERVE);
    let append = only(&prepared);
    assert_eq!(append.records(), 1_500);
    assert_eq!(append.runs, [(0, 1_500)]);
}

#[test]
fn an_answer_that_ends_inside_a_batch_gives_the_whole_ones_before() {
    let log = [SourceBatch::dense(0, 5), SourceBatch::dense(5, 5)];
    let bytes = joined(&log);
    let prepared = prepare(bytes.slice(..bytes.len() - 1), [], PRESERVE);
    assert_eq!(prepared.source_next, 5);
    assert_eq!(prepared.halt, None);
}

#[test]
fn aborted_records_and_markers_are_stepped_over_and_committed_ones_stay() {
    let mut aborted = SourceBatch::dense(0, 3);
    aborted.bits = TRANSACTIONAL;
    let marker = SourceBatch {
        records: vec![(0, control_body(0))],
        bits: TRANSACTIONAL | CONTROL,
        ..SourceBatch::dense(3, 1)
    };
    let mut committed = SourceBatch::dense(4, 2);
    committed.bits = TRANSACTIONAL;
    let commit = SourceBatch {
        records: vec![(0, control_body(1))],
        bits: TRANSACTIONAL | CONTROL,
        ..SourceBatch::dense(6, 1)
    };
    let log = [aborted, marker, committed.clone(), commit];
    let prepared = prepare(joined(&log), [(4711, 0)], TRANSLATE);
    assert_eq!(appended(&prepared), committed.plain());
    assert_eq!(
        prepared.source_next, 7,
        "the position lies behind the last marker"
    );
}

#[test]
fn markers_and_aborted_records_are_kept_free_where_offsets_are_kept() {
    let aborted = |base, records| SourceBatch {
        bits: TRANSACTIONAL,
        ..SourceBatch::dense(base, records)
    };
    let marker = |base, kind| SourceBatch {
        records: vec![(0, control_body(kind))],
        bits: TRANSACTIONAL | CONTROL,
        ..SourceBatch::dense(base, 1)
    };
    let log = [
        aborted(0, 3),
        marker(3, 0),
        SourceBatch::dense(4, 2),
        marker(6, 1),
        marker(7, 1),
        SourceBatch::dense(8, 1),
    ];
    let prepared = prepare(joined(&log), [(4711, 0)], PRESERVE);
    assert_eq!(in_place(&prepared, 0), 9);
    let voids: Vec<_> = voids(&prepared);
    assert_eq!(voids[0], (0, 4, log[0].plain()), "as they were aborted");
    assert_eq!(voids[1], (6, 8, Vec::new()), "two markers");
    let seen: Vec<_> = appended(&prepared).iter().map(|r| r.offset).collect();
    assert_eq!(seen, [4, 5, 8]);
}

#[test]
fn an_aborted_record_makes_room_for_the_marker_where_data_follows() {
    let mut aborted = SourceBatch::dense(0, 3);
    aborted.bits = TRANSACTIONAL;
    let log = [aborted, SourceBatch::dense(3, 2)];
    let aborted_plain = log[0].plain();
    let prepared = prepare(joined(&log), [(4711, 0)], PRESERVE);
    assert_eq!(in_place(&prepared, 0), 5);
    assert_eq!(voids(&prepared), [(0, 3, aborted_plain[..2].to_vec())]);
}

#[test]
fn aborted_records_at_the_end_of_an_answer_wait_for_the_next_one() {
    let mut aborted = SourceBatch::dense(2, 3);
    aborted.bits = TRANSACTIONAL;
    let log = [SourceBatch::dense(0, 2), aborted.clone()];
    let prepared = prepare(joined(&log), [(4711, 2)], PRESERVE);
    assert_eq!(
        prepared.source_next, 2,
        "what follows them is not known yet"
    );
    // An answer of nothing else has to go on all the same, also from their middle.
    let how = Preparation {
        from: 3,
        ..PRESERVE
    };
    let prepared = prepare(joined(&[aborted.clone()]), [(4711, 2)], how);
    assert_eq!(in_place(&prepared, 3), 5);
    assert_eq!(voids(&prepared), [(3, 5, aborted.plain()[1..2].to_vec())]);
}

#[test]
fn more_fillers_than_one_answer_may_make_are_left_for_the_next() {
    let log = [SourceBatch::dense(0, 1), SourceBatch::dense(2_500_000, 1)];
    let mut from = 0;
    let mut answers = 0;
    while from <= 2_500_000 {
        let rest = if from == 0 { &log[..] } else { &log[1..] };
        let how = Preparation { from, ..filling() };
        let prepared = prepare(joined(rest), [], how);
        assert_eq!(prepared.interruption, None);
        from = in_place(&prepared, from);
        answers += 1;
    }
    assert_eq!((from, answers), (2_500_001, 3));
}

/// Body of a control record: version 0 and its type as key, no value that matters.
fn control_body(kind: i16) -> Vec<u8> {
    let mut key = vec![0, 0];
    key.extend_from_slice(&kind.to_be_bytes());
    body(&key, Some(&[0; 6]))
}

#[test]
fn a_record_too_large_for_the_target_halts_with_its_offset_and_size() {
    let mut log = [SourceBatch::dense(0, 3), SourceBatch::dense(3, 3)];
    log[1].records[1].1 = body(b"huge", Some(&[1; 5_000]));
    let how = Preparation {
        batch_bytes_max: 4_000,
        ..PRESERVE
    };
    let prepared = prepare(joined(&log), [], how);
    assert!(matches!(
        prepared.halt,
        Some(Halt::RecordTooLarge { offset: 4, limit_bytes: 4_000, batch_bytes }) if batch_bytes > 5_000
    ));
    assert_eq!(prepared.source_next, 4, "everything before it is kept");
}

#[test]
fn an_unknown_message_format_is_named_with_its_offset() {
    let mut bytes = BytesMut::from(&SourceBatch::dense(12, 1).encode()[..]);
    bytes[16] = 3;
    let prepared = prepare(bytes.freeze(), [], TRANSLATE);
    let expected = BatchError::Format {
        offset: 12,
        magic: 3,
    };
    assert_eq!(prepared.halt, Some(Halt::bad_batch(&expected)));
}

#[test]
fn padding_is_dense_small_and_of_timestamp_zero() {
    let padding = padding_batch(500_000).expect("encodes");
    assert_eq!(padding.header.records_count, 500_000);
    assert_eq!(padding.header.last_offset_delta, 499_999);
    assert_eq!(
        (padding.header.base_timestamp, padding.header.max_timestamp),
        (0, 0)
    );
    assert!(
        padding.bytes.len() < 500_000,
        "{} bytes",
        padding.bytes.len()
    );
    let batch = Batch::read(padding.bytes).expect("reads");
    let records = Records::of(&batch).expect("opens");
    let contents = records
        .iter()
        .last()
        .expect("one")
        .expect("reads")
        .contents()
        .expect("reads");
    assert_eq!((contents.key, contents.value), (None, None));
}

#[test]
fn sequence_numbers_wrap_behind_the_largest() {
    assert_eq!(sequence_at(i64::from(i32::MAX)), i32::MAX);
    assert_eq!(sequence_at(i64::from(i32::MAX) + 1), 0);
}

#[test]
fn a_decompression_bomb_is_refused() {
    let zeros = vec![0_u8; DECOMPRESSED_BYTES_MAX + 1];
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let bomb = codec.compress(&zeros).expect("compresses");
        let refused = codec.decompress(&bomb, 7);
        assert!(
            matches!(refused, Err(BatchError::Bomb { offset: 7, .. })),
            "{codec:?}"
        );
        let most = codec.compress(&zeros[1..]).expect("compresses");
        let opened = codec.decompress(&most, 7).map(|opened| opened.len());
        assert_eq!(opened, Ok(DECOMPRESSED_BYTES_MAX), "{codec:?}");
    }
}
