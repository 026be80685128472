//! Fetch.

use super::{Answer, ErrorCode, Log};
use bytes::Bytes;
use ferry_copy::batch::header::{Batch, BatchHeader};
use ferry_copy::batch::slices::BatchSlices;
use ferry_kafka::{KafkaError, Lane, Pending};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use uuid::Uuid;

/// What a fetch of one partition was answered with.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The error code of the whole answer.
    pub session_code: ErrorCode,
    /// The error code of the partition.
    pub code: ErrorCode,
    /// One more than the last offset that consumers may see.
    pub high_watermark: i64,
    /// Where a reader of committed records stops.
    pub last_stable: i64,
    /// Where the log starts.
    pub log_start: i64,
    /// Producer ids and first offsets of aborted transactions; none where not asked for.
    pub aborted: Option<Vec<(i64, i64)>>,
    /// The epoch and the offset up to which the asker's log and the broker's can be the same.
    pub diverging: Option<(i32, i64)>,
    /// The whole batches.
    pub batches: Vec<Batch>,
    /// Bytes of all records, those of a batch that is cut off included.
    pub bytes: usize,
}

impl Fetched {
    /// The headers of the batches, or the error code of the partition.
    pub fn headers(&self) -> Answer<Vec<BatchHeader>> {
        let headers = self.batches.iter().map(|batch| batch.header).collect();
        super::answer(self.code.0, headers)
    }

    /// Base offset and last offset of each batch.
    ///
    /// # Panics
    /// With an error code.
    #[must_use]
    pub fn spans(&self) -> Vec<(i64, i64)> {
        let headers = self.headers().expect("records are answered");
        let span = |header: &BatchHeader| (header.base_offset, header.last_offset());
        headers.iter().map(span).collect()
    }

    /// Bytes of the whole batches.
    #[must_use]
    pub fn whole_bytes(&self) -> usize {
        self.batches.iter().map(|batch| batch.bytes.len()).sum()
    }
}

/// A fetch that is described; [`Fetch::send`] sends it.
#[derive(Debug, Clone)]
pub struct Fetch<'a> {
    /// What is fetched: each with the offset to begin at.
    wanted: Vec<(&'a Log<'a>, i64)>,
    broker: Option<i32>,
    committed: bool,
    max_wait_ms: i32,
    min_bytes: i32,
    max_bytes: i32,
    partition_bytes: i32,
    leader_epoch: i32,
    last_epoch: i32,
    topic_id: Option<Uuid>,
    session: (i32, i32),
}

impl<'a> Log<'a> {
    /// Fetches from `offset` on, without waiting.
    pub async fn fetch(&self, offset: i64) -> Fetched {
        self.fetching(offset).send().await
    }

    /// A fetch that can be told more. As it is, it waits for nothing and begins no session.
    #[must_use]
    pub fn fetching(&'a self, offset: i64) -> Fetch<'a> {
        Fetch {
            wanted: vec![(self, offset)],
            broker: None,
            committed: false,
            max_wait_ms: 0,
            min_bytes: 1,
            max_bytes: 50 << 20,
            partition_bytes: 50 << 20,
            leader_epoch: -1,
            last_epoch: -1,
            topic_id: None,
            session: (0, -1),
        }
    }
}

impl<'a> Fetch<'a> {
    /// Another partition behind the first, from `offset` on.
    #[must_use]
    pub fn and(mut self, log: &'a Log<'a>, offset: i64) -> Self {
        self.wanted.push((log, offset));
        self
    }

    /// From this broker, whoever leads.
    #[must_use]
    pub fn from_broker(mut self, broker: i32) -> Self {
        self.broker = Some(broker);
        self
    }

    /// With isolation level READ_COMMITTED.
    #[must_use]
    pub fn committed(mut self) -> Self {
        self.committed = true;
        self
    }

    /// The broker may wait so long for so many bytes.
    #[must_use]
    pub fn wait(mut self, max_wait_ms: i32, min_bytes: i32) -> Self {
        (self.max_wait_ms, self.min_bytes) = (max_wait_ms, min_bytes);
        self
    }

    /// So many bytes in the whole answer.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: i32) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// So many bytes of each partition.
    #[must_use]
    pub fn partition_bytes(mut self, partition_bytes: i32) -> Self {
        self.partition_bytes = partition_bytes;
        self
    }

    /// With the epoch that the asker knows its leader by.
    #[must_use]
    pub fn leader_epoch(mut self, leader_epoch: i32) -> Self {
        self.leader_epoch = leader_epoch;
        self
    }

    /// With the epoch of the last record that the asker has.
    #[must_use]
    pub fn last_epoch(mut self, last_epoch: i32) -> Self {
        self.last_epoch = last_epoch;
        self
    }

    /// With another id of the topic than its own.
    #[must_use]
    pub fn topic_id(mut self, topic_id: Uuid) -> Self {
        self.topic_id = Some(topic_id);
        self
    }

    /// With this session and its epoch.
    #[must_use]
    pub fn session(mut self, id: i32, epoch: i32) -> Self {
        self.session = (id, epoch);
        self
    }

    /// Sends it and returns what is said of the first partition.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn send(&self) -> Fetched {
        self.send_all().await.swap_remove(0)
    }

    /// Sends it and returns what is said of each partition, in the order of the request.
    ///
    /// # Panics
    /// When nobody answers.
    pub async fn send_all(&self) -> Vec<Fetched> {
        let pending = self.queue(0).await.expect("is sent");
        self.read(&pending.await.expect("is answered"))
    }

    /// Sends it on a connection of its own, and leaves the answer to be waited for: see
    /// [`Fetch::read`].
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn queue(&self, connection: u16) -> Result<Pending<FetchResponse>, KafkaError> {
        let lane = Lane::Fetch(connection);
        let (first, _) = self.wanted[0];
        let connection = first.connection(self.broker, lane).await;
        connection.send(&self.request())
    }

    fn request(&self) -> FetchRequest {
        let topics = self.wanted.iter().map(|(log, offset)| {
            let partition = FetchPartition::default()
                .with_partition(log.index())
                .with_fetch_offset(*offset)
                .with_current_leader_epoch(self.leader_epoch)
                .with_last_fetched_epoch(self.last_epoch)
                .with_log_start_offset(-1)
                .with_partition_max_bytes(self.partition_bytes);
            FetchTopic::default()
                .with_topic(log.topic())
                .with_topic_id(self.topic_id.unwrap_or(log.topic_id))
                .with_partitions(vec![partition])
        });
        FetchRequest::default()
            .with_replica_id((-1).into())
            .with_isolation_level(i8::from(self.committed))
            .with_max_wait_ms(self.max_wait_ms)
            .with_min_bytes(self.min_bytes)
            .with_max_bytes(self.max_bytes)
            .with_session_id(self.session.0)
            .with_session_epoch(self.session.1)
            .with_topics(topics.collect())
    }

    /// What the answer says of each partition, in the order of the request.
    ///
    /// # Panics
    /// When it names other partitions, or batches that are not sound.
    #[must_use]
    pub fn read(&self, response: &FetchResponse) -> Vec<Fetched> {
        let session_code = ErrorCode(response.error_code);
        if session_code != ErrorCode::NONE {
            return vec![Fetched::nothing(session_code)];
        }
        let told = response.responses.iter().flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(move |partition| ((&topic.topic, topic.topic_id), partition))
        });
        let told: Vec<_> = told.collect();
        let of = |log: &Log<'_>| {
            let id = self.topic_id.unwrap_or(log.topic_id);
            let found = told.iter().find(|((name, topic_id), partition)| {
                let same = **name == log.topic() || (name.0.is_empty() && *topic_id == id);
                same && partition.partition_index == log.index()
            });
            let (_, data) = found.expect("each partition that was asked for is answered");
            let records = data.records.clone().unwrap_or_default();
            let bytes = records.len();
            Fetched {
                session_code,
                code: ErrorCode(data.error_code),
                high_watermark: data.high_watermark,
                last_stable: data.last_stable_offset,
                log_start: data.log_start_offset,
                aborted: data.aborted_transactions.as_ref().map(|aborted| {
                    let pairs = aborted.iter();
                    pairs
                        .map(|one| (one.producer_id.0, one.first_offset))
                        .collect()
                }),
                diverging: (data.diverging_epoch.end_offset >= 0)
                    .then_some((data.diverging_epoch.epoch, data.diverging_epoch.end_offset)),
                batches: whole(records),
                bytes,
            }
        };
        self.wanted.iter().map(|(log, _)| of(log)).collect()
    }
}

impl Fetched {
    fn nothing(session_code: ErrorCode) -> Self {
        Self {
            session_code,
            code: ErrorCode::NONE,
            high_watermark: -1,
            last_stable: -1,
            log_start: -1,
            aborted: None,
            diverging: None,
            batches: Vec::new(),
            bytes: 0,
        }
    }
}

/// The batches that are whole. One that is cut off at the end is left out, also where it is the only
/// one.
fn whole(records: Bytes) -> Vec<Batch> {
    let mut batches = Vec::new();
    for batch in BatchSlices::new(records) {
        match batch {
            Ok(batch) => batches.push(batch),
            Err(ferry_copy::batch::error::BatchError::CutOff { .. }) => break,
            Err(error) => panic!("a batch that is not sound: {error}"),
        }
    }
    batches
}
