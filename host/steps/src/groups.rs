//! Sets the committed offsets of consumer groups at the target.

use crate::codes;
use crate::names::{effect, fact, step_name};
use crate::offsets::Places;
use crate::undertaking::Undertaking;
use ferry_engine::{
    Context, Effect, Effected, FactScope, Leftover, Outcome, Past, Progress, Readiness, Step,
    StepError, StepName, View, async_trait,
};
use ferry_kafka::Client;
use ferry_kafka::admin::groups::Stability;
use ferry_model::decision::{OffsetAction, OffsetDecision, OffsetQuestion, Role};
use ferry_model::group::{CommittedOffset, GroupFacts, GroupState};
use ferry_model::name::GroupId;
use ferry_model::problem::{Explain, Problem};
use ferry_plan::offsets::check_offsets;
use ferry_plan::{GroupAction, GroupPlan};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The kind of inverse that puts a group's committed offsets back.
pub(crate) const RESTORE_OFFSETS: &str = "restore-committed-offsets";

/// The key of the fact that holds how many groups wait for a later pass.
pub(crate) const WAITING: &str = "groups/waiting";

/// What a group had committed at the target before; an offset of none was not committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OffsetsBefore {
    pub(crate) group: GroupId,
    /// Whether the group was known to the target at all.
    #[serde(default)]
    pub(crate) known: bool,
    pub(crate) offsets: Vec<(ferry_model::name::TopicPartition, Option<CommittedOffset>)>,
}

/// Sets the committed offsets of groups at the target.
pub struct GroupsStep {
    undertaking: Arc<Undertaking>,
}

impl GroupsStep {
    /// The step for one migration.
    #[must_use]
    pub fn new(undertaking: Arc<Undertaking>) -> Self {
        Self { undertaking }
    }

    fn planned(&self) -> impl Iterator<Item = (&GroupPlan, &GroupId)> {
        self.undertaking
            .plan_as_made()
            .groups
            .iter()
            .filter(|group| group.action != GroupAction::Skip)
            .filter_map(|group| Some((group, group.target.as_ref()?)))
    }

    /// A group of the source as it is now.
    async fn facts(&self, id: &GroupId) -> Result<GroupFacts, Problem> {
        facts(&self.undertaking.source, id).await
    }

    async fn decide(&self, questions: Vec<OffsetQuestion>) -> Result<Decided, Problem> {
        let deciders = Arc::clone(&self.undertaking.deciders);
        let decided = tokio::task::spawn_blocking(move || {
            let mut deciders = deciders
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let decisions = deciders.offsets(&questions)?;
            let plugin = deciders.identity(Role::OffsetTranslator);
            check_offsets(&questions, &decisions, plugin).map_err(|error| error.problem())?;
            Ok(questions.into_iter().zip(decisions).collect())
        });
        decided.await.unwrap_or_else(|error| {
            Err(Problem::new(
                codes::OFFSETS_NOT_SET,
                format!("asking the plugin failed: {error}"),
            ))
        })
    }

    async fn set(
        &self,
        context: &Context,
        target: &GroupId,
        at_target: &GroupFacts,
        wanted: Vec<CommittedOffset>,
    ) -> Result<(), StepError> {
        let client = self.undertaking.target.clone();
        let before = committed(&client, target).await?;
        let same = wanted.iter().all(|offset| {
            before.get(&offset.partition).is_some_and(|before| {
                (before.offset, &before.metadata) == (offset.offset, &offset.metadata)
            })
        });
        let id = effect("group", &target.0)?;
        if same && !matches!(context.past(&id), Past::Intended { .. }) {
            return Ok(());
        }
        let inverse = OffsetsBefore {
            group: target.clone(),
            known: at_target.state != GroupState::Dead || !at_target.offsets.is_empty(),
            offsets: wanted
                .iter()
                .map(|offset| {
                    (
                        offset.partition.clone(),
                        before.get(&offset.partition).cloned(),
                    )
                })
                .collect(),
        };
        let shown = ferry_plan::text::escaped(&target.0);
        let setting = Effect::new(
            id,
            format!("set {} committed offsets of group {shown}", wanted.len()),
        )
        .undone_by(RESTORE_OFFSETS, json!(inverse));
        let target = target.clone();
        context
            .effect(setting, move |past| async move {
                commit(&client, &target, &wanted).await?;
                Ok(match past {
                    Past::Done { result, .. } => Effected::MadeBefore(result),
                    Past::Intended { .. } | Past::Never => Effected::Made(serde_json::Value::Null),
                })
            })
            .await?;
        Ok(())
    }
}

type Decided = Vec<(OffsetQuestion, OffsetDecision)>;

/// A group as its coordinator tells it now.
pub(crate) async fn facts(client: &Client, id: &GroupId) -> Result<GroupFacts, Problem> {
    let mut described = client
        .admin()
        .describe_groups(std::slice::from_ref(id))
        .await;
    let described = match described.remove(id) {
        Some(described) => described.map_err(|error| error.problem())?,
        None => {
            return Err(Problem::new(
                codes::NOT_ANSWERED,
                format!(
                    "group {} can't be described",
                    ferry_plan::text::escaped(&id.0)
                ),
            ));
        }
    };
    let offsets = client
        .admin()
        .committed_offsets(id, Stability::Stable)
        .await
        .map_err(|error| error.problem())?;
    Ok(GroupFacts {
        id: id.clone(),
        state: described.state,
        protocol_type: described.protocol_type,
        members: Vec::new(),
        offsets,
    })
}

async fn committed(
    client: &Client,
    group: &GroupId,
) -> Result<BTreeMap<ferry_model::name::TopicPartition, CommittedOffset>, Problem> {
    let offsets = client
        .admin()
        .committed_offsets(group, Stability::Latest)
        .await
        .map_err(|error| error.problem())?;
    Ok(offsets
        .into_iter()
        .map(|offset| (offset.partition.clone(), offset))
        .collect())
}

/// Commits `offsets` for a group without members.
pub(crate) async fn commit(
    client: &Client,
    group: &GroupId,
    offsets: &[CommittedOffset],
) -> Result<(), Problem> {
    let results = client
        .admin()
        .commit_offsets(group, offsets)
        .await
        .map_err(|error| error.problem())?;
    for (_, result) in results {
        result.map_err(|error| error.problem())?;
    }
    Ok(())
}

#[async_trait]
impl Step for GroupsStep {
    fn name(&self) -> StepName {
        step_name("groups")
    }

    fn needs(&self) -> Vec<StepName> {
        vec![step_name("drain")]
    }

    async fn check(&self, _view: &View) -> Result<Readiness, Problem> {
        // Groups of the source go on committing: only setting them again tells.
        Ok(Readiness::Ready)
    }

    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        let places = Places::read(&self.undertaking).await?;
        let total = self.planned().count() as u64;
        let mut leftovers = Vec::new();
        for (done, (group, target)) in self.planned().enumerate() {
            context.safe_point()?;
            context.progress(&Progress {
                part: String::new(),
                done: done as u64,
                total: Some(total),
                unit: "groups",
                note: None,
            });
            let facts = self.facts(&group.id).await?;
            if facts.state.active() {
                leftovers.push(leftover(&group.id, "active at the source"));
                continue;
            }
            let at_target = self::facts(&self.undertaking.target, target).await?;
            if at_target.state.active() {
                leftovers.push(leftover(target, "active at the target already"));
                continue;
            }
            let questions: Vec<_> = facts
                .offsets
                .iter()
                .filter_map(|offset| places.question(&facts, offset))
                .collect();
            if questions.is_empty() {
                continue;
            }
            let wanted: Vec<_> = self
                .decide(questions)
                .await?
                .iter()
                .filter_map(|(question, decision)| commitment(&places, question, decision))
                .collect();
            if !wanted.is_empty() {
                self.set(context, target, &at_target, wanted).await?;
            }
        }
        context
            .record(FactScope::Migration, fact(WAITING), &leftovers.len())
            .await?;
        if leftovers.is_empty() {
            Ok(Outcome::Finished)
        } else {
            Ok(Outcome::FinishedWithLeftovers(leftovers))
        }
    }

    async fn verify(&self, _view: &View) -> Result<(), Problem> {
        Ok(())
    }
}

fn leftover(group: &GroupId, why: &str) -> Leftover {
    Leftover {
        what: format!("group {}", ferry_plan::text::escaped(&group.0)),
        why: why.to_owned(),
    }
}

/// What a decision commits at the target, under the partition's name there; none for a skip.
fn commitment(
    places: &Places,
    question: &OffsetQuestion,
    decision: &OffsetDecision,
) -> Option<CommittedOffset> {
    let range = places.target_range(&question.partition)?;
    let offset = match decision.action {
        OffsetAction::CommitAt(offset) => offset.0,
        OffsetAction::Earliest => range.log_start,
        OffsetAction::Latest => range.high_watermark,
        OffsetAction::Skip => return None,
    };
    Some(CommittedOffset {
        partition: places.target(&question.partition)?.clone(),
        offset,
        metadata: question.metadata.clone(),
    })
}
