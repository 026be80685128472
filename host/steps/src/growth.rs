//! Partitions that topics of the source are given while a migration is under way are added at the
//! target. They are copied by the first worker: the others may not have heard of them.

use crate::codes;
use crate::names::{effect, fact};
use crate::topics::{await_leaders, existing};
use crate::undertaking::Undertaking;
use ferry_engine::{Context, Effect, Effected, FactScope, Past, StepError, View};
use ferry_kafka::Client;
use ferry_kafka::admin::topics::Mode;
use ferry_model::name::TopicName;
use ferry_model::problem::{Explain, Problem};
use ferry_plan::{Growth, Plan};
use serde_json::Value;

/// The key of the fact that holds [`Growth`].
pub const GROWTH: &str = "topics/growth";

/// Topics of the source that have more partitions now than `plan` has, and how many. Topics that
/// are gone are left out: that shows elsewhere.
pub(crate) async fn look(source: &Client, plan: &Plan) -> Result<Growth, Problem> {
    let topics: Vec<_> = plan
        .moving_topics()
        .filter(|(_, moving)| moving.may_grow())
        .map(|(topic, _)| (topic.name.clone(), topic.partitions))
        .collect();
    let names: Vec<_> = topics.iter().map(|(name, _)| name.clone()).collect();
    let described = existing(source, &names).await?;
    let grown = topics.into_iter().filter_map(|(name, planned)| {
        let found = described.get(&name)?.partitions.len();
        (found > planned).then_some((name, found))
    });
    Ok(grown.collect())
}

/// Looks whether topics of the source have grown; from then on the plan has their new partitions.
/// Says whether there are any.
pub(crate) async fn note(undertaking: &Undertaking, context: &Context) -> Result<bool, StepError> {
    let found = look(&undertaking.source, &undertaking.plan()).await?;
    if found.is_empty() {
        return Ok(false);
    }
    for (topic, count) in &found {
        context.note(&format!(
            "topic {topic} of the source has {count} partitions by now: the new ones are copied too"
        ));
    }
    let mut growth = recorded(context)?;
    growth.extend(found);
    context
        .record(FactScope::Migration, fact(GROWTH), &growth)
        .await?;
    undertaking.grow(&growth);
    Ok(true)
}

/// What was noted before.
pub(crate) fn recorded(view: &View) -> Result<Growth, Problem> {
    Ok(view.fact::<Growth>(&fact(GROWTH))?.unwrap_or_default())
}

/// Gives topics of the target that are there as many partitions as the source's have. Those that are
/// not there yet are created with as many.
pub(crate) async fn follow(undertaking: &Undertaking, context: &Context) -> Result<(), StepError> {
    let wanted = wanted(undertaking, context)?;
    let names: Vec<_> = wanted.iter().map(|(name, _)| name.clone()).collect();
    let found = existing(&undertaking.target, &names).await?;
    for (name, count) in wanted {
        let Some(described) = found.get(&name) else {
            continue;
        };
        let there = described.partitions.len();
        if there >= count {
            continue;
        }
        let adding = Effect::new(
            effect(&format!("partitions-{count}"), name.as_str())?,
            format!("give topic {name} {count} partitions instead of {there}"),
        );
        let (target, topic) = (undertaking.target.clone(), name.clone());
        context
            .effect(adding, move |past| async move {
                add(&target, &topic, count).await?;
                Ok(match past {
                    Past::Done { result, .. } => Effected::MadeBefore(result),
                    _ => Effected::Made(Value::Null),
                })
            })
            .await?;
    }
    await_leaders(&undertaking.target, &names).await?;
    Ok(())
}

/// Whether a topic of the target has fewer partitions than it should have by now.
pub(crate) async fn behind(undertaking: &Undertaking, view: &View) -> Result<bool, Problem> {
    let wanted = wanted(undertaking, view)?;
    let names: Vec<_> = wanted.iter().map(|(name, _)| name.clone()).collect();
    let found = existing(&undertaking.target, &names).await?;
    Ok(wanted.iter().any(|(name, count)| {
        found
            .get(name)
            .is_some_and(|described| described.partitions.len() < *count)
    }))
}

/// Topics of the target whose source has grown, and how many partitions they should have.
fn wanted(undertaking: &Undertaking, view: &View) -> Result<Vec<(TopicName, usize)>, Problem> {
    let growth = recorded(view)?;
    let plan = undertaking.plan();
    Ok(plan
        .moving_topics()
        .filter(|(topic, moving)| growth.contains_key(&topic.name) && moving.may_grow())
        .map(|(topic, moving)| (moving.target.clone(), topic.partitions))
        .collect())
}

async fn add(target: &Client, topic: &TopicName, count: usize) -> Result<(), Problem> {
    let total = i32::try_from(count).unwrap_or(i32::MAX);
    let totals = [(topic.clone(), total)];
    let added = target.admin().create_partitions(&totals, Mode::Apply).await;
    for (_, result) in added.map_err(|error| error.problem())? {
        if let Err(error) = result {
            let mut problem = error.problem();
            problem.code = Problem::new(codes::TOPIC_NOT_CREATED, "").code;
            problem.what = format!(
                "topic {topic} of the target can't be given {count} partitions: {}",
                problem.what
            );
            return Err(problem);
        }
    }
    Ok(())
}
