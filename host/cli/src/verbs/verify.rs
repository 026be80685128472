//! `ferry verify`: compares everything that was copied.

use crate::arguments::OutputForm;
use crate::deciders::PluginDeciders;
use crate::exit::Exit;
use crate::output;
use crate::project::Project;
use crate::undertake::undertake;
use ferry_model::offset::grouped;
use ferry_model::problem::Problem;
use ferry_steps::{Verification, VerifyStep};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// Partitions that are shown one by one where all agree.
const SHOWN_MAX: usize = 10;

pub(super) async fn run(
    project: &Project,
    plan: Option<&Path>,
    form: OutputForm,
) -> Result<Exit, Problem> {
    let plan = project.plan(plan)?;
    let deciders = PluginDeciders::load(project)?;
    let undertaking = undertake(project, &plan, deciders, Duration::ZERO, false).await?;
    let verification = VerifyStep::compare(&undertaking, |_| ()).await?;
    output::show(form, &verification, || table(&verification))?;
    match VerifyStep::problem(&verification) {
        Some(problem) => Err(problem),
        None => Ok(Exit::Done),
    }
}

fn table(verification: &Verification) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<40} {:>26} {:>12} {:>12}",
        "PARTITION", "SOURCE OFFSETS", "RECORDS", "DIFFERENCES"
    );
    let mut shown: Vec<_> = verification
        .partitions
        .iter()
        .filter(|p| !p.agrees())
        .collect();
    let largest = {
        let mut agreeing: Vec<_> = verification
            .partitions
            .iter()
            .filter(|p| p.agrees())
            .collect();
        agreeing.sort_by_key(|partition| std::cmp::Reverse(partition.source_records));
        agreeing
    };
    let rest = largest.len().saturating_sub(SHOWN_MAX);
    shown.extend(largest.into_iter().take(SHOWN_MAX));
    for partition in shown {
        let range = format!(
            "{} to {}",
            grouped(partition.source_range.0),
            grouped(partition.source_range.1)
        );
        let records = grouped(i64::try_from(partition.source_records).unwrap_or(i64::MAX));
        let _ = writeln!(
            text,
            "{:<40} {range:>26} {records:>12} {:>12}",
            partition.target, partition.differences_total
        );
        for difference in partition.differences.iter().take(5) {
            let _ = writeln!(text, "  {difference}");
        }
    }
    if rest > 0 {
        let _ = writeln!(text, "... and {rest} partitions more that agree");
    }
    let records = grouped(i64::try_from(verification.records()).unwrap_or(i64::MAX));
    let _ = write!(
        text,
        "\n{} partitions, {records} records, {} differences, {:.1} s",
        verification.partitions.len(),
        verification.differences(),
        verification.seconds
    );
    text
}
