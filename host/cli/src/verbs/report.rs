//! `ferry report`: the migration as an HTML page.

use crate::codes;
use crate::exit::Exit;
use crate::output;
use crate::project::Project;
use crate::report::Page;
use ferry_journal::Report;
use ferry_model::problem::Problem;
use ferry_steps::Verification;
use std::path::Path;

pub(super) fn run(project: &Project, save: &Path) -> Result<Exit, Problem> {
    let Some(recorded) = project.recorded()? else {
        return Err(
            Problem::new(codes::NOT_STARTED, "this migration was not started yet")
                .next("ferry plan, then  ferry apply PLAN"),
        );
    };
    let plan = project.plan(None)?;
    let verified = Verification::load(&project.directory().join("verification.json"));
    let verified = verified.map_err(|error| {
        Problem::new(
            codes::NOT_SHOWN,
            format!("the result of the verification can't be read: {error}"),
        )
        .next("ferry verify")
    })?;
    let html = Page::new(&plan, &Report::of(&recorded), verified.as_ref()).render()?;
    std::fs::write(save, html).map_err(|error| {
        Problem::new(
            codes::NOT_WRITTEN,
            format!("{} can't be written: {error}", save.display()),
        )
    })?;
    let path = save.canonicalize().unwrap_or_else(|_| save.to_owned());
    output::result(&path.display().to_string());
    Ok(Exit::Done)
}
