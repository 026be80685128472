//! One rule: patterns, conditions, a verdict, and the reason that people read.

use crate::config::{Bounds, RuleConfig};
use crate::measure;
use ferry_sdk::Error;
use ferry_sdk::pattern::Pattern;
use ferry_sdk::topic_filter::Topic;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// What a rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// The topic moves.
    Include,
    /// The topic stays behind.
    Exclude,
}

/// Patterns, and conditions that all must hold.
#[derive(Debug)]
pub(crate) struct Rule {
    number: usize,
    verdict: Verdict,
    patterns: Vec<Pattern>,
    reason: Option<String>,
    conditions: Vec<Condition>,
}

/// Something that must hold beside the name.
#[derive(Debug)]
enum Condition {
    Partitions(RangeInclusive<u64>),
    SizeBytes(RangeInclusive<u64>),
    IdleSince { day: String, start_ms: i64 },
    Empty(bool),
    CleanupPolicy(String),
}

impl Condition {
    fn holds(&self, topic: &Topic) -> bool {
        match self {
            Self::Partitions(range) => range.contains(&u64::from(topic.partitions)),
            Self::SizeBytes(range) => topic.size_bytes.is_some_and(|size| range.contains(&size)),
            Self::IdleSince { start_ms, .. } => {
                topic.last_write_ms.is_some_and(|last| last < *start_ms)
            }
            Self::Empty(empty) => (topic.offsets == 0) == *empty,
            Self::CleanupPolicy(word) => topic
                .config("cleanup.policy")
                .unwrap_or("delete")
                .split(',')
                .any(|part| part.trim() == word),
        }
    }

    fn text(&self, topic: &Topic) -> String {
        match self {
            Self::Partitions(_) => format!("{} partitions", topic.partitions),
            Self::SizeBytes(_) => format!("{} bytes", topic.size_bytes.unwrap_or_default()),
            Self::IdleSince { day, .. } => format!("no record since {day}"),
            Self::Empty(true) => "empty".to_owned(),
            Self::Empty(false) => "not empty".to_owned(),
            Self::CleanupPolicy(word) => format!("cleanup.policy {word}"),
        }
    }
}

impl Rule {
    /// Reads rule `number` of the configuration.
    pub(crate) fn parse(number: usize, config: RuleConfig) -> Result<Self, Error> {
        let wrong = |why: String| Error::new(format!("rule {number}: {why}"));
        let (verdict, patterns) = match (&config.exclude, &config.include) {
            (Some(patterns), None) => (Verdict::Exclude, patterns),
            (None, Some(patterns)) => (Verdict::Include, patterns),
            _ => return Err(wrong("needs either `exclude` or `include`".to_owned())),
        };
        let patterns = patterns
            .as_slice()
            .iter()
            .map(|text| Pattern::parse(text.as_str()).map_err(|e| wrong(e.to_string())))
            .collect::<Result<_, _>>()?;
        let mut conditions = Vec::new();
        if let Some(bounds) = &config.partitions {
            let range = range("partitions", bounds, |n| Ok(*n)).map_err(wrong)?;
            conditions.push(Condition::Partitions(range));
        }
        if let Some(bounds) = &config.size {
            let range = range("size", bounds, measure::bytes).map_err(wrong)?;
            conditions.push(Condition::SizeBytes(range));
        }
        if let Some(day) = config.idle_since {
            let start_ms = measure::day_ms(&day).map_err(wrong)?;
            conditions.push(Condition::IdleSince { day, start_ms });
        }
        conditions.extend(config.empty.map(Condition::Empty));
        conditions.extend(config.cleanup_policy.map(Condition::CleanupPolicy));
        Ok(Self {
            number,
            verdict,
            patterns,
            reason: config.reason,
            conditions,
        })
    }

    /// Rule `number` without conditions: one pattern of `exclude` or `include`.
    pub(crate) fn of_pattern(
        number: usize,
        verdict: Verdict,
        pattern: &str,
    ) -> Result<Self, Error> {
        Ok(Self {
            number,
            verdict,
            patterns: vec![Pattern::parse(pattern).map_err(|e| Error::new(e.to_string()))?],
            reason: None,
            conditions: Vec::new(),
        })
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The verdict and its reason, where the rule fits the topic.
    pub(crate) fn fit(&self, topic: &Topic) -> Option<(Verdict, String)> {
        // Conditions are cheaper than expressions.
        if !self.conditions.iter().all(|c| c.holds(topic)) {
            return None;
        }
        let pattern = self.patterns.iter().find(|p| p.matches(&topic.name))?;
        let mut reason = match self.verdict {
            Verdict::Include => "included by rule ".to_owned(),
            Verdict::Exclude => "excluded by rule ".to_owned(),
        };
        reason.push_str(&self.number.to_string());
        if let Some(own) = &self.reason {
            reason.push_str(" (");
            reason.push_str(own);
            reason.push(')');
        }
        reason.push_str(": ");
        reason.push_str(pattern.as_str());
        for condition in &self.conditions {
            reason.push_str(", ");
            reason.push_str(&condition.text(topic));
        }
        Some((self.verdict, reason))
    }
}

/// Bounds as a range; a missing one is open.
fn range<T>(
    what: &str,
    bounds: &Bounds<T>,
    read: impl Fn(&T) -> Result<u64, String>,
) -> Result<RangeInclusive<u64>, String> {
    let min = bounds.min.as_ref().map_or(Ok(0), &read)?;
    let max = bounds.max.as_ref().map_or(Ok(u64::MAX), &read)?;
    if min > max {
        return Err(format!(
            "`{what}`: min {min} lies above max {max}, so that nothing fits"
        ));
    }
    Ok(min..=max)
}

/// The topic groups.
#[derive(Debug)]
pub(crate) struct Groups(Vec<(String, Vec<Pattern>)>);

impl Groups {
    pub(crate) fn parse(config: BTreeMap<String, Vec<String>>) -> Result<Self, Error> {
        let mut groups = Vec::with_capacity(config.len());
        for (name, patterns) in config {
            let patterns = patterns
                .into_iter()
                .map(Pattern::parse)
                .collect::<Result<_, _>>()
                .map_err(|e| Error::new(format!("group {name}: {e}")))?;
            groups.push((name, patterns));
        }
        Ok(Self(groups))
    }

    /// The group of a topic; an error where it belongs to two.
    pub(crate) fn of(&self, topic: &Topic) -> Result<Option<&str>, Error> {
        let covers = |patterns: &[Pattern]| patterns.iter().any(|p| p.matches(&topic.name));
        let mut found = self.0.iter().filter(|(_, patterns)| covers(patterns));
        let group = found.next().map(|(name, _)| name.as_str());
        match (group, found.next()) {
            (Some(one), Some((other, _))) => Err(Error::new(format!(
                "topic {} belongs to two groups, {one} and {other}",
                topic.name
            ))
            .about(&topic.name)),
            _ => Ok(group),
        }
    }
}
