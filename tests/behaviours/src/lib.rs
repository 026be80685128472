//! What brokers do, written once and tried on every cluster there is: the fake brokers of
//! [`ferry_fake_kafka`] in each of their releases, and Apache Kafka 2.8, 3.9 and 4.3.
//!
//! A behaviour is a function whose name is a sentence. It gets a [`Cluster`] and knows nothing of what
//! stands behind it: it speaks the wire protocol, request by request, so that what is tried is the
//! brokers and not the patience of a client. Where releases differ, the behaviour holds what each of
//! them does as data ([`PerRelease`]); nothing is skipped. A fake broker that does something else
//! than the release it imitates fails here.
//!
//! # From the outside in
//! [`suite`] lists the behaviours. [`cluster`] has the clusters that they are tried on and the handle
//! that they get. [`wire`] says in Rust what a request asks and an answer tells; [`records`] makes
//! batches, sound and unsound ones.

mod behaviours;
pub mod cluster;
pub mod records;
pub mod suite;
pub mod wire;

pub use cluster::{Brokers, Cluster, PerRelease};
pub use ferry_fake_kafka::Release;
