//! Building the frame of one request: length, header, body.
//!
//! A frame is one buffer, except for record data: large record data stay in the `Bytes` that the
//! caller holds and become segments of their own, written by vectored writes without a copy.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::protocol::{Encodable, HeaderVersion, StrBytes};

use crate::request::Request;

/// The greatest frame that is sent, in bytes: what brokers accept by default
/// (`socket.request.max.bytes`, Apache Kafka).
pub const REQUEST_BYTES_MAX: usize = 100 * 1024 * 1024;

/// The greatest frame that is accepted, in bytes. Below what the first four bytes of a TLS record
/// (0x15030300 and up) or of an HTTP answer would mean as a length, so that a wrong listener is
/// told from a large answer.
pub const RESPONSE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Record data of at least this many bytes are not copied into the frame.
pub const SHARED_BYTES_MIN: usize = 4 * 1024;

/// Where the correlation id stands: after length (4), API key (2) and version (2).
const CORRELATION_ID_AT: usize = 8;

/// Why a request can't be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A field has no place in the negotiated version.
    #[error("{0}")]
    Field(String),
    /// The frame is greater than [`REQUEST_BYTES_MAX`].
    #[error("the request has {bytes} bytes; at most {REQUEST_BYTES_MAX} are sent")]
    TooLarge {
        /// Its length in bytes.
        bytes: usize,
    },
}

impl EncodeError {
    /// Takes over what the message's own encoder says.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "used as a function in map_err"
    )]
    pub(crate) fn field(error: impl ToString) -> Self {
        Self::Field(error.to_string())
    }
}

/// One encoded request, waiting for its correlation id.
#[derive(Debug)]
pub struct Frame {
    first: BytesMut,
    rest: Vec<Bytes>,
}

impl Frame {
    /// Encodes `request` in `version`, with 0 as its correlation id.
    ///
    /// # Errors
    /// [`EncodeError`] where a field has no place in `version` or the frame would be too large.
    pub fn encode<R: Request>(
        request: &R,
        version: i16,
        client_id: &StrBytes,
    ) -> Result<Self, EncodeError> {
        let header = RequestHeader::default()
            .with_request_api_key(R::API.key)
            .with_request_api_version(version)
            .with_client_id(Some(client_id.clone()));
        let header_version = <R as HeaderVersion>::header_version(version);
        let mut frame = FrameBuilder::default();
        let length = header
            .compute_size(header_version)
            .map_err(EncodeError::field)?;
        let buffer = frame.buffer(4 + length);
        buffer.put_i32(0);
        header
            .encode(buffer, header_version)
            .map_err(EncodeError::field)?;
        request.encode_body(version, &mut frame)?;
        frame.finish()
    }

    /// Writes the correlation id into the header.
    pub(crate) fn set_correlation_id(&mut self, id: i32) {
        self.first[CORRELATION_ID_AT..CORRELATION_ID_AT + 4].copy_from_slice(&id.to_be_bytes());
    }

    /// The bytes to write, in order.
    pub(crate) fn into_segments(self) -> impl Iterator<Item = Bytes> {
        std::iter::once(self.first.freeze()).chain(self.rest)
    }

    /// The whole length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first.len() + self.rest.iter().map(Bytes::len).sum::<usize>()
    }

    /// Never: a frame has at least its header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
}

/// Collects the segments of a frame.
#[derive(Debug, Default)]
pub struct FrameBuilder {
    first: Option<BytesMut>,
    rest: Vec<Bytes>,
    current: BytesMut,
}

impl FrameBuilder {
    /// The buffer to write to, with room for `length` more bytes.
    pub fn buffer(&mut self, length: usize) -> &mut BytesMut {
        self.current.reserve(length);
        &mut self.current
    }

    /// Appends `data`: copied where it is small, shared where it is large.
    pub fn append(&mut self, data: &Bytes) {
        if data.len() < SHARED_BYTES_MIN {
            self.current.extend_from_slice(data);
            return;
        }
        let before = std::mem::take(&mut self.current);
        if self.first.is_none() {
            self.first = Some(before);
        } else if !before.is_empty() {
            self.rest.push(before.freeze());
        }
        self.rest.push(data.clone());
    }

    /// Closes the frame: writes its length in front.
    fn finish(self) -> Result<Frame, EncodeError> {
        let Self {
            first,
            mut rest,
            current,
        } = self;
        let first = match first {
            None => current,
            Some(first) => {
                if !current.is_empty() {
                    rest.push(current.freeze());
                }
                first
            }
        };
        let mut frame = Frame { first, rest };
        let bytes = frame.len() - 4;
        let length = i32::try_from(bytes)
            .ok()
            .filter(|_| bytes <= REQUEST_BYTES_MAX)
            .ok_or(EncodeError::TooLarge { bytes })?;
        frame.first[..4].copy_from_slice(&length.to_be_bytes());
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
    use kafka_protocol::messages::{ListGroupsRequest, ProduceRequest, ResponseHeader};
    use kafka_protocol::protocol::Decodable;

    fn bytes_of(frame: Frame) -> Vec<u8> {
        frame.into_segments().flatten().collect()
    }

    #[test]
    fn a_frame_opens_with_its_length_and_carries_its_correlation_id() {
        let client = StrBytes::from_static_str("ferry");
        let mut frame = Frame::encode(&ListGroupsRequest::default(), 4, &client).expect("encodes");
        frame.set_correlation_id(77);
        let bytes = bytes_of(frame);
        let length = i32::from_be_bytes(bytes[..4].try_into().expect("four"));
        assert_eq!(usize::try_from(length), Ok(bytes.len() - 4));
        let mut header = Bytes::copy_from_slice(&bytes[4..]);
        let header = RequestHeader::decode(&mut header, 2).expect("decodes");
        assert_eq!(header.correlation_id, 77);
        assert_eq!(header.request_api_key, 16);
        assert_eq!(header.client_id, Some(client));
        let _: ResponseHeader = ResponseHeader::default();
    }

    #[test]
    fn a_frame_that_no_broker_would_take_is_not_built() {
        let records = Bytes::from(vec![0; REQUEST_BYTES_MAX]);
        let partition = PartitionProduceData::default().with_records(Some(records));
        let topic = TopicProduceData::default().with_partition_data(vec![partition]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_topic_data(vec![topic]);
        let refused = Frame::encode(&request, 9, &StrBytes::from_static_str("ferry"));
        assert!(
            matches!(refused, Err(EncodeError::TooLarge { bytes }) if bytes > REQUEST_BYTES_MAX)
        );
    }
}
