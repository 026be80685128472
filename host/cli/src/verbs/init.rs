//! `ferry init`: a commented configuration to begin with.

use crate::codes;
use crate::exit::Exit;
use crate::output;
use ferry_config::MigrationName;
use ferry_model::problem::Problem;
use std::io::Write as _;
use std::path::Path;

pub(super) fn run(file: &Path, name: &str) -> Result<Exit, Problem> {
    let name = MigrationName::parse(name).map_err(|error| {
        Problem::new(
            codes::ILLEGAL_NAME,
            format!("`{name}` can't name a migration: it {error}"),
        )
        .next("ferry init retail-emea")
    })?;
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .and_then(|mut out| {
            out.write_all(ferry_config::template::migration_yaml(&name).as_bytes())
        });
    written.map_err(|error| {
        let problem = Problem::new(
            codes::NOT_WRITTEN,
            format!("{} can't be written: {error}", file.display()),
        );
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                problem.next("ferry init NAME --config OTHER.yaml")
            }
            _ => problem,
        }
    })?;
    output::narrate(&format!("wrote {}", file.display()));
    output::narrate("Next: fill in both clusters, then  ferry check");
    Ok(Exit::Done)
}
