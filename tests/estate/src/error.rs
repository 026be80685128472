//! Why the estate could not be made.

use ferry_kafka::error::KafkaError;
use ferry_model::name::TopicName;

/// Why the estate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EstateError {
    /// The cluster holds topics of these names already. An estate is made on an empty cluster.
    #[error("the cluster is not empty: {} topics of the estate exist, such as {first}", .count)]
    NotEmpty {
        /// The first of them.
        first: TopicName,
        /// How many.
        count: usize,
    },
    /// A request failed.
    #[error("{what}: the request failed")]
    Kafka {
        /// What was to be made.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<KafkaError>,
    },
    /// The brokers refused a part of a request.
    #[error("{what} was refused")]
    Refused {
        /// What was to be made.
        what: String,
        /// Why.
        #[source]
        source: Box<KafkaError>,
    },
    /// A client of librdkafka could not be made.
    #[error("a client for {what} can't be made")]
    Client {
        /// What it was for.
        what: String,
        /// Why.
        #[source]
        source: rdkafka::error::KafkaError,
    },
    /// Records could not be written.
    #[error("{topic}: {reason}")]
    Write {
        /// Where to.
        topic: String,
        /// Why.
        reason: String,
    },
    /// A transaction failed.
    #[error("a transaction on {topic} failed to {what}")]
    Transaction {
        /// The topic.
        topic: String,
        /// What was tried: `begin`, `commit`, `abort`.
        what: &'static str,
        /// Why.
        #[source]
        source: rdkafka::error::KafkaError,
    },
    /// What was made is not what was to be made.
    #[error("{what} is {found}, not {expected}")]
    Unexpected {
        /// What: `the high watermark of orders-0`.
        what: String,
        /// As it should be.
        expected: i64,
        /// As it is.
        found: i64,
    },
    /// Something that takes its time did not come to its end.
    #[error("{what} did not happen within {limit_ms} ms")]
    TooSlow {
        /// What.
        what: String,
        /// How long it was waited.
        limit_ms: u64,
    },
    /// A thread of the estate ended early.
    #[error("a thread of the estate ended early")]
    Ended,
}

impl EstateError {
    pub(crate) fn kafka(what: &'static str) -> impl FnOnce(KafkaError) -> Self {
        move |source| Self::Kafka {
            what,
            source: Box::new(source),
        }
    }

    pub(crate) fn refused(what: String) -> impl FnOnce(KafkaError) -> Self {
        move |source| Self::Refused {
            what,
            source: Box::new(source),
        }
    }
}
