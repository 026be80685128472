//! What is made of logs of all shapes: every committed record arrives once, in order, unchanged, in
//! batches that a broker takes. Another decoder than Ferry's reads them.

mod made;
mod replay;

use ferry_copy::append::{Append, Bounds, Offsets, Piece, Preparation, Prepared, prepare_within};
use ferry_copy::batch::codec::Codec;
use ferry_copy::batch::header::CODEC_MASK;
use made::{Event, MadeLog, MadeRecord, Visible, header_key};
use proptest::prelude::*;

fn bytes(most: usize) -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::weighted(0.8, prop::collection::vec(0..4_u8, 0..most))
}

fn record() -> impl Strategy<Value = MadeRecord> {
    let hole = prop_oneof![30 => Just(0_u8), 1 => 1..5_u8];
    let timestamp = prop_oneof![8 => 0..1_000_i64, 1 => Just(-1), 1 => Just(i64::MAX / 2)];
    let value = prop_oneof![20 => bytes(60), 1 => bytes(2_000)];
    let headers = prop::collection::vec(bytes(9), 0..3);
    (hole, timestamp, bytes(9), value, headers).prop_map(
        |(hole, timestamp_ms, key, value, headers)| MadeRecord {
            hole,
            timestamp_ms,
            key,
            value,
            headers,
        },
    )
}

fn records() -> impl Strategy<Value = Vec<MadeRecord>> {
    prop_oneof![
        4 => prop::collection::vec(record(), 1..4),
        2 => prop::collection::vec(record(), 1..40),
        1 => prop::collection::vec(record(), 300..400),
    ]
}

fn codec(last: u8) -> impl Strategy<Value = Codec> {
    (0..=last).prop_map(|number| Codec::of(number.into()).expect("a codec"))
}

fn event() -> impl Strategy<Value = Event> {
    let batch = (
        prop::option::of(0..3_u8),
        codec(4),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        records(),
    );
    let messages = (0..2_u8, codec(3), any::<bool>(), records());
    prop_oneof![
        10 => batch.prop_map(|(producer, codec, log_append_time, delete_horizon, records)| {
            Event::Batch { producer, codec, log_append_time, delete_horizon, records }
        }),
        4 => (0..3_u8, any::<bool>()).prop_map(|(producer, commit)| Event::End { producer, commit }),
        1 => (0..9_u8, any::<bool>()).prop_map(|(offsets, control)| Event::Emptied { offsets, control }),
        2 => messages.prop_map(|(magic, codec, log_append_time, records)| {
            Event::Messages { magic, codec, log_append_time, records }
        }),
        1 => (0..9_u8).prop_map(|offsets| Event::Hole { offsets }),
    ]
}

fn log() -> impl Strategy<Value = MadeLog> {
    prop::collection::vec(event(), 1..14).prop_map(|events| MadeLog::of(&events))
}

/// What another decoder reads of the appends, as they are produced, with the offsets of the source.
fn seen(prepared: &Prepared) -> Vec<Visible> {
    let mut seen = Vec::new();
    for append in prepared.appends() {
        let records = replay::produced(append);
        let sources = append
            .runs
            .iter()
            .flat_map(|(first, count)| *first..*first + *count);
        let sources: Vec<_> = sources.collect();
        assert_eq!(
            sources.len(),
            records.len(),
            "a source offset for every record"
        );
        for (offset, record) in sources.into_iter().zip(records) {
            let headers = record
                .headers
                .iter()
                .enumerate()
                .map(|(number, (key, value))| {
                    assert_eq!(key.as_str(), header_key(number));
                    value.as_ref().map(|value| value.to_vec())
                });
            seen.push(Visible {
                offset,
                timestamp_ms: record.timestamp,
                headers: headers.collect(),
                key: record.key.map(|key| key.to_vec()),
                value: record.value.map(|value| value.to_vec()),
            });
        }
    }
    seen
}

/// What a broker asks of a batch, beyond what decoding it shows.
fn acceptable(append: &Append, how: &Preparation) -> Result<(), TestCaseError> {
    let header = &append.header;
    prop_assert!(append.bytes.len() <= how.batch_bytes_max);
    prop_assert_eq!(header.records_count, header.last_offset_delta + 1);
    let records = replay::produced(append);
    let newest = records.iter().map(|record| record.timestamp).max();
    prop_assert_eq!(newest, Some(header.max_timestamp));
    if !append.untouched {
        prop_assert_eq!(header.attributes & !CODEC_MASK, 0);
        prop_assert_eq!(
            (header.producer_id, header.partition_leader_epoch),
            (-1, -1)
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_committed_record_arrives_once_in_order_and_unchanged(
        log in log(), from in any::<prop::sample::Index>(), batch_bytes_max in 3_000..60_000_usize,
    ) {
        let from = from.index(log.end() as usize + 1) as i64;
        let (records, aborted) = log.answer(from);
        let how = Preparation { from, offsets: Offsets::Translate, batch_bytes_max };
        let bounds = Bounds { source_end: log.end(), ..Bounds::UNKNOWN };
        let prepared = prepare_within(records, aborted, how.clone(), bounds);
        prop_assert_eq!(&prepared.halt, &None);
        prop_assert_eq!(&prepared.interruption, &None);
        prop_assert_eq!(seen(&prepared), log.visible(from));
        for append in prepared.appends() {
            acceptable(append, &how)?;
        }
        let mut next = from;
        for append in prepared.appends() {
            prop_assert!(append.source_first() >= next);
            next = append.source_next;
        }
        prop_assert!(prepared.source_next >= next);
    }

    #[test]
    fn records_keep_their_offsets_up_to_a_batch_with_holes(log in log()) {
        let (records, aborted) = log.answer(0);
        let how = Preparation { from: 0, offsets: Offsets::PRESERVE, batch_bytes_max: 1 << 20 };
        let prepared = prepare_within(records, aborted, how.clone(), Bounds::UNKNOWN);
        prop_assert_eq!(&prepared.halt, &None);
        let mut next = 0;
        for piece in &prepared.pieces {
            match piece {
                Piece::Append(append) => {
                    prop_assert_eq!(&append.runs, &[(next, append.records())]);
                    next += append.records();
                }
                Piece::Void(void) => {
                    prop_assert_eq!(void.first, next);
                    prop_assert!(void.transactions() > 0);
                    for append in &void.aborted {
                        acceptable(append, &how)?;
                    }
                    next = void.until;
                }
            }
            prop_assert_eq!(piece.source_next(), next);
        }
        prop_assert_eq!(prepared.source_next, next);
        let (before, behind): (Vec<_>, Vec<_>) =
            log.visible(0).into_iter().partition(|record| record.offset < next);
        prop_assert_eq!(seen(&prepared), before);
        match &prepared.interruption {
            Some(interruption) => {
                prop_assert_eq!(interruption.at, next);
                prop_assert_eq!(interruption.reason, "offsets without records in a batch");
            }
            None => prop_assert_eq!(behind, []),
        }
    }

    #[test]
    fn a_small_limit_stops_at_the_first_record_that_fits_no_batch(
        log in log(), batch_bytes_max in 100..900_usize,
    ) {
        let (records, aborted) = log.answer(0);
        let how = Preparation { from: 0, offsets: Offsets::Translate, batch_bytes_max };
        let prepared = prepare_within(records, aborted, how.clone(), Bounds::UNKNOWN);
        let (seen, all) = (seen(&prepared), log.visible(0));
        prop_assert_eq!(&seen[..], &all[..seen.len()]);
        for append in prepared.appends() {
            acceptable(append, &how)?;
        }
        match &prepared.halt {
            Some(ferry_copy::halt::Halt::RecordTooLarge { offset, batch_bytes, .. }) => {
                prop_assert_eq!(*offset, all[seen.len()].offset);
                prop_assert!(*batch_bytes > batch_bytes_max);
                prop_assert!(prepared.source_next <= *offset);
            }
            halt => {
                prop_assert_eq!(halt, &None);
                prop_assert_eq!(seen.len(), all.len());
            }
        }
    }

    #[test]
    fn a_batch_that_is_encoded_anew_keeps_its_codec(codec in codec(4), records in records()) {
        let event = Event::Batch {
            producer: None, codec, log_append_time: true, delete_horizon: false, records,
        };
        let log = MadeLog::of(&[event]);
        for target_knows_zstd in [true, false] {
            let bounds = Bounds { target_knows_zstd, ..Bounds::UNKNOWN };
            let how = Preparation { from: 0, offsets: Offsets::Translate, batch_bytes_max: 1 << 20 };
            let prepared = prepare_within(log.answer(0).0, [], how, bounds);
            let expected = match codec {
                Codec::Zstd if !target_knows_zstd => Codec::Lz4,
                codec => codec,
            };
            for append in prepared.appends() {
                prop_assert_eq!(Codec::of(append.header.attributes), Some(expected));
            }
            prop_assert_eq!(seen(&prepared), log.visible(0));
        }
    }
}
