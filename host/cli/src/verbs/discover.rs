//! `ferry discover`: what both clusters look like.

use crate::clients::connect_both;
use crate::codes;
use crate::exit::Exit;
use crate::output;
use crate::project::Project;
use ferry_discover::{DiscoverOptions, Progress, discover};
use ferry_kafka::Client;
use ferry_model::problem::{Explain as _, Problem};
use ferry_model::snapshot::Snapshot;
use std::path::Path;
use std::sync::Mutex;

/// The snapshot, and how fast its sample was read, in bytes a second, where there was one.
pub(crate) struct Discovered {
    pub(crate) snapshot: Snapshot,
    pub(crate) sample: Option<(u64, std::time::Duration)>,
}

/// Reads both clusters and narrates.
pub(crate) async fn read(
    source: &Client,
    target: &Client,
    options: &DiscoverOptions,
) -> Result<Discovered, Problem> {
    let sample = Mutex::new(None);
    let told = |progress: Progress| match progress {
        Progress::Notice(problem) => output::narrate(&format!("note: {}", problem.what)),
        Progress::Sampled { bytes, elapsed, .. } => {
            *sample
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = Some((bytes, elapsed));
        }
        other => tracing::debug!(?other, "discovered"),
    };
    let snapshot = discover(source, target, options, told).await;
    let snapshot = snapshot.map_err(|error| error.problem())?;
    let sample = sample
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(Discovered { snapshot, sample })
}

pub(super) async fn run(project: &Project, save: Option<&Path>) -> Result<Exit, Problem> {
    let (source, target) = connect_both(project).await?;
    let found = read(&source, &target, &DiscoverOptions::default()).await?;
    let snapshot = &found.snapshot;
    for (name, side) in [("source", &snapshot.source), ("target", &snapshot.target)] {
        let partitions: usize = side
            .topics
            .values()
            .map(|topic| topic.partitions.len())
            .sum();
        output::narrate(&format!(
            "{name}  Kafka {}, {} brokers, {} topics, {partitions} partitions, {} groups, {} ACLs",
            side.kafka_version,
            side.brokers.len(),
            side.topics.len(),
            side.groups.len(),
            side.acls.bindings().len(),
        ));
    }
    let text = serde_json::to_string_pretty(snapshot).map_err(|error| {
        Problem::new(
            codes::NOT_SHOWN,
            format!("the snapshot has no JSON form: {error}"),
        )
    })?;
    match save {
        Some(path) => {
            std::fs::write(path, text).map_err(|error| {
                Problem::new(
                    codes::NOT_WRITTEN,
                    format!("{} can't be written: {error}", path.display()),
                )
            })?;
            output::narrate(&format!("saved {}", path.display()));
        }
        None => output::result(&text),
    }
    Ok(Exit::Done)
}
