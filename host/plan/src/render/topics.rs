//! Every topic, in or out, and why.

use super::amount::{bytes, count, counted, whole};
use super::grid::{Grid, paragraph};
use crate::plan::{CopyMode, Creation, DecidedBy, MovingTopic, Plan, TopicPlan, TranslateReason};
use crate::text::escaped;
use ferry_model::decision::Role;
use std::collections::BTreeMap;

/// Topics with one fate stand together under what they share: who decided it, and why.
pub(super) fn table(plan: &Plan, width: usize) -> String {
    let mut fates: BTreeMap<(bool, String), Vec<&TopicPlan>> = BTreeMap::new();
    for topic in &plan.topics {
        fates
            .entry((topic.moving().is_some(), fate(plan, topic)))
            .or_default()
            .push(topic);
    }
    let mut text = format!("Topics of plan for {}\n", plan.migration);
    for ((moves, fate), topics) in &fates {
        let word = if *moves { "in" } else { "out" };
        let number = counted(topics.len(), "topic");
        text.push('\n');
        text += &paragraph(word, 5, &format!("{number}: {fate}"), width);
        text += &if *moves {
            moving(topics)
        } else {
            staying(topics)
        }
        .lines(width);
    }
    let notes: Vec<_> = plan
        .moving_topics()
        .flat_map(|(_, moving)| moving.notes.iter().map(move |note| (&moving.target, note)))
        .collect();
    if !notes.is_empty() {
        text.push('\n');
    }
    for (topic, note) in notes {
        text += &paragraph("note", 6, &format!("{topic}: {}", escaped(note)), width);
    }
    text.push('\n');
    text + &plugins(plan, width)
}

fn fate(plan: &Plan, topic: &TopicPlan) -> String {
    let mut fate = format!(
        "{} ({})",
        escaped(&topic.reason),
        decider(plan, topic.decided_by)
    );
    if let Some(moving) = topic.moving() {
        let by = decider(plan, DecidedBy::Plugin(Role::NamingRemapper));
        fate += &format!("; named by {} ({by})", escaped(&moving.name_reason));
        if let Some(group) = &moving.group {
            fate += &format!("; group {}", escaped(group));
        }
    }
    fate
}

/// Partitions, records and size at the source.
fn amounts(topic: &TopicPlan) -> [String; 3] {
    let size = topic.size_bytes.map_or_else(|| "?".to_owned(), bytes);
    [whole(topic.partitions), count(topic.offsets), size]
}

fn staying(topics: &[&TopicPlan]) -> Grid {
    let mut grid = Grid::new(5, &[1, 2, 3]);
    grid.row(["topic", "partitions", "records", "size", ""].map(str::to_owned));
    for topic in topics {
        let [partitions, records, size] = amounts(topic);
        grid.row([
            topic.name.to_string(),
            partitions,
            records,
            size,
            decisions(topic),
        ]);
    }
    grid
}

fn moving(topics: &[&TopicPlan]) -> Grid {
    let mut grid = Grid::new(5, &[2, 3, 4]);
    let heads = [
        "topic",
        "at the target",
        "partitions",
        "records",
        "size",
        "offsets",
    ];
    grid.row(heads.map(str::to_owned));
    for topic in topics {
        let Some(moving) = topic.moving() else {
            continue;
        };
        let [partitions, records, size] = amounts(topic);
        let decisions = decisions(topic);
        let separator = if decisions.is_empty() { "" } else { "; " };
        let offsets = format!("{}{separator}{decisions}", offsets(moving));
        let (name, target) = (topic.name.to_string(), target(topic, moving));
        grid.row([name, target, partitions, records, size, offsets]);
    }
    grid
}

fn decisions(topic: &TopicPlan) -> String {
    match topic.decisions.as_slice() {
        [] => String::new(),
        ids => format!("decision {}", ids.join(", ")),
    }
}

/// Which plugins decided, with the beginning of their digests.
pub(super) fn plugins(plan: &Plan, width: usize) -> String {
    let mut grid = Grid::new(2, &[]);
    grid.row(["role", "plugin", "component", "configuration"].map(str::to_owned));
    for (role, plugin) in &plan.plugins {
        grid.row([
            role.to_string(),
            escaped(&plugin.to_string()),
            short(&plugin.digest.to_string()),
            short(&plugin.config_digest.to_string()),
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
    format!("{name}{there}")
}

fn offsets(moving: &MovingTopic) -> String {
    let mut kept = 0;
    let mut pad = 0_i64;
    let (mut free, mut fillers) = (0_u64, 0_u64);
    let mut translated: BTreeMap<TranslateReason, usize> = BTreeMap::new();
    for partition in &moving.partitions {
        match partition.mode {
            CopyMode::Preserve { pad: offsets } => {
                kept += 1;
                pad = pad.saturating_add(offsets);
                free = free.saturating_add(partition.keeping.transactions);
                fillers = fillers.saturating_add(partition.keeping.fillers);
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
    for (number, what) in [(free, "kept free"), (fillers, "filled")] {
        if number > 0 {
            parts.push(format!(
                "{} {what}",
                count(i64::try_from(number).unwrap_or(i64::MAX))
            ));
        }
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
