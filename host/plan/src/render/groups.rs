//! Every group.

use super::amount::{counted, whole};
use super::grid::Grid;
use crate::plan::{GroupAction, GroupPlan, Plan};
use crate::text::{escaped, listed};

pub(super) fn table(plan: &Plan, width: usize) -> String {
    let mut grid = Grid::new(2, &[3]);
    grid.row(["", "group", "at the target", "offsets", "how", "why"].map(str::to_owned));
    for group in &plan.groups {
        let word = match group.action {
            GroupAction::Move => "move",
            GroupAction::Wait { .. } => "wait",
            GroupAction::Skip => "skip",
        };
        let target = match &group.target {
            None => String::new(),
            Some(target) if *target == group.id => "same".to_owned(),
            Some(target) => escaped(&target.0),
        };
        grid.row([
            word.to_owned(),
            escaped(&group.id.0),
            target,
            whole(group.offsets.moving()),
            how(group),
            why(group),
        ]);
    }
    format!(
        "Groups of plan for {}\n{}",
        plan.migration,
        grid.lines(width)
    )
}

fn how(group: &GroupPlan) -> String {
    let offsets = &group.offsets;
    let parts: Vec<_> = [
        (offsets.exact, "exact"),
        (offsets.earliest, "earliest"),
        (offsets.latest, "latest"),
        (offsets.skipped, "not set"),
        (offsets.after_copy, "after the copy"),
        (offsets.elsewhere, "on topics that stay"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, word)| format!("{} {word}", whole(number)))
    .collect();
    parts.join(", ")
}

fn why(group: &GroupPlan) -> String {
    let mut why = escaped(&group.reason);
    if let GroupAction::Wait { members } = &group.action {
        let named: Vec<String> = members
            .iter()
            .map(|m| format!("{} on {}", m.client_id, m.client_host))
            .collect();
        let shown = listed(named.iter().map(String::as_str), 3);
        why += &format!(": {} {shown}", counted(members.len(), "member"));
    }
    if let Some(decision) = &group.decision {
        why += &format!("; decision {decision}");
    }
    why
}
