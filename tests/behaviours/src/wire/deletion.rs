//! DeleteRecords.

use super::{Answer, Log};
use ferry_kafka::{ErrorCode, Lane};
use kafka_protocol::messages::DeleteRecordsRequest;
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};

/// How long brokers may wait for the followers, in milliseconds.
const TIMEOUT_MS: i32 = 10_000;
/// How often it is asked where they are late.
const ATTEMPTS_MAX: usize = 5;

impl Log<'_> {
    /// Deletes the records below `offset`, -1 for all that consumers may see; returns where the log
    /// starts then.
    ///
    /// # Errors
    /// The error code of the partition.
    pub async fn delete_before(&self, offset: i64) -> Answer<i64> {
        self.delete_before_at(offset, None).await
    }

    /// As [`Log::delete_before`], asked of `broker` or of the leader.
    ///
    /// # Errors
    /// The error code of the partition.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn delete_before_at(&self, offset: i64, broker: Option<i32>) -> Answer<i64> {
        let partition = DeleteRecordsPartition::default()
            .with_partition_index(self.index())
            .with_offset(offset);
        let topic = DeleteRecordsTopic::default()
            .with_name(self.topic())
            .with_partitions(vec![partition]);
        let request = DeleteRecordsRequest::default()
            .with_timeout_ms(TIMEOUT_MS)
            .with_topics(vec![topic]);
        let connection = self.connection(broker, Lane::Admin).await;
        // It waits for every replica; one whose broker has just come back may be late. To ask again
        // deletes nothing more.
        let mut attempts = 1;
        loop {
            let response = connection.call(&request).await.expect("is answered");
            let told = &response.topics[0].partitions[0];
            match super::answer(told.error_code, told.low_watermark) {
                Err(ErrorCode::REQUEST_TIMED_OUT) if attempts < ATTEMPTS_MAX => attempts += 1,
                answer => return answer,
            }
        }
    }
}
