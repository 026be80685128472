//! OffsetForLeaderEpoch.

use super::{Answer, Log};
use ferry_kafka::Lane;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::{BrokerId, OffsetForLeaderEpochRequest};

impl Log<'_> {
    /// The greatest epoch up to `epoch` that the log has, and the offset at which it ends; -1 and -1
    /// where there is none.
    ///
    /// # Errors
    /// The error code of the partition.
    pub async fn epoch_end(&self, epoch: i32) -> Answer<(i32, i64)> {
        self.epoch_end_of_leader(epoch, -1, None).await
    }

    /// As [`Log::epoch_end`], with the epoch that the asker knows its leader by, asked of `broker` or
    /// of the leader.
    ///
    /// # Errors
    /// The error code of the partition.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn epoch_end_of_leader(
        &self,
        epoch: i32,
        leader_epoch: i32,
        broker: Option<i32>,
    ) -> Answer<(i32, i64)> {
        let partition = OffsetForLeaderPartition::default()
            .with_partition(self.index())
            .with_leader_epoch(epoch)
            .with_current_leader_epoch(leader_epoch);
        let topic = OffsetForLeaderTopic::default()
            .with_topic(self.topic())
            .with_partitions(vec![partition]);
        let request = OffsetForLeaderEpochRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(vec![topic]);
        let connection = self.connection(broker, Lane::Admin).await;
        let response = connection.call(&request).await.expect("is answered");
        let told = &response.topics[0].partitions[0];
        super::answer(told.error_code, (told.leader_epoch, told.end_offset))
    }
}
