//! A cluster that speaks the Kafka protocol, and the handle by which behaviours hold it.

mod fake;
mod gate;
mod real;
mod release;

pub use fake::FakeBrokers;
pub use real::RealBrokers;
pub use release::PerRelease;

use crate::records::Records;
use crate::wire::Log;
use async_trait::async_trait;
use ferry_fake_kafka::Release;
use ferry_kafka::network::Stream;
use ferry_kafka::{Client, Connection, ErrorCode, Lane};
use ferry_model::identity::BrokerId;
use ferry_model::name::{TopicName, TopicPartition};
use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long anything may take that is waited for.
const LIMIT: Duration = Duration::from_secs(60);

/// How often it is looked at.
const POLL: Duration = Duration::from_millis(20);

/// How old old records are, in milliseconds: older than any release remembers a producer by them.
const OLD_MS: i64 = 40 * 86_400_000;

/// Makes names unique among all behaviours that share a cluster.
static NAMES: AtomicU32 = AtomicU32::new(1);

/// A cluster from outside: how it is reached, and what can be done to its brokers. Brokers are
/// numbered from 1.
#[async_trait]
pub trait Brokers: Debug + Send + Sync {
    /// Which release they are, or imitate.
    fn release(&self) -> Release;

    /// How many there are.
    fn count(&self) -> i32;

    /// Their time of day, in milliseconds since 1970.
    fn now_ms(&self) -> i64;

    /// A new client of the cluster.
    async fn client(&self) -> Client;

    /// A new connection to a broker, without a client.
    async fn dial(&self, broker: i32) -> Box<dyn Stream>;

    /// Stops the first broker in order and starts it again on what it has written. May wait until
    /// whoever shares the cluster wants the same, or is done.
    async fn restart(&self);

    /// Stops a broker in order.
    async fn stop(&self, broker: i32);

    /// Starts a broker that was stopped.
    async fn start(&self, broker: i32);

    /// Takes away every right on a topic, or gives them back. Brokers hear of it after a while.
    async fn deny(&self, topic: &str, denied: bool);

    /// Makes a broker stand still: it answers nothing and fetches nothing.
    fn pause(&self, broker: i32);

    /// Lets a broker that stands still go on.
    fn resume(&self, broker: i32);
}

/// A cluster as behaviours hold it.
#[derive(Debug)]
pub struct Cluster {
    brokers: Arc<dyn Brokers>,
    client: Mutex<Client>,
}

impl Cluster {
    /// Connects to a cluster.
    pub async fn connect(brokers: Arc<dyn Brokers>) -> Self {
        let client = Mutex::new(brokers.client().await);
        Self { brokers, client }
    }

    /// The brokers from outside.
    #[must_use]
    pub fn brokers(&self) -> &dyn Brokers {
        &*self.brokers
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes a new client, whose connections are all new.
    pub async fn renew_client(&self) {
        let client = self.brokers.client().await;
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }

    /// Which release it is.
    #[must_use]
    pub fn release(&self) -> Release {
        self.brokers.release()
    }

    /// What is expected of this release.
    #[must_use]
    pub fn expects<T>(&self, expectations: PerRelease<T>) -> T {
        expectations.of(self.release())
    }

    /// The brokers' time of day, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.brokers.now_ms()
    }

    /// `count` records of now.
    #[must_use]
    pub fn records(&self, count: usize) -> Records {
        Records::new(count, self.now_ms())
    }

    /// `count` records that are older than any producer is remembered by.
    #[must_use]
    pub fn old_records(&self, count: usize) -> Records {
        Records::new(count, self.now_ms() - OLD_MS)
    }

    /// A name that nobody else uses.
    #[must_use]
    pub fn fresh_name(&self, kind: &str) -> String {
        format!("{kind}-{}", NAMES.fetch_add(1, Ordering::Relaxed))
    }

    /// The one partition of a new topic with these settings, which keeps its records for ever.
    pub async fn log(&self, configs: &[(&str, &str)]) -> Log<'_> {
        self.logs(1, configs).await.swap_remove(0)
    }

    /// All partitions of a new topic with these settings, which keeps its records for ever. Each is
    /// replicated on every broker and led by the first.
    ///
    /// # Panics
    /// When the topic is not made.
    pub async fn logs(&self, partitions: i32, configs: &[(&str, &str)]) -> Vec<Log<'_>> {
        let name = self.fresh_name("topic");
        let kept = std::iter::once(("retention.ms", "-1"));
        let configs: Vec<(&str, &str)> = kept.chain(configs.iter().copied()).collect();
        let made = self.create_topic(&name, partitions, &configs).await;
        assert_eq!(made, Ok(()), "{name}");
        let name = TopicName::parse(name).expect("a legal name");
        let mut logs = Vec::new();
        for index in 0..partitions {
            logs.push(self.opened(TopicPartition::new(name.clone(), index)).await);
        }
        logs
    }

    /// The one partition of a new topic that is replicated on these brokers alone and led by the
    /// first of them.
    ///
    /// # Panics
    /// When the topic is not made.
    pub async fn log_at(&self, brokers: &[i32]) -> Log<'_> {
        let name = self.fresh_name("topic");
        let made = self.create_topic_at(&name, &[brokers], &[]).await;
        assert_eq!(made, Ok(()), "{name}");
        let name = TopicName::parse(name).expect("a legal name");
        self.opened(TopicPartition::new(name, 0)).await
    }

    /// A partition that was just made, as soon as every broker knows it and its leader answers for it.
    async fn opened(&self, place: TopicPartition) -> Log<'_> {
        let topics = std::slice::from_ref(&place.topic);
        let client = self.client();
        let leads = async || {
            client.refresh(topics).await.ok()?;
            client.leader(&place)
        };
        self.eventually("a leader", leads).await;
        let topic_id = client.topic_id(&place.topic);
        let log = Log {
            cluster: self,
            topic_id: topic_id.map(|id| id.0).unwrap_or_default(),
            place,
        };
        for broker in client.brokers() {
            let connection = self.connection(broker.id, Lane::Admin).await;
            let known = async || {
                let described = log.metadata_at(&connection).await.ok()?;
                (described.code == ErrorCode::NONE).then_some(())
            };
            self.eventually("every broker knows the topic", known).await;
        }
        self.led(&log).await;
        log
    }

    /// Waits until a leader answers for `log`.
    pub async fn led(&self, log: &Log<'_>) {
        let client = self.client();
        let answers = async || {
            let topics = std::slice::from_ref(&log.place.topic);
            client.refresh(topics).await.ok()?;
            let leader = client.leader(&log.place)?;
            client.connection(leader.broker, Lane::Admin).await.ok()?;
            let asked = log.list(crate::wire::offsets::at::EARLIEST);
            asked.ask().await.ok()?.ok()
        };
        self.eventually("an answer of the leader", answers).await;
    }

    /// A connection to `broker`.
    ///
    /// # Panics
    /// When none is made.
    pub async fn connection(&self, broker: BrokerId, lane: Lane) -> Connection {
        let connection = self.client().connection(broker, lane).await;
        connection.unwrap_or_else(|error| panic!("broker {broker} is not reached: {error}"))
    }

    /// A connection to the first broker that can be reached.
    ///
    /// # Panics
    /// When none can.
    pub async fn any_connection(&self) -> Connection {
        let client = self.client();
        for broker in client.brokers() {
            if let Ok(connection) = client.connection(broker.id, Lane::Admin).await {
                return connection;
            }
        }
        panic!("no broker is reached")
    }

    /// Restarts the first broker, and waits until a leader answers for `log` again.
    pub async fn restart(&self, log: &Log<'_>) {
        self.brokers.restart().await;
        self.renew_client().await;
        self.led(log).await;
    }

    /// Stops a broker in order.
    pub async fn stop(&self, broker: i32) {
        self.brokers.stop(broker).await;
        self.renew_client().await;
    }

    /// Starts a broker that was stopped.
    pub async fn start(&self, broker: i32) {
        self.brokers.start(broker).await;
        self.renew_client().await;
    }

    /// Waits until `condition` gives something.
    ///
    /// # Panics
    /// When it does not in time.
    pub async fn eventually<T>(
        &self,
        what: &str,
        mut condition: impl AsyncFnMut() -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            assert!(Instant::now() < deadline, "{what}: not within {LIMIT:?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until a log ends at `end` and everybody may see it.
    ///
    /// # Panics
    /// When it does not get there, or goes further.
    pub async fn ends_at(&self, log: &Log<'_>, end: i64) {
        let what = format!("{} ends at {end}", log.place());
        let there = async || {
            let found = log.end().await;
            assert!(found <= end, "{what}: it ends at {found}");
            (found == end && log.latest().await == end).then_some(())
        };
        self.eventually(&what, there).await;
    }

    /// Waits until readers of committed records stop at `offset`, where a transaction ended.
    ///
    /// # Panics
    /// When they do not get there.
    pub async fn stable_at(&self, log: &Log<'_>, offset: i64) {
        let what = format!("{} is committed to {offset}", log.place());
        let there = async || (log.last_stable().await == offset).then_some(());
        self.eventually(&what, there).await;
    }
}
