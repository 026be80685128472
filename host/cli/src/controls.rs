//! Limits and pauses: from the configuration to the copy, and what the command tells of them.

use crate::codes;
use crate::exit::Exit;
use crate::output;
use crate::project::Project;
use ferry_config::{
    Bandwidth, BrokerKey, CanaryLatency, CopySettings, GuardChoice, Hours, LimitSettings,
    OTHER_GROUP, OrNone, RecordRate, ThrottleShare,
};
use ferry_copy::controls::{Change, Controls, DailyLimit, DayPart, Limit, LimitChange};
use ferry_copy::guard::{CanaryCeiling, FollowersBehind, GuardSettings};
use ferry_journal::{Holder, StateDirectory};
use ferry_model::identity::BrokerId;
use ferry_model::problem::Problem;
use ferry_steps::overrides::Overrides;
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// How fast the source is read, as the configuration says.
pub(crate) fn configured(copy: &CopySettings) -> Controls {
    let mut controls = Controls {
        utc_offset_min: copy.time_zone.map_or(0, ferry_config::UtcOffset::minutes),
        all: daily(copy.bandwidth, copy.records, &copy.hours),
        guard: guard(copy.guard),
        ..Controls::default()
    };
    for (name, group) in &copy.groups {
        let limit = daily(group.bandwidth, group.records, &group.hours);
        controls.groups.insert(name.clone(), limit);
    }
    for (broker, settings) in &copy.brokers {
        let change = change_of(settings);
        match broker {
            BrokerKey::Each => controls.each_broker = change.over(Limit::default()),
            BrokerKey::Id(id) => {
                controls.brokers.insert(BrokerId(*id), change);
            }
        }
    }
    controls
}

fn guard(choice: GuardChoice) -> GuardSettings {
    let GuardChoice::On(settings) = choice else {
        return GuardSettings::OFF;
    };
    GuardSettings {
        on: true,
        canary: match settings.canary_latency {
            CanaryLatency::Times(times) => CanaryCeiling::Times(times),
            CanaryLatency::Ms(ms) => CanaryCeiling::Within(Duration::from_millis(ms.into())),
            CanaryLatency::Ignore => CanaryCeiling::Any,
        },
        throttled_percent_max: match settings.throttle {
            ThrottleShare::Percent(percent) => Some(percent),
            ThrottleShare::Ignore => None,
        },
        followers: match settings.in_sync_replicas {
            ferry_config::FollowersBehind::Pause => FollowersBehind::Pause,
            ferry_config::FollowersBehind::Slow => FollowersBehind::Slow,
            ferry_config::FollowersBehind::Ignore => FollowersBehind::Ignore,
        },
        floor_bytes_per_s: settings.floor.bytes_per_second(),
    }
}

fn daily(bandwidth: Option<Bandwidth>, records: Option<RecordRate>, hours: &Hours) -> DailyLimit {
    let parts = hours.iter().map(|(part, settings)| {
        let part = DayPart {
            from_min: part.from_min(),
            to_min: part.to_min(),
        };
        (part, change_of(settings))
    });
    DailyLimit {
        usual: Limit {
            bytes_per_s: bandwidth.map(Bandwidth::bytes_per_second),
            records_per_s: records.map(RecordRate::records_per_second),
        },
        hours: parts.collect(),
    }
}

/// What settings of a limit change.
pub(crate) fn change_of(settings: &LimitSettings) -> LimitChange {
    LimitChange {
        bytes_per_s: change(settings.bandwidth, Bandwidth::bytes_per_second),
        records_per_s: change(settings.records, RecordRate::records_per_second),
    }
}

fn change<T>(setting: Option<OrNone<T>>, number: impl Fn(T) -> u64) -> Change {
    match setting {
        None => Change::Kept,
        Some(OrNone::None) => Change::Lifted,
        Some(OrNone::Of(limit)) => Change::To(number(limit)),
    }
}

/// The topic groups that can be limited and paused: those of the plan that was applied last, and
/// those that the configuration names.
pub(crate) fn topic_groups(project: &Project) -> Result<BTreeSet<String>, Problem> {
    let copy = &project.configuration.settings.copy;
    let mut groups: BTreeSet<String> = copy.groups.keys().cloned().collect();
    if project.kept_plan().exists() {
        let plan = project.plan(None)?.plan;
        groups.extend(plan.topic_groups().into_iter().map(str::to_owned));
    } else {
        groups.insert(OTHER_GROUP.to_owned());
    }
    Ok(groups)
}

/// Refuses a group that is not one of `groups`.
pub(crate) fn known_group(
    project: &Project,
    group: &str,
    groups: &BTreeSet<String>,
) -> Result<(), Problem> {
    if groups.contains(group) {
        return Ok(());
    }
    let listed: Vec<&str> = groups.iter().map(String::as_str).collect();
    let shown = ferry_plan::text::escaped(group);
    let what = format!("there is no topic group {shown}");
    let problem = Problem::new(codes::NO_SUCH_GROUP, what)
        .detail(format!("there are: {}", listed.join(", ")));
    Err(if project.kept_plan().exists() {
        problem
    } else {
        problem.cause("no plan was applied yet: only groups of migration.yaml are known")
    })
}

/// What is set by hand, as the command shows it.
#[derive(Debug, Serialize)]
struct Shown<'o> {
    overrides: &'o Overrides,
    /// Whether a process works on the migration and follows.
    followed: bool,
}

/// Shows what is set by hand now, and whether anybody follows it.
pub(crate) fn show(
    project: &Project,
    overrides: &Overrides,
    form: crate::arguments::OutputForm,
) -> Result<Exit, Problem> {
    let holder = Holder::of(&StateDirectory::at(project.directory()));
    let shown = Shown {
        overrides,
        followed: holder.is_some(),
    };
    output::show(form, &shown, || {
        let lines = overrides.lines();
        if lines.is_empty() {
            return "nothing is set by hand: the copy follows the configuration".to_owned();
        }
        let lines: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
        format!("set by hand:\n{}", lines.join("\n"))
    })?;
    output::narrate(&match holder {
        Some(holder) => format!(
            "process {} on {} works on this migration: a copy of it follows within a second",
            holder.process_id, holder.host
        ),
        None => "nothing runs at the moment: it holds from the next run on".to_owned(),
    });
    Ok(Exit::Done)
}
