//! What `ferry status` shows: one line a step, from the journal alone.

use crate::entry::Entry;
use crate::event::{AttemptOutcome, Event, Goal, MigrationIdentity};
use crate::name::StepName;
use crate::reader::Recorded;
use crate::status::{EffectState, Phase, StepRecord, StepState};
use ferry_model::problem::Problem;
use serde::Serialize;
use std::collections::BTreeMap;

/// A migration in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Which migration; none where the journal is empty.
    pub identity: Option<MigrationIdentity>,
    /// Where it stands.
    pub phase: Phase,
    /// When it began, in milliseconds since 1970.
    pub started_ms: Option<i64>,
    /// When its last event was written, in milliseconds since 1970.
    pub last_event_ms: Option<i64>,
    /// Its attempts, in order.
    pub attempts: Vec<AttemptSummary>,
    /// Its steps, in the order in which they first appear.
    pub steps: Vec<StepSummary>,
}

/// One process that worked on the migration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptSummary {
    /// Counts from 1.
    pub number: u32,
    /// What it was for.
    pub goal: Goal,
    /// The id of the process on its host.
    pub process_id: u32,
    /// The name of its host.
    pub host: String,
    /// Its version of Ferry.
    pub ferry_version: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it wrote its last event, in milliseconds since 1970.
    pub last_event_ms: i64,
    /// How it ended; none where it was killed, or still works.
    pub outcome: Option<AttemptOutcome>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepSummary {
    /// Its name.
    pub step: StepName,
    /// What it came to.
    pub state: StepState,
    /// How often it began.
    pub starts: u32,
    /// When it first began, in milliseconds since 1970.
    pub started_ms: Option<i64>,
    /// When it last finished, in milliseconds since 1970; none while it has not.
    pub finished_ms: Option<i64>,
    /// How long it worked, all its runs added up, in milliseconds. A run that was killed counts up
    /// to the last event of its attempt.
    pub worked_ms: u64,
    /// Its effects.
    pub effects: EffectCounts,
    /// When and why it failed, was not ready or got stuck.
    pub failures: Vec<Failure>,
}

/// How many effects came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EffectCounts {
    /// Not known if they were made.
    pub intended: u64,
    /// Made by this migration.
    pub done: u64,
    /// There before, not made by this migration.
    pub foreign: u64,
    /// Certainly not made.
    pub not_done: u64,
    /// Made and undone again.
    pub undone: u64,
}

/// A failure in the past or the present.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
    /// In which attempt.
    pub attempt: u32,
    /// What was wrong.
    pub problem: Problem,
}

impl Summary {
    /// The summary of a journal.
    #[must_use]
    pub fn of(recorded: &Recorded) -> Self {
        let mut clocks = BTreeMap::new();
        let mut order = Vec::new();
        let mut attempts: Vec<AttemptSummary> = Vec::new();
        for entry in &recorded.entries {
            if matches!(entry.event, Event::AttemptStarted { .. }) {
                let until_ms = attempts.last().map_or(entry.time_ms, |a| a.last_event_ms);
                clocks
                    .values_mut()
                    .for_each(|c: &mut Clock| c.stop(until_ms));
            }
            note_attempt(&mut attempts, entry);
            if let Some(step) = entry.event.step() {
                let clock = clocks.entry(step.clone()).or_insert_with(|| {
                    order.push(step.clone());
                    Clock::default()
                });
                clock.note(entry, attempts.last().map_or(0, |attempt| attempt.number));
            }
        }
        let last_event_ms = recorded.entries.last().map(|entry| entry.time_ms);
        let steps = order
            .into_iter()
            .map(|step| {
                let mut clock = clocks.remove(&step).unwrap_or_default();
                clock.stop(last_event_ms.unwrap_or_default());
                let record = recorded.status.steps().get(&step);
                summarize(step, &record.cloned().unwrap_or_default(), clock)
            })
            .collect();
        Self {
            identity: recorded.status.identity().cloned(),
            phase: recorded.status.phase(),
            started_ms: recorded.entries.first().map(|entry| entry.time_ms),
            last_event_ms,
            attempts,
            steps,
        }
    }
}

fn note_attempt(attempts: &mut Vec<AttemptSummary>, entry: &Entry) {
    if let Event::AttemptStarted {
        number,
        goal,
        process_id,
        host,
        ferry_version,
        ..
    } = &entry.event
    {
        attempts.push(AttemptSummary {
            number: *number,
            goal: *goal,
            process_id: *process_id,
            host: host.clone(),
            ferry_version: ferry_version.clone(),
            started_ms: entry.time_ms,
            last_event_ms: entry.time_ms,
            outcome: None,
        });
    }
    let Some(attempt) = attempts.last_mut() else {
        return;
    };
    attempt.last_event_ms = entry.time_ms;
    if let Event::AttemptEnded { outcome } = &entry.event {
        attempt.outcome = Some(*outcome);
    }
}

fn summarize(step: StepName, record: &StepRecord, clock: Clock) -> StepSummary {
    let mut effects = EffectCounts::default();
    for effect in record.effects.values() {
        let count = match effect.state {
            EffectState::Intended => &mut effects.intended,
            EffectState::Done { .. } => &mut effects.done,
            EffectState::Foreign => &mut effects.foreign,
            EffectState::NotDone => &mut effects.not_done,
            EffectState::Undone => &mut effects.undone,
        };
        *count += 1;
    }
    StepSummary {
        step,
        state: record.state.clone(),
        starts: record.starts,
        started_ms: clock.started_ms,
        finished_ms: clock.finished_ms,
        worked_ms: clock.worked_ms,
        effects,
        failures: clock.failures,
    }
}

/// When a step worked and failed.
#[derive(Default)]
struct Clock {
    started_ms: Option<i64>,
    finished_ms: Option<i64>,
    running_since_ms: Option<i64>,
    worked_ms: u64,
    failures: Vec<Failure>,
}

impl Clock {
    fn note(&mut self, entry: &Entry, attempt: u32) {
        match &entry.event {
            Event::StepStarted { .. } => {
                self.started_ms.get_or_insert(entry.time_ms);
                self.running_since_ms = Some(entry.time_ms);
                self.finished_ms = None;
            }
            Event::StepFinished { .. } => {
                self.stop(entry.time_ms);
                self.finished_ms = Some(entry.time_ms);
            }
            Event::StepStopped { .. } => self.stop(entry.time_ms),
            Event::StepFailed { problem, .. }
            | Event::StepNotReady { problem, .. }
            | Event::StepStuck { problem, .. } => {
                self.stop(entry.time_ms);
                self.failures.push(Failure {
                    time_ms: entry.time_ms,
                    attempt,
                    problem: problem.clone(),
                });
            }
            _ => {}
        }
    }

    /// Ends a run. A clock that was set back meanwhile adds nothing.
    fn stop(&mut self, time_ms: i64) {
        if let Some(since_ms) = self.running_since_ms.take() {
            let worked_ms = u64::try_from(time_ms.saturating_sub(since_ms)).unwrap_or(0);
            self.worked_ms = self.worked_ms.saturating_add(worked_ms);
        }
    }
}
