//! What can go wrong when servers are started, stopped and restarted.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a cluster did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The builder was asked for something that can not work.
    #[error("{setting}: {reason}")]
    InvalidSetting {
        /// The builder's method.
        setting: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// The jars of this release were never fetched, or only in part.
    #[error(
        "Kafka {release} is not in {}: run `cargo xtask kafka-jars` first",
        folder.display()
    )]
    KafkaMissing {
        /// The release, such as `4.3.1`.
        release: &'static str,
        /// Where its jars were expected.
        folder: PathBuf,
    },
    /// A file or folder of the cluster could not be made.
    #[error("{}", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// No free loopback port was found.
    #[error("no free port among {tried} tried on 127.0.0.1")]
    NoFreePort {
        /// How many ports were tried.
        tried: u32,
    },
    /// The system gave no random bytes for the cluster's id.
    #[error("no random bytes for the cluster's id")]
    Random(#[source] getrandom::Error),
    /// A certificate could not be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A program could not be started.
    #[error("{program} does not start")]
    Spawn {
        /// The program.
        program: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The storage tool refused to format the node's folder.
    #[error("formatting failed ({status}), its log is {}\n{tail}", log.display())]
    Format {
        /// How the tool ended, or that it took too long.
        status: String,
        /// Its log.
        log: PathBuf,
        /// What matters in it.
        tail: String,
    },
    /// A node died, or did not become ready in time.
    #[error(transparent)]
    Readiness(#[from] ReadinessError),
    /// The thread that started the cluster was cancelled by the runtime's shutdown.
    #[error("the start was cancelled because the runtime shuts down")]
    Cancelled,
}

/// Why a node is not ready.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadinessError {
    /// The process ended by itself.
    #[error("node {node} died ({status}), its log is {}\n{tail}", log.display())]
    Died {
        /// The node's id.
        node: u32,
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// What matters in it.
        tail: String,
        /// Whether a port that it wanted was taken by another program.
        address_in_use: bool,
        /// Whether ZooKeeper still held it for alive: its last run was killed a moment ago.
        still_registered: bool,
    },
    /// The process lives, but does not answer as it should.
    #[error(
        "node {node} is not ready after {waited_ms} ms: {answer}; its log is {}\n{tail}",
        log.display()
    )]
    NotReady {
        /// The node's id.
        node: u32,
        /// How long it was waited for.
        waited_ms: u128,
        /// What its last answer lacked.
        answer: String,
        /// Its log.
        log: PathBuf,
        /// What matters in it.
        tail: String,
    },
    /// It can not be told whether the process lives.
    #[error("node {node}: its process can not be looked at")]
    Unknown {
        /// The node's id.
        node: u32,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Why a node could not be stopped, killed, paused, resumed or restarted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The cluster that the node belongs to was dropped.
    #[error("node {node} belongs to a cluster that was dropped")]
    ClusterGone {
        /// The node's id.
        node: u32,
    },
    /// There is no process to act on.
    #[error("node {node} is not running")]
    NotRunning {
        /// The node's id.
        node: u32,
    },
    /// The process could not be signalled or waited for.
    #[error("node {node} can not be signalled")]
    Signal {
        /// The node's id.
        node: u32,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The node did not end in time after SIGTERM, and was killed instead.
    #[error("node {node} did not stop within {limit_ms} ms and was killed")]
    StopTimedOut {
        /// The node's id.
        node: u32,
        /// The limit.
        limit_ms: u128,
    },
    /// The process could not be started again.
    #[error("node {node} does not start")]
    Spawn {
        /// The node's id.
        node: u32,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The node was started again, but died or did not become ready.
    #[error(transparent)]
    Readiness(#[from] ReadinessError),
    /// The operation was cancelled by the runtime's shutdown.
    #[error("the operation was cancelled because the runtime shuts down")]
    Cancelled,
}

/// Why a certificate or a store of certificates could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The certificate itself could not be made.
    #[error("the certificate of {subject} can not be made")]
    Make {
        /// Whose certificate it is.
        subject: String,
        /// The cause.
        #[source]
        source: rcgen::Error,
    },
    /// A file could not be written.
    #[error("{}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Java did not make the store.
    #[error("{} can not be made: {reason}", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// What Java said.
        reason: String,
    },
}
