//! Producer ids and transactions.
//!
//! `AddPartitionsToTxn` up to version 3 and `EndTxn` up to version 4 are spoken: later versions
//! belong to KIP-890, where every end of a transaction bumps the producer's epoch.

use super::{Admin, PerItem, side_by_side};
use crate::client::{answered, wire};
use crate::connection::Connection;
use crate::coordinator::CoordinatorKind;
use crate::error::{KafkaError, Subject};
use crate::error_code::ErrorCode;
use crate::patience::Repeat;
use crate::pool::Lane;
use crate::request::{Api, Request};
use ferry_model::name::{TopicName, TopicPartition};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::{
    self, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, DescribeTransactionsRequest,
    EndTxnRequest, InitProducerIdRequest, InitProducerIdResponse, ListTransactionsRequest,
    TransactionalId,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;

/// A producer id with its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Producer {
    /// The id.
    pub id: i64,
    /// The epoch.
    pub epoch: i16,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its records become visible.
    Commit,
    /// Its records stay hidden from READ_COMMITTED consumers.
    Abort,
}

/// A transactional id as coordinators list it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedTransaction {
    /// The transactional id.
    pub transactional_id: String,
    /// Its producer id.
    pub producer_id: i64,
    /// Its state: `Ongoing`, `CompleteCommit`, `Empty` ...
    pub state: String,
}

/// A transactional id as its coordinator describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionDescription {
    /// Its state: `Ongoing`, `CompleteCommit`, `Empty` ...
    pub state: String,
    /// Its producer.
    pub producer: Producer,
    /// After how long the coordinator aborts a transaction, in milliseconds.
    pub timeout_ms: i32,
    /// When the open transaction began, in milliseconds since 1970; none without one.
    pub started_ms: Option<i64>,
    /// The partitions in the open transaction.
    pub partitions: Vec<TopicPartition>,
}

impl Admin {
    /// A producer id without a transactional id.
    ///
    /// # Errors
    /// [`KafkaError`]: the principal may not write to any topic, or no broker answers.
    pub async fn init_producer_id(&self) -> Result<Producer, KafkaError> {
        let request = init_request(None, i32::MAX);
        let api = InitProducerIdRequest::API;
        self.client
            .retrying(api, Repeat::Safe, async || {
                let connection = self.client.any_connection().await?;
                let response = connection.call(&request).await?;
                producer(&connection, Some(Subject::Cluster), &response)
            })
            .await
    }

    /// A producer id for `transactional_id`. Fences every earlier producer of it, and aborts its
    /// open transaction. The coordinator is found first; its refusals to answer yet are waited out.
    ///
    /// # Errors
    /// [`KafkaError`]: the principal lacks WRITE on the transactional id, `timeout_ms` exceeds
    /// `transaction.max.timeout.ms`, or no coordinator answers in time.
    pub async fn init_transactional_id(
        &self,
        transactional_id: &str,
        timeout_ms: i32,
    ) -> Result<Producer, KafkaError> {
        let request = init_request(Some(transactional_id), timeout_ms);
        let api = InitProducerIdRequest::API;
        self.on_transaction_coordinator(api, transactional_id, async |connection| {
            let response = connection.call(&request).await?;
            producer(&connection, Some(subject(transactional_id)), &response)
        })
        .await
    }

    /// Puts partitions into the open transaction of `transactional_id`, opening one if need be.
    /// `CONCURRENT_TRANSACTIONS`, the answer while the end of the one before is still being
    /// written, is waited out.
    ///
    /// # Errors
    /// [`KafkaError`] of the first partition that is refused; of the others none is in the
    /// transaction then.
    pub async fn add_partitions_to_transaction(
        &self,
        transactional_id: &str,
        producer: Producer,
        partitions: &[TopicPartition],
    ) -> Result<(), KafkaError> {
        let request = add_request(transactional_id, producer, partitions);
        let api = AddPartitionsToTxnRequest::API;
        self.on_transaction_coordinator(api, transactional_id, async |connection| {
            let response = connection.call(&request).await?;
            added(&connection, transactional_id, &response)
        })
        .await
    }

    /// Ends the open transaction. The answer comes when the end is decided, before every marker is
    /// written.
    ///
    /// # Errors
    /// [`KafkaError`]: `INVALID_TXN_STATE` without an open transaction, `PRODUCER_FENCED` or
    /// `INVALID_PRODUCER_EPOCH` after a newer producer.
    pub async fn end_transaction(
        &self,
        transactional_id: &str,
        producer: Producer,
        outcome: Outcome,
    ) -> Result<(), KafkaError> {
        let request = EndTxnRequest::default()
            .with_transactional_id(wire_id(transactional_id))
            .with_producer_id(messages::ProducerId(producer.id))
            .with_producer_epoch(producer.epoch)
            .with_committed(outcome == Outcome::Commit);
        self.on_transaction_coordinator(EndTxnRequest::API, transactional_id, async |connection| {
            let response = connection.call(&request).await?;
            fail::<EndTxnRequest>(&connection, transactional_id, response.error_code)
        })
        .await
    }

    /// Every transactional id of every broker, in the given states (all where none is given).
    /// Brokers from 3.0 on.
    ///
    /// # Errors
    /// [`KafkaError`] when any broker does not answer: the list would lack transactions.
    pub async fn list_transactions(
        &self,
        states: &[&str],
    ) -> Result<Vec<ListedTransaction>, KafkaError> {
        self.client.refresh_brokers().await?;
        let states = states
            .iter()
            .map(|state| StrBytes::from_string((*state).to_owned()));
        let request = ListTransactionsRequest::default()
            .with_duration_filter(-1)
            .with_state_filters(states.collect());
        let lists = self.client.brokers().into_iter().map(async |broker| {
            self.client
                .retrying(ListTransactionsRequest::API, Repeat::Safe, async || {
                    let connection = self.client.connection(broker.id, Lane::Admin).await?;
                    list(&connection, &request).await
                })
                .await
        });
        let mut transactions = Vec::new();
        for list in side_by_side(lists.collect()).await {
            transactions.extend(list?);
        }
        transactions.sort();
        transactions.dedup();
        Ok(transactions)
    }

    /// Describes transactional ids. Brokers from 3.0 on.
    pub async fn describe_transactions(
        &self,
        transactional_ids: &[String],
    ) -> PerItem<String, TransactionDescription> {
        let described = transactional_ids.iter().map(async |id| {
            let request =
                DescribeTransactionsRequest::default().with_transactional_ids(vec![wire_id(id)]);
            let api = DescribeTransactionsRequest::API;
            let result = self
                .on_transaction_coordinator(api, id, async |connection| {
                    let response = connection.call(&request).await?;
                    let told = response.transaction_states.first();
                    let told = told.ok_or_else(|| KafkaError::LeftOut {
                        peer: connection.peer().clone(),
                        api,
                        subject: subject(id),
                    })?;
                    fail::<DescribeTransactionsRequest>(&connection, id, told.error_code)?;
                    Ok(description(told))
                })
                .await;
            (id.clone(), result)
        });
        side_by_side(described.collect())
            .await
            .into_iter()
            .collect::<BTreeMap<_, _>>()
    }

    async fn on_transaction_coordinator<T, Attempt: Future<Output = Result<T, KafkaError>>>(
        &self,
        api: Api,
        transactional_id: &str,
        attempt: impl Fn(Connection) -> Attempt,
    ) -> Result<T, KafkaError> {
        let kind = CoordinatorKind::Transaction;
        self.client
            .with_coordinator(api, Repeat::Safe, transactional_id, kind, attempt)
            .await
    }
}

fn subject(transactional_id: &str) -> Subject {
    Subject::TransactionalId(transactional_id.to_owned())
}

fn wire_id(transactional_id: &str) -> TransactionalId {
    TransactionalId(StrBytes::from_string(transactional_id.to_owned()))
}

fn init_request(transactional_id: Option<&str>, timeout_ms: i32) -> InitProducerIdRequest {
    InitProducerIdRequest::default()
        .with_transactional_id(transactional_id.map(wire_id))
        .with_transaction_timeout_ms(timeout_ms)
        .with_producer_id(messages::ProducerId(-1))
        .with_producer_epoch(-1)
}

fn producer(
    connection: &Connection,
    subject: Option<Subject>,
    response: &InitProducerIdResponse,
) -> Result<Producer, KafkaError> {
    match response.error_code {
        0 => Ok(Producer {
            id: response.producer_id.0,
            epoch: response.producer_epoch,
        }),
        code => {
            let code = ErrorCode(code);
            Err(answered::<InitProducerIdRequest>(
                connection.peer(),
                subject,
                code,
                None,
            ))
        }
    }
}

fn add_request(
    transactional_id: &str,
    producer: Producer,
    partitions: &[TopicPartition],
) -> AddPartitionsToTxnRequest {
    let mut topics: BTreeMap<&TopicName, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics
            .entry(&partition.topic)
            .or_default()
            .push(partition.partition);
    }
    let topics = topics.into_iter().map(|(name, partitions)| {
        AddPartitionsToTxnTopic::default()
            .with_name(wire(name))
            .with_partitions(partitions)
    });
    AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(wire_id(transactional_id))
        .with_v3_and_below_producer_id(messages::ProducerId(producer.id))
        .with_v3_and_below_producer_epoch(producer.epoch)
        .with_v3_and_below_topics(topics.collect())
}

/// The first refusal that is not merely the consequence of another one.
fn added(
    connection: &Connection,
    transactional_id: &str,
    response: &AddPartitionsToTxnResponse,
) -> Result<(), KafkaError> {
    let told = response
        .results_by_topic_v3_and_below
        .iter()
        .flat_map(|topic| {
            topic
                .results_by_partition
                .iter()
                .map(|partition| (&topic.name, partition))
        });
    let refused: Vec<_> = told
        .filter(|(_, told)| told.partition_error_code != 0)
        .collect();
    let not_attempted = 55;
    let first = refused
        .iter()
        .find(|(_, told)| told.partition_error_code != not_attempted)
        .or(refused.first());
    let Some((topic, told)) = first else {
        return Ok(());
    };
    let code = ErrorCode(told.partition_error_code);
    let subject = match (code, TopicName::parse(topic.to_string())) {
        (ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, _) | (_, Err(_)) => {
            subject(transactional_id)
        }
        (_, Ok(topic)) => Subject::Partition(TopicPartition::new(topic, told.partition_index)),
    };
    Err(answered::<AddPartitionsToTxnRequest>(
        connection.peer(),
        Some(subject),
        code,
        None,
    ))
}

fn fail<R: Request>(
    connection: &Connection,
    transactional_id: &str,
    code: i16,
) -> Result<(), KafkaError> {
    match code {
        0 => Ok(()),
        code => {
            let subject = Some(subject(transactional_id));
            Err(answered::<R>(
                connection.peer(),
                subject,
                ErrorCode(code),
                None,
            ))
        }
    }
}

async fn list(
    connection: &Connection,
    request: &ListTransactionsRequest,
) -> Result<Vec<ListedTransaction>, KafkaError> {
    let response = connection.call(request).await?;
    if response.error_code != 0 {
        let (subject, code) = (Some(Subject::Cluster), ErrorCode(response.error_code));
        return Err(answered::<ListTransactionsRequest>(
            connection.peer(),
            subject,
            code,
            None,
        ));
    }
    let listed = response
        .transaction_states
        .iter()
        .map(|state| ListedTransaction {
            transactional_id: state.transactional_id.to_string(),
            producer_id: state.producer_id.0,
            state: state.transaction_state.to_string(),
        });
    Ok(listed.collect())
}

fn description(
    told: &messages::describe_transactions_response::TransactionState,
) -> TransactionDescription {
    let partitions = told.topics.iter().flat_map(|topic| {
        let name = TopicName::parse(topic.topic.to_string()).ok();
        topic
            .partitions
            .iter()
            .filter_map(move |index| Some(TopicPartition::new(name.clone()?, *index)))
    });
    TransactionDescription {
        state: told.transaction_state.to_string(),
        producer: Producer {
            id: told.producer_id.0,
            epoch: told.producer_epoch,
        },
        timeout_ms: told.transaction_timeout_ms,
        started_ms: (told.transaction_start_time_ms >= 0).then_some(told.transaction_start_time_ms),
        partitions: partitions.collect(),
    }
}
