//! `ferry rollback`: undoes what this migration made, and nothing else.

use crate::arguments::OutputForm;
use crate::clients::connect;
use crate::deciders::PluginDeciders;
use crate::exit::Exit;
use crate::project::Project;
use crate::reporter::Narrator;
use crate::undertake::{engine, journal, ours, undertake};
use crate::{interrupt, output};
use ferry_engine::{Graph, RollbackEnd, RollbackPlan};
use ferry_model::identity::Side;
use ferry_model::problem::{Explain as _, Problem};
use ferry_steps::inverses::stock_inverses;
use ferry_steps::stock_steps;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

pub(super) async fn run(
    project: &Project,
    dry_run: bool,
    yes: bool,
    form: OutputForm,
) -> Result<Exit, Problem> {
    let Some(recorded) = project.recorded()? else {
        output::narrate("nothing to undo: this migration was not started");
        return Ok(Exit::Done);
    };
    let target = connect(project, Side::Target).await?;
    let inverses = stock_inverses(&target, ours(&recorded.status));
    let planned = RollbackPlan::of(&recorded.status, &inverses).map_err(|error| error.problem())?;
    if dry_run {
        output::show(form, &planned, || table(&planned))?;
        return Ok(Exit::Done);
    }
    if planned.undo.is_empty() {
        output::narrate("nothing to undo");
    } else if !yes {
        output::narrate(&table(&planned));
        if !output::ask("Undo all of this at the target?") {
            output::narrate("nothing was changed; --yes does not ask");
            return Ok(Exit::Failed);
        }
    }
    let plan = project.plan(None)?;
    let stop = interrupt::listen();
    let journal = journal(project)?;
    let deciders = PluginDeciders::load(project)?;
    let undertaking = undertake(project, &plan, deciders, Duration::ZERO, false).await?;
    let graph = Graph::new(stock_steps(&undertaking)).map_err(|error| error.problem())?;
    let engine = engine(journal, &plan)
        .reporter(Arc::new(Narrator::new()))
        .stop(stop);
    let end = engine
        .rollback(&graph, &inverses)
        .await
        .map_err(|error| error.problem())?;
    Ok(match end {
        RollbackEnd::NothingToUndo => Exit::Done,
        RollbackEnd::Finished {
            undone,
            already_gone,
        } => {
            output::result(&format!(
                "rolled back: {undone} undone, {already_gone} gone already"
            ));
            Exit::Done
        }
        RollbackEnd::Stopped => Exit::Stopped,
    })
}

fn table(planned: &RollbackPlan) -> String {
    let mut text = String::new();
    for undo in &planned.undo {
        let sure = if undo.certain {
            ""
        } else {
            "  (if it was made at all)"
        };
        let _ = writeln!(
            text,
            "undo  {:<8} {}{sure}",
            undo.step.to_string(),
            undo.description
        );
    }
    for kept in &planned.kept {
        let _ = writeln!(
            text,
            "keep  {:<8} {}",
            kept.step.to_string(),
            kept.description
        );
    }
    let _ = write!(
        text,
        "\n{} to undo, {} to keep",
        planned.undo.len(),
        planned.kept.len()
    );
    text
}
