//! The kinds of things that go wrong, and how often each did.

use std::fmt;

macro_rules! faults {
    ($($name:ident $words:literal,)+) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault {
            $(#[doc = $words] $name,)+
        }

        impl Fault {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)+
                }
            }
        }
    };
}

faults! {
    BrokerStops "a broker crashes and comes back",
    LeaderMoves "a leader moves",
    ConnectionsCut "all connections of a broker are cut",
    ConnectionRefused "a connection is refused",
    RequestCut "a connection breaks in the middle of a request",
    ReplyLost "a reply never comes",
    ReplyClosed "a connection is closed instead of a reply",
    ReplyCut "a connection is closed in the middle of a reply",
    ReplyTwice "a reply comes twice",
    ReplySwapped "a reply is overtaken by the next",
    RequestRefused "a request is refused for now",
    RequestDoneAndRefused "a request is carried out and answered with an error",
    RequestSlow "a request waits for long",
    RequestThrottled "a client is throttled",
    RequestOutlives "a request is worked on after its worker is gone",
    WorkerKilled "a worker is killed",
    WorkerStopped "a worker is stopped for a while",
    WorkerReplaced "a stopped worker is replaced and wakes up",
    ProducersForgotten "brokers forget producers by the age of their records",
    AppendWithoutState "a broker takes a sequence without knowing the producer",
    SourceTruncated "the source loses the end of a log",
    TargetTruncated "the target loses the end of a log",
    SourceRecreated "a source topic is deleted and created again",
    SourceExpired "records are deleted at the source before they are copied",
    SourceGrows "the source is written to",
    OtherWriter "somebody else writes to the target",
    StrayMarker "a marker appears at the target",
    DiskFull "a disk of the target is full",
    SourceDenied "a right at the source is lost",
    TargetDenied "a right at the target is lost",
    ClockJumps "a clock jumps",
    FollowersSlow "followers lag",
    GroupPaused "a topic group is paused for a while",
    LimitChanged "a limit on reading changes",
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// How often each kind was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultCounts {
    counts: Vec<u64>,
}

impl Default for FaultCounts {
    fn default() -> Self {
        Self {
            counts: vec![0; Fault::ALL.len()],
        }
    }
}

impl FaultCounts {
    /// Counts one.
    pub fn add(&mut self, fault: Fault) {
        self.add_many(fault, 1);
    }

    /// Counts several.
    pub fn add_many(&mut self, fault: Fault, count: u64) {
        self.counts[fault as usize] += count;
    }

    /// Adds another count to this one.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// How often `fault` was reached.
    #[must_use]
    pub fn of(&self, fault: Fault) -> u64 {
        self.counts[fault as usize]
    }
}
