//! Sending the batches of one transaction to all leaders at once.

use super::event::Index;
use super::produce::{
    by_partition, produce_request, refused_for_good, restamped, split, timeout_ms,
};
use crate::append::Append;
use crate::batch::rewrite::{Producer, sequence_at};
use crate::halt::Halt;
use crate::lease::Holder;
use ferry_kafka::client::Client;
use ferry_kafka::connection::Pending;
use ferry_kafka::error_code::ErrorCode;
use ferry_kafka::pool::Lane;
use ferry_model::identity::BrokerId;
use ferry_model::name::TopicPartition;
use kafka_protocol::messages::ProduceResponse;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Requests under way per leader: each partition has at most one batch in each.
const UNDER_WAY_MAX: usize = 5;
/// The size from which on a request takes no further batch.
const REQUEST_BYTES: usize = 4 << 20;

/// Why a transaction did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A partition was refused for good.
    Refused(Index, Halt),
    /// Another producer has taken over, or the coordinator lost patience.
    Fenced,
    /// The lease on the slot is somebody else's; who, where the slot was sealed.
    TakenOver(Option<Holder>),
    /// Anything that may pass.
    Unknown(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(_, halt) => write!(f, "a partition was refused: {halt:?}"),
            Self::Fenced => f.write_str("another producer has taken over the transactional id"),
            Self::TakenOver(_) => f.write_str("another worker has taken over the slot"),
            Self::Unknown(reason) => f.write_str(reason),
        }
    }
}

/// The batches of one partition.
pub(crate) struct Outgoing<'a> {
    pub(crate) index: Index,
    pub(crate) partition: TopicPartition,
    pub(crate) appends: &'a [Append],
}

/// What one request holds: partition numbers of the job, and the pending answer.
type UnderWay = (Vec<Meant>, Pending<ProduceResponse>);

/// One batch of a request.
struct Meant {
    index: Index,
    partition: TopicPartition,
    /// The source offset of its first record.
    source: i64,
    /// The largest timestamp of its records.
    max_timestamp_ms: i64,
}

/// Produces everything and returns the base offsets of each partition's batches, in order.
///
/// # Errors
/// [`Failure`], with batches of unknown outcome behind it: the transaction has to be ended.
pub(crate) async fn produce_all(
    target: &Client,
    transactional_id: &str,
    producer: Producer,
    sequences: &mut HashMap<TopicPartition, i32>,
    outgoing: Vec<Outgoing<'_>>,
) -> Result<HashMap<Index, Vec<i64>>, Failure> {
    let mut by_leader: BTreeMap<BrokerId, Vec<Outgoing<'_>>> = BTreeMap::new();
    for out in outgoing {
        if out.appends.is_empty() {
            continue;
        }
        if target.leader(&out.partition).is_none() {
            super::cluster::refresh(target, vec![out.partition.topic.clone()]).await;
        }
        let leader = target
            .leader(&out.partition)
            .ok_or_else(|| Failure::Unknown(format!("{} has no leader", out.partition)))?;
        by_leader.entry(leader.broker).or_default().push(out);
    }
    let mut bases = HashMap::new();
    let mut streams: Vec<Stream<'_>> = by_leader
        .into_iter()
        .map(|(broker, outgoing)| Stream::new(broker, outgoing))
        .collect();
    // One task feeds every leader in turn; the brokers work side by side.
    while !streams.is_empty() {
        for stream in &mut streams {
            while stream.under_way.len() < UNDER_WAY_MAX && stream.more() {
                stream
                    .send(target, transactional_id, producer, sequences)
                    .await?;
            }
        }
        for stream in &mut streams {
            stream.collect(target, &mut bases).await?;
        }
        streams.retain(|stream| stream.more() || !stream.under_way.is_empty());
    }
    Ok(bases)
}

struct Stream<'a> {
    broker: BrokerId,
    /// Partitions with the number of their next batch.
    rest: VecDeque<(Outgoing<'a>, usize)>,
    under_way: VecDeque<UnderWay>,
}

impl<'a> Stream<'a> {
    fn new(broker: BrokerId, outgoing: Vec<Outgoing<'a>>) -> Self {
        let rest = outgoing.into_iter().map(|out| (out, 0)).collect();
        Self {
            broker,
            rest,
            under_way: VecDeque::new(),
        }
    }

    fn more(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Sends one request: the next batch of as many partitions as fit.
    async fn send(
        &mut self,
        target: &Client,
        transactional_id: &str,
        producer: Producer,
        sequences: &mut HashMap<TopicPartition, i32>,
    ) -> Result<(), Failure> {
        let mut batches = Vec::new();
        let mut meant = Vec::new();
        let mut bytes = 0;
        for _ in 0..self.rest.len() {
            if bytes >= REQUEST_BYTES {
                break;
            }
            let Some((out, next)) = self.rest.pop_front() else {
                break;
            };
            let append = &out.appends[next];
            let sequence = sequences.entry(out.partition.clone()).or_insert(0);
            let batch = split(&append.bytes, &append.header, producer, *sequence);
            *sequence = sequence_at(i64::from(*sequence) + append.records());
            bytes += batch.len();
            batches.push((out.partition.clone(), batch));
            meant.push(Meant {
                index: out.index,
                partition: out.partition.clone(),
                source: append.source_first(),
                max_timestamp_ms: append.header.max_timestamp,
            });
            if next + 1 < out.appends.len() {
                self.rest.push_back((out, next + 1));
            }
        }
        let request = produce_request(batches, Some(transactional_id), timeout_ms(target));
        let unknown = |error: ferry_kafka::error::KafkaError| Failure::Unknown(error.to_string());
        let connection = target
            .connection(self.broker, Lane::Produce(1))
            .await
            .map_err(unknown)?;
        let pending = connection.send(&request).map_err(unknown)?;
        self.under_way.push_back((meant, pending));
        Ok(())
    }

    /// Awaits the oldest request.
    async fn collect(
        &mut self,
        target: &Client,
        bases: &mut HashMap<Index, Vec<i64>>,
    ) -> Result<(), Failure> {
        let Some((meant, pending)) = self.under_way.pop_front() else {
            return Ok(());
        };
        let response = pending
            .await
            .map_err(|error| Failure::Unknown(error.to_string()))?;
        let answers = by_partition(response);
        for one in meant {
            let Meant {
                index,
                partition,
                source,
                max_timestamp_ms,
            } = one;
            let key = (partition.topic.as_str().to_owned(), partition.partition);
            let Some(answer) = answers.get(&key) else {
                return Err(Failure::Unknown(format!("the answer lacks {partition}")));
            };
            let code = ErrorCode(answer.error_code);
            if code.ok() && restamped(answer, max_timestamp_ms) {
                let halt = Halt::TimestampsRewritten {
                    offset: answer.base_offset,
                };
                return Err(Failure::Refused(index, halt));
            }
            if code.ok() {
                bases.entry(index).or_default().push(answer.base_offset);
                continue;
            }
            target.forget_leader(&partition);
            return Err(match code {
                ErrorCode::PRODUCER_FENCED | ErrorCode::INVALID_PRODUCER_EPOCH => Failure::Fenced,
                code if refused_for_good(code) => Failure::Refused(
                    index,
                    Halt::Refused {
                        side: "target".into(),
                        error: code.to_string(),
                        offset: source,
                    },
                ),
                code => Failure::Unknown(format!("{partition}: {code}")),
            });
        }
        Ok(())
    }
}
