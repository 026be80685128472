//! What becomes of consumer groups.

use crate::circumstances::Circumstances;
use crate::deciders::Deciders;
use crate::decision::{DecisionKind, Questions};
use crate::error::PlanError;
use crate::names::Names;
use crate::offsets::check_offsets;
use crate::plan::{CopyMode, GroupAction, GroupOffsets, GroupPlan, PartitionPlan};
use ferry_model::decision::{NameKind, OffsetAction, OffsetQuestion, Role};
use ferry_model::group::{CommittedOffset, GroupFacts, GroupState};
use ferry_model::name::{GroupId, TopicName};
use ferry_model::offset::TargetOffset;
use std::collections::{BTreeMap, BTreeSet};

/// The partitions that move, by topic.
pub(crate) type Partitions = BTreeMap<TopicName, Vec<PartitionPlan>>;

/// The committed offsets of a group on partitions that move.
pub(crate) fn moving_offsets<'f>(
    group: &'f GroupFacts,
    moves: &'f dyn Fn(&TopicName) -> bool,
) -> impl Iterator<Item = &'f CommittedOffset> {
    // A negative offset is the coordinator's way of saying that nothing is committed.
    group
        .offsets
        .iter()
        .filter(|o| o.offset >= 0 && moves(&o.partition.topic))
}

/// Plans every group. The offset translator is asked about all groups at once.
pub(crate) fn decide(
    source: &BTreeMap<GroupId, GroupFacts>,
    target: &BTreeMap<GroupId, GroupFacts>,
    partitions: &Partitions,
    names: &Names,
    circumstances: &Circumstances,
    deciders: &mut dyn Deciders,
    questions: &mut Questions<'_>,
) -> Result<Vec<GroupPlan>, PlanError> {
    let foreign: BTreeSet<&str> = names
        .of_kind(NameKind::Topic)
        .map(|(_, new)| new)
        .filter(|new| !circumstances.created_by_us.contains(*new))
        .collect();
    let mut plans = Vec::with_capacity(source.len());
    let mut asked = Vec::new();
    let mut askers = Vec::new();
    for group in source.values() {
        let mut plan = outline(group, partitions, names);
        if let Some(id) = plan.target.clone() {
            look_at_target(&mut plan, target.get(&id), &foreign, questions)?;
        }
        if plan.action != GroupAction::Skip {
            for committed in moving_offsets(group, &|topic| partitions.contains_key(topic)) {
                match question(group, committed, partitions) {
                    Some(question) => {
                        asked.push(question);
                        askers.push(plans.len());
                    }
                    None => plan.offsets.after_copy += 1,
                }
            }
        }
        plans.push(plan);
    }
    let answers = if asked.is_empty() {
        Vec::new()
    } else {
        deciders.offsets(&asked)?
    };
    check_offsets(&asked, &answers, deciders.identity(Role::OffsetTranslator))?;
    for (index, answer) in askers.into_iter().zip(answers) {
        let offsets = &mut plans[index].offsets;
        match answer.action {
            OffsetAction::CommitAt(_) => offsets.exact += 1,
            OffsetAction::Earliest => offsets.earliest += 1,
            OffsetAction::Latest => offsets.latest += 1,
            OffsetAction::Skip => offsets.skipped += 1,
        }
    }
    Ok(plans)
}

fn outline(group: &GroupFacts, partitions: &Partitions, names: &Names) -> GroupPlan {
    let moving = moving_offsets(group, &|topic| partitions.contains_key(topic)).count();
    let committed = group.offsets.iter().filter(|o| o.offset >= 0).count();
    let (action, reason) = if committed == 0 {
        (GroupAction::Skip, "never committed".to_owned())
    } else if moving == 0 {
        (
            GroupAction::Skip,
            "no committed offset on a topic that moves".to_owned(),
        )
    } else if let GroupState::Active(state) = &group.state {
        let wait = GroupAction::Wait {
            members: group.members.clone(),
        };
        (wait, format!("active at the source ({state})"))
    } else {
        (GroupAction::Move, name_reason(names, &group.id))
    };
    let target = match action {
        GroupAction::Skip => None,
        _ => names
            .new_name(NameKind::Group, &group.id.0)
            .map(GroupId::from),
    };
    GroupPlan {
        id: group.id.clone(),
        state: group.state.clone(),
        target,
        action,
        reason,
        offsets: GroupOffsets {
            elsewhere: committed - moving,
            ..GroupOffsets::default()
        },
        decision: None,
    }
}

fn name_reason(names: &Names, group: &GroupId) -> String {
    names
        .decision(NameKind::Group, &group.0)
        .map(|d| d.reason.clone())
        .unwrap_or_default()
}

/// An application that was started early, and commits that are not ours, stop a group from moving.
fn look_at_target(
    plan: &mut GroupPlan,
    existing: Option<&GroupFacts>,
    foreign: &BTreeSet<&str>,
    questions: &mut Questions<'_>,
) -> Result<(), PlanError> {
    let Some(existing) = existing else {
        return Ok(());
    };
    if let GroupState::Active(state) = &existing.state {
        plan.action = GroupAction::Wait {
            members: existing.members.clone(),
        };
        plan.reason = format!("active at the target ({state}): an application started early?");
        return Ok(());
    }
    let commits = moving_offsets(existing, &|topic| foreign.contains(topic.as_str())).count();
    if commits == 0 {
        return Ok(());
    }
    let decision = questions.ask(
        DecisionKind::TargetGroup,
        existing.id.to_string(),
        "the target has committed offsets of this group on topics that Ferry did not create"
            .to_owned(),
        &[
            ("overwrite", "the source's offsets are set in their place"),
            ("leave", "the group is skipped"),
        ],
    )?;
    if decision.answer.as_deref() == Some("leave") {
        plan.action = GroupAction::Skip;
        plan.target = None;
        plan.reason = "has offsets at the target already".to_owned();
    }
    plan.decision = Some(decision.id);
    Ok(())
}

/// The question about one committed offset, where the copy's outcome can be told: the partition
/// keeps its offsets, and all of it will have been copied.
fn question(
    group: &GroupFacts,
    committed: &CommittedOffset,
    partitions: &Partitions,
) -> Option<OffsetQuestion> {
    let plans = partitions.get(&committed.partition.topic)?;
    let plan = plans
        .iter()
        .find(|plan| plan.partition == committed.partition.partition)?;
    if !matches!(plan.mode, CopyMode::Preserve { .. }) {
        return None;
    }
    let (start, end) = (plan.log_start_offset, plan.high_watermark);
    let inside = (start.0..=end.0).contains(&committed.offset);
    Some(OffsetQuestion {
        group: group.id.clone(),
        group_state: group.state.clone(),
        partition: committed.partition.clone(),
        committed: ferry_model::offset::SourceOffset(committed.offset),
        metadata: committed.metadata.clone(),
        translated: inside.then_some(TargetOffset(committed.offset)),
        source_start: start,
        source_end: end,
        target_start: TargetOffset(start.0),
        target_end: TargetOffset(end.0),
        copied_to: end,
    })
}
