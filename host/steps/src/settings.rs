//! Sets topics back from their settings for the copy to their final ones, the last thing of all: from
//! then on records expire, and what is written more is treated as the topic says.

use crate::clean::CLEAN;
use crate::codes;
use crate::expiring::{Expiry, measure};
use crate::filled::{self, Treated};
use crate::groups::WAITING;
use crate::names::{effect, fact, step_name};
use crate::topics::RESTORE_CONFIGS;
use crate::undertaking::Undertaking;
use ferry_engine::{
    Context, Effect, Effected, FactScope, Leftover, Outcome, Past, Progress, Readiness, Step,
    StepError, StepName, View, async_trait,
};
use ferry_kafka::Client;
use ferry_kafka::admin::configs::{ConfigChange, ConfigResource, ConfigSource};
use ferry_kafka::admin::topics::Mode;
use ferry_model::digest::Digest;
use ferry_model::name::TopicName;
use ferry_model::problem::{Explain as _, Problem};
use ferry_plan::render::amount;
use ferry_plan::{MovingTopic, Plan};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The key of the fact that holds the digest of the plan whose settings hold.
pub(crate) const SET_BY: &str = "settings/plan";
/// Topics that are changed by one request, and journaled together.
const TOPICS_AT_ONCE: usize = 50;
/// Topics of which it is told one by one what expires.
const LINES_MAX: usize = 50;
/// How long it may take until brokers tell the new settings.
const SEEN_LIMIT: Duration = Duration::from_secs(30);
/// How often it is looked whether they do.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Settings by which records expire.
pub(crate) const RETENTION: [&str; 2] = ["retention.ms", "retention.bytes"];

/// Sets the final settings of topics.
pub struct SettingsStep {
    undertaking: Arc<Undertaking>,
}

/// What is changed of one topic by one write.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    topic: TopicName,
    /// Whether it is about how long records are kept.
    retention: bool,
    /// By setting: the value now, and the final one; none for the default.
    settings: BTreeMap<String, (Option<String>, Option<String>)>,
}

type Settings = BTreeMap<String, String>;

/// The topics with settings of their own for the copy.
fn topics(plan: &Plan) -> Vec<&MovingTopic> {
    plan.moving_topics()
        .map(|(_, moving)| moving)
        .filter(|moving| !moving.copy_configs.is_empty())
        .collect()
}

impl SettingsStep {
    /// The step for one migration.
    #[must_use]
    pub fn new(undertaking: Arc<Undertaking>) -> Self {
        Self { undertaking }
    }

    async fn changes(&self) -> Result<Vec<Change>, Problem> {
        let plan = self.undertaking.plan();
        let topics = topics(&plan);
        let now = own_settings(&self.undertaking.target, &topics).await?;
        let empty = Settings::new();
        let changes = topics
            .iter()
            .flat_map(|moving| changes(moving, now.get(&moving.target).unwrap_or(&empty)));
        Ok(changes.collect())
    }

    /// Topics with fillers that the cleaner has not taken yet: until then it works as for the copy. The
    /// step that waits for it has named them.
    async fn unclean(&self, view: &View) -> Result<BTreeSet<TopicName>, Problem> {
        if !filled::any(&self.undertaking.plan()) {
            return Ok(BTreeSet::new());
        }
        let clean = view.fact::<Treated>(&fact(CLEAN))?.unwrap_or_default();
        let (_, topics) = filled::job(&self.undertaking, view, &clean).await?;
        Ok(topics.into_keys().collect())
    }

    async fn set(&self, context: &Context, changes: &[Change]) -> Result<(), StepError> {
        for (chunk, some) in changes.chunks(TOPICS_AT_ONCE).enumerate() {
            context.safe_point()?;
            let effects = some.iter().map(Change::effect).collect::<Result<_, _>>()?;
            let target = self.undertaking.target.clone();
            let meant = some.to_vec();
            let outcomes = context
                .effects(effects, move |pasts| async move {
                    Ok(alter(&target, &meant, pasts).await)
                })
                .await?;
            for outcome in outcomes {
                outcome?;
            }
            context.progress(&Progress {
                part: String::new(),
                done: ((chunk + 1) * TOPICS_AT_ONCE).min(changes.len()) as u64,
                total: Some(changes.len() as u64),
                unit: "changes",
                note: None,
            });
        }
        Ok(())
    }

    /// Waits until brokers tell of no change that is still to be made.
    async fn await_seen(&self, made: &[Change]) -> Result<(), Problem> {
        let began = Instant::now();
        loop {
            let open = self.changes().await?;
            let Some(open) = open.iter().find(|open| {
                let same =
                    |made: &&Change| (&made.topic, made.retention) == (&open.topic, open.retention);
                made.iter().any(|change| same(&change))
            }) else {
                return Ok(());
            };
            if began.elapsed() > SEEN_LIMIT {
                let what = format!(
                    "{} of topic {} was set and does not hold",
                    open.listed(),
                    open.topic
                );
                return Err(Problem::new(codes::SETTINGS_NOT_SET, what)
                    .cause("a policy or another tool of the target sets it back?")
                    .next("ferry apply again"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// What is to be changed of one topic that has these settings of its own now. A setting that has
/// neither its value for the copy nor the final one was changed by somebody else, and stays.
fn changes(moving: &MovingTopic, now: &Settings) -> Vec<Change> {
    let change = |retention: bool| {
        let settings = moving
            .copy_configs
            .iter()
            .filter(|(key, during)| {
                RETENTION.contains(&key.as_str()) == retention
                    && now.get(*key) == Some(during)
                    && moving.configs.get(*key) != Some(during)
            })
            .map(|(key, during)| {
                let last = moving.configs.get(key).cloned();
                (key.clone(), (Some(during.clone()), last))
            });
        Change {
            topic: moving.target.clone(),
            retention,
            settings: settings.collect(),
        }
    };
    // What decides how records are treated comes before what lets them expire.
    let both = [change(false), change(true)];
    let some = |change: &Change| !change.settings.is_empty();
    both.into_iter().filter(some).collect()
}

impl Change {
    fn listed(&self) -> String {
        let keys: Vec<&str> = self.settings.keys().map(String::as_str).collect();
        keys.join(", ")
    }

    fn effect(&self) -> Result<Effect, Problem> {
        let kind = if self.retention {
            "retention"
        } else {
            "settings"
        };
        let last: Vec<String> = self
            .settings
            .iter()
            .map(|(key, (_, last))| {
                let last = last.as_deref().unwrap_or("the default");
                format!("{key} to {last}")
            })
            .collect();
        let before: BTreeMap<&String, &Option<String>> = self
            .settings
            .iter()
            .map(|(key, (now, _))| (key, now))
            .collect();
        let topic = &self.topic;
        let what = format!("set back {} of topic {topic}", last.join(", "));
        Ok(Effect::new(effect(kind, topic.as_str())?, what)
            .undone_by(RESTORE_CONFIGS, json!({ "topic": topic, "before": before })))
    }

    fn wire(&self) -> impl Iterator<Item = ConfigChange> + '_ {
        self.settings.iter().map(|(name, (_, last))| {
            let name = name.clone();
            match last.clone() {
                Some(value) => ConfigChange::Set { name, value },
                None => ConfigChange::Delete { name },
            }
        })
    }
}

/// Makes the changes. Setting what is set already changes nothing: there is no need to look first.
async fn alter(
    target: &Client,
    changes: &[Change],
    pasts: Vec<Past>,
) -> Vec<Result<Effected, Problem>> {
    let mut wire: BTreeMap<ConfigResource, Vec<ConfigChange>> = BTreeMap::new();
    for change in changes {
        let resource = ConfigResource::Topic(change.topic.clone());
        wire.entry(resource).or_default().extend(change.wire());
    }
    let altered = target.admin().alter_configs(&wire, Mode::Apply).await;
    let outcome = |(change, past): (&Change, Past)| {
        let resource = ConfigResource::Topic(change.topic.clone());
        match (altered.get(&resource), past) {
            (Some(Ok(())), Past::Done { result, .. }) => Ok(Effected::MadeBefore(result)),
            (Some(Ok(())), _) => Ok(Effected::Made(Value::Null)),
            (Some(Err(error)), _) => {
                let mut problem = error.problem();
                let (keys, topic) = (change.listed(), &change.topic);
                problem.what = format!("{keys} of topic {topic} can't be set: {}", problem.what);
                Err(problem)
            }
            (None, _) => {
                let what = format!("the target did not answer for topic {}", change.topic);
                Err(Problem::new(codes::SETTINGS_NOT_SET, what).next("ferry apply again"))
            }
        }
    };
    changes.iter().zip(pasts).map(outcome).collect()
}

/// The settings that are set on topics themselves.
pub(crate) async fn own_settings(
    target: &Client,
    topics: &[&MovingTopic],
) -> Result<BTreeMap<TopicName, Settings>, Problem> {
    let resources: Vec<_> = topics
        .iter()
        .map(|moving| ConfigResource::Topic(moving.target.clone()))
        .collect();
    let described = target.admin().describe_configs(&resources).await;
    let mut settings = BTreeMap::new();
    for (resource, entries) in described {
        let ConfigResource::Topic(topic) = resource else {
            continue;
        };
        let entries = entries.map_err(|error| error.problem())?;
        let own = entries
            .into_iter()
            .filter(|entry| entry.source == ConfigSource::Topic)
            .filter_map(|entry| Some((entry.name, entry.value?)));
        settings.insert(topic, own.collect());
    }
    Ok(settings)
}

/// Tells what expires, those topics first that lose most.
fn tell(view: &View, measured: &BTreeMap<TopicName, Expiry>) {
    let mut topics: Vec<_> = measured
        .iter()
        .filter(|(_, expiry)| expiry.expiring.records > 0)
        .collect();
    topics.sort_by_key(|(_, expiry)| std::cmp::Reverse(expiry.expiring.records));
    for (topic, expiry) in topics.iter().take(LINES_MAX) {
        if let Some(line) = expiry.line(topic) {
            view.note(&line);
        }
    }
    if topics.len() > LINES_MAX {
        let rest = amount::counted(topics.len() - LINES_MAX, "topic");
        view.note(&format!("and of {rest} more, fewer each"));
    }
    if topics.is_empty() {
        view.note("no record expires by the final settings now");
    }
}

#[async_trait]
impl Step for SettingsStep {
    fn name(&self) -> StepName {
        step_name("settings")
    }

    fn needs(&self) -> Vec<StepName> {
        let mut needs = vec![step_name("verify")];
        if filled::any(&self.undertaking.plan()) {
            needs.push(step_name("clean"));
        }
        needs
    }

    async fn check(&self, _view: &View) -> Result<Readiness, Problem> {
        Ok(match self.changes().await?.is_empty() {
            true => Readiness::AlreadyDone,
            false => Readiness::Ready,
        })
    }

    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        let changes = self.changes().await?;
        let waiting = context.fact::<usize>(&fact(WAITING))?.unwrap_or(0);
        if waiting > 0 {
            // They are still fed at the source: more may have to be copied.
            let leftover = Leftover {
                what: "the final settings of topics".to_owned(),
                why: "they are set once no group waits any more".to_owned(),
            };
            return Ok(Outcome::FinishedWithLeftovers(vec![leftover]));
        }
        let unclean = self.unclean(context).await?;
        let changes: Vec<Change> = changes
            .into_iter()
            .filter(|change| !unclean.contains(&change.topic))
            .collect();
        let expires = |moving: &&MovingTopic| {
            let mut changes = changes.iter().filter(|change| change.retention);
            changes.any(|change| change.topic == moving.target)
        };
        let plan = self.undertaking.plan();
        let topics: Vec<_> = topics(&plan).into_iter().filter(expires).collect();
        let measured = measure(&self.undertaking, &topics).await?;
        tell(context, &measured);
        let mut leftovers = Vec::new();
        if !self.undertaking.expire_unread {
            for (topic, expiry) in &measured {
                leftovers.extend(expiry.why_left_off().map(|why| Leftover {
                    what: format!("retention of topic {topic}"),
                    why,
                }));
            }
        }
        let left_off = |change: &Change| {
            let expiry = measured.get(&change.topic);
            change.retention
                && !self.undertaking.expire_unread
                && expiry.is_some_and(|expiry| expiry.unread.is_some())
        };
        let made: Vec<Change> = changes
            .into_iter()
            .filter(|change| !left_off(change))
            .collect();
        let digest: Digest = self.undertaking.digest()?;
        context
            .record(FactScope::Migration, fact(SET_BY), &digest)
            .await?;
        self.set(context, &made).await?;
        self.await_seen(&made).await?;
        Ok(match leftovers.is_empty() {
            true => Outcome::Finished,
            false => Outcome::FinishedWithLeftovers(leftovers),
        })
    }

    async fn verify(&self, _view: &View) -> Result<(), Problem> {
        // What was set was seen before the run ended.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferry_plan::{Creation, Expiring};

    fn map(pairs: &[(&str, &str)]) -> Settings {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    }

    fn moving() -> MovingTopic {
        MovingTopic {
            target: TopicName::parse("orders").expect("legal"),
            name_reason: String::new(),
            group: None,
            creation: Creation::Create,
            replication_factor: 1,
            source_configs: Settings::new(),
            configs: map(&[("retention.ms", "1000"), ("compression.type", "gzip")]),
            transaction_budget: 0,
            filler_key: None,
            filler_budget: 0,
            copy_configs: map(&[
                ("compression.type", "producer"),
                ("retention.bytes", "-1"),
                ("retention.ms", "-1"),
            ]),
            expiring: Expiring::default(),
            notes: Vec::new(),
            partitions: Vec::new(),
        }
    }

    #[test]
    fn settings_of_the_copy_are_set_back_or_taken_away_and_retention_apart() {
        let moving = moving();
        let found = changes(&moving, &moving.configs_for_copy());
        let listed: Vec<_> = found.iter().map(|c| (c.retention, c.listed())).collect();
        let expected = [
            (false, "compression.type".to_owned()),
            (true, "retention.bytes, retention.ms".to_owned()),
        ];
        assert_eq!(listed, expected);
        let wire: Vec<_> = found[1].wire().collect();
        let expected = [
            ConfigChange::Delete {
                name: "retention.bytes".to_owned(),
            },
            ConfigChange::Set {
                name: "retention.ms".to_owned(),
                value: "1000".to_owned(),
            },
        ];
        assert_eq!(wire, expected);
        assert_eq!(changes(&moving, &moving.configs), [], "nothing is left");
    }

    #[test]
    fn what_somebody_has_changed_meanwhile_stays() {
        let by_hand = map(&[("compression.type", "producer"), ("retention.ms", "5000")]);
        let found = changes(&moving(), &by_hand);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].listed(), "compression.type");
    }
}
