//! `ferry apply`: carries out a plan.

use super::discover;
use crate::arguments::OutputForm;
use crate::codes;
use crate::deciders::PluginDeciders;
use crate::exit::Exit;
use crate::project::Project;
use crate::reporter::Narrator;
use crate::undertake::{engine, journal, topic_ids, undertake};
use crate::{interrupt, output};
use ferry_discover::DiscoverOptions;
use ferry_engine::{Graph, RunEnd, RunOptions, StepName};
use ferry_model::problem::{Explain as _, Problem};
use ferry_plan::{Drift, PlanFile};
use ferry_steps::{CopyFigures, Undertaking, Verification, stock_order, stock_steps};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How the steps are carried out.
pub(super) struct ApplyOptions {
    pub(super) drain_limit: Duration,
    pub(super) expire_unread: bool,
}

pub(super) async fn run(
    project: &Project,
    path: &Path,
    until: Option<&str>,
    options: ApplyOptions,
    form: OutputForm,
) -> Result<Exit, Problem> {
    let plan = PlanFile::load(path).map_err(|error| error.problem())?;
    if plan.plan.migration != project.name() {
        return Err(Problem::new(
            codes::OTHER_MIGRATION,
            format!(
                "the plan is of migration {}, not {}",
                plan.plan.migration,
                project.name()
            ),
        )
        .at(path.display().to_string())
        .next("name its migration.yaml with --config"));
    }
    let until = until.map(StepName::parse).transpose().map_err(|error| {
        Problem::new(codes::NO_SUCH_PART, error.to_string())
            .next(format!("one of {}", stock_order(&plan.plan).join(", ")))
    })?;
    if let Some(problem) = plan.plan.open_decisions_problem() {
        return Err(problem);
    }
    let stop = interrupt::listen();
    let journal = journal(project)?;
    let deciders = PluginDeciders::load(project)?;
    refuse_other_deciders(project, &plan, &deciders)?;
    let undertaking = undertake(
        project,
        &plan,
        deciders,
        options.drain_limit,
        options.expire_unread,
    )
    .await?;
    let ours = topic_ids(journal.status()).into_keys().collect();
    refuse_drift(&plan, &undertaking, &ours).await?;
    keep(&plan, project)?;
    let graph = Graph::new(stock_steps(&undertaking)).map_err(|error| error.problem())?;
    let engine = engine(journal, &plan)
        .reporter(Arc::new(Narrator::new()))
        .stop(stop);
    let options = RunOptions {
        only: Vec::new(),
        until,
        ..RunOptions::default()
    };
    let report = engine
        .run(&graph, &options)
        .await
        .map_err(|error| error.problem())?;
    let status = engine.status();
    let summary = Summary::of(&undertaking, &status, &report);
    output::show(form, &summary, || summary.table(report.end))?;
    Ok(match report.end {
        RunEnd::Finished | RunEnd::AlreadyFinished | RunEnd::Partial => Exit::Done,
        RunEnd::Leftovers => Exit::Leftovers,
        RunEnd::Stopped => Exit::Stopped,
    })
}

fn refuse_other_deciders(
    project: &Project,
    plan: &PlanFile,
    deciders: &PluginDeciders,
) -> Result<(), Problem> {
    let mut drifts = plan.plan.drift_of_deciders(deciders);
    let digest = project
        .configuration
        .digest()
        .map_err(|error| error.problem())?;
    drifts.extend(plan.plan.drift_of_configuration(digest));
    Drift::problem(&drifts).map_or(Ok(()), Err)
}

async fn refuse_drift(
    plan: &PlanFile,
    undertaking: &Undertaking,
    ours: &std::collections::BTreeSet<ferry_model::name::TopicName>,
) -> Result<(), Problem> {
    // The shape of logs is of no use here: only names, ids, partitions, settings and ACLs.
    let options = DiscoverOptions { sample: None };
    let found = discover::read(&undertaking.source, &undertaking.target, &options).await?;
    let drifts = plan.plan.drift(&found.snapshot, ours);
    for drift in drifts.iter().filter(|drift| !drift.stops_apply()) {
        output::narrate(&format!("note: {drift}"));
    }
    Drift::problem(&drifts).map_or(Ok(()), Err)
}

/// Keeps the plan beside the journal, for verbs that come later.
fn keep(plan: &PlanFile, project: &Project) -> Result<(), Problem> {
    let text = plan.to_text().map_err(|error| error.problem())?;
    let path = project.kept_plan();
    std::fs::write(&path, text).map_err(|error| {
        Problem::new(
            codes::NOT_WRITTEN,
            format!("{} can't be written: {error}", path.display()),
        )
    })
}

/// What a migration came to, in short.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) migration: String,
    pub(crate) topics_in: usize,
    pub(crate) topics_out: usize,
    /// Topics that stay, by reason.
    pub(crate) out_reasons: Vec<(String, usize)>,
    pub(crate) partitions_preserved: usize,
    pub(crate) partitions_translated: usize,
    /// Translated partitions, by reason.
    pub(crate) translated_reasons: Vec<(String, usize)>,
    pub(crate) groups_moved: usize,
    pub(crate) groups_waiting: Vec<String>,
    /// What else waits for the next attempt, and why.
    pub(crate) waiting: Vec<String>,
    /// Changes by which topics got their final settings.
    pub(crate) settings_set: usize,
    pub(crate) acls_created: usize,
    pub(crate) records: i64,
    pub(crate) padding: i64,
    pub(crate) bytes: u64,
    pub(crate) copy_seconds: f64,
    pub(crate) copy_cpu_seconds: f64,
    pub(crate) guard_slowed: u32,
    pub(crate) guard_stopped: u32,
    pub(crate) guard_seconds: f64,
    pub(crate) differences: Option<u64>,
    pub(crate) partitions_verified: Option<usize>,
    pub(crate) records_verified: Option<u64>,
}

impl Summary {
    fn of(
        undertaking: &Undertaking,
        status: &ferry_journal::Status,
        report: &ferry_engine::RunReport,
    ) -> Self {
        let figures: CopyFigures = status
            .fact(&ferry_steps::fact("copy/figures"))
            .and_then(|value| serde_json::from_value(value.clone()).ok())
            .unwrap_or_default();
        let done = |step: &str, kind: &str| {
            let step = StepName::parse(step)
                .ok()
                .and_then(|step| status.steps().get(&step));
            step.map_or(0, |step| {
                step.effects
                    .iter()
                    .filter(|(id, effect)| {
                        id.as_str().starts_with(kind)
                            && matches!(effect.state, ferry_journal::EffectState::Done { .. })
                    })
                    .count()
            })
        };
        let plan = &*undertaking.plan();
        let verified = Verification::load(&undertaking.verification())
            .ok()
            .flatten();
        Self {
            migration: plan.migration.clone(),
            topics_in: plan.moving_topics().count(),
            topics_out: plan
                .topics
                .iter()
                .filter(|topic| topic.moving().is_none())
                .count(),
            out_reasons: counted(
                plan.topics
                    .iter()
                    .filter(|t| t.moving().is_none())
                    .map(|t| t.reason.clone()),
            ),
            partitions_preserved: figures.preserved,
            partitions_translated: figures.translated.len(),
            translated_reasons: counted(figures.translated.iter().map(|(_, reason)| {
                reason
                    .split(" at offset ")
                    .next()
                    .unwrap_or(reason)
                    .to_owned()
            })),
            groups_moved: done("groups", "group/"),
            groups_waiting: waiting(report, |step| step == "groups"),
            waiting: waiting(report, |step| step != "groups"),
            settings_set: done("settings", ""),
            acls_created: done("acls", "acl/"),
            records: figures.records,
            padding: figures.padding,
            bytes: figures.bytes,
            copy_seconds: figures.seconds,
            copy_cpu_seconds: figures.cpu_seconds,
            guard_slowed: figures.guard_slowed,
            guard_stopped: figures.guard_stopped,
            guard_seconds: figures.guard_seconds,
            differences: verified.as_ref().map(Verification::differences),
            partitions_verified: verified.as_ref().map(|v| v.partitions.len()),
            records_verified: verified.as_ref().map(Verification::records),
        }
    }

    fn table(&self, end: RunEnd) -> String {
        use std::fmt::Write as _;
        let n = |number: i64| ferry_model::offset::grouped(number);
        let mut text = String::new();
        let heading = match end {
            RunEnd::Finished => "finished",
            RunEnd::AlreadyFinished => "was finished before; nothing was done",
            RunEnd::Leftovers => "finished, but for what waits",
            RunEnd::Partial => "done as far as asked",
            RunEnd::Stopped => "stopped; apply again to go on",
        };
        let _ = writeln!(text, "{}  {heading}\n", self.migration);
        let _ = writeln!(
            text,
            "Topics      {} moved, {} stayed",
            self.topics_in, self.topics_out
        );
        for (reason, count) in &self.out_reasons {
            let _ = writeln!(
                text,
                "  {count:>5}     {}",
                ferry_plan::text::escaped(reason)
            );
        }
        let _ = writeln!(
            text,
            "Offsets     {} partitions kept theirs, {} translated",
            n(self.partitions_preserved as i64),
            n(self.partitions_translated as i64)
        );
        for (reason, count) in &self.translated_reasons {
            let _ = writeln!(text, "  {count:>5}     {reason}");
        }
        let _ = writeln!(
            text,
            "Groups      {} moved, {} wait",
            self.groups_moved,
            self.groups_waiting.len()
        );
        for group in &self.groups_waiting {
            let _ = writeln!(text, "            {group}");
        }
        let _ = writeln!(text, "ACLs        {} created", self.acls_created);
        if self.settings_set > 0 {
            let _ = writeln!(
                text,
                "Settings    {} changes for the copy set back",
                self.settings_set
            );
        }
        let megabytes = self.bytes as f64 / 1e6;
        let rate = megabytes / self.copy_seconds.max(0.001);
        let _ = writeln!(
            text,
            "Copy        {} records, {megabytes:.1} MB in {:.1} s = {rate:.0} MB/s, {:.1} CPU-s",
            n(self.records),
            self.copy_seconds,
            self.copy_cpu_seconds
        );
        if self.padding > 0 {
            let padding = n(self.padding);
            let _ = writeln!(
                text,
                "            and {padding} empty records that kept offsets in place and were deleted again"
            );
        }
        if let Some(guarded) = self.guarded() {
            let _ = writeln!(text, "            {guarded}");
        }
        if let (Some(differences), Some(partitions), Some(records)) = (
            self.differences,
            self.partitions_verified,
            self.records_verified,
        ) {
            let records = n(i64::try_from(records).unwrap_or(i64::MAX));
            let _ = writeln!(
                text,
                "Verified    {partitions} partitions, {records} records: {differences} differences"
            );
        }
        for what in &self.waiting {
            let _ = writeln!(text, "Waits       {what}");
        }
        let _ = write!(
            text,
            "\nNext: ferry report, ferry status, ferry rollback --dry-run"
        );
        text
    }
}

/// What waits in the steps that `wanted` picks by name, with why.
fn waiting(report: &ferry_engine::RunReport, wanted: fn(&str) -> bool) -> Vec<String> {
    report
        .leftovers
        .iter()
        .filter(|(step, _)| wanted(step.as_str()))
        .map(|(_, left)| format!("{} ({})", left.what, left.why))
        .collect()
}

impl Summary {
    /// How the source was protected; none where it did not have to be.
    fn guarded(&self) -> Option<String> {
        let times = |count: u32, what: &str| match count {
            0 => None,
            1 => Some(format!("{what} once")),
            _ => Some(format!("{what} {count} times")),
        };
        let parts = [
            times(self.guard_slowed, "slowed"),
            times(self.guard_stopped, "stopped"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| {
            format!(
                "{} to protect the source, {:.0} s in all",
                parts.join(" and "),
                self.guard_seconds
            )
        })
    }
}

/// How often each text occurs, the most frequent first.
fn counted(texts: impl Iterator<Item = String>) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for text in texts {
        *counts.entry(text).or_insert(0) += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
    counts
}
