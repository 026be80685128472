//! Topics that Kafka Streams made for itself.
//!
//! They hold an application's state and its records in flight, so they are the business's and not
//! internal in the sense of [`internal`](crate::internal); but they move with their application or
//! not at all, and a person should see which they are.

use ferry_model::name::{GroupId, TopicName};
use std::fmt;

/// What a topic of Kafka Streams is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamsPurpose {
    /// The state of a store, from which it is restored: `...-changelog`.
    Changelog,
    /// Records on their way between two parts of the application: `...-repartition`. What is not
    /// processed yet is nowhere else.
    Repartition,
}

/// A topic that Kafka Streams made, told by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamsTopic {
    /// The application (`application.id`), which is also its group; none where no group of the
    /// cluster starts the name.
    pub application: Option<GroupId>,
    /// What it is for.
    pub purpose: StreamsPurpose,
}

impl fmt::Display for StreamsTopic {
    /// For people: `Streams changelog of billing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.purpose {
            StreamsPurpose::Changelog => "Streams changelog",
            StreamsPurpose::Repartition => "Streams repartition topic",
        })?;
        match &self.application {
            Some(application) => write!(f, " of {application}"),
            None => Ok(()),
        }
    }
}

/// Reads the name of a topic as Kafka Streams gives them:
/// `<application.id>-<store or operator>-changelog` (Apache Kafka, "Streams DSL", naming). The
/// application is the longest of `groups` that starts the name.
#[must_use]
pub fn streams_topic<'a>(
    topic: &TopicName,
    groups: impl IntoIterator<Item = &'a GroupId>,
) -> Option<StreamsTopic> {
    let (rest, purpose) = [
        ("-changelog", StreamsPurpose::Changelog),
        ("-repartition", StreamsPurpose::Repartition),
    ]
    .into_iter()
    .find_map(|(end, purpose)| Some((topic.as_str().strip_suffix(end)?, purpose)))?;
    let starts = |group: &&GroupId| {
        rest.strip_prefix(group.0.as_str())
            .is_some_and(|store| store.len() > 1 && store.starts_with('-'))
    };
    let application = groups
        .into_iter()
        .filter(starts)
        .max_by_key(|group| group.0.len())
        .cloned();
    Some(StreamsTopic {
        application,
        purpose,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_is_the_longest_group_that_starts_the_name() {
        let groups = [
            GroupId::from("billing"),
            GroupId::from("billing-eu"),
            GroupId::from("bill"),
        ];
        let read = |name: &str| {
            let topic = TopicName::parse(name).expect("legal");
            streams_topic(&topic, &groups).map(|streams| streams.to_string())
        };
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(
            read("billing-eu-balances-changelog"),
            told("Streams changelog of billing-eu")
        );
        assert_eq!(
            read("billing-KSTREAM-KEY-SELECT-0000000007-repartition"),
            told("Streams repartition topic of billing")
        );
        assert_eq!(read("pricing-totals-changelog"), told("Streams changelog"));
        assert_eq!(
            read("billing-changelog"),
            told("Streams changelog"),
            "no store is named"
        );
        assert_eq!(read("billing"), None);
    }
}
