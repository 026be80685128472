//! Why no connection could be made, as precisely as the bytes tell.

use crate::error::Peer;
use crate::error_code::ErrorCode;
use crate::problem_codes as codes;
use crate::settings::SecurityProtocol;
use ferry_model::problem::{Explain, Problem};
use std::fmt;
use std::sync::Arc;

/// How far a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The name is looked up.
    Resolve,
    /// TCP connects.
    Tcp,
    /// TLS shakes hands.
    Tls,
    /// The API versions are asked for.
    ApiVersions,
    /// SASL agrees on a mechanism.
    SaslHandshake,
    /// SASL exchanges credentials.
    SaslAuthenticate,
    /// The first request of an established connection.
    Metadata,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Resolve => "looking up the name",
            Self::Tcp => "connecting",
            Self::Tls => "the TLS handshake",
            Self::ApiVersions => "asking for the API versions",
            Self::SaslHandshake => "agreeing on the SASL mechanism",
            Self::SaslAuthenticate => "the SASL exchange",
            Self::Metadata => "the first request",
        })
    }
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectCause {
    /// The name does not resolve.
    DoesNotResolve {
        /// The system's words.
        message: String,
        /// Whether the system says that it could not find out at the moment.
        temporary: bool,
    },
    /// Nothing listens there.
    NothingListens,
    /// No answer came within the time.
    TimedOut {
        /// How long it was waited.
        waited_ms: u64,
    },
    /// The network refused, in the system's words.
    Network {
        /// The system's words.
        message: String,
    },
    /// TLS was answered by something that is not TLS.
    PlainTextListener,
    /// Plain text was answered by TLS, or by silence.
    TlsListener,
    /// The listener dropped the first request that needs an authenticated principal.
    SaslExpected,
    /// The credentials are not accepted.
    PasswordRefused {
        /// The broker's words.
        message: Option<String>,
    },
    /// The listener does not offer the mechanism.
    MechanismNotEnabled {
        /// What it offers.
        offered: Vec<String>,
    },
    /// The listener does not use SASL.
    SaslNotExpected,
    /// The broker could not prove that it knows the password (RFC 5802, server signature).
    BrokerNotProven,
    /// The SASL exchange broke in another way.
    SaslFailed {
        /// How.
        message: String,
    },
    /// The broker's certificate comes from an authority that is not trusted.
    UnknownAuthority,
    /// The broker's certificate is for other names.
    HostNameMismatch {
        /// The names that it is for.
        presented: Vec<String>,
    },
    /// The broker's certificate is expired.
    CertificateExpired,
    /// The broker's certificate is not valid yet.
    CertificateNotYetValid,
    /// The broker wants a client certificate and got none.
    ClientCertificateMissing,
    /// The broker refuses the client certificate.
    ClientCertificateRefused {
        /// The alert that it sent.
        alert: String,
    },
    /// The settings name nobody to trust, and the system has no roots.
    NoSystemRoots {
        /// What was found.
        message: String,
    },
    /// TLS failed in another way.
    TlsFailed {
        /// How.
        message: String,
    },
    /// What answers does not speak Kafka's protocol.
    NotKafka {
        /// What arrived, for people.
        arrived: String,
    },
    /// The broker closed the connection.
    Closed {
        /// What is known of it.
        reason: String,
    },
    /// No version in common, or an error code instead of versions.
    Versions {
        /// What is missing.
        message: String,
    },
    /// The broker answered the first request with an error code.
    Refused {
        /// The code.
        code: ErrorCode,
    },
}

/// Why no connection could be made.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{peer}: {stage} failed: {cause}")]
pub struct ConnectError {
    /// Who was dialled.
    pub peer: Arc<Peer>,
    /// The protocol that was spoken.
    pub protocol: SecurityProtocol,
    /// The SASL mechanism that was used, where one was.
    pub mechanism: Option<&'static str>,
    /// The principal that was used, as `User:name`, where SASL was.
    pub principal: Option<String>,
    /// How far it came.
    pub stage: Stage,
    /// What went wrong.
    pub cause: ConnectCause,
    /// What happened with the other addresses of `bootstrap.servers`, one line each.
    pub others: Vec<String>,
}

impl fmt::Display for ConnectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoesNotResolve { message, .. } => {
                write!(f, "the name does not resolve ({message})")
            }
            Self::NothingListens => f.write_str("nothing listens there"),
            Self::TimedOut { waited_ms } => write!(f, "no answer within {waited_ms} ms"),
            Self::Network { message } => write!(f, "the network refused: {message}"),
            Self::PlainTextListener => f.write_str("TLS was not answered by TLS"),
            Self::TlsListener => f.write_str("plain text was answered by TLS"),
            Self::SaslExpected => f.write_str("the first request without SASL was cut off"),
            Self::PasswordRefused { .. } => f.write_str("the password was refused"),
            Self::MechanismNotEnabled { offered } => {
                write!(
                    f,
                    "the mechanism is not offered, but {}",
                    offered.join(", ")
                )
            }
            Self::SaslNotExpected => f.write_str("the listener does not use SASL"),
            Self::BrokerNotProven => {
                f.write_str("the broker could not prove that it knows the password")
            }
            Self::SaslFailed { message } => write!(f, "SASL failed: {message}"),
            Self::UnknownAuthority => f.write_str("its certificate is of an unknown authority"),
            Self::HostNameMismatch { presented } => {
                write!(f, "its certificate is for {}", names(presented))
            }
            Self::CertificateExpired => f.write_str("its certificate is expired"),
            Self::CertificateNotYetValid => f.write_str("its certificate is not valid yet"),
            Self::ClientCertificateMissing => f.write_str("it demands a client certificate"),
            Self::ClientCertificateRefused { alert } => {
                write!(f, "it refused the client certificate ({alert})")
            }
            Self::NoSystemRoots { message } => f.write_str(message),
            Self::TlsFailed { message } => write!(f, "TLS failed: {message}"),
            Self::NotKafka { arrived } => {
                write!(f, "it does not speak Kafka's protocol ({arrived})")
            }
            Self::Closed { reason } => f.write_str(reason),
            Self::Versions { message } => f.write_str(message),
            Self::Refused { code } => write!(f, "answered with {code}"),
        }
    }
}

fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        "no host name".to_owned()
    } else {
        presented.join(", ")
    }
}

impl ConnectError {
    /// Whether the same attempt may succeed later without anybody changing anything.
    ///
    /// Some causes are guessed from the way in which a connection ended. Where the same settings
    /// have reached the cluster before, as is so for a broker that the cluster named, a broker that
    /// is just stopping or starting ends connections in the same ways.
    #[must_use]
    pub fn passing(&self) -> bool {
        let guessed = matches!(
            self.cause,
            ConnectCause::PlainTextListener
                | ConnectCause::TlsListener
                | ConnectCause::SaslExpected
                | ConnectCause::ClientCertificateMissing
        );
        match self.cause {
            ConnectCause::DoesNotResolve { temporary, .. } => temporary,
            _ => self.network() || (guessed && self.peer.broker.is_some()),
        }
    }

    /// Whether nothing but the network speaks from it.
    fn network(&self) -> bool {
        matches!(
            self.cause,
            ConnectCause::NothingListens
                | ConnectCause::TimedOut { .. }
                | ConnectCause::Network { .. }
                | ConnectCause::Closed { .. }
                | ConnectCause::DoesNotResolve { .. }
        )
    }

    /// How much the error tells: of the errors of several addresses the most telling is shown.
    pub(crate) fn weight(&self) -> (bool, Stage) {
        (!self.network(), self.stage)
    }

    /// The error in one line for the list of [`ConnectError::others`].
    pub(crate) fn line(&self) -> String {
        format!(
            "{}: {} failed: {}",
            self.peer.address, self.stage, self.cause
        )
    }

    fn code(&self) -> u16 {
        match self.cause {
            ConnectCause::DoesNotResolve { .. } => codes::DOES_NOT_RESOLVE,
            ConnectCause::NothingListens => codes::NOTHING_LISTENS,
            ConnectCause::TimedOut { .. } | ConnectCause::Network { .. } => codes::UNREACHABLE,
            ConnectCause::PlainTextListener => codes::PLAIN_TEXT_LISTENER,
            ConnectCause::TlsListener => codes::TLS_LISTENER,
            ConnectCause::SaslExpected => codes::SASL_EXPECTED,
            ConnectCause::PasswordRefused { .. } => codes::PASSWORD_REFUSED,
            ConnectCause::MechanismNotEnabled { .. } => codes::MECHANISM_NOT_ENABLED,
            ConnectCause::SaslNotExpected => codes::SASL_NOT_EXPECTED,
            ConnectCause::BrokerNotProven | ConnectCause::SaslFailed { .. } => {
                codes::BROKER_NOT_PROVEN
            }
            ConnectCause::UnknownAuthority => codes::UNKNOWN_AUTHORITY,
            ConnectCause::HostNameMismatch { .. } => codes::HOST_NAME_MISMATCH,
            ConnectCause::CertificateExpired | ConnectCause::CertificateNotYetValid => {
                codes::CERTIFICATE_NOT_VALID_NOW
            }
            ConnectCause::ClientCertificateMissing
            | ConnectCause::ClientCertificateRefused { .. } => codes::CLIENT_CERTIFICATE_REFUSED,
            ConnectCause::NoSystemRoots { .. } => codes::NO_SYSTEM_ROOTS,
            ConnectCause::TlsFailed { .. } => codes::TLS_FAILED,
            ConnectCause::NotKafka { .. } => codes::NOT_KAFKA,
            ConnectCause::Closed { .. } => codes::CLOSED_WHILE_CONNECTING,
            ConnectCause::Versions { .. } => codes::VERSIONS_REFUSED,
            ConnectCause::Refused { code } if code == ErrorCode::CLUSTER_AUTHORIZATION_FAILED => {
                codes::NOT_AUTHORIZED
            }
            ConnectCause::Refused { .. } => codes::ANSWERED,
        }
    }

    /// What happened, in one line.
    fn what(&self) -> String {
        let Peer {
            side,
            broker,
            address,
        } = self.peer.as_ref();
        let who = match broker {
            Some(broker) => format!("{side} broker {broker} ({address})"),
            None => format!("{side} {address}"),
        };
        let by = self
            .mechanism
            .map(|name| format!(" (SASL/{name})"))
            .unwrap_or_default();
        match &self.cause {
            ConnectCause::PasswordRefused { .. } => {
                let principal = self.principal.as_deref().unwrap_or("the client");
                format!("{side} refused the password for {principal}{by}")
            }
            ConnectCause::MechanismNotEnabled { offered } => {
                let name = self.mechanism.unwrap_or("the mechanism");
                format!(
                    "{side} does not offer SASL/{name}, but {}",
                    offered.join(", ")
                )
            }
            ConnectCause::SaslExpected => format!("{who} cut off a client without SASL"),
            cause => format!("{who}: {cause}"),
        }
    }

    /// The likely cause, and what to try next.
    fn advice(&self) -> (String, String) {
        let advertised = self.peer.broker.is_some();
        let (cause, next) = match &self.cause {
            ConnectCause::DoesNotResolve { .. } if advertised => (
                "the broker advertises a name that is only known inside of its own network?",
                "make the name resolvable here, or use the listener that is meant for this network",
            ),
            ConnectCause::DoesNotResolve { .. } => (
                "a typing error, or a name that is only known elsewhere?",
                "check bootstrap.servers",
            ),
            ConnectCause::NothingListens => (
                "the broker is down, or the port is wrong?",
                "check bootstrap.servers",
            ),
            ConnectCause::TimedOut { .. } | ConnectCause::Network { .. } => (
                "a firewall or security group drops the packets, or the host is down?",
                "test the way with a plain TCP connection from this machine",
            ),
            ConnectCause::PlainTextListener => (
                "the listener on this port speaks plain text?",
                "set security.protocol to PLAINTEXT or SASL_PLAINTEXT, or use the TLS port",
            ),
            ConnectCause::TlsListener => (
                "the listener on this port speaks TLS?",
                "set security.protocol to SSL or SASL_SSL, or use the plain text port",
            ),
            ConnectCause::SaslExpected => (
                "the listener expects SASL?",
                "set security.protocol to SASL_PLAINTEXT or SASL_SSL, and sasl.mechanism",
            ),
            ConnectCause::PasswordRefused { .. } => (
                "the password or key is wrong, expired, or belongs to another cluster?",
                "check sasl.jaas.config",
            ),
            ConnectCause::MechanismNotEnabled { .. } => (
                "the listener is set up for another mechanism",
                "set sasl.mechanism to one of those",
            ),
            ConnectCause::SaslNotExpected => (
                "the listener has no SASL",
                "set security.protocol to PLAINTEXT or SSL, or use the SASL port",
            ),
            ConnectCause::BrokerNotProven | ConnectCause::SaslFailed { .. } => (
                "something between this machine and the broker answers in its place?",
                "check bootstrap.servers, and prefer SASL_SSL",
            ),
            ConnectCause::UnknownAuthority => (
                "the cluster uses an authority of its own, or something intercepts TLS?",
                "set ssl.truststore.location and ssl.truststore.type to the authority's certificate",
            ),
            ConnectCause::HostNameMismatch { .. } => (
                "the certificate was made for other names, or the connection goes through a proxy?",
                "use one of those names, or set ssl.endpoint.identification.algorithm to nothing",
            ),
            ConnectCause::CertificateExpired | ConnectCause::CertificateNotYetValid => (
                "the certificate was not renewed, or this machine's clock is wrong?",
                "check both",
            ),
            ConnectCause::ClientCertificateMissing => (
                "the listener authenticates clients by certificate",
                "set ssl.keystore.location and ssl.keystore.type",
            ),
            ConnectCause::ClientCertificateRefused { .. } => (
                "the broker does not know the authority of the client certificate, or it is expired?",
                "check ssl.keystore.location against the broker's trust store",
            ),
            ConnectCause::NoSystemRoots { .. } => (
                "no trust store is set, and the system has none",
                "set ssl.truststore.location, or install the package ca-certificates",
            ),
            ConnectCause::TlsFailed { .. } => (
                "the two sides agree on no protocol version or cipher?",
                "see ssl.enabled.protocols",
            ),
            ConnectCause::NotKafka { .. } => (
                "the port belongs to another service?",
                "check bootstrap.servers",
            ),
            ConnectCause::Closed { .. } => (
                "the listener expects another security.protocol, or limits connections?",
                "check security.protocol, and the broker's log",
            ),
            ConnectCause::Versions { .. } => (
                "the broker is older than 2.8, or something stands in its place?",
                "check its version",
            ),
            ConnectCause::Refused { .. } => (
                "the principal may not describe the cluster?",
                "check the principal's ACLs",
            ),
        };
        (cause.to_owned(), next.to_owned())
    }
}

impl Explain for ConnectError {
    fn problem(&self) -> Problem {
        let (cause, next) = self.advice();
        let place = match self.peer.broker {
            Some(broker) => format!("broker {broker}, {}", self.peer.address),
            None => self.peer.address.clone(),
        };
        let mut problem = Problem::new(self.code(), self.what())
            .at(format!("{place}, {} ({})", self.protocol, self.stage))
            .cause(cause)
            .next(next);
        let message = match &self.cause {
            ConnectCause::PasswordRefused { message } => message.as_ref(),
            _ => None,
        };
        if let Some(message) = message {
            problem = problem.detail(format!("the broker says: {message}"));
        }
        for line in &self.others {
            problem = problem.detail(line.clone());
        }
        problem
    }
}
