//! Batches that were made to do harm: right checksums around wrong contents. Each is refused with
//! its offset and the reason, and nothing of it is appended; what lies before it is.

use bytes::{Bytes, BytesMut};
use ferry_copy::append::{Offsets, Preparation, prepare};
use ferry_copy::batch::codec::{Codec, DECOMPRESSED_BYTES_MAX};
use ferry_copy::batch::header::LOG_APPEND_TIME;
use ferry_copy::halt::Halt;

const HOW: Preparation = Preparation {
    from: 0,
    offsets: Offsets::Translate,
    batch_bytes_max: 1 << 20,
};

/// A batch of `count` records at `base`, with the broker's timestamps so that it has to be opened.
fn batch(base: i64, count: i32, codec: Codec, payload: &[u8]) -> BytesMut {
    let mut out = vec![0; 61];
    out[..8].copy_from_slice(&base.to_be_bytes());
    out[16] = 2;
    let attributes = codec.bits() | LOG_APPEND_TIME;
    out[21..23].copy_from_slice(&attributes.to_be_bytes());
    out[23..27].copy_from_slice(&(count - 1).to_be_bytes());
    out[57..61].copy_from_slice(&count.to_be_bytes());
    out.extend_from_slice(payload);
    sealed(&out)
}

/// The same with the right length and checksum.
fn sealed(batch: &[u8]) -> BytesMut {
    let mut out = BytesMut::from(batch);
    let length = out.len() as i32 - 12;
    out[8..12].copy_from_slice(&length.to_be_bytes());
    let checksum = crc32c::crc32c(&out[21..]);
    out[17..21].copy_from_slice(&checksum.to_be_bytes());
    out
}

/// An empty record: length, attributes, two deltas, null key, null value, no headers.
const GOOD: &[u8] = &[12, 0, 0, 0, 1, 1, 0];

/// Why `hostile`, at offset 1 behind a good batch, is refused.
fn refusal(hostile: &[u8]) -> String {
    let good = batch(0, 1, Codec::None, GOOD);
    let answer = Bytes::from([&good[..], hostile].concat());
    let prepared = prepare(answer, [], HOW);
    let appended: i64 = prepared.appends().map(|append| append.records()).sum();
    assert_eq!((appended, prepared.source_next), (1, 1), "what lies before");
    match prepared.halt {
        Some(Halt::BadBatch { error }) => {
            assert!(error.contains("at offset 1"), "{error}");
            error
        }
        halt => panic!("{halt:?}"),
    }
}

#[test]
fn malformed_records_are_refused_with_their_number_and_the_reason() {
    let cases: [(&[u8], &str); 13] = [
        (
            &[],
            "record 0 of the batch at offset 1 is malformed: it is cut off",
        ),
        (&[1, 0], "a negative length"),
        (&[12, 0, 0, 0, 1, 1], "it is cut off"),
        (&[0xff; 12], "a number has more than 64 bits"),
        (&[0x80; 12], "a number has more than 64 bits"),
        (
            &[12, 0, 0, 2, 1, 1, 0],
            "its offset lies behind the batch's last",
        ),
        (&[12, 0, 0, 1, 1, 1, 0], "its offset does not ascend"),
        (&[12, 0, 0, 0, 3, 1, 0], "a negative length"),
        (&[12, 0, 0, 0, 40, 1, 0], "it is cut off"),
        (&[12, 0, 0, 0, 1, 1, 1], "a negative number of headers"),
        (&[12, 0, 0, 0, 1, 1, 40], "more headers than bytes"),
        (&[16, 0, 0, 0, 1, 1, 2, 1, 1], "a header without a key"),
        (&[14, 0, 0, 0, 1, 1, 0, 0], "bytes behind the headers"),
    ];
    for (payload, reason) in cases {
        for codec in [Codec::None, Codec::Snappy, Codec::Zstd] {
            let compressed = codec.compress(payload).expect("compresses");
            let refused = refusal(&batch(1, 1, codec, &compressed));
            if codec == Codec::None || !payload.is_empty() {
                assert!(refused.contains(reason), "{payload:?}: {refused}");
            }
        }
    }
    let second = [GOOD, &[12, 0, 0, 2, 9, 1, 0]].concat();
    let refused = refusal(&batch(1, 2, Codec::None, &second));
    assert!(
        refused.contains("record 1 of the batch at offset 1"),
        "{refused}"
    );
}

#[test]
fn counts_that_do_not_fit_are_refused() {
    let one_too_many = refusal(&batch(1, 2, Codec::None, GOOD));
    assert!(one_too_many.contains("record 1"), "{one_too_many}");
    let two = [GOOD, GOOD].concat();
    let one_missing = refusal(&batch(1, 1, Codec::None, &two));
    assert!(
        one_missing.contains("bytes behind the last record"),
        "{one_missing}"
    );
    let most = refusal(&batch(1, i32::MAX, Codec::None, GOOD));
    assert!(most.contains("record 1"), "{most}");
    for (at, bytes, field) in [
        (57, (-1_i32).to_be_bytes(), "record count"),
        (57, 2_i32.to_be_bytes(), "record count"),
        (23, (-1_i32).to_be_bytes(), "last offset delta"),
    ] {
        let mut hostile = batch(1, 1, Codec::None, GOOD);
        hostile[at..at + 4].copy_from_slice(&bytes);
        let refused = refusal(&sealed(&hostile));
        assert!(refused.contains(field), "{refused}");
    }
    let mut unknown = batch(1, 1, Codec::None, GOOD);
    unknown[22] |= 7;
    assert!(refusal(&sealed(&unknown)).contains("codec"));
}

#[test]
fn batches_that_inflate_without_end_are_refused() {
    let zeros = vec![0; DECOMPRESSED_BYTES_MAX + 1];
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let payload = codec.compress(&zeros).expect("compresses");
        let refused = refusal(&batch(1, 1, codec, &payload));
        assert!(refused.contains("decompresses to more than"), "{refused}");
    }
}

#[test]
fn payloads_that_no_codec_can_open_are_refused() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let good = codec.compress(&GOOD.repeat(50)).expect("compresses");
        let cut = &good[..good.len() - 1];
        let mut longer = good.clone();
        longer.push(1);
        for payload in [&[][..], &[0xff; 40], cut, &longer] {
            let refused = refusal(&batch(1, 50, codec, payload));
            let named = refused.contains(codec.name()) || refused.contains("malformed");
            assert!(named, "{codec:?}: {refused}");
        }
    }
    // A block of four bytes that claims to hold a gigabyte.
    let claims = refusal(&batch(1, 1, Codec::Snappy, &[0x80, 0x80, 0x80, 0x80, 4]));
    assert!(claims.contains("claims more than it can hold"), "{claims}");
}

#[test]
fn a_batch_that_reaches_as_far_as_deltas_can_is_one_with_a_hole() {
    let mut widest = batch(1, 1, Codec::None, GOOD);
    widest[23..27].copy_from_slice(&i32::MAX.to_be_bytes());
    let answer = [&batch(0, 1, Codec::None, GOOD)[..], &sealed(&widest)].concat();
    let prepared = prepare(answer.into(), [], HOW);
    assert_eq!(prepared.halt, None);
    let runs: Vec<_> = prepared.appends().map(|append| &append.runs).collect();
    assert_eq!(runs, [&[(0, 2)]]);
    assert_eq!(prepared.source_next, 2 + i64::from(i32::MAX));
}
