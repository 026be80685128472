//! `ferry copy pause` and `ferry copy resume`: lets topic groups rest and go on.

use crate::arguments::OutputForm;
use crate::controls::{known_group, show, topic_groups};
use crate::exit::Exit;
use crate::project::Project;
use ferry_model::problem::Problem;
use ferry_steps::overrides::Overrides;
use std::collections::BTreeSet;

pub(super) fn run(
    project: &Project,
    group: Option<&str>,
    pause: bool,
    form: OutputForm,
) -> Result<Exit, Problem> {
    let groups = topic_groups(project)?;
    if let Some(group) = group {
        known_group(project, group, &groups)?;
    }
    let overrides = Overrides::change(&project.overrides(), |overrides| match (group, pause) {
        (None, _) => {
            overrides.paused = pause;
            overrides.paused_groups.clear();
        }
        (Some(group), true) => {
            overrides.paused_groups.insert(group.to_owned());
        }
        (Some(group), false) => resume(overrides, group, groups),
    })?;
    show(project, &overrides, form)
}

/// Lets one group go on; where all of them rest, the others go on resting.
fn resume(overrides: &mut Overrides, group: &str, groups: BTreeSet<String>) {
    if overrides.paused {
        overrides.paused = false;
        overrides.paused_groups = groups;
    }
    overrides.paused_groups.remove(group);
}
