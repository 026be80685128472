//! Watching the brokers of the source while they are read: how fast they answer to small requests,
//! how much they throttle, and whether followers fall behind. What follows from it is decided by
//! [`crate::guard`].

use super::Worker;
use super::event::{Event, Index};
use crate::guard::{CanaryCeiling, Facts, FollowersBehind, Guard, GuardSettings, Pace};
use crate::job::{CopyJob, GuardProgress, GuardTurn};
use ferry_kafka::client::Client;
use ferry_kafka::error::KafkaError;
use ferry_kafka::pool::Lane;
use ferry_kafka::task;
use ferry_model::identity::BrokerId;
use ferry_model::name::{TopicName, TopicPartition};
use kafka_protocol::messages::MetadataRequest;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// How often the facts are looked at, and a canary is sent to each broker.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often it is asked who is in sync.
const FOLLOWERS_EVERY: Duration = Duration::from_secs(5);
/// Answers that a median is taken of.
const CANARIES_COUNTED: usize = 5;
/// Answers without which there is no median.
const CANARIES_LEAST: usize = 3;
/// How long a canary may take; one that takes longer counts as this.
const CANARY_LIMIT: Duration = Duration::from_secs(5);
/// How long the canaries before the copy are apart.
const BASELINE_EVERY: Duration = Duration::from_millis(20);
/// How long the canaries before the copy may take together.
const BASELINE_LIMIT: Duration = Duration::from_secs(2);
/// Looks that a pace and a share of throttled time are taken over.
const LOOKS_COUNTED: usize = 5;
/// Changes of pace that are kept to be told.
const TURNS_KEPT: usize = 100;

/// Replicas of a partition that are up and not in sync, and who leads it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lagging {
    leader: Option<BrokerId>,
    replicas: usize,
}

/// What is known of the source's brokers beyond what is read from them.
#[derive(Debug, Default)]
pub(super) struct Watching {
    brokers: BTreeMap<BrokerId, Watched>,
    baselines: BTreeMap<BrokerId, Duration>,
    looked: Option<Instant>,
    followers_asked: Option<Instant>,
    asking_followers: bool,
    /// Replicas that were up and not in sync when the copy began, by partition.
    lagging_at_first: HashMap<Index, usize>,
    /// Partitions with more of them now, by leader.
    behind: BTreeMap<BrokerId, usize>,
    progress: GuardProgress,
}

#[derive(Debug, Default)]
struct Watched {
    guard: Guard,
    /// The last answers to canaries.
    canaries: VecDeque<Duration>,
    /// A canary is under way.
    waiting: bool,
    /// What was read since the last look.
    bytes: u64,
    /// Bytes and throttle time of the last looks.
    looks: VecDeque<(u64, Duration)>,
    throttled_ms: u64,
}

impl Watched {
    fn facts(&self, baseline: Option<Duration>, partitions_behind: usize) -> Facts {
        let looks = self.looks.len().max(1) as u64;
        let bytes: u64 = self.looks.iter().map(|(bytes, _)| bytes).sum();
        let throttled: Duration = self.looks.iter().map(|(_, throttled)| throttled).sum();
        let percent = throttled.as_millis() * 100 / (LOOK_EVERY * looks as u32).as_millis();
        Facts {
            latency: median(self.canaries.iter().copied()),
            baseline,
            throttled_percent: u32::try_from(percent).unwrap_or(u32::MAX),
            partitions_behind,
            bytes_per_s: bytes / looks,
        }
    }
}

impl Watching {
    /// Begins to watch: takes the time of canaries before anything is read.
    pub(super) async fn begin(job: &CopyJob) -> Self {
        let settings = job.settings.controls.borrow().guard;
        let mut watching = Self::default();
        if !settings.on || !matches!(settings.canary, CanaryCeiling::Times(_)) {
            return watching;
        }
        let leader = |partition: &crate::job::PartitionJob| job.source.leader(&partition.source);
        let brokers: BTreeSet<BrokerId> = job
            .partitions
            .iter()
            .filter_map(|partition| Some(leader(partition)?.broker))
            .collect();
        let (sender, mut answers) = tokio::sync::mpsc::unbounded_channel();
        for broker in brokers {
            let (source, sender) = (job.source.clone(), sender.clone());
            task::spawn(async move {
                let median = baseline(&source, broker).await;
                let _ = sender.send((broker, median));
            });
        }
        drop(sender);
        let until = Instant::now() + BASELINE_LIMIT;
        while let Ok(Some((broker, median))) = tokio::time::timeout_at(until, answers.recv()).await
        {
            if let Some(median) = median {
                watching.baselines.insert(broker, median);
            }
        }
        watching
    }

    /// What is told of it.
    pub(super) fn progress(&self) -> GuardProgress {
        self.progress.clone()
    }

    /// Counts what a fetch brought.
    pub(super) fn read(&mut self, broker: BrokerId, bytes: u64) {
        self.brokers.entry(broker).or_default().bytes += bytes;
    }

    /// A canary came back, or did not.
    pub(super) fn on_canary(&mut self, broker: BrokerId, took: Option<Duration>) {
        let watched = self.brokers.entry(broker).or_default();
        watched.waiting = false;
        if let Some(took) = took {
            watched.canaries.push_back(took);
        }
        if watched.canaries.len() > CANARIES_COUNTED {
            watched.canaries.pop_front();
        }
    }

    /// Who is in sync was asked.
    pub(super) fn on_followers(&mut self, found: Vec<(Index, Lagging)>) {
        self.asking_followers = false;
        if found.is_empty() {
            return;
        }
        self.behind.clear();
        for (index, lagging) in found {
            let at_first = *self
                .lagging_at_first
                .entry(index)
                .or_insert(lagging.replicas);
            if let Some(leader) = lagging.leader.filter(|_| lagging.replicas > at_first) {
                *self.behind.entry(leader).or_default() += 1;
            }
        }
    }

    /// Looks at one broker, and says how fast it may be read.
    fn look(&mut self, source: &Client, broker: BrokerId, settings: &GuardSettings) -> Pace {
        let baseline = self.baselines.get(&broker).copied();
        let behind = self.behind.get(&broker).copied().unwrap_or(0);
        let watched = self.brokers.entry(broker).or_default();
        let throttled_ms = source.throttle(broker).unread_ms;
        let throttled = throttled_ms.saturating_sub(watched.throttled_ms);
        watched.throttled_ms = throttled_ms;
        let look = (
            std::mem::take(&mut watched.bytes),
            Duration::from_millis(throttled),
        );
        watched.looks.push_back(look);
        if watched.looks.len() > LOOKS_COUNTED {
            watched.looks.pop_front();
        }
        let facts = watched.facts(baseline, behind);
        let turn = watched.guard.look(settings, &facts);
        let pace = watched.guard.pace();
        if pace != Pace::Free {
            self.progress.held += LOOK_EVERY;
        }
        if let Some(turn) = turn {
            tracing::debug!(%broker, ?turn, ?facts, "the pace changes");
            self.progress.add(GuardTurn { broker, turn });
        }
        pace
    }
}

impl GuardProgress {
    fn add(&mut self, turn: GuardTurn) {
        match turn.turn.to {
            Pace::Stopped => self.stopped += 1,
            Pace::Held(_) if turn.turn.cause != crate::guard::Cause::AtEase => self.slowed += 1,
            Pace::Held(_) | Pace::Free => {}
        }
        self.turns.push(turn);
        if self.turns.len() > TURNS_KEPT {
            self.turns.remove(0);
            self.turns_before += 1;
        }
    }
}

impl Worker {
    /// Looks at the brokers that are read, once a second.
    pub(super) fn serve_guard(&mut self, now: Instant) {
        let soon = |asked: Option<Instant>, every: Duration| {
            asked.is_some_and(|at| now.duration_since(at) < every)
        };
        if soon(self.watching.looked, LOOK_EVERY) {
            return;
        }
        self.watching.looked = Some(now);
        let settings = self.limits.guard();
        for broker in self.turns.brokers() {
            let pace = self.watching.look(&self.job.source, broker, &settings);
            self.limits.set_pace(broker, pace, now);
            if settings.on && settings.canary != CanaryCeiling::Any {
                self.send_canary(broker);
            }
        }
        let followers = settings.on && settings.followers != FollowersBehind::Ignore;
        if !followers {
            self.watching.behind.clear();
        } else if !self.watching.asking_followers
            && !soon(self.watching.followers_asked, FOLLOWERS_EVERY)
        {
            self.watching.followers_asked = Some(now);
            self.watching.asking_followers = true;
            self.ask_followers();
        }
    }

    fn send_canary(&mut self, broker: BrokerId) {
        let watched = self.watching.brokers.entry(broker).or_default();
        if watched.waiting {
            return;
        }
        watched.waiting = true;
        let (source, events) = (self.job.source.clone(), self.events.clone());
        task::spawn(async move {
            let took = canary(&source, broker).await;
            let _ = events.send(Event::Canary { broker, took });
        });
    }

    fn ask_followers(&self) {
        let places: HashMap<TopicPartition, Index> = self
            .partitions
            .iter()
            .map(|tracked| (tracked.job.source.clone(), tracked.index))
            .collect();
        let (source, events) = (self.job.source.clone(), self.events.clone());
        task::spawn(async move {
            let found = lagging(&source, &places).await;
            let _ = events.send(Event::Followers { found });
        });
    }
}

/// How long a broker takes to answer to a small request on a connection of its own; none where that
/// says nothing of the broker's load.
async fn canary(source: &Client, broker: BrokerId) -> Option<Duration> {
    let connection = source.connection(broker, Lane::Canary).await.ok()?;
    if !source.throttle(broker).remaining().is_zero() {
        // What is throttled waits on purpose.
        return None;
    }
    let request = MetadataRequest::default()
        .with_topics(Some(Vec::new()))
        .with_allow_auto_topic_creation(false);
    let asked = Instant::now();
    let answer = connection.send_within(&request, CANARY_LIMIT).ok()?.await;
    match answer {
        Ok(_) => Some(asked.elapsed()),
        Err(KafkaError::TimedOut { .. }) => Some(CANARY_LIMIT),
        Err(_) => None,
    }
}

/// The median of a few canaries before the copy.
async fn baseline(source: &Client, broker: BrokerId) -> Option<Duration> {
    let mut took = Vec::new();
    for _ in 0..CANARIES_COUNTED {
        took.extend(canary(source, broker).await);
        tokio::time::sleep(BASELINE_EVERY).await;
    }
    median(took.into_iter())
}

fn median(durations: impl Iterator<Item = Duration>) -> Option<Duration> {
    let mut durations: Vec<Duration> = durations.collect();
    durations.sort_unstable();
    (durations.len() >= CANARIES_LEAST).then(|| durations[durations.len() / 2])
}

/// Replicas of each partition that are up and not in sync.
async fn lagging(
    source: &Client,
    places: &HashMap<TopicPartition, Index>,
) -> Vec<(Index, Lagging)> {
    let topics: BTreeSet<&TopicName> = places.keys().map(|partition| &partition.topic).collect();
    let topics: Vec<TopicName> = topics.into_iter().cloned().collect();
    let described = match source.admin().describe_topics(&topics).await {
        Ok(described) => described,
        Err(error) => {
            tracing::debug!(%error, "who is in sync can't be told");
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for topic in described.into_values().flatten() {
        for partition in topic.partitions {
            let place = TopicPartition::new(topic.name.clone(), partition.partition);
            let Some(index) = places.get(&place) else {
                continue;
            };
            let lags = |replica: &&BrokerId| {
                !partition.in_sync_replicas.contains(replica)
                    && !partition.offline_replicas.contains(replica)
            };
            let replicas = partition.replicas.iter().filter(lags).count();
            let leader = partition.leader;
            found.push((*index, Lagging { leader, replicas }));
        }
    }
    found
}
