//! The task that reads answers.

use super::in_flight::InFlight;
use crate::buffers::Buffers;
use crate::error::CloseReason;
use crate::frame_reader::{FrameError, FrameReader};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::time::{Instant, MissedTickBehavior};

/// How often time limits are looked at: an answer is declared late at most this much later.
const TICK: Duration = Duration::from_millis(100);

/// Reads until the connection is closed.
pub(super) async fn run<R: AsyncRead + Unpin>(
    mut stream: R,
    in_flight: Arc<InFlight>,
    buffers: Buffers,
) {
    let mut frames = FrameReader::new(buffers);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let closed = in_flight.closed();
    tokio::pin!(closed);
    loop {
        tokio::select! {
            biased;
            () = &mut closed => return,
            _ = tick.tick() => in_flight.expire(Instant::now()),
            frame = frames.next(&mut stream) => {
                let read = frame.map_err(reason).and_then(|frame| in_flight.answer(frame));
                if let Err(reason) = read {
                    in_flight.close(&reason);
                    return;
                }
            }
        }
    }
}

fn reason(error: FrameError) -> CloseReason {
    match error {
        FrameError::Ended => CloseReason::Ended,
        FrameError::Length(bytes) => CloseReason::NotAFrame(bytes),
        FrameError::Io(error) => broken(&error),
    }
}

/// Why the network broke; an error of TLS travels inside of one of input and output.
pub(super) fn broken(error: &io::Error) -> CloseReason {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(tls) => CloseReason::Tls(tls.clone()),
        // A peer that hangs up without TLS's own goodbye.
        None if error.kind() == io::ErrorKind::UnexpectedEof => CloseReason::Ended,
        None => CloseReason::Io {
            kind: error.kind(),
            message: error.to_string(),
        },
    }
}
