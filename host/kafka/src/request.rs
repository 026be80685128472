//! What a request of the protocol is to this client: its API, the versions that it speaks, its
//! answer, and whether it changes anything.

use crate::frame::{EncodeError, FrameBuilder};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, VersionRange};
use std::fmt;

/// An API of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Api {
    /// Its key on the wire.
    pub key: i16,
    /// Its name in Apache Kafka's sources: `ListOffsets`.
    pub name: &'static str,
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// Whether a request can leave something behind. Decides what an unanswered one means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only reads: asking again is always safe.
    Reads,
    /// It changes something: without an answer its outcome is unknown.
    Writes,
}

/// A request that this client can send. Implemented for the messages of `kafka-protocol` in the
/// table of `api_versions.rs`, which bounds the versions.
pub trait Request: HeaderVersion + Send + Sync {
    /// The answer.
    type Response: Decodable + HeaderVersion + Send + 'static;
    /// The API.
    const API: Api;
    /// The versions that this client speaks; the highest one that the broker speaks too is used.
    const VERSIONS: VersionRange;
    /// Whether it changes anything.
    const EFFECT: Effect;

    /// For how many milliseconds the broker throttles the client, as the answer says (KIP-219).
    fn throttle_time_ms(response: &Self::Response) -> i32;

    /// Writes the body, after the header, into `frame`.
    ///
    /// # Errors
    /// [`EncodeError`] where a field can't be expressed in `version`.
    fn encode_body(&self, version: i16, frame: &mut FrameBuilder) -> Result<(), EncodeError>;
}

/// Writes a body as `kafka-protocol` does.
pub(crate) fn encode_message<M: Encodable>(
    message: &M,
    version: i16,
    frame: &mut FrameBuilder,
) -> Result<(), EncodeError> {
    let length = message.compute_size(version).map_err(EncodeError::field)?;
    let buffer = frame.buffer(length);
    message.encode(buffer, version).map_err(EncodeError::field)
}
