//! The native steps of a migration, in the order of the graph:
//! topics, acls, copy, drain, close, groups, verify, clean, settings; close and clean only where
//! fillers keep offsets.
//!
//! A step knows the plan, the two clusters and the engine's journal. It knows nothing of plugins,
//! terminals or configuration files: what a plugin decides reaches it through
//! [`ferry_plan::Deciders`].

#![allow(
    clippy::result_large_err,
    reason = "a problem is made once and told to a person: its size does not matter"
)]

mod acls;
mod clean;
mod close;
pub mod codes;
mod copy;
mod drain;
mod expiring;
mod filled;
mod following;
mod groups;
mod growth;
mod guarded;
pub mod holder;
pub mod inverses;
mod job;
mod names;
mod nobody;
mod offsets;
mod others;
pub mod overrides;
mod progress;
mod recopy;
mod settings;
mod slots;
mod standing;
mod topics;
mod undertaking;
mod verification;
mod verify;

pub use clean::CleanStep;
pub use close::CloseStep;
pub use copy::{CopyFigures, CopyStep};
pub use drain::DrainStep;
pub use following::{Following, LOOK_EVERY};
pub use groups::GroupsStep;
pub use growth::GROWTH;
pub use guarded::{GuardTelling, HeldBack, held_back};
pub use job::{copy_problem, worker_job};
pub use names::{fact, progress_topic, step_name};
pub use nobody::NobodyDecides;
pub use recopy::RecopyStep;
pub use settings::SettingsStep;
pub use slots::{Workers, slots};
pub use standing::{CopyStanding, PartitionLine, WorkerLine};
pub use topics::TopicsStep;
pub use undertaking::{Plans, SharedDeciders, TopicIds, Undertaking};
pub use verification::{PartitionResult, Verification};
pub use verify::VerifyStep;

use ferry_engine::Step;
use ferry_plan::Plan;
use std::sync::Arc;

pub use acls::AclsStep;

/// The names of the steps of a whole migration, in their order.
#[must_use]
pub fn stock_order(plan: &Plan) -> Vec<&'static str> {
    let filled = filled::any(plan);
    [
        "topics", "acls", "copy", "drain", "close", "groups", "verify", "clean", "settings",
    ]
    .into_iter()
    .filter(|name| filled || !["close", "clean"].contains(name))
    .collect()
}

/// The steps of a whole migration.
#[must_use]
pub fn stock_steps(undertaking: &Arc<Undertaking>) -> Vec<Arc<dyn Step>> {
    let mut steps: Vec<Arc<dyn Step>> = vec![
        Arc::new(TopicsStep::new(Arc::clone(undertaking))),
        Arc::new(AclsStep::new(Arc::clone(undertaking))),
        Arc::new(CopyStep::new(Arc::clone(undertaking))),
        Arc::new(DrainStep::new(Arc::clone(undertaking))),
    ];
    let filled = filled::any(undertaking.plan_as_made());
    if filled {
        steps.push(Arc::new(CloseStep::new(Arc::clone(undertaking))));
    }
    steps.push(Arc::new(GroupsStep::new(Arc::clone(undertaking))));
    steps.push(Arc::new(VerifyStep::new(Arc::clone(undertaking))));
    if filled {
        steps.push(Arc::new(CleanStep::new(Arc::clone(undertaking))));
    }
    steps.push(Arc::new(SettingsStep::new(Arc::clone(undertaking))));
    steps
}
