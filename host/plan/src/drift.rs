//! How the world has moved since a plan was made.

use crate::codes;
use crate::deciders::Deciders;
use crate::plan::{AclState, BindingState, Creation, MovingTopic, Plan, TopicPlan};
use crate::text::{escaped, listed};
use ferry_model::acl::AclBinding;
use ferry_model::decision::Role;
use ferry_model::digest::Digest;
use ferry_model::identity::{ClusterId, Side};
use ferry_model::name::{TopicName, TopicPartition};
use ferry_model::offset::SourceOffset;
use ferry_model::problem::Problem;
use ferry_model::snapshot::Snapshot;
use ferry_model::topic::TopicFacts;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One way in which the world no longer is what a plan was made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// The bootstrap servers lead to another cluster.
    Cluster {
        /// Which of the two.
        side: Side,
        /// The id in the plan.
        planned: ClusterId,
        /// The id now.
        found: ClusterId,
    },
    /// The configuration, or a file that it names, says something else.
    Configuration,
    /// Another plugin, another build of it or another configuration would decide.
    Plugin {
        /// In which role.
        role: Role,
        /// Name and version in the plan.
        planned: String,
        /// Name and version now.
        found: String,
    },
    /// A topic of the plan is no longer there.
    TopicGone {
        /// On which side.
        side: Side,
        /// The topic.
        topic: TopicName,
    },
    /// A topic of the plan was deleted and created again.
    TopicRecreated {
        /// On which side.
        side: Side,
        /// The topic.
        topic: TopicName,
    },
    /// The source has a topic that the plan does not know. It is not moved, and stops nothing.
    TopicNew {
        /// The topic.
        topic: TopicName,
    },
    /// A topic of the source has got more partitions, which are moved too.
    Grown {
        /// The topic.
        topic: TopicName,
        /// How many it had.
        planned: usize,
        /// How many it has.
        found: usize,
    },
    /// A topic has another number of partitions.
    Partitions {
        /// On which side.
        side: Side,
        /// The topic.
        topic: TopicName,
        /// How many it had.
        planned: usize,
        /// How many it has.
        found: usize,
    },
    /// A partition of the source ends before it did: it was truncated, or is another one.
    Truncated {
        /// The partition.
        partition: TopicPartition,
        /// The high watermark in the plan.
        planned: SourceOffset,
        /// The high watermark now.
        found: SourceOffset,
    },
    /// A setting of a topic changed.
    Setting {
        /// On which side.
        side: Side,
        /// The topic.
        topic: TopicName,
        /// The setting.
        key: String,
        /// Its value in the plan; none for the default.
        planned: Option<String>,
        /// Its value now; none for the default.
        found: Option<String>,
    },
    /// The target has a topic that the plan means to create.
    TargetTopicAppeared {
        /// The topic.
        topic: TopicName,
    },
    /// A target topic that was empty has records.
    TargetTopicWritten {
        /// The topic.
        topic: TopicName,
    },
    /// Access control lists can be read or kept otherwise than before.
    AclState {
        /// In the plan.
        planned: AclState,
        /// Now.
        found: AclState,
    },
    /// The source has a binding that the plan does not know.
    BindingNew {
        /// The binding.
        binding: AclBinding,
    },
    /// A binding is no longer there.
    BindingGone {
        /// On which side.
        side: Side,
        /// The binding.
        binding: AclBinding,
    },
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |value: &Option<String>| {
            value
                .as_deref()
                .map_or_else(|| "the default".to_owned(), escaped)
        };
        match self {
            Self::Cluster {
                side,
                planned,
                found,
            } => write!(
                f,
                "{side}: cluster {} instead of {}",
                escaped(&found.0),
                escaped(&planned.0)
            ),
            Self::Configuration => {
                f.write_str("the configuration, or a file that it names, changed")
            }
            Self::Plugin {
                role,
                planned,
                found,
            } if planned == found => write!(
                f,
                "{role}: {} is another build or has another configuration",
                escaped(found)
            ),
            Self::Plugin {
                role,
                planned,
                found,
            } => {
                write!(
                    f,
                    "{role}: {} instead of {}",
                    escaped(found),
                    escaped(planned)
                )
            }
            Self::TopicGone { side, topic } => write!(f, "{side}: topic {topic} is gone"),
            Self::TopicRecreated { side, topic } => {
                write!(f, "{side}: topic {topic} was deleted and created again")
            }
            Self::TopicNew { topic } => {
                write!(
                    f,
                    "source: topic {topic} is new; this plan does not move it"
                )
            }
            Self::Grown {
                topic,
                planned,
                found,
            } => {
                write!(
                    f,
                    "source: topic {topic} has {found} partitions instead of {planned}; the new ones are moved too"
                )
            }
            Self::Partitions {
                side,
                topic,
                planned,
                found,
            } => {
                write!(
                    f,
                    "{side}: topic {topic} has {found} partitions instead of {planned}"
                )
            }
            Self::Truncated {
                partition,
                planned,
                found,
            } => {
                write!(
                    f,
                    "source: {partition} ends at {found}, before it ended at {planned}"
                )
            }
            Self::Setting {
                side,
                topic,
                key,
                planned,
                found,
            } => write!(
                f,
                "{side}: {} of topic {topic} is {} instead of {}",
                escaped(key),
                value(found),
                value(planned)
            ),
            Self::TargetTopicAppeared { topic } => {
                write!(f, "target: topic {topic} appeared")
            }
            Self::TargetTopicWritten { topic } => {
                write!(f, "target: topic {topic} was empty and has records")
            }
            Self::AclState { .. } => {
                f.write_str("access control lists can be read or kept otherwise than before")
            }
            Self::BindingNew { binding } => {
                write!(
                    f,
                    "source: new access control list: {}",
                    escaped(&binding.to_string())
                )
            }
            Self::BindingGone { side, binding } => {
                write!(
                    f,
                    "{side}: access control list is gone: {}",
                    escaped(&binding.to_string())
                )
            }
        }
    }
}

/// How many lines a problem lists.
const LINES_SHOWN: usize = 20;

impl Drift {
    /// Whether the plan can't be applied as it is. New topics and partitions at the source are only
    /// told.
    #[must_use]
    pub fn stops_apply(&self) -> bool {
        !matches!(self, Self::TopicNew { .. } | Self::Grown { .. })
    }

    /// The problem with all that stops; none where nothing does.
    #[must_use]
    pub fn problem(drifts: &[Self]) -> Option<Problem> {
        let stopping: Vec<_> = drifts.iter().filter(|drift| drift.stops_apply()).collect();
        if stopping.is_empty() {
            return None;
        }
        let what = "the world no longer matches the plan";
        let mut problem = Problem::new(codes::DRIFT, what).next("ferry plan");
        for drift in stopping.iter().take(LINES_SHOWN) {
            problem = problem.detail(drift.to_string());
        }
        if stopping.len() > LINES_SHOWN {
            problem = problem.detail(format!("and {} more", stopping.len() - LINES_SHOWN));
        }
        Some(problem)
    }
}

impl Plan {
    /// How the clusters have moved since the plan was made. `ours` are the target topics that this
    /// migration has created or begun to write, as its journal proves.
    #[must_use]
    pub fn drift(&self, snapshot: &Snapshot, ours: &BTreeSet<TopicName>) -> Vec<Drift> {
        let mut drifts = Vec::new();
        for (side, planned, found) in [
            (Side::Source, &self.source.id, &snapshot.source.cluster_id),
            (Side::Target, &self.target.id, &snapshot.target.cluster_id),
        ] {
            if planned != found {
                let (planned, found) = (planned.clone(), found.clone());
                drifts.push(Drift::Cluster {
                    side,
                    planned,
                    found,
                });
            }
        }
        // Of another cluster nothing else is worth telling.
        if !drifts.is_empty() {
            return drifts;
        }
        for (topic, moving) in self.moving_topics() {
            match snapshot.source.topics.get(&topic.name) {
                Some(facts) => source_topic(topic, moving, facts, &mut drifts),
                None => {
                    let topic = topic.name.clone();
                    drifts.push(Drift::TopicGone {
                        side: Side::Source,
                        topic,
                    });
                }
            }
            if !ours.contains(&moving.target) {
                target_topic(
                    moving,
                    snapshot.target.topics.get(&moving.target),
                    &mut drifts,
                );
            }
        }
        let known: BTreeSet<&TopicName> = self.topics.iter().map(|topic| &topic.name).collect();
        let new = snapshot
            .source
            .topics
            .keys()
            .filter(|name| !known.contains(name));
        drifts.extend(new.map(|topic| Drift::TopicNew {
            topic: topic.clone(),
        }));
        self.acl_drift(snapshot, &mut drifts);
        drifts
    }

    /// Whether other plugins, or the same ones configured otherwise, would decide now.
    #[must_use]
    pub fn drift_of_deciders(&self, deciders: &dyn Deciders) -> Vec<Drift> {
        let mut drifts = Vec::new();
        for (role, planned) in &self.plugins {
            let found = deciders.identity(*role);
            if planned != found {
                let (planned, found) = (planned.to_string(), found.to_string());
                drifts.push(Drift::Plugin {
                    role: *role,
                    planned,
                    found,
                });
            }
        }
        drifts
    }

    /// Whether the configuration is another than the plan's.
    #[must_use]
    pub fn drift_of_configuration(&self, digest: Digest) -> Option<Drift> {
        (self.configuration != digest).then_some(Drift::Configuration)
    }

    /// The problem with the open decisions; none where all are answered. `apply` refuses with it.
    #[must_use]
    pub fn open_decisions_problem(&self) -> Option<Problem> {
        let open: Vec<_> = self.open_decisions().collect();
        if open.is_empty() {
            return None;
        }
        let count = match open.len() {
            1 => "1 decision is open".to_owned(),
            number => format!("{number} decisions are open"),
        };
        let mut problem = Problem::new(codes::DECISIONS_OPEN, count);
        for decision in open.iter().take(LINES_SHOWN) {
            problem = problem.detail(format!("{}  {}", decision.id, escaped(&decision.subject)));
        }
        if open.len() > LINES_SHOWN {
            let rest = open[LINES_SHOWN..]
                .iter()
                .map(|decision| decision.id.as_str());
            problem = problem.detail(format!(
                "and {}",
                listed(rest, 0).trim_start_matches(" and ")
            ));
        }
        Some(problem.next("answer them in migration.yaml: ferry plan --show decisions"))
    }

    fn acl_drift(&self, snapshot: &Snapshot, drifts: &mut Vec<Drift>) {
        let (found, now) = crate::acls::of_source(snapshot);
        if found != self.acl_state {
            drifts.push(Drift::AclState {
                planned: self.acl_state,
                found,
            });
            return;
        }
        if found != AclState::Planned {
            return;
        }
        let planned: BTreeSet<&AclBinding> = self.acls.iter().map(|acl| &acl.source).collect();
        let now: BTreeSet<&AclBinding> = now.iter().collect();
        for binding in now.difference(&planned) {
            drifts.push(Drift::BindingNew {
                binding: (*binding).clone(),
            });
        }
        for binding in planned.difference(&now) {
            drifts.push(Drift::BindingGone {
                side: Side::Source,
                binding: (*binding).clone(),
            });
        }
        let target: BTreeSet<&AclBinding> = snapshot.target.acls.bindings().iter().collect();
        for binding in self.bindings(BindingState::Exists).difference(&target) {
            drifts.push(Drift::BindingGone {
                side: Side::Target,
                binding: (*binding).clone(),
            });
        }
    }
}

fn source_topic(
    topic: &TopicPlan,
    moving: &MovingTopic,
    facts: &TopicFacts,
    drifts: &mut Vec<Drift>,
) {
    let (side, name) = (Side::Source, topic.name.clone());
    if topic.id.is_some() && topic.id != facts.id {
        drifts.push(Drift::TopicRecreated { side, topic: name });
        return;
    }
    if facts.partitions.len() != topic.partitions {
        let (planned, found) = (topic.partitions, facts.partitions.len());
        let topic = name.clone();
        drifts.push(if found > planned && moving.may_grow() {
            Drift::Grown {
                topic,
                planned,
                found,
            }
        } else {
            Drift::Partitions {
                side,
                topic,
                planned,
                found,
            }
        });
    }
    for plan in &moving.partitions {
        let now = facts
            .partitions
            .iter()
            .find(|p| p.partition == plan.partition);
        if let Some(now) = now.filter(|now| now.high_watermark < plan.high_watermark.0) {
            drifts.push(Drift::Truncated {
                partition: TopicPartition::new(name.clone(), plan.partition),
                planned: plan.high_watermark,
                found: SourceOffset(now.high_watermark),
            });
        }
    }
    settings(side, &name, &moving.source_configs, &facts.configs, drifts);
}

fn target_topic(moving: &MovingTopic, facts: Option<&TopicFacts>, drifts: &mut Vec<Drift>) {
    let (side, topic) = (Side::Target, moving.target.clone());
    match (&moving.creation, facts) {
        (Creation::Create, None) => {}
        (Creation::Create, Some(_)) => drifts.push(Drift::TargetTopicAppeared { topic }),
        (Creation::Use { .. } | Creation::Ours { .. }, None) => {
            drifts.push(Drift::TopicGone { side, topic });
        }
        (Creation::Use { id } | Creation::Ours { id }, Some(facts)) => {
            if id.is_some() && *id != facts.id {
                drifts.push(Drift::TopicRecreated { side, topic });
                return;
            }
            let (planned, found) = (moving.partitions.len(), facts.partitions.len());
            if planned != found {
                drifts.push(Drift::Partitions {
                    side,
                    topic: topic.clone(),
                    planned,
                    found,
                });
            }
            // Where it was known to be used, more records change nothing.
            let expected_empty = moving.partitions.iter().any(|plan| {
                matches!(plan.mode, crate::plan::CopyMode::Preserve { .. })
                    && facts
                        .partitions
                        .iter()
                        .any(|p| p.partition == plan.partition && p.high_watermark > 0)
            });
            if expected_empty {
                drifts.push(Drift::TargetTopicWritten {
                    topic: topic.clone(),
                });
            }
            if matches!(moving.creation, Creation::Use { .. }) {
                // What this migration has set for the copy is no change.
                let mut found = facts.configs.clone();
                for (key, during) in &moving.copy_configs {
                    if found.get(key) == Some(during) {
                        match moving.configs.get(key) {
                            Some(value) => found.insert(key.clone(), value.clone()),
                            None => found.remove(key),
                        };
                    }
                }
                settings(side, &topic, &moving.configs, &found, drifts);
            }
        }
    }
}

fn settings(
    side: Side,
    topic: &TopicName,
    planned: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
    drifts: &mut Vec<Drift>,
) {
    let keys: BTreeSet<&String> = planned.keys().chain(found.keys()).collect();
    for key in keys {
        let (planned, found) = (planned.get(key), found.get(key));
        if planned != found {
            drifts.push(Drift::Setting {
                side,
                topic: topic.clone(),
                key: key.clone(),
                planned: planned.cloned(),
                found: found.cloned(),
            });
        }
    }
}
