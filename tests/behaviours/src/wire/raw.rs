//! Frames without a client: for what no client sends.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader};
use kafka_protocol::protocol::Encodable;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A request as it goes over the wire, length included.
///
/// # Panics
/// When the body can't be expressed in `version`.
#[must_use]
pub fn frame(api: ApiKey, version: i16, correlation_id: i32, body: &impl Encodable) -> Bytes {
    let mut encoded = BytesMut::new();
    body.encode(&mut encoded, version).expect("is encoded");
    frame_of(api, version, correlation_id, &encoded)
}

/// A request with a body that is encoded already.
///
/// # Panics
/// When the header can't be expressed.
#[must_use]
pub fn frame_of(api: ApiKey, version: i16, correlation_id: i32, body: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    RequestHeader::default()
        .with_request_api_key(api as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(super::text("ferry-behaviours")))
        .encode(&mut frame, api.request_header_version(version))
        .expect("a header is encoded");
    frame.extend_from_slice(body);
    let length = frame.len() as i32 - 4;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame.freeze()
}

/// Sends a frame and returns the answer behind its length: correlation id and what follows.
///
/// # Errors
/// Those of the stream; [`io::ErrorKind::UnexpectedEof`] when the broker hangs up instead.
pub async fn ask(
    stream: &mut Box<dyn ferry_kafka::network::Stream>,
    frame: &[u8],
) -> io::Result<Bytes> {
    stream.write_all(frame).await?;
    stream.flush().await?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let length = (&length[..]).get_i32();
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= ANSWER_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::other("a length that no answer has"))?;
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    Ok(Bytes::from(answer))
}
