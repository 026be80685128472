//! The kinds of listeners a node can open for clients, and how a client logs in.

use std::fmt;

/// A kind of listener for clients; each node opens one of every kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Listener {
    /// No encryption, no login: every client is `User:ANONYMOUS`.
    Plaintext,
    /// No encryption; login with SCRAM-SHA-512 or PLAIN.
    SaslPlaintext,
    /// TLS with a server certificate; login with SCRAM-SHA-512 or PLAIN.
    SaslSsl,
    /// TLS that demands a client certificate; the principal is its common name.
    Ssl,
}

impl Listener {
    /// The name of the listener, which is also its security protocol: `SASL_SSL`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
            Self::Ssl => "SSL",
        }
    }

    /// Whether its connections are encrypted.
    #[must_use]
    pub fn uses_tls(self) -> bool {
        matches!(self, Self::SaslSsl | Self::Ssl)
    }

    /// Whether clients log in with a name and a password.
    #[must_use]
    pub fn uses_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a client proves its password; every SASL listener accepts both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mechanism {
    /// The password is never sent (RFC 5802); users are stored in the cluster's metadata.
    ScramSha512,
    /// The password is sent as it is (RFC 4616); users are listed in the configuration.
    Plain,
}

impl Mechanism {
    /// The registered name: `SCRAM-SHA-512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::Plain => "PLAIN",
        }
    }

    /// The value of `sasl.jaas.config` with which a client logs in.
    pub(crate) fn client_login(self, user: &str, password: &str) -> String {
        let module = self.login_module();
        format!("{module} required username=\"{user}\" password=\"{password}\";")
    }

    /// The class of Kafka's login module.
    pub(crate) fn login_module(self) -> &'static str {
        match self {
            Self::ScramSha512 => "org.apache.kafka.common.security.scram.ScramLoginModule",
            Self::Plain => "org.apache.kafka.common.security.plain.PlainLoginModule",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
