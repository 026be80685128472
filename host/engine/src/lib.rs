//! Runs, resumes and undoes a graph of steps.
//!
//! - A [`Step`] looks ([`Step::check`]), acts ([`Step::run`]) and looks again ([`Step::verify`]).
//! - A [`Graph`] puts steps in an order in which each comes after those it needs.
//! - The [`Engine`] runs a graph against a journal. Everything it decides by is in the journal, so
//!   that a process that was killed at any moment is resumed by the next.
//! - [`Context::effect`] is the one way in which a step changes the world: the intention and its
//!   inverse are journaled before, the outcome after, and a write that is under way is never
//!   cancelled from outside.
//! - [`Engine::rollback`] undoes effects in the reverse order of their intentions, through
//!   [`InverseHandler`]s, and touches nothing that the journal does not prove to be ours.
//! - `testing` (a feature) holds the tests that every step must pass.
//!
//! # Rules that are easy to break
//! - An effect keeps the inverse of its **first** intention. What a later attempt would read as "the
//!   old value" may be what this migration wrote.
//! - A step looks whether a thing exists *before* it intends to create it ([`Context::found`]).
//!   After an intention alone, nobody can tell a lost reply from a stranger's thing of that name.
//! - A step can't finish while it is unknown what became of one of its effects.
//! - A finished step is checked again by the next attempt, until the whole migration is finished:
//!   what it knew of the live world may have changed. A migration that is finished is not touched
//!   again.
//!
//! This crate knows nothing of Kafka, plugins, terminals or configuration.

#![allow(
    clippy::result_large_err,
    reason = "a problem is made once and told to a person: its size does not matter"
)]

mod context;
mod effect;
mod engine;
mod graph;
mod inverse;
mod ledger;
mod problem;
mod reporter;
mod rollback;
mod run;
mod step;
mod stop;
#[cfg(feature = "testing")]
pub mod testing;

pub use context::{Context, View};
pub use effect::{Effect, Effected, Past};
pub use engine::{Engine, OtherMigration};
pub use graph::{Graph, GraphError};
pub use inverse::{InverseHandler, Inverses, Undo};
pub use reporter::{Happening, Progress, Reporter, Silent};
pub use rollback::{KeptEffect, PlannedUndo, RollbackEnd, RollbackError, RollbackPlan};
pub use run::{RunEnd, RunError, RunOptions, RunReport};
pub use step::{Outcome, Readiness, Step, StepError};
pub use stop::{StopSignal, StopSource};

pub use async_trait::async_trait;
pub use ferry_journal::{EffectId, FactKey, FactScope, Leftover, StepName, UndoOutcome};
