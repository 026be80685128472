//! Every setting that is changed for the copy.

use super::amount::counted;
use super::grid::paragraph;
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
    let mut text = "Settings for the copy, kept until you set them back\n".to_owned();
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
    text
}
