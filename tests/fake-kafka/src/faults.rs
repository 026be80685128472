//! What is done to single requests on purpose.

use std::time::Duration;

/// A request that has come in whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The broker that it came to.
    pub broker: i32,
    /// Its API key.
    pub api_key: i16,
    /// Whether its client has hung up since.
    pub alone: bool,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Treatment {
    /// How long it waits before it is worked on.
    pub before: Duration,
    /// What is done.
    pub work: Work,
    /// How long its answer waits.
    pub after: Duration,
    /// What becomes of the answer.
    pub reply: Reply,
    /// For how long the answer says that the client is throttled.
    pub throttle: Duration,
}

/// What is done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Work {
    /// What a broker does.
    #[default]
    Done,
    /// Nothing, and the answer is this error code wherever the answer has room for one.
    Refused(i16),
    /// It is worked on, and the answer is an error code all the same.
    DoneAndRefused(i16),
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reply {
    /// It is sent.
    #[default]
    Sent,
    /// It never comes, and nothing else does on this connection.
    Lost,
    /// The connection is closed instead.
    Closed,
    /// The connection is closed after so many of its bytes.
    Cut(usize),
    /// It comes twice.
    Twice,
    /// The answer to the next request, if one is there already, comes first.
    Swapped,
}

/// Decides what becomes of each request.
pub trait Faults: Send {
    /// What becomes of `seen`.
    fn treat(&mut self, seen: Seen) -> Treatment;

    /// How long a follower takes to fetch what was just appended, instead of the cluster's option.
    fn replication(&mut self) -> Option<Duration> {
        None
    }

    /// How long a marker takes after EndTxn was answered, instead of the cluster's option.
    fn marker(&mut self) -> Option<Duration> {
        None
    }
}

impl<F: FnMut(Seen) -> Treatment + Send> Faults for F {
    fn treat(&mut self, seen: Seen) -> Treatment {
        self(seen)
    }
}

/// Nothing is done to any request.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

impl Faults for NoFaults {
    fn treat(&mut self, _: Seen) -> Treatment {
        Treatment::default()
    }
}
