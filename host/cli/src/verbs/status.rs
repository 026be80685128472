//! `ferry status`: where the migration stands, from the journal, what is set by hand, and what is
//! read more slowly to protect the source.

use crate::arguments::OutputForm;
use crate::codes;
use crate::exit::Exit;
use crate::output;
use crate::project::Project;
use ferry_journal::{Phase, StateDirectory, StepState, StepSummary, Summary};
use ferry_kafka::task::now_ms;
use ferry_model::problem::Problem;
use ferry_steps::overrides::Overrides;
use ferry_steps::{HeldBack, held_back};
use serde::Serialize;
use std::fmt::Write as _;

pub(super) fn run(project: &Project, form: OutputForm) -> Result<Exit, Problem> {
    let Some(recorded) = project.recorded()? else {
        let where_ = StateDirectory::at(project.directory()).journal();
        return Err(
            Problem::new(codes::NOT_STARTED, "this migration was not started yet")
                .at(where_.display().to_string())
                .next("ferry plan, then  ferry apply PLAN"),
        );
    };
    let status = Status {
        summary: Summary::of(&recorded),
        overrides: Overrides::load(&project.overrides())?,
        held_back: held_back(&project.directory()),
    };
    output::show(form, &status, || {
        // Without a plan it is not known what is still to be begun; the rest is.
        let plan = project.plan(None).ok();
        let order = plan.map(|file| ferry_steps::stock_order(&file.plan));
        let mut text = table(project.name(), &status.summary, &order.unwrap_or_default());
        for line in status.overrides.lines() {
            let _ = write!(text, "\nset by hand  {line}");
        }
        for held in &status.held_back {
            let seconds = (now_ms() - held.since_ms).max(0) / 1_000;
            let _ = write!(text, "\nheld back    {}, for {seconds} s", held.what);
        }
        text
    })?;
    Ok(Exit::Done)
}

/// What is shown.
#[derive(Debug, Serialize)]
struct Status {
    #[serde(flatten)]
    summary: Summary,
    /// Limits and pauses that were set by hand.
    overrides: Overrides,
    /// Brokers of the source that a running copy reads more slowly to protect them.
    held_back: Vec<HeldBack>,
}

fn table(name: &str, summary: &Summary, order: &[&str]) -> String {
    let mut text = String::new();
    let left = |step: &&StepSummary| matches!(&step.state, StepState::Finished { leftovers } if !leftovers.is_empty());
    let phase = match summary.phase {
        Phase::Applying if summary.steps.iter().any(|step| left(&step)) => {
            "finished, but for what waits".to_owned()
        }
        phase => phase.to_string(),
    };
    let attempts = match summary.attempts.len() {
        1 => "1 attempt".to_owned(),
        attempts => format!("{attempts} attempts"),
    };
    let _ = writeln!(text, "{name}  {phase}, {attempts}\n");
    let _ = writeln!(
        text,
        "{:<10} {:<24} {:>6} {:>9} {:>8}",
        "STEP", "STATE", "RUNS", "WORKED", "EFFECTS"
    );
    for step in &summary.steps {
        let worked = format!("{:.1} s", step.worked_ms as f64 / 1e3);
        let _ = writeln!(
            text,
            "{:<10} {:<24} {:>6} {worked:>9} {:>8}",
            step.step.to_string(),
            step.state.as_str(),
            step.starts,
            step.effects.done
        );
        for failure in step.failures.iter().rev().take(1) {
            let _ = writeln!(
                text,
                "           {}  {}",
                failure.problem.code, failure.problem.what
            );
        }
    }
    let begun = |name: &&&str| {
        summary
            .steps
            .iter()
            .any(|step| step.step.as_str() == **name)
    };
    for name in order.iter().filter(|name| !begun(name)) {
        let _ = writeln!(text, "{name:<10} not begun");
    }
    for step in summary.steps.iter().filter(left) {
        if let StepState::Finished { leftovers } = &step.state {
            for waiting in leftovers {
                let _ = writeln!(text, "\nwaits  {}: {}", waiting.what, waiting.why);
            }
        }
    }
    text
}
