//! `ferry status`: where the migration stands, from the journal.

use crate::arguments::OutputForm;
use crate::codes;
use crate::exit::Exit;
use crate::output;
use crate::project::Project;
use ferry_journal::{StateDirectory, Summary};
use ferry_model::problem::Problem;
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
    let summary = Summary::of(&recorded);
    output::show(form, &summary, || table(project.name(), &summary))?;
    Ok(Exit::Done)
}

fn table(name: &str, summary: &Summary) -> String {
    let mut text = String::new();
    let attempts = summary.attempts.len();
    let _ = writeln!(text, "{name}  {}, {attempts} attempts\n", summary.phase);
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
    text
}
