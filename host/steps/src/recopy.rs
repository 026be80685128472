//! Starts the copy of one topic over: deletes the target topic, creates it again, copies it.
//!
//! Kafka can't take a record out of the middle of a partition: a diverged partition is mended by
//! copying its topic again.

use crate::codes;
use crate::job::{halted, job_of, run_copy};
use crate::names::{effect, fact};
use crate::others;
use crate::slots::FIRST;
use crate::topics::{DELETE_TOPIC, await_leaders, existing, new_topic};
use crate::undertaking::{TOPIC_IDS, TopicIds, Undertaking};
use ferry_copy::job::{CopyJob, Until};
use ferry_copy::recopy::forget_topic;
use ferry_engine::{
    Context, Effect, Effected, FactScope, Outcome, Past, Readiness, Step, StepError, StepName,
    View, async_trait,
};
use ferry_kafka::ErrorCode;
use ferry_kafka::admin::topics::Mode;
use ferry_model::name::{TopicName, TopicPartition};
use ferry_model::problem::{Explain, Problem};
use ferry_plan::{Creation, MovingTopic};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a deleted topic may take to be gone.
const GONE_LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked whether it is gone.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Starts the copy of one topic over.
pub struct RecopyStep {
    undertaking: Arc<Undertaking>,
    topic: TopicName,
    name: StepName,
}

impl RecopyStep {
    /// The step that copies `topic` (its name at the source) again. `number` tells it from earlier
    /// ones of the same migration.
    ///
    /// # Errors
    /// A [`Problem`] when the topic does not move, or was at the target before the migration.
    pub fn new(
        undertaking: Arc<Undertaking>,
        topic: TopicName,
        number: usize,
    ) -> Result<Self, Problem> {
        let refused = |what: String| Problem::new(codes::NOT_OURS, what);
        let moving = undertaking
            .plan_as_made()
            .moving_topics()
            .find(|(t, _)| t.name == topic);
        let Some((_, moving)) = moving else {
            return Err(refused(format!("topic {topic} does not move by this plan"))
                .next("ferry plan --show topics"));
        };
        if matches!(moving.creation, Creation::Use { .. }) {
            return Err(refused(format!(
                "topic {} was at the target before this migration: it is not deleted",
                moving.target
            ))
            .next("delete it by hand, then  ferry plan"));
        }
        let name = StepName::parse(format!("recopy-{number}"))
            .map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            undertaking,
            topic,
            name,
        })
    }

    /// The job that copies the topic; whoever copied it before does not work now.
    fn job(&self, context: &Context) -> Result<CopyJob, Problem> {
        let ids = context
            .fact::<TopicIds>(&fact(TOPIC_IDS))?
            .unwrap_or_default();
        let wanted = |partition: &TopicPartition| partition.topic == self.topic;
        Ok(job_of(
            &self.undertaking,
            &ids,
            FIRST,
            Until::CaughtUp,
            wanted,
        ))
    }

    fn moving(&self) -> Result<(usize, MovingTopic), Problem> {
        let plan = self.undertaking.plan();
        let found = plan.moving_topics().find(|(t, _)| t.name == self.topic);
        found
            .map(|(topic, moving)| (topic.partitions, moving.clone()))
            .ok_or_else(|| Problem::new(codes::NOT_OURS, "the topic does not move"))
    }

    async fn delete(&self, context: &Context, target: &TopicName) -> Result<(), StepError> {
        let ids = context
            .fact::<TopicIds>(&fact(TOPIC_IDS))?
            .unwrap_or_default();
        let ours = ids.get(target).copied();
        let deleting = Effect::new(
            effect("delete", target.as_str())?,
            format!("delete topic {target} to copy it again"),
        );
        let client = self.undertaking.target.clone();
        let name = target.clone();
        context
            .effect(deleting, move |past| async move {
                if let Past::Done { result, .. } = past {
                    return Ok(Effected::MadeBefore(result));
                }
                let found = existing(&client, std::slice::from_ref(&name)).await?;
                let Some(found) = found.get(&name) else {
                    return Ok(Effected::Made(serde_json::Value::Null));
                };
                if found.id.is_some() && found.id != ours {
                    return Err(Problem::new(
                        codes::NOT_OURS,
                        format!(
                            "topic {name} of the target is not the one that this migration created"
                        ),
                    )
                    .next("delete it by hand if it is not needed, then try again"));
                }
                delete_and_wait(&client, &name).await?;
                Ok(Effected::Made(serde_json::Value::Null))
            })
            .await?;
        Ok(())
    }

    async fn create(&self, context: &Context) -> Result<(), StepError> {
        let (partitions, moving) = self.moving()?;
        let topic = new_topic(partitions, &moving);
        let name = topic.name.clone();
        let creating = Effect::new(
            effect("topic", name.as_str())?,
            format!("create topic {name} with {partitions} partitions, again"),
        )
        .undone_by(DELETE_TOPIC, json!({ "topic": name }));
        let client = self.undertaking.target.clone();
        let outcome = context
            .effect(creating, move |past| async move {
                let found = existing(&client, std::slice::from_ref(&topic.name)).await?;
                match (past, found.get(&topic.name)) {
                    (Past::Done { result, .. }, Some(_)) => Ok(Effected::MadeBefore(result)),
                    (Past::Intended { .. }, Some(found)) => {
                        Ok(Effected::MadeBefore(json!({ "id": found.id })))
                    }
                    (Past::Done { .. }, None) => Ok(Effected::NotDone("it is gone".to_owned())),
                    (Past::Never, Some(_)) => Ok(Effected::Foreign("it is there".to_owned())),
                    (_, None) => {
                        let created = client.admin().create_topics(&[topic], Mode::Apply).await;
                        let created = created.map_err(|error| error.problem())?;
                        match created.into_values().next() {
                            Some(Ok(id)) => Ok(Effected::Made(json!({ "id": id }))),
                            Some(Err(error)) => Err(error.problem()),
                            None => Err(Problem::new(
                                codes::TOPIC_NOT_CREATED,
                                "the target did not answer",
                            )),
                        }
                    }
                }
            })
            .await?;
        let (Effected::Made(result) | Effected::MadeBefore(result)) = outcome else {
            let what = format!("topic {name} of the target is not this migration's any more");
            return Err(Problem::new(codes::NOT_OURS, what)
                .next("ferry rollback")
                .into());
        };
        let mut ids = context
            .fact::<TopicIds>(&fact(TOPIC_IDS))?
            .unwrap_or_default();
        if let Ok(id) = serde_json::from_value(result["id"].clone()) {
            ids.insert(name.clone(), id);
        }
        context
            .record(FactScope::Migration, fact(TOPIC_IDS), &ids)
            .await?;
        await_leaders(&self.undertaking.target, &[name]).await?;
        Ok(())
    }
}

async fn delete_and_wait(client: &ferry_kafka::Client, name: &TopicName) -> Result<(), Problem> {
    let deleted = client
        .admin()
        .delete_topics(std::slice::from_ref(name))
        .await;
    match deleted
        .map_err(|error| error.problem())?
        .into_values()
        .next()
    {
        Some(Err(error)) if error.code() != Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {
            return Err(error.problem());
        }
        _ => {}
    }
    let began = Instant::now();
    while existing(client, std::slice::from_ref(name))
        .await?
        .contains_key(name)
    {
        if began.elapsed() > GONE_LIMIT {
            return Err(Problem::new(
                codes::NOT_UNDONE,
                format!("topic {name} is still there a minute after it was deleted"),
            )
            .cause("delete.topic.enable=false, or a broker of the target is down?"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

#[async_trait]
impl Step for RecopyStep {
    fn name(&self) -> StepName {
        self.name.clone()
    }

    async fn check(&self, _view: &View) -> Result<Readiness, Problem> {
        Ok(Readiness::Ready)
    }

    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        let target = self.moving()?.1.target;
        others::refuse_at_work(&self.undertaking).await?;
        self.delete(context, &target).await?;
        // Forgotten between deleting and creating: nothing of it is at the target now.
        let job = self.job(context)?;
        if context.past(&effect("topic", target.as_str())?) == Past::Never {
            forget_topic(&job, &target)
                .await
                .map_err(|error| crate::job::copy_problem(&error))?;
        }
        self.create(context).await?;
        let job = self.job(context)?;
        let report = run_copy(&self.undertaking, context, job).await?;
        if report.cancelled {
            return Err(StepError::Stopped);
        }
        match halted(&report.outcomes) {
            Some(problem) => Err(problem.into()),
            None => Ok(Outcome::Finished),
        }
    }

    async fn verify(&self, _view: &View) -> Result<(), Problem> {
        Ok(())
    }
}
