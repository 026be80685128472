//! What the end of a young connection means: guessing the mistake from what was spoken, how far it
//! came, and the bytes or the alert at its end.

use crate::connect_error::{ConnectCause, Stage};
use crate::error::CloseReason;
use crate::settings::SecurityProtocol;

/// What the end of a connection means at `stage`, by what was spoken.
pub(crate) fn diagnose(
    protocol: SecurityProtocol,
    stage: Stage,
    has_identity: bool,
    reason: &CloseReason,
) -> ConnectCause {
    match reason {
        CloseReason::Tls(error) => diagnose_tls(error, has_identity),
        CloseReason::NotAFrame([0x14..=0x17, 3, _, _]) => ConnectCause::TlsListener,
        CloseReason::NotAFrame(bytes) => ConnectCause::NotKafka {
            arrived: format!("it answers {:?}", String::from_utf8_lossy(bytes)),
        },
        // A listener with TLS takes the first bytes of plain text for a broken handshake and hangs
        // up, with or without an alert; one without TLS answers API versions to everybody.
        CloseReason::Ended | CloseReason::Io { .. }
            if stage == Stage::ApiVersions && !protocol.tls() =>
        {
            ConnectCause::TlsListener
        }
        // Brokers answer API versions before authentication and nothing else.
        CloseReason::Ended | CloseReason::Io { .. }
            if stage == Stage::Metadata && !protocol.sasl() =>
        {
            ConnectCause::SaslExpected
        }
        CloseReason::Ended | CloseReason::Io { .. }
            if stage == Stage::ApiVersions && protocol.tls() && !has_identity =>
        {
            ConnectCause::ClientCertificateMissing
        }
        other => ConnectCause::Closed {
            reason: other.to_string(),
        },
    }
}

/// What an error of the TLS library means.
pub(crate) fn diagnose_tls(error: &rustls::Error, has_identity: bool) -> ConnectCause {
    use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error};
    match error {
        // The second: an authority of the right name with another key.
        Error::InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature) => {
            ConnectCause::UnknownAuthority
        }
        Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            ConnectCause::CertificateExpired
        }
        Error::InvalidCertificate(
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. },
        ) => ConnectCause::CertificateNotYetValid,
        Error::InvalidCertificate(Certificate::NotValidForName) => ConnectCause::HostNameMismatch {
            presented: Vec::new(),
        },
        Error::InvalidCertificate(Certificate::NotValidForNameContext { presented, .. }) => {
            ConnectCause::HostNameMismatch {
                presented: presented.iter().map(|name| plain_name(name)).collect(),
            }
        }
        Error::AlertReceived(Alert::CertificateRequired) => ConnectCause::ClientCertificateMissing,
        // Java's server answers the lack of a certificate with this alert.
        Error::AlertReceived(Alert::BadCertificate) if !has_identity => {
            ConnectCause::ClientCertificateMissing
        }
        Error::AlertReceived(
            alert @ (Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied),
        ) => ConnectCause::ClientCertificateRefused {
            alert: format!("{alert:?}"),
        },
        Error::InvalidMessage(_) => ConnectCause::PlainTextListener,
        other => ConnectCause::TlsFailed {
            message: other.to_string(),
        },
    }
}

/// `DnsName("b-1.example")`, as the TLS library writes names, without its wrapping.
fn plain_name(name: &str) -> String {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}
