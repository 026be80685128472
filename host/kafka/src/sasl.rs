//! Proving who this is (KIP-43, KIP-152), and again before the session ends (KIP-368).

use crate::connect_error::ConnectCause;
use crate::error::KafkaError;
use crate::error_code::ErrorCode;
use crate::request::Request;
use crate::settings::SaslSettings;
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;
use rsasl::config::SASLConfig;
use rsasl::mechname::Mechname;
use rsasl::prelude::{SASLClient, Session, SessionError, State};
use std::time::Duration;

/// More steps than any mechanism has.
const STEPS_MAX: usize = 8;

/// The iterations of SCRAM that are accepted: fewer make the password easy to guess (RFC 7677), more
/// would keep this machine busy at the server's will.
const ITERATIONS: std::ops::RangeInclusive<u32> = 4_096..=1_000_000;

/// How requests of the exchange are sent: over a fresh connection, or in the middle of its work.
pub(crate) trait Exchange {
    /// The version of `SaslAuthenticate` to use.
    fn authenticate_version(&self) -> i16;

    /// Sends `request` in `version` and awaits the answer.
    fn exchange<R: Request>(
        &mut self,
        request: &R,
        version: i16,
    ) -> impl Future<Output = Result<R::Response, KafkaError>> + Send;
}

/// Why the exchange failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SaslError {
    /// A request failed.
    #[error(transparent)]
    Request(#[from] KafkaError),
    /// The broker, or this side, refused. The flag says whether the mechanism was agreed on.
    #[error("{cause}")]
    Refused {
        /// Why.
        cause: ConnectCause,
        /// Whether the credentials were under way already.
        agreed: bool,
    },
}

/// Agrees on the mechanism, exchanges the proofs, and returns how long the session lives; none where
/// it lives for ever.
pub(crate) async fn authenticate<E: Exchange + Send>(
    connection: &mut E,
    settings: &SaslSettings,
) -> Result<Option<Duration>, SaslError> {
    agree(connection, settings).await?;
    let mut session = start(settings)?;
    let mut challenge: Option<Vec<u8>> = None;
    let mut lifetime = None;
    for _ in 0..STEPS_MAX {
        let mut proof = Vec::new();
        if let Some(challenge) = &challenge {
            check_iterations(challenge)?;
        }
        let state = session
            .step(challenge.as_deref(), &mut proof)
            .map_err(|error| refused(explain(&error)))?;
        if matches!(state, State::Finished(_)) && proof.is_empty() {
            return Ok(lifetime);
        }
        let request = SaslAuthenticateRequest::default().with_auth_bytes(proof.into());
        let version = connection.authenticate_version();
        let answer = connection.exchange(&request, version).await?;
        if answer.error_code != 0 {
            return Err(refused(answered(
                ErrorCode(answer.error_code),
                answer
                    .error_message
                    .as_ref()
                    .map(|message| message.to_string()),
            )));
        }
        lifetime = u64::try_from(answer.session_lifetime_ms)
            .ok()
            .filter(|ms| *ms > 0)
            .map(Duration::from_millis);
        if matches!(state, State::Finished(_)) {
            return Ok(lifetime);
        }
        challenge = Some(answer.auth_bytes.to_vec());
    }
    Err(refused(ConnectCause::SaslFailed {
        message: "it does not come to an end".to_owned(),
    }))
}

async fn agree<E: Exchange + Send>(
    connection: &mut E,
    settings: &SaslSettings,
) -> Result<(), SaslError> {
    let mechanism = StrBytes::from_static_str(settings.mechanism.as_str());
    let request = SaslHandshakeRequest::default().with_mechanism(mechanism);
    let answer = connection.exchange(&request, 1).await?;
    let cause = match ErrorCode(answer.error_code) {
        ErrorCode::NONE => return Ok(()),
        ErrorCode::UNSUPPORTED_SASL_MECHANISM => {
            let offered = answer.mechanisms.iter().map(ToString::to_string).collect();
            ConnectCause::MechanismNotEnabled { offered }
        }
        ErrorCode::ILLEGAL_SASL_STATE => ConnectCause::SaslNotExpected,
        code => ConnectCause::SaslFailed {
            message: code.to_string(),
        },
    };
    Err(SaslError::Refused {
        cause,
        agreed: false,
    })
}

fn start(settings: &SaslSettings) -> Result<Session, SaslError> {
    let failed = |message: String| refused(ConnectCause::SaslFailed { message });
    let config = SASLConfig::with_credentials(
        None,
        settings.username.clone(),
        settings.password.reveal().to_owned(),
    )
    .map_err(|error| failed(error.to_string()))?;
    let name = Mechname::parse(settings.mechanism.as_str().as_bytes())
        .map_err(|_| failed(format!("{} is no mechanism", settings.mechanism)))?;
    SASLClient::new(config)
        .start_suggested(&[name])
        .map_err(|error| failed(error.to_string()))
}

/// Reads the iterations from a server's first message of SCRAM, `r=...,s=...,i=4096`.
fn check_iterations(challenge: &[u8]) -> Result<(), SaslError> {
    let text = String::from_utf8_lossy(challenge);
    let Some(count) = text.split(',').find_map(|part| part.strip_prefix("i=")) else {
        return Ok(());
    };
    match count.parse::<u32>() {
        Ok(count) if ITERATIONS.contains(&count) => Ok(()),
        _ => Err(refused(ConnectCause::SaslFailed {
            message: format!("the broker asks for {count} iterations"),
        })),
    }
}

fn refused(cause: ConnectCause) -> SaslError {
    SaslError::Refused {
        cause,
        agreed: true,
    }
}

fn answered(code: ErrorCode, message: Option<String>) -> ConnectCause {
    match code {
        ErrorCode::SASL_AUTHENTICATION_FAILED => ConnectCause::PasswordRefused { message },
        ErrorCode::ILLEGAL_SASL_STATE => ConnectCause::SaslNotExpected,
        code => ConnectCause::SaslFailed {
            message: message.map_or(code.to_string(), |message| format!("{code}: {message}")),
        },
    }
}

fn explain(error: &SessionError) -> ConnectCause {
    match error {
        SessionError::MutualAuthenticationFailed => ConnectCause::BrokerNotProven,
        other => ConnectCause::SaslFailed {
            message: other.to_string(),
        },
    }
}
