//! The journal as sentences, in order of time.

use crate::entry::Entry;
use crate::event::{AttemptOutcome, Event, Goal, UndoOutcome};
use crate::name::StepName;
use serde::Serialize;

/// One entry as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimelineEntry {
    /// The entry's number.
    pub sequence: u64,
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// In which attempt; 0 before the first.
    pub attempt: u32,
    /// The type of the event: `effect-done`.
    pub kind: &'static str,
    /// The step it is about.
    pub step: Option<StepName>,
    /// What happened, in words, without a full stop.
    pub text: String,
}

/// The entries as sentences.
#[must_use]
pub fn timeline(entries: &[Entry]) -> Vec<TimelineEntry> {
    let mut attempt = 0;
    entries
        .iter()
        .map(|entry| {
            if let Event::AttemptStarted { number, .. } = entry.event {
                attempt = number;
            }
            TimelineEntry {
                sequence: entry.sequence,
                time_ms: entry.time_ms,
                attempt,
                kind: entry.event.kind(),
                step: entry.event.step().cloned(),
                text: sentence(&entry.event),
            }
        })
        .collect()
}

fn sentence(event: &Event) -> String {
    match event {
        Event::MigrationStarted {
            identity,
            ferry_version,
        } => format!(
            "migration {} started by plan {} with ferry {ferry_version}: cluster {} to {}",
            identity.migration,
            identity.plan.short(),
            identity.source,
            identity.target
        ),
        Event::PlanRevised { plan } => format!("goes on by plan {}", plan.short()),
        Event::AttemptStarted {
            number,
            goal,
            process_id,
            host,
            ..
        } => format!(
            "attempt {number} to {} by process {process_id} on {host}",
            match goal {
                Goal::Apply => "apply",
                Goal::Rollback => "roll back",
            }
        ),
        Event::AttemptEnded { outcome } => match outcome {
            AttemptOutcome::Completed => "attempt completed",
            AttemptOutcome::Failed => "attempt failed",
            AttemptOutcome::Stopped => "attempt stopped by request",
        }
        .to_owned(),
        Event::StepStarted { reversible, .. } if *reversible => "started".to_owned(),
        Event::StepStarted { .. } => "started; it can't be taken back".to_owned(),
        Event::StepNotReady { problem, .. } => {
            format!("not ready: {} ({})", problem.what, problem.code)
        }
        Event::StepFinished { leftovers, .. } if leftovers.is_empty() => "finished".to_owned(),
        Event::StepFinished { leftovers, .. } => format!(
            "finished, with {} left over: {}",
            leftovers.len(),
            leftovers
                .iter()
                .map(|leftover| format!("{} ({})", leftover.what, leftover.why))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        Event::StepFailed { problem, .. } => format!("failed: {} ({})", problem.what, problem.code),
        Event::StepStopped { .. } => "stopped at a safe point by request".to_owned(),
        Event::EffectIntended { description, .. } => format!("about to {description}"),
        Event::EffectDone { effect, .. } => format!("done: {effect}"),
        Event::EffectFound {
            description, by_us, ..
        } if *by_us => format!("found done by an earlier attempt: {description}"),
        Event::EffectFound { description, .. } => {
            format!("found there, not ours: {description}")
        }
        Event::EffectNotDone { effect, reason, .. } => format!("not done: {effect}: {reason}"),
        Event::FactRecorded { key, value, .. } => format!("noted {key} = {value}"),
        Event::UndoStarted { .. } => "undo started".to_owned(),
        Event::EffectUndone {
            effect, outcome, ..
        } => match outcome {
            UndoOutcome::Undone => format!("undone: {effect}"),
            UndoOutcome::AlreadyGone => format!("already gone: {effect}"),
        },
        Event::UndoFinished { .. } => "undone".to_owned(),
        Event::StepStuck {
            effect, problem, ..
        } => match effect {
            Some(effect) => format!("stuck at {effect}: {} ({})", problem.what, problem.code),
            None => format!("stuck: {} ({})", problem.what, problem.code),
        },
        Event::MigrationFinished { .. } => "migration finished".to_owned(),
        Event::RolledBack {} => "everything is undone".to_owned(),
    }
}
