//! Client settings in the names that Kafka's clients use.
//!
//! Values come in resolved: placeholders are somebody else's work. What Kafka's own clients know
//! and Ferry has no use for is ignored with a note, so that an existing `client.properties` works
//! as it is; what nobody knows is refused with the nearest name.

mod address;
mod certificate_store;
mod der;
mod error;
mod jaas;
mod java_keystore;
mod librdkafka;
mod pem;
mod reader;
mod secret;
mod vocabulary;

pub use address::Address;
pub use error::SettingsError;
pub use secret::Secret;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What is spoken on a listener (`security.protocol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecurityProtocol {
    /// Neither TLS nor SASL.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without TLS.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// Every one, with its name.
    pub(crate) const ALL: [(&'static str, Self); 4] = [
        ("PLAINTEXT", Self::Plaintext),
        ("SSL", Self::Ssl),
        ("SASL_PLAINTEXT", Self::SaslPlaintext),
        ("SASL_SSL", Self::SaslSsl),
    ];

    /// Whether it uses TLS.
    #[must_use]
    pub fn tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Whether it uses SASL.
    #[must_use]
    pub fn sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    /// The name in settings: `SASL_SSL`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a principal proves itself (`sasl.mechanism`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// The password itself (RFC 4616).
    Plain,
    /// A proof of the password with SHA-256 (RFC 7677).
    ScramSha256,
    /// A proof of the password with SHA-512.
    ScramSha512,
}

impl Mechanism {
    /// Every one, with its name.
    pub(crate) const ALL: [(&'static str, Self); 3] = [
        ("PLAIN", Self::Plain),
        ("SCRAM-SHA-256", Self::ScramSha256),
        ("SCRAM-SHA-512", Self::ScramSha512),
    ];

    /// The name on the wire: `SCRAM-SHA-512`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Who to be, by SASL.
#[derive(Debug, Clone)]
pub struct SaslSettings {
    /// How to prove it.
    pub mechanism: Mechanism,
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// Whom to trust.
#[derive(Clone)]
pub enum Trust {
    /// The authorities that the system trusts.
    System,
    /// These authorities, or these very certificates.
    Certificates(Vec<CertificateDer<'static>>),
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("System"),
            Self::Certificates(list) => write!(f, "{} certificates", list.len()),
        }
    }
}

/// Who to be, by certificate.
pub struct Identity {
    /// The certificate and those of its issuers, in order.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a chain of {} certificates and its key",
            self.chain.len()
        )
    }
}

/// TLS as the settings ask for it.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// Whom to trust.
    pub trust: Trust,
    /// Who to be; none where the client shows no certificate.
    pub identity: Option<Identity>,
    /// Whether the broker's certificate must be for the host that was dialled
    /// (`ssl.endpoint.identification.algorithm`).
    pub verify_host_name: bool,
    /// Whether TLS 1.2 may be spoken (`ssl.enabled.protocols`).
    pub tls12: bool,
    /// Whether TLS 1.3 may be spoken.
    pub tls13: bool,
}

/// Everything that a client needs to know. Its `Debug` form holds no secret.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// Where to begin (`bootstrap.servers`).
    pub bootstrap_servers: Vec<Address>,
    /// What to speak.
    pub protocol: SecurityProtocol,
    /// Who to be by SASL; present exactly where the protocol uses SASL.
    pub sasl: Option<SaslSettings>,
    /// TLS; present exactly where the protocol uses TLS.
    pub tls: Option<TlsSettings>,
    /// The name that the brokers log (`client.id`), `ferry` unless set.
    pub client_id: String,
    /// How long a single request may take (`request.timeout.ms`), 30 s unless set.
    pub request_timeout: Duration,
    /// How long an operation may take with all its attempts (`default.api.timeout.ms`), 60 s unless
    /// set.
    pub operation_timeout: Duration,
    /// How long a connection may take to come up (`socket.connection.setup.timeout.ms`), at most
    /// and by default 9 s.
    pub connect_timeout: Duration,
    /// The first wait between attempts (`retry.backoff.ms`), 100 ms unless set.
    pub retry_backoff: Duration,
    /// The greatest wait between attempts (`retry.backoff.max.ms`), 1 s unless set.
    pub retry_backoff_max: Duration,
    /// The first wait before a broker is dialled again (`reconnect.backoff.ms`), 50 ms unless set.
    pub reconnect_backoff: Duration,
    /// The greatest wait before a broker is dialled again (`reconnect.backoff.max.ms`), 1 s unless
    /// set.
    pub reconnect_backoff_max: Duration,
    /// Settings that were ignored, with the reason, for people.
    pub notes: Vec<String>,
}

impl ClientSettings {
    /// Reads settings in the names of Kafka's clients. Key stores and trust stores are read from
    /// disk here.
    ///
    /// # Errors
    /// [`SettingsError`] names the key, and the value where it is no secret.
    pub fn from_properties(properties: &BTreeMap<String, String>) -> Result<Self, SettingsError> {
        reader::read(properties)
    }

    /// The same security for librdkafka, with every certificate and key as PEM text. Holds secrets.
    #[must_use]
    pub fn to_librdkafka(&self) -> Vec<(String, String)> {
        librdkafka::convert(self)
    }

    /// The principal that SASL gives, as `User:name`; none where it comes from a certificate.
    #[must_use]
    pub fn principal(&self) -> Option<String> {
        self.sasl
            .as_ref()
            .map(|sasl| format!("User:{}", sasl.username))
    }
}
