//! Waits until the target's cleaner has taken the fillers, so that no application sees them.

use crate::filled::{self, Treated};
use crate::job::{duration, filler};
use crate::names::{fact, step_name};
use crate::undertaking::Undertaking;
use ferry_copy::fillers::{is_there, second_to_last};
use ferry_copy::worker::ends_of;
use ferry_engine::{
    Context, FactScope, Leftover, Outcome, Progress, Readiness, Step, StepError, StepName, View,
    async_trait,
};
use ferry_model::name::TopicPartition;
use ferry_model::offset::grouped;
use ferry_model::problem::Problem;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The key of the fact that holds the topics that are clean.
pub(crate) const CLEAN: &str = "clean/topics";
/// How long it is waited for the cleaner.
const CLEANER_LIMIT: Duration = Duration::from_secs(15 * 60);
/// How often it is looked whether fillers are gone.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Waits for the target's cleaner.
pub struct CleanStep {
    undertaking: Arc<Undertaking>,
}

/// A partition that is not clean.
struct Waiting {
    partition: TopicPartition,
    key: Arc<[u8]>,
    /// The second to last filler, once it is known.
    filler: Option<i64>,
    why: String,
}

impl CleanStep {
    /// The step for one migration.
    #[must_use]
    pub fn new(undertaking: Arc<Undertaking>) -> Self {
        Self { undertaking }
    }

    /// Whether `waiting` is clean now.
    async fn is_clean(&self, waiting: &mut Waiting) -> bool {
        let target = &self.undertaking.target;
        let partition = &waiting.partition;
        if waiting.filler.is_none() {
            let ends = ends_of(target, std::slice::from_ref(partition)).await;
            let Some(ends) = ends.get(partition) else {
                "its ends are not known".clone_into(&mut waiting.why);
                return false;
            };
            let range = ends.log_start..ends.high_watermark;
            match second_to_last(target, partition, &waiting.key, range).await {
                Ok(None) => return true,
                Ok(found) => waiting.filler = found,
                Err(reason) => {
                    waiting.why = reason;
                    return false;
                }
            }
        }
        let Some(offset) = waiting.filler else {
            return true;
        };
        match is_there(target, partition, &waiting.key, offset).await {
            Ok(false) => true,
            Ok(true) => {
                waiting.why = format!(
                    "the filler at offset {} is still there: the target's log cleaner is busy, off, \
                     or has failed there (log-cleaner.log)",
                    grouped(offset)
                );
                false
            }
            Err(reason) => {
                waiting.why = reason;
                false
            }
        }
    }
}

#[async_trait]
impl Step for CleanStep {
    fn name(&self) -> StepName {
        step_name("clean")
    }

    fn needs(&self) -> Vec<StepName> {
        vec![step_name("close"), step_name("verify")]
    }

    async fn check(&self, view: &View) -> Result<Readiness, Problem> {
        let clean = view.fact::<Treated>(&fact(CLEAN))?.unwrap_or_default();
        let (job, _) = filled::job(&self.undertaking, view, &clean).await?;
        Ok(match job.partitions.is_empty() {
            true => Readiness::AlreadyDone,
            false => Readiness::Ready,
        })
    }

    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        let clean = context.fact::<Treated>(&fact(CLEAN))?.unwrap_or_default();
        let (job, topics) = filled::job(&self.undertaking, context, &clean).await?;
        let total = job.partitions.len();
        let keys: std::collections::HashMap<_, _> = self
            .undertaking
            .plan()
            .copy_partitions()
            .filter_map(|copied| Some((copied.target.clone(), filler(copied.moving)?)))
            .collect();
        let mut waiting: Vec<_> = job
            .partitions
            .into_iter()
            .filter_map(|partition| {
                Some(Waiting {
                    key: Arc::clone(keys.get(&partition.target)?),
                    partition: partition.target,
                    filler: None,
                    why: String::new(),
                })
            })
            .collect();
        let began = Instant::now();
        while !waiting.is_empty() && began.elapsed() < CLEANER_LIMIT {
            let mut left = Vec::new();
            for mut one in waiting {
                context.safe_point()?;
                if !self.is_clean(&mut one).await {
                    left.push(one);
                }
            }
            waiting = left;
            if waiting.is_empty() {
                break;
            }
            context.progress(&Progress {
                part: String::new(),
                done: (total - waiting.len()) as u64,
                total: Some(total as u64),
                unit: "partitions",
                note: Some(format!(
                    "waiting for the target's cleaner, at most {} more",
                    duration(CLEANER_LIMIT.saturating_sub(began.elapsed()))
                )),
            });
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let left: BTreeSet<_> = waiting.iter().map(|w| w.partition.topic.clone()).collect();
        let clean = filled::with(clean, topics, &left);
        context
            .record(FactScope::Migration, fact(CLEAN), &clean)
            .await?;
        let leftovers: Vec<_> = waiting
            .into_iter()
            .map(|waiting| Leftover {
                what: format!("fillers of {}", waiting.partition),
                why: waiting.why,
            })
            .collect();
        Ok(match leftovers.is_empty() {
            true => Outcome::Finished,
            false => Outcome::FinishedWithLeftovers(leftovers),
        })
    }

    async fn verify(&self, _view: &View) -> Result<(), Problem> {
        Ok(())
    }
}
