//! Two real clusters and the few things that the tests of the copy do with them.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by several tests, of which none uses everything"
)]

use bytes::{Bytes, BytesMut};
use ferry_copy::batch::codec::Codec;
use ferry_copy::batch::encode::BatchBuilder;
use ferry_copy::batch::records::Contents;
use ferry_copy::batch::rewrite::{Producer, append_rewritten};
use ferry_copy::controls::Controls;
use ferry_copy::job::{
    CopyJob, CopyProgress, CopyReport, CopySettings, OffsetMode, PartitionJob, Until,
};
use ferry_copy::lease::{Holder, LeaseSettings, Slot};
use ferry_copy::partition::exact::Budget;
use ferry_copy::progress_reader::read_progress;
use ferry_copy::verify::comparison::Mapping;
use ferry_copy::verify::{PartitionToVerify, PartitionVerdict, verify};
use ferry_copy::worker;
use ferry_kafka::admin::configs::{ConfigChange, ConfigResource};
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_kafka::admin::topics::{Mode, NewTopic};
use ferry_kafka::{Client, ClientSettings, ErrorCode, Lane};
use ferry_model::identity::Side;
use ferry_model::name::{TopicName, TopicPartition};
use ferry_testbed::{Cluster, KafkaVersion, Listener};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName as WireTopic};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The key of fillers, which no record of these tests has.
pub const FILLER: &[u8] = b"ferry-filler";
/// Milliseconds of 2021-01-01: far more than 30 days ago, so that brokers forget the producer.
pub const LONG_AGO_MS: i64 = 1_609_459_200_000;

/// A lease of this process, which is the only one.
pub fn lease() -> LeaseSettings {
    LeaseSettings {
        holder: Holder::default(),
        duration: Duration::from_secs(20),
        request_timeout: Duration::from_secs(5),
        gone: |_| true,
    }
}

/// An older source and the newest target.
pub struct Bed {
    pub source: Client,
    pub target: Client,
    pub source_cluster: Cluster,
    pub target_cluster: Cluster,
    pub folder: tempfile::TempDir,
}

impl Bed {
    pub async fn start(name: &str) -> Self {
        let cluster = |side: &str, version| {
            Cluster::builder(version)
                .name(format!("{name}-{side}"))
                .listener(Listener::Plaintext)
                .property("producer.id.expiration.check.interval.ms", "1000")
                .property("log.cleaner.backoff.ms", "500")
                .start()
        };
        let (source, target) = tokio::join!(
            cluster("source", KafkaVersion::V3_9),
            cluster("target", KafkaVersion::V4_3)
        );
        let (source_cluster, target_cluster) = (source.expect("starts"), target.expect("starts"));
        let bed = Self {
            source: connect(&source_cluster, Side::Source).await,
            target: connect(&target_cluster, Side::Target).await,
            source_cluster,
            target_cluster,
            folder: tempfile::tempdir().expect("a folder"),
        };
        bed.create(
            &bed.target,
            "ferry-progress",
            1,
            &[("cleanup.policy", "compact")],
        )
        .await;
        bed
    }

    pub async fn create(
        &self,
        client: &Client,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) {
        let topic = NewTopic {
            name: topic(name),
            partitions,
            replication_factor: 1,
            configs: configs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        };
        let created = client
            .admin()
            .create_topics(&[topic], Mode::Apply)
            .await
            .expect("answers");
        for (name, result) in created {
            result.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        client.refresh(&[self::topic(name)]).await.expect("answers");
    }

    /// Sets `key` of topic `name` at the target to `value`.
    pub async fn set(&self, name: &str, key: &str, value: &str) {
        let change = ConfigChange::Set {
            name: key.to_owned(),
            value: value.to_owned(),
        };
        let changes = [(ConfigResource::Topic(topic(name)), vec![change])].into();
        let admin = self.target.admin();
        for (resource, result) in admin.alter_configs(&changes, Mode::Apply).await {
            result.unwrap_or_else(|error| panic!("{resource:?}: {error}"));
        }
    }

    /// Creates `name` on both sides, at the target with the settings for the copy.
    pub async fn create_pair(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        self.create(&self.source, name, partitions, configs).await;
        let mut target = configs.to_vec();
        target.retain(|(key, _)| *key != "message.timestamp.type");
        target.push(("retention.ms", "-1"));
        target.push(("compression.type", "producer"));
        self.create(&self.target, name, partitions, &target).await;
    }

    pub fn job(&self, partitions: Vec<PartitionJob>) -> CopyJob {
        CopyJob {
            source: self.source.clone(),
            target: self.target.clone(),
            partitions,
            settings: CopySettings {
                memory_bytes: 64 << 20,
                controls: Controls::default().unchanging(),
                rack: None,
                settling: Duration::from_millis(500),
                slot: Slot::ONLY,
                lease: lease(),
                transactional_id: "ferry-test-0".into(),
                progress_topic: topic("ferry-progress"),
            },
            until: Until::CaughtUp,
        }
    }

    pub fn partition(&self, name: &str, partition: i32, mode: OffsetMode) -> PartitionJob {
        let place = TopicPartition::new(topic(name), partition);
        PartitionJob {
            source_topic_id: self.source.topic_id(&place.topic),
            target_topic_id: self.target.topic_id(&place.topic),
            source: place.clone(),
            target: place,
            group: "other".to_owned(),
            mode,
            budget: Budget::UNLIMITED,
            filler: None,
            tiered: false,
            batch_bytes_max: 1_048_588,
        }
    }

    pub async fn copy(&self, job: CopyJob) -> CopyReport {
        let (progress, _) = watch::channel(CopyProgress::default());
        let (_keep, cancel) = watch::channel(false);
        tokio::time::timeout(Duration::from_secs(120), worker::run(job, progress, cancel))
            .await
            .expect("ends in time")
            .expect("runs")
    }

    /// Compares both sides, with the maps that the progress topic holds.
    pub async fn verdicts(&self, report: &CopyReport, compacted: bool) -> Vec<PartitionVerdict> {
        let progress = TopicPartition::new(topic("ferry-progress"), 0);
        let table = read_progress(&self.target, &progress).await.expect("reads");
        let partitions = report
            .outcomes
            .iter()
            .map(|outcome| {
                let map = table.partition(&outcome.target).expect("is sound");
                PartitionToVerify {
                    expires: false,
                    source: outcome.source.clone(),
                    target: outcome.target.clone(),
                    mapping: map.map_or(Mapping::Same, |(_, map)| Mapping::Map(map)),
                    compacted,
                    filler: Some(FILLER.into()),
                    copied_to: outcome.copied_to,
                }
            })
            .collect();
        let (progress, _) = watch::channel(Default::default());
        verify(&self.source, &self.target, partitions, progress).await
    }

    pub async fn offset(&self, client: &Client, place: &TopicPartition, spec: OffsetSpec) -> i64 {
        let mut listed = client
            .admin()
            .list_offsets(std::slice::from_ref(place), spec)
            .await;
        listed
            .remove(place)
            .expect("asked")
            .expect("answers")
            .offset
            .expect("is there")
    }
}

pub async fn connect(cluster: &Cluster, side: Side) -> Client {
    let properties = cluster.client_properties(Listener::Plaintext, "");
    let settings = ClientSettings::from_properties(&properties).expect("settings");
    Client::connect(settings, side).await.expect("connects")
}

pub fn topic(name: &str) -> TopicName {
    TopicName::parse(name).expect("legal")
}

/// A batch to produce.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    pub records: usize,
    pub value_bytes: usize,
    pub timestamp_ms: i64,
    pub codec: Codec,
    /// Keys are taken from so many.
    pub keys: usize,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            records: 10,
            value_bytes: 100,
            timestamp_ms: LONG_AGO_MS,
            codec: Codec::None,
            keys: usize::MAX,
        }
    }
}

/// Produces batches at one partition, as a plain producer or within a transaction.
pub struct Writer<'a> {
    client: &'a Client,
    place: TopicPartition,
    made: usize,
    transaction: Option<(String, Producer, i32)>,
}

impl<'a> Writer<'a> {
    pub async fn new(client: &'a Client, name: &str, partition: i32) -> Self {
        client.refresh(&[topic(name)]).await.expect("answers");
        let place = TopicPartition::new(topic(name), partition);
        Self {
            client,
            place,
            made: 0,
            transaction: None,
        }
    }

    pub async fn transactional(client: &'a Client, name: &str, partition: i32, id: &str) -> Self {
        let given = client
            .admin()
            .init_transactional_id(id, 60_000)
            .await
            .expect("answers");
        let mut writer = Self::new(client, name, partition).await;
        let producer = Producer {
            id: given.id,
            epoch: given.epoch,
            transactional: true,
        };
        writer.transaction = Some((id.to_owned(), producer, 0));
        writer
    }

    pub async fn begin(&mut self) {
        let (id, producer, _) = self.transaction.as_ref().expect("transactional");
        let producer = ferry_kafka::admin::transactions::Producer {
            id: producer.id,
            epoch: producer.epoch,
        };
        self.client
            .admin()
            .add_partitions_to_transaction(id, producer, std::slice::from_ref(&self.place))
            .await
            .expect("added");
    }

    pub async fn end(&mut self, commit: bool) {
        use ferry_kafka::admin::transactions::Outcome;
        let (id, producer, _) = self.transaction.as_ref().expect("transactional");
        let producer = ferry_kafka::admin::transactions::Producer {
            id: producer.id,
            epoch: producer.epoch,
        };
        let outcome = if commit {
            Outcome::Commit
        } else {
            Outcome::Abort
        };
        self.client
            .admin()
            .end_transaction(id, producer, outcome)
            .await
            .expect("ends");
    }

    /// Produces one batch and returns its base offset.
    pub async fn write(&mut self, made: Made) -> i64 {
        let mut builder = BatchBuilder::default();
        for record in 0..made.records {
            let number = self.made + record;
            let key = format!("key-{}", number % made.keys);
            let value = vec![b'a' + (number % 26) as u8; made.value_bytes];
            let contents = Contents {
                key: (number % 7 != 3 || made.keys != usize::MAX).then_some(key.as_bytes()),
                value: (number % 11 != 5).then_some(&value),
                headers: vec![(b"trace", Some(b"1")), (b"trace", None)],
            };
            builder.push_contents(made.timestamp_ms + number as i64, &contents);
        }
        self.made += made.records;
        let batch = builder.finish(made.codec).expect("encodes");
        let (producer, sequence) = match &mut self.transaction {
            Some((_, producer, sequence)) => {
                let base = *sequence;
                *sequence += made.records as i32;
                (*producer, base)
            }
            None => (
                Producer {
                    id: -1,
                    epoch: -1,
                    transactional: false,
                },
                -1,
            ),
        };
        let mut out = BytesMut::new();
        append_rewritten(&mut out, &batch.bytes, &batch.header, producer, sequence);
        self.produce(out.freeze()).await
    }

    /// Appends `batch`, as soon as the leader knows that it is one.
    async fn produce(&self, batch: Bytes) -> i64 {
        let limit = Instant::now() + Duration::from_secs(30);
        loop {
            match self.try_produce(batch.clone()).await {
                Ok(base_offset) => return base_offset,
                Err(ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
                    if Instant::now() < limit =>
                {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    let topics = std::slice::from_ref(&self.place.topic);
                    self.client.refresh(topics).await.expect("answers");
                }
                Err(code) => panic!("{}: {code}", self.place),
            }
        }
    }

    async fn try_produce(&self, batch: Bytes) -> Result<i64, ErrorCode> {
        let leader = self.client.leader(&self.place).expect("has a leader");
        let connection = self
            .client
            .connection(leader.broker, Lane::Produce(7))
            .await
            .expect("connects");
        let name = WireTopic(StrBytes::from_string(self.place.topic.to_string()));
        let data = TopicProduceData::default()
            .with_name(name)
            .with_partition_data(vec![
                PartitionProduceData::default()
                    .with_index(self.place.partition)
                    .with_records(Some(batch)),
            ]);
        let id = self
            .transaction
            .as_ref()
            .map(|(id, ..)| StrBytes::from_string(id.clone()).into());
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(10_000)
            .with_transactional_id(id)
            .with_topic_data(vec![data]);
        let response = connection.call(&request).await.expect("answers");
        let partition = &response.responses[0].partition_responses[0];
        match ErrorCode(partition.error_code) {
            code if code.ok() => Ok(partition.base_offset),
            code => Err(code),
        }
    }
}

/// Panics with everything that differs.
pub fn assert_equal(verdicts: &[PartitionVerdict]) {
    let mut wrong = BTreeMap::new();
    for verdict in verdicts.iter().filter(|verdict| !verdict.agrees()) {
        wrong.insert(verdict.source.to_string(), format!("{verdict:#?}"));
    }
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.into_values().collect::<Vec<_>>().join("\n")
    );
}
