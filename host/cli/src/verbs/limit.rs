//! `ferry copy limit`: changes how fast the source is read.

use crate::arguments::{LimitArguments, OutputForm};
use crate::codes;
use crate::controls::{change_of, known_group, show, topic_groups};
use crate::exit::Exit;
use crate::project::Project;
use ferry_config::{LimitSettings, OrNone};
use ferry_copy::controls::LimitChange;
use ferry_model::identity::BrokerId;
use ferry_model::problem::Problem;
use ferry_steps::overrides::Overrides;
use std::fmt::Display;

pub(super) fn run(
    project: &Project,
    arguments: &LimitArguments,
    form: OutputForm,
) -> Result<Exit, Problem> {
    if let Some(group) = &arguments.group {
        known_group(project, group, &topic_groups(project)?)?;
    }
    let overrides = if arguments.reset {
        Overrides::change(&project.overrides(), |overrides| {
            reset(overrides, arguments);
        })?
    } else {
        let limit = asked(arguments)?;
        if limit.is_kept() {
            return Err(Problem::new(codes::BAD_LIMIT, "no limit is named")
                .next("--bandwidth 50MiB/s, --records 10000/s, either of them none; or --reset"));
        }
        Overrides::change(&project.overrides(), |overrides| {
            set(overrides, arguments, limit);
        })?
    };
    show(project, &overrides, form)
}

/// The limit that the command line asks for.
fn asked(arguments: &LimitArguments) -> Result<LimitChange, Problem> {
    let settings = LimitSettings {
        bandwidth: parsed("--bandwidth", arguments.bandwidth.as_deref())?,
        records: parsed("--records", arguments.records.as_deref())?,
    };
    Ok(change_of(&settings))
}

fn parsed<T>(option: &str, text: Option<&str>) -> Result<Option<OrNone<T>>, Problem>
where
    T: TryFrom<String>,
    T::Error: Display,
{
    let parse = |text: &str| {
        OrNone::try_from(text.to_owned())
            .map_err(|error| Problem::new(codes::BAD_LIMIT, format!("{option} {error}, or `none`")))
    };
    text.map(parse).transpose()
}

fn set(overrides: &mut Overrides, arguments: &LimitArguments, limit: LimitChange) {
    let place = match (&arguments.group, arguments.broker) {
        (Some(group), _) => overrides.groups.entry(group.clone()).or_default(),
        (None, Some(broker)) => overrides.brokers.entry(BrokerId(broker)).or_default(),
        (None, None) => &mut overrides.all,
    };
    *place = LimitChange {
        bytes_per_s: limit.bytes_per_s.or(place.bytes_per_s),
        records_per_s: limit.records_per_s.or(place.records_per_s),
    };
}

fn reset(overrides: &mut Overrides, arguments: &LimitArguments) {
    match (&arguments.group, arguments.broker) {
        (Some(group), _) => {
            overrides.groups.remove(group);
        }
        (None, Some(broker)) => {
            overrides.brokers.remove(&BrokerId(broker));
        }
        (None, None) => {
            overrides.all = LimitChange::default();
            overrides.groups.clear();
            overrides.brokers.clear();
        }
    }
}
