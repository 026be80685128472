//! Starts and stops real servers for tests and the demo.
//!
//! A [`Cluster`] is one or more nodes of Apache Kafka, run as child processes on free loopback
//! ports. It is a guard: when it is dropped, every process it started is killed and reaped and its
//! folder is removed; when the thread is panicking, the logs stay and their path is printed. The
//! children also die when the process that started them is killed.
//!
//! ```no_run
//! use ferry_testbed::{Cluster, KafkaVersion, Listener};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = Cluster::builder(KafkaVersion::V4_3)
//!     .nodes(3)
//!     .listener(Listener::SaslSsl)
//!     .authorizer(true)
//!     .super_user("admin", "admin-secret")
//!     .user("orders", "orders-secret")
//!     .property("log.retention.check.interval.ms", "1000")
//!     .start()
//!     .await?;
//! let settings = cluster.client_properties(Listener::SaslSsl, "admin");
//! assert_eq!(settings["security.protocol"], "SASL_SSL");
//! cluster.node(2).kill()?;
//! cluster.node(2).restart().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The crate knows nothing about Ferry: it depends on no other crate of this workspace, so that a
//! fault in Ferry's own client can not hide a fault of the test bed.

mod builder;
mod certificates;
mod class_archive;
mod cluster;
mod error;
mod folder;
mod format;
mod installation;
mod keystore;
mod listener;
mod log;
mod node;
mod port;
pub mod probe;
mod process;
mod properties;
mod readiness;
mod spawner;
mod version;
mod zookeeper;

pub use builder::ClusterBuilder;
pub use certificates::{Certificates, ServerCertificate};
pub use cluster::Cluster;
pub use error::{CertificateError, NodeError, ReadinessError, StartError};
pub use keystore::StoreFormat;
pub use listener::{Listener, Mechanism};
pub use node::Node;
pub use version::KafkaVersion;
