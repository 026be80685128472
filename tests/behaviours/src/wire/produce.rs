//! Produce.

use super::{Answer, ErrorCode, Log};
use bytes::Bytes;
use ferry_kafka::{KafkaError, Lane, Pending};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The error code, 0 without an error.
    pub code: ErrorCode,
    /// The offset of the first record, -1 with an error.
    pub base_offset: i64,
    /// The time that the broker gave the records; -1 where they keep their own.
    pub log_append_time_ms: i64,
    /// Where the log starts.
    pub log_start: i64,
}

impl Appended {
    /// The offset of the first record.
    pub fn place(&self) -> Answer<i64> {
        super::answer(self.code.0, self.base_offset)
    }
}

/// A produce request that is described; [`Produce::send`] sends it.
#[derive(Debug, Clone)]
pub struct Produce<'a> {
    log: &'a Log<'a>,
    transactional_id: Option<&'a str>,
    broker: Option<i32>,
    connection: u16,
    acks: i16,
    timeout_ms: i32,
}

impl<'a> Log<'a> {
    /// Appends `batch` and waits for all replicas.
    pub async fn produce(&self, batch: Bytes) -> Appended {
        self.producing().send(batch).await
    }

    /// A produce request that can be told more.
    #[must_use]
    pub fn producing(&'a self) -> Produce<'a> {
        Produce {
            log: self,
            transactional_id: None,
            broker: None,
            connection: 0,
            acks: -1,
            timeout_ms: 10_000,
        }
    }
}

impl<'a> Produce<'a> {
    /// With a transactional id.
    #[must_use]
    pub fn within(mut self, transactional_id: &'a str) -> Self {
        self.transactional_id = Some(transactional_id);
        self
    }

    /// To this broker, whoever leads.
    #[must_use]
    pub fn to_broker(mut self, broker: i32) -> Self {
        self.broker = Some(broker);
        self
    }

    /// On another connection than that with number 0.
    #[must_use]
    pub fn on_connection(mut self, connection: u16) -> Self {
        self.connection = connection;
        self
    }

    /// Without waiting for the followers.
    #[must_use]
    pub fn for_the_leader_alone(mut self) -> Self {
        self.acks = 1;
        self
    }

    /// The broker may wait so long for the followers.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: i32) -> Self {
        self.timeout_ms = timeout_ms;
        self
    }

    /// Sends it and returns the answer.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn send(&self, records: Bytes) -> Appended {
        let pending = self.queue(records).await.expect("is sent");
        Self::read(&pending.await.expect("is answered"))
    }

    /// Sends it, and leaves the answer to be waited for: see [`Produce::read`].
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn queue(&self, records: Bytes) -> Result<Pending<ProduceResponse>, KafkaError> {
        let lane = Lane::Produce(self.connection);
        let connection = self.log.connection(self.broker, lane).await;
        connection.send(&self.request(records))
    }

    fn request(&self, records: Bytes) -> ProduceRequest {
        let data = PartitionProduceData::default()
            .with_index(self.log.index())
            .with_records(Some(records));
        let topic = TopicProduceData::default()
            .with_name(self.log.topic())
            .with_partition_data(vec![data]);
        let id = self.transactional_id.map(|id| super::text(id).into());
        ProduceRequest::default()
            .with_transactional_id(id)
            .with_acks(self.acks)
            .with_timeout_ms(self.timeout_ms)
            .with_topic_data(vec![topic])
    }

    /// What the answer says of its one partition.
    #[must_use]
    pub fn read(response: &ProduceResponse) -> Appended {
        let told = &response.responses[0].partition_responses[0];
        Appended {
            code: ErrorCode(told.error_code),
            base_offset: told.base_offset,
            log_append_time_ms: told.log_append_time_ms,
            log_start: told.log_start_offset,
        }
    }
}
