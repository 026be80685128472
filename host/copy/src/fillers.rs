//! Which fillers a target's cleaner has not taken yet.
//!
//! A cleaner goes through a log from its beginning and keeps, of all records with one key, only the
//! last one (KIP-58; Kafka's documentation, *Log Compaction*). So the last two fillers tell all: once
//! the second to last is gone, so is every one before it.

use crate::batch::encode::filler_body;
use crate::batch::header::CONTROL;
use crate::batch::records::Records;
use crate::batch::slices::BatchSlices;
use crate::single_fetch::{SingleFetchError, SingleWanted, single_fetch};
use ferry_kafka::client::Client;
use ferry_model::name::TopicPartition;

/// Bytes of one fetch.
const FETCH_BYTES: i32 = 4 << 20;
/// Offsets that are read first, from the end of a log.
const WINDOW_OFFSETS: i64 = 1 << 16;
/// How long a fetch waits for records.
const WAIT_MS: i32 = 100;
/// Fetches in a row that bring nothing before the reading fails.
const IN_VAIN_MAX: usize = 100;

/// The second to last filler of `partition` before `until`; none where there is at most one. A filler
/// is a record of `key` without value or headers.
///
/// # Errors
/// Why the partition can't be read, in words.
pub async fn second_to_last(
    client: &Client,
    partition: &TopicPartition,
    key: &[u8],
    range: std::ops::Range<i64>,
) -> Result<Option<i64>, String> {
    let body = filler_body(key);
    // Backwards by windows that double: most often the last one holds both.
    let (mut until, mut window) = (range.end, WINDOW_OFFSETS);
    let mut last: Option<i64> = None;
    while until > range.start {
        let from = until.saturating_sub(window).max(range.start);
        let found = fillers_in(client, partition, &body, from..until).await?;
        let mut latest = found.iter().rev().copied();
        if last.is_some() {
            if let Some(second) = latest.next() {
                return Ok(Some(second));
            }
        } else {
            last = latest.next();
            if let Some(second) = latest.next() {
                return Ok(Some(second));
            }
        }
        until = from;
        window = window.saturating_mul(2);
    }
    Ok(None)
}

/// Whether the filler at `offset` is still there.
///
/// # Errors
/// Why the partition can't be read, in words.
pub async fn is_there(
    client: &Client,
    partition: &TopicPartition,
    key: &[u8],
    offset: i64,
) -> Result<bool, String> {
    let found = fillers_in(client, partition, &filler_body(key), offset..offset + 1).await?;
    Ok(!found.is_empty())
}

/// The last fillers in `range`, at most two of them, in ascending order.
async fn fillers_in(
    client: &Client,
    partition: &TopicPartition,
    body: &[u8],
    range: std::ops::Range<i64>,
) -> Result<Vec<i64>, String> {
    let mut found: Vec<i64> = Vec::new();
    let (mut next, mut in_vain) = (range.start, 0);
    while next < range.end {
        let wanted = SingleWanted {
            from: next,
            bytes_max: FETCH_BYTES,
            wait_ms: WAIT_MS,
            committed: false,
            lane: 0,
        };
        let fetched = match single_fetch(client, partition, wanted).await {
            Ok(fetched) => fetched,
            Err(error @ SingleFetchError::OutOfRange(_)) => return Err(error.to_string()),
            Err(SingleFetchError::Other(_)) if in_vain < IN_VAIN_MAX => {
                in_vain += 1;
                tokio::time::sleep(std::time::Duration::from_millis(u64::from(
                    WAIT_MS.unsigned_abs(),
                )))
                .await;
                continue;
            }
            Err(error) => return Err(error.to_string()),
        };
        let before = next;
        for batch in BatchSlices::new(fetched.records) {
            let batch = batch.map_err(|error| error.to_string())?;
            if batch.header.next_offset() <= next {
                continue;
            }
            next = batch.header.next_offset();
            if batch.header.base_offset >= range.end {
                break;
            }
            if batch.header.has(CONTROL) || batch.header.records_count == 0 {
                continue;
            }
            let records = Records::of(&batch).map_err(|error| error.to_string())?;
            for record in records.iter() {
                let record = record.map_err(|error| error.to_string())?;
                if record.body == body && range.contains(&record.offset) {
                    found.push(record.offset);
                }
            }
            let surplus = found.len().saturating_sub(2);
            found.drain(..surplus);
        }
        if next == before {
            in_vain += 1;
            if in_vain > IN_VAIN_MAX {
                return Err(format!("{partition} at offset {next}: nothing comes"));
            }
        } else {
            in_vain = 0;
        }
    }
    Ok(found)
}
