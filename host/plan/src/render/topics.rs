//! Every topic, in or out, and why.

use super::amount::{bytes, count, counted, whole};
use super::grid::{Grid, paragraph};
use crate::plan::{CopyMode, Creation, DecidedBy, MovingTopic, Plan, TopicPlan, TranslateReason};
use crate::text::escaped;
use std::collections::BTreeMap;

pub(super) fn table(plan: &Plan, width: usize) -> String {
    let mut grid = Grid::new(2, &[3, 4, 5]);
    grid.row(
        [
            "",
            "topic",
            "at the target",
            "partitions",
            "records",
            "size",
            "offsets",
            "why",
        ]
        .map(str::to_owned),
    );
    for topic in &plan.topics {
        let records = count(topic.offsets);
        let size = topic.size_bytes.map_or_else(|| "?".to_owned(), bytes);
        let why = format!(
            "{} ({})",
            escaped(&topic.reason),
            decider(plan, topic.decided_by)
        );
        let (word, target, offsets) = match topic.moving() {
            None => ("out", String::new(), String::new()),
            Some(moving) => ("in", target(topic, moving), offsets(moving)),
        };
        let decisions = topic.decisions.iter().map(|id| format!("; decision {id}"));
        let why = decisions.fold(why, |why, decision| why + &decision);
        let partitions = whole(topic.partitions);
        let name = topic.name.to_string();
        grid.row([
            word.to_owned(),
            name,
            target,
            partitions,
            records,
            size,
            offsets,
            why,
        ]);
    }
    let mut text = format!("Topics of plan for {}\n", plan.migration);
    text += &grid.lines(width);
    let noted = plan
        .moving_topics()
        .filter(|(_, moving)| !moving.notes.is_empty());
    for (_, moving) in noted {
        for note in &moving.notes {
            let note = format!("{}: {}", moving.target, escaped(note));
            text += &paragraph("  note", 8, &note, width);
        }
    }
    text + &plugins(plan, width)
}

/// Which plugins decided, with the beginning of their digests.
pub(super) fn plugins(plan: &Plan, width: usize) -> String {
    let mut grid = Grid::new(2, &[]);
    for (role, plugin) in &plan.plugins {
        grid.row([
            role.to_string(),
            escaped(&plugin.to_string()),
            short(&plugin.digest.to_string()),
            format!("configuration {}", short(&plugin.config_digest.to_string())),
        ]);
    }
    format!("Plugins\n{}", grid.lines(width))
}

fn short(digest: &str) -> String {
    digest.chars().take("sha256:".len() + 12).collect()
}

pub(super) fn decider(plan: &Plan, decided_by: DecidedBy) -> String {
    match decided_by {
        DecidedBy::Host => "host".to_owned(),
        DecidedBy::Person => "migration.yaml".to_owned(),
        DecidedBy::Plugin(role) => plan
            .plugins
            .get(&role)
            .map(|p| escaped(&p.to_string()))
            .unwrap_or_default(),
    }
}

fn target(topic: &TopicPlan, moving: &MovingTopic) -> String {
    let name = if moving.target == topic.name {
        "same".to_owned()
    } else {
        moving.target.to_string()
    };
    let there = match moving.creation {
        Creation::Create => "",
        Creation::Use { .. } => " (is there)",
        Creation::Ours { .. } => " (ours)",
    };
    let group = moving
        .group
        .as_ref()
        .map(|group| format!(" [{}]", escaped(group)));
    format!("{name}{there}{}", group.unwrap_or_default())
}

fn offsets(moving: &MovingTopic) -> String {
    let mut kept = 0;
    let mut pad = 0_i64;
    let mut translated: BTreeMap<TranslateReason, usize> = BTreeMap::new();
    for partition in &moving.partitions {
        match partition.mode {
            CopyMode::Preserve { pad: offsets } => {
                kept += 1;
                pad = pad.saturating_add(offsets);
            }
            CopyMode::Translate { reason } => *translated.entry(reason).or_default() += 1,
        }
    }
    let mut parts = Vec::new();
    if translated.is_empty() {
        parts.push("kept".to_owned());
    } else if kept > 0 {
        parts.push(format!("{} kept", whole(kept)));
    }
    if pad > 0 {
        parts.push(format!("{} padded", count(pad)));
    }
    let reasons = translated.iter();
    parts.extend(reasons.map(|(reason, number)| {
        if kept == 0 && translated.len() == 1 {
            format!("new: {}", reason.as_str())
        } else {
            format!("{} new: {}", whole(*number), reason.as_str())
        }
    }));
    parts.join(", ")
}

/// `61  ord.a, ord.b ... -> retail.orders.a`: topics with one fate in one line.
pub(super) fn example(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first, .., last] => match common_prefix(names) {
            Some(prefix) => format!("{prefix}*"),
            None if names.len() == 2 => format!("{first}, {last}"),
            None => format!("{first}, {} ...", names[1]),
        },
    }
}

/// What all names begin with, if that is worth telling.
fn common_prefix(names: &[String]) -> Option<&str> {
    let first = names.first()?;
    let mut length = first.len();
    for name in names {
        let same = first
            .bytes()
            .zip(name.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        length = length.min(same);
    }
    while !first.is_char_boundary(length) {
        length -= 1;
    }
    (length >= 3).then_some(&first[..length])
}

pub(super) fn counted_topics(number: usize) -> String {
    counted(number, "topic")
}
