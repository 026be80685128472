//! `ferry status --partitions`: how far the copy of every partition is, asked of both clusters.

use crate::arguments::OutputForm;
use crate::exit::Exit;
use crate::output;
use crate::project::Project;
use crate::undertake::undertake;
use ferry_model::offset::grouped;
use ferry_model::problem::Problem;
use ferry_steps::{CopyStanding, NobodyDecides, PartitionLine};
use std::fmt::Write as _;
use std::time::Duration;

pub(super) async fn run(project: &Project, form: OutputForm) -> Result<Exit, Problem> {
    let plan = project.plan(None)?;
    let undertaking = undertake(
        project,
        &plan,
        NobodyDecides::default(),
        Duration::ZERO,
        false,
    )
    .await?;
    let standing = CopyStanding::read(&undertaking).await?;
    output::show(form, &standing, || table(&standing))?;
    Ok(Exit::Done)
}

fn table(standing: &CopyStanding) -> String {
    let longest = standing.partitions.iter().map(|line| line.source.len());
    let width = longest.max().unwrap_or(0).clamp(9, 48);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<width$} {:>6} {:>15} {:>13}  {:<9} OFFSETS",
        "PARTITION", "WORKER", "COPIED TO", "LAG", "PROTECTED"
    );
    for line in &standing.partitions {
        let number = |number: Option<i64>| number.map_or("?".to_owned(), grouped);
        let _ = writeln!(
            text,
            "{:<width$} {:>6} {:>15} {:>13}  {:<9} {}",
            line.source,
            line.worker,
            number(line.copied_to),
            number(line.lag),
            protected(line),
            offsets(line)
        );
    }
    text.push('\n');
    for worker in &standing.workers {
        let _ = writeln!(
            text,
            "worker {}/{}  {:<8} process {} of {}",
            worker.number, worker.of, worker.state, worker.process_id, worker.host
        );
    }
    let unprotected = standing
        .partitions
        .iter()
        .any(|line| line.protected == Some(false));
    if unprotected {
        text += "\nPartitions that are not protected hold records that are older than the target \
                 remembers a producer:\none batch is on its way at a time, and every offset is \
                 compared.\n";
    }
    text
}

fn protected(line: &PartitionLine) -> &'static str {
    match line.protected {
        Some(true) => "yes",
        Some(false) => "no",
        None => "-",
    }
}

fn offsets(line: &PartitionLine) -> String {
    match (&line.halted, &line.translated) {
        (Some((code, what)), _) => format!("{code}  {what}"),
        (None, Some(reason)) => format!("new: {reason}"),
        (None, None) => "kept".to_owned(),
    }
}
