//! The answers of real brokers that are kept under `corpus`, and how records are written down.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by several tests, of which none uses everything"
)]

use bytes::{Bytes, BytesMut};
use ferry_copy::append::{Append, Prepared};
use ferry_copy::batch::codec::Codec;
use ferry_copy::batch::rewrite::{Producer, append_rewritten, sequence_at};
use kafka_protocol::records::{Compression, Record, RecordBatchDecoder, TimestampType};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// One answer of a broker, and what Kafka's own consumer made of it.
pub struct Answer {
    /// Folder and name.
    pub name: String,
    /// The field `records` of the fetch response.
    pub records: Bytes,
    /// The aborted transactions of the response: producer id and first offset.
    pub aborted: Vec<(i64, i64)>,
    /// A line for every record that a consumer sees.
    pub expected: Vec<String>,
    /// The offset that was asked for.
    pub from: i64,
}

impl Answer {
    /// The offset behind the last record that a consumer sees.
    pub fn end(&self) -> i64 {
        let last = self.expected.last().expect("no answer is empty");
        let offset = last.split(' ').next().expect("an offset");
        offset.parse::<i64>().expect("a number") + 1
    }
}

/// The folder of the corpus.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// Every answer that is kept, by name.
pub fn answers() -> Vec<Answer> {
    let mut answers = Vec::new();
    for side in ["3.9", "4.3", "old"] {
        let entries = std::fs::read_dir(folder().join(side)).expect("the corpus is there");
        for entry in entries {
            let path = entry.expect("a file").path();
            if path.extension().is_some_and(|kind| kind == "records") {
                answers.push(read(side, &path));
            }
        }
    }
    answers.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(answers.len() > 30, "the corpus is not whole");
    answers
}

fn read(side: &str, path: &Path) -> Answer {
    let name = path.file_stem().expect("a name").to_string_lossy();
    let text = |kind: &str| std::fs::read_to_string(path.with_extension(kind));
    let numbers = |line: &str| {
        let (producer, first) = line.split_once(' ').expect("two numbers");
        (
            producer.parse().expect("a producer id"),
            first.parse().expect("an offset"),
        )
    };
    Answer {
        name: format!("{side}/{name}"),
        records: std::fs::read(path).expect("reads").into(),
        aborted: text("aborted")
            .unwrap_or_default()
            .lines()
            .map(numbers)
            .collect(),
        expected: text("expected")
            .expect("what a consumer sees")
            .lines()
            .map(str::to_owned)
            .collect(),
        from: if side == "old" { 1_000 } else { 0 },
    }
}

/// What a consumer of the target would see, with the offsets of the source: the appends are
/// rewritten as a worker does it, and read by another decoder than Ferry's.
pub fn seen(prepared: &Prepared) -> Vec<String> {
    prepared.appends().flat_map(seen_of).collect()
}

fn seen_of(append: &Append) -> Vec<String> {
    let records = produced(append);
    let mut sources = append
        .runs
        .iter()
        .flat_map(|(first, count)| *first..*first + *count);
    let lines = records
        .iter()
        .map(|record| {
            line(
                sources.next().expect("a source offset for every record"),
                record,
            )
        })
        .collect();
    assert_eq!(sources.next(), None, "a record for every source offset");
    lines
}

/// The records of an append as it is produced, read by another decoder than Ferry's.
pub fn produced(append: &Append) -> Vec<Record> {
    let producer = Producer {
        id: 99,
        epoch: 3,
        transactional: true,
    };
    let mut out = BytesMut::new();
    let header = &append.header;
    append_rewritten(&mut out, &append.bytes, header, producer, sequence_at(5));
    let records = decoded(out.freeze());
    for (index, record) in (0_i64..).zip(&records) {
        assert_eq!(record.offset, index, "no holes");
        assert!(!record.control && !record.delete_horizon && record.transactional);
        assert_eq!(record.timestamp_type, TimestampType::Creation);
        assert_eq!((record.producer_id, record.producer_epoch), (99, 3));
    }
    records
}

/// A line for every record of `batches`, without markers, read by another decoder than Ferry's.
pub fn lines(batches: &Bytes) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = batches.clone();
    while !rest.is_empty() {
        let length = i32::from_be_bytes(rest[8..12].try_into().expect("four bytes"));
        let batch = rest.split_to(length as usize + 12);
        let data = decoded(batch).into_iter().filter(|record| !record.control);
        lines.extend(data.map(|record| line(record.offset, &record)));
    }
    lines
}

/// The records of one batch, read by the decoder of the protocol library.
pub fn decoded(mut batch: Bytes) -> Vec<Record> {
    let decompress = |bytes: &mut Bytes, compression: Compression| {
        let codec = Codec::of(compression as i16).expect("a codec");
        Ok(Bytes::from(codec.decompress(bytes, 0).expect("opens")))
    };
    RecordBatchDecoder::decode_with_custom_compression(&mut batch, Some(decompress))
        .expect("another decoder reads it")
        .records
}

fn line(offset: i64, record: &Record) -> String {
    let mut line = format!(
        "{offset} {} {} {}",
        record.timestamp,
        shown(record.key.as_deref()),
        shown(record.value.as_deref())
    );
    for (key, value) in &record.headers {
        let (key, value) = (shown(Some(key.as_bytes())), shown(value.as_deref()));
        write!(line, " {key}={value}").expect("text grows");
    }
    line
}

/// As `Corpus.java` shows bytes.
fn shown(bytes: Option<&[u8]>) -> String {
    let hexadecimal = |bytes: &[u8]| -> String {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("text grows");
            text
        })
    };
    match bytes {
        None => "null".to_owned(),
        Some([]) => "empty".to_owned(),
        Some(bytes) if bytes.len() <= 24 => hexadecimal(bytes),
        Some(bytes) => {
            let digest = Sha256::digest(bytes);
            format!("{}:{}", bytes.len(), hexadecimal(&digest[..8]))
        }
    }
}
