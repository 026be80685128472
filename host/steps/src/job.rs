//! From plan to copy: the job, its progress, its problems.

use crate::codes;
use crate::following::{Following, LOOK_EVERY};
use crate::guarded::GuardTelling;
use crate::names::{fact, progress_topic};
use crate::progress::Telling;
use crate::slots::{FIRST, slot_of, slots};
use crate::undertaking::{TOPIC_IDS, TopicIds, Undertaking};
use ferry_copy::job::{
    CopyJob, CopyProgress, CopyReport, CopySettings, OffsetMode, PartitionJob, PartitionOutcome,
    Until,
};
use ferry_copy::partition::exact::Budget;
use ferry_copy::worker::{self, CopyError};
use ferry_engine::{StepError, View};
use ferry_model::name::TopicPartition;
use ferry_model::offset::grouped;
use ferry_model::problem::{Explain as _, Problem};
use ferry_plan::{CopyMode, MovingTopic, Plan};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// `max.message.bytes` of a topic that sets none (Apache Kafka's default).
const BATCH_BYTES_DEFAULT: usize = 1_048_588;
/// Halted partitions that are told one by one.
const HALTED_TOLD_MAX: usize = 20;

/// The job of the first worker, which this process is.
pub(crate) fn copy_job(
    undertaking: &Undertaking,
    view: &View,
    until: Until,
) -> Result<CopyJob, Problem> {
    let ids = view.fact::<TopicIds>(&fact(TOPIC_IDS))?.unwrap_or_default();
    Ok(worker_job(undertaking, &ids, FIRST, until))
}

/// The job of worker `number`. `ids` are those of the topics that this migration created.
#[must_use]
pub fn worker_job(undertaking: &Undertaking, ids: &TopicIds, number: u32, until: Until) -> CopyJob {
    let slots = slots(undertaking.plan_as_made(), &undertaking.workers);
    let own = |source: &TopicPartition| slot_of(&slots, source) == number;
    job_of(undertaking, ids, number, until, own)
}

/// The job of worker `number` for the partitions that `wanted` picks by their names at the source.
pub(crate) fn job_of(
    undertaking: &Undertaking,
    ids: &TopicIds,
    number: u32,
    until: Until,
    wanted: impl Fn(&TopicPartition) -> bool,
) -> CopyJob {
    let plan = &*undertaking.plan();
    let mut partitions = Vec::new();
    for copied in plan
        .copy_partitions()
        .filter(|copied| wanted(&copied.source))
    {
        partitions.push(PartitionJob {
            source_topic_id: copied.source_topic_id,
            target_topic_id: ids.get(&copied.target.topic).copied(),
            mode: match copied.mode() {
                CopyMode::Preserve { .. } => OffsetMode::Preserve,
                CopyMode::Translate { reason } => OffsetMode::Translate(reason.as_str().to_owned()),
            },
            budget: Budget {
                transactions: at_most(copied.moving.transaction_budget),
                fillers: at_most(copied.moving.filler_budget),
            },
            filler: filler(copied.moving),
            tiered: is_tiered(copied.moving),
            group: copied.group.to_owned(),
            batch_bytes_max: batch_bytes_max(plan, &copied.source.topic),
            source: copied.source,
            target: copied.target,
        });
    }
    CopyJob {
        source: undertaking.source.clone(),
        target: undertaking.target.clone(),
        partitions,
        settings: CopySettings {
            memory_bytes: undertaking.memory_bytes,
            // What is changed by hand is followed once it runs.
            controls: undertaking.controls.clone().unchanging(),
            rack: undertaking.rack.clone(),
            settling: undertaking.settling,
            slot: undertaking.slot(number),
            lease: undertaking.lease_settings(),
            transactional_id: undertaking.transactional_id(number),
            progress_topic: progress_topic(&plan.migration),
        },
        until,
    }
}

fn at_most(budget: u64) -> i64 {
    i64::try_from(budget).unwrap_or(i64::MAX)
}

/// Whether the source keeps old segments of a topic in remote storage (KIP-405).
fn is_tiered(moving: &MovingTopic) -> bool {
    let enabled = moving.source_configs.get("remote.storage.enable");
    enabled.is_some_and(|enabled| enabled == "true")
}

/// The key of fillers of a topic, if holes are filled there.
pub(crate) fn filler(moving: &MovingTopic) -> Option<Arc<[u8]>> {
    moving.filler_key.as_ref().map(|key| key.as_bytes().into())
}

fn batch_bytes_max(plan: &Plan, source: &ferry_model::name::TopicName) -> usize {
    let topic = plan
        .moving_topics()
        .find(|(topic, _)| topic.name == *source);
    topic
        .and_then(|(_, moving)| {
            moving
                .configs_for_copy()
                .get("max.message.bytes")?
                .parse()
                .ok()
        })
        .unwrap_or(BATCH_BYTES_DEFAULT)
}

/// Runs a copy, tells its progress, and passes on a request to stop and what is changed by hand.
pub(crate) async fn run_copy(
    undertaking: &Undertaking,
    view: &View,
    mut job: CopyJob,
) -> Result<CopyReport, StepError> {
    let (mut following, controls) = Following::begin(undertaking)?;
    job.settings.controls = controls;
    if let Some(line) = following.first_line() {
        view.note(&line);
    }
    let guard = GuardTelling::new(&undertaking.directory, job.settings.slot.number);
    let mut telling = Telling::new(guard);
    let mut look = tokio::time::interval(LOOK_EVERY);
    let (told, mut heard) = watch::channel(CopyProgress::default());
    let (cancel, cancelled) = watch::channel(false);
    let running = worker::run(job, told, cancelled);
    tokio::pin!(running);
    let mut stop_seen = false;
    loop {
        tokio::select! {
            report = &mut running => {
                let report = report.map_err(|error| copy_problem(&error))?;
                telling.tell(view, &report.progress);
                return Ok(report);
            }
            changed = heard.changed() => {
                if changed.is_ok() {
                    let progress = heard.borrow_and_update().clone();
                    telling.tell(view, &progress);
                }
            }
            _ = look.tick() => {
                if let Some(line) = following.look() {
                    view.note(&line);
                }
            }
            () = view.stop().requested(), if !stop_seen => {
                stop_seen = true;
                let _ = cancel.send(true);
            }
        }
    }
}

/// A duration for people: `1 h 04 min`, `3 min 20 s`, `12 s`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The problem that a source can't be drained while `groups` of it are not read.
pub(crate) fn groups_paused(groups: impl Iterator<Item = String>) -> Problem {
    let groups: Vec<String> = groups.collect();
    let what = format!("paused and not at its end: {}", groups.join(", "));
    Problem::new(codes::GROUPS_PAUSED, what)
        .cause("the source can't be drained while something of it is not read")
        .next("ferry copy resume, then  ferry apply  again")
}

/// What an operator is told when a copy could not run.
#[must_use]
pub fn copy_problem(error: &CopyError) -> Problem {
    match error {
        CopyError::Kafka { what, source } => {
            let mut problem = source.problem();
            problem.what = format!("{what}: {}", problem.what);
            problem
        }
        CopyError::NotDrained { limit, partitions } => {
            let what = format!("the source did not fall quiet within {}", duration(*limit));
            let mut problem = Problem::new(codes::NOT_DRAINED, what)
                .cause("something still writes to the source, or a transaction hangs there?")
                .next("stop the producers, then  ferry apply  again; or  ferry apply --until copy");
            for line in partitions.iter().take(HALTED_TOLD_MAX) {
                problem = problem.detail(line.clone());
            }
            if partitions.len() > HALTED_TOLD_MAX {
                let more = partitions.len() - HALTED_TOLD_MAX;
                problem = problem.detail(format!("and {more} partitions more"));
            }
            problem
        }
        CopyError::ProgressBlocked {
            partition, offset, ..
        } => Problem::new(codes::COPY_FAILED, error.to_string())
            .cause("the coordinator has forgotten it after a broker was lost (KIP-664)?")
            .next(format!(
                "kafka-transactions.sh --bootstrap-server TARGET abort --topic {} --partition {} \
                 --start-offset {offset}, then  ferry apply  again",
                partition.topic, partition.partition
            )),
        CopyError::Sealed { .. } => Problem::new(codes::COPY_FAILED, error.to_string())
            .cause("the source was drained, and nothing more is to be copied?")
            .next("ferry status"),
        CopyError::SlotHeld { .. } => Problem::new(codes::COPY_FAILED, error.to_string())
            .cause("it was started on another host too, or was stopped there and goes on again?")
            .next("stop that one first, then start this one again"),
        CopyError::OtherCount { of, .. } => Problem::new(codes::COPY_FAILED, error.to_string())
            .cause("the number of workers was changed while some were running?")
            .next(format!(
                "stop those of {of}, then start again; or start this one as one of {of}"
            )),
        CopyError::NotWritten { .. } => Problem::new(codes::COPY_FAILED, error.to_string())
            .cause("the coordinator of transactions can't be reached?")
            .next("ferry check --only target"),
        CopyError::Paused { groups } => groups_paused(
            groups
                .iter()
                .map(|(group, left)| format!("{group} ({} records left)", grouped(*left))),
        ),
        CopyError::Fenced { transactional_id } => {
            Problem::new(codes::COPY_FAILED, error.to_string())
                .at(format!("transactional id {transactional_id} at the target"))
                .cause("a second Ferry runs this migration on another host?")
                .next("stop the other one, then  ferry apply  again")
        }
        CopyError::OtherTarget { .. } => Problem::new(codes::COPY_FAILED, error.to_string())
            .cause("bootstrap.servers of the target was changed?")
            .next("correct it in migration.yaml"),
        CopyError::Progress { source, .. } => {
            Problem::new(codes::COPY_FAILED, format!("{error}: {source}"))
                .cause("somebody else wrote to the progress topic?")
                .next("ferry copy recopy TOPIC for the topics concerned")
        }
        CopyError::ProgressUnreadable { .. } => {
            Problem::new(codes::COPY_FAILED, error.to_string()).next("ferry check")
        }
    }
}

/// The problem that halted partitions are, if there are any.
pub(crate) fn halted(outcomes: &[PartitionOutcome]) -> Option<Problem> {
    let halted: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| Some((outcome, outcome.halted.as_ref()?)))
        .collect();
    let (first, halt) = halted.first()?;
    if halted.len() == 1 {
        return Some(halt.problem(&first.source, &first.target));
    }
    let what = format!("{} partitions halted; the others went on", halted.len());
    let mut problem = Problem::new(codes::PARTITIONS_HALTED, what);
    for (outcome, halt) in halted.iter().take(HALTED_TOLD_MAX) {
        let one = halt.problem(&outcome.source, &outcome.target);
        problem = problem.detail(format!("{}  {}", one.code, one.what));
    }
    if halted.len() > HALTED_TOLD_MAX {
        problem = problem.detail(format!("and {} more", halted.len() - HALTED_TOLD_MAX));
    }
    Some(problem.next("ferry explain CODE  for each of them"))
}
