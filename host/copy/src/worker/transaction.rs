//! Transactions of the target: records that get new offsets, and the progress that accounts for
//! them, together or not at all.
//!
//! One transaction at a time. Whatever goes wrong inside of one, the way out is the same: the
//! producer is initialised again, which ends the transaction one way or the other, and where a
//! commit had been asked for, the progress topic says which.

mod voids;

use super::CopyError;
use super::cluster;
use super::event::{Index, TransactionEnd};
use super::predicted::PredictedEnds;
use super::produce::{by_partition, produce_request, refused_for_good, split, timeout_ms};
use super::sending::{Failure, Outgoing, produce_all};
use crate::batch::rewrite::Producer;
use crate::halt::Halt;
use crate::lease::{Lease, LeaseRecord};
use crate::partition::translated::Taken;
use crate::progress::{
    PartitionProgress, ProgressRecord, ProgressTable, progress_batch, runs_of, worker_key,
};
use crate::progress_reader::read_progress;
use ferry_kafka::client::Client;
use ferry_kafka::coordinator::CoordinatorKind;
use ferry_kafka::error_code::ErrorCode;
use ferry_kafka::pool::Lane;
use ferry_kafka::produce_batches::SplitBatch;
use ferry_kafka::task;
use ferry_model::name::{TopicName, TopicPartition};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, EndTxnRequest, ProducerId, TopicName as WireTopic, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::time::Instant;
pub(crate) use voids::VoidPortion;

/// How long a transaction may stay open before the coordinator aborts it.
pub(crate) const TRANSACTION_TIMEOUT_MS: i32 = 60_000;
/// How long it is tried to find out how a transaction ended.
const RECOVERY_LIMIT: Duration = Duration::from_secs(180);
/// How long the coordinator is asked again while it completes the transaction before.
const COORDINATOR_LIMIT: Duration = Duration::from_secs(30);
/// Bytes of progress records in one batch.
const PROGRESS_BATCH_BYTES: usize = 256 * 1024;
/// Transactions in a row that may end because another producer took over; the coordinator does the
/// same to one that it lost patience with.
const FENCED_MAX: u32 = 3;

/// What a transaction holds of one partition.
#[derive(Debug)]
pub(crate) struct Portion {
    pub(crate) index: Index,
    pub(crate) partition: TopicPartition,
    pub(crate) taken: Taken,
    pub(crate) progress: PartitionProgress,
}

impl Portion {
    fn touched(&self) -> Touched {
        let first = self.taken.appends.first();
        Touched {
            partition: self.partition.clone(),
            copied: Some((
                self.index,
                first.map_or(0, crate::append::Append::source_first),
            )),
        }
    }
}

/// A partition that a transaction writes to.
#[derive(Debug, Clone)]
struct Touched {
    partition: TopicPartition,
    /// Which partition of the job it is, and the offset at the source, unless it keeps progress.
    copied: Option<(Index, i64)>,
}

/// What one transaction writes down besides records.
struct Written {
    next: Vec<(Index, PartitionProgress)>,
    records: Vec<ProgressRecord>,
}

/// The producer that translated partitions are written with.
#[derive(Debug)]
pub(crate) struct TransactionalProducer {
    target: Client,
    id: String,
    progress: TopicPartition,
    producer: Option<Producer>,
    sequences: HashMap<TopicPartition, i32>,
    /// Where the next batch of each partition has to be appended, as long as nobody else writes.
    ends: PredictedEnds,
    fenced: u32,
    /// The lease on this slot, once it is taken: every transaction that comes to its end renews it.
    lease: Option<Lease>,
}

/// Why something was not written in a transaction of its own.
#[derive(Debug)]
pub(crate) enum BeginFailure {
    /// It may be written again.
    Again(String),
    /// The worker can't go on.
    Final(Box<CopyError>),
}

impl BeginFailure {
    /// The same where it is not tried again.
    pub(crate) fn into_error(self) -> CopyError {
        match self {
            Self::Again(reason) => CopyError::NotWritten { reason },
            Self::Final(error) => *error,
        }
    }
}

impl TransactionalProducer {
    pub(crate) fn new(target: Client, id: String, progress_topic: TopicName) -> Self {
        Self {
            target,
            id,
            progress: TopicPartition::new(progress_topic, 0),
            producer: None,
            sequences: HashMap::new(),
            ends: PredictedEnds::default(),
            fenced: 0,
            lease: None,
        }
    }

    /// From now on the slot is held with `lease`.
    pub(crate) fn hold(&mut self, lease: Lease) {
        self.lease = Some(lease);
    }

    fn renew(&self, began_ms: i64) {
        if let Some(lease) = &self.lease {
            lease.renew(began_ms);
        }
    }

    /// Takes the transactional id again after something went wrong. Where the slot is held with a
    /// lease, it must still be the one on record: else somebody else has the slot.
    async fn initialise_again(&mut self) -> Result<Producer, Failure> {
        let unknown = |error: CopyError| Failure::Unknown(error.to_string());
        let producer = self.initialise().await.map_err(unknown)?;
        let Some(generation) = self.lease.as_ref().map(|lease| lease.generation) else {
            return Ok(producer);
        };
        let key = worker_key(
            self.lease.as_ref().map_or(0, |lease| lease.slot.number),
            "lease",
        );
        let read = async {
            let table = self.read_progress().await.map_err(unknown)?;
            let found = table.read::<LeaseRecord>(&key);
            found.map_err(|error| Failure::Unknown(error.to_string()))
        };
        match read.await {
            Ok(Some(found)) if found.generation == generation => Ok(producer),
            Ok(found) => {
                self.producer = None;
                let sealed = found.filter(|found| found.sealed);
                Err(Failure::TakenOver(sealed.map(|found| found.holder)))
            }
            Err(failure) => {
                self.producer = None;
                Err(failure)
            }
        }
    }

    /// Takes the transactional id over: whatever an earlier worker had open is ended first.
    ///
    /// # Errors
    /// What the coordinator says.
    pub(crate) async fn initialise(&mut self) -> Result<Producer, CopyError> {
        let initialised = cluster::transactional_producer(&self.target, &self.id).await;
        let producer = initialised.map_err(|source| CopyError::Kafka {
            what: format!("transactional id {} can't be taken over", self.id),
            source: Box::new(source),
        })?;
        self.sequences.clear();
        self.ends.forget();
        self.producer = Some(producer);
        Ok(producer)
    }

    /// The progress of every translated partition, as committed.
    ///
    /// # Errors
    /// [`CopyError`] when the topic can't be read.
    pub(crate) async fn read_progress(&self) -> Result<ProgressTable, CopyError> {
        read_progress(&self.target, &self.progress).await
    }

    /// Writes what `portions` hold, and their progress, in one transaction.
    pub(crate) async fn run(&mut self, portions: Vec<Portion>) -> TransactionEnd {
        let mut commit_asked = false;
        let began_ms = task::since_boot_ms();
        let failure = match self.attempt(&portions, &mut commit_asked).await {
            Ok(end) => {
                self.renew(began_ms);
                self.fenced = 0;
                return end;
            }
            Err(failure) => failure,
        };
        self.recover(portions, failure, commit_asked).await
    }

    /// Writes records of progress in a transaction of their own.
    ///
    /// # Errors
    /// [`BeginFailure`].
    pub(crate) async fn begin(&mut self, records: Vec<ProgressRecord>) -> Result<(), BeginFailure> {
        let began_ms = task::since_boot_ms();
        let mut commit_asked = false;
        let begun = async {
            let producer = self.open(&[self.touched_progress()]).await?;
            self.finish(producer, &records, &mut commit_asked).await
        };
        let begun = begun.await;
        self.begun(began_ms, begun)
    }

    /// The same, but only as `producer`: the transactional id is not taken again before.
    ///
    /// # Errors
    /// [`BeginFailure`].
    pub(crate) async fn begin_with(
        &mut self,
        producer: Producer,
        records: Vec<ProgressRecord>,
    ) -> Result<(), BeginFailure> {
        self.producer = Some(producer);
        self.begin(records).await
    }

    fn begun(&mut self, began_ms: i64, begun: Result<(), Failure>) -> Result<(), BeginFailure> {
        match begun {
            Ok(()) => {
                self.renew(began_ms);
                self.fenced = 0;
                Ok(())
            }
            // Written or not, it can be written again: it says the same.
            Err(failure) => match self.note_failure(&failure) {
                Ok(()) => Err(BeginFailure::Again(failure.to_string())),
                Err(error) => Err(BeginFailure::Final(Box::new(error))),
            },
        }
    }

    async fn attempt(
        &mut self,
        portions: &[Portion],
        commit_asked: &mut bool,
    ) -> Result<TransactionEnd, Failure> {
        let mut touched = vec![self.touched_progress()];
        let written = portions.iter().filter(|p| !p.taken.appends.is_empty());
        touched.extend(written.map(Portion::touched));
        let producer = self.open(&touched).await?;
        self.ends.read(&self.target, portions).await?;
        let outgoing = portions
            .iter()
            .map(|portion| Outgoing {
                index: portion.index,
                partition: portion.partition.clone(),
                appends: &portion.taken.appends,
            })
            .collect();
        let bases = produce_all(
            &self.target,
            &self.id,
            producer,
            &mut self.sequences,
            outgoing,
        )
        .await?;
        self.ends.check(portions, &bases)?;
        let written = account(portions, &bases);
        self.finish(producer, &written.records, commit_asked)
            .await?;
        self.ends.committed(portions, &bases);
        let appends = portions.iter().flat_map(|portion| &portion.taken.appends);
        let (records, bytes) = appends.fold((0, 0), |(records, bytes), append| {
            (
                records + append.records(),
                bytes + append.bytes.len() as u64,
            )
        });
        Ok(TransactionEnd::Committed {
            progress: written.next,
            records,
            bytes,
        })
    }

    fn touched_progress(&self) -> Touched {
        Touched {
            partition: self.progress.clone(),
            copied: None,
        }
    }

    /// Opens the transaction: the coordinator is told which partitions it will touch.
    async fn open(&mut self, touched: &[Touched]) -> Result<Producer, Failure> {
        let producer = match self.producer {
            Some(producer) => producer,
            None => self.initialise_again().await?,
        };
        let mut topics: BTreeMap<&TopicName, Vec<i32>> = BTreeMap::new();
        for Touched { partition, .. } in touched {
            topics
                .entry(&partition.topic)
                .or_default()
                .push(partition.partition);
        }
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(transactional_id(&self.id))
            .with_v3_and_below_producer_id(ProducerId(producer.id))
            .with_v3_and_below_producer_epoch(producer.epoch)
            .with_v3_and_below_topics(
                topics
                    .into_iter()
                    .map(|(name, partitions)| {
                        let name = WireTopic(StrBytes::from_string(name.as_str().to_owned()));
                        AddPartitionsToTxnTopic::default()
                            .with_name(name)
                            .with_partitions(partitions)
                    })
                    .collect(),
            );
        let since = Instant::now();
        loop {
            match self.add_partitions(&request, touched).await {
                Err(Failure::Unknown(_)) if since.elapsed() < COORDINATOR_LIMIT => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(failure) => return Err(failure),
                Ok(()) => return Ok(producer),
            }
        }
    }

    async fn add_partitions(
        &self,
        request: &AddPartitionsToTxnRequest,
        touched: &[Touched],
    ) -> Result<(), Failure> {
        let unknown = |error: ferry_kafka::error::KafkaError| Failure::Unknown(error.to_string());
        let kind = CoordinatorKind::Transaction;
        let broker = self
            .target
            .coordinator(&self.id, kind)
            .await
            .map_err(unknown)?;
        let connection = self
            .target
            .connection(broker, Lane::Admin)
            .await
            .map_err(unknown)?;
        let response = connection.call(request).await.map_err(unknown)?;
        for topic in response.results_by_topic_v3_and_below {
            for partition in topic.results_by_partition {
                let code = ErrorCode(partition.partition_error_code);
                if code.ok() || code == OPERATION_NOT_ATTEMPTED {
                    continue;
                }
                self.note_coordinator_error(code);
                let name = (topic.name.0.to_string(), partition.partition_index);
                let refused = touched.iter().find(|touched| {
                    touched.partition.topic.as_str() == name.0
                        && touched.partition.partition == name.1
                });
                return Err(failure_of(code, refused.and_then(|touched| touched.copied)));
            }
        }
        Ok(())
    }

    fn note_coordinator_error(&self, code: ErrorCode) {
        if matches!(
            code,
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE
        ) {
            self.target
                .forget_coordinator(&self.id, CoordinatorKind::Transaction);
        }
    }

    /// Writes the progress and commits.
    async fn finish(
        &mut self,
        producer: Producer,
        records: &[ProgressRecord],
        commit_asked: &mut bool,
    ) -> Result<(), Failure> {
        let mut rest = records;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = rest
                .iter()
                .take_while(|record| {
                    bytes += record.key.len() + record.value.as_ref().map_or(0, String::len);
                    bytes <= PROGRESS_BATCH_BYTES
                })
                .count()
                .max(1);
            let (now, later) = rest.split_at(fits);
            self.write_progress(producer, now).await?;
            rest = later;
        }
        *commit_asked = true;
        self.end(producer, true).await
    }

    async fn write_progress(
        &mut self,
        producer: Producer,
        records: &[ProgressRecord],
    ) -> Result<(), Failure> {
        let batch = progress_batch(records, ferry_kafka::task::now_ms())
            .map_err(|error| Failure::Unknown(format!("progress can't be encoded: {error}")))?;
        let sequence = self.sequences.entry(self.progress.clone()).or_insert(0);
        let split = split(&batch.bytes, &batch.header, producer, *sequence);
        *sequence = crate::batch::rewrite::sequence_at(
            i64::from(*sequence) + i64::from(batch.header.records_count),
        );
        self.produce_progress(split).await
    }

    async fn produce_progress(&self, batch: SplitBatch) -> Result<(), Failure> {
        let unknown = |error: ferry_kafka::error::KafkaError| Failure::Unknown(error.to_string());
        if self.target.leader(&self.progress).is_none() {
            cluster::refresh(&self.target, vec![self.progress.topic.clone()]).await;
        }
        let leader = self
            .target
            .leader(&self.progress)
            .ok_or_else(|| Failure::Unknown(format!("{} has no leader", self.progress)))?;
        let connection = self
            .target
            .connection(leader.broker, Lane::Produce(1))
            .await
            .map_err(unknown)?;
        let batches = vec![(self.progress.clone(), batch)];
        let request = produce_request(batches, Some(&self.id), timeout_ms(&self.target));
        let answers = by_partition(connection.call(&request).await.map_err(unknown)?);
        let code = answers
            .values()
            .next()
            .map_or(0, |partition| partition.error_code);
        match ErrorCode(code) {
            code if code.ok() => Ok(()),
            code => {
                self.target.forget_leader(&self.progress);
                Err(failure_of(code, None))
            }
        }
    }

    async fn end(&self, producer: Producer, committed: bool) -> Result<(), Failure> {
        let unknown = |error: ferry_kafka::error::KafkaError| Failure::Unknown(error.to_string());
        let request = EndTxnRequest::default()
            .with_transactional_id(transactional_id(&self.id))
            .with_producer_id(ProducerId(producer.id))
            .with_producer_epoch(producer.epoch)
            .with_committed(committed);
        let since = Instant::now();
        loop {
            let kind = CoordinatorKind::Transaction;
            let broker = self
                .target
                .coordinator(&self.id, kind)
                .await
                .map_err(unknown)?;
            let connection = self
                .target
                .connection(broker, Lane::Admin)
                .await
                .map_err(unknown)?;
            let response = connection.call(&request).await.map_err(unknown)?;
            let code = ErrorCode(response.error_code);
            if code.ok() {
                return Ok(());
            }
            self.note_coordinator_error(code);
            let again = matches!(
                code,
                ErrorCode::CONCURRENT_TRANSACTIONS
                    | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
                    | ErrorCode::COORDINATOR_NOT_AVAILABLE
                    | ErrorCode::NOT_COORDINATOR
            );
            if !again || since.elapsed() > COORDINATOR_LIMIT {
                return Err(failure_of(code, None));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether it may be tried again to end a transaction, after `failure` in the attempts since
    /// `since`.
    fn not_ended(&mut self, failure: &Failure, since: Instant) -> Result<(), CopyError> {
        self.note_failure(failure)?;
        let reason = failure.to_string();
        if since.elapsed() > RECOVERY_LIMIT {
            return Err(CopyError::NotWritten { reason });
        }
        tracing::warn!(reason, "how a transaction ended is not known yet");
        Ok(())
    }

    /// Before anything else the producer is initialised again. Where it was taken over several times
    /// in a row, somebody else is at work.
    fn note_failure(&mut self, failure: &Failure) -> Result<(), CopyError> {
        self.producer = None;
        self.fenced += u32::from(matches!(failure, Failure::Fenced));
        if let Failure::TakenOver(Some(by)) = failure {
            return Err(CopyError::Sealed { by: by.clone() });
        }
        if self.fenced >= FENCED_MAX || matches!(failure, Failure::TakenOver(_)) {
            let transactional_id = self.id.clone();
            return Err(CopyError::Fenced { transactional_id });
        }
        Ok(())
    }

    /// Ends a transaction that went wrong, and finds out how.
    async fn recover(
        &mut self,
        portions: Vec<Portion>,
        failure: Failure,
        commit_asked: bool,
    ) -> TransactionEnd {
        let reason = failure.to_string();
        if let Err(error) = self.note_failure(&failure) {
            return TransactionEnd::Failed(error);
        }
        let since = Instant::now();
        let table = loop {
            let ended = match self.initialise_again().await {
                Ok(_) if commit_asked => self
                    .read_progress()
                    .await
                    .map(Some)
                    .map_err(|error| Failure::Unknown(error.to_string())),
                Ok(_) => Ok(None),
                Err(failure) => Err(failure),
            };
            match ended {
                Ok(table) => break table,
                Err(failure) => match self.not_ended(&failure, since) {
                    Ok(()) => tokio::time::sleep(Duration::from_secs(1)).await,
                    Err(error) => return TransactionEnd::Failed(error),
                },
            }
        };
        if let Some(table) = table {
            match committed(&portions, &table) {
                Ok(Some(end)) => return end,
                Ok(None) => {}
                Err(source) => {
                    let topic = self.progress.topic.to_string();
                    return TransactionEnd::Failed(CopyError::Progress { topic, source });
                }
            }
        }
        let partitions = portions.iter().map(|portion| portion.index).collect();
        let halts = match failure {
            Failure::Refused(index, halt) => vec![(index, halt)],
            _ => Vec::new(),
        };
        TransactionEnd::Aborted {
            partitions,
            halts,
            reason,
        }
    }
}

/// Whether the transaction that held `portions` was committed after all: one transaction, so that
/// one partition speaks for all.
fn committed(
    portions: &[Portion],
    table: &ProgressTable,
) -> Result<Option<TransactionEnd>, crate::progress::ProgressError> {
    let mut progress = Vec::with_capacity(portions.len());
    for portion in portions {
        match table.partition(&portion.partition)? {
            Some((found, _)) if found.position() == portion.taken.position => {
                progress.push((portion.index, found));
            }
            _ => return Ok(None),
        }
    }
    let appends = portions.iter().flat_map(|portion| &portion.taken.appends);
    let (records, bytes) = appends.fold((0, 0), |(records, bytes), append| {
        (
            records + append.records(),
            bytes + append.bytes.len() as u64,
        )
    });
    Ok(Some(TransactionEnd::Committed {
        progress,
        records,
        bytes,
    }))
}

/// The progress after `portions` were appended at `bases`.
fn account(portions: &[Portion], bases: &HashMap<Index, Vec<i64>>) -> Written {
    let mut written = Written {
        next: Vec::new(),
        records: Vec::new(),
    };
    for portion in portions {
        let bases = bases.get(&portion.index).map_or(&[][..], Vec::as_slice);
        let appended: Vec<_> = portion
            .taken
            .appends
            .iter()
            .zip(bases)
            .map(|(append, base)| (append.runs.as_slice(), *base))
            .collect();
        let runs = runs_of(&appended);
        let (next, mut records) = portion.progress.advanced(&runs, portion.taken.position);
        written.records.append(&mut records);
        written.next.push((portion.index, next));
    }
    written
}

/// A partition that was listed beside one with an error (Apache Kafka, `Errors`, code 55).
const OPERATION_NOT_ATTEMPTED: ErrorCode = ErrorCode(55);

/// What `code` means for the transaction; `copied` is the partition that it was answered for, and
/// the offset at the source.
pub(crate) fn failure_of(code: ErrorCode, copied: Option<(Index, i64)>) -> Failure {
    if matches!(
        code,
        ErrorCode::PRODUCER_FENCED | ErrorCode::INVALID_PRODUCER_EPOCH
    ) {
        return Failure::Fenced;
    }
    match copied {
        Some((index, offset)) if refused_for_good(code) => Failure::Refused(
            index,
            Halt::Refused {
                side: "target".into(),
                error: code.to_string(),
                offset,
            },
        ),
        _ => Failure::Unknown(code.to_string()),
    }
}

fn transactional_id(id: &str) -> TransactionalId {
    TransactionalId(StrBytes::from_string(id.to_owned()))
}
