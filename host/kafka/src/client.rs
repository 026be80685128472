//! The client: one cluster, its metadata, its connections.

use crate::bootstrap;
use crate::connect_error::ConnectError;
use crate::connection::Connection;
use crate::dial::Dialer;
use crate::error::{KafkaError, Peer, Subject};
use crate::error_code::ErrorCode;
use crate::metadata::{Leader, MetadataCache};
use crate::network::Network;
use crate::patience::{Patience, Repeat};
use crate::pool::{Lane, Pool};
use crate::request::{Api, Effect, Request};
use crate::retry::{Backoff, Retry};
use crate::settings::{Address, ClientSettings};
use crate::throttle::Throttle;
use ferry_model::identity::{BrokerId, ClusterId, Side, TopicId};
use ferry_model::name::{TopicName, TopicPartition};
use ferry_model::snapshot::BrokerFacts;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName as WireTopic};
use kafka_protocol::protocol::StrBytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::Instant;

/// How many topics are asked for in one request.
const TOPICS_PER_REQUEST: usize = 1_000;

/// How many brokers are dialled side by side when any broker will do.
const BROKERS_TRIED: usize = 4;

/// A client of one cluster. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    dialer: Arc<Dialer>,
    metadata: MetadataCache,
    pool: Pool,
    /// The connection that the client began with, to an address of `bootstrap.servers`.
    bootstrap: tokio::sync::Mutex<Connection>,
    /// Held while metadata are read, so that one answer serves everybody who waits.
    refreshing: tokio::sync::Mutex<()>,
    /// Which broker is tried first, in turn.
    turn: AtomicUsize,
    pub(crate) coordinators: crate::coordinator::CoordinatorCache,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client of the {}", self.side())
    }
}

impl Client {
    /// Connects to a cluster: dials the addresses of `bootstrap.servers`, logs in, reads the
    /// brokers. Answers within `socket.connection.setup.timeout.ms`, at most 9 s.
    ///
    /// # Errors
    /// [`ConnectError`] of the address that came furthest, with a line for each of the others.
    pub async fn connect(settings: ClientSettings, side: Side) -> Result<Self, ConnectError> {
        Ok(Self::begin(bootstrap::connect(settings, side).await?))
    }

    /// As [`Client::connect`], over `network` instead of TCP and without TLS.
    ///
    /// # Errors
    /// Those of [`Client::connect`].
    pub async fn connect_over(
        settings: ClientSettings,
        side: Side,
        network: Arc<dyn Network>,
    ) -> Result<Self, ConnectError> {
        let begun = bootstrap::connect_over(settings, side, network).await?;
        Ok(Self::begin(begun))
    }

    fn begin((dialer, connection, response): (Arc<Dialer>, Connection, MetadataResponse)) -> Self {
        let metadata = MetadataCache::default();
        metadata.apply(&response);
        let inner = Inner {
            pool: Pool::new(Arc::clone(&dialer)),
            dialer,
            metadata,
            bootstrap: tokio::sync::Mutex::new(connection),
            refreshing: tokio::sync::Mutex::default(),
            turn: AtomicUsize::new(0),
            coordinators: crate::coordinator::CoordinatorCache::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Which cluster this is.
    #[must_use]
    pub fn side(&self) -> Side {
        self.inner.dialer.side()
    }

    /// The settings that it was made with.
    #[must_use]
    pub fn settings(&self) -> &ClientSettings {
        self.inner.dialer.settings()
    }

    /// The id of the cluster, as its brokers told last.
    #[must_use]
    pub fn cluster_id(&self) -> Option<ClusterId> {
        self.inner.metadata.cluster_id()
    }

    /// The controller, as the brokers told last.
    #[must_use]
    pub fn controller(&self) -> Option<BrokerId> {
        self.inner.metadata.controller()
    }

    /// The brokers, as they told last.
    #[must_use]
    pub fn brokers(&self) -> Vec<BrokerFacts> {
        self.inner.metadata.brokers()
    }

    /// The leader of a partition, as far as known: see [`Client::refresh`].
    #[must_use]
    pub fn leader(&self, partition: &TopicPartition) -> Option<Leader> {
        self.inner.metadata.leader(partition)
    }

    /// The id of a topic, as far as known and where brokers have ids.
    #[must_use]
    pub fn topic_id(&self, topic: &TopicName) -> Option<TopicId> {
        self.inner.metadata.topic_id(topic)
    }

    /// Forgets a leader that turned out not to be one, until [`Client::refresh`] finds the next.
    pub fn forget_leader(&self, partition: &TopicPartition) {
        self.inner.metadata.forget_leader(partition);
    }

    /// Whether the last answer about the topic held the partition, with or without a leader.
    pub(crate) fn knows(&self, partition: &TopicPartition) -> bool {
        self.inner.metadata.knows(partition)
    }

    /// Takes over a leader that an answer named (KIP-951), if it is newer than what is known.
    pub fn note_leader(&self, partition: &TopicPartition, leader: Leader) {
        self.inner.metadata.note_leader(partition, leader);
    }

    /// Reads the metadata of `topics`, and the brokers. A topic that does not exist has no leaders
    /// afterwards; that is no error here.
    ///
    /// # Errors
    /// [`KafkaError`] when no broker answers.
    pub async fn refresh(&self, topics: &[TopicName]) -> Result<(), KafkaError> {
        let asked = Instant::now();
        let _one_at_a_time = self.inner.refreshing.lock().await;
        let topics = self.inner.metadata.older_than(topics, asked);
        for chunk in topics.chunks(TOPICS_PER_REQUEST) {
            let (_, response) = self.metadata(&metadata_request(chunk)).await?;
            self.inner.metadata.apply(&response);
        }
        Ok(())
    }

    /// Reads the brokers and the controller again.
    ///
    /// # Errors
    /// [`KafkaError`] when no broker answers.
    pub async fn refresh_brokers(&self) -> Result<(), KafkaError> {
        let (_, response) = self.metadata(&metadata_request(&[])).await?;
        self.inner.metadata.apply(&response);
        Ok(())
    }

    /// Asks for metadata and keeps nothing.
    pub(crate) async fn metadata(
        &self,
        request: &MetadataRequest,
    ) -> Result<(Arc<Peer>, MetadataResponse), KafkaError> {
        self.retrying(MetadataRequest::API, Repeat::Safe, || async {
            let connection = self.any_connection().await?;
            let response = connection.call(request).await?;
            match response.error_code {
                0 => Ok((Arc::clone(connection.peer()), response)),
                code => Err(answered::<MetadataRequest>(
                    connection.peer(),
                    Some(Subject::Cluster),
                    ErrorCode(code),
                    None,
                )),
            }
        })
        .await
    }

    /// A live connection to `broker` for `lane`, dialled if need be.
    ///
    /// # Errors
    /// [`KafkaError::NoBroker`] for a broker that the cluster does not have,
    /// [`KafkaError::Connect`] where it can't be reached.
    pub async fn connection(&self, broker: BrokerId, lane: Lane) -> Result<Connection, KafkaError> {
        if let Some(alive) = self.inner.pool.existing(broker, lane) {
            return Ok(alive);
        }
        let facts = self.inner.metadata.broker(broker);
        let facts = facts.ok_or(KafkaError::NoBroker {
            side: self.side(),
            broker,
        })?;
        let address = Address {
            host: facts.host,
            port: facts.port,
        };
        self.inner.pool.connection(broker, lane, &address).await
    }

    /// How much a broker has throttled this client so far.
    #[must_use]
    pub fn throttle(&self, broker: BrokerId) -> Throttle {
        self.inner.pool.throttle(broker)
    }

    /// Dials every broker at the address that it advertises, and says what came of it: finds
    /// advertised names that do not resolve from here.
    pub async fn check_brokers(&self) -> Vec<(BrokerFacts, Result<(), KafkaError>)> {
        let dials = self.brokers().into_iter().map(async |broker| {
            let dialled = self.connection(broker.id, Lane::Admin).await.map(|_| ());
            (broker, dialled)
        });
        join_all(dials).await
    }

    /// A live connection to any broker: one that is there, else the first that can be made.
    pub(crate) async fn any_connection(&self) -> Result<Connection, KafkaError> {
        let brokers = self.brokers();
        let existing = |broker: &BrokerFacts| self.inner.pool.existing(broker.id, Lane::Admin);
        if let Some(alive) = brokers.iter().find_map(existing) {
            return Ok(alive);
        }
        let mut bootstrap = self.inner.bootstrap.lock().await;
        if bootstrap.is_alive() {
            return Ok(bootstrap.clone());
        }
        // Side by side: one that hangs does not hold up the others.
        let turn = self.inner.turn.fetch_add(1, Ordering::Relaxed) % brokers.len().max(1);
        let tried = brokers
            .iter()
            .cycle()
            .skip(turn)
            .take(brokers.len().min(BROKERS_TRIED));
        let mut dials: FuturesUnordered<_> = tried
            .map(|broker| self.connection(broker.id, Lane::Admin))
            .collect();
        while let Some(dialled) = dials.next().await {
            if let Ok(connection) = dialled {
                return Ok(connection);
            }
        }
        let dialled = bootstrap::dial_any(&self.inner.dialer).await;
        let (connection, response) = dialled.map_err(|error| KafkaError::Connect {
            source: Arc::new(error),
        })?;
        self.inner.metadata.apply(&response);
        *bootstrap = connection.clone();
        Ok(connection)
    }

    /// A live connection to the controller, or to any broker where none is known. In clusters
    /// without ZooKeeper every broker passes on what belongs to the controller.
    pub(crate) async fn controller_connection(&self) -> Result<Connection, KafkaError> {
        match self.inner.metadata.controller() {
            Some(controller) => match self.connection(controller, Lane::Admin).await {
                Ok(connection) => Ok(connection),
                Err(_) => self.any_connection().await,
            },
            None => self.any_connection().await,
        }
    }

    /// Runs `attempt` until it succeeds, fails for good, or `default.api.timeout.ms` is over.
    /// Between attempts it waits, and refreshes what the error says is old.
    pub(crate) async fn retrying<T, Attempt: Future<Output = Result<T, KafkaError>>>(
        &self,
        api: Api,
        repeat: Repeat,
        mut attempt: impl FnMut() -> Attempt,
    ) -> Result<T, KafkaError> {
        let mut patience = self.patience(api);
        loop {
            let error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if !repeat.allows(error.retry()) {
                return Err(error);
            }
            if !patience.pause(&error).await {
                return Err(patience.gave_up(error));
            }
            // The attempt itself asks again if this fails.
            if error.retry() == Retry::RefreshMetadata && api != MetadataRequest::API {
                let _ = self.once_metadata().await;
            }
        }
    }

    /// One attempt to read the brokers, without retries.
    async fn once_metadata(&self) -> Result<(), KafkaError> {
        let connection = self.any_connection().await?;
        let response = connection.call(&metadata_request(&[])).await?;
        self.inner.metadata.apply(&response);
        Ok(())
    }

    /// The patience of one operation.
    pub(crate) fn patience(&self, api: Api) -> Patience {
        let settings = self.settings();
        let started = Instant::now();
        Patience {
            side: self.side(),
            api,
            backoff: Backoff::new(settings.retry_backoff, settings.retry_backoff_max),
            started,
            deadline: started + settings.operation_timeout,
            attempts: 0,
        }
    }
}

/// A request for the metadata of `topics`, and of no others.
pub(crate) fn metadata_request(topics: &[&TopicName]) -> MetadataRequest {
    let topics = topics
        .iter()
        .map(|name| MetadataRequestTopic::default().with_name(Some(wire(name))));
    MetadataRequest::default()
        .with_topics(Some(topics.collect()))
        .with_allow_auto_topic_creation(false)
}

/// The name of a topic as messages hold it.
pub(crate) fn wire(name: &TopicName) -> WireTopic {
    WireTopic(StrBytes::from_string(name.as_str().to_owned()))
}

/// The error of an answer with an error code.
pub(crate) fn answered<R: Request>(
    peer: &Arc<Peer>,
    subject: Option<Subject>,
    code: ErrorCode,
    message: Option<&StrBytes>,
) -> KafkaError {
    answered_with::<R>(peer, subject, code, message, R::EFFECT)
}

/// As [`answered`], for an API whose effect is known better than by the table.
pub(crate) fn answered_with<R: Request>(
    peer: &Arc<Peer>,
    subject: Option<Subject>,
    code: ErrorCode,
    message: Option<&StrBytes>,
    effect: Effect,
) -> KafkaError {
    KafkaError::Answered {
        peer: Arc::clone(peer),
        api: R::API,
        subject,
        code,
        message: message
            .filter(|message| !message.is_empty())
            .map(ToString::to_string),
        effect,
    }
}
