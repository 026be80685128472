//! The whole plan in a few lines.

use super::amount::{bytes, count, counted, seconds, whole};
use super::grid::{Grid, paragraph};
use super::topics::{counted_topics, decider, example};
use crate::plan::{AclState, BindingState, CopyMode, Expiring, GroupAction, Plan, Protection};
use crate::text::{escaped, listed};
use std::collections::{BTreeMap, BTreeSet};

/// The width of the labels at the left.
const HANG: usize = 12;
/// How many lines of one kind are shown.
const LINES_MAX: usize = 20;

pub(super) fn table(plan: &Plan, width: usize) -> String {
    let mut text = heading(plan, width);
    text.push('\n');
    text += &topics(plan, width);
    text += &offsets(plan, width);
    text += &groups(plan, width);
    text += &acls(plan, width);
    text += &settings(plan, width);
    text += &time(plan, width);
    for note in &plan.notes {
        text += &paragraph("Note", HANG, note, width);
    }
    text.push('\n');
    text += &outlook(plan, width);
    text
}

fn heading(plan: &Plan, width: usize) -> String {
    let id = plan
        .digest()
        .map(|digest| digest.short())
        .unwrap_or_default();
    let left = format!("Plan {id} for {}", plan.migration);
    let cluster = |name: &str, cluster: &crate::plan::ClusterIdentity| {
        let version = escaped(&cluster.kafka_version);
        format!("{name} {version}, {}", counted(cluster.brokers, "broker"))
    };
    let right = format!(
        "{}  ->  {}",
        cluster("source", &plan.source),
        cluster("target", &plan.target)
    );
    let space = width.saturating_sub(right.chars().count());
    if left.chars().count() + 2 <= space {
        format!("{left:<space$}{right}\n")
    } else {
        format!("{left}\n{right}\n")
    }
}

fn topics(plan: &Plan, width: usize) -> String {
    let estimate = &plan.estimate;
    let unknown = match estimate.partitions_without_size {
        0 => String::new(),
        number => format!(" and {} of unknown size", counted(number, "partition")),
    };
    let total = format!(
        "{} of {} move ({}, {}{unknown}, at most {} records)",
        whole(estimate.topics),
        whole(plan.topics.len()),
        counted(estimate.partitions, "partition"),
        bytes(estimate.bytes),
        count(estimate.offsets),
    );
    let mut text = paragraph("Topics", HANG, &total, width);
    // Topics with one fate share a line: out by reason, in by the reason of their names.
    let mut fates: BTreeMap<(bool, String, String), Vec<String>> = BTreeMap::new();
    let mut renamed: BTreeMap<(bool, String, String), Vec<String>> = BTreeMap::new();
    for topic in &plan.topics {
        let key = match topic.moving() {
            None => (
                false,
                escaped(&topic.reason),
                decider(plan, topic.decided_by),
            ),
            Some(moving) => {
                let by = decider(
                    plan,
                    crate::plan::DecidedBy::Plugin(ferry_model::decision::Role::NamingRemapper),
                );
                let key = (true, escaped(&moving.name_reason), by);
                renamed
                    .entry(key.clone())
                    .or_default()
                    .push(moving.target.to_string());
                key
            }
        };
        fates.entry(key).or_default().push(topic.name.to_string());
    }
    let mut lines: Vec<_> = fates.iter().collect();
    lines.sort_by_key(|((kept, reason, by), names)| {
        (
            *kept,
            std::cmp::Reverse(names.len()),
            reason.clone(),
            by.clone(),
        )
    });
    let mut grid = Grid::new(2, &[1]);
    for (key, names) in lines.iter().take(LINES_MAX) {
        let (kept, reason, by) = key;
        let mut shown = example(names);
        if let Some(new) = renamed.get(key).filter(|new| *new != *names) {
            shown = format!("{shown} -> {}", example(new));
        }
        let word = if *kept { "in" } else { "out" };
        grid.row([
            word.to_owned(),
            whole(names.len()),
            shown,
            reason.clone(),
            by.clone(),
        ]);
    }
    text += &grid.lines(width);
    if lines.len() > LINES_MAX {
        text += &format!(
            "  and {} more: ferry plan --show topics\n",
            lines.len() - LINES_MAX
        );
    }
    text
}

fn offsets(plan: &Plan, width: usize) -> String {
    let mut kept = 0;
    let mut padded = 0;
    let (mut kept_free, mut filled) = (0, 0);
    let mut unprotected = 0;
    let mut translated: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut translated_count = 0;
    for partition in plan.copy_partitions() {
        match partition.mode() {
            CopyMode::Preserve { pad } => {
                kept += 1;
                padded += usize::from(pad > 0);
                kept_free += usize::from(partition.plan.keeping.transactions > 0);
                filled += usize::from(partition.plan.keeping.fillers > 0);
                let protection = partition.plan.protection;
                unprotected += usize::from(protection == Protection::Unprotected);
            }
            CopyMode::Translate { reason } => {
                translated_count += 1;
                let topics = translated.entry(reason.as_str()).or_default();
                topics.insert(partition.target.topic.to_string());
            }
        }
    }
    let mut line = format!("{} theirs", keep(kept));
    if translated_count > 0 {
        let reasons = translated.iter().map(|(reason, topics)| {
            format!("{reason}: {}", listed(topics.iter().map(String::as_str), 2))
        });
        line += &format!(
            "; {} translated ({})",
            if translated_count == 1 {
                "1 is".to_owned()
            } else {
                format!("{} are", whole(translated_count))
            },
            reasons.collect::<Vec<_>>().join("; ")
        );
    }
    let mut text = paragraph("Offsets", HANG, &line, width);
    if padded > 0 {
        let line = format!(
            "{} offsets on {}, written empty and deleted again",
            count(plan.estimate.padding_offsets),
            counted(padded, "partition"),
        );
        text += &paragraph("Padding", HANG, &line, width);
    }
    if kept_free > 0 {
        let time = plan.estimate.transactions_seconds;
        let time = time.map(|s| format!(", {} by the round trip to the target", seconds(s)));
        let line = format!(
            "about {} on {}: markers of transactions, each a transaction at the target{}",
            counted(amount(plan.estimate.transactions), "offset"),
            counted(kept_free, "partition"),
            time.unwrap_or_default(),
        );
        text += &paragraph("Kept free", HANG, &line, width);
    }
    if filled > 0 {
        let line = format!(
            "about {} on {}: holes of the source's cleaner, for the target's cleaner to take",
            counted(amount(plan.estimate.fillers), "filler"),
            counted(filled, "partition"),
        );
        text += &paragraph("Fillers", HANG, &line, width);
    }
    if unprotected > 0 {
        let line = format!(
            "{} to be written with care: the records are older than the target remembers a producer, \
             so that nothing but a single writer protects them",
            counted(unprotected, "partition"),
        );
        text += &paragraph("Old records", HANG, &line, width);
    }
    text
}

fn amount(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn keep(partitions: usize) -> String {
    let verb = if partitions == 1 { "keeps" } else { "keep" };
    format!("{} {verb}", counted(partitions, "partition"))
}

fn groups(plan: &Plan, width: usize) -> String {
    let moving = plan
        .groups
        .iter()
        .filter(|group| group.action == GroupAction::Move);
    let (mut number, mut offsets, mut later) = (0, 0, 0);
    for group in moving {
        number += 1;
        offsets += group.offsets.moving();
        later += group.offsets.after_copy;
    }
    let mut parts = vec![format!(
        "{} move{} ({}{})",
        whole(number),
        if number == 1 { "s" } else { "" },
        counted(offsets, "committed offset"),
        if later > 0 {
            format!(", {} of them decided after the copy", whole(later))
        } else {
            String::new()
        },
    )];
    let waiting: Vec<&str> = plan
        .groups
        .iter()
        .filter(|group| matches!(group.action, GroupAction::Wait { .. }))
        .map(|group| group.id.0.as_str())
        .collect();
    if !waiting.is_empty() {
        let verb = if waiting.len() == 1 { "waits" } else { "wait" };
        parts.push(format!(
            "{} {verb} (active: {})",
            waiting.len(),
            listed(waiting, 3)
        ));
    }
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    for group in plan
        .groups
        .iter()
        .filter(|group| group.action == GroupAction::Skip)
    {
        *skipped.entry(&group.reason).or_default() += 1;
    }
    for (reason, number) in skipped {
        parts.push(format!("{} skipped ({})", whole(number), escaped(reason)));
    }
    paragraph("Groups", HANG, &parts.join(", "), width)
}

fn acls(plan: &Plan, width: usize) -> String {
    let line = match plan.acl_state {
        AclState::SourceWithoutAuthorizer => {
            "none: the source runs without an authorizer".to_owned()
        }
        AclState::SourceUnreadable => "not read: the source does not allow it".to_owned(),
        AclState::TargetWithoutAuthorizer => {
            "none kept: the target runs without an authorizer".to_owned()
        }
        AclState::TargetUnreadable => "not compared: the target does not allow it".to_owned(),
        AclState::Planned => {
            let create = plan.bindings(BindingState::Create).len();
            let exist = plan.bindings(BindingState::Exists).len();
            let nothing = plan
                .acls
                .iter()
                .filter(|acl| acl.bindings.is_empty())
                .count();
            let open = plan
                .open_decisions()
                .filter(|d| d.kind == crate::DecisionKind::Acl)
                .count();
            let mut parts = vec![
                format!("{} to create", whole(create)),
                format!("{} exist", whole(exist)),
            ];
            if nothing > 0 {
                parts.push(format!(
                    "{} of the source get nothing at the target",
                    whole(nothing)
                ));
            }
            if open > 0 {
                let verb = if open == 1 { "needs" } else { "need" };
                parts.push(format!("{} {verb} a decision", whole(open)));
            }
            parts.join(", ")
        }
    };
    paragraph("ACLs", HANG, &line, width)
}

fn settings(plan: &Plan, width: usize) -> String {
    let mut topics: BTreeMap<&str, usize> = BTreeMap::new();
    for change in plan.setting_changes() {
        *topics.entry(change.key).or_default() += 1;
    }
    if topics.is_empty() {
        return String::new();
    }
    let parts: Vec<_> = topics
        .iter()
        .map(|(key, number)| format!("{} on {}", escaped(key), counted_topics(*number)))
        .collect();
    let line = format!("for the copy, set back at the end: {}", parts.join(", "));
    paragraph("Settings", HANG, &line, width) + &expiring(plan, width)
}

/// What goes once settings are set back; nothing where nothing does.
fn expiring(plan: &Plan, width: usize) -> String {
    let topics: Vec<_> = plan
        .moving_topics()
        .map(|(_, moving)| moving)
        .filter(|moving| moving.copy_expires_nothing() && !moving.expiring.is_nothing())
        .collect();
    let all = topics
        .iter()
        .fold(Expiring::default(), |sum, moving| sum.and(moving.expiring));
    if all.is_nothing() {
        return String::new();
    }
    let line = format!(
        "about {} records{} on {} go with that, older or more than retention keeps: {}",
        count(all.records),
        match all.bytes {
            0 => String::new(),
            all => format!(" ({})", bytes(all)),
        },
        counted_topics(topics.len()),
        listed(topics.iter().map(|moving| moving.target.as_str()), 3),
    );
    paragraph("Expiring", HANG, &line, width)
}

fn time(plan: &Plan, width: usize) -> String {
    let estimate = &plan.estimate;
    let limit = estimate
        .limit_bytes_per_second
        .map(|limit| format!(" within the limit of {}/s", bytes(limit)))
        .unwrap_or_default();
    let line = match (estimate.copy_seconds_least, estimate.copy_seconds_most) {
        (Some(least), Some(most)) => {
            let sample = estimate
                .sample
                .map_or(0, |sample| sample.duration_ms / 1000);
            let range = if seconds(least) == seconds(most) {
                seconds(least)
            } else {
                format!("{} to {}", seconds(least), seconds(most))
            };
            format!("copy {range}{limit} (from a {} sample)", seconds(sample))
        }
        (Some(least), None) => {
            let why = if estimate.sample.is_some() {
                "sizes are unknown"
            } else {
                "no sample was taken"
            };
            format!("copy at least {}{limit}; {why}", seconds(least))
        }
        (None, _) => "unknown: no sample was taken, and the copy has no limit".to_owned(),
    };
    paragraph("Time", HANG, &line, width)
}

fn outlook(plan: &Plan, width: usize) -> String {
    let open = plan.open_decisions().count();
    if open == 0 {
        return paragraph("", 0, "Nothing was changed. No decision is open.", width);
    }
    let are = if open == 1 {
        "decision is"
    } else {
        "decisions are"
    };
    let line = format!(
        "Nothing was changed. {} {are} open: apply will refuse (exit 3).",
        whole(open)
    );
    paragraph("", 0, &line, width) + "Next: ferry plan --show decisions\n"
}
