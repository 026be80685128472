//! Creates the topics of the target, with the settings for the copy.

use crate::codes;
use crate::growth;
use crate::names::{effect, fact, progress_topic, step_name};
use crate::settings::SET_BY;
use crate::undertaking::{TOPIC_IDS, TopicIds, Undertaking};
use ferry_engine::{
    Context, Effect, Effected, FactScope, Outcome, Past, Progress, Readiness, Step, StepError,
    StepName, View, async_trait,
};
use ferry_kafka::KafkaError;
use ferry_kafka::admin::configs::{ConfigChange, ConfigResource};
use ferry_kafka::admin::topics::{Mode, NewTopic, TopicDescription};
use ferry_kafka::{Client, ErrorCode};
use ferry_model::digest::Digest;
use ferry_model::identity::TopicId;
use ferry_model::name::TopicName;
use ferry_model::problem::{Explain, Problem};
use ferry_plan::{Creation, MovingTopic, Plan};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Replicas of the progress topic, where the target has as many brokers.
const PROGRESS_REPLICAS: i16 = 3;
/// Topics that are created by one request, and journaled together.
const TOPICS_AT_ONCE: usize = 50;
/// How long a created topic may take to have leaders for all of its partitions.
const LEADERS_LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked whether leaders are there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The kind of inverse that deletes a topic.
pub(crate) const DELETE_TOPIC: &str = "delete-topic";
/// The kind of inverse that puts a topic's settings back.
pub(crate) const RESTORE_CONFIGS: &str = "restore-topic-configs";

/// Creates the topics of the target.
pub struct TopicsStep {
    undertaking: Arc<Undertaking>,
}

impl TopicsStep {
    /// The step for one migration.
    #[must_use]
    pub fn new(undertaking: Arc<Undertaking>) -> Self {
        Self { undertaking }
    }

    fn wanted(&self) -> Vec<NewTopic> {
        let plan = &*self.undertaking.plan();
        let creates = |moving: &MovingTopic| !matches!(moving.creation, Creation::Use { .. });
        let mut wanted: Vec<_> = plan
            .moving_topics()
            .filter(|(_, moving)| creates(moving))
            .map(|(topic, moving)| new_topic(topic.partitions, moving))
            .collect();
        // What every worker depends on must outlive a broker, however the topics are kept.
        let brokers = i16::try_from(plan.target.brokers).unwrap_or(i16::MAX);
        let replication_factor = plan
            .moving_topics()
            .map(|(_, moving)| moving.replication_factor)
            .max()
            .unwrap_or(1)
            .max(PROGRESS_REPLICAS.min(brokers.max(1)));
        wanted.push(NewTopic {
            name: progress_topic(&plan.migration),
            partitions: 1,
            replication_factor,
            configs: BTreeMap::from([
                ("cleanup.policy".to_owned(), "compact".to_owned()),
                ("compression.type".to_owned(), "producer".to_owned()),
            ]),
        });
        wanted
    }

    async fn existing(
        &self,
        names: &[TopicName],
    ) -> Result<BTreeMap<TopicName, TopicDescription>, Problem> {
        existing(&self.undertaking.target, names).await
    }

    async fn create(&self, context: &Context, topics: &[NewTopic]) -> Result<TopicIds, StepError> {
        let effects = topics.iter().map(creation).collect::<Result<Vec<_>, _>>()?;
        let target = self.undertaking.target.clone();
        let meant = topics.to_vec();
        let outcomes = context
            .effects(effects, move |pasts| async move {
                create(&target, meant, pasts).await
            })
            .await?;
        let mut ids = TopicIds::new();
        for (topic, outcome) in topics.iter().zip(outcomes) {
            match outcome? {
                Effected::Made(result) | Effected::MadeBefore(result) => {
                    if let Ok(id) = serde_json::from_value::<TopicId>(result["id"].clone()) {
                        ids.insert(topic.name.clone(), id);
                    }
                }
                Effected::Foreign(_) => {}
                Effected::NotDone(reason) => {
                    return Err(Problem::new(
                        codes::TOPIC_GONE,
                        format!("topic {} of the target is gone", topic.name),
                    )
                    .detail(reason)
                    .cause("somebody deleted it after this migration had created it?")
                    .next("ferry rollback, then ferry plan")
                    .into());
                }
            }
        }
        Ok(ids)
    }

    /// Topics that were not created with the settings for the copy: those that are used as they are,
    /// and all of them where another plan has set their final ones.
    fn to_adapt<'p>(&self, plan: &'p Plan, view: &View) -> Result<Vec<&'p MovingTopic>, Problem> {
        let again = self.set_by_another_plan(view)?;
        let moving = plan.moving_topics().map(|(_, m)| m);
        let wanted = |moving: &&MovingTopic| {
            let used = matches!(moving.creation, Creation::Use { .. });
            (used || again) && !moving.copy_configs.is_empty()
        };
        Ok(moving.filter(wanted).collect())
    }

    fn set_by_another_plan(&self, view: &View) -> Result<bool, Problem> {
        let set_by = view.fact::<Digest>(&fact(SET_BY))?;
        let own = self.undertaking.digest()?;
        Ok(set_by.is_some_and(|plan| plan != own))
    }

    /// Gives topics that have other ones the settings for the copy.
    async fn adapt(&self, context: &Context) -> Result<(), StepError> {
        let plan = self.undertaking.plan();
        for moving in self.to_adapt(&plan, context)? {
            let before: BTreeMap<_, _> = moving
                .copy_configs
                .keys()
                .map(|key| (key.clone(), moving.configs.get(key).cloned()))
                .collect();
            let name = moving.target.clone();
            let adapting = Effect::new(
                effect("configs", name.as_str())?,
                format!("set {} of topic {name}", listed(moving.copy_configs.keys())),
            )
            .undone_by(RESTORE_CONFIGS, json!({ "topic": name, "before": before }));
            let target = self.undertaking.target.clone();
            let changes: Vec<_> = moving
                .copy_configs
                .iter()
                .map(|(name, value)| ConfigChange::Set {
                    name: name.clone(),
                    value: value.clone(),
                })
                .collect();
            context
                .effect(adapting, move |past| async move {
                    alter(&target, &name, changes).await?;
                    Ok(match past {
                        Past::Done { result, .. } => Effected::MadeBefore(result),
                        _ => Effected::Made(Value::Null),
                    })
                })
                .await?;
        }
        if self.set_by_another_plan(context)? {
            let own = self.undertaking.digest()?;
            context
                .record(FactScope::Migration, fact(SET_BY), &own)
                .await?;
        }
        Ok(())
    }

    async fn await_leaders(&self, names: &[TopicName]) -> Result<(), Problem> {
        await_leaders(&self.undertaking.target, names).await
    }
}

fn listed<'k>(keys: impl Iterator<Item = &'k String>) -> String {
    keys.map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The topic that a plan wants created.
pub(crate) fn new_topic(partitions: usize, moving: &MovingTopic) -> NewTopic {
    NewTopic {
        name: moving.target.clone(),
        partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
        replication_factor: moving.replication_factor,
        configs: moving.configs_for_copy(),
    }
}

fn creation(topic: &NewTopic) -> Result<Effect, Problem> {
    let name = &topic.name;
    let what = format!("create topic {name} with {} partitions", topic.partitions);
    Ok(Effect::new(effect("topic", name.as_str())?, what)
        .undone_by(DELETE_TOPIC, json!({ "topic": name })))
}

/// Those of `names` that exist.
pub(crate) async fn existing(
    target: &Client,
    names: &[TopicName],
) -> Result<BTreeMap<TopicName, TopicDescription>, Problem> {
    let described = target
        .admin()
        .describe_topics(names)
        .await
        .map_err(|error| error.problem())?;
    let mut existing = BTreeMap::new();
    for (name, result) in described {
        match result {
            Ok(description) => {
                existing.insert(name, description);
            }
            Err(error) if error.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => {}
            Err(error) => return Err(error.problem()),
        }
    }
    Ok(existing)
}

/// Waits until every partition of `names` has a leader.
pub(crate) async fn await_leaders(target: &Client, names: &[TopicName]) -> Result<(), Problem> {
    let began = Instant::now();
    loop {
        let existing = existing(target, names).await?;
        let led = |name: &&TopicName| {
            existing
                .get(*name)
                .is_some_and(|topic| topic.partitions.iter().all(|p| p.leader.is_some()))
        };
        let Some(missing) = names.iter().find(|name| !led(name)) else {
            return Ok(());
        };
        if began.elapsed() > LEADERS_LIMIT {
            return Err(Problem::new(
                codes::TOPIC_NOT_CREATED,
                format!("topic {missing} of the target has no leader for every partition"),
            )
            .cause("a broker of the target is down?")
            .next("ferry check, then ferry apply again"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

pub(crate) async fn alter(
    target: &Client,
    name: &TopicName,
    changes: Vec<ConfigChange>,
) -> Result<(), Problem> {
    let resource = ConfigResource::Topic(name.clone());
    let changes = BTreeMap::from([(resource, changes)]);
    for (_, result) in target.admin().alter_configs(&changes, Mode::Apply).await {
        result.map_err(|error| error.problem())?;
    }
    Ok(())
}

async fn create(
    target: &Client,
    topics: Vec<NewTopic>,
    pasts: Vec<Past>,
) -> Result<Vec<Result<Effected, Problem>>, Problem> {
    let names: Vec<_> = topics.iter().map(|topic| topic.name.clone()).collect();
    let existing = existing(target, &names).await?;
    let missing: Vec<_> = topics
        .iter()
        .zip(&pasts)
        .filter(|(topic, past)| {
            !existing.contains_key(&topic.name) && !matches!(past, Past::Done { .. })
        })
        .map(|(topic, _)| topic.clone())
        .collect();
    let mut created = if missing.is_empty() {
        BTreeMap::new()
    } else {
        let created = target.admin().create_topics(&missing, Mode::Apply).await;
        created.map_err(|error| error.problem())?
    };
    let outcome = |(topic, past): (&NewTopic, Past)| {
        let found = existing.get(&topic.name);
        match (past, found, created.remove(&topic.name)) {
            (Past::Done { result, .. }, Some(_), _) => Ok(Effected::MadeBefore(result)),
            (Past::Done { .. }, None, _) => Ok(Effected::NotDone("it is not there".to_owned())),
            // It was not there before it was intended: whoever it is now, it is ours.
            (Past::Intended { .. }, Some(found), _) => {
                Ok(Effected::MadeBefore(json!({ "id": found.id })))
            }
            (Past::Never, Some(_), _) => Ok(Effected::Foreign("it is there already".to_owned())),
            (_, None, Some(Ok(id))) => Ok(Effected::Made(json!({ "id": id }))),
            (_, None, Some(Err(error))) => Err(not_created(&topic.name, &error)),
            (_, None, None) => Err(Problem::new(
                codes::TOPIC_NOT_CREATED,
                format!("the target did not answer for topic {}", topic.name),
            )
            .next("ferry apply again")),
        }
    };
    Ok(topics.iter().zip(pasts).map(outcome).collect())
}

fn not_created(name: &TopicName, error: &KafkaError) -> Problem {
    let mut problem = error.problem();
    problem.what = format!(
        "topic {name} can't be created at the target: {}",
        problem.what
    );
    problem
}

#[async_trait]
impl Step for TopicsStep {
    fn name(&self) -> StepName {
        step_name("topics")
    }

    async fn check(&self, view: &View) -> Result<Readiness, Problem> {
        let wanted = self.wanted();
        let names: Vec<_> = wanted.iter().map(|topic| topic.name.clone()).collect();
        let existing = self.existing(&names).await?;
        let known = view.fact::<TopicIds>(&fact(TOPIC_IDS))?.unwrap_or_default();
        let all = wanted.iter().all(|topic| {
            existing
                .get(&topic.name)
                .is_some_and(|found| found.id == known.get(&topic.name).copied())
        });
        let plan = self.undertaking.plan();
        let mut adapted = !self.set_by_another_plan(view)?;
        for moving in self.to_adapt(&plan, view)? {
            let id = effect("configs", moving.target.as_str())?;
            adapted &= view.past(&id) != Past::Never;
        }
        let source = growth::look(&self.undertaking.source, &plan).await?;
        let grown = !source.is_empty() || growth::behind(&self.undertaking, view).await?;
        let done = all && adapted && !grown;
        Ok(if done {
            Readiness::AlreadyDone
        } else {
            Readiness::Ready
        })
    }

    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        growth::note(&self.undertaking, context).await?;
        let wanted = self.wanted();
        let mut ids = context
            .fact::<TopicIds>(&fact(TOPIC_IDS))?
            .unwrap_or_default();
        for (chunk, topics) in wanted.chunks(TOPICS_AT_ONCE).enumerate() {
            context.safe_point()?;
            let names: Vec<_> = topics.iter().map(|topic| topic.name.clone()).collect();
            let existing = self.existing(&names).await?;
            for topic in topics {
                let id = effect("topic", topic.name.as_str())?;
                if existing.contains_key(&topic.name) && context.past(&id) == Past::Never {
                    return Err(appeared(&topic.name).into());
                }
            }
            ids.extend(self.create(context, topics).await?);
            context.progress(&Progress {
                part: String::new(),
                done: ((chunk + 1) * TOPICS_AT_ONCE).min(wanted.len()) as u64,
                total: Some(wanted.len() as u64),
                unit: "topics",
                note: None,
            });
        }
        context
            .record(FactScope::Migration, fact(TOPIC_IDS), &ids)
            .await?;
        growth::follow(&self.undertaking, context).await?;
        self.adapt(context).await?;
        Ok(Outcome::Finished)
    }

    async fn verify(&self, _view: &View) -> Result<(), Problem> {
        let names: Vec<_> = self.wanted().into_iter().map(|topic| topic.name).collect();
        self.await_leaders(&names).await
    }
}

fn appeared(name: &TopicName) -> Problem {
    Problem::new(
        codes::TOPIC_NOT_CREATED,
        format!("topic {name} is at the target, and this migration did not create it"),
    )
    .cause("an application or another tool created it after the plan was made?")
    .next("ferry plan, and review it again")
}
