//! What a seed decides before anything runs: the clusters, their contents, and what goes wrong when.

use crate::fault::Fault;
use fastrand::Rng;
use ferry_copy::partition::exact::Budget;
use std::time::Duration;

/// What a partition of the source looks like when the copy begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Records side by side.
    Plain,
    /// The log starts far from 0.
    HeadGap,
    /// Some records were written in transactions.
    Transactions,
    /// A cleaner left holes.
    Holes,
    /// Nothing is in it yet.
    Empty,
}

/// One topic, the same at both sides but for its name.
#[derive(Debug, Clone)]
pub(crate) struct TopicPlan {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) partitions: i32,
    /// Whether the plan says that offsets are translated.
    pub(crate) translate: bool,
    /// What may be spent so that offsets are kept.
    pub(crate) budget: Budget,
    /// Whether holes are filled.
    pub(crate) filler: bool,
    /// Batches that are there from the start, in each partition.
    pub(crate) batches: usize,
}

impl TopicPlan {
    pub(crate) fn target(&self) -> String {
        format!("new.{}", self.name)
    }
}

/// Something that happens to the world at a certain time.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) at: Duration,
    pub(crate) what: Happening,
}

/// What happens. Numbers choose a topic, a partition or a broker; `lasts` is until it is mended.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    BrokerStops {
        source: bool,
        broker: i32,
        lasts: Duration,
    },
    LeaderMoves {
        source: bool,
        topic: usize,
        partition: i32,
        broker: i32,
    },
    ConnectionsCut {
        source: bool,
        broker: i32,
    },
    WorkerKilled {
        again_after: Duration,
    },
    WorkerStopped {
        lasts: Duration,
    },
    WorkerReplaced {
        wakes_after: Duration,
    },
    ProducersForgotten,
    SourceTruncated {
        topic: usize,
        partition: i32,
        records: i64,
    },
    TargetTruncated {
        topic: usize,
        partition: i32,
        records: i64,
    },
    SourceRecreated {
        topic: usize,
    },
    SourceExpired {
        topic: usize,
        partition: i32,
        records: i64,
    },
    SourceGrows {
        topic: usize,
        partition: i32,
        batches: usize,
    },
    OtherWriter {
        topic: usize,
        partition: i32,
    },
    StrayMarker {
        topic: usize,
        partition: i32,
    },
    DiskFull {
        broker: i32,
        lasts: Duration,
    },
    Denied {
        source: bool,
        topic: usize,
        lasts: Duration,
    },
    ClockJumps {
        source: bool,
        ms: i64,
    },
    FollowersSlow {
        lasts: Duration,
    },
    GroupPaused {
        topic: usize,
        lasts: Duration,
    },
    LimitChanged {
        bytes_per_s: u64,
        lasts: Duration,
    },
}

impl Happening {
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::BrokerStops { .. } => Fault::BrokerStops,
            Self::LeaderMoves { .. } => Fault::LeaderMoves,
            Self::ConnectionsCut { .. } => Fault::ConnectionsCut,
            Self::WorkerKilled { .. } => Fault::WorkerKilled,
            Self::WorkerStopped { .. } => Fault::WorkerStopped,
            Self::WorkerReplaced { .. } => Fault::WorkerReplaced,
            Self::ProducersForgotten => Fault::ProducersForgotten,
            Self::SourceTruncated { .. } => Fault::SourceTruncated,
            Self::TargetTruncated { .. } => Fault::TargetTruncated,
            Self::SourceRecreated { .. } => Fault::SourceRecreated,
            Self::SourceExpired { .. } => Fault::SourceExpired,
            Self::SourceGrows { .. } => Fault::SourceGrows,
            Self::OtherWriter { .. } => Fault::OtherWriter,
            Self::StrayMarker { .. } => Fault::StrayMarker,
            Self::DiskFull { .. } => Fault::DiskFull,
            Self::Denied { source: true, .. } => Fault::SourceDenied,
            Self::Denied { source: false, .. } => Fault::TargetDenied,
            Self::ClockJumps { .. } => Fault::ClockJumps,
            Self::FollowersSlow { .. } => Fault::FollowersSlow,
            Self::GroupPaused { .. } => Fault::GroupPaused,
            Self::LimitChanged { .. } => Fault::LimitChanged,
        }
    }
}

/// A whole schedule.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pub(crate) seed: u64,
    pub(crate) source_brokers: i32,
    pub(crate) target_brokers: i32,
    pub(crate) topics: Vec<TopicPlan>,
    /// How old the source's records are.
    pub(crate) age: Duration,
    /// How often brokers look for producers to forget.
    pub(crate) expiration_check: Duration,
    /// Requests of a thousand that something is done to.
    pub(crate) faults_per_mille: u32,
    /// The longest that a request of a worker that is gone may wait: with more than the settling
    /// time nobody can promise that nothing goes wrong, only that it is found.
    pub(crate) lingers_at_most: Duration,
    /// Whether the source is read from broker 2 where it has a replica.
    pub(crate) near: bool,
    /// Whether parts of the source's logs are in remote storage.
    pub(crate) tiered: bool,
    /// Batches of one partition in one answer, at most.
    pub(crate) fetch_batches_max: usize,
    pub(crate) events: Vec<Event>,
}

/// How long ends must stand still in every schedule.
pub(crate) const SETTLING: Duration = Duration::from_millis(400);
/// A clock that jumps no further takes no protection away.
const JUMP_MAX_MS: i64 = 6 * 3_600_000;
/// When the last event may begin.
const EVENTS_UNTIL_MS: u64 = 1_500;

impl Schedule {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let source_brokers = rng.i32(1..=2);
        let target_brokers = if rng.u8(..3) == 0 { 1 } else { 3 };
        let topics = (0..rng.usize(1..=3))
            .map(|number| topic(&mut rng, number))
            .collect::<Vec<_>>();
        let old = rng.u8(..4) != 0;
        // One schedule in eight lets requests linger for longer than ends are watched.
        let lingering = rng.u8(..8) == 0;
        let mut schedule = Self {
            seed,
            source_brokers,
            target_brokers,
            age: Duration::from_secs(if old { 40 * 86_400 } else { 60 }),
            expiration_check: Duration::from_millis(rng.u64(20..1_000)),
            faults_per_mille: *pick(&mut rng, &[0, 0, 5, 20, 60]),
            lingers_at_most: if lingering {
                SETTLING * 4
            } else {
                SETTLING / 2
            },
            fetch_batches_max: rng.usize(1..=4),
            near: rng.bool(),
            tiered: rng.u8(..4) == 0,
            topics,
            events: Vec::new(),
        };
        let count = rng.usize(1..=7);
        schedule.events = (0..count).map(|_| event(&mut rng, &schedule)).collect();
        let control = control(&mut rng, &schedule);
        schedule.events.extend(control);
        schedule.events.sort_by_key(|event| event.at);
        schedule
    }

    /// Whether `fault` is part of it.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.events.iter().any(|event| event.what.fault() == fault)
    }

    /// Whether requests may outlive the settling time, or the target's clock jump so far that young
    /// producers are forgotten.
    pub(crate) fn unprotected(&self) -> bool {
        let jumps = self.events.iter().any(|event| {
            matches!(event.what, Happening::ClockJumps { source: false, ms } if ms > JUMP_MAX_MS)
        });
        self.lingers_at_most > SETTLING || jumps
    }

    /// Whether the source lost the end of a log, or somebody else wrote to the target, and what could
    /// be compared with it was deleted at the source later: where the worker did not see it, nothing
    /// is left that anybody could.
    pub(crate) fn evidence_gone(&self, topic: usize, partition: i32) -> bool {
        let here = |t: usize, p: i32| (t, p) == (topic, partition);
        let mut events = self.events.iter().map(|event| &event.what);
        let lost = events.any(|what| match what {
            Happening::SourceTruncated {
                topic, partition, ..
            }
            | Happening::OtherWriter { topic, partition }
            | Happening::StrayMarker { topic, partition } => here(*topic, *partition),
            _ => false,
        });
        lost && !self.undisturbed()
            && events.any(|what| {
                matches!(what, Happening::SourceExpired { topic, partition, .. } if here(*topic, *partition))
            })
    }

    /// Whether nothing goes wrong but that somebody else writes.
    pub(crate) fn undisturbed(&self) -> bool {
        let harmless = |fault| {
            matches!(
                fault,
                Fault::OtherWriter
                    | Fault::SourceGrows
                    | Fault::ConnectionsCut
                    | Fault::ProducersForgotten
                    | Fault::FollowersSlow
            )
        };
        let faults = self.events.iter().map(|event| event.what.fault());
        self.faults_per_mille == 0 && !self.unprotected() && faults.into_iter().all(harmless)
    }

    /// Whether something is part of it against which no copier can protect a target, so that it must
    /// only be found.
    pub(crate) fn beyond_protection(&self) -> bool {
        self.unprotected()
            || [
                Fault::OtherWriter,
                Fault::StrayMarker,
                Fault::TargetTruncated,
                Fault::SourceTruncated,
                Fault::SourceRecreated,
            ]
            .into_iter()
            .any(|fault| self.has(fault))
    }
}

pub(crate) fn pick<'a, T>(rng: &mut Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.usize(..choices.len())]
}

fn topic(rng: &mut Rng, number: usize) -> TopicPlan {
    use Shape::{Empty, HeadGap, Holes, Plain, Transactions};
    let shape = *pick(
        rng,
        &[
            Plain,
            Plain,
            Plain,
            HeadGap,
            HeadGap,
            Transactions,
            Transactions,
            Holes,
            Empty,
        ],
    );
    TopicPlan {
        name: format!("topic-{number}"),
        shape,
        partitions: rng.i32(1..=2),
        translate: match shape {
            Transactions | Holes => rng.bool(),
            _ => rng.u8(..6) == 0,
        },
        budget: match rng.u8(..4) {
            0 => Budget::NONE,
            1 => Budget {
                transactions: rng.i64(1..8),
                fillers: rng.i64(1..12),
            },
            _ => Budget::UNLIMITED,
        },
        filler: shape == Holes && rng.bool(),
        batches: if shape == Empty { 0 } else { rng.usize(1..=20) },
    }
}

/// What an operator does to a running copy; drawn behind everything else, so that a seed without it
/// keeps its schedule.
fn control(rng: &mut Rng, schedule: &Schedule) -> Option<Event> {
    let at = Duration::from_millis(rng.u64(..EVENTS_UNTIL_MS));
    let lasts = Duration::from_millis(rng.u64(20..1_200));
    let what = match rng.u8(..8) {
        0 => Happening::GroupPaused {
            topic: rng.usize(..schedule.topics.len()),
            lasts,
        },
        1 => Happening::LimitChanged {
            bytes_per_s: rng.u64(100..20_000),
            lasts,
        },
        _ => return None,
    };
    Some(Event { at, what })
}

fn event(rng: &mut Rng, schedule: &Schedule) -> Event {
    let at = Duration::from_millis(rng.u64(..EVENTS_UNTIL_MS));
    let lasts = Duration::from_millis(rng.u64(20..1_200));
    let topic = rng.usize(..schedule.topics.len());
    let partition = rng.i32(0..schedule.topics[topic].partitions);
    let source = rng.u8(..3) == 0;
    let brokers = if source {
        schedule.source_brokers
    } else {
        schedule.target_brokers
    };
    let broker = rng.i32(1..=brokers);
    let records = rng.i64(1..12);
    let what = match rng.u8(..40) {
        0..=3 => Happening::BrokerStops {
            source,
            broker,
            lasts,
        },
        4..=6 => Happening::LeaderMoves {
            source,
            topic,
            partition,
            broker,
        },
        7..=9 => Happening::ConnectionsCut { source, broker },
        10..=17 => Happening::WorkerKilled {
            again_after: Duration::from_millis(rng.u64(1..300)),
        },
        18..=19 => Happening::WorkerStopped { lasts },
        20..=21 => Happening::WorkerReplaced { wakes_after: lasts },
        22..=23 => Happening::ProducersForgotten,
        24 => Happening::SourceTruncated {
            topic,
            partition,
            records,
        },
        25 => Happening::TargetTruncated {
            topic,
            partition,
            records,
        },
        26 => Happening::SourceRecreated { topic },
        27..=28 => Happening::SourceExpired {
            topic,
            partition,
            records,
        },
        29..=32 => Happening::SourceGrows {
            topic,
            partition,
            batches: rng.usize(1..=8),
        },
        33 => Happening::OtherWriter { topic, partition },
        34 => Happening::StrayMarker { topic, partition },
        35..=36 => Happening::DiskFull {
            broker: rng.i32(1..=schedule.target_brokers),
            lasts,
        },
        37 => Happening::Denied {
            source,
            topic,
            lasts,
        },
        38 => Happening::ClockJumps {
            source,
            ms: rng.i64(-3 * 86_400_000..3 * 86_400_000),
        },
        _ => Happening::FollowersSlow { lasts },
    };
    Event { at, what }
}
