//! Why there is no plan.

use crate::codes;
use crate::text::{escaped, listed};
use ferry_model::canonical::NotJson;
use ferry_model::name::IllegalTopicName;
use ferry_model::problem::{Explain, Problem};

/// How many names an error lists.
const NAMES_SHOWN: usize = 10;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Source and target are one cluster.
    #[error("source and target are one cluster")]
    OneCluster {
        /// Its id.
        cluster: String,
    },
    /// The snapshot has a format that this version does not read.
    #[error("the snapshot has format {found}; this version reads {known}")]
    SnapshotFormat {
        /// The format of the snapshot.
        found: u32,
        /// The format that is read.
        known: u32,
    },
    /// A plugin answered another number of questions than it was asked.
    #[error("plugin {plugin} gave {answered} decisions for {asked} {questions}")]
    AnswersMissing {
        /// Name and version of the plugin.
        plugin: String,
        /// What it was asked about: `topics`.
        questions: &'static str,
        /// How many questions.
        asked: usize,
        /// How many answers.
        answered: usize,
    },
    /// A plugin gave several things one name.
    #[error("plugin {plugin} gave two {things} one name")]
    OneName {
        /// Name and version of the plugin.
        plugin: String,
        /// `topics` or `groups`.
        things: &'static str,
        /// The names at the source, and the one name that they got.
        collisions: Vec<(Vec<String>, String)>,
    },
    /// A plugin gave a name that Kafka does not allow.
    #[error("plugin {plugin} gave a topic an illegal name")]
    IllegalName {
        /// Name and version of the plugin.
        plugin: String,
        /// The name at the source.
        name: String,
        /// Which rule the new name breaks.
        #[source]
        source: IllegalTopicName,
    },
    /// A plugin gave no name, or an empty one.
    #[error("plugin {plugin} gave no name to a {kind}")]
    NameMissing {
        /// Name and version of the plugin.
        plugin: String,
        /// What should have a name: `topic`.
        kind: &'static str,
        /// The name at the source.
        name: String,
    },
    /// A new name is taken at the target by what brokers keep for themselves, or by a topic that
    /// differs by `.` and `_` only.
    #[error("plugin {plugin} gave names that are taken at the target")]
    TargetNameTaken {
        /// Name and version of the plugin.
        plugin: String,
        /// The name at the source, the new name, and what has it.
        taken: Vec<(String, String, String)>,
    },
    /// A plugin gave a prefix that does not cover what it renamed.
    #[error("plugin {plugin} gave a {kind} that does not cover what it renamed")]
    PrefixBroken {
        /// Name and version of the plugin.
        plugin: String,
        /// `topic-prefix` and the like.
        kind: &'static str,
        /// The prefix at the source.
        prefix: String,
        /// The prefix that it gave.
        given: String,
        /// Names under the source's prefix whose new names are not under the given one.
        outside: Vec<(String, String)>,
    },
    /// A plugin gave an offset outside of what is or will be at the target.
    #[error(
        "plugin {plugin} sent group {} to an offset that it can't have",
        escaped(group)
    )]
    OffsetOutside {
        /// Name and version of the plugin.
        plugin: String,
        /// The group at the source.
        group: String,
        /// The partition at the source.
        partition: String,
        /// The offset that it gave.
        given: i64,
        /// What is possible there, in words.
        possible: String,
    },
    /// A plugin gave an illegal name of a topic group.
    #[error("plugin {plugin} put topics into a group with an illegal name")]
    IllegalTopicGroup {
        /// Name and version of the plugin.
        plugin: String,
        /// The name of the topic group.
        group: String,
        /// Topics that it put there.
        topics: Vec<String>,
    },
    /// A plugin gave a binding that Kafka does not allow.
    #[error("plugin {plugin} gave an access control list that Kafka does not allow")]
    IllegalBinding {
        /// Name and version of the plugin.
        plugin: String,
        /// The binding.
        binding: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The configuration answers a decision with a word that is no answer to it.
    #[error("decisions.{id}: `{}` is no answer", escaped(answer))]
    NoSuchAnswer {
        /// The decision.
        id: String,
        /// The answer that was given.
        answer: String,
        /// The possible ones.
        answers: Vec<String>,
    },
    /// A part of the plan has no JSON form.
    #[error("the plan can't be written")]
    NotJson(#[from] NotJson),
    /// A decider failed.
    #[error("{}", .0.what)]
    Decider(Box<Problem>),
}

impl From<Problem> for PlanError {
    fn from(problem: Problem) -> Self {
        Self::Decider(Box::new(problem))
    }
}

impl Explain for PlanError {
    fn problem(&self) -> Problem {
        let what = self.to_string();
        match self {
            Self::Decider(problem) => problem.as_ref().clone(),
            Self::OneCluster { cluster } => Problem::new(codes::ONE_CLUSTER, what)
                .at(format!("cluster id {}", escaped(cluster)))
                .cause("the bootstrap servers of source and target are swapped or copied?"),
            Self::SnapshotFormat { .. } => {
                Problem::new(codes::SNAPSHOT_FORMAT, what).next("ferry discover")
            }
            Self::AnswersMissing { .. } => Problem::new(codes::ANSWERS_MISSING, what)
                .cause("the plugin leaves out what it does not know?")
                .next("mend the plugin: one decision per question, in the same order"),
            Self::OneName { collisions, .. } => {
                let mut problem = Problem::new(codes::ONE_NAME, what);
                for (names, name) in collisions.iter().take(NAMES_SHOWN) {
                    let names = listed(names.iter().map(String::as_str), NAMES_SHOWN);
                    problem = problem.detail(format!("{names}  ->  {}", escaped(name)));
                }
                if collisions.len() > NAMES_SHOWN {
                    let more = collisions.len() - NAMES_SHOWN;
                    problem = problem.detail(format!("and {more} more"));
                }
                problem.next("mend the plugin's rule, or add an exception: plugins.names.with")
            }
            Self::IllegalName { name, source, .. } => {
                let illegal = escaped(&source.to_string());
                Problem::new(codes::ILLEGAL_NAME, what)
                    .detail(format!("{}: {illegal}", escaped(name)))
                    .next("mend the plugin's rule, or add an exception: plugins.names.with")
            }
            Self::NameMissing { name, .. } => Problem::new(codes::NAME_MISSING, what)
                .detail(escaped(name))
                .next("mend the plugin: only prefixes may be left without a name"),
            Self::TargetNameTaken { taken, .. } => {
                let mut problem = Problem::new(codes::TARGET_NAME_TAKEN, what);
                for (name, new, by) in taken.iter().take(NAMES_SHOWN) {
                    let (name, new) = (escaped(name), escaped(new));
                    problem = problem.detail(format!("{name}  ->  {new}: {}", escaped(by)));
                }
                problem.next("rename these topics differently: plugins.names.with")
            }
            Self::PrefixBroken {
                prefix,
                given,
                outside,
                ..
            } => {
                let mut problem = Problem::new(codes::PREFIX_BROKEN, what).detail(format!(
                    "{}*  ->  {}*, yet",
                    escaped(prefix),
                    escaped(given)
                ));
                for (name, new) in outside.iter().take(NAMES_SHOWN) {
                    problem = problem.detail(format!("{}  ->  {}", escaped(name), escaped(new)));
                }
                problem.next("mend the plugin: a prefix without a single counterpart gets none")
            }
            Self::OffsetOutside {
                partition,
                given,
                possible,
                ..
            } => Problem::new(codes::OFFSET_OUTSIDE, what)
                .at(escaped(partition))
                .detail(format!("it gave {given}; {}", escaped(possible)))
                .next("mend the plugin, or its configuration: plugins.offsets.with"),
            Self::IllegalTopicGroup { group, topics, .. } => Problem::new(
                codes::ILLEGAL_TOPIC_GROUP,
                what,
            )
            .detail(format!(
                "`{}`: {}",
                escaped(group),
                listed(topics.iter().map(String::as_str), NAMES_SHOWN)
            ))
            .next("topic groups are named by 1 to 63 of a to z, A to Z, 0 to 9, `.`, `_`, `-`"),
            Self::IllegalBinding {
                binding,
                what: wrong,
                ..
            } => Problem::new(codes::ILLEGAL_BINDING, what)
                .detail(format!("{}: {wrong}", escaped(binding)))
                .next("mend the plugin, or its configuration: plugins.acls.with"),
            Self::NoSuchAnswer { answers, .. } => Problem::new(codes::NO_SUCH_ANSWER, what)
                .detail(format!("possible: {}", answers.join(", ")))
                .next("ferry plan --show decisions"),
            Self::NotJson(source) => {
                Problem::new(codes::NOT_A_PLAN, what).cause(source.to_string())
            }
        }
    }
}
