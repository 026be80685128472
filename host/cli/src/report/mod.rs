//! The report: plan, journal and verification as one HTML page without scripts.

use crate::codes;
use ferry_journal::Report;
use ferry_model::offset::grouped;
use ferry_model::problem::Problem;
use ferry_plan::{CopyMode, GroupAction, PlanFile};
use ferry_steps::{CopyFigures, Verification};
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::Serialize;
use serde_json::json;

const TEMPLATE: &str = include_str!("template.html");

/// What the page shows.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    value: serde_json::Value,
}

impl Page {
    pub(crate) fn new(
        plan: &PlanFile,
        report: &Report,
        verification: Option<&Verification>,
    ) -> Self {
        let figures: CopyFigures = report
            .facts
            .get(&ferry_steps::fact("copy/figures"))
            .and_then(|value| serde_json::from_value(value.clone()).ok())
            .unwrap_or_default();
        let value = json!({
            "migration": plan.plan.migration,
            "plan": plan.digest,
            "source": plan.plan.source,
            "target": plan.plan.target,
            "plugins": plan.plan.plugins,
            "topics": topics(plan),
            "groups": groups(plan),
            "acls": acls(plan),
            "figures": figures_shown(&figures),
            "report": report,
            "steps": steps(report),
            "verification": verification.map(verification_shown),
        });
        Self { value }
    }

    /// The page as HTML. Every value is escaped.
    ///
    /// # Errors
    /// A [`Problem`] where the template fails, which is a fault of this program.
    pub(crate) fn render(&self) -> Result<String, Problem> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
        environment.add_filter("grouped", |number: i64| grouped(number));
        environment.add_filter("time", |ms: i64| time(ms));
        environment.add_filter("seconds", |ms: f64| format!("{:.1} s", ms / 1e3));
        let failed = |error: minijinja::Error| {
            Problem::new(
                codes::NOT_SHOWN,
                format!("the report can't be made: {error:#}"),
            )
        };
        environment
            .add_template("report.html", TEMPLATE)
            .map_err(failed)?;
        let template = environment.get_template("report.html").map_err(failed)?;
        template
            .render(context! { page => Value::from(Serde(&self.value)) })
            .map_err(failed)
    }
}

fn steps(report: &Report) -> Vec<serde_json::Value> {
    let rows = report.summary.steps.iter().map(|step| {
        json!({
            "step": step.step,
            "state": step.state.as_str(),
            "starts": step.starts,
            "worked_ms": step.worked_ms,
            "effects": step.effects,
            "failures": step.failures,
        })
    });
    rows.collect()
}

fn topics(plan: &PlanFile) -> Vec<serde_json::Value> {
    let rows = plan.plan.topics.iter().map(|topic| {
        let modes = topic.moving().map(|moving| {
            let kept = moving
                .partitions
                .iter()
                .filter(|partition| matches!(partition.mode, CopyMode::Preserve { .. }))
                .count();
            (kept, moving.partitions.len() - kept)
        });
        json!({
            "name": topic.name,
            "moves": topic.moving().is_some(),
            "target": topic.moving().map(|moving| &moving.target),
            "partitions": topic.partitions,
            "offsets": topic.offsets,
            "reason": topic.reason,
            "kept": modes.map(|(kept, _)| kept),
            "translated": modes.map(|(_, translated)| translated),
        })
    });
    rows.collect()
}

fn groups(plan: &PlanFile) -> Vec<serde_json::Value> {
    let rows = plan.plan.groups.iter().map(|group| {
        let action = match &group.action {
            GroupAction::Move => "moves",
            GroupAction::Wait { .. } => "waits",
            GroupAction::Skip => "skipped",
        };
        json!({
            "id": group.id,
            "target": group.target,
            "action": action,
            "reason": group.reason,
            "offsets": group.offsets.moving(),
        })
    });
    rows.collect()
}

fn acls(plan: &PlanFile) -> Vec<serde_json::Value> {
    let rows = plan.plan.acls.iter().map(|acl| {
        json!({
            "source": acl.source.to_string(),
            "target": acl.bindings.iter().map(|planned| planned.binding.to_string()).collect::<Vec<_>>(),
            "reason": acl.reason,
        })
    });
    rows.collect()
}

fn figures_shown(figures: &CopyFigures) -> serde_json::Value {
    let megabytes = figures.bytes as f64 / 1e6;
    json!({
        "records": figures.records,
        "megabytes": format!("{megabytes:.1}"),
        "seconds": format!("{:.1}", figures.seconds),
        "rate": format!("{:.0}", megabytes / figures.seconds.max(0.001)),
        "cpu_seconds": format!("{:.1}", figures.cpu_seconds),
        "guard_slowed": figures.guard_slowed,
        "guard_stopped": figures.guard_stopped,
        "guard_seconds": format!("{:.0}", figures.guard_seconds),
        "preserved": figures.preserved,
        "translated": figures.translated.len(),
        "translated_partitions": figures.translated,
    })
}

fn verification_shown(verification: &Verification) -> serde_json::Value {
    json!({
        "agrees": verification.agrees(),
        "differences": verification.differences(),
        "records": verification.records(),
        "seconds": format!("{:.1}", verification.seconds),
        "ended_at_ms": verification.ended_at_ms,
        "partitions": verification.partitions,
    })
}

/// A moment as `2026-03-01 14:02:11 UTC`.
fn time(ms: i64) -> String {
    let Ok(moment) = time::OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)) else {
        return format!("{ms} ms");
    };
    let (date, time) = (moment.date(), moment.time());
    format!(
        "{date} {:02}:{:02}:{:02} UTC",
        time.hour(),
        time.minute(),
        time.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_people_write_them() {
        assert_eq!(time(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(time(951_782_399_000), "2000-02-28 23:59:59 UTC");
        assert_eq!(time(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(time(1_798_761_600_000), "2027-01-01 00:00:00 UTC");
    }
}
