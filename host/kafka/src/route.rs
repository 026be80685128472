//! One request about many partitions: split by leader, sent side by side, and what moved meanwhile
//! asked again.

use crate::client::{Client, answered_with};
use crate::error::{KafkaError, Subject};
use crate::error_code::ErrorCode;
use crate::patience::Repeat;
use crate::pool::Lane;
use crate::request::{Effect, Request};
use crate::retry::Retry;
use ferry_model::identity::BrokerId;
use ferry_model::name::{PartitionIndex, TopicName, TopicPartition};
use futures_util::StreamExt as _;
use kafka_protocol::protocol::StrBytes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// How many partitions one request is about.
const PARTITIONS_PER_REQUEST: usize = 2_000;

/// How many requests run side by side.
const REQUESTS_MAX: usize = 32;

/// How long a partition that brokers do not know is asked for: one that was just created is not
/// known to all of them at once.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);

/// An API whose requests go to the leaders of partitions.
pub(crate) trait LeaderRequest {
    /// The message.
    type Request: Request;
    /// What is said about each partition.
    type Item: Clone;
    /// What is answered about each partition.
    type Answer;
    /// Whether it may be repeated.
    const REPEAT: Repeat;

    /// The message about `items`, by topic.
    fn request(&self, items: &ByTopic<Self::Item>) -> Self::Request;

    /// What the answer says, partition by partition.
    fn answers(&self, response: <Self::Request as Request>::Response) -> Vec<Told<Self::Answer>>;
}

/// Items by topic and partition.
pub(crate) type ByTopic<T> = BTreeMap<TopicName, Vec<(PartitionIndex, T)>>;

/// What one partition of an answer says.
pub(crate) struct Told<T> {
    /// The topic, as the message holds it.
    pub(crate) topic: String,
    /// The partition.
    pub(crate) partition: PartitionIndex,
    /// The error code.
    pub(crate) code: i16,
    /// The broker's words.
    pub(crate) message: Option<StrBytes>,
    /// The answer, of use where the code is 0.
    pub(crate) answer: T,
}

/// Results by partition: one that fails does not fail the others.
pub type ByPartition<T> = BTreeMap<TopicPartition, Result<T, KafkaError>>;

impl Client {
    /// Asks the leaders of all partitions of `items`.
    pub(crate) async fn by_leader<L: LeaderRequest>(
        &self,
        operation: &L,
        items: impl IntoIterator<Item = (TopicPartition, L::Item)>,
    ) -> ByPartition<L::Answer> {
        let mut done = BTreeMap::new();
        let mut open: BTreeMap<TopicPartition, L::Item> = items.into_iter().collect();
        let mut patience = self.patience(L::Request::API);
        let started = Instant::now();
        while !open.is_empty() {
            let (parts, mut failed) = self.split(&open).await;
            let requests = parts.into_iter().map(|part| self.ask(operation, part));
            let answers: Vec<Vec<_>> = futures_util::stream::iter(requests)
                .buffer_unordered(REQUESTS_MAX)
                .collect()
                .await;
            for (partition, result) in answers.into_iter().flatten() {
                match result {
                    Ok(answer) => {
                        open.remove(&partition);
                        done.insert(partition, Ok(answer));
                    }
                    Err(error) => failed.push((partition, error)),
                }
            }
            let mut last = None;
            failed.retain(|(partition, error)| {
                let again = L::REPEAT.allows(error.retry()) && !unknown_for_good(error, started);
                if again {
                    if error.retry() != Retry::Again {
                        self.forget_leader(partition);
                    }
                    last = Some(error.clone());
                } else {
                    open.remove(partition);
                    done.insert(partition.clone(), Err(error.clone()));
                }
                again
            });
            let Some(last) = last else { break };
            if !patience.pause(&last).await {
                let gave_up = |(partition, error)| (partition, Err(patience.gave_up(error)));
                done.extend(failed.into_iter().map(gave_up));
                break;
            }
        }
        done
    }

    /// Splits `open` by leader; those without one are failures.
    async fn split<T: Clone>(
        &self,
        open: &BTreeMap<TopicPartition, T>,
    ) -> (
        Vec<(BrokerId, ByTopic<T>)>,
        Vec<(TopicPartition, KafkaError)>,
    ) {
        let unknown: BTreeSet<&TopicName> = open
            .keys()
            .filter(|partition| self.leader(partition).is_none())
            .map(|partition| &partition.topic)
            .collect();
        let unknown: Vec<TopicName> = unknown.into_iter().cloned().collect();
        let refreshed = match unknown.is_empty() {
            true => Ok(()),
            false => self.refresh(&unknown).await,
        };
        let mut parts: BTreeMap<BrokerId, Vec<ByTopic<T>>> = BTreeMap::new();
        let mut counts: BTreeMap<BrokerId, usize> = BTreeMap::new();
        let mut failed = Vec::new();
        for (partition, item) in open {
            let Some(leader) = self.leader(partition) else {
                let error = refreshed
                    .clone()
                    .err()
                    .unwrap_or_else(|| self.no_leader(partition));
                failed.push((partition.clone(), error));
                continue;
            };
            let count = counts.entry(leader.broker).or_default();
            let chunks = parts.entry(leader.broker).or_default();
            if count.is_multiple_of(PARTITIONS_PER_REQUEST) {
                chunks.push(ByTopic::new());
            }
            *count += 1;
            if let Some(chunk) = chunks.last_mut() {
                let entry = chunk.entry(partition.topic.clone()).or_default();
                entry.push((partition.partition, item.clone()));
            }
        }
        let parts = parts
            .into_iter()
            .flat_map(|(broker, chunks)| chunks.into_iter().map(move |chunk| (broker, chunk)));
        (parts.collect(), failed)
    }

    fn no_leader(&self, partition: &TopicPartition) -> KafkaError {
        let (side, partition) = (self.side(), partition.clone());
        match self.knows(&partition) {
            true => KafkaError::NoLeader { side, partition },
            false => KafkaError::NoPartition { side, partition },
        }
    }

    /// Asks one broker about its part.
    async fn ask<L: LeaderRequest>(
        &self,
        operation: &L,
        (broker, items): (BrokerId, ByTopic<L::Item>),
    ) -> Vec<(TopicPartition, Result<L::Answer, KafkaError>)> {
        let partitions = items.iter().flat_map(|(topic, partitions)| {
            partitions
                .iter()
                .map(|(index, _)| TopicPartition::new(topic.clone(), *index))
        });
        let mut asked: BTreeSet<TopicPartition> = partitions.collect();
        let connection = match self.connection(broker, Lane::Admin).await {
            Ok(connection) => connection,
            Err(error) => return all(asked, &error),
        };
        let response = match connection.call(&operation.request(&items)).await {
            Ok(response) => response,
            Err(error) => return all(asked, &error),
        };
        let peer = connection.peer();
        let effect = match L::REPEAT {
            Repeat::Safe => Effect::Reads,
            Repeat::Unsafe => L::Request::EFFECT,
        };
        let mut results = Vec::with_capacity(asked.len());
        for told in operation.answers(response) {
            let Ok(topic) = TopicName::parse(told.topic) else {
                continue;
            };
            let partition = TopicPartition::new(topic, told.partition);
            // What was not asked for is left out.
            if !asked.remove(&partition) {
                continue;
            }
            let result = match told.code {
                0 => Ok(told.answer),
                code => {
                    let subject = Some(Subject::Partition(partition.clone()));
                    let (code, message) = (ErrorCode(code), told.message.as_ref());
                    Err(answered_with::<L::Request>(
                        peer, subject, code, message, effect,
                    ))
                }
            };
            results.push((partition, result));
        }
        let left_out = asked.into_iter().map(|partition| {
            let error = KafkaError::LeftOut {
                peer: peer.clone(),
                api: L::Request::API,
                subject: Subject::Partition(partition.clone()),
            };
            (partition, Err(error))
        });
        results.extend(left_out);
        results
    }
}

/// The same error for every partition of a request.
fn all<T>(
    partitions: BTreeSet<TopicPartition>,
    error: &KafkaError,
) -> Vec<(TopicPartition, Result<T, KafkaError>)> {
    partitions
        .into_iter()
        .map(|partition| (partition, Err(error.clone())))
        .collect()
}

/// Whether a partition has been unknown for so long that it does not exist.
fn unknown_for_good(error: &KafkaError, started: Instant) -> bool {
    let unknown = matches!(error, KafkaError::NoPartition { .. })
        || error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    unknown && started.elapsed() >= UNKNOWN_FOR
}
