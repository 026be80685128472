//! The first connection of a client: of several addresses the first that answers, and of several
//! failures the one that tells most.

use crate::client::metadata_request;
use crate::connect_error::{ConnectCause, ConnectError, Stage};
use crate::connection::Connection;
use crate::dial::Dialer;
use crate::network::Network;
use crate::settings::{Address, ClientSettings};
use crate::throttle::ThrottleGauge;
use crate::tls::{self, TlsError};
use ferry_model::identity::Side;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use kafka_protocol::messages::MetadataResponse;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long one address may take before the next one is tried beside it.
const STAGGER: Duration = Duration::from_millis(500);

/// How many addresses are tried side by side.
const ADDRESSES_MAX: usize = 16;

/// Sets up TLS, then dials.
pub(crate) async fn connect(
    settings: ClientSettings,
    side: Side,
) -> Result<(Arc<Dialer>, Connection, MetadataResponse), ConnectError> {
    let settings = Arc::new(settings);
    let tls = match &settings.tls {
        None => None,
        Some(_) => {
            let shared = Arc::clone(&settings);
            let configured = tokio::task::spawn_blocking(move || {
                shared.tls.as_ref().map(tls::configure).transpose()
            });
            let configured = configured
                .await
                .unwrap_or_else(|error| Err(TlsError::Verifier(error.to_string())));
            match configured {
                Ok(tls) => tls,
                Err(error) => {
                    return Err(Dialer::new(settings, side, None).not_configured(&error));
                }
            }
        }
    };
    let dialer = Arc::new(Dialer::new(settings, side, tls));
    let (connection, response) = dial_any(&dialer).await?;
    Ok((dialer, connection, response))
}

/// Dials over a network of the caller's.
pub(crate) async fn connect_over(
    settings: ClientSettings,
    side: Side,
    network: Arc<dyn Network>,
) -> Result<(Arc<Dialer>, Connection, MetadataResponse), ConnectError> {
    let dialer = Arc::new(Dialer::over(Arc::new(settings), side, network));
    let (connection, response) = dial_any(&dialer).await?;
    Ok((dialer, connection, response))
}

/// Dials the addresses of `bootstrap.servers`, each some time after the one before unless that one
/// failed already, and returns the first connection that answers a request for metadata.
pub(crate) async fn dial_any(
    dialer: &Dialer,
) -> Result<(Connection, MetadataResponse), ConnectError> {
    let deadline = dialer.deadline();
    let mut addresses = dialer
        .settings()
        .bootstrap_servers
        .iter()
        .take(ADDRESSES_MAX);
    let mut attempts = FuturesUnordered::new();
    let mut failures: Vec<ConnectError> = Vec::new();
    loop {
        let next = addresses.next();
        let more = next.is_some();
        if let Some(address) = next {
            attempts.push(dial_one(dialer, address, deadline));
        }
        let patience = if more {
            Instant::now() + STAGGER
        } else {
            deadline + STAGGER
        };
        match timeout_at(patience, attempts.next()).await {
            Ok(Some(Ok(ready))) => return Ok(ready),
            Ok(Some(Err(error))) => failures.push(error),
            Ok(None) | Err(_) if !more => break,
            Ok(None) | Err(_) => {}
        }
        // A refused password is not tried on every address: it could lock the account.
        let refused =
            |error: &ConnectError| matches!(error.cause, ConnectCause::PasswordRefused { .. });
        if failures.iter().any(refused) {
            break;
        }
    }
    Err(most_telling(failures, dialer))
}

async fn dial_one(
    dialer: &Dialer,
    address: &Address,
    deadline: Instant,
) -> Result<(Connection, MetadataResponse), ConnectError> {
    let connection = dialer
        .dial(address, None, ThrottleGauge::default(), deadline)
        .await?;
    let request = metadata_request(&[]);
    let failed = |error| dialer.first_request_failed(connection.peer(), &error);
    let answer = timeout_at(deadline, connection.call(&request)).await;
    let response = match answer {
        Ok(answer) => answer.map_err(failed)?,
        Err(_) => return Err(dialer.late(connection.peer(), Stage::Metadata)),
    };
    Ok((connection, response))
}

fn most_telling(mut failures: Vec<ConnectError>, dialer: &Dialer) -> ConnectError {
    let best = failures
        .iter()
        .enumerate()
        .max_by_key(|(index, error)| (error.weight(), std::cmp::Reverse(*index)));
    let Some((best, _)) = best else {
        return dialer.no_address();
    };
    let mut error = failures.swap_remove(best);
    error.others = failures.iter().map(ConnectError::line).collect();
    error
}
