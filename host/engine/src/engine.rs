//! The engine: one migration's journal and what runs against it.

use crate::context::View;
use crate::ledger::Ledger;
use crate::reporter::{Reporter, Silent};
use crate::stop::StopSignal;
use ferry_journal::{
    AttemptOutcome, Event, Goal, Holder, Journal, MigrationIdentity, Status, StepName,
};
use ferry_model::problem::Problem;
use std::sync::Arc;

/// Runs, resumes and undoes the steps of one migration. It owns the journal, and with it the lock
/// against any other process, until it is dropped.
///
/// A future of the engine is to be awaited to its end; to end it early, use the stop signal. Where
/// it is dropped all the same, nothing is lost but time: the next attempt finds out what happened.
pub struct Engine {
    pub(crate) ledger: Ledger,
    pub(crate) identity: MigrationIdentity,
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) stop: StopSignal,
    ferry_version: String,
}

/// The journal belongs to another migration than the one that was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal is of {what} {journal}, not {given}")]
pub struct OtherMigration {
    /// What differs: `migration`, `source cluster`, `target cluster`.
    pub what: &'static str,
    /// What the journal says.
    pub journal: String,
    /// What was given.
    pub given: String,
}

impl Engine {
    /// An engine for the migration that `identity` names.
    #[must_use]
    pub fn new(
        journal: Journal,
        identity: MigrationIdentity,
        ferry_version: impl Into<String>,
    ) -> Self {
        Self {
            ledger: Ledger::new(journal),
            identity,
            reporter: Arc::new(Silent),
            stop: StopSignal::never(),
            ferry_version: ferry_version.into(),
        }
    }

    /// Tells what happens to this reporter.
    #[must_use]
    pub fn reporter(mut self, reporter: Arc<dyn Reporter>) -> Self {
        self.reporter = reporter;
        self
    }

    /// Stops at the next safe point once this signal is requested.
    #[must_use]
    pub fn stop(mut self, stop: StopSignal) -> Self {
        self.stop = stop;
        self
    }

    #[cfg(feature = "testing")]
    pub(crate) fn faults(mut self, faults: Arc<dyn crate::ledger::Faults>) -> Self {
        self.ledger = self.ledger.with_faults(faults);
        self
    }

    /// Where the migration stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.ledger.look(Status::clone)
    }

    pub(crate) fn view(&self, step: &StepName) -> View {
        View {
            step: step.clone(),
            ledger: self.ledger.clone(),
            reporter: Arc::clone(&self.reporter),
            stop: self.stop.clone(),
        }
    }

    /// That the journal is empty or of this migration. Only the plan may differ.
    pub(crate) fn check_identity(&self) -> Result<(), OtherMigration> {
        let Some(known) = self.ledger.look(|status| status.identity().cloned()) else {
            return Ok(());
        };
        let given = &self.identity;
        let pairs = [
            ("migration", &known.migration, &given.migration),
            ("source cluster", &known.source.0, &given.source.0),
            ("target cluster", &known.target.0, &given.target.0),
        ];
        for (what, journal, given) in pairs {
            if journal != given {
                return Err(OtherMigration {
                    what,
                    journal: journal.clone(),
                    given: given.clone(),
                });
            }
        }
        Ok(())
    }

    /// Journals that this process begins to work. Returns the attempt's number.
    pub(crate) async fn begin_attempt(&self, goal: Goal) -> Result<u32, Problem> {
        let (known, last) = self.ledger.look(|status| {
            let last = status.attempt().map_or(0, |attempt| attempt.number);
            (status.identity().cloned(), last)
        });
        let number = last.saturating_add(1);
        let this = Holder::this_process();
        let mut events = Vec::new();
        if known.is_none() {
            events.push(Event::MigrationStarted {
                identity: self.identity.clone(),
                ferry_version: self.ferry_version.clone(),
            });
        }
        events.push(Event::AttemptStarted {
            number,
            goal,
            process_id: this.process_id,
            host: this.host,
            ferry_version: self.ferry_version.clone(),
            resumed: last > 0,
        });
        let plan = self.identity.plan;
        if goal == Goal::Apply && known.is_some_and(|known| known.plan != plan) {
            events.push(Event::PlanRevised { plan });
        }
        self.ledger.append(events).await?;
        Ok(number)
    }

    pub(crate) async fn end_attempt(&self, outcome: AttemptOutcome) -> Result<(), Problem> {
        self.ledger
            .append(vec![Event::AttemptEnded { outcome }])
            .await
    }
}

/// The most lines of a problem that are journaled.
const DETAILS_MAX: usize = 50;

/// A problem as it goes into the journal: without the thousandth line of its details.
pub(crate) fn shortened(problem: &Problem) -> Problem {
    let mut short = problem.clone();
    if short.details.len() > DETAILS_MAX {
        let more = short.details.len() - DETAILS_MAX;
        short.details.truncate(DETAILS_MAX);
        short.details.push(format!("and {more} more"));
    }
    short
}
