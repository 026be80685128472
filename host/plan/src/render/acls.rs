//! Every access control list.

use super::grid::{Grid, paragraph};
use crate::plan::{BindingState, Plan};
use crate::text::escaped;

pub(super) fn table(plan: &Plan, width: usize) -> String {
    let mut text = format!("Access control lists of plan for {}\n", plan.migration);
    for acl in &plan.acls {
        text += &paragraph("  source", 10, &escaped(&acl.source.to_string()), width);
        let mut grid = Grid::new(4, &[]);
        for planned in &acl.bindings {
            let word = match planned.state {
                BindingState::Create => "create",
                BindingState::Exists => "exists",
                BindingState::Withheld => "withheld",
            };
            grid.row([word.to_owned(), escaped(&planned.binding.to_string())]);
        }
        if grid.is_empty() {
            grid.row(["nothing".to_owned(), String::new()]);
        }
        text += &grid.lines(width);
        let decision = acl.decision.as_ref().map(|id| format!("; decision {id}"));
        let why = format!("{}{}", escaped(&acl.reason), decision.unwrap_or_default());
        text += &paragraph("    why", 14, &why, width);
    }
    text
}
