//! Names of steps, effects and facts, made from names that Kafka allows.

use ferry_engine::{EffectId, FactKey, StepName};
use ferry_model::name::TopicName;
use ferry_model::problem::Problem;

/// A step's name, from a literal that is legal.
///
/// # Panics
/// When the literal is not legal: a fault of the program that its first test finds.
#[must_use]
pub fn step_name(name: &'static str) -> StepName {
    StepName::parse(name).expect("the names of steps are legal")
}

/// A fact's key, from a literal that is legal.
///
/// # Panics
/// When the literal is not legal: a fault of the program that its first test finds.
#[must_use]
pub fn fact(key: &'static str) -> FactKey {
    FactKey::parse(key).expect("the keys of facts are legal")
}

/// An effect's id, from a kind and the name of what it is about.
///
/// # Errors
/// A [`Problem`] for names with control characters or beyond 2,000 bytes, which group ids may have.
pub(crate) fn effect(kind: &str, name: &str) -> Result<EffectId, Problem> {
    EffectId::parse(format!("{kind}/{name}")).map_err(|error| {
        Problem::new(
            crate::codes::NOT_ANSWERED,
            format!(
                "{kind} {} can't be journaled: {error}",
                ferry_plan::text::escaped(name)
            ),
        )
    })
}

/// The topic of the target that keeps the progress of translated partitions.
#[must_use]
pub fn progress_topic(migration: &str) -> TopicName {
    // Names of migrations are at most 63 characters of `[a-z0-9-]`.
    TopicName::parse(format!("ferry-progress-{migration}"))
        .unwrap_or_else(|_| TopicName::parse("ferry-progress").expect("a legal name"))
}
