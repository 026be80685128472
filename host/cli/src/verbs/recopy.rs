//! `ferry copy recopy TOPIC`: starts the copy of one topic over.

use crate::codes;
use crate::deciders::PluginDeciders;
use crate::exit::Exit;
use crate::project::Project;
use crate::reporter::Narrator;
use crate::undertake::{engine, journal, undertake};
use crate::{interrupt, output};
use ferry_engine::{Graph, RunEnd, RunOptions, Step};
use ferry_model::name::TopicName;
use ferry_model::problem::{Explain as _, Problem};
use ferry_steps::RecopyStep;
use std::sync::Arc;
use std::time::Duration;

pub(super) async fn run(project: &Project, topic: &str, yes: bool) -> Result<Exit, Problem> {
    let topic = TopicName::parse(topic).map_err(|error| {
        Problem::new(codes::ILLEGAL_NAME, error.to_string()).next("ferry plan --show topics")
    })?;
    let plan = project.plan(None)?;
    let question = format!("Delete what was copied of {topic} at the target, and copy it again?");
    if !yes && !output::ask(&question) {
        output::narrate("nothing was changed; --yes does not ask");
        return Ok(Exit::Failed);
    }
    let stop = interrupt::listen();
    let journal = journal(project)?;
    let number = number(&journal);
    let deciders = PluginDeciders::load(project)?;
    let undertaking = undertake(project, &plan, deciders, Duration::ZERO, false).await?;
    let step: Arc<dyn Step> = Arc::new(RecopyStep::new(undertaking, topic.clone(), number)?);
    let graph = Graph::new(vec![step]).map_err(|error| error.problem())?;
    let engine = engine(journal, &plan)
        .reporter(Arc::new(Narrator::new()))
        .stop(stop);
    // What is copied again is verified again: the migration is not finished by this.
    let options = RunOptions {
        apart: true,
        ..RunOptions::default()
    };
    let report = engine.run(&graph, &options).await;
    let report = report.map_err(|error| error.problem())?;
    if report.end == RunEnd::Stopped {
        return Ok(Exit::Stopped);
    }
    output::result(&format!("copied {topic} again"));
    output::narrate("Next: ferry apply PLAN, or  ferry verify");
    Ok(Exit::Done)
}

/// The number of this recopy: that of the last one if it is not finished, else the next.
fn number(journal: &ferry_journal::Journal) -> usize {
    let steps = journal.status().steps().iter();
    let recopies: Vec<_> = steps
        .filter(|(name, _)| name.as_str().starts_with("recopy-"))
        .collect();
    let open = recopies.iter().find(|(_, step)| !step.state.is_complete());
    open.and_then(|(name, _)| name.as_str().strip_prefix("recopy-")?.parse().ok())
        .unwrap_or(recopies.len() + 1)
}
