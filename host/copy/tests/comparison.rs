//! The comparison finds every difference, and nothing where there is none.

use bytes::BytesMut;
use ferry_copy::batch::codec::Codec;
use ferry_copy::batch::encode::BatchBuilder;
use ferry_copy::batch::header::Batch;
use ferry_copy::batch::records::Contents;
use ferry_copy::map::{OffsetMap, Run};
use ferry_copy::verify::comparison::{Compared, Comparison, Mapping};
use ferry_copy::verify::difference::Kind;
use ferry_model::offset::{SourceOffset, TargetOffset};

/// Key, value and timestamp of a record.
type Plain = (&'static str, Option<&'static str>, i64);

const A: Plain = ("a", Some("1"), 100);
const B: Plain = ("b", Some("2"), 200);
const C: Plain = ("c", None, 300);

fn batch(base: i64, records: &[Plain], codec: Codec) -> Batch {
    let mut builder = BatchBuilder::default();
    for (key, value, timestamp_ms) in records {
        let contents = Contents {
            key: Some(key.as_bytes()),
            value: value.map(str::as_bytes),
            headers: vec![(b"h".as_slice(), Some(b"x".as_slice()))],
        };
        builder.push_contents(*timestamp_ms, &contents);
    }
    let encoded = builder.finish(codec).expect("encodes");
    let mut bytes = BytesMut::from(&encoded.bytes[..]);
    bytes[0..8].copy_from_slice(&base.to_be_bytes());
    Batch::read(bytes.freeze()).expect("reads")
}

fn compare(compacted: bool, source: Vec<Batch>, target: Vec<Batch>) -> Compared {
    let mut comparison = Comparison::new(Mapping::Same, compacted, 0, 0);
    for batch in source {
        comparison.push_source(batch);
    }
    for batch in target {
        comparison.push_target(batch);
    }
    comparison.end_source();
    comparison.end_target();
    comparison.advance().expect("whole batches");
    comparison.finish()
}

/// Kinds and offsets of what was found.
fn found(compared: &Compared) -> Vec<(Option<i64>, Option<i64>, Kind)> {
    assert_eq!(
        compared.differences.len() as u64,
        compared.differences_total
    );
    let digests_differ = compared.source_digest != compared.target_digest;
    assert_eq!(
        digests_differ,
        compared.differences_total > 0,
        "{compared:?}"
    );
    let found = compared.differences.iter();
    found
        .map(|d| (d.source, d.target, d.kind.clone()))
        .collect()
}

#[test]
fn the_same_records_in_other_batches_and_codecs_agree() {
    let whole = || batch(0, &[A, B, C], Codec::None);
    let same = compare(false, vec![whole()], vec![whole()]);
    assert_eq!(found(&same), []);
    assert_eq!((same.source_records, same.identical_batches), (3, 1));
    let split = vec![batch(0, &[A], Codec::Lz4), batch(1, &[B, C], Codec::Zstd)];
    let other = compare(false, vec![whole()], split);
    assert_eq!(found(&other), []);
    assert_eq!((other.source_records, other.target_records), (3, 3));
}

#[test]
fn an_end_that_the_target_lost_is_found_where_the_source_has_nothing_left_to_compare() {
    // Three records were copied from source offsets 10 to 12, which the source has deleted since. The
    // target lost its end, and somebody else wrote one record in their place.
    let run = Run {
        source: SourceOffset(10),
        target: TargetOffset(0),
        records: 3,
    };
    let map = OffsetMap::from_runs([run]).expect("one run");
    for (mapping, base, ended) in [(Mapping::Map(map), 0, 3), (Mapping::Same, 10, 13)] {
        for (target_end, lost) in [(base + 1, true), (ended, false), (ended + 2, false)] {
            let mut comparison = Comparison::new(mapping.clone(), false, 13, base)
                .with_end(target_end, mapping.end(13));
            comparison.end_source();
            comparison.push_target(batch(base, &[A], Codec::None));
            comparison.end_target();
            comparison.advance().expect("whole batches");
            let differences = comparison.finish().differences;
            let kinds: Vec<_> = differences.iter().map(|d| (d.target, &d.kind)).collect();
            let ends = Kind::Ends { copied_to: ended };
            let expected = lost.then_some((Some(target_end), &ends));
            assert_eq!(kinds, Vec::from_iter(expected));
        }
    }
}

#[test]
fn a_record_that_is_missing_or_too_many_is_named_by_its_offset() {
    let whole = || vec![batch(0, &[A, B, C], Codec::None)];
    let missing = compare(false, whole(), vec![batch(0, &[A, B], Codec::None)]);
    assert_eq!(found(&missing).len(), 1);
    assert_eq!(missing.differences[0].source, Some(2));
    let more = compare(false, vec![batch(0, &[A, B], Codec::None)], whole());
    assert_eq!(found(&more).len(), 1);
    assert_eq!(more.differences[0].target, Some(2));
}

#[test]
fn a_changed_value_key_or_timestamp_is_a_difference_at_its_offset() {
    let source = || vec![batch(0, &[A, B, C], Codec::None)];
    for changed in [
        ("b", Some("3"), 200),
        ("B", Some("2"), 200),
        ("b", Some("2"), 201),
        ("b", None, 200),
    ] {
        let compared = compare(
            false,
            source(),
            vec![batch(0, &[A, changed, C], Codec::None)],
        );
        let found = found(&compared);
        assert_eq!(found.len(), 1, "{changed:?}: {found:?}");
        assert_eq!((found[0].0, found[0].1), (Some(1), Some(1)), "{changed:?}");
    }
}

#[test]
fn swapped_records_are_two_differences() {
    let compared = compare(
        false,
        vec![batch(0, &[A, B, C], Codec::None)],
        vec![batch(0, &[A, C, B], Codec::None)],
    );
    assert_eq!(found(&compared).len(), 2);
}

#[test]
fn what_a_cleaner_took_is_explained_only_where_a_later_record_of_the_key_is_there() {
    let newer = ("a", Some("9"), 400);
    let source = || vec![batch(0, &[A, B, newer], Codec::None)];
    let cleaned = || vec![batch(1, &[B, newer], Codec::None)];
    let compared = compare(true, source(), cleaned());
    assert_eq!(found_in_compacted(&compared), 0);
    assert_eq!(compared.explained_by_compaction, 1);
    assert!(
        compare(false, source(), cleaned()).differences_total > 0,
        "only where the topic is compacted"
    );
    let lost = compare(
        true,
        source(),
        vec![batch(0, &[A], Codec::None), batch(2, &[newer], Codec::None)],
    );
    assert_eq!(found_in_compacted(&lost), 1, "b has no later record");
}

fn found_in_compacted(compared: &Compared) -> u64 {
    compared.differences_total
}

#[test]
fn what_a_target_has_let_expire_is_found_on_the_map() {
    let run = |source, target, records| Run {
        source: SourceOffset(source),
        target: TargetOffset(target),
        records,
    };
    let map = OffsetMap::from_runs([run(100, 0, 10), run(200, 15, 5)]).expect("in order");
    let map = Mapping::Map(map);
    for (log_start, expected) in [
        (0, Some(100)),
        (4, Some(104)),
        (9, Some(109)),
        (12, Some(200)),
        (16, Some(201)),
        (20, None),
    ] {
        assert_eq!(map.kept_from(log_start), expected, "{log_start}");
    }
    assert_eq!(Mapping::Same.kept_from(7), Some(7));
}
