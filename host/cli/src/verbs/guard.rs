//! `ferry copy guard on|off`: whether the source is protected.

use crate::arguments::{OutputForm, Switch};
use crate::controls::show;
use crate::exit::Exit;
use crate::project::Project;
use ferry_model::problem::Problem;
use ferry_steps::overrides::Overrides;

pub(super) fn run(project: &Project, switch: Switch, form: OutputForm) -> Result<Exit, Problem> {
    let overrides = Overrides::change(&project.overrides(), |overrides| {
        overrides.guard_off = switch == Switch::Off;
    })?;
    show(project, &overrides, form)
}
