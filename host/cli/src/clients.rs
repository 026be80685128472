//! Connections to the two clusters, from the configuration.

use crate::project::Project;
use ferry_config::ProcessEnvironment;
use ferry_kafka::{Client, ClientSettings};
use ferry_model::identity::Side;
use ferry_model::problem::{Explain as _, Problem};

/// The settings of one side, with its placeholders resolved.
pub(crate) fn settings(project: &Project, side: Side) -> Result<ClientSettings, Problem> {
    let properties = project.configuration.properties(side);
    let resolved = properties
        .resolve(&ProcessEnvironment)
        .map_err(|error| error.problem())?;
    let mut open = resolved.expose();
    open.entry("client.id".to_owned())
        .or_insert_with(|| format!("ferry-{}", project.name()));
    ClientSettings::from_properties(&open).map_err(|error| {
        let mut problem = error.problem();
        let place = problem
            .place
            .take()
            .map_or(String::new(), |place| format!(", {place}"));
        problem.at(format!(
            "{} of {}{place}",
            side,
            project.configuration.file().display()
        ))
    })
}

/// Connects to one side.
pub(crate) async fn connect(project: &Project, side: Side) -> Result<Client, Problem> {
    let settings = settings(project, side)?;
    Client::connect(settings, side)
        .await
        .map_err(|error| error.problem())
}

/// Connects to both sides at the same time.
pub(crate) async fn connect_both(project: &Project) -> Result<(Client, Client), Problem> {
    let (source, target) = tokio::join!(
        connect(project, Side::Source),
        connect(project, Side::Target)
    );
    Ok((source?, target?))
}
