//! Those who decide: the plugins, as the planner sees them.

use ferry_model::decision::{
    AclDecision, AclQuestion, NameDecision, NameQuestion, OffsetDecision, OffsetQuestion, Role,
    TopicDecision,
};
use ferry_model::digest::Digest;
use ferry_model::problem::Problem;
use ferry_model::topic::TopicFacts;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which plugin decided, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginIdentity {
    /// Owner and name: `ferry/topic-filter`.
    pub name: String,
    /// The version that its manifest tells.
    pub version: String,
    /// The digest of the component.
    pub digest: Digest,
    /// The digest of its configuration, defaults and files put in.
    pub config_digest: Digest,
}

impl fmt::Display for PluginIdentity {
    /// `ferry/topic-filter 1.0.0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// Answers the questions of a plan, role by role. Each method gets all questions of its role in
/// order and returns one answer per question, in the same order.
#[allow(
    clippy::result_large_err,
    reason = "a problem is told to a person, and ends the plan"
)]
pub trait Deciders {
    /// Which topics move. Asked first, with every topic of the source, by name.
    ///
    /// # Errors
    /// What the plugin failed with. A failure is never a decision.
    fn topics(&mut self, topics: &[TopicFacts]) -> Result<Vec<TopicDecision>, Problem>;

    /// What things are called at the target. Asked once, by kind and name; prefixes come after
    /// everything else.
    ///
    /// # Errors
    /// What the plugin failed with.
    fn names(&mut self, questions: &[NameQuestion]) -> Result<Vec<NameDecision>, Problem>;

    /// Where groups go on reading, by group and partition. The planner asks about the partitions
    /// whose offsets can be told before the copy.
    ///
    /// # Errors
    /// What the plugin failed with.
    fn offsets(&mut self, questions: &[OffsetQuestion]) -> Result<Vec<OffsetDecision>, Problem>;

    /// Which access control lists the target gets, by binding.
    ///
    /// # Errors
    /// What the plugin failed with.
    fn acls(&mut self, questions: &[AclQuestion]) -> Result<Vec<AclDecision>, Problem>;

    /// Who decides in `role`.
    fn identity(&self, role: Role) -> &PluginIdentity;
}
