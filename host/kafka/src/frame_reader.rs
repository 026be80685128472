//! Cutting a stream of bytes into frames.
//!
//! A large frame is read straight into a buffer of its own, so that its record batches can be
//! handed on as slices of it. Small frames share one buffer.

use crate::buffers::Buffers;
use crate::frame::RESPONSE_BYTES_MAX;
use bytes::{BufMut, Bytes, BytesMut};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once while the next frame's length is unknown, in bytes.
const READ_AHEAD_BYTES: usize = 16 * 1024;

/// What a stream held instead of the next frame.
#[derive(Debug)]
pub(crate) enum FrameError {
    /// The other side closed the stream.
    Ended,
    /// The stream broke.
    Io(io::Error),
    /// The length is negative or beyond [`RESPONSE_BYTES_MAX`]: probably not Kafka's protocol.
    Length([u8; 4]),
}

/// Reads frames; may be dropped and called again between any two bytes.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    buffers: Buffers,
    ahead: BytesMut,
    body: Option<Body>,
}

/// A frame that is longer than what was read ahead.
#[derive(Debug)]
struct Body {
    bytes: Vec<u8>,
    missing: usize,
}

impl FrameReader {
    /// A reader that puts large frames into `buffers`.
    pub(crate) fn new(buffers: Buffers) -> Self {
        Self {
            buffers,
            ..Self::default()
        }
    }

    /// The next frame, without its length.
    ///
    /// Cancel safe: what was read stays in the reader.
    pub(crate) async fn next<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
    ) -> Result<Bytes, FrameError> {
        loop {
            if let Some(body) = &mut self.body {
                while body.missing > 0 {
                    let mut limited = (&mut body.bytes).limit(body.missing);
                    let read = stream
                        .read_buf(&mut limited)
                        .await
                        .map_err(FrameError::Io)?;
                    if read == 0 {
                        return Err(FrameError::Ended);
                    }
                    body.missing -= read;
                }
            }
            if let Some(body) = self.body.take() {
                return Ok(self.buffers.lend(body.bytes));
            }
            if let Some(frame) = self.cut()? {
                return Ok(frame);
            }
            if self.body.is_none() {
                self.ahead.reserve(READ_AHEAD_BYTES);
                let read = stream
                    .read_buf(&mut self.ahead)
                    .await
                    .map_err(FrameError::Io)?;
                if read == 0 {
                    return Err(FrameError::Ended);
                }
            }
        }
    }

    /// Takes a whole frame from what was read ahead, or opens the body of a longer one.
    fn cut(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(prefix) = self.ahead.first_chunk::<4>().copied() else {
            return Ok(None);
        };
        let length = usize::try_from(i32::from_be_bytes(prefix))
            .ok()
            .filter(|length| *length <= RESPONSE_BYTES_MAX)
            .ok_or(FrameError::Length(prefix))?;
        if self.ahead.len() >= 4 + length {
            let mut frame = self.ahead.split_to(4 + length);
            return Ok(Some(frame.split_off(4).freeze()));
        }
        if 4 + length > READ_AHEAD_BYTES {
            let mut bytes = self.buffers.take(length);
            bytes.extend_from_slice(&self.ahead[4..]);
            let missing = length - bytes.len();
            self.ahead.clear();
            self.body = Some(Body { bytes, missing });
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    fn framed(body: &[u8]) -> Vec<u8> {
        let mut frame = (body.len() as i32).to_be_bytes().to_vec();
        frame.extend_from_slice(body);
        frame
    }

    #[tokio::test]
    async fn frames_of_every_length_come_out_whole_however_the_stream_is_cut() {
        let bodies: Vec<Vec<u8>> = [0, 1, 3, 4, 5, 16_379, 16_380, 16_381, 40_000, 1_000_000, 2]
            .iter()
            .map(|length| (0..*length).map(|i| (i % 251) as u8).collect())
            .collect();
        let stream: Vec<u8> = bodies.iter().flat_map(|body| framed(body)).collect();
        for piece in [1_usize, 3, 7, 1_000, 16_384, 100_000] {
            let (mut near, mut far) = tokio::io::duplex(64 * 1024);
            let sent = stream.clone();
            let writer = tokio::spawn(async move {
                for piece in sent.chunks(piece) {
                    near.write_all(piece).await.expect("writes");
                }
            });
            let mut reader = FrameReader::default();
            for body in &bodies {
                let frame = reader.next(&mut far).await.expect("a frame");
                assert!(
                    frame[..] == body[..],
                    "{} bytes by pieces of {piece}",
                    body.len()
                );
            }
            writer.await.expect("wrote all");
            assert!(matches!(
                reader.next(&mut far).await,
                Err(FrameError::Ended)
            ));
        }
    }

    #[tokio::test]
    async fn a_dropped_read_loses_nothing() {
        let (mut near, mut far) = tokio::io::duplex(64 * 1024);
        let body = vec![7; 50_000];
        let frame = framed(&body);
        let mut reader = FrameReader::default();
        for piece in frame.chunks(9_000) {
            near.write_all(piece).await.expect("writes");
            let dropped =
                tokio::time::timeout(std::time::Duration::ZERO, reader.next(&mut far)).await;
            if let Ok(whole) = dropped {
                assert!(whole.expect("a frame")[..] == body[..]);
                return;
            }
        }
        assert!(reader.next(&mut far).await.expect("a frame")[..] == body[..]);
    }

    #[tokio::test]
    async fn a_length_that_only_another_protocol_would_send_is_told_from_a_frame() {
        for prefix in [*b"HTTP", [0x15, 3, 3, 0], [0xff, 0, 0, 0]] {
            let (mut near, mut far) = tokio::io::duplex(64);
            near.write_all(&prefix).await.expect("writes");
            let limit = std::time::Duration::from_secs(5);
            let mut reader = FrameReader::default();
            let read = tokio::time::timeout(limit, reader.next(&mut far)).await;
            let error = read.expect("at once").expect_err("no frame");
            assert!(matches!(error, FrameError::Length(found) if found == prefix));
        }
    }
}
