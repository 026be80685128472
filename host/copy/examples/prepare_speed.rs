//! Measures what making fetched batches ready costs: `cargo run --release -p ferry-copy --example
//! prepare_speed [CODEC]`. Nothing of Kafka is needed.

use bytes::{Bytes, BytesMut};
use ferry_copy::append::{Offsets, Preparation, Prepared, prepare};
use ferry_copy::batch::codec::Codec;
use ferry_copy::batch::encode::BatchBuilder;
use ferry_copy::batch::header::Batch;
use ferry_copy::batch::records::Contents;
use ferry_copy::batch::rewrite::{Producer, append_rewritten};
use std::io::Write;
use std::time::{Duration, Instant};

/// Bytes of one answer, as a worker fetches them.
const ANSWER_BYTES: usize = 4 << 20;
/// Every measurement is repeated, and the fastest one counts: the machine has other work to do.
const REPEATS: usize = 5;

const HOW: Preparation = Preparation {
    from: 0,
    offsets: Offsets::PRESERVE,
    batch_bytes_max: 1 << 20,
};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout();
    let only = std::env::args().nth(1);
    let codecs = [
        Codec::None,
        Codec::Gzip,
        Codec::Snappy,
        Codec::Lz4,
        Codec::Zstd,
    ];
    for codec in codecs {
        if only.as_deref().is_some_and(|only| only != codec.name()) {
            continue;
        }
        let batches = if codec == Codec::None {
            400_000
        } else {
            50_000
        };
        let answers = answers(batches, 1, codec)?;
        let (best, rewriting) = measure(&answers);
        let per_record = |time: Duration| time.as_nanos() as f64 / f64::from(batches);
        writeln!(
            out,
            "{batches} batches of one record of 200 bytes, {:6}: prepare {:6.0} ns a record, rewrite {:4.0} ns",
            codec.name(),
            per_record(best),
            per_record(rewriting),
        )?;
    }
    if only.is_some() {
        return Ok(());
    }
    let answers = answers(4_000, 1_000, Codec::None)?;
    let gigabytes = answers.iter().map(|a| a.1.len()).sum::<usize>() as f64 / 1e9;
    let (best, rewriting) = measure(&answers);
    let checking = best_of(|| {
        for (_, answer) in &answers {
            std::hint::black_box(crc32c::crc32c(answer));
        }
    });
    writeln!(
        out,
        "{gigabytes:.2} GB of batches of 200 KB that pass: prepare {:.0} ms a GB, of which checksums {:.0} ms; rewrite {:.0} ms a GB",
        best.as_secs_f64() * 1e3 / gigabytes,
        checking.as_secs_f64() * 1e3 / gigabytes,
        rewriting.as_secs_f64() * 1e3 / gigabytes,
    )
}

/// The time that `prepare` takes for all of `answers`, and that rewriting takes for its appends.
fn measure(answers: &[(i64, Bytes)]) -> (Duration, Duration) {
    let prepare_one = |(from, answer): &(i64, Bytes)| {
        let how = Preparation { from: *from, ..HOW };
        let prepared = prepare(answer.clone(), [], how);
        assert!(prepared.halt.is_none() && prepared.interruption.is_none());
        prepared
    };
    // Each is dropped at once, as a worker drops what it has sent.
    let best = best_of(|| {
        for answer in answers {
            std::hint::black_box(prepare_one(answer));
        }
    });
    let kept: Vec<_> = answers.iter().map(prepare_one).collect();
    let producer = Producer {
        id: 1,
        epoch: 0,
        transactional: false,
    };
    let rewriting = best_of(|| {
        for append in kept.iter().flat_map(Prepared::appends) {
            let mut out = BytesMut::with_capacity(append.bytes.len());
            append_rewritten(&mut out, &append.bytes, &append.header, producer, 0);
            std::hint::black_box(&out);
        }
    });
    (best, rewriting)
}

fn best_of(mut work: impl FnMut()) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..REPEATS {
        let began = Instant::now();
        work();
        best = best.min(began.elapsed());
    }
    best
}

/// A log of `batches`, cut into answers with the offset that each begins at.
fn answers(batches: i32, records: i32, codec: Codec) -> std::io::Result<Vec<(i64, Bytes)>> {
    let mut answers = Vec::new();
    let mut answer = BytesMut::with_capacity(ANSWER_BYTES);
    let mut from = 0;
    for number in 0..batches {
        let base = i64::from(number) * i64::from(records);
        let encoded = batch(base, records, codec)?;
        if answer.len() + encoded.len() > ANSWER_BYTES {
            answers.push((from, answer.split().freeze()));
            from = base;
        }
        answer.extend_from_slice(&encoded);
    }
    answers.push((from, answer.freeze()));
    Ok(answers)
}

fn batch(base: i64, records: i32, codec: Codec) -> std::io::Result<BytesMut> {
    let mut builder = BatchBuilder::default();
    for index in 0..i64::from(records) {
        let offset = base + index;
        let key = format!("key-{offset}");
        let value: Vec<u8> = (0..180).map(|n| (offset * 31 + n * n) as u8).collect();
        let contents = Contents {
            key: Some(key.as_bytes()),
            value: Some(&value),
            headers: Vec::new(),
        };
        builder.push_contents(1_700_000_000_000 + offset, &contents);
    }
    let encoded = builder.finish(codec)?;
    let mut bytes = BytesMut::from(&encoded.bytes[..]);
    bytes[..8].copy_from_slice(&base.to_be_bytes());
    debug_assert!(Batch::read(bytes.clone().freeze()).is_ok());
    Ok(bytes)
}
