//! Why no snapshot could be made.

use crate::codes;
use crate::progress::Part;
use ferry_kafka::error::KafkaError;
use ferry_model::identity::Side;
use ferry_model::name::{GroupId, TopicName, TopicPartition};
use ferry_model::problem::{Explain, Problem};

/// How many names one message lists.
const NAMES_MAX: usize = 10;

/// Why no snapshot could be made. A plan without these facts would be wrong.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// A part of a cluster can't be read at all.
    #[error("{side}: the {part} can't be read")]
    Part {
        /// Which cluster.
        side: Side,
        /// What can't be read.
        part: Part,
        /// Why.
        #[source]
        source: Box<KafkaError>,
    },
    /// Configurations of topics can't be read. Without them it is not known which are compacted.
    #[error("{side}: the configuration of {} topics can't be read", .topics.len())]
    Configs {
        /// Which cluster.
        side: Side,
        /// The topics, in order.
        topics: Vec<TopicName>,
        /// Why the first of them can't be read.
        #[source]
        source: Box<KafkaError>,
    },
    /// Offsets of partitions can't be read.
    #[error("{side}: the offsets of {} partitions can't be read", .partitions.len())]
    Offsets {
        /// Which cluster.
        side: Side,
        /// The partitions, in order.
        partitions: Vec<TopicPartition>,
        /// Why the first of them can't be read.
        #[source]
        source: Box<KafkaError>,
    },
    /// Groups are listed, but can't be described or what they committed can't be read.
    #[error("{side}: {} consumer groups can't be read", .groups.len())]
    Groups {
        /// Which cluster.
        side: Side,
        /// The groups, in order.
        groups: Vec<GroupId>,
        /// Why the first of them can't be read.
        #[source]
        source: Box<KafkaError>,
    },
    /// The brokers do not tell the id of their cluster.
    #[error("{side}: the brokers do not tell the id of their cluster")]
    NoClusterId {
        /// Which cluster.
        side: Side,
    },
}

impl Explain for DiscoverError {
    fn problem(&self) -> Problem {
        match self {
            Self::Part { source, .. } => {
                explained(codes::CLUSTER_UNREADABLE, self.to_string(), source)
            }
            Self::Configs { topics, source, .. } => names(
                explained(codes::CONFIGS_UNREADABLE, self.to_string(), source),
                topics,
            ),
            Self::Offsets {
                partitions, source, ..
            } => names(
                explained(codes::OFFSETS_UNREADABLE, self.to_string(), source),
                partitions,
            ),
            Self::Groups { groups, source, .. } => names(
                explained(codes::GROUPS_UNREADABLE, self.to_string(), source),
                groups,
            ),
            Self::NoClusterId { .. } => Problem::new(codes::NO_CLUSTER_ID, self.to_string())
                .cause("a proxy between Ferry and the brokers, or brokers before 0.10.1?"),
        }
    }
}

/// The problem `what`, whose place, cause and remedy are those of what went wrong on the wire.
pub(crate) fn explained(code: u16, what: impl Into<String>, error: &KafkaError) -> Problem {
    let below = error.problem();
    let mut problem = Problem::new(code, what).cause(below.what);
    problem.place = below.place;
    problem.next = below.next;
    if let Some(cause) = below.cause {
        problem.details.push(cause);
    }
    problem.details.extend(below.details);
    problem
}

/// Adds the names that a problem is about, the first few of them.
pub(crate) fn names<T: ToString>(mut problem: Problem, names: &[T]) -> Problem {
    let shown = names.iter().take(NAMES_MAX).map(ToString::to_string);
    let mut line = shown.collect::<Vec<_>>().join(", ");
    if names.len() > NAMES_MAX {
        line.push_str(&format!(" and {} more", names.len() - NAMES_MAX));
    }
    problem.details.insert(0, line);
    problem
}
