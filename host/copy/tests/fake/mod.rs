//! Two clusters of fake brokers under a clock that stands still unless everybody waits, behind wires
//! of a certain width: how long something takes is virtual time, the same on every machine.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "shared by several tests, of which none uses everything"
)]

use bytes::Bytes;
use ferry_copy::batch::codec::Codec;
use ferry_copy::batch::encode::BatchBuilder;
use ferry_copy::batch::records::Contents;
use ferry_copy::controls::Controls;
use ferry_copy::job::{
    CopyJob, CopyProgress, CopyReport, CopySettings, GroupProgress, OffsetMode, PartitionJob, Until,
};
use ferry_copy::lease::{Holder, LeaseSettings, Slot};
use ferry_copy::partition::exact::Budget;
use ferry_copy::worker::{self, CopyError};
use ferry_fake_kafka::{Door, FIRST_PORT, FakeKafka, Options, TopicOptions};
use ferry_kafka::network::{Connecting, Network, Stream};
use ferry_kafka::settings::Address;
use ferry_kafka::{Client, ClientSettings};
use ferry_model::identity::{Side, TopicId};
use ferry_model::name::{TopicName, TopicPartition};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// When every test begins: 2026-09-01, 00:00 UTC.
pub const NOW_MS: i64 = 1_788_220_800_000;
/// A copy that takes longer than this, by its own clock, hangs.
const LIMIT: Duration = Duration::from_secs(3_600);
const PROGRESS_TOPIC: &str = "ferry-progress";

/// Runs `work` on one thread, with a clock that stands still unless everybody waits.
pub fn simulated<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let result = tokio::task::LocalSet::new().block_on(&runtime, async {
        ferry_kafka::task::simulate(Some(NOW_MS));
        work.await
    });
    ferry_kafka::task::simulate(None);
    result
}

/// A lease of this process, which is the only one.
fn lease() -> LeaseSettings {
    LeaseSettings {
        holder: Holder::default(),
        duration: Duration::from_secs(20),
        request_timeout: Duration::from_secs(5),
        gone: |_| true,
    }
}

/// Two clusters and the wires to them.
pub struct World {
    pub source: FakeKafka,
    pub target: FakeKafka,
    pub source_wires: Wires,
    pub target_wires: Wires,
    partitions: Vec<PartitionJob>,
}

impl World {
    /// Clusters of so many brokers.
    pub fn new(source_brokers: usize, target_brokers: usize) -> Self {
        let cluster = |name: &str, brokers| {
            FakeKafka::new(Options {
                cluster_id: name.to_owned(),
                brokers,
                now_ms: NOW_MS,
                rack_aware: true,
                ..Options::default()
            })
        };
        let (source, target) = (
            cluster("source", source_brokers),
            cluster("target", target_brokers),
        );
        target.create_topic(PROGRESS_TOPIC, TopicOptions::default());
        Self {
            source_wires: Wires::to(&source),
            target_wires: Wires::to(&target),
            source,
            target,
            partitions: Vec::new(),
        }
    }

    /// A topic on both sides, of so many partitions, each with so many batches.
    pub fn topic(&mut self, name: &str, group: &str, mode: &OffsetMode, filling: Filling) {
        let options = || TopicOptions {
            partitions: filling.partitions,
            ..TopicOptions::default()
        };
        self.source.create_topic(name, options());
        self.target.create_topic(name, options());
        let one = batch(filling.records, filling.value_bytes);
        for index in 0..filling.partitions as i32 {
            for _ in 0..filling.batches {
                let placed = self.source.append(name, index, one.clone(), None);
                placed.expect("has a leader");
            }
            let id = |cluster: &FakeKafka| {
                let id = cluster.topic_id(name).expect("is there");
                TopicId::known(uuid::Uuid::from_u128(id))
            };
            self.partitions.push(PartitionJob {
                source: TopicPartition::new(topic(name), index),
                target: TopicPartition::new(topic(name), index),
                source_topic_id: id(&self.source),
                target_topic_id: id(&self.target),
                group: group.to_owned(),
                mode: mode.clone(),
                budget: Budget::UNLIMITED,
                filler: None,
                tiered: false,
                batch_bytes_max: 1_048_588,
            });
        }
    }

    /// A job that copies everything up to the end that the source has now.
    pub async fn job(&self) -> CopyJob {
        CopyJob {
            source: client(&self.source_wires, Side::Source).await,
            target: client(&self.target_wires, Side::Target).await,
            partitions: self.partitions.clone(),
            settings: CopySettings {
                memory_bytes: 256 << 20,
                controls: Controls::default().unchanging(),
                rack: None,
                settling: Duration::from_millis(100),
                slot: Slot::ONLY,
                lease: lease(),
                transactional_id: "ferry-fake-0".to_owned(),
                progress_topic: topic(PROGRESS_TOPIC),
            },
            until: Until::CaughtUp,
        }
    }

    /// Whether every record of the source is at the target, at its offset or at all.
    pub fn assert_copied(&self) {
        for partition in &self.partitions {
            let (name, index) = (partition.source.topic.as_str(), partition.source.partition);
            let source = self.source.ends(name, index).expect("is there");
            let target = self.target.ends(name, index).expect("is there");
            assert!(
                target.high_watermark >= source.high_watermark,
                "{name}-{index}: {} of {}",
                target.high_watermark,
                source.high_watermark
            );
        }
    }
}

/// What a topic of the source holds.
#[derive(Debug, Clone, Copy)]
pub struct Filling {
    pub partitions: usize,
    pub batches: usize,
    /// Records in each batch.
    pub records: usize,
    pub value_bytes: usize,
}

/// A copy that is running.
pub struct Running {
    progress: watch::Receiver<CopyProgress>,
    cancel: watch::Sender<bool>,
    ended: oneshot::Receiver<Result<CopyReport, CopyError>>,
}

impl Running {
    /// Starts `job`.
    pub fn start(job: CopyJob) -> Self {
        let (told, progress) = watch::channel(CopyProgress::default());
        let (cancel, cancelled) = watch::channel(false);
        let (done, ended) = oneshot::channel();
        ferry_kafka::task::spawn(async move {
            let _ = done.send(worker::run(job, told, cancelled).await);
        });
        Self {
            progress,
            cancel,
            ended,
        }
    }

    /// Asks it to stop.
    pub fn stop(&self) {
        self.cancel.send_replace(true);
    }

    /// Waits for its end.
    pub async fn end(self) -> Result<CopyReport, CopyError> {
        let ended = tokio::time::timeout(LIMIT, self.ended).await;
        ended.expect("ends in time").expect("comes to an end")
    }

    /// The last progress.
    pub fn progress(&self) -> CopyProgress {
        self.progress.borrow().clone()
    }

    /// What was told of one group last.
    pub fn group(&self, name: &str) -> GroupProgress {
        let progress = self.progress();
        let found = progress.groups.into_iter().find(|group| group.name == name);
        found.unwrap_or_default()
    }

    /// Waits until what is told of the copy is as wanted.
    pub async fn until(&mut self, what: &str, mut wanted: impl FnMut(&CopyProgress) -> bool) {
        let waiting = self.progress.wait_for(|progress| wanted(progress));
        let waited = tokio::time::timeout(LIMIT, waiting).await;
        waited
            .unwrap_or_else(|_| panic!("it never came to {what}"))
            .unwrap_or_else(|_| panic!("the copy ended before {what}"));
    }

    /// Waits until every partition of a group has reached its end, and says how long that took from
    /// the beginning of the copy.
    pub async fn until_done(&mut self, name: &str) -> Duration {
        let mut took = Duration::ZERO;
        self.until(name, |progress| {
            took = progress.elapsed;
            let group = progress.groups.iter().find(|group| group.name == name);
            group.is_some_and(|group| group.partitions_done == group.partitions)
        })
        .await;
        took
    }
}

/// A batch of records with values of this size.
pub fn batch(records: usize, value_bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::default();
    let value = vec![b'v'; value_bytes];
    for number in 0..records {
        let contents = Contents {
            key: Some(b"key"),
            value: Some(&value),
            headers: Vec::new(),
        };
        builder.push_contents(NOW_MS - 60_000 + number as i64, &contents);
    }
    builder.finish(Codec::None).expect("encodes").bytes
}

pub fn topic(name: &str) -> TopicName {
    TopicName::parse(name).expect("legal")
}

async fn client(wires: &Wires, side: Side) -> Client {
    let brokers = (1..=9).map(|broker| format!("127.0.0.1:{}", FIRST_PORT + broker));
    let properties = BTreeMap::from([(
        "bootstrap.servers".to_owned(),
        brokers.collect::<Vec<_>>().join(","),
    )]);
    let settings = ClientSettings::from_properties(&properties).expect("settings");
    let client = Client::connect_over(settings, side, Arc::new(wires.clone())).await;
    client.expect("connects")
}

/// The wires to the brokers of one cluster.
#[derive(Clone)]
pub struct Wires {
    door: Door,
    /// Bytes a second that each broker's wire carries in either direction; none for no limit.
    width: Arc<Mutex<BTreeMap<i32, u64>>>,
    /// When the wire from or to a broker is free again.
    free_at: Arc<Mutex<BTreeMap<(i32, bool), Instant>>>,
}

impl std::fmt::Debug for Wires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wires to fake brokers")
    }
}

impl Wires {
    fn to(cluster: &FakeKafka) -> Self {
        Self {
            door: cluster.door(),
            width: Arc::default(),
            free_at: Arc::default(),
        }
    }

    /// How many bytes a second a broker sends and receives at most.
    pub fn set_width(&self, broker: i32, bytes_per_s: u64) {
        self.width
            .lock()
            .expect("whole")
            .insert(broker, bytes_per_s);
    }

    /// Waits until `bytes` have passed the wire of `broker`: what passes it passes one after the other.
    async fn pass(&self, broker: i32, to_broker: bool, bytes: usize) {
        let Some(width) = self.width.lock().expect("whole").get(&broker).copied() else {
            return;
        };
        let takes = Duration::from_secs_f64(bytes as f64 / width as f64);
        let until = {
            let mut free_at = self.free_at.lock().expect("whole");
            let at = free_at
                .entry((broker, to_broker))
                .or_insert_with(Instant::now);
            *at = (*at).max(Instant::now()) + takes;
            *at
        };
        tokio::time::sleep_until(until).await;
    }

    async fn carry(
        self,
        broker: i32,
        to_broker: bool,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) {
        let mut piece = vec![0; 64 << 10];
        loop {
            match from.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(bytes) => {
                    self.pass(broker, to_broker, bytes).await;
                    if to.write_all(&piece[..bytes]).await.is_err() {
                        break;
                    }
                }
            }
        }
        let _ = to.shutdown().await;
    }
}

impl Network for Wires {
    fn connect(&self, address: &Address) -> Connecting {
        let broker = i32::from(address.port) - i32::from(FIRST_PORT);
        let wires = self.clone();
        Box::pin(async move {
            let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
            let far = wires.door.connect(broker).ok_or_else(refused)?;
            let (near, middle) = tokio::io::duplex(64 << 10);
            let (far_read, far_write) = tokio::io::split(far);
            let (middle_read, middle_write) = tokio::io::split(middle);
            let out = wires.clone().carry(broker, true, middle_read, far_write);
            let back = wires.carry(broker, false, far_read, middle_write);
            ferry_kafka::task::spawn(out);
            ferry_kafka::task::spawn(back);
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    }
}

/// What a broker saw of requests, in order.
pub type Requests = mpsc::UnboundedReceiver<ferry_fake_kafka::Seen>;
