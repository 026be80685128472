//! How far the copy of every partition is, for people to look at while workers copy.

use crate::job::{copy_problem, job_of};
use crate::names::progress_topic;
use crate::slots::FIRST;
use crate::undertaking::{TopicIds, Undertaking};
use crate::{holder, slots};
use ferry_copy::fleet;
use ferry_copy::job::{OffsetMode, Until};
use ferry_copy::worker::ends_of;
use ferry_model::problem::Problem;
use serde::Serialize;

/// How far the copy is.
#[derive(Debug, Clone, Serialize)]
pub struct CopyStanding {
    /// Every partition, by topic and number.
    pub partitions: Vec<PartitionLine>,
    /// Every worker that has ever been at work.
    pub workers: Vec<WorkerLine>,
}

/// How far the copy of one partition is.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionLine {
    /// The partition at the source.
    pub source: String,
    /// The partition at the target.
    pub target: String,
    /// The number of the worker that copies it.
    pub worker: u32,
    /// Why its records get new offsets; none where they keep theirs.
    pub translated: Option<String>,
    /// Everything before this source offset is at the target; none where that can't be told.
    pub copied_to: Option<i64>,
    /// Source offsets that are still to be copied; none where that can't be told.
    pub lag: Option<i64>,
    /// Whether the target's brokers protect the copy against repeats by what they remember; none where
    /// nothing was copied yet.
    pub protected: Option<bool>,
    /// Why it stopped, if it did: the code and what happened.
    pub halted: Option<(String, String)>,
}

/// What is known of one worker.
#[derive(Debug, Clone, Serialize)]
pub struct WorkerLine {
    /// Its number.
    pub number: u32,
    /// How many there are by its account.
    pub of: u32,
    /// Its process, and the host of it.
    pub process_id: u32,
    /// The host.
    pub host: String,
    /// When it was last heard of, in milliseconds since 1970 by its own clock.
    pub heard_at_ms: i64,
    /// `at work`, `stopped` or `sealed`.
    pub state: &'static str,
}

impl CopyStanding {
    /// Looks how far the copy is, without taking part in it.
    ///
    /// # Errors
    /// A [`Problem`] where the progress topic can't be read.
    pub async fn read(undertaking: &Undertaking) -> Result<Self, Problem> {
        let job = job_of(undertaking, &TopicIds::new(), FIRST, Until::Stopped, |_| {
            true
        });
        let topic = progress_topic(&undertaking.plan_as_made().migration);
        let standing = fleet::standing(&undertaking.target, &topic, &job.partitions)
            .await
            .map_err(|error| copy_problem(&error))?;
        let sources: Vec<_> = job.partitions.iter().map(|p| p.source.clone()).collect();
        let ends = ends_of(&undertaking.source, &sources).await;
        let slots = slots::slots(undertaking.plan_as_made(), &undertaking.workers);
        let at_work: Vec<u32> = standing
            .at_work(holder::is_gone)
            .into_iter()
            .map(|(number, _)| number)
            .collect();
        let mut partitions: Vec<_> = job
            .partitions
            .iter()
            .zip(&standing.partitions)
            .map(|(partition, found)| {
                let state = found.state.as_ref();
                let end = ends.get(&partition.source).map(|ends| ends.high_watermark);
                let halt = state.and_then(|state| state.halted.as_ref());
                PartitionLine {
                    source: partition.source.to_string(),
                    target: partition.target.to_string(),
                    worker: slots.get(&partition.source).copied().unwrap_or(FIRST),
                    translated: match &found.mode {
                        OffsetMode::Preserve => None,
                        OffsetMode::Translate(reason) => Some(reason.clone()),
                    },
                    copied_to: found.copied_to,
                    lag: end.and_then(|end| Some((end - found.copied_to?).max(0))),
                    protected: state.and_then(|state| state.protected),
                    halted: halt.map(|halt| {
                        let problem = halt.problem(&partition.source, &partition.target);
                        (problem.code.to_string(), problem.what)
                    }),
                }
            })
            .collect();
        partitions.sort_by(|a, b| a.source.cmp(&b.source));
        let workers = standing
            .leases
            .into_iter()
            .map(|(number, lease)| WorkerLine {
                number,
                of: lease.of,
                process_id: lease.holder.process_id,
                host: lease.holder.host,
                heard_at_ms: lease.written_at_ms,
                state: match (lease.sealed, at_work.contains(&number)) {
                    (true, _) => "sealed",
                    (false, true) => "at work",
                    (false, false) => "stopped",
                },
            });
        Ok(Self {
            partitions,
            workers: workers.collect(),
        })
    }
}
