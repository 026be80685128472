//! The task that writes requests, and renews the session.
//!
//! While a session is renewed nothing else may be sent: the broker would take it for a breach of
//! the SASL exchange. The writer therefore runs the exchange itself, and requests wait in its
//! queue.

use super::in_flight::{InFlight, Waiting};
use super::{Options, pending, reader};
use crate::error::{CloseReason, KafkaError};
use crate::frame::Frame;
use crate::request::Request;
use crate::sasl::{self, Exchange};
use crate::settings::SaslSettings;
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How many bytes are collected before they are written together. One request may exceed it.
const COALESCED_BYTES: usize = 1024 * 1024;

/// When in its lifetime a session is renewed: after 85 % (Apache Kafka's client: between 85 and
/// 95 %).
const RENEW_AFTER: f64 = 0.85;

/// What the writer is told to do.
pub(super) enum Order {
    /// Write a frame.
    Write {
        /// Who waits for the answer.
        waiting: Waiting,
        /// The frame.
        frame: Frame,
    },
    /// Renew the session before `lifetime` ends, from now on.
    Renew {
        /// Who to be.
        sasl: SaslSettings,
        /// How long the session lives.
        lifetime: Duration,
    },
}

/// Writes until the connection is closed or nobody can send any more.
pub(super) async fn run<W: AsyncWrite + Unpin + Send>(
    stream: W,
    orders: mpsc::UnboundedReceiver<Order>,
    in_flight: Arc<InFlight>,
    options: Options,
) {
    let mut writer = Writer {
        stream,
        in_flight: Arc::clone(&in_flight),
        options,
        renewal: None,
    };
    let ended = tokio::select! {
        biased;
        ended = writer.serve(orders) => ended,
        () = in_flight.closed() => return,
    };
    match ended {
        // The stream stays open for the answers: a broker drops what it owes a peer that hung up.
        Ok(()) => {
            in_flight.drain();
            in_flight.closed().await;
        }
        Err(reason) => in_flight.close(&reason),
    }
}

struct Writer<W> {
    stream: W,
    in_flight: Arc<InFlight>,
    options: Options,
    renewal: Option<Renewal>,
}

/// When the session is to be renewed, and as whom.
struct Renewal {
    at: Instant,
    sasl: SaslSettings,
}

impl Renewal {
    fn new(sasl: SaslSettings, lifetime: Duration) -> Self {
        Self {
            at: Instant::now() + lifetime.mul_f64(RENEW_AFTER),
            sasl,
        }
    }
}

impl<W: AsyncWrite + Unpin + Send> Writer<W> {
    async fn serve(
        &mut self,
        mut orders: mpsc::UnboundedReceiver<Order>,
    ) -> Result<(), CloseReason> {
        let mut segments = Segments::default();
        loop {
            let order = tokio::select! {
                biased;
                () = due(self.renewal.as_ref()) => {
                    self.renew().await?;
                    continue;
                }
                order = orders.recv() => order,
            };
            let Some(order) = order else { return Ok(()) };
            self.take(order, &mut segments);
            while segments.bytes < COALESCED_BYTES {
                let Ok(order) = orders.try_recv() else { break };
                self.take(order, &mut segments);
            }
            self.write(&mut segments).await?;
        }
    }

    fn take(&mut self, order: Order, segments: &mut Segments) {
        match order {
            Order::Write { waiting, mut frame } => {
                // On a closed connection the waiter is dropped, which tells it that nothing was
                // sent; the writer ends at its next step.
                if let Ok(id) = self.in_flight.register(waiting) {
                    frame.set_correlation_id(id);
                    segments.push(frame);
                }
            }
            Order::Renew { sasl, lifetime } => {
                self.renewal = Some(Renewal::new(sasl, lifetime));
            }
        }
    }

    async fn write(&mut self, segments: &mut Segments) -> Result<(), CloseReason> {
        if !segments.has_remaining() {
            return Ok(());
        }
        let broken = |error: io::Error| reader::broken(&error);
        while segments.has_remaining() {
            if !self.in_flight.may_send() {
                return Err(CloseReason::GateShut);
            }
            let written = self.stream.write_buf(segments).await.map_err(broken)?;
            if written == 0 {
                return Err(CloseReason::Ended);
            }
        }
        self.stream.flush().await.map_err(broken)
    }

    /// Proves again who this is, on the connection as it stands (KIP-368).
    async fn renew(&mut self) -> Result<(), CloseReason> {
        let Some(renewal) = self.renewal.take() else {
            return Ok(());
        };
        let lifetime = sasl::authenticate(self, &renewal.sasl)
            .await
            .map_err(|error| CloseReason::SessionNotRenewed(error.to_string()))?;
        tracing::debug!(peer = %self.in_flight.peer(), "session renewed");
        self.renewal = lifetime.map(|lifetime| Renewal::new(renewal.sasl, lifetime));
        Ok(())
    }
}

impl<W: AsyncWrite + Unpin + Send> Exchange for Writer<W> {
    /// A broker that limits the life of a session speaks version 1 at least.
    fn authenticate_version(&self) -> i16 {
        1
    }

    async fn exchange<R: Request>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Result<R::Response, KafkaError> {
        let encoded = Frame::encode(request, version, &self.options.client_id);
        let mut frame = encoded.map_err(|error| KafkaError::Encode {
            api: R::API,
            version,
            detail: error.to_string(),
        })?;
        let (waiting, reply) = Waiting::new(R::API, self.options.request_timeout, None);
        frame.set_correlation_id(self.in_flight.register(waiting)?);
        let mut segments = Segments::default();
        segments.push(frame);
        if let Err(reason) = self.write(&mut segments).await {
            return Err(self.in_flight.disconnected(R::API, true, &reason));
        }
        let lost = |_| {
            self.in_flight
                .disconnected(R::API, true, &self.in_flight.reason())
        };
        let mut frame = reply.await.map_err(lost)??;
        pending::decode(&mut frame, version).map_err(|detail| KafkaError::Decode {
            peer: self.in_flight.peer().clone(),
            api: R::API,
            version,
            detail,
        })
    }
}

/// Resolves when the session is to be renewed; never without one.
async fn due(renewal: Option<&Renewal>) {
    match renewal {
        Some(renewal) => tokio::time::sleep_until(renewal.at).await,
        None => std::future::pending().await,
    }
}

/// Bytes to write, in pieces that stay where they are.
#[derive(Default)]
struct Segments {
    queue: VecDeque<Bytes>,
    bytes: usize,
}

impl Segments {
    fn push(&mut self, frame: Frame) {
        for segment in frame.into_segments().filter(|segment| !segment.is_empty()) {
            self.bytes += segment.len();
            self.queue.push_back(segment);
        }
    }
}

impl Buf for Segments {
    fn remaining(&self) -> usize {
        self.bytes
    }

    fn chunk(&self) -> &[u8] {
        self.queue
            .front()
            .map(|segment| &segment[..])
            .unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(&self.queue);
        filled
            .map(|(slice, segment)| *slice = IoSlice::new(segment))
            .count()
    }

    fn advance(&mut self, mut count: usize) {
        self.bytes = self.bytes.saturating_sub(count);
        while let Some(segment) = self.queue.front_mut() {
            if count < segment.len() {
                segment.advance(count);
                return;
            }
            count -= segment.len();
            self.queue.pop_front();
        }
    }
}
