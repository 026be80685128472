//! How the client gets to a broker: TCP, or whatever a simulation puts in its place.

use crate::settings::Address;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};

/// A stream of bytes to a broker and back.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection that is being made.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// A network that is not the operating system's: see [`crate::Client::connect_over`].
pub trait Network: fmt::Debug + Send + Sync {
    /// Connects to `address`, or says what the system would say.
    fn connect(&self, address: &Address) -> Connecting;
}
