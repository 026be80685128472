//! The network between a worker and the brokers of one cluster: pipes, of which some break.

use ferry_fake_kafka::Door;
use ferry_kafka::network::{Connecting, Network, Stream};
use ferry_kafka::settings::Address;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// What becomes of a connection that is begun.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// It is made after a while.
    Made(Duration),
    /// It is refused after a while.
    Refused(Duration),
    /// It is made, and breaks after so many bytes to the broker, in the middle of a request or not.
    Breaks(usize),
}

/// Decides what becomes of each connection.
pub(crate) type Fates = Arc<Mutex<dyn FnMut() -> Fate + Send>>;

/// The way to one cluster. The port says which broker is meant.
#[derive(Clone)]
pub(crate) struct Pipes {
    pub(crate) door: Door,
    pub(crate) fates: Fates,
}

impl std::fmt::Debug for Pipes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("pipes to fake brokers")
    }
}

impl Network for Pipes {
    fn connect(&self, address: &Address) -> Connecting {
        let fate = (self.fates.lock().unwrap_or_else(PoisonError::into_inner))();
        let door = self.door.clone();
        let broker = i32::from(address.port) - i32::from(ferry_fake_kafka::FIRST_PORT);
        Box::pin(async move {
            let (wait, budget) = match fate {
                Fate::Made(wait) => (wait, None),
                Fate::Refused(wait) => {
                    tokio::time::sleep(wait).await;
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
                Fate::Breaks(bytes) => (Duration::ZERO, Some(bytes)),
            };
            tokio::time::sleep(wait).await;
            let pipe = door.connect(broker);
            let pipe = pipe.ok_or(io::ErrorKind::ConnectionRefused)?;
            let pipe = Pipe {
                stream: Some(pipe),
                budget,
            };
            Ok(Box::new(pipe) as Box<dyn Stream>)
        })
    }
}

/// A pipe that may break after so many bytes.
struct Pipe {
    stream: Option<DuplexStream>,
    budget: Option<usize>,
}

fn broken() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_read(context, buffer),
            None => Poll::Ready(Err(broken())),
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let allowed = self.budget.unwrap_or(usize::MAX).min(bytes.len());
        if allowed == 0 && !bytes.is_empty() {
            self.stream = None;
        }
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(broken()));
        };
        let written = std::task::ready!(Pin::new(stream).poll_write(context, &bytes[..allowed]))?;
        if let Some(budget) = &mut self.budget {
            *budget -= written;
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_flush(context),
            None => Poll::Ready(Err(broken())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_shutdown(context),
            None => Poll::Ready(Ok(())),
        }
    }
}
