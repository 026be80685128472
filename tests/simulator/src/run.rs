//! One schedule from its beginning to its end.

use crate::contents::FILLER;
use crate::fault::{Fault, FaultCounts};
use crate::network::Pipes;
use crate::oracle::{Place, has_cause};
use crate::process::{self, Process};
use crate::schedule::{Event, Happening, Schedule};
use crate::source::{Source, options};
use crate::treatment::Chances;
use crate::worker::{Ended, Orders, PROGRESS_TOPIC, topic};
use fastrand::Rng;
use ferry_copy::controls::{Controls, DailyLimit};
use ferry_copy::job::{CopyReport, OffsetMode, PartitionJob, PartitionOutcome};
use ferry_copy::recopy::forget_topic;
use ferry_fake_kafka::{FakeKafka, Options, TopicOptions};
use ferry_model::identity::TopicId;
use ferry_model::name::TopicPartition;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// 2026-09-01, when every schedule begins.
const NOW_MS: i64 = 1_788_220_800_000;
/// How long a worker that ended is left alone before it is started again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How often the last worker is started until it reports.
const LAST_RUNS: usize = 4;
/// How long one run of it may take.
const LAST_RUN_LIMIT: Duration = Duration::from_secs(120);

/// What became of a schedule.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What must never be, if it was.
    pub violation: Option<String>,
    /// How often each fault was reached.
    pub counts: FaultCounts,
    /// A digest of every request and its time: the same seed has the same.
    pub trace: u64,
    /// Partitions that stopped with a true cause.
    pub halted: u64,
    /// Partitions that were copied again and equal then.
    pub recopied: u64,
    /// Differences that no worker could see and verification found.
    pub found_by_verification: u64,
    /// Partitions that ended equal.
    pub equal: u64,
    /// What it took to keep offsets in them.
    pub keeping: Keeping,
}

/// What it took to keep offsets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keeping {
    /// Partitions with kept offsets.
    pub partitions: u64,
    /// Those of them where transactions kept offsets free.
    pub with_voids: u64,
    /// Such transactions.
    pub voids: u64,
    /// Those of the partitions where fillers stand.
    pub with_fillers: u64,
    /// Fillers.
    pub fillers: u64,
}

impl Keeping {
    /// Adds another count to this one.
    pub fn merge(&mut self, other: &Self) {
        self.partitions += other.partitions;
        self.with_voids += other.with_voids;
        self.voids += other.voids;
        self.with_fillers += other.with_fillers;
        self.fillers += other.fillers;
    }
}

/// What the schedule of `seed` is.
#[must_use]
pub fn describe(seed: u64) -> String {
    format!("{:#?}", Schedule::of(seed))
}

/// Runs the schedule of `seed`.
#[must_use]
pub fn run(seed: u64) -> Outcome {
    let schedule = Schedule::of(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            return Outcome {
                violation: Some(format!("no runtime: {error}")),
                ..Outcome::default()
            };
        }
    };
    let tasks = tokio::task::LocalSet::new();
    let outcome = tasks.block_on(&runtime, async {
        ferry_kafka::task::simulate(Some(NOW_MS));
        process::forget_all();
        let mut world = World::new(schedule);
        let violation = world.live().await.err();
        world.outcome(violation)
    });
    ferry_kafka::task::simulate(None);
    outcome
}

struct World {
    schedule: Schedule,
    rng: Rng,
    source: FakeKafka,
    target: FakeKafka,
    history: Source,
    chances: Chances,
    orders: Orders,
    worker: Option<Process<Ended>>,
    /// Workers that were replaced, and when they wake up.
    replaced: Vec<(Instant, Process<Ended>)>,
    start_at: Option<Instant>,
    mending: Vec<(Instant, Mend)>,
    /// Partitions that somebody else wrote to, and those of them that were written to by the copy
    /// afterwards: where nothing else went wrong, the copy itself has to see it.
    meddled: BTreeSet<(usize, i32)>,
    must_see: BTreeSet<(usize, i32)>,
    outcome: Outcome,
}

/// What is undone at a later time.
#[derive(Debug)]
enum Mend {
    Start { source: bool, broker: i32 },
    Continue,
    MakeRoom { broker: i32 },
    Allow { source: bool, topic: String },
    HurryFollowers,
    Resume { topic: String },
    LiftLimit,
}

impl World {
    fn new(schedule: Schedule) -> Self {
        let seed = schedule.seed;
        let mut rng = Rng::with_seed(seed ^ 0x5EED);
        let chances = Chances::new(seed, schedule.faults_per_mille, schedule.lingers_at_most);
        let cluster = |name: &str, brokers: i32| {
            let cluster = FakeKafka::new(Options {
                cluster_id: name.to_owned(),
                brokers: brokers as usize,
                now_ms: NOW_MS,
                expiration_check: schedule.expiration_check,
                in_sync_min: if brokers > 1 { 2 } else { 1 },
                fetch_batches_max: schedule.fetch_batches_max,
                rack_aware: true,
                ..Options::default()
            });
            cluster.set_faults(chances.clone());
            cluster
        };
        let source = cluster("source", schedule.source_brokers);
        source.set_options(|options| options.in_sync_min = 1);
        let target = cluster("target", schedule.target_brokers);
        let history = Source::fill(&source, &schedule, &mut rng);
        if schedule.tiered {
            for plan in &schedule.topics {
                for index in 0..plan.partitions {
                    let end = source
                        .ends(&plan.name, index)
                        .map_or(0, |ends| ends.log_end);
                    source.set_remote_until(&plan.name, index, rng.i64(0..=end));
                }
            }
        }
        target.create_topic(PROGRESS_TOPIC, TopicOptions::default());
        for plan in &schedule.topics {
            target.create_topic(&plan.target(), options(plan));
        }
        let pipes = |cluster: &FakeKafka| {
            let chances = chances.clone();
            Pipes {
                door: cluster.door(),
                fates: Arc::new(Mutex::new(move || chances.fate())),
            }
        };
        let orders = Orders {
            source: pipes(&source),
            target: pipes(&target),
            partitions: Vec::new(),
            rack: schedule.near.then(|| "rack-2".into()),
            controls: watch::Sender::new(Controls::default()),
        };
        let mut world = Self {
            schedule,
            rng,
            source,
            target,
            history,
            chances,
            orders,
            worker: None,
            replaced: Vec::new(),
            start_at: None,
            mending: Vec::new(),
            meddled: BTreeSet::new(),
            must_see: BTreeSet::new(),
            outcome: Outcome::default(),
        };
        world.orders.partitions = world.partitions();
        world
    }

    /// The partitions of the plan, with the topic ids as they are now.
    fn partitions(&self) -> Vec<PartitionJob> {
        let id = |cluster: &FakeKafka, name: &str| {
            let id = cluster.topic_id(name)?;
            TopicId::known(uuid::Uuid::from_u128(id))
        };
        let mut partitions = Vec::new();
        for plan in &self.schedule.topics {
            for index in 0..plan.partitions {
                partitions.push(PartitionJob {
                    source: TopicPartition::new(topic(&plan.name), index),
                    target: TopicPartition::new(topic(&plan.target()), index),
                    source_topic_id: id(&self.source, &plan.name),
                    target_topic_id: id(&self.target, &plan.target()),
                    group: plan.name.clone(),
                    mode: match plan.translate {
                        true => OffsetMode::Translate("the plan says so".to_owned()),
                        false => OffsetMode::Preserve,
                    },
                    budget: plan.budget,
                    filler: plan.filler.then(|| FILLER.into()),
                    tiered: self.schedule.tiered,
                    batch_bytes_max: 1_000_000,
                });
            }
        }
        partitions
    }

    async fn live(&mut self) -> Result<(), String> {
        let began = Instant::now();
        self.worker = Some(self.orders.start());
        let events = std::mem::take(&mut self.schedule.events);
        for event in &events {
            self.until(began + event.at).await;
            self.happen(event).await;
        }
        self.schedule.events = events;
        self.until(began + Duration::from_secs(3)).await;
        self.heal().await;
        let report = self.last_run().await?;
        self.judge(report).await
    }

    /// Lets time pass, starts workers that ended, and mends what is due.
    async fn until(&mut self, deadline: Instant) {
        loop {
            let due = self.mending.iter().map(|(at, _)| *at);
            let waking = self.replaced.iter().map(|(at, _)| *at);
            let next = due
                .chain(waking)
                .chain(self.start_at)
                .min()
                .unwrap_or(deadline)
                .min(deadline);
            if let Some(worker) = &mut self.worker {
                tokio::select! {
                    biased;
                    () = tokio::time::sleep_until(next) => {}
                    _ = worker.ended() => {
                        self.worker = None;
                        self.start_at = Some(Instant::now() + AGAIN_AFTER);
                        continue;
                    }
                }
            } else {
                tokio::time::sleep_until(next).await;
            }
            let now = Instant::now();
            if self.start_at.is_some_and(|at| at <= now) {
                self.start_at = None;
                self.worker = Some(self.orders.start());
            }
            self.mend(now);
            for (at, process) in &self.replaced {
                if *at <= now {
                    process.go_on();
                }
            }
            // One that has woken up lives on until its end or the schedule's.
            let far = now + Duration::from_secs(3_600);
            for (at, _) in &mut self.replaced {
                if *at <= now {
                    *at = far;
                }
            }
            if now >= deadline {
                return;
            }
        }
    }

    fn mend(&mut self, now: Instant) {
        let (due, later): (Vec<_>, Vec<_>) = self.mending.drain(..).partition(|(at, _)| *at <= now);
        self.mending = later;
        for (_, mend) in due {
            match mend {
                Mend::Start { source, broker } => self.cluster(source).start(broker),
                Mend::Continue => {
                    if let Some(worker) = &self.worker {
                        worker.go_on();
                    }
                }
                Mend::MakeRoom { broker } => self.target.fill_disk(broker, false),
                Mend::Allow { source, topic } => self.cluster(source).deny(&topic, false),
                Mend::HurryFollowers => self.chances.slow_followers(Duration::ZERO),
                Mend::Resume { topic } => self.orders.controls.send_modify(|controls| {
                    controls.pauses.groups.remove(&topic);
                }),
                Mend::LiftLimit => self.orders.controls.send_modify(|controls| {
                    controls.all = DailyLimit::default();
                }),
            }
        }
    }

    fn cluster(&self, source: bool) -> &FakeKafka {
        if source { &self.source } else { &self.target }
    }

    fn later(&mut self, after: Duration, mend: Mend) {
        self.mending.push((Instant::now() + after, mend));
    }

    async fn happen(&mut self, event: &Event) {
        let fault = event.what.fault();
        let happened = self.happened(&event.what);
        tracing::info!(at_ms = event.at.as_millis(), happened, "{:?}", event.what);
        if happened {
            self.outcome.counts.add(fault);
        }
    }

    /// Makes it happen; whether it did.
    fn happened(&mut self, what: &Happening) -> bool {
        match what {
            Happening::BrokerStops {
                source,
                broker,
                lasts,
            } => {
                if !self.cluster(*source).is_up(*broker) {
                    return false;
                }
                self.cluster(*source).stop(*broker);
                self.later(
                    *lasts,
                    Mend::Start {
                        source: *source,
                        broker: *broker,
                    },
                );
            }
            Happening::LeaderMoves {
                source,
                topic,
                partition,
                broker,
            } => {
                let name = self.name(*source, *topic);
                let cluster = self.cluster(*source);
                return cluster.is_up(*broker) && cluster.hand_over(&name, *partition, *broker);
            }
            Happening::ConnectionsCut { source, broker } => self.cluster(*source).cut(*broker),
            Happening::WorkerKilled { again_after } => {
                let Some(worker) = self.worker.take() else {
                    return false;
                };
                worker.kill();
                self.start_at = Some(Instant::now() + *again_after);
            }
            Happening::WorkerStopped { lasts } => {
                let Some(worker) = &self.worker else {
                    return false;
                };
                worker.stop();
                self.later(*lasts, Mend::Continue);
            }
            Happening::WorkerReplaced { wakes_after } => {
                let Some(worker) = self.worker.take() else {
                    return false;
                };
                worker.stop();
                self.replaced.push((Instant::now() + *wakes_after, worker));
                self.worker = Some(self.orders.start());
            }
            Happening::ProducersForgotten => self.target.expire_producers(),
            Happening::SourceTruncated {
                topic,
                partition,
                records,
            } => {
                let name = self.name(true, *topic);
                let Some(ends) = self.source.ends(&name, *partition) else {
                    return false;
                };
                if !self.source.has_leader(&name, *partition) {
                    return false;
                }
                let end = (ends.log_end - records).max(ends.log_start);
                let lost = self.source.lose_end(&name, *partition, end).is_ok();
                self.history.close(&self.source, *topic, &name, *partition);
                self.grow(*topic, *partition, 2);
                return lost;
            }
            Happening::TargetTruncated {
                topic,
                partition,
                records,
            } => {
                let name = self.name(false, *topic);
                let Some(ends) = self.target.ends(&name, *partition) else {
                    return false;
                };
                let end = (ends.log_end - records).max(ends.log_start);
                return end < ends.log_end && self.target.lose_end(&name, *partition, end).is_ok();
            }
            Happening::SourceRecreated { topic } => {
                let plan = self.schedule.topics[*topic].clone();
                if (1..=self.schedule.source_brokers).any(|broker| !self.source.is_up(broker)) {
                    return false;
                }
                self.source.delete_topic(&plan.name);
                self.source.create_topic(&plan.name, options(&plan));
                self.history.recreated(*topic);
                (0..plan.partitions).for_each(|partition| self.grow(*topic, partition, 3));
            }
            Happening::SourceExpired {
                topic,
                partition,
                records,
            } => {
                let name = self.name(true, *topic);
                let Some(ends) = self.source.ends(&name, *partition) else {
                    return false;
                };
                // Retention never reaches beyond what is stable.
                let start = (ends.log_start + records).min(ends.last_stable);
                if start <= ends.log_start {
                    return false;
                }
                if let Some(history) = self.history.histories.get_mut(&(*topic, *partition)) {
                    history.start = start;
                }
                return self.source.delete_before(&name, *partition, start).is_ok();
            }
            Happening::SourceGrows {
                topic,
                partition,
                batches,
            } => {
                let name = self.name(true, *topic);
                if !self.source.has_leader(&name, *partition) {
                    return false;
                }
                self.grow(*topic, *partition, *batches);
                if self.meddled.contains(&(*topic, *partition)) {
                    self.must_see.insert((*topic, *partition));
                }
            }
            Happening::OtherWriter { topic, partition } => {
                let batch = crate::contents::batch(
                    &[u64::MAX - self.rng.u64(..1_000)],
                    5,
                    NOW_MS,
                    crate::contents::Author {
                        producer_id: -1,
                        transactional: false,
                    },
                );
                let name = self.name(false, *topic);
                let ends = |cluster: &FakeKafka, name: &str| cluster.ends(name, *partition);
                let at = ends(&self.target, &name).map(|ends| ends.log_end);
                let source = ends(&self.source, &self.name(true, *topic)).map(|e| e.high_watermark);
                let done = self.target.append(&name, *partition, batch, None).is_ok();
                if done {
                    self.meddled.insert((*topic, *partition));
                    if at < source {
                        self.must_see.insert((*topic, *partition));
                    }
                }
                return done;
            }
            Happening::StrayMarker { topic, partition } => {
                let name = self.name(false, *topic);
                return self
                    .target
                    .append_marker(&name, *partition, 4_711, false)
                    .is_ok();
            }
            Happening::DiskFull { broker, lasts } => {
                self.target.fill_disk(*broker, true);
                self.later(*lasts, Mend::MakeRoom { broker: *broker });
            }
            Happening::Denied {
                source,
                topic,
                lasts,
            } => {
                let topic = self.name(*source, *topic);
                self.cluster(*source).deny(&topic, true);
                self.later(
                    *lasts,
                    Mend::Allow {
                        source: *source,
                        topic,
                    },
                );
            }
            Happening::ClockJumps { source, ms } => self.cluster(*source).set_clock_by(*ms),
            Happening::FollowersSlow { lasts } => {
                self.chances
                    .slow_followers(Duration::from_millis(self.rng.u64(50..2_500)));
                self.later(*lasts, Mend::HurryFollowers);
            }
            Happening::GroupPaused { topic, lasts } => {
                let topic = self.name(true, *topic);
                self.orders.controls.send_modify(|controls| {
                    controls.pauses.groups.insert(topic.clone());
                });
                self.later(*lasts, Mend::Resume { topic });
            }
            Happening::LimitChanged { bytes_per_s, lasts } => {
                self.orders.controls.send_modify(|controls| {
                    controls.all.usual.bytes_per_s = Some(*bytes_per_s);
                });
                self.later(*lasts, Mend::LiftLimit);
            }
        }
        true
    }

    fn name(&self, source: bool, topic: usize) -> String {
        let plan = &self.schedule.topics[topic];
        if source {
            plan.name.clone()
        } else {
            plan.target()
        }
    }

    fn grow(&mut self, topic: usize, partition: i32, batches: usize) {
        let plan = self.schedule.topics[topic].clone();
        self.history.grow(
            &self.source,
            topic,
            &plan,
            partition,
            batches,
            &mut self.rng,
        );
    }

    /// Everything that is broken is mended, and every worker but one is gone.
    async fn heal(&mut self) {
        self.chances.heal();
        let far = Instant::now() + Duration::from_secs(86_400);
        self.mend(far);
        for source in [true, false] {
            for broker in 1..=3 {
                if !self.cluster(source).is_up(broker) {
                    self.cluster(source).start(broker);
                }
            }
        }
        for (_, process) in &self.replaced {
            process.go_on();
        }
        // Those that were replaced have their say before they go.
        tokio::time::sleep(Duration::from_millis(500)).await;
        for (_, process) in self.replaced.drain(..) {
            process.kill();
        }
        if let Some(worker) = self.worker.take() {
            worker.kill();
        }
    }

    /// A worker that nothing is in the way of must come to its end.
    async fn last_run(&mut self) -> Result<CopyReport, String> {
        let mut last = String::new();
        for _ in 0..LAST_RUNS {
            let mut worker = self.orders.start();
            match tokio::time::timeout(LAST_RUN_LIMIT, worker.ended()).await {
                Ok(Some(Ok(report))) => return Ok(report),
                Ok(Some(Err(error))) => last = error,
                Ok(None) => last = "the worker's task is gone: it panicked".to_owned(),
                Err(_) => last = "it neither ends nor fails".to_owned(),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Err(format!("the copy does not come to its end: {last}"))
    }

    async fn judge(&mut self, report: CopyReport) -> Result<(), String> {
        let mut again = BTreeSet::new();
        for outcome in &report.outcomes {
            let (topic, partition) = self.place_of(outcome);
            if let Some(halt) = &outcome.halted {
                self.outcome.halted += 1;
                has_cause(halt, &self.schedule, topic, partition)
                    .map_err(|wrong| format!("{}: {wrong}", outcome.source))?;
                again.insert(topic);
                continue;
            }
            match self.place(outcome, topic, partition).complete() {
                Ok(()) => {
                    self.outcome.equal += 1;
                    let keeping = self.place(outcome, topic, partition).keeping();
                    self.outcome.keeping.merge(&keeping);
                }
                Err(wrong) => {
                    let wrong = format!("{} ({:?}): {wrong}", outcome.source, outcome.mode);
                    if !self.schedule.beyond_protection() {
                        return Err(wrong);
                    }
                    let place = (topic, partition);
                    let kept = outcome.mode == OffsetMode::Preserve;
                    if kept && self.must_see.contains(&place) && self.schedule.undisturbed() {
                        return Err(format!("{wrong}, which the worker had to see itself"));
                    }
                    if self.schedule.evidence_gone(topic, partition) {
                        again.insert(topic);
                        continue;
                    }
                    self.verification_finds(outcome).await.map_err(|reason| {
                        format!("{wrong}, and the worker does not say so: {reason}")
                    })?;
                    self.outcome.found_by_verification += 1;
                    again.insert(topic);
                }
            }
        }
        if again.is_empty() {
            return Ok(());
        }
        self.copy_again(&again).await
    }

    fn place_of(&self, outcome: &PartitionOutcome) -> (usize, i32) {
        let name = outcome.source.topic.as_str();
        let topic = self
            .schedule
            .topics
            .iter()
            .position(|plan| plan.name == name);
        (topic.unwrap_or(0), outcome.source.partition)
    }

    fn place<'a>(
        &'a self,
        outcome: &'a PartitionOutcome,
        topic: usize,
        partition: i32,
    ) -> Place<'a> {
        Place {
            source: &self.source,
            target: &self.target,
            plan: &self.schedule.topics[topic],
            partition,
            history: &self.history.histories[&(topic, partition)],
            mode: &outcome.mode,
        }
    }

    /// Whether Ferry's own verification finds that a partition differs.
    async fn verification_finds(&self, outcome: &PartitionOutcome) -> Result<(), String> {
        crate::verification::differs(&self.orders, outcome).await
    }

    /// Deletes topics at the target, makes them anew and copies them again: everything must be equal
    /// then.
    async fn copy_again(&mut self, topics: &BTreeSet<usize>) -> Result<(), String> {
        for number in topics {
            let plan = self.schedule.topics[*number].clone();
            self.target.delete_topic(&plan.target());
            let partitions = self.orders.partitions.iter();
            let of_topic = partitions
                .filter(|job| job.source.topic.as_str() == plan.name)
                .cloned();
            let orders = Orders {
                partitions: of_topic.collect(),
                ..self.orders.clone()
            };
            let job = orders.job().await?;
            forget_topic(&job, &topic(&plan.target()))
                .await
                .map_err(|error| format!("what was copied can't be forgotten: {error}"))?;
            self.target.create_topic(&plan.target(), options(&plan));
        }
        self.orders.partitions = self.partitions();
        let report = self.last_run().await?;
        for outcome in &report.outcomes {
            let (topic, partition) = self.place_of(outcome);
            if !topics.contains(&topic) {
                continue;
            }
            if let Some(halt) = &outcome.halted {
                return Err(format!(
                    "{} halted again after it was copied again: {halt:?}",
                    outcome.source
                ));
            }
            self.place(outcome, topic, partition)
                .complete()
                .map_err(|wrong| {
                    tracing::info!("{}", self.place(outcome, topic, partition).both_sides());
                    format!(
                        "{} ({:?}) copied again: {wrong}",
                        outcome.source, outcome.mode
                    )
                })?;
            self.outcome.recopied += 1;
        }
        Ok(())
    }

    fn outcome(&mut self, violation: Option<String>) -> Outcome {
        let mut outcome = std::mem::take(&mut self.outcome);
        outcome.violation = violation;
        outcome.trace = self.chances.trace();
        outcome.counts.merge(&self.chances.lock().counts);
        let target = self.target.counts();
        outcome
            .counts
            .add_many(Fault::AppendWithoutState, target.appends_without_state);
        outcome
    }
}
