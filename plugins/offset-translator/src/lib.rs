//! The stock plugin that decides where consumer groups go on reading.
//!
//! The policies stand in the configuration; `schema.json` describes it.

mod config;

pub use config::Config;

use config::{Fallback, Policy};
use ferry_sdk::Error;
use ferry_sdk::offset_translator::{Action, Decision, OffsetTranslator, Question};
use ferry_sdk::pattern::Pattern;

/// Decides by the exact translation, and by policies where there is none.
pub struct Policies {
    fallbacks: Fallbacks,
    groups: Vec<Group>,
}

/// What becomes of offsets without a translation.
#[derive(Debug, Clone, Copy)]
struct Fallbacks {
    behind_start: Fallback,
    beyond_end: Fallback,
    not_copied: Fallback,
}

/// Groups that are treated otherwise.
#[derive(Debug)]
struct Group {
    number: usize,
    pattern: Pattern,
    topics: Option<Pattern>,
    policy: Policy,
    fallbacks: Fallbacks,
    reason: Option<String>,
}

impl Group {
    fn fits(&self, question: &Question) -> bool {
        self.pattern.matches(&question.group)
            && self
                .topics
                .as_ref()
                .is_none_or(|topics| topics.matches(&question.topic))
    }

    fn text(&self) -> String {
        match &self.reason {
            Some(reason) => format!("group rule {} ({reason}): {}", self.number, self.pattern),
            None => format!("group rule {}: {}", self.number, self.pattern),
        }
    }
}

impl OffsetTranslator for Policies {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Error> {
        let fallbacks = Fallbacks {
            behind_start: config.behind_start.unwrap_or(Fallback::Earliest),
            beyond_end: config.beyond_end.unwrap_or(Fallback::Latest),
            not_copied: config.not_copied.unwrap_or(Fallback::Skip),
        };
        let mut groups = Vec::with_capacity(config.groups.len());
        for group in config.groups {
            let number = groups.len() + 1;
            let pattern = |text: String| {
                Pattern::parse(text).map_err(|e| Error::new(format!("group rule {number}: {e}")))
            };
            groups.push(Group {
                number,
                pattern: pattern(group.r#match)?,
                topics: group.topics.map(pattern).transpose()?,
                policy: group.policy,
                fallbacks: Fallbacks {
                    behind_start: group.behind_start.unwrap_or(fallbacks.behind_start),
                    beyond_end: group.beyond_end.unwrap_or(fallbacks.beyond_end),
                    not_copied: group.not_copied.unwrap_or(fallbacks.not_copied),
                },
                reason: group.reason,
            });
        }
        Ok(Self { fallbacks, groups })
    }

    fn decide(&mut self, question: &Question) -> Result<Decision, Error> {
        let group = self.groups.iter().find(|group| group.fits(question));
        let action = match group.map(|group| group.policy) {
            Some(Policy::Earliest) => Some(Action::Earliest),
            Some(Policy::Latest) => Some(Action::Latest),
            Some(Policy::Skip) => Some(Action::Skip),
            Some(Policy::Translate) | None => None,
        };
        if let (Some(action), Some(group)) = (action, group) {
            return Ok(Decision::new(action, group.text()));
        }
        let fallbacks = group.map_or(self.fallbacks, |group| group.fallbacks);
        Ok(translate(question, fallbacks))
    }
}

/// The exact translation, or the fallback of the case.
///
/// The order matters: an offset beyond the end also lies beyond what was copied, and an offset that
/// is not copied yet must not be taken for one that is gone.
fn translate(question: &Question, fallbacks: Fallbacks) -> Decision {
    let committed = question.committed;
    if committed > question.source_end {
        return fall_back(
            fallbacks.beyond_end,
            &format!(
                "committed {committed}, beyond the source's end {}",
                question.source_end
            ),
        );
    }
    if committed > question.copied_to {
        return fall_back(
            fallbacks.not_copied,
            &format!("committed {committed}, copied to {}", question.copied_to),
        );
    }
    match question.translated {
        Some(offset) if offset > question.target_end => fall_back(
            fallbacks.not_copied,
            &format!(
                "translated {offset}, beyond the target's end {}",
                question.target_end
            ),
        ),
        Some(offset) if offset < question.target_start => fall_back(
            fallbacks.behind_start,
            &format!(
                "translated {offset}, before the target's log start {}",
                question.target_start
            ),
        ),
        Some(offset) => Decision::new(Action::CommitAt(offset), "exact"),
        None if committed < question.source_start => fall_back(
            fallbacks.behind_start,
            &format!(
                "committed {committed}, before the source's log start {}",
                question.source_start
            ),
        ),
        None => fall_back(
            fallbacks.behind_start,
            &format!("committed {committed}, before the first record copied"),
        ),
    }
}

fn fall_back(fallback: Fallback, why: &str) -> Decision {
    let (action, word) = match fallback {
        Fallback::Earliest => (Action::Earliest, "earliest"),
        Fallback::Latest => (Action::Latest, "latest"),
        Fallback::Skip => (Action::Skip, "skipped"),
    };
    Decision::new(action, format!("{word}: {why}"))
}

ferry_sdk::export_offset_translator!(Policies);

#[cfg(test)]
mod tests;
