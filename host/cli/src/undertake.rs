//! From a project and a plan to what the steps work with.

use crate::clients::connect_both;
use crate::controls::configured;
use crate::project::Project;
use ferry_config::CopySettings;
use ferry_engine::Engine;
use ferry_journal::{Journal, MigrationIdentity};
use ferry_model::identity::TopicId;
use ferry_model::problem::{Explain as _, Problem};
use ferry_plan::Deciders;
use ferry_plan::{Growth, PlanFile};
use ferry_steps::{GROWTH, Plans, Undertaking, Workers};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long the end of a target partition must stand still before it is trusted.
const SETTLING: Duration = Duration::from_secs(2);
/// How long the source must be quiet at the end.
const QUIET: Duration = Duration::from_secs(2);

/// What the steps work with, connected.
pub(crate) async fn undertake(
    project: &Project,
    plan: &PlanFile,
    deciders: impl Deciders + Send + 'static,
    drain_limit: Duration,
    expire_unread: bool,
) -> Result<Arc<Undertaking>, Problem> {
    let (source, target) = connect_both(project).await?;
    let copy = &project.configuration.settings.copy;
    let recorded = project.recorded()?;
    let growth: Growth = recorded
        .and_then(|recorded| recorded.status.fact(&ferry_steps::fact(GROWTH)).cloned())
        .and_then(|value| serde_json::from_value(value).ok())
        .unwrap_or_default();
    Ok(Arc::new(Undertaking {
        source,
        target,
        plans: Plans::new(plan.plan.clone(), &growth),
        deciders: Arc::new(Mutex::new(deciders)),
        directory: project.directory(),
        memory_bytes: usize::try_from(copy.memory.bytes()).unwrap_or(usize::MAX),
        controls: configured(copy),
        rack: copy.rack.as_deref().map(Into::into),
        workers: workers(copy),
        lease: Duration::from_secs(copy.lease_seconds.max(1)),
        settling: SETTLING,
        quiet: QUIET,
        drain_limit,
        expire_unread,
    }))
}

/// How many workers the configuration wants, and for which topics.
pub(crate) fn workers(copy: &CopySettings) -> Workers {
    let groups = copy.groups.iter();
    let own = groups.filter_map(|(name, group)| Some((name.clone(), group.workers?)));
    Workers {
        common: copy.workers,
        groups: own.collect(),
    }
}

/// Opens the journal, and with it takes the lock against any other process.
pub(crate) fn journal(project: &Project) -> Result<Journal, Problem> {
    let journal = Journal::open(project.directory()).map_err(|error| error.problem())?;
    if let Some(torn) = journal.torn_line() {
        crate::output::narrate(&format!(
            "note: the journal ended in the middle of a line, which is kept in {}",
            torn.display()
        ));
    }
    Ok(journal)
}

/// An engine for `plan` over an open journal.
pub(crate) fn engine(journal: Journal, plan: &PlanFile) -> Engine {
    let identity = MigrationIdentity {
        migration: plan.plan.migration.clone(),
        plan: plan.digest,
        source: plan.plan.source.id.clone(),
        target: plan.plan.target.id.clone(),
    };
    Engine::new(journal, identity, env!("CARGO_PKG_VERSION"))
}

/// The ids of the topics that the journal knows this migration to have created.
pub(crate) fn topic_ids(
    status: &ferry_journal::Status,
) -> BTreeMap<ferry_model::name::TopicName, TopicId> {
    status
        .fact(&ferry_steps::fact("topics/ids"))
        .and_then(|value| serde_json::from_value(value.clone()).ok())
        .unwrap_or_default()
}

/// The ids of all topics that this migration created, those of interrupted attempts included.
pub(crate) fn ours(status: &ferry_journal::Status) -> BTreeSet<TopicId> {
    let effects = status
        .steps()
        .values()
        .flat_map(|step| step.effects.values());
    let made = effects.filter_map(|effect| match &effect.state {
        ferry_journal::EffectState::Done { result } => {
            serde_json::from_value(result["id"].clone()).ok()
        }
        _ => None,
    });
    topic_ids(status).into_values().chain(made).collect()
}
