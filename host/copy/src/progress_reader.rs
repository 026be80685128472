//! Reading the progress topic from its start to its end.

use crate::append::{Offsets, Preparation, prepare};
use crate::batch::header::Batch;
use crate::batch::records::Records;
use crate::planted::{Bug, made};
use crate::progress::{ProgressError, ProgressRecord, ProgressTable};
use crate::single_fetch::{SingleFetch, SingleWanted, single_fetch};
use crate::worker::CopyError;
use ferry_kafka::client::Client;
use ferry_model::name::TopicPartition;
use std::time::Duration;
use tokio::time::Instant;

/// How long the end of the topic is awaited while a transaction of an earlier worker is ended: for
/// longer than a transaction may stay open.
const LIMIT: Duration = Duration::from_secs(90);
/// How long it is waited between attempts.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
/// Bytes of one fetch.
const FETCH_BYTES: i32 = 8 << 20;

/// Reads every committed record of `partition`. Call it once no earlier worker can commit any more:
/// after the transactional id was taken over.
///
/// # Errors
/// [`CopyError`] when the topic can't be read or holds what no worker has written.
pub async fn read_progress(
    target: &Client,
    partition: &TopicPartition,
) -> Result<ProgressTable, CopyError> {
    let began = Instant::now();
    let mut table = ProgressTable::default();
    let mut position: Option<i64> = None;
    let mut goal: Option<i64> = None;
    loop {
        let ends = crate::worker::log_ends_of(target, partition).await;
        let Some(ends) = ends else {
            give_up(began, partition, "its leader can't be asked").await?;
            continue;
        };
        let from = position.unwrap_or(ends.log_start);
        // Other workers go on writing: what is there by now is what was committed before.
        if from >= *goal.get_or_insert(ends.log_end) {
            return Ok(table);
        }
        let wanted = SingleWanted {
            from,
            bytes_max: FETCH_BYTES,
            wait_ms: 100,
            committed: !made(Bug::ReadsUncommitted),
            lane: 0,
        };
        match single_fetch(target, partition, wanted).await {
            Ok(fetched) => position = Some(apply(&mut table, partition, fetched, from)?),
            Err(error) => give_up(began, partition, &error.to_string()).await?,
        }
        if position.is_none_or(|now| now <= from) {
            // The last stable offset lies before the end: a transaction is being ended.
            if began.elapsed() >= LIMIT {
                return Err(blocked(target, partition).await);
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}

/// What is told where a transaction stays open for longer than any may: one that the coordinator has
/// forgotten, which is told apart from others by its producer.
async fn blocked(target: &Client, partition: &TopicPartition) -> CopyError {
    let described = target
        .admin()
        .describe_producers(std::slice::from_ref(partition))
        .await;
    let producers = described
        .into_values()
        .find_map(Result::ok)
        .unwrap_or_default();
    let open = producers
        .iter()
        .filter_map(|producer| Some((producer.transaction_start_offset?, producer.producer_id)))
        .min();
    match open {
        Some((offset, producer_id)) => CopyError::ProgressBlocked {
            partition: partition.clone(),
            producer_id,
            offset,
        },
        None => CopyError::ProgressUnreadable {
            topic: partition.topic.to_string(),
            reason: "a transaction is open on it".to_owned(),
        },
    }
}

/// Waits a little, or gives up when it has taken too long.
async fn give_up(
    began: Instant,
    partition: &TopicPartition,
    reason: &str,
) -> Result<(), CopyError> {
    if began.elapsed() < LIMIT {
        tokio::time::sleep(AGAIN_AFTER).await;
        return Ok(());
    }
    Err(CopyError::ProgressUnreadable {
        topic: partition.topic.to_string(),
        reason: reason.to_owned(),
    })
}

fn apply(
    table: &mut ProgressTable,
    partition: &TopicPartition,
    fetched: SingleFetch,
    from: i64,
) -> Result<i64, CopyError> {
    let malformed = |key: &str, reason: String| CopyError::Progress {
        topic: partition.topic.to_string(),
        source: ProgressError::Malformed {
            key: key.to_owned(),
            reason,
        },
    };
    let how = Preparation {
        from,
        offsets: Offsets::Translate,
        batch_bytes_max: usize::MAX,
    };
    let prepared = prepare(fetched.records, fetched.aborted, how);
    if let Some(halt) = prepared.halt {
        return Err(malformed("", format!("{halt:?}")));
    }
    for append in prepared.appends() {
        let batch = Batch {
            header: append.header,
            bytes: append.bytes.clone(),
        };
        let records = Records::of(&batch).map_err(|error| malformed("", error.to_string()))?;
        for record in records.iter() {
            let record = record.map_err(|error| malformed("", error.to_string()))?;
            let contents = record
                .contents()
                .map_err(|reason| malformed("", reason.to_owned()))?;
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec());
            let key = text(contents.key.unwrap_or_default())
                .map_err(|error| malformed("", error.to_string()))?;
            let value = contents
                .value
                .map(text)
                .transpose()
                .map_err(|error| malformed(&key, error.to_string()))?;
            table.apply(ProgressRecord { key, value });
        }
    }
    Ok(prepared.source_next)
}
