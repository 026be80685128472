//! Compares everything that was copied.

use crate::codes;
use crate::job::filler;
use crate::names::step_name;
use crate::offsets::Places;
use crate::settings::{RETENTION, own_settings};
use crate::undertaking::Undertaking;
use crate::verification::{PartitionResult, Verification};
use ferry_copy::verify::comparison::Mapping;
use ferry_copy::verify::{PartitionToVerify, VerifyProgress, verify};
use ferry_engine::{
    Context, Outcome, Progress, Readiness, Step, StepError, StepName, View, async_trait,
};
use ferry_model::name::TopicName;
use ferry_model::problem::Problem;
use ferry_plan::{CopyMode, MovingTopic, TranslateReason};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Partitions that differ and are told one by one.
const TOLD_MAX: usize = 20;

/// Compares everything that was copied.
pub struct VerifyStep {
    undertaking: Arc<Undertaking>,
}

impl VerifyStep {
    /// The step for one migration.
    #[must_use]
    pub fn new(undertaking: Arc<Undertaking>) -> Self {
        Self { undertaking }
    }

    /// Compares everything that was copied, tells the progress to `tell`, and keeps the result.
    ///
    /// # Errors
    /// A [`Problem`] where the maps or the ends of logs can't be read, or the result not be written.
    pub async fn compare(
        undertaking: &Undertaking,
        tell: impl Fn(VerifyProgress),
    ) -> Result<Verification, Problem> {
        let places = Places::read(undertaking).await?;
        let expiring = expiring(undertaking).await;
        let partitions = undertaking
            .plan()
            .copy_partitions()
            .filter_map(|copied| {
                let (map, copied_to) = places.copied(&copied.source)?;
                let compacted = matches!(
                    copied.mode(),
                    CopyMode::Translate {
                        reason: TranslateReason::Compacted
                    }
                );
                Some(PartitionToVerify {
                    mapping: map.map_or(Mapping::Same, |map| Mapping::Map(map.clone())),
                    compacted: compacted || is_compacted(undertaking, &copied.source),
                    filler: filler(copied.moving),
                    copied_to,
                    expires: expiring.contains(&copied.target.topic),
                    source: copied.source,
                    target: copied.target,
                })
            })
            .collect();
        let began = Instant::now();
        let (told, mut heard) = watch::channel(VerifyProgress::default());
        let running = verify(&undertaking.source, &undertaking.target, partitions, told);
        tokio::pin!(running);
        let verdicts = loop {
            tokio::select! {
                verdicts = &mut running => break verdicts,
                Ok(()) = heard.changed() => tell(*heard.borrow_and_update()),
            }
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let verification = Verification {
            ended_at_ms: i64::try_from(now.as_millis()).unwrap_or(i64::MAX),
            seconds: began.elapsed().as_secs_f64(),
            partitions: verdicts.iter().map(PartitionResult::from).collect(),
        };
        let path = undertaking.verification();
        verification.save(&path).map_err(|error| {
            Problem::new(
                codes::RESULT_NOT_WRITTEN,
                format!("the result can't be written to {}: {error}", path.display()),
            )
            .cause("the disk is full, or the directory belongs to another user?")
        })?;
        Ok(verification)
    }

    /// The problem that differences are, if there are any.
    #[must_use]
    pub fn problem(verification: &Verification) -> Option<Problem> {
        let wrong: Vec<_> = verification
            .partitions
            .iter()
            .filter(|p| !p.agrees())
            .collect();
        if wrong.is_empty() {
            return None;
        }
        let what = format!(
            "{} of {} partitions differ between source and target",
            wrong.len(),
            verification.partitions.len()
        );
        let mut problem = Problem::new(codes::DIFFERENCES, what);
        for partition in wrong.iter().take(TOLD_MAX) {
            let line = match (&partition.failed, partition.differences.first()) {
                (Some(reason), _) => format!("{}: {reason}", partition.target),
                (None, Some(first)) => match partition.differences_total {
                    1 => format!("{}: {first}", partition.target),
                    total => format!(
                        "{}: {total} differences, the first at {first}",
                        partition.target
                    ),
                },
                (None, None) => format!(
                    "{}: {} offsets of the source are not copied yet",
                    partition.target,
                    ferry_model::offset::grouped(partition.lag)
                ),
            };
            problem = problem.detail(line);
        }
        if wrong.len() > TOLD_MAX {
            problem = problem.detail(format!("and {} partitions more", wrong.len() - TOLD_MAX));
        }
        Some(problem.next("ferry report, then  ferry copy recopy TOPIC  for topics that differ"))
    }
}

/// The topics of the target whose records may expire: those that are not set up for the copy any more.
/// Empty where that can't be told.
async fn expiring(undertaking: &Undertaking) -> BTreeSet<TopicName> {
    let plan = undertaking.plan();
    let topics: Vec<_> = plan.moving_topics().map(|(_, m)| m).collect();
    let own = own_settings(&undertaking.target, &topics).await;
    let own = own.unwrap_or_default();
    let expires = |moving: &&&MovingTopic| {
        let during = moving.configs_for_copy();
        own.get(&moving.target).is_some_and(|own| {
            let mut limits = RETENTION.iter();
            limits.any(|key| during.contains_key(*key) && own.get(*key) != during.get(*key))
        })
    };
    let expiring = topics.iter().filter(expires);
    expiring.map(|moving| moving.target.clone()).collect()
}

fn is_compacted(undertaking: &Undertaking, source: &ferry_model::name::TopicPartition) -> bool {
    let plan = undertaking.plan();
    let mut topics = plan.moving_topics();
    topics.any(|(topic, moving)| {
        topic.name == source.topic
            && moving
                .source_configs
                .get("cleanup.policy")
                .is_some_and(|policy| policy.contains("compact"))
    })
}

#[async_trait]
impl Step for VerifyStep {
    fn name(&self) -> StepName {
        step_name("verify")
    }

    fn needs(&self) -> Vec<StepName> {
        vec![step_name("drain"), step_name("groups"), step_name("acls")]
    }

    async fn check(&self, _view: &View) -> Result<Readiness, Problem> {
        Ok(Readiness::Ready)
    }

    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        let verification = Self::compare(&self.undertaking, |progress| {
            context.progress(&Progress {
                part: String::new(),
                done: progress.partitions_done as u64,
                total: Some(progress.partitions as u64),
                unit: "partitions",
                note: Some(format!("{} MiB read", progress.bytes >> 20)),
            });
        })
        .await?;
        match Self::problem(&verification) {
            Some(problem) => Err(problem.into()),
            None => Ok(Outcome::Finished),
        }
    }

    async fn verify(&self, _view: &View) -> Result<(), Problem> {
        Ok(())
    }
}
