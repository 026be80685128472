//! What has to hold for any bytes that a source could send. The fuzz targets call these functions,
//! and so do tests, with the inputs that the fuzzers found worth keeping.
#![allow(dead_code, reason = "each fuzz target uses one of them")]

use bytes::{Bytes, BytesMut};
use ferry_copy::append::{Append, Bounds, Offsets, Piece, Preparation, Prepared, prepare_within};
use ferry_copy::batch::aborted::{AbortedFilter, Meaning};
use ferry_copy::batch::codec::{Codec, DECOMPRESSED_BYTES_MAX};
use ferry_copy::batch::header::{Batch, BatchHeader, HEADER_BYTES, LOG_APPEND_TIME};
use ferry_copy::batch::records::Records;
use ferry_copy::batch::rewrite::{Producer, append_rewritten};
use ferry_copy::batch::slices::BatchSlices;
use std::collections::BTreeMap;

/// Cuts `data` into batches and opens them.
pub(crate) fn slices(data: &[u8]) {
    let Some((repair, records)) = data.split_first() else {
        return;
    };
    let records = match repair % 2 {
        0 => Bytes::copy_from_slice(records),
        _ => repaired(records),
    };
    let mut bytes = 0;
    let mut slices = BatchSlices::new(records.clone());
    while let Some(batch) = slices.next() {
        let Ok(batch) = batch else {
            assert!(slices.next().is_none(), "nothing comes behind an error");
            break;
        };
        if slices.converted_from().is_none() {
            bytes += batch.bytes.len();
            assert!(bytes <= records.len());
        }
        let again = Batch::read(batch.bytes.clone()).expect("what was read once reads again");
        assert_eq!(again, batch);
        open(&batch);
    }
}

/// Opens a batch and looks at all of its records.
fn open(batch: &Batch) -> Option<BTreeMap<i64, (i64, Vec<u8>)>> {
    let records = Records::of(batch).ok()?;
    let mut all = BTreeMap::new();
    for record in records.iter() {
        let record = record.ok()?;
        assert!(record.offset >= batch.header.base_offset);
        assert!(record.offset <= batch.header.last_offset());
        let contents = record.contents();
        assert_eq!(contents.is_ok(), record.check().is_ok());
        contents.ok()?;
        all.insert(record.offset, (record.timestamp_ms, record.body.to_vec()));
    }
    assert_eq!(all.len(), batch.header.records_count as usize);
    Some(all)
}

/// The key of fillers.
const FILLER: &[u8] = b"a key that no record of the corpus has";

/// Prepares `data` and compares what becomes of it with what a plain reader finds in it.
pub(crate) fn prepare(data: &[u8]) {
    let Some((settings, records)) = data.split_first_chunk::<8>() else {
        return;
    };
    let [flags, from, limit_high, limit_low, end, producer, first, _] = *settings;
    let has = |bit: u8| flags >> bit & 1 == 1;
    let records = match has(0) {
        true => repaired(records),
        false => Bytes::copy_from_slice(records),
    };
    let how = Preparation {
        from: from.into(),
        offsets: match (has(1), has(7)) {
            (true, false) => Offsets::PRESERVE,
            (true, true) => Offsets::Preserve {
                filler: Some(FILLER.into()),
            },
            (false, _) => Offsets::Translate,
        },
        batch_bytes_max: match has(2) {
            true => 1 << 20,
            false => usize::from(u16::from_be_bytes([limit_high, limit_low])) + HEADER_BYTES,
        },
    };
    let bounds = Bounds {
        source_end: if has(3) {
            i64::from(end) * 16
        } else {
            i64::MAX
        },
        from_is_boundary: has(4),
        target_knows_zstd: !has(5),
    };
    let aborted: Vec<_> = match has(6) {
        true => vec![(producer.into(), first.into())],
        false => Vec::new(),
    };
    let prepared = prepare_within(records.clone(), aborted.clone(), how.clone(), bounds);
    compare(&prepared, &Plainly::read(records, aborted, how.from), &how);
}

/// What a plain reader finds: the batches with data, as far as they lie in order.
struct Plainly {
    batches: Vec<Batch>,
    /// The records of those that can be opened, by offset, with timestamp and body.
    records: BTreeMap<i64, (i64, Vec<u8>)>,
}

impl Plainly {
    fn read(records: Bytes, aborted: Vec<(i64, i64)>, from: i64) -> Self {
        let mut found = Self {
            batches: Vec::new(),
            records: BTreeMap::new(),
        };
        let mut filter = AbortedFilter::new(aborted);
        let mut next = 0;
        for batch in BatchSlices::new(records).map_while(Result::ok) {
            if batch.header.base_offset < next {
                break;
            }
            next = batch.header.next_offset();
            let Ok(meaning) = filter.meaning(&batch) else {
                break;
            };
            if meaning == Meaning::Data && next > from {
                found.records.extend(open(&batch).unwrap_or_default());
                found.batches.push(batch);
            }
        }
        found
    }
}

fn compare(prepared: &Prepared, found: &Plainly, how: &Preparation) {
    assert!(prepared.source_next >= how.from);
    let mut next = how.from;
    for append in prepared.appends() {
        let batch = acceptable(append, how);
        assert!(append.source_first() >= next, "in order");
        next = append.source_next;
        assert!(next <= prepared.source_next);
        if append.untouched {
            let same = |batch: &&Batch| batch.bytes == append.bytes;
            let source = found.batches.iter().find(same).expect("a source's batch");
            assert_eq!(source.header.base_offset, append.source_first());
            assert!(!source.header.has(LOG_APPEND_TIME));
            continue;
        }
        let records = open(&batch).expect("what was put together here opens");
        let sources = append
            .runs
            .iter()
            .flat_map(|(first, count)| *first..*first + *count);
        let (mut seen, mut newest) = (0, i64::MIN);
        for (source, record) in sources.zip(records.values()) {
            match found.records.get(&source) {
                None if how.offsets != Offsets::Translate => {
                    assert!(record.1.windows(FILLER.len()).any(|part| part == FILLER));
                }
                expected => assert_eq!(expected, Some(record), "offset {source}"),
            }
            newest = newest.max(record.0);
            seen += 1;
        }
        assert_eq!(seen, records.len());
        assert_eq!(newest, batch.header.max_timestamp);
    }
    let fillers: i64 = prepared.appends().map(|append| append.fillers).sum();
    let covered = prepared.appends().map(Append::records).sum::<i64>() - fillers;
    assert!(fillers == 0 || matches!(how.offsets, Offsets::Preserve { filler: Some(_) }));
    if fillers == 0 && prepared.halt.is_none() && prepared.interruption.is_none() {
        let wanted = |batch: &Batch| match open(batch) {
            Some(records) => records.range(how.from..).count() as i64,
            None => batch.header.records_count.into(),
        };
        let wanted: i64 = found.batches.iter().map(wanted).sum();
        assert_eq!(covered, wanted, "all of it");
    }
    if how.offsets != Offsets::Translate {
        in_place(prepared, how);
    }
}

/// Where offsets are kept, each piece lies behind the one before.
fn in_place(prepared: &Prepared, how: &Preparation) {
    let mut next = how.from;
    for piece in &prepared.pieces {
        match piece {
            Piece::Append(append) => {
                assert_eq!(append.runs, [(next, append.records())]);
                next += append.records();
            }
            Piece::Void(void) => {
                assert_eq!(void.first, next);
                assert!(void.transactions() > 0);
                void.aborted.iter().for_each(|append| {
                    acceptable(append, how);
                });
                next = void.until;
            }
        }
        assert_eq!(piece.source_next(), next);
    }
    assert_eq!(next, prepared.source_next);
}

/// The batch as it is produced, which a broker has to take.
fn acceptable(append: &Append, how: &Preparation) -> Batch {
    assert!(append.bytes.len() <= how.batch_bytes_max);
    let records: i64 = append.runs.iter().map(|(_, count)| count).sum();
    assert_eq!(records, append.records());
    for pair in append.runs.windows(2) {
        assert!(pair[0].0 + pair[0].1 < pair[1].0, "runs do not touch");
    }
    rewritten(&append.bytes, &append.header)
}

fn rewritten(bytes: &Bytes, header: &BatchHeader) -> Batch {
    let producer = Producer {
        id: 77,
        epoch: 3,
        transactional: true,
    };
    let mut out = BytesMut::new();
    append_rewritten(&mut out, bytes, header, producer, 11);
    let batch = Batch::read(out.freeze()).expect("the checksum is right");
    let new = batch.header;
    assert_eq!(
        (new.producer_id, new.producer_epoch, new.base_sequence),
        (77, 3, 11)
    );
    assert_eq!((new.base_offset, new.partition_leader_epoch), (0, -1));
    assert_eq!(new.attributes, header.attributes & 7 | 0x10);
    assert_eq!(new.records_count, new.last_offset_delta + 1);
    assert_eq!(
        (new.base_timestamp, new.max_timestamp, new.records_count),
        (
            header.base_timestamp,
            header.max_timestamp,
            header.records_count
        )
    );
    assert_eq!(batch.payload(), &bytes[HEADER_BYTES..]);
    batch
}

/// Rewrites the header of a batch with any header and any payload.
pub(crate) fn rewrite(data: &[u8]) {
    if data.len() < HEADER_BYTES {
        return;
    }
    let mut bytes = data.to_vec();
    bytes[8..12].copy_from_slice(&(data.len() as i32 - 12).to_be_bytes());
    bytes[16] = 2;
    let Ok(batch) = Batch::read(repaired(&bytes)) else {
        return;
    };
    if batch.header.has_gaps() {
        return;
    }
    rewritten(&batch.bytes, &batch.header);
}

/// Decompresses any bytes with any codec, and compresses what comes of it.
pub(crate) fn decompress(data: &[u8]) {
    let Some((codec, payload)) = data.split_first() else {
        return;
    };
    let codec = Codec::of(i16::from(codec % 5)).expect("five codecs");
    let Ok(opened) = codec.decompress(payload, 0) else {
        return;
    };
    assert!(opened.len() <= DECOMPRESSED_BYTES_MAX);
    if opened.len() < 1 << 20 {
        let again = codec.compress(&opened).expect("compresses");
        assert_eq!(codec.decompress(&again, 0), Ok(opened));
    }
}

/// The same with right checksums, so that what lies behind them is reached.
fn repaired(records: &[u8]) -> Bytes {
    let mut records = BytesMut::from(records);
    let mut at = 0;
    while let Some(head) = records.get(at..at + 17) {
        let length = i32::from_be_bytes([head[8], head[9], head[10], head[11]]);
        let magic = head[16];
        let end = at.saturating_add(12 + usize::try_from(length).unwrap_or(usize::MAX >> 1));
        if end > records.len() || end < at + 17 {
            break;
        }
        let batch = &mut records[at..end];
        if magic == 2 && batch.len() >= HEADER_BYTES {
            let checksum = crc32c::crc32c(&batch[21..]);
            batch[17..21].copy_from_slice(&checksum.to_be_bytes());
        } else if magic < 2 {
            let mut checksum = flate2::Crc::new();
            checksum.update(&batch[16..]);
            batch[12..16].copy_from_slice(&checksum.sum().to_be_bytes());
        }
        at = end;
    }
    records.freeze()
}
