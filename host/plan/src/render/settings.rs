//! Every setting that is changed for the copy.

use super::grid::Grid;
use crate::plan::Plan;
use crate::text::escaped;

pub(super) fn table(plan: &Plan, width: usize) -> String {
    let mut grid = Grid::new(2, &[]);
    grid.row(["topic", "setting", "during the copy", "afterwards"].map(str::to_owned));
    for change in plan.setting_changes() {
        grid.row([
            change.topic.to_string(),
            escaped(change.key),
            escaped(change.during),
            change
                .afterwards
                .map_or_else(|| "the default".to_owned(), escaped),
        ]);
    }
    format!(
        "Settings changed for the copy, restored after it\n{}",
        grid.lines(width)
    )
}
