//! ListOffsets.

use super::{Answer, Log};
use ferry_kafka::{KafkaError, Lane};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest};

/// What is asked for, in place of a time.
pub mod at {
    /// The end that the asker may see.
    pub const LATEST: i64 = -1;
    /// The first offset that can be read.
    pub const EARLIEST: i64 = -2;
    /// The record with the largest timestamp (KIP-734).
    pub const LARGEST_TIMESTAMP: i64 = -3;
}

/// An offset that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The offset, -1 where there is none.
    pub offset: i64,
    /// The timestamp of its record, -1 where none was looked for.
    pub timestamp_ms: i64,
    /// The epoch that the offset belongs to.
    pub leader_epoch: i32,
}

/// A question that is described; [`ListOffsets::send`] asks it.
#[derive(Debug, Clone)]
pub struct ListOffsets<'a> {
    log: &'a Log<'a>,
    broker: Option<i32>,
    timestamp: i64,
    replica: i32,
    committed: bool,
    leader_epoch: i32,
}

impl<'a> Log<'a> {
    /// Where the log starts.
    ///
    /// # Panics
    /// With an error code.
    pub async fn earliest(&self) -> i64 {
        self.list(at::EARLIEST)
            .send()
            .await
            .expect("an offset")
            .offset
    }

    /// One more than the last offset that consumers may see.
    ///
    /// # Panics
    /// With an error code.
    pub async fn latest(&self) -> i64 {
        self.list(at::LATEST)
            .send()
            .await
            .expect("an offset")
            .offset
    }

    /// One more than the last offset that the leader has.
    ///
    /// # Panics
    /// With an error code.
    pub async fn end(&self) -> i64 {
        let asked = self.list(at::LATEST).behind_the_high_watermark();
        asked.send().await.expect("an offset").offset
    }

    /// Where a reader of committed records stops.
    ///
    /// # Panics
    /// With an error code.
    pub async fn last_stable(&self) -> i64 {
        let asked = self.list(at::LATEST).committed();
        asked.send().await.expect("an offset").offset
    }

    /// A question that can be told more. `timestamp` is a time in milliseconds or one of [`at`].
    #[must_use]
    pub fn list(&'a self, timestamp: i64) -> ListOffsets<'a> {
        ListOffsets {
            log: self,
            broker: None,
            timestamp,
            replica: -1,
            committed: false,
            leader_epoch: -1,
        }
    }
}

impl ListOffsets<'_> {
    /// Asks this broker, whoever leads.
    #[must_use]
    pub fn at_broker(mut self, broker: i32) -> Self {
        self.broker = Some(broker);
        self
    }

    /// As the "debugging consumer" with replica id -2, who sees all that the leader has.
    #[must_use]
    pub fn behind_the_high_watermark(mut self) -> Self {
        self.replica = -2;
        self
    }

    /// With isolation level READ_COMMITTED.
    #[must_use]
    pub fn committed(mut self) -> Self {
        self.committed = true;
        self
    }

    /// With the epoch that the asker knows its leader by.
    #[must_use]
    pub fn leader_epoch(mut self, leader_epoch: i32) -> Self {
        self.leader_epoch = leader_epoch;
        self
    }

    /// Asks.
    ///
    /// # Errors
    /// The error code of the partition.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn send(&self) -> Answer<Listed> {
        self.ask().await.expect("is answered")
    }

    /// Asks a broker that may be gone.
    ///
    /// # Errors
    /// Those of the connection.
    pub(crate) async fn ask(&self) -> Result<Answer<Listed>, KafkaError> {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(self.log.index())
            .with_current_leader_epoch(self.leader_epoch)
            .with_timestamp(self.timestamp);
        let topic = ListOffsetsTopic::default()
            .with_name(self.log.topic())
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(self.replica))
            .with_isolation_level(i8::from(self.committed))
            .with_topics(vec![topic]);
        let connection = self.log.connection(self.broker, Lane::Admin).await;
        let response = connection.call(&request).await?;
        let told = &response.topics[0].partitions[0];
        let listed = Listed {
            offset: told.offset,
            timestamp_ms: told.timestamp,
            leader_epoch: told.leader_epoch,
        };
        Ok(super::answer(told.error_code, listed))
    }
}
