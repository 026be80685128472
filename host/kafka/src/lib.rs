//! A Kafka wire client for moving clusters.
//!
//! One client serves both ends of a migration: admin requests and the hot path of the copy go over
//! the same connections, with the same settings and the same errors. Messages come from
//! `kafka-protocol`; record batches pass through as raw bytes and are nobody's business here.
//!
//! # From the outside in
//! [`settings`] reads properties in the names of Kafka's clients. [`client::Client`] knows the
//! cluster: brokers, leaders, coordinators. It hands out [`connection::Connection`]s, one for each
//! broker and lane, on which requests are pipelined; and it routes and retries the operations of
//! [`admin`]. [`error::KafkaError`] and [`connect_error::ConnectError`] say who, what, where and the
//! likely cause; [`retry::Retry`] says what to do about it.
//!
//! # What holds throughout
//! - A write whose outcome is not known is never sent again from here: [`retry::Retry`] calls it
//!   [`OutcomeUnknown`](retry::Retry::OutcomeUnknown) and hands it to the caller.
//! - Requests leave a connection in the order of the calls, and are answered in that order.
//! - Every queue, loop, frame and retry has a limit, as a named constant or a setting.
//! - No `Display`, `Debug` or log line holds a secret.

pub mod admin;
pub mod api_versions;
mod authorization;
mod bootstrap;
mod buffers;
pub mod client;
pub mod connect_error;
pub mod connection;
pub mod coordinator;
mod diagnosis;
mod dial;
pub mod error;
pub mod error_code;
pub mod frame;
mod frame_reader;
pub mod gate;
pub mod metadata;
pub mod network;
mod patience;
pub mod pool;
pub mod problem_codes;
pub mod produce_batches;
mod produce_frame;
pub mod request;
pub mod retry;
pub mod route;
mod sasl;
pub mod settings;
pub mod task;
pub mod throttle;
mod tls;

pub use admin::Admin;
pub use client::Client;
pub use connect_error::ConnectError;
pub use connection::{Connection, Pending};
pub use coordinator::CoordinatorKind;
pub use error::KafkaError;
pub use error_code::ErrorCode;
pub use metadata::Leader;
pub use pool::Lane;
pub use request::Request;
pub use retry::Retry;
pub use settings::{ClientSettings, SettingsError};
