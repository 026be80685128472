//! For work in which nothing is decided any more.

use ferry_model::decision::{
    AclDecision, AclQuestion, NameDecision, NameQuestion, OffsetDecision, OffsetQuestion, Role,
    TopicDecision,
};
use ferry_model::digest::Digest;
use ferry_model::problem::Problem;
use ferry_model::topic::TopicFacts;
use ferry_plan::{Deciders, PluginIdentity};

/// Answers nothing: the plan is made, and a worker that only copies asks no plugin.
#[derive(Debug)]
pub struct NobodyDecides(PluginIdentity);

impl Default for NobodyDecides {
    fn default() -> Self {
        let digest = Digest::of(b"");
        Self(PluginIdentity {
            name: "nobody".into(),
            version: String::new(),
            digest,
            config_digest: digest,
        })
    }
}

fn nobody() -> Problem {
    Problem::new(
        crate::codes::COPY_FAILED,
        "a worker that only copies was asked to decide something",
    )
}

impl Deciders for NobodyDecides {
    fn topics(&mut self, _topics: &[TopicFacts]) -> Result<Vec<TopicDecision>, Problem> {
        Err(nobody())
    }

    fn names(&mut self, _questions: &[NameQuestion]) -> Result<Vec<NameDecision>, Problem> {
        Err(nobody())
    }

    fn offsets(&mut self, _questions: &[OffsetQuestion]) -> Result<Vec<OffsetDecision>, Problem> {
        Err(nobody())
    }

    fn acls(&mut self, _questions: &[AclQuestion]) -> Result<Vec<AclDecision>, Problem> {
        Err(nobody())
    }

    fn identity(&self, _role: Role) -> &PluginIdentity {
        &self.0
    }
}
