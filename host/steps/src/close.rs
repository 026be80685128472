//! Closes the last segment of partitions in which fillers keep the offsets, once the source is quiet:
//! no cleaner takes anything out of a segment that is written to.

use crate::filled::{self, Treated};
use crate::job::copy_problem;
use crate::names::{effect, fact, step_name};
use crate::topics::{RESTORE_CONFIGS, alter};
use crate::undertaking::Undertaking;
use ferry_copy::worker::closing::{Closed, close};
use ferry_engine::{
    Context, Effect, Effected, FactScope, Leftover, Outcome, Past, Readiness, Step, StepError,
    StepName, View, async_trait,
};
use ferry_kafka::admin::configs::ConfigChange;
use ferry_model::name::TopicName;
use ferry_model::problem::Problem;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// The key of the fact that holds the topics that are closed.
const CLOSED: &str = "close/topics";
/// The setting that decides when a segment is closed.
const SEGMENT_MS: &str = "segment.ms";
/// Attempts to close partitions, and how long it is waited between them.
const ATTEMPTS: usize = 5;
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Closes the last segments.
pub struct CloseStep {
    undertaking: Arc<Undertaking>,
}

impl CloseStep {
    /// The step for one migration.
    #[must_use]
    pub fn new(undertaking: Arc<Undertaking>) -> Self {
        Self { undertaking }
    }

    /// The final `segment.ms` of `topic`; none where it is the cluster's default.
    fn final_segment_ms(&self, topic: &TopicName) -> Option<String> {
        let plan = self.undertaking.plan();
        let mut topics = plan.moving_topics();
        let (_, moving) = topics.find(|(_, moving)| moving.target == *topic)?;
        moving.configs.get(SEGMENT_MS).cloned()
    }

    async fn set(
        &self,
        context: &Context,
        kind: &str,
        topic: &TopicName,
        change: ConfigChange,
    ) -> Result<(), StepError> {
        let what = match &change {
            ConfigChange::Set { value, .. } => {
                format!("set {SEGMENT_MS}={value} of topic {topic}")
            }
            _ => format!("set {SEGMENT_MS} of topic {topic} to the default"),
        };
        let before = BTreeMap::from([(SEGMENT_MS, self.final_segment_ms(topic))]);
        let setting = Effect::new(effect(kind, topic.as_str())?, what)
            .undone_by(RESTORE_CONFIGS, json!({ "topic": topic, "before": before }));
        let (target, topic) = (self.undertaking.target.clone(), topic.clone());
        context
            .effect(setting, move |past| async move {
                alter(&target, &topic, vec![change]).await?;
                Ok(match past {
                    Past::Done { result, .. } => Effected::MadeBefore(result),
                    _ => Effected::Made(Value::Null),
                })
            })
            .await?;
        Ok(())
    }
}

#[async_trait]
impl Step for CloseStep {
    fn name(&self) -> StepName {
        step_name("close")
    }

    fn needs(&self) -> Vec<StepName> {
        vec![step_name("drain")]
    }

    async fn check(&self, view: &View) -> Result<Readiness, Problem> {
        let closed = view.fact::<Treated>(&fact(CLOSED))?.unwrap_or_default();
        let (job, _) = filled::job(&self.undertaking, view, &closed).await?;
        Ok(match job.partitions.is_empty() {
            true => Readiness::AlreadyDone,
            false => Readiness::Ready,
        })
    }

    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        let closed = context.fact::<Treated>(&fact(CLOSED))?.unwrap_or_default();
        let (job, topics) = filled::job(&self.undertaking, context, &closed).await?;
        if job.partitions.is_empty() {
            return Ok(Outcome::Finished);
        }
        // A segment is closed by what is appended once it has been written to for longer than this.
        for topic in topics.keys() {
            let change = ConfigChange::Set {
                name: SEGMENT_MS.to_owned(),
                value: "1".to_owned(),
            };
            self.set(context, "segment", topic, change).await?;
        }
        let mut leftovers = Vec::new();
        for attempt in 1..=ATTEMPTS {
            context.safe_point()?;
            let results = close(&job).await.map_err(|error| copy_problem(&error))?;
            leftovers = results
                .into_iter()
                .filter_map(|(partition, closed)| match closed {
                    Closed::At(_) | Closed::Translated => None,
                    Closed::NotNow(why) => Some((partition, why)),
                })
                .collect();
            if leftovers.is_empty() || attempt == ATTEMPTS {
                break;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        for topic in topics.keys() {
            let name = SEGMENT_MS.to_owned();
            let change = match self.final_segment_ms(topic) {
                Some(value) => ConfigChange::Set { name, value },
                None => ConfigChange::Delete { name },
            };
            self.set(context, "segment-back", topic, change).await?;
        }
        let left: BTreeSet<_> = leftovers.iter().map(|(p, _)| p.topic.clone()).collect();
        let closed = filled::with(closed, topics, &left);
        context
            .record(FactScope::Migration, fact(CLOSED), &closed)
            .await?;
        let leftovers = leftovers.into_iter().map(|(partition, why)| Leftover {
            what: format!("last segment of {partition}"),
            why,
        });
        let leftovers: Vec<_> = leftovers.collect();
        Ok(match leftovers.is_empty() {
            true => Outcome::Finished,
            false => Outcome::FinishedWithLeftovers(leftovers),
        })
    }

    async fn verify(&self, _view: &View) -> Result<(), Problem> {
        Ok(())
    }
}
