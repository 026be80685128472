//! Writing the source: plain partitions, partitions with transactions, all of it old.

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use ferry_copy::batch::codec::Codec;
use ferry_copy::batch::encode::{BatchBuilder, EncodedBatch};
use ferry_copy::batch::header::HEADER_BYTES;
use ferry_copy::batch::records::Contents;
use ferry_copy::batch::rewrite::{Producer, rewritten_header, sequence_at};
use ferry_kafka::admin::transactions::Outcome;
use ferry_kafka::produce_batches::{ProduceBatches, SplitBatch};
use ferry_kafka::{Client, ErrorCode, Lane};
use ferry_model::name::TopicPartition;
use kafka_protocol::messages::ProduceResponse;

/// How long ago every record was written, in milliseconds.
const AGE_MS: i64 = 40 * 86_400_000;
/// Records of one batch.
const BATCH_RECORDS: u64 = 250;
/// Bytes of every value.
const VALUE_BYTES: usize = 180;
/// Batches of one transaction.
const TRANSACTION_BATCHES: u64 = 8;
/// Produce requests on their way at once.
const AT_ONCE: usize = 5;

/// Writes `records` records to `partition`, numbered from 0.
pub(crate) async fn plain(client: &Client, partition: &TopicPartition, records: u64) -> Result<()> {
    let author = Producer {
        id: -1,
        epoch: -1,
        transactional: false,
    };
    let mut first = 0;
    let mut waiting = std::collections::VecDeque::new();
    while first < records || !waiting.is_empty() {
        while first < records && waiting.len() < AT_ONCE {
            let count = BATCH_RECORDS.min(records - first);
            let batch = batch(first, count, client_now_ms() - AGE_MS)?;
            let request = request(partition, &batch, author, -1, None);
            let connection = leader(client, partition).await?;
            waiting.push_back(connection.send(&request)?);
            first += count;
        }
        if let Some(pending) = waiting.pop_front() {
            written(pending.await?)?;
        }
    }
    Ok(())
}

/// Writes about `records` records to `partition` in transactions, every fifth of which is aborted, and
/// some outside of transactions between theirs. Returns nothing: readers of committed records decide.
pub(crate) async fn transactions(
    client: &Client,
    partition: &TopicPartition,
    records: u64,
) -> Result<()> {
    let id = format!("payer-{}", partition.partition);
    let admin = client.admin();
    let given = admin.init_transactional_id(&id, 60_000).await?;
    let author = Producer {
        id: given.id,
        epoch: given.epoch,
        transactional: true,
    };
    let nobody = Producer {
        id: -1,
        epoch: -1,
        transactional: false,
    };
    let (mut first, mut sequence, mut number) = (0, 0, 0_u64);
    while first < records {
        number += 1;
        admin
            .add_partitions_to_transaction(&id, given, std::slice::from_ref(partition))
            .await?;
        for step in 0..TRANSACTION_BATCHES {
            let count = BATCH_RECORDS.min(records.saturating_sub(first)).max(1);
            let batch = batch(first, count, client_now_ms() - AGE_MS)?;
            let between = step == 3 && number % 4 == 0;
            let request = match between {
                true => request(partition, &batch, nobody, -1, None),
                false => request(partition, &batch, author, sequence_at(sequence), Some(&id)),
            };
            if !between {
                sequence += i64::try_from(count)?;
            }
            let connection = leader(client, partition).await?;
            written(connection.call(&request).await?)?;
            first += count;
        }
        let outcome = match number % 5 {
            0 => Outcome::Abort,
            _ => Outcome::Commit,
        };
        admin.end_transaction(&id, given, outcome).await?;
    }
    Ok(())
}

fn client_now_ms() -> i64 {
    ferry_kafka::task::now_ms()
}

/// A batch of `count` records from number `first` on.
fn batch(first: u64, count: u64, timestamp_ms: i64) -> Result<EncodedBatch> {
    let mut builder = BatchBuilder::with_capacity((VALUE_BYTES + 32) * count as usize);
    let mut random = fastrand::Rng::with_seed(first);
    let mut value = vec![0; VALUE_BYTES];
    for number in first..first + count {
        random.fill(&mut value[..VALUE_BYTES / 2]);
        let key = number.to_be_bytes();
        let contents = Contents {
            key: Some(&key),
            value: Some(&value),
            headers: Vec::new(),
        };
        builder.push_contents(timestamp_ms + (number % 1_000) as i64, &contents);
    }
    Ok(builder.finish(Codec::Lz4)?)
}

fn request(
    partition: &TopicPartition,
    batch: &EncodedBatch,
    author: Producer,
    sequence: i32,
    transactional_id: Option<&str>,
) -> ProduceBatches {
    let split = SplitBatch {
        header: rewritten_header(&batch.bytes, &batch.header, author, sequence),
        records: Bytes::slice(&batch.bytes, HEADER_BYTES..),
    };
    ProduceBatches {
        transactional_id: transactional_id.map(str::to_owned),
        acks: -1,
        timeout_ms: 30_000,
        topics: vec![(
            partition.topic.to_string(),
            vec![(partition.partition, split)],
        )],
    }
}

async fn leader(client: &Client, partition: &TopicPartition) -> Result<ferry_kafka::Connection> {
    if client.leader(partition).is_none() {
        client
            .refresh(std::slice::from_ref(&partition.topic))
            .await?;
    }
    let leader = client.leader(partition).context("no leader")?;
    Ok(client.connection(leader.broker, Lane::Produce(2)).await?)
}

fn written(response: ProduceResponse) -> Result<()> {
    let partitions = response
        .responses
        .into_iter()
        .flat_map(|topic| topic.partition_responses);
    for partition in partitions {
        let code = ErrorCode(partition.error_code);
        if !code.ok() {
            bail!("the source refuses a batch: {code}");
        }
    }
    Ok(())
}
