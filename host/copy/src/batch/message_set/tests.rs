//! Messages of formats 0 and 1 made by the book, and what becomes of them.

use crate::batch::codec::Codec;
use crate::batch::error::BatchError;
use crate::batch::records::Records;
use crate::batch::slices::BatchSlices;
use bytes::Bytes;

/// A message as "Old Message Format" of Apache Kafka's documentation lays it out.
fn message(
    offset: i64,
    magic: i8,
    attributes: u8,
    timestamp_ms: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Vec<u8> {
    let mut checked = vec![magic as u8, attributes];
    if magic == 1 {
        checked.extend_from_slice(&timestamp_ms.to_be_bytes());
    }
    for bytes in [key, value] {
        let length = bytes.map_or(-1, |bytes| bytes.len() as i32);
        checked.extend_from_slice(&length.to_be_bytes());
        checked.extend_from_slice(bytes.unwrap_or_default());
    }
    let mut crc = flate2::Crc::new();
    crc.update(&checked);
    let mut out = offset.to_be_bytes().to_vec();
    out.extend_from_slice(&(checked.len() as i32 + 4).to_be_bytes());
    out.extend_from_slice(&crc.sum().to_be_bytes());
    out.extend_from_slice(&checked);
    out
}

/// A compressed set: one message around `inside`.
fn set(offset: i64, magic: i8, attributes: u8, timestamp_ms: i64, inside: &[Vec<u8>]) -> Vec<u8> {
    let codec = Codec::of(attributes.into()).expect("a codec");
    let value = codec.compress(&inside.concat()).expect("compresses");
    message(offset, magic, attributes, timestamp_ms, None, Some(&value))
}

type Seen = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>);

/// Every record of every batch: offset, timestamp, key and value.
fn seen(messages: &[Vec<u8>]) -> Result<Vec<Seen>, BatchError> {
    let mut seen = Vec::new();
    for batch in BatchSlices::new(Bytes::from(messages.concat())) {
        let batch = batch?;
        for record in Records::of(&batch)?.iter() {
            let record = record?;
            let contents = record.contents().expect("reads");
            assert!(contents.headers.is_empty());
            seen.push((
                record.offset,
                record.timestamp_ms,
                contents.key.map(<[u8]>::to_vec),
                contents.value.map(<[u8]>::to_vec),
            ));
        }
    }
    Ok(seen)
}

fn record(offset: i64, timestamp_ms: i64, key: &str, value: Option<&str>) -> Seen {
    (
        offset,
        timestamp_ms,
        Some(key.as_bytes().to_vec()),
        value.map(|value| value.as_bytes().to_vec()),
    )
}

#[test]
fn single_messages_of_both_formats_become_one_batch_without_holes() {
    let messages = [
        message(7, 0, 0, 0, Some(b"a"), Some(b"1")),
        message(8, 1, 0, 500, Some(b"b"), None),
        message(9, 1, 8, 900, None, Some(b"")),
    ];
    assert_eq!(
        seen(&messages),
        Ok(vec![
            record(7, -1, "a", Some("1")),
            record(8, 500, "b", None),
            (9, 900, None, Some(Vec::new())),
        ])
    );
    let batches: Vec<_> = BatchSlices::new(Bytes::from(messages.concat())).collect();
    let [Ok(batch)] = &batches[..] else {
        panic!("one batch, not {batches:?}")
    };
    assert_eq!(
        (batch.header.base_offset, batch.header.next_offset()),
        (7, 10)
    );
    assert!(!batch.header.has_gaps());
    assert_eq!(batch.header.max_timestamp, 900);
}

#[test]
fn a_hole_between_single_messages_begins_another_batch() {
    let messages = [
        message(7, 1, 0, 1, Some(b"a"), None),
        message(9, 1, 0, 2, Some(b"b"), None),
    ];
    let bases: Vec<_> = BatchSlices::new(Bytes::from(messages.concat()))
        .map(|batch| batch.expect("reads").header.base_offset)
        .collect();
    assert_eq!(bases, [7, 9]);
}

#[test]
fn offsets_inside_a_set_of_format_1_are_relative_to_the_first() {
    for codec in [1, 2, 3] {
        let inside = [
            message(0, 1, 0, 10, Some(b"a"), Some(b"1")),
            // The cleaner took one.
            message(2, 1, 0, 30, Some(b"c"), Some(b"3")),
        ];
        assert_eq!(
            seen(&[set(102, 1, codec, 30, &inside)]),
            Ok(vec![
                record(100, 10, "a", Some("1")),
                record(102, 30, "c", Some("3"))
            ])
        );
    }
}

#[test]
fn offsets_inside_a_set_of_format_0_are_absolute_and_there_are_no_timestamps() {
    let inside = [
        message(100, 0, 0, 0, Some(b"a"), Some(b"1")),
        message(101, 0, 0, 0, Some(b"b"), Some(b"2")),
    ];
    let sets = [set(103, 0, 1, 0, &inside)];
    assert_eq!(
        seen(&sets),
        Ok(vec![
            record(100, -1, "a", Some("1")),
            record(101, -1, "b", Some("2"))
        ])
    );
    let batch = BatchSlices::new(Bytes::from(sets.concat()))
        .next()
        .expect("one")
        .expect("reads");
    assert_eq!(batch.header.next_offset(), 104, "as far as the set itself");
}

#[test]
fn the_brokers_time_holds_for_every_message_of_a_set() {
    let inside = [
        message(0, 1, 0, 10, Some(b"a"), None),
        message(1, 1, 0, 20, Some(b"b"), None),
    ];
    assert_eq!(
        seen(&[set(1, 1, 1 | 8, 777, &inside)]),
        Ok(vec![record(0, 777, "a", None), record(1, 777, "b", None)])
    );
}

#[test]
fn the_wrong_header_checksum_of_lz4_in_format_0_does_no_harm() {
    let inside = message(5, 0, 0, 0, Some(b"a"), Some(b"1"));
    let mut value = Codec::Lz4.compress(&inside).expect("compresses");
    // Behind the magic number, the flags and the size of blocks: the header's checksum.
    value[6] ^= 0xff;
    let wrapped = message(5, 0, 3, 0, None, Some(&value));
    assert_eq!(seen(&[wrapped]), Ok(vec![record(5, -1, "a", Some("1"))]));
}

#[test]
fn damage_is_found_wherever_it_lies() {
    let inside = [message(0, 1, 0, 10, Some(b"a"), Some(b"1"))];
    for whole in [
        message(0, 0, 0, 0, Some(b"key"), Some(b"value")),
        message(0, 1, 0, 10, Some(b"key"), Some(b"value")),
        set(0, 1, 1, 10, &inside),
    ] {
        for bit in 64..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(seen(&[damaged]).is_err(), "bit {bit} of {whole:02x?}");
        }
    }
}

#[test]
fn impossible_sets_are_refused_with_their_offset() {
    let a = || message(0, 1, 0, 10, Some(b"a"), None);
    let reason = |set: Vec<u8>| match seen(&[set]) {
        Err(BatchError::Message {
            offset: 9, reason, ..
        }) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        reason(message(9, 1, 1, 0, None, None)),
        "a compressed set without a value"
    );
    assert_eq!(
        reason(set(9, 1, 1, 0, &[])),
        "a compressed set without messages"
    );
    let nested = set(0, 1, 1, 0, &[a()]);
    assert_eq!(
        reason(set(9, 1, 1, 0, &[nested])),
        "a compressed set inside a compressed set"
    );
    let mut cut = a();
    cut.pop();
    assert_eq!(
        reason(set(9, 1, 1, 0, &[a(), cut])),
        "a message inside is cut off"
    );
    let far = message(i64::MAX, 1, 0, 0, None, None);
    assert_eq!(
        reason(set(9, 1, 1, 0, &[far])),
        "the messages inside reach before offset 0"
    );
    let later = message(10, 0, 0, 0, None, None);
    assert_eq!(
        reason(set(9, 0, 1, 0, &[later])),
        "a message inside lies behind the whole set"
    );
}
