//! What can go wrong after a connection is made.

use crate::authorization::missing_right;
use crate::connect_error::ConnectError;
use crate::error_code::ErrorCode;
use crate::problem_codes as codes;
use crate::request::{Api, Effect};
use crate::retry::Retry;
use ferry_model::identity::{BrokerId, Side};
use ferry_model::name::{GroupId, TopicName, TopicPartition};
use ferry_model::problem::{Explain, Problem};
use std::fmt;
use std::sync::Arc;

/// The broker at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Which cluster.
    pub side: Side,
    /// Its id; none for an address of `bootstrap.servers`.
    pub broker: Option<BrokerId>,
    /// Host and port that were dialled.
    pub address: String,
}

impl fmt::Display for Peer {
    /// `source broker 3 (b-3.example:9092)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.broker {
            Some(broker) => write!(f, "{} broker {broker} ({})", self.side, self.address),
            None => write!(f, "{} {}", self.side, self.address),
        }
    }
}

/// What a request was about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A topic.
    Topic(TopicName),
    /// A partition.
    Partition(TopicPartition),
    /// A consumer group.
    Group(GroupId),
    /// A transactional id.
    TransactionalId(String),
    /// The cluster as a whole.
    Cluster,
    /// Anything else, in words: `configuration of broker 3`.
    Other(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Partition(partition) => write!(f, "partition {partition}"),
            Self::Group(group) => write!(f, "group {group}"),
            Self::TransactionalId(id) => write!(f, "transactional id {id}"),
            Self::Cluster => f.write_str("cluster"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq)]
pub enum CloseReason {
    /// The broker closed it.
    Ended,
    /// The network broke it.
    Io {
        /// The kind of the system's error.
        kind: std::io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// TLS broke it.
    Tls(rustls::Error),
    /// What arrived was no frame: its first four bytes.
    NotAFrame([u8; 4]),
    /// An answer arrived that nobody waits for.
    NobodyWaits {
        /// Its correlation id.
        correlation_id: i32,
    },
    /// A request went unanswered for too long; whatever came after it can't be answered either.
    TimedOut(Api),
    /// The session could not be renewed before its end (KIP-368).
    SessionNotRenewed(String),
    /// What was to be sent had waited for too long ([`crate::gate::Gate`]).
    GateShut,
    /// This process closed it.
    ClosedHere,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the broker closed the connection"),
            Self::Io { message, .. } => write!(f, "the connection broke: {message}"),
            Self::Tls(error) => write!(f, "TLS broke: {error}"),
            Self::NotAFrame(bytes) => {
                write!(
                    f,
                    "what arrived is not Kafka's protocol (it starts {bytes:02x?})"
                )
            }
            Self::NobodyWaits { correlation_id } => {
                write!(
                    f,
                    "an answer arrived that nobody waits for (correlation {correlation_id})"
                )
            }
            Self::TimedOut(api) => write!(f, "{api} was not answered in time"),
            Self::SessionNotRenewed(why) => write!(f, "the session could not be renewed: {why}"),
            Self::GateShut => f.write_str("what was to be sent had waited for too long"),
            Self::ClosedHere => f.write_str("the connection was closed here"),
        }
    }
}

/// Why a request failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KafkaError {
    /// No connection could be made.
    #[error("no connection to {}", .source.peer)]
    Connect {
        /// Why there is none.
        #[source]
        source: Arc<ConnectError>,
    },
    /// The connection ended before the answer.
    #[error("{peer}: {api} was not answered: {reason}")]
    Disconnected {
        /// Who was asked.
        peer: Arc<Peer>,
        /// What was asked.
        api: Api,
        /// Whether anything of the request was handed to the network. If not, it had no effect.
        sent: bool,
        /// Why it ended.
        reason: CloseReason,
    },
    /// The answer did not come in time. The connection is closed then.
    #[error("{peer}: {api} was not answered within {waited_ms} ms")]
    TimedOut {
        /// Who was asked.
        peer: Arc<Peer>,
        /// What was asked.
        api: Api,
        /// Whether anything of the request was handed to the network. If not, it had no effect.
        sent: bool,
        /// How long it was waited.
        waited_ms: u64,
    },
    /// The broker answered with an error code.
    #[error("{peer}: {api}{}: {code}{}", of(.subject.as_ref()), words(.message.as_deref()))]
    Answered {
        /// Who answered.
        peer: Arc<Peer>,
        /// What was asked.
        api: Api,
        /// What the code is about.
        subject: Option<Subject>,
        /// The code.
        code: ErrorCode,
        /// The broker's own words, where it gave some.
        message: Option<String>,
        /// Whether the request could leave something behind.
        effect: Effect,
    },
    /// The broker does not speak the API in a version that is needed.
    #[error("{peer} speaks {api} {}, this needs {needed}", .offered.as_deref().unwrap_or("not at all"))]
    Unsupported {
        /// Who.
        peer: Arc<Peer>,
        /// What is needed.
        api: Api,
        /// The versions that it offers.
        offered: Option<String>,
        /// The versions that would do.
        needed: String,
    },
    /// Too many requests wait for answers on one connection.
    #[error("{peer}: {api} was not sent: {limit} requests wait for their answers already")]
    TooManyInFlight {
        /// Who was to be asked.
        peer: Arc<Peer>,
        /// What was to be asked.
        api: Api,
        /// The limit.
        limit: usize,
    },
    /// The request can't be encoded.
    #[error("{api} version {version} can't be encoded: {detail}")]
    Encode {
        /// What was to be asked.
        api: Api,
        /// The negotiated version.
        version: i16,
        /// Why.
        detail: String,
    },
    /// The answer can't be decoded.
    #[error("{peer}: the answer to {api} version {version} can't be decoded: {detail}")]
    Decode {
        /// Who answered.
        peer: Arc<Peer>,
        /// What was asked.
        api: Api,
        /// The negotiated version.
        version: i16,
        /// Why.
        detail: String,
    },
    /// The answer says nothing about something that was asked.
    #[error("{peer}: the answer to {api} leaves out {subject}")]
    LeftOut {
        /// Who answered.
        peer: Arc<Peer>,
        /// What was asked.
        api: Api,
        /// What is missing.
        subject: Subject,
    },
    /// There is no such topic, or it has no such partition.
    #[error("{side}: there is no partition {partition}")]
    NoPartition {
        /// Which cluster.
        side: Side,
        /// The partition.
        partition: TopicPartition,
    },
    /// A partition has no leader at the moment.
    #[error("{side}: partition {partition} has no leader")]
    NoLeader {
        /// Which cluster.
        side: Side,
        /// The partition.
        partition: TopicPartition,
    },
    /// The cluster has no broker of this id.
    #[error("{side}: there is no broker {broker}")]
    NoBroker {
        /// Which cluster.
        side: Side,
        /// The id.
        broker: BrokerId,
    },
    /// Every attempt within the time limit failed with something that is worth another attempt.
    #[error("{side}: {api} still failed after {attempts} attempts in {spent_ms} ms")]
    GaveUp {
        /// Which cluster.
        side: Side,
        /// What was asked.
        api: Api,
        /// How often it was asked.
        attempts: u32,
        /// How long it took.
        spent_ms: u64,
        /// What the last attempt failed with.
        #[source]
        last: Box<KafkaError>,
    },
}

fn of(subject: Option<&Subject>) -> String {
    subject
        .map(|subject| format!(" of {subject}"))
        .unwrap_or_default()
}

fn words(message: Option<&str>) -> String {
    message
        .map(|message| format!(", \"{message}\""))
        .unwrap_or_default()
}

impl KafkaError {
    /// What the error asks for.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Answered { code, effect, .. } => Retry::of(*code, *effect),
            Self::Disconnected { api, sent, .. } | Self::TimedOut { api, sent, .. } => {
                if *sent && effect_of(*api) == Effect::Writes {
                    Retry::OutcomeUnknown
                } else {
                    Retry::RefreshMetadata
                }
            }
            Self::Connect { source } if source.passing() => Retry::RefreshMetadata,
            Self::NoLeader { .. } | Self::NoPartition { .. } | Self::NoBroker { .. } => {
                Retry::RefreshMetadata
            }
            Self::TooManyInFlight { .. } => Retry::Again,
            Self::GaveUp { last, .. } => match last.retry() {
                Retry::OutcomeUnknown => Retry::OutcomeUnknown,
                _ => Retry::Fatal,
            },
            _ => Retry::Fatal,
        }
    }

    /// The broker's error code, where it answered with one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Answered { code, .. } => Some(*code),
            Self::GaveUp { last, .. } => last.code(),
            _ => None,
        }
    }

    /// Whether a write may have happened although it failed.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        self.retry() == Retry::OutcomeUnknown
    }
}

/// Whether `api` can leave something behind; taken from the table of versions.
fn effect_of(api: Api) -> Effect {
    crate::api_versions::effect(api)
}

impl Explain for KafkaError {
    fn problem(&self) -> Problem {
        match self {
            Self::Connect { source } => source.problem(),
            Self::GaveUp {
                last,
                attempts,
                spent_ms,
                ..
            } => {
                let line = format!("tried {attempts} times in {spent_ms} ms");
                last.problem().detail(line)
            }
            Self::Answered {
                peer,
                api,
                subject,
                code,
                message,
                ..
            } => answered(peer, *api, subject.as_ref(), *code, message.as_deref()),
            Self::Disconnected {
                peer,
                api,
                sent,
                reason,
            } => Problem::new(
                codes::DISCONNECTED,
                format!("{} closed while {api} ran", peer.side),
            )
            .at(peer.to_string())
            .cause(reason.to_string())
            .detail(outcome(*api, *sent)),
            Self::TimedOut {
                peer,
                api,
                sent,
                waited_ms,
            } => {
                let what = format!("{} did not answer {api} within {waited_ms} ms", peer.side);
                Problem::new(codes::TIMED_OUT, what)
                    .at(peer.to_string())
                    .cause("the broker is overloaded, or the network drops packets?")
                    .detail(outcome(*api, *sent))
                    .next("raise request.timeout.ms if the broker is merely slow")
            }
            Self::Unsupported { peer, .. } => Problem::new(codes::UNSUPPORTED, self.to_string())
                .at(peer.to_string())
                .cause("the brokers are older than this needs?"),
            Self::TooManyInFlight { peer, .. } => {
                Problem::new(codes::TOO_MANY_IN_FLIGHT, self.to_string()).at(peer.to_string())
            }
            Self::Encode { .. } => Problem::new(codes::NOT_ENCODED, self.to_string()),
            Self::Decode { peer, .. } | Self::LeftOut { peer, .. } => {
                Problem::new(codes::NOT_UNDERSTOOD, self.to_string())
                    .at(peer.to_string())
                    .cause("a proxy or a broker of another make between the two?")
            }
            Self::NoPartition { .. } => Problem::new(codes::NO_PARTITION, self.to_string())
                .cause("the topic was deleted, or the principal lacks DESCRIBE on it?"),
            Self::NoLeader { .. } => Problem::new(codes::NO_LEADER, self.to_string())
                .cause("all its in-sync replicas are offline?"),
            Self::NoBroker { .. } => Problem::new(codes::NO_BROKER, self.to_string())
                .cause("the broker was stopped or taken out of the cluster?"),
        }
    }
}

fn outcome(api: Api, sent: bool) -> String {
    match (sent, effect_of(api)) {
        (false, _) => format!("{api} was not sent: it had no effect"),
        (true, Effect::Reads) => format!("{api} only reads: it had no effect"),
        (true, Effect::Writes) => format!("whether {api} took effect is not known"),
    }
}

fn answered(
    peer: &Peer,
    api: Api,
    subject: Option<&Subject>,
    code: ErrorCode,
    message: Option<&str>,
) -> Problem {
    if let Some(right) = missing_right(api, code, subject) {
        let what = format!("{}: the principal lacks {right}", peer.side);
        return Problem::new(codes::NOT_AUTHORIZED, what)
            .at(peer.to_string())
            .cause(format!("{api} was answered with {code}"))
            .next(format!(
                "grant {right} to the principal of the {}",
                peer.side
            ));
    }
    let what = format!("{} refused {api}{}: {code}", peer.side, of(subject));
    let problem = match code {
        ErrorCode::SECURITY_DISABLED => Problem::new(codes::NO_AUTHORIZER, what)
            .cause("the brokers run without an authorizer, so they have no ACLs"),
        ErrorCode::COORDINATOR_NOT_AVAILABLE
        | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        | ErrorCode::NOT_COORDINATOR => Problem::new(codes::NO_COORDINATOR, what)
            .cause("the coordinator is moving, or its internal topic has no leader?"),
        _ => Problem::new(codes::ANSWERED, what),
    };
    let problem = problem.at(peer.to_string());
    match message {
        Some(message) => problem.detail(format!("the broker says: {message}")),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> Arc<Peer> {
        let broker = Some(BrokerId(3));
        let address = "b-3.example:9092".to_owned();
        Arc::new(Peer {
            side: Side::Target,
            broker,
            address,
        })
    }

    fn produce() -> Api {
        Api {
            key: 0,
            name: "Produce",
        }
    }

    #[test]
    fn a_lost_write_is_of_unknown_outcome_unless_it_never_left() {
        let lost = |api, sent| KafkaError::Disconnected {
            peer: peer(),
            api,
            sent,
            reason: CloseReason::Ended,
        };
        assert!(lost(produce(), true).outcome_unknown());
        assert!(!lost(produce(), false).outcome_unknown());
        assert!(
            !lost(
                Api {
                    key: 1,
                    name: "Fetch"
                },
                true
            )
            .outcome_unknown()
        );
    }

    #[test]
    fn an_answer_names_everything_that_is_needed_to_find_it() {
        let topic = TopicName::parse("orders").expect("legal");
        let error = KafkaError::Answered {
            peer: peer(),
            api: produce(),
            subject: Some(Subject::Partition(TopicPartition::new(topic, 7))),
            code: ErrorCode::NOT_LEADER_OR_FOLLOWER,
            message: None,
            effect: Effect::Writes,
        };
        assert_eq!(
            error.to_string(),
            "target broker 3 (b-3.example:9092): Produce of partition orders-7: \
             NOT_LEADER_OR_FOLLOWER (6)"
        );
    }

    #[test]
    fn a_missing_right_is_told_as_what_to_grant() {
        let topic = TopicName::parse("orders").expect("legal");
        let error = KafkaError::Answered {
            peer: peer(),
            api: produce(),
            subject: Some(Subject::Topic(topic)),
            code: ErrorCode::TOPIC_AUTHORIZATION_FAILED,
            message: None,
            effect: Effect::Writes,
        };
        let problem = error.problem();
        assert_eq!(problem.code.0, codes::NOT_AUTHORIZED);
        assert_eq!(
            problem.what,
            "target: the principal lacks WRITE on TOPIC orders"
        );
    }
}
