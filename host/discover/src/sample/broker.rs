//! Reading one stretch of every log that one broker leads.

use super::Log;
use super::fetch::{Answer, fetch};
use crate::keys::KeyForms;
use crate::options::SampleOptions;
use bytes::Bytes;
use ferry_copy::batch::records::Records;
use ferry_copy::batch::slices::BatchSlices;
use ferry_kafka::error::KafkaError;
use ferry_kafka::{Client, Lane, Retry};
use ferry_model::identity::BrokerId;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How much larger a partition's share gets when its next batch did not fit.
const GROWTH: u64 = 8;

/// How often a log is asked for more within one stretch.
const GOES_MAX: u32 = 16;

/// How many keys of one answer are looked at.
const KEYS_MAX: usize = 64;

/// What all brokers share.
#[derive(Debug)]
pub(super) struct Budget {
    used_bytes: AtomicU64,
    total_bytes: u64,
    response_bytes: u64,
    started: Instant,
    time_limit: Duration,
}

impl Budget {
    pub(super) fn new(options: &SampleOptions) -> Self {
        Self {
            used_bytes: AtomicU64::new(0),
            total_bytes: options.total_bytes,
            response_bytes: options.response_bytes.max(1),
            started: Instant::now(),
            time_limit: options.time_limit,
        }
    }

    /// Bytes of batches that came.
    pub(super) fn bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn spent(&self) -> bool {
        self.bytes() >= self.total_bytes || self.elapsed() >= self.time_limit
    }

    fn remaining(&self) -> Duration {
        self.time_limit.saturating_sub(self.elapsed())
    }

    /// Why sampling ended early, for people.
    pub(super) fn reason(&self) -> &'static str {
        if self.bytes() >= self.total_bytes {
            "the limit of bytes for samples was reached"
        } else if self.elapsed() >= self.time_limit {
            "the time for samples was over"
        } else {
            "the brokers answered without batches"
        }
    }
}

/// A log and the offset from which it is read.
pub(super) struct Wanted<'a> {
    pub(super) log: &'a mut Log,
    pub(super) from: i64,
    /// Bytes that are still wanted.
    left_bytes: u64,
    /// How often it may still be asked for more.
    goes: u32,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(log: &'a mut Log, from: i64, stretch_bytes: u64) -> Self {
        Self {
            log,
            from,
            left_bytes: stretch_bytes,
            goes: GOES_MAX,
        }
    }
}

/// Reads from `broker` what is wanted, many logs per request. What fails is noted in the log and
/// tried again with the next stretch.
pub(super) async fn read(
    client: &Client,
    broker: BrokerId,
    wanted: Vec<Wanted<'_>>,
    stretch_bytes: u64,
    budget: &Budget,
) {
    let mut queue = VecDeque::from(wanted);
    let mut share = stretch_bytes.min(budget.response_bytes);
    while !queue.is_empty() {
        // A lone partition gets its whole batch, however large it is.
        let alone = share >= budget.response_bytes;
        let per_request = usize::try_from(budget.response_bytes / share).unwrap_or(usize::MAX);
        let mut too_large = VecDeque::new();
        while !queue.is_empty() {
            if budget.spent() {
                return;
            }
            let count = queue.len().min(per_request.max(1));
            let part: Vec<Wanted<'_>> = queue.drain(..count).collect();
            let answers = ask(client, broker, &part, share, budget).await;
            for (want, answer) in part.into_iter().zip(answers) {
                match take_in(client, want, answer, budget) {
                    Next::More(want) if want.left_bytes * 4 >= stretch_bytes => {
                        queue.push_back(want);
                    }
                    Next::Larger(want) if !alone => too_large.push_back(want),
                    _ => {}
                }
            }
        }
        share = (share * GROWTH).min(budget.response_bytes);
        queue = too_large;
    }
}

/// What is to be asked of a log next.
enum Next<'a> {
    /// Nothing in this stretch.
    Done,
    /// More from where the answer ended. A broker answers from one segment of a log at a time, and
    /// records of long ago fill many small ones, since the time of records closes them.
    More(Wanted<'a>),
    /// The same with a larger share, because the next batch did not fit.
    Larger(Wanted<'a>),
}

async fn ask(
    client: &Client,
    broker: BrokerId,
    part: &[Wanted<'_>],
    share: u64,
    budget: &Budget,
) -> Vec<Answer> {
    let all = |error: Option<KafkaError>| vec![Answer::Failed(error); part.len()];
    let asked = async {
        let connection = client.connection(broker, Lane::Fetch(0)).await?;
        fetch(&connection, part, share, budget.response_bytes).await
    };
    match tokio::time::timeout(budget.remaining(), asked).await {
        Ok(Ok(answers)) => answers,
        Ok(Err(error)) => all(Some(error)),
        Err(_) => all(None),
    }
}

/// Takes in what came of one log.
fn take_in<'a>(client: &Client, mut want: Wanted<'a>, answer: Answer, budget: &Budget) -> Next<'a> {
    match answer {
        Answer::Records(records) if records.is_empty() => return Next::Larger(want),
        Answer::Records(records) => {
            let bytes = records.len() as u64;
            budget.used_bytes.fetch_add(bytes, Ordering::Relaxed);
            want.log.failed = None;
            let read = want.log.reader.read(want.from, &records);
            if want.log.compacted {
                note_keys(records, &mut want.log.keys);
            }
            let seen_to = want.log.reader.seen_to();
            if read && want.goes > 0 && seen_to < want.log.high_watermark {
                want.goes -= 1;
                want.left_bytes = want.left_bytes.saturating_sub(bytes);
                want.from = seen_to;
                return Next::More(want);
            }
        }
        Answer::Failed(error) => {
            let moved = |error: &KafkaError| error.retry() == Retry::RefreshMetadata;
            if error.as_ref().is_some_and(moved) {
                client.forget_leader(&want.log.partition);
            }
            want.log.failed = error.or(want.log.failed.take());
        }
    }
    Next::Done
}

/// Looks at the first few keys. The only place where a sample is decompressed: the topics of
/// Connect can't be told otherwise.
fn note_keys(records: Bytes, keys: &mut KeyForms) {
    let mut left = KEYS_MAX;
    for batch in BatchSlices::new(records).map_while(Result::ok) {
        if batch.header.has(ferry_copy::batch::header::CONTROL) {
            continue;
        }
        let Ok(records) = Records::of(&batch) else {
            return;
        };
        for record in records.iter().map_while(Result::ok) {
            let Ok(contents) = record.contents() else {
                return;
            };
            keys.note(contents.key);
            left -= 1;
            if left == 0 {
                return;
            }
        }
    }
}
