//! One connection to one broker: requests leave in call order on one socket, answers are matched by
//! correlation id.
//!
//! Two tasks serve a connection. The writer takes encoded frames from a queue and writes as many as
//! are there at once; the reader hands each answer to the [`Pending`] that waits for it. Both end
//! when the connection is closed, for whatever reason; closing fails everything that waits.

mod in_flight;
mod pending;
mod reader;
mod writer;

pub use pending::Pending;

use crate::api_versions::BrokerVersions;
use crate::buffers::Buffers;
use crate::error::{CloseReason, KafkaError, Peer};
use crate::frame::Frame;
use crate::gate::Gate;
use crate::request::Request;
use crate::settings::SaslSettings;
use crate::throttle::{Throttle, ThrottleGauge};
use in_flight::{InFlight, Waiting};
use kafka_protocol::protocol::StrBytes;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use writer::Order;

/// How many requests may wait for their answers on one connection.
pub const IN_FLIGHT_MAX: usize = 512;

/// A connection to one broker. Cheap to clone; the socket closes when the last clone and the last
/// [`Pending`] are gone and everything queued was written and answered.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
}

struct Shared {
    client_id: StrBytes,
    request_timeout: Duration,
    in_flight: Arc<InFlight>,
    orders: mpsc::UnboundedSender<Order>,
    versions: OnceLock<BrokerVersions>,
    throttle: ThrottleGauge,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection to {}", self.shared.in_flight.peer())
    }
}

impl Connection {
    /// Starts the two tasks over a stream that is ready for frames.
    pub(crate) fn start<R, W>(read: R, write: W, peer: Arc<Peer>, options: Options) -> Self
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let in_flight = Arc::new(InFlight::new(peer, IN_FLIGHT_MAX));
        // Bounded by the slots of `in_flight`: every queued frame holds one.
        let (orders, queue) = mpsc::unbounded_channel();
        crate::task::spawn(reader::run(
            read,
            Arc::clone(&in_flight),
            options.buffers.clone(),
        ));
        crate::task::spawn(writer::run(
            write,
            queue,
            Arc::clone(&in_flight),
            options.clone(),
        ));
        let shared = Shared {
            client_id: options.client_id,
            request_timeout: options.request_timeout,
            in_flight,
            orders,
            versions: OnceLock::new(),
            throttle: options.throttle,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> &Arc<Peer> {
        self.shared.in_flight.peer()
    }

    /// The version of `R` that is spoken: the highest that the broker and this client's own table
    /// have in common; none where there is none.
    #[must_use]
    pub fn version<R: Request>(&self) -> Option<i16> {
        self.shared.versions.get()?.negotiate::<R>()
    }

    /// What the broker said it speaks.
    #[must_use]
    pub fn broker_versions(&self) -> Option<&BrokerVersions> {
        self.shared.versions.get()
    }

    pub(crate) fn set_versions(&self, versions: BrokerVersions) {
        // Asked for once, before anybody else has the connection.
        let _ = self.shared.versions.set(versions);
    }

    /// Encodes `request` and queues it at once. Requests leave in the order of these calls. The
    /// answer is awaited on the returned [`Pending`]; dropping it cancels nothing.
    ///
    /// # Errors
    /// [`KafkaError::Unsupported`] without a common version, [`KafkaError::Encode`],
    /// [`KafkaError::TooManyInFlight`] when [`IN_FLIGHT_MAX`] requests wait already, and
    /// [`KafkaError::Disconnected`] on a dead connection. Nothing was sent then.
    pub fn send<R: Request>(&self, request: &R) -> Result<Pending<R::Response>, KafkaError> {
        self.send_within(request, self.shared.request_timeout)
    }

    /// As [`Connection::send`], with a time limit of its own instead of `request.timeout.ms`.
    ///
    /// # Errors
    /// Those of [`Connection::send`].
    pub fn send_within<R: Request>(
        &self,
        request: &R,
        timeout: Duration,
    ) -> Result<Pending<R::Response>, KafkaError> {
        let version = self.negotiated::<R>()?;
        self.send_version(request, version, timeout)
    }

    /// Sends `request` and awaits its answer.
    ///
    /// # Errors
    /// Those of [`Connection::send`], and those that [`Pending`] resolves to.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Response, KafkaError> {
        self.send(request)?.await
    }

    /// Whether requests can still be sent.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.shared.in_flight.is_open()
    }

    /// Resolves when the connection is closed, for whatever reason.
    pub async fn closed(&self) {
        self.shared.in_flight.closed().await;
    }

    /// Closes the connection now. Whatever waits for an answer fails, and the outcome of writes
    /// that were sent is unknown then.
    pub fn close(&self) {
        self.shared.in_flight.close(&CloseReason::ClosedHere);
    }

    /// How much the broker has throttled this client, over all connections to it.
    #[must_use]
    pub fn throttle(&self) -> Throttle {
        self.shared.throttle.read()
    }

    /// Follows how much the broker throttles this client.
    #[must_use]
    pub fn watch_throttle(&self) -> watch::Receiver<Throttle> {
        self.shared.throttle.watch()
    }

    /// From now on nothing leaves while `gate` is shut: the connection is closed instead, in the
    /// middle of a frame if need be. The first gate stays.
    pub fn heed(&self, gate: &Gate) {
        self.shared.in_flight.heed(gate);
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        self.shared.request_timeout
    }

    /// Has the session renewed again and again, beginning before `lifetime` ends (KIP-368).
    pub(crate) fn renew_session(&self, sasl: SaslSettings, lifetime: Duration) {
        // A closed queue means a closed connection: there is no session to renew.
        let _ = self.shared.orders.send(Order::Renew { sasl, lifetime });
    }

    pub(crate) fn negotiated<R: Request>(&self) -> Result<i16, KafkaError> {
        self.version::<R>().ok_or_else(|| {
            let offered = self
                .shared
                .versions
                .get()
                .and_then(|versions| versions.range(R::API));
            KafkaError::Unsupported {
                peer: self.peer().clone(),
                api: R::API,
                offered: offered.map(|range| format!("{} to {}", range.min, range.max)),
                needed: format!("{} to {}", R::VERSIONS.min, R::VERSIONS.max),
            }
        })
    }

    /// Encodes `request` in `version`, whatever was negotiated, and queues it.
    pub(crate) fn send_version<R: Request>(
        &self,
        request: &R,
        version: i16,
        timeout: Duration,
    ) -> Result<Pending<R::Response>, KafkaError> {
        let in_flight = &self.shared.in_flight;
        let slot = in_flight.slot(R::API)?;
        let frame = Frame::encode(request, version, &self.shared.client_id).map_err(|error| {
            KafkaError::Encode {
                api: R::API,
                version,
                detail: error.to_string(),
            }
        })?;
        let wait = self.shared.throttle.remaining();
        let (waiting, reply) = Waiting::new(R::API, timeout + wait, slot);
        let order = Order::Write { waiting, frame };
        if !in_flight.is_open() || self.shared.orders.send(order).is_err() {
            return Err(in_flight.disconnected(R::API, false, &in_flight.reason()));
        }
        Ok(Pending::new(
            reply,
            self.clone(),
            R::API,
            version,
            R::throttle_time_ms,
        ))
    }

    fn throttled(&self, by: Duration) {
        self.shared.throttle.add(by);
        self.shared.in_flight.postpone(by);
    }
}

/// What a connection is told when it starts.
#[derive(Clone)]
pub(crate) struct Options {
    /// The name that the broker logs.
    pub(crate) client_id: StrBytes,
    /// How long a request may take.
    pub(crate) request_timeout: Duration,
    /// Where large answers are put.
    pub(crate) buffers: Buffers,
    /// Where throttle times of the broker are summed up.
    pub(crate) throttle: ThrottleGauge,
}

#[cfg(test)]
mod tests;
