//! The workers on other hosts: waiting for them, and ending their work.

use crate::codes;
use crate::job::{copy_problem, duration, groups_paused, halted, job_of};
use crate::names::{fact, progress_topic};
use crate::overrides::{Overrides, overrides_in};
use crate::slots::FIRST;
use crate::topics::existing;
use crate::undertaking::{TOPIC_IDS, TopicIds, Undertaking};
use crate::{holder, slots};
use ferry_copy::fleet::{self, PartitionStanding, Standing};
use ferry_copy::job::{CopyJob, PartitionOutcome, Until};
use ferry_copy::worker::CopyError;
use ferry_engine::{Progress, StepError, View};
use ferry_kafka::Client;
use ferry_kafka::admin::offsets::OffsetSpec;
use ferry_model::name::TopicPartition;
use ferry_model::offset::grouped;
use ferry_model::problem::Problem;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// How often it is looked how far the others are.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a partition of our own may lag before it is copied on.
const OWN_LAG_LIMIT: Duration = Duration::from_secs(2);

/// What the waiting came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// Every partition is where it should be.
    Done,
    /// Meanwhile something came for partitions of our own.
    OwnBehind,
}

/// Ends of the source's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ends {
    high_watermark: i64,
    last_stable: i64,
}

/// Waits until the partitions of all other workers are where `until` says. Once the source is drained,
/// the others' work is ended for good.
pub(crate) async fn wait(
    undertaking: &Undertaking,
    view: &View,
    until: Until,
) -> Result<Others, StepError> {
    let ids = view.fact::<TopicIds>(&fact(TOPIC_IDS))?.unwrap_or_default();
    let all = job_of(undertaking, &ids, FIRST, until, |_| true);
    let own: Vec<bool> = {
        let slots = slots::slots(undertaking.plan_as_made(), &undertaking.workers);
        all.partitions
            .iter()
            .map(|partition| slots::slot_of(&slots, &partition.source) == FIRST)
            .collect()
    };
    open_again(undertaking).await?;
    let began = Instant::now();
    let at_first = source_ends(&undertaking.source, &all).await;
    let mut quiet: Option<(Instant, HashMap<TopicPartition, Ends>)> = None;
    loop {
        if view.stop().is_requested() {
            return Err(StepError::Stopped);
        }
        let standing = standing(undertaking, &all).await?;
        if let Some(problem) = halted(&outcomes(&all, &standing)) {
            return Err(problem.into());
        }
        let now = source_ends(&undertaking.source, &all).await;
        let goals = match until {
            Until::CaughtUp | Until::Stopped => &at_first,
            Until::Drained { .. } => &now,
        };
        let behind = behind(&all, &standing.partitions, goals, until);
        if matches!(until, Until::Drained { .. }) {
            refuse_paused(undertaking, &all, &behind)?;
        }
        if behind.iter().all(|index| own[*index]) {
            match until {
                Until::Drained {
                    quiet: for_long, ..
                } if behind.is_empty() => {
                    let since = match &quiet {
                        Some((since, ends)) if *ends == now => *since,
                        _ => Instant::now(),
                    };
                    if since.elapsed() >= for_long {
                        seal(undertaking).await?;
                        return Ok(Others::Done);
                    }
                    quiet = Some((since, now));
                }
                _ if behind.is_empty() => return Ok(Others::Done),
                _ if began.elapsed() > OWN_LAG_LIMIT => return Ok(Others::OwnBehind),
                _ => {}
            }
        } else {
            quiet = None;
        }
        if let Until::Drained { limit, .. } = until
            && began.elapsed() > limit
        {
            let partitions = behind
                .iter()
                .map(|index| all.partitions[*index].source.to_string());
            let error = CopyError::NotDrained {
                limit,
                partitions: partitions.collect(),
            };
            return Err(copy_problem(&error).into());
        }
        tell(
            undertaking,
            view,
            &standing,
            all.partitions.len(),
            behind.len(),
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Ends a drain at once that would wait for topic groups that rest.
fn refuse_paused(
    undertaking: &Undertaking,
    job: &CopyJob,
    behind: &[usize],
) -> Result<(), Problem> {
    let overrides = Overrides::load(&overrides_in(&undertaking.directory))?;
    let pauses = overrides.over(&undertaking.controls).pauses;
    let mut groups: BTreeMap<String, i64> = BTreeMap::new();
    for index in behind {
        let group = &job.partitions[*index].group;
        if pauses.hold(group) {
            *groups.entry(group.clone()).or_default() += 1;
        }
    }
    match groups.is_empty() {
        true => Ok(()),
        false => Err(groups_paused(groups.into_iter().map(
            |(group, partitions)| format!("{group} ({partitions} partitions)"),
        ))),
    }
}

/// Partitions that are not where they should be, by their number in the job.
fn behind(
    job: &CopyJob,
    standing: &[PartitionStanding],
    goals: &HashMap<TopicPartition, Ends>,
    until: Until,
) -> Vec<usize> {
    let drains = matches!(until, Until::Drained { .. });
    let there = |partition: &TopicPartition, standing: &PartitionStanding| {
        let (Some(ends), Some(copied_to)) = (goals.get(partition), standing.copied_to) else {
            return false;
        };
        match drains {
            true => ends.last_stable == ends.high_watermark && copied_to >= ends.high_watermark,
            false => copied_to >= ends.last_stable,
        }
    };
    job.partitions
        .iter()
        .zip(standing)
        .enumerate()
        .filter(|(_, (partition, standing))| !there(&partition.source, standing))
        .map(|(index, _)| index)
        .collect()
}

async fn source_ends(source: &Client, job: &CopyJob) -> HashMap<TopicPartition, Ends> {
    let partitions: Vec<_> = job.partitions.iter().map(|p| p.source.clone()).collect();
    let admin = source.admin();
    let (latest, stable) = tokio::join!(
        admin.list_offsets(&partitions, OffsetSpec::Latest),
        admin.list_offsets(&partitions, OffsetSpec::LastStable),
    );
    let offset = |listed: Option<&Result<_, _>>| match listed {
        Some(Ok(ferry_kafka::admin::offsets::ListedOffset { offset, .. })) => *offset,
        Some(Err::<_, ferry_kafka::KafkaError>(_)) | None => None,
    };
    partitions
        .into_iter()
        .filter_map(|partition| {
            let ends = Ends {
                high_watermark: offset(latest.get(&partition))?,
                last_stable: offset(stable.get(&partition))?,
            };
            Some((partition, ends))
        })
        .collect()
}

async fn standing(undertaking: &Undertaking, job: &CopyJob) -> Result<Standing, Problem> {
    let topic = progress_topic(&undertaking.plan_as_made().migration);
    fleet::standing(&undertaking.target, &topic, &job.partitions)
        .await
        .map_err(|error| copy_problem(&error))
}

/// What became of every partition, as its worker remembers it.
fn outcomes(job: &CopyJob, standing: &Standing) -> Vec<PartitionOutcome> {
    job.partitions
        .iter()
        .zip(&standing.partitions)
        .map(|(partition, standing)| PartitionOutcome {
            source: partition.source.clone(),
            target: partition.target.clone(),
            mode: standing.mode.clone(),
            copied_to: standing.copied_to.unwrap_or(0),
            paused: false,
            halted: standing
                .state
                .as_ref()
                .and_then(|state| state.halted.clone()),
        })
        .collect()
}

fn tell(
    undertaking: &Undertaking,
    view: &View,
    standing: &Standing,
    partitions: usize,
    behind: usize,
) {
    let at_work: BTreeSet<u32> = standing
        .at_work(holder::is_gone)
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    let count = undertaking.workers.count();
    let missing: Vec<_> = (FIRST + 1..=count)
        .filter(|number| !at_work.contains(number))
        .collect();
    let mut note = format!(
        "waiting for {} partitions of other workers",
        grouped(behind as i64)
    );
    if let Some(first) = missing.first() {
        note = format!(
            "{note}; {} of {} not at work: ferry copy --worker {first}/{count}",
            missing.len(),
            count - 1
        );
    }
    view.progress(&Progress {
        part: String::new(),
        done: (partitions - behind) as u64,
        total: Some(partitions as u64),
        unit: "partitions",
        note: Some(note),
    });
}

/// Ends the work of all other workers for good, and waits until none of them can write any more.
async fn seal(undertaking: &Undertaking) -> Result<(), Problem> {
    let topic = progress_topic(&undertaking.plan_as_made().migration);
    let mut wait = Duration::ZERO;
    for number in FIRST + 1..=undertaking.workers.count() {
        let lasts = fleet::seal(
            &undertaking.target,
            &topic,
            undertaking.transactional_id(number),
            number,
            holder::this_process(),
            holder::is_gone,
        );
        wait = wait.max(lasts.await.map_err(|error| copy_problem(&error))?);
    }
    if !wait.is_zero() {
        tracing::info!(wait = duration(wait), "leases of other workers run out");
        tokio::time::sleep(wait).await;
    }
    Ok(())
}

/// Lets the others work again, where their work was ended.
async fn open_again(undertaking: &Undertaking) -> Result<(), Problem> {
    let topic = progress_topic(&undertaking.plan_as_made().migration);
    let standing = fleet::standing(&undertaking.target, &topic, &[])
        .await
        .map_err(|error| copy_problem(&error))?;
    for (number, lease) in standing.leases {
        if lease.sealed {
            let id = undertaking.transactional_id(number);
            fleet::unseal(&undertaking.target, &topic, id, number)
                .await
                .map_err(|error| copy_problem(&error))?;
        }
    }
    Ok(())
}

/// Refuses to begin something that only one process may do while others are at work.
pub(crate) async fn refuse_at_work(undertaking: &Undertaking) -> Result<(), Problem> {
    let topic = progress_topic(&undertaking.plan_as_made().migration);
    let found = existing(&undertaking.target, std::slice::from_ref(&topic)).await?;
    if !found.contains_key(&topic) {
        return Ok(());
    }
    let standing = fleet::standing(&undertaking.target, &topic, &[])
        .await
        .map_err(|error| copy_problem(&error))?;
    let at_work = standing.at_work(holder::is_gone);
    let Some((number, lease)) = at_work.first() else {
        return Ok(());
    };
    let what = format!(
        "worker {number} of {} is at work: process {} of {}",
        lease.of, lease.holder.process_id, lease.holder.host
    );
    Err(Problem::new(codes::COPY_FAILED, what)
        .cause("a worker that was killed on another host counts until its lease has run out")
        .next("stop it, then try again"))
}
