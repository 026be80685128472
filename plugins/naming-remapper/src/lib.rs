//! The stock plugin that decides what things are called at the target.
//!
//! Tables and rules stand in the configuration; `schema.json` describes it. What belongs together
//! stays together: subjects follow their topics, internal topics of Kafka Streams their application.

mod case;
mod config;
mod rule;
mod section;
mod seen;

pub use config::Config;

use config::Streams;
use ferry_sdk::Error;
use ferry_sdk::naming_remapper::{Decision, NamingRemapper, Question};
use section::{Renamed, Section};
use seen::Seen;

/// Endings of subjects by TopicNameStrategy.
const SUBJECT_ENDINGS: [&str; 2] = ["-key", "-value"];

/// Decides by tables and rules.
pub struct Names {
    topics: Section,
    groups: Section,
    subjects: Section,
    connectors: Section,
    transactional_ids: Section,
    principals: Section,
    streams: Streams,
    seen_topics: Seen,
    seen_groups: Seen,
    seen_transactional_ids: Seen,
}

impl NamingRemapper for Names {
    type Config = Config;

    fn configure(config: Config) -> Result<Self, Error> {
        Ok(Self {
            topics: Section::parse("topics", config.topics)?,
            groups: Section::parse("groups", config.groups)?,
            subjects: Section::parse("subjects", config.subjects)?,
            connectors: Section::parse("connectors", config.connectors)?,
            transactional_ids: Section::parse("transactional-ids", config.transactional_ids)?,
            principals: Section::parse("principals", config.principals)?,
            streams: config.streams,
            seen_topics: Seen::default(),
            seen_groups: Seen::default(),
            seen_transactional_ids: Seen::default(),
        })
    }

    fn decide(&mut self, question: &Question) -> Result<Decision, Error> {
        let name = question.name.as_str();
        let renamed = match question.kind.as_str() {
            "topic" => {
                let renamed = self.topic(name, question.attribute("application-id"));
                self.seen_topics.add(name, &renamed.name);
                renamed
            }
            "group" => {
                let renamed = self.groups.rename(name, 0);
                self.seen_groups.add(name, &renamed.name);
                renamed
            }
            "transactional-id" => {
                let renamed = self.transactional_ids.rename(name, 0);
                self.seen_transactional_ids.add(name, &renamed.name);
                renamed
            }
            "subject" => self.subject(question),
            "connector" => self.connectors.rename(name, 0),
            "principal" => {
                let kept = name.find(':').map_or(0, |colon| colon + 1);
                self.principals.rename(name, kept)
            }
            "topic-prefix" => return Ok(prefix(name, &self.topics, &mut self.seen_topics)),
            "group-prefix" => return Ok(prefix(name, &self.groups, &mut self.seen_groups)),
            "transactional-id-prefix" => {
                let seen = &mut self.seen_transactional_ids;
                return Ok(prefix(name, &self.transactional_ids, seen));
            }
            _ => Renamed {
                name: name.to_owned(),
                reason: "no rules for this kind of name".to_owned(),
            },
        };
        Ok(Decision::rename(renamed.name, renamed.reason))
    }
}

impl Names {
    /// A topic: by hand, after its Streams application, or by rule.
    fn topic(&self, name: &str, application: Option<&str>) -> Renamed {
        if let Some(renamed) = self.topics.by_hand(name) {
            return renamed;
        }
        let owned = application
            .filter(|_| self.streams == Streams::Follow)
            .and_then(|id| Some((id, name.strip_prefix(id)?)));
        match owned {
            Some((id, rest)) => Renamed {
                name: format!("{}{rest}", self.groups.rename(id, 0).name),
                reason: format!("follows Streams application {id}"),
            },
            None => self.topics.rename(name, 0),
        }
    }

    /// A subject: by hand, after its topic, or by rule.
    fn subject(&self, question: &Question) -> Renamed {
        let name = question.name.as_str();
        if let Some(renamed) = self.subjects.by_hand(name) {
            return renamed;
        }
        // A topic that does not move has no attribute; its subject is still named like it would be.
        let by_ending = || SUBJECT_ENDINGS.iter().find_map(|e| name.strip_suffix(e));
        let topic = question.attribute("topic").or_else(by_ending);
        let owned = topic.and_then(|topic| Some((topic, name.strip_prefix(topic)?)));
        match owned {
            Some((topic, rest)) => {
                let new = self.topic(topic, question.attribute("application-id"));
                Renamed {
                    name: format!("{}{rest}", new.name),
                    reason: format!("follows topic {topic}"),
                }
            }
            None => self.subjects.rename(name, 0),
        }
    }
}

/// A prefix: the renamed one, where the rules prove it and no name that was seen speaks against it.
fn prefix(name: &str, section: &Section, seen: &mut Seen) -> Decision {
    let proven = section.rename_prefix(name);
    let checked = proven.and_then(|new| match seen.contradiction(name, &new.name) {
        Some(contradiction) => Err(contradiction),
        None => Ok(new),
    });
    match checked {
        Ok(new) => Decision::rename(new.name, new.reason),
        Err(why) => Decision::no_prefix(format!("no single prefix: {why}")),
    }
}

ferry_sdk::export_naming_remapper!(Names);

#[cfg(test)]
mod tests;
