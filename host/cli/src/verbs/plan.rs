//! `ferry plan`: decides, shows, saves.

use super::discover;
use crate::arguments::{OutputForm, PlanArguments};
use crate::clients::connect_both;
use crate::codes;
use crate::deciders::PluginDeciders;
use crate::exit::Exit;
use crate::output;
use crate::project::Project;
use crate::undertake;
use ferry_discover::DiscoverOptions;
use ferry_model::problem::{Explain as _, Problem};
use ferry_model::snapshot::Snapshot;
use ferry_plan::render::{self, Show};
use ferry_plan::{Circumstances, PlanFile, SampledRate, plan_under};
use std::path::Path;

pub(super) async fn run(
    project: &Project,
    arguments: &PlanArguments,
    form: OutputForm,
) -> Result<Exit, Problem> {
    let show: Show = arguments.show.parse().map_err(|_| {
        let what = format!("there is no part `{}` of a plan", arguments.show);
        Problem::new(codes::NO_SUCH_PART, what)
            .next("--show summary|topics|groups|acls|decisions|settings|all")
    })?;
    // Plugins first: what is wrong with them is told without waiting for clusters.
    let mut deciders = PluginDeciders::load(project)?;
    let mut circumstances = Circumstances {
        configuration_digest: Some(
            project
                .configuration
                .digest()
                .map_err(|error| error.problem())?,
        ),
        ..Circumstances::default()
    };
    if let Some(recorded) = project.recorded()? {
        circumstances.created_by_us = undertake::topic_ids(&recorded.status).into_keys().collect();
    }
    let snapshot = match &arguments.snapshot {
        Some(path) => load(path)?,
        None => {
            let (source, target) = connect_both(project).await?;
            let found = discover::read(&source, &target, &DiscoverOptions::default()).await?;
            circumstances.sample = found.sample.and_then(rate);
            found.snapshot
        }
    };
    let made = plan_under(
        &project.configuration.settings,
        &snapshot,
        &circumstances,
        &mut deciders,
    )
    .map_err(|error| error.problem())?;
    let file = PlanFile::new(made).map_err(|error| error.problem())?;
    let saved = file
        .save(&arguments.folder)
        .map_err(|error| error.problem())?;
    output::show(form, &file.plan, || {
        render::table(&file.plan, output::width(), show)
    })?;
    output::narrate(&format!("Saved {}", saved.display()));
    // Where decisions are open, the table has told what comes next.
    if file.plan.open_decisions().next().is_none() {
        output::narrate(&format!("Next: ferry apply {}", saved.display()));
    }
    Ok(Exit::Done)
}

/// A rate from what a sample read and how long it took; none where it says too little.
fn rate((bytes, elapsed): (u64, std::time::Duration)) -> Option<SampledRate> {
    const BYTES_LEAST: u64 = 8 << 20;
    if bytes < BYTES_LEAST || elapsed.is_zero() {
        return None;
    }
    // Small reads over many partitions: a copy that reads on is never slower, and seldom faster
    // than four times that.
    let low = (bytes as f64 / elapsed.as_secs_f64()) as u64;
    Some(SampledRate {
        bytes_per_second_low: low,
        bytes_per_second_high: low.saturating_mul(4),
        duration_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
    })
}

fn load(path: &Path) -> Result<Snapshot, Problem> {
    let bytes = std::fs::read(path).map_err(|error| {
        Problem::new(
            codes::BAD_SNAPSHOT,
            format!("snapshot {} can't be read: {error}", path.display()),
        )
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Problem::new(
            codes::BAD_SNAPSHOT,
            format!("{} is not a snapshot: {error}", path.display()),
        )
        .next("ferry discover --save FILE")
    })
}
