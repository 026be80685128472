//! Making a connection: name, TCP, TLS, API versions, SASL, all within one time limit, and saying
//! precisely where it failed.

use crate::api_versions::BrokerVersions;
use crate::buffers::Buffers;
use crate::connect_error::{ConnectCause, ConnectError, Stage};
use crate::connection::{Connection, Options};
use crate::diagnosis::{diagnose, diagnose_tls};
use crate::error::{KafkaError, Peer};
use crate::error_code::ErrorCode;
use crate::network::Network;
use crate::request::Request;
use crate::sasl::{self, Exchange, SaslError};
use crate::settings::{Address, ClientSettings};
use crate::throttle::ThrottleGauge;
use crate::tls::TlsError;
use ferry_model::identity::{BrokerId, Side};
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, ResponseHeader, SaslAuthenticateRequest,
};
use kafka_protocol::protocol::{Decodable, StrBytes};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

/// How this client names itself to brokers (KIP-511).
const SOFTWARE: &str = "ferry";

/// How long one of several addresses of a name may take before the next one is tried.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(3);

/// Makes connections for one client.
#[derive(Debug)]
pub(crate) struct Dialer {
    settings: Arc<ClientSettings>,
    side: Side,
    tls: Option<Arc<ClientConfig>>,
    network: Option<Arc<dyn Network>>,
    buffers: Buffers,
}

/// One attempt.
struct Attempt<'a> {
    dialer: &'a Dialer,
    peer: Arc<Peer>,
    deadline: Instant,
}

impl Dialer {
    pub(crate) fn new(
        settings: Arc<ClientSettings>,
        side: Side,
        tls: Option<Arc<ClientConfig>>,
    ) -> Self {
        Self {
            settings,
            side,
            tls,
            network: None,
            buffers: Buffers::default(),
        }
    }

    /// As [`Dialer::new`], over a network of its own and without TLS.
    pub(crate) fn over(
        settings: Arc<ClientSettings>,
        side: Side,
        network: Arc<dyn Network>,
    ) -> Self {
        Self {
            settings,
            side,
            tls: None,
            network: Some(network),
            buffers: Buffers::default(),
        }
    }

    pub(crate) fn settings(&self) -> &ClientSettings {
        &self.settings
    }

    pub(crate) fn side(&self) -> Side {
        self.side
    }

    /// Until when a connection that is begun now must be ready.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.settings.connect_timeout
    }

    /// The error of settings from which TLS can't be set up.
    pub(crate) fn not_configured(&self, error: &TlsError) -> ConnectError {
        let address = self.settings.bootstrap_servers.first();
        let address = address.map(ToString::to_string).unwrap_or_default();
        let peer = Arc::new(Peer {
            side: self.side,
            broker: None,
            address,
        });
        let message = error.to_string();
        let cause = match error {
            TlsError::NoSystemRoots(_) => ConnectCause::NoSystemRoots { message },
            _ => ConnectCause::TlsFailed { message },
        };
        Attempt {
            dialer: self,
            peer,
            deadline: Instant::now(),
        }
        .failed(Stage::Tls, cause)
    }

    /// Dials `address` until the connection is ready for any request, at most until `deadline`.
    pub(crate) async fn dial(
        &self,
        address: &Address,
        broker: Option<BrokerId>,
        throttle: ThrottleGauge,
        deadline: Instant,
    ) -> Result<Connection, ConnectError> {
        let peer = Arc::new(Peer {
            side: self.side,
            broker,
            address: address.to_string(),
        });
        let attempt = Attempt {
            dialer: self,
            peer,
            deadline,
        };
        let options = Options {
            client_id: StrBytes::from_string(self.settings.client_id.clone()),
            request_timeout: self.settings.request_timeout,
            buffers: self.buffers.clone(),
            throttle,
        };
        let peer = attempt.peer.clone();
        let connection = match (&self.network, &self.tls) {
            (Some(network), _) => {
                let stream = attempt.over(network.as_ref(), address).await?;
                let (read, write) = tokio::io::split(stream);
                Connection::start(read, write, peer, options)
            }
            (None, None) => {
                let (read, write) = attempt.tcp(address).await?.into_split();
                Connection::start(read, write, peer, options)
            }
            (None, Some(config)) => {
                let stream = attempt.tcp(address).await?;
                let stream = attempt.tls(stream, address, Arc::clone(config)).await?;
                let (read, write) = tokio::io::split(stream);
                Connection::start(read, write, peer, options)
            }
        };
        let ready = attempt.prepare(&connection).await;
        if ready.is_err() {
            connection.close();
        }
        ready.map(|()| connection)
    }

    /// The error of a step that took too long.
    pub(crate) fn late(&self, peer: &Arc<Peer>, stage: Stage) -> ConnectError {
        Attempt {
            dialer: self,
            peer: peer.clone(),
            deadline: Instant::now(),
        }
        .late(stage)
    }

    /// The error of settings without an address.
    pub(crate) fn no_address(&self) -> ConnectError {
        let peer = Arc::new(Peer {
            side: self.side,
            broker: None,
            address: "(no address)".to_owned(),
        });
        let message = "bootstrap.servers is empty".to_owned();
        let attempt = Attempt {
            dialer: self,
            peer,
            deadline: Instant::now(),
        };
        attempt.failed(
            Stage::Resolve,
            ConnectCause::DoesNotResolve {
                message,
                temporary: false,
            },
        )
    }

    /// The error of a connection that was ready and failed at its first request.
    pub(crate) fn first_request_failed(
        &self,
        peer: &Arc<Peer>,
        error: &KafkaError,
    ) -> ConnectError {
        let attempt = Attempt {
            dialer: self,
            peer: peer.clone(),
            deadline: Instant::now(),
        };
        attempt.request_failed(Stage::Metadata, error)
    }
}

impl Attempt<'_> {
    async fn over(
        &self,
        network: &dyn Network,
        address: &Address,
    ) -> Result<Box<dyn crate::network::Stream>, ConnectError> {
        let connected = self.within(Stage::Tcp, network.connect(address)).await?;
        connected.map_err(|error| self.failed(Stage::Tcp, network_cause(&error)))
    }

    async fn tcp(&self, address: &Address) -> Result<TcpStream, ConnectError> {
        let host = (address.host.as_str(), address.port);
        let found = self
            .within(Stage::Resolve, tokio::net::lookup_host(host))
            .await?;
        let unresolved = |message: String| {
            // Only words tell: "Temporary failure in name resolution" of glibc, "Try again" of musl.
            let temporary = message.contains("emporary") || message.contains("ry again");
            self.failed(
                Stage::Resolve,
                ConnectCause::DoesNotResolve { message, temporary },
            )
        };
        let found: Vec<SocketAddr> = found
            .map_err(|error| unresolved(error.to_string()))?
            .collect();
        let mut last = unresolved("it has no address".to_owned());
        for (index, address) in found.iter().enumerate() {
            let is_last = index + 1 == found.len();
            let limit = if is_last {
                self.deadline
            } else {
                Instant::now() + ADDRESS_TIMEOUT
            };
            match timeout_at(limit.min(self.deadline), TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "TCP_NODELAY can't be set");
                    }
                    return Ok(stream);
                }
                Ok(Err(error)) => last = self.failed(Stage::Tcp, network_cause(&error)),
                Err(_) => last = self.late(Stage::Tcp),
            }
        }
        Err(last)
    }

    async fn tls(
        &self,
        stream: TcpStream,
        address: &Address,
        config: Arc<ClientConfig>,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, ConnectError> {
        let name = ServerName::try_from(address.host.clone()).map_err(|_| {
            let message = format!("`{}` is no name that a certificate can hold", address.host);
            self.failed(Stage::Tls, ConnectCause::TlsFailed { message })
        })?;
        let connect = TlsConnector::from(config).connect(name, stream);
        let connected = self.within(Stage::Tls, connect).await?;
        connected.map_err(|error| self.failed(Stage::Tls, self.tls_cause(&error)))
    }

    fn tls_cause(&self, error: &io::Error) -> ConnectCause {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match (inner, error.kind()) {
            (Some(error), _) => diagnose_tls(error, self.has_identity()),
            // A plain text listener takes the handshake for an enormous frame and hangs up.
            (None, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
                ConnectCause::PlainTextListener
            }
            (None, _) => network_cause(error),
        }
    }

    /// API versions, then SASL where it is used.
    async fn prepare(&self, connection: &Connection) -> Result<(), ConnectError> {
        let versions = self
            .within(Stage::ApiVersions, ask_versions(connection))
            .await?;
        let versions = versions.map_err(|error| self.request_failed(Stage::ApiVersions, &error))?;
        let versions = BrokerVersions::read(&versions).map_err(|code| {
            let message = format!("asked for its API versions it answered {code}");
            self.failed(Stage::ApiVersions, ConnectCause::Versions { message })
        })?;
        connection.set_versions(versions);
        let Some(settings) = &self.dialer.settings.sasl else {
            return Ok(());
        };
        let mut exchange = Fresh { connection };
        let proven = self
            .within(
                Stage::SaslAuthenticate,
                sasl::authenticate(&mut exchange, settings),
            )
            .await?;
        let lifetime = proven.map_err(|error| self.sasl_failed(error))?;
        if let Some(lifetime) = lifetime {
            connection.renew_session(settings.clone(), lifetime);
        }
        Ok(())
    }

    fn sasl_failed(&self, error: SaslError) -> ConnectError {
        match error {
            SaslError::Request(error) => self.request_failed(Stage::SaslAuthenticate, &error),
            SaslError::Refused {
                cause,
                agreed: false,
            } => self.failed(Stage::SaslHandshake, cause),
            SaslError::Refused {
                cause,
                agreed: true,
            } => self.failed(Stage::SaslAuthenticate, cause),
        }
    }

    fn request_failed(&self, stage: Stage, error: &KafkaError) -> ConnectError {
        let protocol = self.dialer.settings.protocol;
        let cause = match error {
            KafkaError::Disconnected { reason, .. } => {
                diagnose(protocol, stage, self.has_identity(), reason)
            }
            KafkaError::TimedOut { waited_ms, .. } => ConnectCause::TimedOut {
                waited_ms: *waited_ms,
            },
            KafkaError::Answered { code, .. } => ConnectCause::Refused { code: *code },
            KafkaError::Unsupported { .. } => ConnectCause::Versions {
                message: error.to_string(),
            },
            other => ConnectCause::NotKafka {
                arrived: other.to_string(),
            },
        };
        self.failed(stage, cause)
    }

    fn has_identity(&self) -> bool {
        let tls = self.dialer.settings.tls.as_ref();
        tls.is_some_and(|tls| tls.identity.is_some())
    }

    async fn within<F: Future>(&self, stage: Stage, step: F) -> Result<F::Output, ConnectError> {
        timeout_at(self.deadline, step)
            .await
            .map_err(|_| self.late(stage))
    }

    fn late(&self, stage: Stage) -> ConnectError {
        let waited = self.dialer.settings.connect_timeout;
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.failed(stage, ConnectCause::TimedOut { waited_ms })
    }

    fn failed(&self, stage: Stage, cause: ConnectCause) -> ConnectError {
        let settings = &self.dialer.settings;
        ConnectError {
            peer: self.peer.clone(),
            protocol: settings.protocol,
            mechanism: settings.sasl.as_ref().map(|sasl| sasl.mechanism.as_str()),
            principal: settings.principal(),
            stage,
            cause,
            others: Vec::new(),
        }
    }
}

fn network_cause(error: &io::Error) -> ConnectCause {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectCause::NothingListens,
        _ => ConnectCause::Network {
            message: error.to_string(),
        },
    }
}

/// SASL over a connection that nobody else has yet.
struct Fresh<'a> {
    connection: &'a Connection,
}

impl Exchange for Fresh<'_> {
    fn authenticate_version(&self) -> i16 {
        self.connection
            .version::<SaslAuthenticateRequest>()
            .unwrap_or(0)
    }

    async fn exchange<R: Request>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Result<R::Response, KafkaError> {
        self.connection
            .send_version(request, version, self.connection.request_timeout())?
            .await
    }
}

/// Asks for the API versions in version 3; a broker that is older answers in version 0 with an
/// error, whereupon it is asked in version 0 (KIP-511).
async fn ask_versions(connection: &Connection) -> Result<ApiVersionsResponse, KafkaError> {
    let request = ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_static_str(SOFTWARE))
        .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
    let timeout = connection.request_timeout();
    let frame = connection.send_version(&request, 3, timeout)?.raw().await?;
    let read = |version| {
        let mut frame = frame.clone();
        ResponseHeader::decode(&mut frame, 0)?;
        ApiVersionsResponse::decode(&mut frame, version)
    };
    // The answer to a version that the broker does not know has the form of version 0, whose error
    // code stands first in every version.
    let unknown = frame.get(4..6) == Some(&ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes()[..]);
    if !unknown {
        return read(3).map_err(|error| KafkaError::Decode {
            peer: connection.peer().clone(),
            api: ApiVersionsRequest::API,
            version: 3,
            detail: error.to_string(),
        });
    }
    connection
        .send_version(&ApiVersionsRequest::default(), 0, timeout)?
        .await
}
