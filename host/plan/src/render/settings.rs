//! Every setting that is changed for the copy.

use super::amount::{bytes, count, counted};
use super::grid::{Grid, paragraph};
use crate::plan::Plan;
use crate::text::escaped;
use std::collections::BTreeMap;

/// Topics whose setting changes in the same way stand together.
pub(super) fn table(plan: &Plan, width: usize) -> String {
    let mut changes: BTreeMap<(&str, &str, Option<&str>), Vec<String>> = BTreeMap::new();
    for change in plan.setting_changes() {
        let key = (change.key, change.during, change.afterwards);
        changes
            .entry(key)
            .or_default()
            .push(change.topic.to_string());
    }
    let mut text = "Settings for the copy, set back at the end\n".to_owned();
    if changes.is_empty() {
        text += "  none\n";
    }
    for ((key, during, afterwards), topics) in changes {
        let line = format!(
            "{}={}, afterwards {}, on {}",
            escaped(key),
            escaped(during),
            afterwards.map_or_else(|| "the default".to_owned(), escaped),
            counted(topics.len(), "topic")
        );
        text.push('\n');
        text += &paragraph("", 0, &line, width);
        text += &paragraph("  ", 2, &topics.join(", "), width);
    }
    text += &expiring(plan, width);
    text
}

/// What goes of each topic once its settings are set back.
fn expiring(plan: &Plan, width: usize) -> String {
    let mut grid = Grid::new(2, &[1, 2]);
    for (topic, moving) in plan.moving_topics() {
        if !moving.copy_expires_nothing() || moving.expiring.is_nothing() {
            continue;
        }
        let limit = |key: &str| {
            let value = moving
                .configs
                .get(key)
                .map_or("the default", String::as_str);
            format!("{key} {}", escaped(value))
        };
        grid.row([
            moving.target.to_string(),
            format!(
                "{} of {} records",
                count(moving.expiring.records),
                count(topic.offsets)
            ),
            match moving.expiring.bytes {
                0 => String::new(),
                some => bytes(some),
            },
            format!("{}, {}", limit("retention.ms"), limit("retention.bytes")),
        ]);
    }
    if grid.is_empty() {
        return String::new();
    }
    format!(
        "\nWhat expires once they are set back, estimated from a sample\n{}",
        grid.lines(width)
    )
}
