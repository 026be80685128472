//! InitProducerId with a transactional id, AddPartitionsToTxn, EndTxn.

use super::{Answer, ErrorCode, Log};
use crate::cluster::Cluster;
use crate::records::Producer;
use ferry_kafka::{Connection, Lane};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, EndTxnRequest, FindCoordinatorRequest, InitProducerIdRequest,
    ProducerId,
};

/// The kind of coordinator that looks after transactions.
const TRANSACTIONS: i8 = 1;

/// Answers of a coordinator that has not found itself yet.
const NOT_YET: [ErrorCode; 3] = [
    ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ErrorCode::NOT_COORDINATOR,
];

/// How long a transaction may stay open unless a behaviour says otherwise, in milliseconds.
pub const TIMEOUT_MS: i32 = 60_000;

/// A transactional id and the way to its coordinator.
#[derive(Debug)]
pub struct TransactionalId<'a> {
    cluster: &'a Cluster,
    /// The id.
    pub id: String,
    coordinator: Connection,
}

impl Cluster {
    /// A transactional id that nobody has used, at its coordinator.
    pub async fn transactional_id(&self) -> TransactionalId<'_> {
        let id = self.fresh_name("transaction");
        self.transactional_id_called(&id).await
    }

    /// The transactional id `id`, at its coordinator.
    ///
    /// # Panics
    /// When no coordinator is found in time.
    pub async fn transactional_id_called(&self, id: &str) -> TransactionalId<'_> {
        let connection = self.any_connection().await;
        let request = FindCoordinatorRequest::default().with_key_type(TRANSACTIONS);
        let request = match connection.version::<FindCoordinatorRequest>() {
            Some(..=3) => request.with_key(super::text(id)),
            _ => request.with_coordinator_keys(vec![super::text(id)]),
        };
        // The first question has the topic made that coordinators keep their state in.
        let broker = self
            .eventually("a coordinator", async || {
                let found = connection.call(&request).await.expect("is answered");
                match found.coordinators.first() {
                    Some(one) => (one.error_code == 0).then_some(one.node_id),
                    None => (found.error_code == 0).then_some(found.node_id),
                }
            })
            .await;
        let broker = ferry_model::identity::BrokerId(broker.0);
        TransactionalId {
            cluster: self,
            id: id.to_owned(),
            coordinator: self.connection(broker, Lane::Admin).await,
        }
    }
}

impl TransactionalId<'_> {
    /// The broker that coordinates it.
    ///
    /// # Panics
    /// Never: it was found by its number.
    #[must_use]
    pub fn coordinator(&self) -> i32 {
        self.coordinator
            .peer()
            .broker
            .expect("found by its number")
            .0
    }

    /// Asks once for a producer id.
    ///
    /// # Errors
    /// The error code.
    ///
    /// # Panics
    /// When nobody answers, or the coordinator does not find itself in time.
    pub async fn init_once(&self, timeout_ms: i32) -> Answer<Producer> {
        self.cluster
            .eventually("a coordinator that has loaded its state", async || {
                let answer = self.init_at(&self.coordinator, timeout_ms).await;
                let loading = matches!(&answer, Err(code) if NOT_YET.contains(code));
                (!loading).then_some(answer)
            })
            .await
    }

    /// Asks every broker for a producer id that does not coordinate this transactional id, and returns
    /// what each of them says.
    pub async fn init_at_others(&self) -> Vec<Answer<Producer>> {
        let mut answers = Vec::new();
        for broker in self.cluster.client().brokers() {
            if broker.id.0 != self.coordinator() {
                let connection = self.cluster.connection(broker.id, Lane::Admin).await;
                answers.push(self.init_at(&connection, TIMEOUT_MS).await);
            }
        }
        answers
    }

    async fn init_at(&self, connection: &Connection, timeout_ms: i32) -> Answer<Producer> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(super::text(&self.id).into()))
            .with_transaction_timeout_ms(timeout_ms)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        let response = connection.call(&request).await.expect("is answered");
        let producer = Producer {
            id: response.producer_id.0,
            epoch: response.producer_epoch,
        };
        super::answer(response.error_code, producer)
    }

    /// Asks for a producer id until it gets one.
    pub async fn init(&self) -> Producer {
        self.init_with(TIMEOUT_MS).await
    }

    /// As [`TransactionalId::init`], for transactions that are aborted after so many milliseconds.
    ///
    /// # Panics
    /// When an error is answered that does not pass.
    pub async fn init_with(&self, timeout_ms: i32) -> Producer {
        self.cluster
            .eventually("a producer id", async || {
                match self.init_once(timeout_ms).await {
                    Ok(producer) => Some(producer),
                    Err(ErrorCode::CONCURRENT_TRANSACTIONS) => None,
                    Err(code) => panic!("InitProducerId of {}: {code}", self.id),
                }
            })
            .await
    }

    /// Asks once to add partitions to the open transaction, or to begin one.
    ///
    /// # Errors
    /// The error code of the first partition that has one.
    pub async fn add_once(&self, producer: Producer, logs: &[&Log<'_>]) -> Answer<()> {
        let codes = self.add_each(producer, logs).await;
        let refused = codes.into_iter().find(|code| *code != ErrorCode::NONE);
        refused.map_or(Ok(()), Err)
    }

    /// As [`TransactionalId::add_once`], with the code of each partition in their order.
    ///
    /// # Panics
    /// When nobody answers, or not about each.
    pub async fn add_each(&self, producer: Producer, logs: &[&Log<'_>]) -> Vec<ErrorCode> {
        let mut topics: Vec<AddPartitionsToTxnTopic> = Vec::new();
        for log in logs {
            match topics.iter_mut().find(|topic| topic.name == log.topic()) {
                Some(topic) => topic.partitions.push(log.index()),
                None => topics.push(
                    AddPartitionsToTxnTopic::default()
                        .with_name(log.topic())
                        .with_partitions(vec![log.index()]),
                ),
            }
        }
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(super::text(&self.id).into())
            .with_v3_and_below_producer_id(ProducerId(producer.id))
            .with_v3_and_below_producer_epoch(producer.epoch)
            .with_v3_and_below_topics(topics);
        let response = self.coordinator.call(&request).await.expect("is answered");
        let of = |log: &&Log<'_>| {
            let mut topics = response.results_by_topic_v3_and_below.iter();
            let topic = topics.find(|topic| topic.name == log.topic());
            let mut partitions = topic.iter().flat_map(|topic| &topic.results_by_partition);
            let told = partitions.find(|told| told.partition_index == log.index());
            ErrorCode(told.expect("each is answered").partition_error_code)
        };
        logs.iter().map(of).collect()
    }

    /// Adds partitions as soon as the previous transaction is completed.
    ///
    /// # Panics
    /// When an error is answered that does not pass.
    pub async fn add(&self, producer: Producer, logs: &[&Log<'_>]) {
        self.cluster
            .eventually("a transaction", async || {
                match self.add_once(producer, logs).await {
                    Ok(()) => Some(()),
                    Err(ErrorCode::CONCURRENT_TRANSACTIONS) => None,
                    Err(code) => panic!("AddPartitionsToTxn of {}: {code}", self.id),
                }
            })
            .await;
    }

    /// Asks once to commit or abort.
    ///
    /// # Errors
    /// The error code.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn end_once(&self, producer: Producer, commit: bool) -> Answer<()> {
        let request = EndTxnRequest::default()
            .with_transactional_id(super::text(&self.id).into())
            .with_producer_id(ProducerId(producer.id))
            .with_producer_epoch(producer.epoch)
            .with_committed(commit);
        let response = self.coordinator.call(&request).await.expect("is answered");
        super::answer(response.error_code, ())
    }
}
