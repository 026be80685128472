//! What can be said about a migration.

use crate::name::{EffectId, FactKey, StepName};
use ferry_model::digest::Digest;
use ferry_model::identity::ClusterId;
use ferry_model::problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that happened, or is about to happen, in a migration.
///
/// An event is written before what it announces (`...-started`, `effect-intended`) and after what
/// it reports (`...-finished`, `effect-done`), and always before anyone acts on it. A reader that
/// meets an event it does not know stops: it never skips one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Event {
    /// The migration begins. Always the first event.
    MigrationStarted {
        /// Which migration, between which clusters, by which plan.
        identity: MigrationIdentity,
        /// The version of Ferry that began it.
        ferry_version: String,
    },
    /// The migration goes on by another plan, which a person gave to `ferry apply`.
    PlanRevised {
        /// The digest of the new plan.
        plan: Digest,
    },
    /// A process begins to work on the migration.
    AttemptStarted {
        /// Counts from 1, without gaps.
        number: u32,
        /// Whether it applies or rolls back.
        goal: Goal,
        /// The id of the process on its host.
        process_id: u32,
        /// The name of its host.
        host: String,
        /// Its version of Ferry.
        ferry_version: String,
        /// Whether an attempt came before it, so that it resumes.
        resumed: bool,
    },
    /// The process stops working on it, by itself. A process that was killed leaves none.
    AttemptEnded {
        /// How it ended.
        outcome: AttemptOutcome,
    },
    /// A step begins to change the world.
    StepStarted {
        /// The step.
        step: StepName,
        /// Whether it can be taken back. Once a step that can't has begun, no rollback is possible.
        reversible: bool,
    },
    /// A step looked at the world and found that it can't begin.
    StepNotReady {
        /// The step.
        step: StepName,
        /// What it waits for.
        problem: Problem,
    },
    /// A step did what it had to, and looked at the world to be sure.
    StepFinished {
        /// The step.
        step: StepName,
        /// What it had to leave for a later attempt; none where all is done.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        leftovers: Vec<Leftover>,
    },
    /// A step failed. What it did so far stands and is known effect by effect.
    StepFailed {
        /// The step.
        step: StepName,
        /// Why.
        problem: Problem,
    },
    /// A step stopped at a safe point because it was asked to.
    StepStopped {
        /// The step.
        step: StepName,
    },
    /// A write to the world is about to be made.
    EffectIntended {
        /// The step that makes it.
        step: StepName,
        /// Which write.
        effect: EffectId,
        /// What it does, for people: `create topic retail.orders with 12 partitions`.
        description: String,
        /// What would undo it; none where nothing needs to be undone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inverse: Option<Inverse>,
    },
    /// The write was made, and the world said so.
    EffectDone {
        /// The step that made it.
        step: StepName,
        /// Which write.
        effect: EffectId,
        /// What the world answered that tells this write from any other: the id of the topic that
        /// was created. The inverse gets it.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        result: Value,
    },
    /// The world already is as the write would make it.
    EffectFound {
        /// The step that looked.
        step: StepName,
        /// Which write.
        effect: EffectId,
        /// What was found, for people.
        description: String,
        /// Whether an earlier attempt of this migration made it (its intention is in the journal,
        /// the reply was lost). If not, it is never undone.
        by_us: bool,
        /// As in `effect-done`.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        result: Value,
    },
    /// It is certain that the write was not made, or that the world has lost it since.
    EffectNotDone {
        /// The step that looked.
        step: StepName,
        /// Which write.
        effect: EffectId,
        /// How that is known, for people.
        reason: String,
    },
    /// A fact to remember: a producer id, the state of padding, the id of a topic.
    FactRecorded {
        /// The step that recorded it; none for the migration itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepName>,
        /// How long it holds.
        scope: FactScope,
        /// Its name. The last value of a name counts.
        key: FactKey,
        /// Its value. Never a secret.
        value: Value,
    },
    /// The effects of a step begin to be undone.
    UndoStarted {
        /// The step.
        step: StepName,
    },
    /// An effect was undone.
    EffectUndone {
        /// The step that had made it.
        step: StepName,
        /// Which write.
        effect: EffectId,
        /// Whether it was still there.
        outcome: UndoOutcome,
    },
    /// Nothing of the step is left.
    UndoFinished {
        /// The step.
        step: StepName,
    },
    /// An effect could not be undone. The rollback stops here until a person has looked.
    StepStuck {
        /// The step.
        step: StepName,
        /// The effect that could not be undone; none where the step's own preparation failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        effect: Option<EffectId>,
        /// Why.
        problem: Problem,
    },
    /// Every step is finished and nothing is left over.
    MigrationFinished {
        /// The steps of the plan, in the order in which they ran.
        steps: Vec<StepName>,
    },
    /// Everything that the migration made is undone.
    RolledBack {},
}

impl Event {
    /// The event's type as it stands in the file: `effect-intended`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MigrationStarted { .. } => "migration-started",
            Self::PlanRevised { .. } => "plan-revised",
            Self::AttemptStarted { .. } => "attempt-started",
            Self::AttemptEnded { .. } => "attempt-ended",
            Self::StepStarted { .. } => "step-started",
            Self::StepNotReady { .. } => "step-not-ready",
            Self::StepFinished { .. } => "step-finished",
            Self::StepFailed { .. } => "step-failed",
            Self::StepStopped { .. } => "step-stopped",
            Self::EffectIntended { .. } => "effect-intended",
            Self::EffectDone { .. } => "effect-done",
            Self::EffectFound { .. } => "effect-found",
            Self::EffectNotDone { .. } => "effect-not-done",
            Self::FactRecorded { .. } => "fact-recorded",
            Self::UndoStarted { .. } => "undo-started",
            Self::EffectUndone { .. } => "effect-undone",
            Self::UndoFinished { .. } => "undo-finished",
            Self::StepStuck { .. } => "step-stuck",
            Self::MigrationFinished { .. } => "migration-finished",
            Self::RolledBack { .. } => "rolled-back",
        }
    }

    /// The step that the event is about; none for those of the whole migration.
    #[must_use]
    pub fn step(&self) -> Option<&StepName> {
        match self {
            Self::MigrationStarted { .. }
            | Self::PlanRevised { .. }
            | Self::AttemptStarted { .. }
            | Self::AttemptEnded { .. }
            | Self::MigrationFinished { .. }
            | Self::RolledBack { .. } => None,
            Self::FactRecorded { step, .. } => step.as_ref(),
            Self::StepStarted { step, .. }
            | Self::StepNotReady { step, .. }
            | Self::StepFinished { step, .. }
            | Self::StepFailed { step, .. }
            | Self::StepStopped { step }
            | Self::EffectIntended { step, .. }
            | Self::EffectDone { step, .. }
            | Self::EffectFound { step, .. }
            | Self::EffectNotDone { step, .. }
            | Self::UndoStarted { step }
            | Self::EffectUndone { step, .. }
            | Self::UndoFinished { step }
            | Self::StepStuck { step, .. } => Some(step),
        }
    }
}

/// Which migration a journal belongs to. Everything but the plan stays the same for its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MigrationIdentity {
    /// The migration's name in `migration.yaml`.
    pub migration: String,
    /// The digest of the plan that is applied.
    pub plan: Digest,
    /// The id of the cluster that is left.
    pub source: ClusterId,
    /// The id of the cluster that is moved to.
    pub target: ClusterId,
}

/// What an attempt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// Run the steps.
    Apply,
    /// Undo what was done.
    Rollback,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptOutcome {
    /// It did all that it was asked to.
    Completed,
    /// A step failed or was not ready, or an undo got stuck.
    Failed,
    /// It was asked to stop.
    Stopped,
}

/// What a finished step had to leave for a later attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leftover {
    /// What: `group billing-2`.
    pub what: String,
    /// Why: `active: 2 members`.
    pub why: String,
}

/// What undoes an effect: data for the handler of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inverse {
    /// Which handler: `delete-topic`.
    pub kind: String,
    /// What the handler needs: `{"topic": "retail.orders"}`. Never a secret.
    pub value: Value,
}

/// How long a fact holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactScope {
    /// For the life of the migration, beyond a rollback too: ids that were ever used.
    Migration,
    /// Until the step that recorded it is undone: what it made.
    Step,
    /// Until this attempt is over: what was true of the live world (a lag of zero, stopped
    /// applications). The next attempt looks again.
    Attempt,
}

/// What undoing an effect came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndoOutcome {
    /// It was there and is gone now.
    Undone,
    /// It was not there any more, or had never been made.
    AlreadyGone,
}
