//! The partitions in which fillers keep the offsets, as the plan has them and as they came to be.

use crate::job::{copy_problem, filler, job_of};
use crate::names::{fact, progress_topic};
use crate::slots::FIRST;
use crate::undertaking::{TOPIC_IDS, TopicIds, Undertaking};
use ferry_copy::fleet;
use ferry_copy::job::{CopyJob, OffsetMode, PartitionJob, Until};
use ferry_engine::View;
use ferry_model::identity::TopicId;
use ferry_model::name::{TopicName, TopicPartition};
use ferry_model::problem::Problem;
use ferry_plan::{CopyMode, Plan};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Topics of the target that something was done for, with the ids that they had then.
pub(crate) type Treated = BTreeMap<TopicName, Option<TopicId>>;

/// Whether fillers keep offsets anywhere in this migration.
pub(crate) fn any(plan: &Plan) -> bool {
    plan.copy_partitions().any(|copied| {
        filler(copied.moving).is_some() && matches!(copied.mode(), CopyMode::Preserve { .. })
    })
}

/// A job of the partitions in which fillers keep the offsets by now, but for those of topics that are
/// `treated`; with the ids of their topics.
pub(crate) async fn job(
    undertaking: &Undertaking,
    view: &View,
    treated: &Treated,
) -> Result<(CopyJob, Treated), Problem> {
    let ids = view.fact::<TopicIds>(&fact(TOPIC_IDS))?.unwrap_or_default();
    let planned: HashSet<TopicPartition> = undertaking
        .plan()
        .copy_partitions()
        .filter(|copied| {
            filler(copied.moving).is_some() && matches!(copied.mode(), CopyMode::Preserve { .. })
        })
        .map(|copied| copied.source)
        .collect();
    let wanted = |source: &TopicPartition| planned.contains(source);
    let mut job = job_of(undertaking, &ids, FIRST, Until::CaughtUp, wanted);
    let id = |partition: &PartitionJob| ids.get(&partition.target.topic).copied();
    job.partitions
        .retain(|partition| treated.get(&partition.target.topic) != Some(&id(partition)));
    if !job.partitions.is_empty() {
        let topic = progress_topic(&undertaking.plan_as_made().migration);
        let standing = fleet::standing(&undertaking.target, &topic, &job.partitions)
            .await
            .map_err(|error| copy_problem(&error))?;
        let mut modes = standing.partitions.into_iter().map(|p| p.mode);
        job.partitions
            .retain(|_| modes.next() == Some(OffsetMode::Preserve));
    }
    let topics = job
        .partitions
        .iter()
        .map(|partition| (partition.target.topic.clone(), id(partition)))
        .collect();
    Ok((job, topics))
}

/// `found` without the topics of `left`, added to what was `treated` before.
pub(crate) fn with(mut treated: Treated, found: Treated, left: &BTreeSet<TopicName>) -> Treated {
    treated.extend(found.into_iter().filter(|(topic, _)| !left.contains(topic)));
    treated
}
