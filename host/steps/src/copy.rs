//! Copies every partition up to the end that the source had when the copy began.

use crate::growth;
use crate::job::{copy_job, halted, run_copy};
use crate::names::{fact, step_name};
use crate::others::{self, Others};
use crate::undertaking::Undertaking;
use ferry_copy::job::{CopyReport, OffsetMode, Until};
use ferry_engine::{
    Context, FactScope, Outcome, Readiness, Step, StepError, StepName, View, async_trait,
};
use ferry_model::problem::Problem;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The key of the fact that holds [`CopyFigures`].
pub(crate) const FIGURES: &str = "copy/figures";

/// What the copy came to, summed up over all attempts that ended by themselves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CopyFigures {
    /// Records appended at the target.
    pub records: i64,
    /// Empty records that were appended at the target and deleted again, so that offsets are kept.
    #[serde(default)]
    pub padding: i64,
    /// Bytes of the batches that were appended.
    pub bytes: u64,
    /// Seconds from the beginning of each copy to its last append.
    pub seconds: f64,
    /// Processor time of this process while they ran, in seconds.
    pub cpu_seconds: f64,
    /// How often a broker of the source was read more slowly to protect it.
    #[serde(default)]
    pub guard_slowed: u32,
    /// How often one was not read at all for a while.
    #[serde(default)]
    pub guard_stopped: u32,
    /// Seconds for which brokers were held back so, summed up over all of them.
    #[serde(default)]
    pub guard_seconds: f64,
    /// Partitions whose offsets are kept.
    pub preserved: usize,
    /// Partitions whose offsets are translated, with why.
    pub translated: Vec<(String, String)>,
}

impl CopyFigures {
    fn add(&mut self, report: &CopyReport, cpu_seconds: f64) {
        self.records += report.progress.records;
        self.bytes += report.progress.bytes;
        self.padding += report.progress.padding;
        self.seconds += report.progress.appending.as_secs_f64();
        self.cpu_seconds += cpu_seconds;
        self.guard_slowed += report.progress.guard.slowed;
        self.guard_stopped += report.progress.guard.stopped;
        self.guard_seconds += report.progress.guard.held.as_secs_f64();
        self.preserved = 0;
        self.translated.clear();
        for outcome in &report.outcomes {
            match &outcome.mode {
                OffsetMode::Preserve => self.preserved += 1,
                OffsetMode::Translate(reason) => {
                    self.translated
                        .push((outcome.source.to_string(), reason.clone()));
                }
            }
        }
    }
}

/// Copies and adds what it came to to the figures of the migration. Where there are other workers it
/// waits for them.
pub(crate) async fn copy_and_record(
    undertaking: &Undertaking,
    context: &Context,
    until: Until,
) -> Result<(), StepError> {
    loop {
        let job = copy_job(undertaking, context, until)?;
        let before = cpu_seconds();
        let report = run_copy(undertaking, context, job).await?;
        let mut figures = context
            .fact::<CopyFigures>(&fact(FIGURES))?
            .unwrap_or_default();
        figures.add(&report, cpu_seconds() - before);
        context
            .record(FactScope::Migration, fact(FIGURES), &figures)
            .await?;
        if report.cancelled {
            return Err(StepError::Stopped);
        }
        if let Some(problem) = halted(&report.outcomes) {
            return Err(problem.into());
        }
        if growth::note(undertaking, context).await? {
            growth::follow(undertaking, context).await?;
            continue;
        }
        if undertaking.workers.count() == 1 {
            return Ok(());
        }
        match others::wait(undertaking, context, until).await? {
            Others::Done => return Ok(()),
            Others::OwnBehind => {}
        }
    }
}

/// Processor time of this process so far, user and system, in seconds (proc(5), `/proc/self/stat`,
/// fields 14 and 15). Zero where the system does not tell.
fn cpu_seconds() -> f64 {
    /// Ticks a second, the same on every Linux that Rust supports.
    const TICKS_PER_S: f64 = 100.0;
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return 0.0;
    };
    // The second field is the program's name in parentheses, which may hold spaces.
    let Some((_, rest)) = stat.rsplit_once(')') else {
        return 0.0;
    };
    let ticks = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|t| t.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_S
}

/// Copies every partition.
pub struct CopyStep {
    undertaking: Arc<Undertaking>,
}

impl CopyStep {
    /// The step for one migration.
    #[must_use]
    pub fn new(undertaking: Arc<Undertaking>) -> Self {
        Self { undertaking }
    }
}

#[async_trait]
impl Step for CopyStep {
    fn name(&self) -> StepName {
        step_name("copy")
    }

    fn needs(&self) -> Vec<StepName> {
        vec![step_name("topics")]
    }

    async fn check(&self, _view: &View) -> Result<Readiness, Problem> {
        // Only copying tells whether there is something to copy.
        Ok(Readiness::Ready)
    }

    async fn run(&self, context: &Context) -> Result<Outcome, StepError> {
        copy_and_record(&self.undertaking, context, Until::CaughtUp).await?;
        Ok(Outcome::Finished)
    }

    async fn verify(&self, _view: &View) -> Result<(), Problem> {
        // Contents are compared by a step of their own.
        Ok(())
    }

    async fn undo(&self, _view: &View) -> Result<(), Problem> {
        // What was copied goes with its topics. Nobody may be copying then.
        others::refuse_at_work(&self.undertaking).await
    }
}
