//! One file per verb.

mod apply;
mod check;
mod discover;
mod explain;
mod guard;
mod init;
mod limit;
mod partitions;
mod pause;
mod plan;
mod plugin;
mod recopy;
mod report;
mod rollback;
mod status;
mod verify;
mod worker;

use crate::arguments::{Arguments, CopyVerb, Verb};
use crate::exit::Exit;
use crate::output;
use crate::project::Project;
use clap::CommandFactory as _;
use ferry_model::problem::Problem;
use std::time::Duration;

/// Runs the verb that was asked for.
pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Problem> {
    let form = arguments.output;
    let project = || Project::load(&arguments.config);
    match arguments.verb {
        Verb::Init { name } => init::run(&arguments.config, &name),
        Verb::Discover { save } => discover::run(&project()?, save.as_deref()).await,
        Verb::Plan(plan) => plan::run(&project()?, &plan, form).await,
        Verb::Check { only } => check::run(&project()?, only.as_deref(), form).await,
        Verb::Apply {
            plan,
            until,
            drain_limit,
            expire_unread,
        } => {
            let options = apply::ApplyOptions {
                drain_limit: Duration::from_secs(drain_limit),
                expire_unread,
            };
            apply::run(&project()?, &plan, until.as_deref(), options, form).await
        }
        Verb::Status { partitions: false } => status::run(&project()?, form),
        Verb::Status { partitions: true } => partitions::run(&project()?, form).await,
        Verb::Verify { plan } => verify::run(&project()?, plan.as_deref(), form).await,
        Verb::Report { save } => report::run(&project()?, &save),
        Verb::Rollback { dry_run, yes } => rollback::run(&project()?, dry_run, yes, form).await,
        Verb::Copy {
            worker: Some(worker),
            ..
        } => worker::run(&project()?, &worker).await,
        Verb::Copy {
            verb: Some(CopyVerb::Recopy { topic, yes }),
            ..
        } => recopy::run(&project()?, &topic, yes).await,
        Verb::Copy {
            verb: Some(CopyVerb::Limit(limit)),
            ..
        } => limit::run(&project()?, &limit, form),
        Verb::Copy {
            verb: Some(CopyVerb::Guard { switch }),
            ..
        } => guard::run(&project()?, switch, form),
        Verb::Copy {
            verb: Some(CopyVerb::Pause { group }),
            ..
        } => pause::run(&project()?, group.as_deref(), true, form),
        Verb::Copy {
            verb: Some(CopyVerb::Resume { group }),
            ..
        } => pause::run(&project()?, group.as_deref(), false, form),
        Verb::Copy { .. } => Err(Problem::new(
            crate::codes::NO_SUCH_PART,
            "ferry copy needs --worker I/N or a verb of its own",
        )
        .next("ferry copy --help")),
        Verb::Plugin { verb } => plugin::run(verb, form),
        Verb::Explain { code } => explain::run(&code),
        Verb::Schema => {
            let schema = ferry_config::schema::json_schema();
            output::show(crate::arguments::OutputForm::Json, &schema, String::new)?;
            Ok(Exit::Done)
        }
        Verb::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "ferry", &mut text);
            output::result(&String::from_utf8_lossy(&text));
            Ok(Exit::Done)
        }
    }
}
