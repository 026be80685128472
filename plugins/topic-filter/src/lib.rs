//! The stock plugin that decides which topics move.
//!
//! The rules stand in the configuration; `schema.json` describes it.

mod config;
mod measure;
mod rule;

pub use config::Config;

use ferry_sdk::Error;
use ferry_sdk::topic_filter::{Decision, Topic, TopicFilter};
use rule::{Groups, Rule, Verdict};

/// Decides by the first rule that fits.
pub struct Rules {
    rules: Vec<Rule>,
    default: Verdict,
    internal: Verdict,
    groups: Groups,
}

impl TopicFilter for Rules {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Error> {
        let list_of_topics = !config.include.is_empty();
        let mut rules = Vec::new();
        for rule in config.rules {
            rules.push(Rule::parse(rules.len() + 1, rule)?);
        }
        for (patterns, verdict) in [
            (config.exclude, Verdict::Exclude),
            (config.include, Verdict::Include),
        ] {
            for pattern in patterns {
                rules.push(Rule::of_pattern(rules.len() + 1, verdict, &pattern)?);
            }
        }
        let has = |verdict| rules.iter().any(|rule: &Rule| rule.verdict() == verdict);
        let only_includes = has(Verdict::Include) && !has(Verdict::Exclude);
        let unlisted = if list_of_topics || only_includes {
            Verdict::Exclude
        } else {
            Verdict::Include
        };
        Ok(Self {
            default: config.default.unwrap_or(unlisted),
            rules,
            internal: config.internal,
            groups: Groups::parse(config.groups)?,
        })
    }

    fn decide(&mut self, topic: &Topic) -> Result<Decision, Error> {
        if let (Verdict::Exclude, Some(why)) = (self.internal, &topic.internal) {
            return Ok(Decision::drop(format!("internal: {why}")));
        }
        let fits = self.rules.iter().find_map(|rule| rule.fit(topic));
        let (verdict, reason) = fits.unwrap_or_else(|| {
            let reason = match self.default {
                Verdict::Include => "no rule excludes it",
                Verdict::Exclude => "no rule includes it",
            };
            (self.default, reason.to_owned())
        });
        if verdict == Verdict::Exclude {
            return Ok(Decision::drop(reason));
        }
        Ok(match self.groups.of(topic)? {
            Some(group) => Decision::keep(reason).in_group(group),
            None => Decision::keep(reason),
        })
    }
}

ferry_sdk::export_topic_filter!(Rules);

#[cfg(test)]
mod tests;
