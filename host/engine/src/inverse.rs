//! What undoes effects: one handler for each kind of inverse.

use async_trait::async_trait;
use ferry_journal::{EffectId, StepName, UndoOutcome, Undoable};
use ferry_model::problem::Problem;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An effect to undo, as the journal knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Undo {
    /// The step that made it.
    pub step: StepName,
    /// Its id.
    pub effect: EffectId,
    /// What it did: `create topic retail.orders with 12 partitions`.
    pub description: String,
    /// The kind of the inverse.
    pub kind: String,
    /// What the step gave for its inverse, when it first intended the effect.
    pub value: Value,
    /// What the world answered when the effect was made. None where only the intention is known:
    /// then the effect may not have been made, and what looks like it may be a stranger's.
    pub result: Option<Value>,
}

impl Undo {
    pub(crate) fn of(undoable: &Undoable<'_>) -> Self {
        Self {
            step: undoable.step.clone(),
            effect: undoable.effect.clone(),
            description: undoable.record.description.clone(),
            kind: undoable.inverse.kind.clone(),
            value: undoable.inverse.value.clone(),
            result: undoable.result.cloned(),
        }
    }
}

/// Undoes effects of one kind.
#[async_trait]
pub trait InverseHandler: Send + Sync {
    /// The kind of inverse: `delete-topic`.
    fn kind(&self) -> &str;

    /// The command by which a person would undo it, shown by a dry run and where the undo fails.
    /// Never with a secret.
    fn by_hand(&self, undo: &Undo) -> String;

    /// Undoes it. Undoing twice is the same as undoing once: the second time says
    /// [`UndoOutcome::AlreadyGone`]. What is there but can't be told to be this migration's (another
    /// topic id under the same name) is left alone, with a problem. It sets its own time limits and
    /// retries what can be retried.
    ///
    /// # Errors
    /// A [`Problem`] where it is not safe or not possible. The rollback is then stuck.
    async fn undo(&self, undo: &Undo) -> Result<UndoOutcome, Problem>;
}

/// The handlers, by kind.
#[derive(Clone, Default)]
pub struct Inverses(BTreeMap<String, Arc<dyn InverseHandler>>);

impl Inverses {
    /// No handler.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this handler. A later one of the same kind takes the place of an earlier one.
    #[must_use]
    pub fn with(mut self, handler: Arc<dyn InverseHandler>) -> Self {
        self.0.insert(handler.kind().to_owned(), handler);
        self
    }

    /// The handler of a kind.
    #[must_use]
    pub fn get(&self, kind: &str) -> Option<&Arc<dyn InverseHandler>> {
        self.0.get(kind)
    }
}
