//! Offsets of partitions, by position, by time and by leader epoch.

use super::Admin;
use crate::client::wire;
use crate::patience::Repeat;
use crate::route::{ByPartition, ByTopic, LeaderRequest, Told};
use ferry_model::name::TopicPartition;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::{
    BrokerId, ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
};

/// The replica id of a consumer.
const CONSUMER: BrokerId = BrokerId(-1);

/// The replica id of a debugging consumer, to whom the leader tells its own log end.
const DEBUGGING_CONSUMER: BrokerId = BrokerId(-2);

/// Which offset of a partition is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OffsetSpec {
    /// The log start offset.
    Earliest,
    /// The high watermark: the end of what consumers may see.
    Latest,
    /// The last stable offset: the end of what READ_COMMITTED consumers may see.
    LastStable,
    /// The offset of the record with the largest timestamp (KIP-734; brokers from 3.0 on).
    MaxTimestamp,
    /// The first offset that is not in remote storage alone (KIP-405; brokers from 3.6 on).
    EarliestLocal,
    /// The first offset whose record is not older, in milliseconds since 1970.
    Timestamp(i64),
    /// The leader's log end offset: what it has written, whether replicated or not.
    LogEnd,
}

impl OffsetSpec {
    /// The timestamp that stands for it on the wire.
    fn timestamp(self) -> i64 {
        match self {
            Self::Earliest => -2,
            Self::Latest | Self::LastStable | Self::LogEnd => -1,
            Self::MaxTimestamp => -3,
            Self::EarliestLocal => -4,
            Self::Timestamp(ms) => ms,
        }
    }
}

/// An offset that a leader told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset; none where no record fits the question.
    pub offset: Option<i64>,
    /// The timestamp of its record, where the question was about time.
    pub timestamp_ms: Option<i64>,
    /// The epoch of the leader that wrote it, where told.
    pub leader_epoch: Option<i32>,
}

/// The end of a leader epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEnd {
    /// The greatest epoch that is not above the one that was asked for; -1 where there is none.
    pub leader_epoch: i32,
    /// The offset where it ends: the start of the next one, or the log end. -1 where unknown.
    pub end_offset: i64,
}

impl Admin {
    /// One offset of each partition, asked of its leader.
    pub async fn list_offsets(
        &self,
        partitions: &[TopicPartition],
        spec: OffsetSpec,
    ) -> ByPartition<ListedOffset> {
        let items = partitions.iter().map(|partition| (partition.clone(), ()));
        self.client.by_leader(&ListOffsets { spec }, items).await
    }

    /// Where leader epochs ended, asked of the present leaders (KIP-320): tells whether a log still
    /// has the history that was read from it.
    pub async fn offsets_for_leader_epochs(
        &self,
        epochs: &[(TopicPartition, i32)],
    ) -> ByPartition<EpochEnd> {
        self.client
            .by_leader(&LeaderEpochs, epochs.iter().cloned())
            .await
    }
}

struct ListOffsets {
    spec: OffsetSpec,
}

impl LeaderRequest for ListOffsets {
    type Request = ListOffsetsRequest;
    type Item = ();
    type Answer = ListedOffset;
    const REPEAT: Repeat = Repeat::Safe;

    fn request(&self, items: &ByTopic<()>) -> ListOffsetsRequest {
        let partition = |(index, ()): &(i32, ())| {
            ListOffsetsPartition::default()
                .with_partition_index(*index)
                .with_current_leader_epoch(-1)
                .with_timestamp(self.spec.timestamp())
        };
        let topics = items.iter().map(|(name, partitions)| {
            ListOffsetsTopic::default()
                .with_name(wire(name))
                .with_partitions(partitions.iter().map(partition).collect())
        });
        let replica = match self.spec {
            OffsetSpec::LogEnd => DEBUGGING_CONSUMER,
            _ => CONSUMER,
        };
        ListOffsetsRequest::default()
            .with_replica_id(replica)
            .with_isolation_level(i8::from(self.spec == OffsetSpec::LastStable))
            .with_topics(topics.collect())
    }

    fn answers(&self, response: ListOffsetsResponse) -> Vec<Told<ListedOffset>> {
        let known = |value: i64| (value >= 0).then_some(value);
        let topics = response.topics.into_iter().flat_map(|topic| {
            let name = topic.name.to_string();
            topic.partitions.into_iter().map(move |partition| Told {
                topic: name.clone(),
                partition: partition.partition_index,
                code: partition.error_code,
                message: None,
                answer: ListedOffset {
                    offset: known(partition.offset),
                    timestamp_ms: known(partition.timestamp),
                    leader_epoch: (partition.leader_epoch >= 0).then_some(partition.leader_epoch),
                },
            })
        });
        topics.collect()
    }
}

struct LeaderEpochs;

impl LeaderRequest for LeaderEpochs {
    type Request = OffsetForLeaderEpochRequest;
    type Item = i32;
    type Answer = EpochEnd;
    const REPEAT: Repeat = Repeat::Safe;

    fn request(&self, items: &ByTopic<i32>) -> OffsetForLeaderEpochRequest {
        let partition = |(index, epoch): &(i32, i32)| {
            OffsetForLeaderPartition::default()
                .with_partition(*index)
                .with_current_leader_epoch(-1)
                .with_leader_epoch(*epoch)
        };
        let topics = items.iter().map(|(name, partitions)| {
            OffsetForLeaderTopic::default()
                .with_topic(wire(name))
                .with_partitions(partitions.iter().map(partition).collect())
        });
        OffsetForLeaderEpochRequest::default()
            .with_replica_id(CONSUMER)
            .with_topics(topics.collect())
    }

    fn answers(&self, response: OffsetForLeaderEpochResponse) -> Vec<Told<EpochEnd>> {
        let topics = response.topics.into_iter().flat_map(|topic| {
            let name = topic.topic.to_string();
            topic.partitions.into_iter().map(move |partition| Told {
                topic: name.clone(),
                partition: partition.partition,
                code: partition.error_code,
                message: None,
                answer: EpochEnd {
                    leader_epoch: partition.leader_epoch,
                    end_offset: partition.end_offset,
                },
            })
        });
        topics.collect()
    }
}
