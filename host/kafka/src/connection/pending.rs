//! An answer to come.

use super::Connection;
use super::in_flight::Reply;
use crate::error::KafkaError;
use crate::request::Api;
use bytes::Bytes;
use kafka_protocol::messages::ResponseHeader;
use kafka_protocol::protocol::{Decodable, HeaderVersion};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;

/// The answer to one request, as a future. Dropping it cancels nothing: the request goes out and
/// takes effect, only nobody hears of it.
///
/// It resolves to [`KafkaError::Disconnected`] when the connection ends first, to
/// [`KafkaError::TimedOut`] when the time limit passes, to [`KafkaError::Decode`] when the answer
/// is not understood. Error codes inside the answer are the caller's to read.
#[must_use = "an answer nobody awaits tells nobody of its error"]
pub struct Pending<T> {
    reply: oneshot::Receiver<Reply>,
    connection: Connection,
    api: Api,
    version: i16,
    decode: fn(&mut Bytes, i16) -> Result<T, String>,
    throttle_time_ms: fn(&T) -> i32,
}

impl<T> std::fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pending {} version {}", self.api, self.version)
    }
}

impl<T: Decodable + HeaderVersion> Pending<T> {
    pub(super) fn new(
        reply: oneshot::Receiver<Reply>,
        connection: Connection,
        api: Api,
        version: i16,
        throttle_time_ms: fn(&T) -> i32,
    ) -> Self {
        Self {
            reply,
            connection,
            api,
            version,
            decode: decode::<T>,
            throttle_time_ms,
        }
    }
}

impl<T> Pending<T> {
    /// The version in which the request was sent.
    #[must_use]
    pub fn version(&self) -> i16 {
        self.version
    }

    /// The raw answer, from the correlation id on; for answers whose form depends on themselves.
    pub(crate) async fn raw(self) -> Result<Bytes, KafkaError> {
        match self.reply.await {
            Ok(reply) => reply,
            Err(_) => Err(self.connection.lost(self.api)),
        }
    }

    fn read(&self, mut frame: Bytes) -> Result<T, KafkaError> {
        let answer =
            (self.decode)(&mut frame, self.version).map_err(|detail| KafkaError::Decode {
                peer: self.connection.peer().clone(),
                api: self.api,
                version: self.version,
                detail,
            })?;
        if let Ok(ms @ 1..) = u64::try_from((self.throttle_time_ms)(&answer)) {
            self.connection.throttled(Duration::from_millis(ms));
        }
        Ok(answer)
    }
}

impl Connection {
    /// The error of a request that was still queued when the connection ended.
    fn lost(&self, api: Api) -> KafkaError {
        let in_flight = &self.shared.in_flight;
        in_flight.disconnected(api, false, &in_flight.reason())
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, KafkaError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let reply = std::task::ready!(Pin::new(&mut self.reply).poll(context));
        Poll::Ready(match reply {
            Ok(Ok(frame)) => self.read(frame),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(self.connection.lost(self.api)),
        })
    }
}

/// Header, then body. Byte fields of the body are slices of `frame`.
pub(super) fn decode<T: Decodable + HeaderVersion>(
    frame: &mut Bytes,
    version: i16,
) -> Result<T, String> {
    ResponseHeader::decode(frame, T::header_version(version)).map_err(|error| error.to_string())?;
    T::decode(frame, version).map_err(|error| error.to_string())
}
