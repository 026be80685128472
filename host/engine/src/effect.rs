//! A write to the world, what is known of it from before, and what it came to.

use ferry_journal::{EffectId, EffectRecord, EffectState, Inverse};
use serde_json::Value;

/// A write to the world, before it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    pub(crate) id: EffectId,
    pub(crate) description: String,
    pub(crate) inverse: Option<Inverse>,
}

impl Effect {
    /// A write that needs no undoing, such as records in a topic whose creation is an effect of its
    /// own. `id` is unique in the step and the same at every attempt; `description` completes "about
    /// to ...": `create topic retail.orders with 12 partitions`. No secret in either.
    #[must_use]
    pub fn new(id: EffectId, description: impl Into<String>) -> Self {
        Self {
            id,
            description: description.into(),
            inverse: None,
        }
    }

    /// Says what undoes it: the kind of an [`InverseHandler`](crate::InverseHandler) and what that
    /// needs beside the result. No secret in it.
    #[must_use]
    pub fn undone_by(mut self, kind: impl Into<String>, value: Value) -> Self {
        self.inverse = Some(Inverse {
            kind: kind.into(),
            value,
        });
        self
    }
}

/// What the journal knows of a write from before.
#[derive(Debug, Clone, PartialEq)]
pub enum Past {
    /// It was never made, or is known to be gone.
    Never,
    /// An earlier attempt was about to make it, and its outcome is not known. Look before writing.
    Intended {
        /// The inverse of the first intention. It stays.
        inverse: Option<Inverse>,
    },
    /// It was made.
    Done {
        /// The inverse of the first intention. It stays.
        inverse: Option<Inverse>,
        /// What the world answered.
        result: Value,
    },
}

impl Past {
    pub(crate) fn of(record: Option<&EffectRecord>) -> Self {
        let Some(record) = record else {
            return Self::Never;
        };
        let inverse = record.inverse.clone();
        match &record.state {
            EffectState::Intended => Self::Intended { inverse },
            EffectState::Done { result } => Self::Done {
                inverse,
                result: result.clone(),
            },
            EffectState::Foreign | EffectState::NotDone | EffectState::Undone => Self::Never,
        }
    }
}

/// What a write came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Effected {
    /// It was made just now. With what the world answered that tells it from any other (the id of
    /// the topic), for the inverse; null where there is nothing of the kind.
    Made(Value),
    /// It was there, made by an earlier attempt whose reply was lost, or as the journal says. Only
    /// where the past is not [`Past::Never`].
    MadeBefore(Value),
    /// It was there, and not made by this migration. It is never undone. With what was found.
    Foreign(String),
    /// It is certain that it was not made, or is gone since. With how that is known. After a past
    /// of [`Past::Done`] it may be intended anew by another call.
    NotDone(String),
}
