//! The way to one broker of the target: batches with kept offsets, in order on one connection.
//!
//! Two tasks: one rewrites headers and sends, the other awaits the answers in the order in which
//! the requests left, so that acknowledgements reach the partitions in order too.

use super::event::{Count, Event, Index, Produced};
use crate::batch::encode::EncodedBatch;
use crate::batch::header::{BatchHeader, HEADER_BYTES};
use crate::batch::rewrite::{Producer, rewritten_header};
use crate::halt::Halt;
use crate::partition::exact::{Records, Send};
use bytes::Bytes;
use ferry_kafka::client::Client;
use ferry_kafka::connection::{Connection, Pending};
use ferry_kafka::error_code::ErrorCode;
use ferry_kafka::gate::Gate;
use ferry_kafka::pool::Lane;
use ferry_kafka::produce_batches::{ProduceBatches, SplitBatch};
use ferry_kafka::task;
use ferry_model::identity::BrokerId;
use ferry_model::name::TopicPartition;
use kafka_protocol::messages::ProduceResponse;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::mpsc;

/// The longest that a broker may wait for its followers.
const TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// How long a broker of the target may wait for its followers: no longer than its answer is awaited.
pub(crate) fn timeout_ms(target: &Client) -> i32 {
    let timeout = target.settings().request_timeout.min(TIMEOUT_MAX);
    i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)
}

/// One batch to send.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) index: Index,
    pub(crate) partition: TopicPartition,
    pub(crate) send: Send,
}

/// What goes into one request: at most one batch of each partition.
pub(crate) type Order = Vec<Entry>;

/// What is remembered of an entry while its answer is awaited.
#[derive(Debug)]
struct Sent {
    index: Index,
    partition: TopicPartition,
    base: i64,
    count: Count,
    bytes: usize,
    /// The largest timestamp of its records.
    max_timestamp_ms: i64,
}

type Waiting = (
    Vec<Sent>,
    Result<(Connection, Pending<ProduceResponse>), String>,
);

/// Starts the two tasks for `broker`. They end when the returned sender is dropped.
pub(crate) fn start(
    target: Client,
    broker: BrokerId,
    producer: Producer,
    gate: Gate,
    events: mpsc::UnboundedSender<Event>,
) -> mpsc::UnboundedSender<Order> {
    // Both queues are bounded by the requests that the worker lets be under way per broker.
    let (orders, mut queue) = mpsc::unbounded_channel::<Order>();
    let (waiting, answers) = mpsc::unbounded_channel::<Waiting>();
    task::spawn(async move {
        while let Some(order) = queue.recv().await {
            let sent = send(&target, broker, producer, &gate, order).await;
            if waiting.send(sent).is_err() {
                break;
            }
        }
    });
    task::spawn(collect(broker, answers, events));
    orders
}

async fn send(
    target: &Client,
    broker: BrokerId,
    producer: Producer,
    gate: &Gate,
    order: Order,
) -> Waiting {
    let mut sent = Vec::with_capacity(order.len());
    let mut batches = Vec::with_capacity(order.len());
    for entry in order {
        let (count, max_timestamp_ms, batch) = match encode(&entry.send, producer) {
            Ok(encoded) => encoded,
            Err(reason) => return (everything(sent, entry), Err(reason)),
        };
        sent.push(Sent {
            index: entry.index,
            partition: entry.partition.clone(),
            base: entry.send.base,
            count,
            bytes: batch.len(),
            max_timestamp_ms,
        });
        batches.push((entry.partition, batch));
    }
    let request = produce_request(batches, None, timeout_ms(target));
    let pending = match target.connection(broker, Lane::Produce(0)).await {
        Ok(connection) => {
            connection.heed(gate);
            connection
                .send(&request)
                .map(|pending| (connection.clone(), pending))
                .map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    (sent, pending)
}

/// A padding batch that could not be encoded: nothing of the order is sent.
fn everything(mut sent: Vec<Sent>, entry: Entry) -> Vec<Sent> {
    let Entry {
        index, partition, ..
    } = entry;
    sent.push(Sent {
        index,
        partition,
        base: 0,
        count: Count::Records(0),
        bytes: 0,
        max_timestamp_ms: -1,
    });
    sent
}

/// What is counted of a batch, its largest timestamp, and the batch.
fn encode(send: &Send, producer: Producer) -> Result<(Count, i64, SplitBatch), String> {
    let padding: EncodedBatch;
    let (bytes, header): (&Bytes, &BatchHeader) = match &send.records {
        Records::Append(append) => (&append.bytes, &append.header),
        Records::Padding(records) => {
            padding = crate::batch::padding::padding_batch(*records)
                .map_err(|error| format!("padding can't be encoded: {error}"))?;
            (&padding.bytes, &padding.header)
        }
    };
    let batch = split(bytes, header, producer, send.sequence);
    let count = match send.records {
        Records::Append(_) => Count::Records(header.records_count.into()),
        Records::Padding(_) => Count::Padding(header.records_count.into()),
    };
    Ok((count, header.max_timestamp, batch))
}

/// The batch in `bytes` with a header of its own and the records where they are.
pub(crate) fn split(
    bytes: &Bytes,
    header: &BatchHeader,
    producer: Producer,
    base_sequence: i32,
) -> SplitBatch {
    SplitBatch {
        header: rewritten_header(bytes, header, producer, base_sequence),
        records: bytes.slice(HEADER_BYTES..),
    }
}

/// A produce request with acks=all for `batches`, one per partition.
pub(crate) fn produce_request(
    batches: Vec<(TopicPartition, SplitBatch)>,
    transactional_id: Option<&str>,
    timeout_ms: i32,
) -> ProduceBatches {
    let mut topics: Vec<(String, Vec<(i32, SplitBatch)>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (partition, batch) in batches {
        let name = partition.topic.as_str();
        let place = *places.entry(name.to_owned()).or_insert_with(|| {
            topics.push((name.to_owned(), Vec::new()));
            topics.len() - 1
        });
        topics[place].1.push((partition.partition, batch));
    }
    ProduceBatches {
        transactional_id: transactional_id.map(str::to_owned),
        acks: -1,
        timeout_ms,
        topics,
    }
}

async fn collect(
    broker: BrokerId,
    mut answers: mpsc::UnboundedReceiver<Waiting>,
    events: mpsc::UnboundedSender<Event>,
) {
    while let Some((sent, pending)) = answers.recv().await {
        let answer = match pending {
            Ok((connection, pending)) => match pending.await {
                Ok(response) => Ok(by_partition(response)),
                Err(error) => {
                    // Whatever else is on its way on this connection must not be followed by a
                    // repeat on another one while it may still arrive.
                    connection.close();
                    Err(error.to_string())
                }
            },
            Err(reason) => Err(reason),
        };
        let results = sent
            .into_iter()
            .map(|sent| outcome(&sent, &answer))
            .collect();
        if events.send(Event::Produced { broker, results }).is_err() {
            break;
        }
    }
}

type Answer = HashMap<(String, i32), PartitionProduceResponse>;

pub(crate) fn by_partition(response: ProduceResponse) -> Answer {
    let mut answers = HashMap::new();
    for topic in response.responses {
        for partition in topic.partition_responses {
            answers.insert((topic.name.0.to_string(), partition.index), partition);
        }
    }
    answers
}

fn outcome(sent: &Sent, answer: &Result<Answer, String>) -> (Index, Produced) {
    let index = sent.index;
    let answer = match answer {
        Ok(answer) => answer,
        Err(reason) => {
            return (
                index,
                Produced::Unknown {
                    reason: reason.clone(),
                },
            );
        }
    };
    let key = (
        sent.partition.topic.as_str().to_owned(),
        sent.partition.partition,
    );
    let Some(partition) = answer.get(&key) else {
        return (
            index,
            Produced::Unknown {
                reason: "the answer lacks the partition".into(),
            },
        );
    };
    let code = ErrorCode(partition.error_code);
    let produced = if code.ok() {
        if restamped(partition, sent.max_timestamp_ms) {
            Produced::Restamped {
                base: partition.base_offset,
            }
        } else {
            let Sent { count, bytes, .. } = *sent;
            Produced::At {
                base: partition.base_offset,
                count,
                bytes,
            }
        }
    } else {
        refusal(code, sent.base, || Produced::Unknown {
            reason: code.to_string(),
        })
    };
    (index, produced)
}

/// Whether the broker gave the records of a batch its own time. Of a batch that it has already it
/// tells the largest timestamp, whosever that is (Apache Kafka, `UnifiedLog.append`).
pub(crate) fn restamped(answer: &PartitionProduceResponse, max_timestamp_ms: i64) -> bool {
    answer.log_append_time_ms >= 0 && answer.log_append_time_ms != max_timestamp_ms
}

/// What an error code for a produced batch means: refused for good, or else `unknown`.
fn refusal(code: ErrorCode, base: i64, unknown: impl FnOnce() -> Produced) -> Produced {
    if refused_for_good(code) {
        Produced::Refused(Halt::Refused {
            side: "target".into(),
            error: code.to_string(),
            offset: base,
        })
    } else {
        unknown()
    }
}

/// Whether waiting does not help against `code`, answered to a produced batch. Everything else,
/// codes that nobody knows included, is an unknown outcome: the settled end of the log decides.
pub(crate) fn refused_for_good(code: ErrorCode) -> bool {
    REFUSED_FOR_GOOD.contains(&code)
}

/// Codes that the same batch would meet again.
const REFUSED_FOR_GOOD: [ErrorCode; 11] = [
    ErrorCode::MESSAGE_TOO_LARGE,
    ErrorCode::INVALID_TOPIC_EXCEPTION,
    ErrorCode::RECORD_LIST_TOO_LARGE,
    ErrorCode::TOPIC_AUTHORIZATION_FAILED,
    ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
    ErrorCode::INVALID_TIMESTAMP,
    ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT,
    ErrorCode::POLICY_VIOLATION,
    ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
    ErrorCode::INVALID_RECORD,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_was_there_before_is_not_taken_for_one_with_another_time() {
        let answer = |log_append_time_ms| {
            PartitionProduceResponse::default().with_log_append_time_ms(log_append_time_ms)
        };
        assert!(!restamped(&answer(-1), 5_000), "the records keep their own");
        assert!(!restamped(&answer(5_000), 5_000), "it was there before");
        assert!(!restamped(&answer(0), 0), "padding that was there before");
        assert!(restamped(&answer(7_000), 5_000));
    }
}
