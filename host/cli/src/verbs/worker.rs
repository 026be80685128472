//! `ferry copy --worker I/N`: copies as one of several workers, and follows the source.

use crate::codes;
use crate::exit::Exit;
use crate::project::Project;
use crate::undertake::{topic_ids, undertake, workers};
use crate::{interrupt, output};
use ferry_copy::job::{CopyProgress, CopyReport, Until};
use ferry_copy::worker::{self, CopyError};
use ferry_model::offset::grouped;
use ferry_model::problem::Problem;
use ferry_steps::{Following, GuardTelling, LOOK_EVERY, NobodyDecides, copy_problem, worker_job};
use std::time::Duration;
use tokio::sync::watch;

/// How often a line tells how far it is.
const TELL_EVERY: Duration = Duration::from_secs(10);

pub(super) async fn run(project: &Project, worker: &str) -> Result<Exit, Problem> {
    let number = number(project, worker)?;
    let plan = project.plan(None)?;
    let Some(recorded) = project.recorded()? else {
        return Err(
            Problem::new(codes::NOT_STARTED, "this migration was not started yet")
                .next("ferry apply PLAN --until topics"),
        );
    };
    let ids = topic_ids(&recorded.status);
    if ids.is_empty() {
        return Err(Problem::new(
            codes::NOT_STARTED,
            "the topics of the target are not there yet",
        )
        .next("ferry apply PLAN --until topics"));
    }
    let stop = interrupt::listen();
    let undertaking = undertake(
        project,
        &plan,
        NobodyDecides::default(),
        Duration::ZERO,
        false,
    )
    .await?;
    let mut job = worker_job(&undertaking, &ids, number, Until::Stopped);
    let (mut following, controls) = Following::begin(&undertaking)?;
    job.settings.controls = controls;
    if let Some(text) = following.first_line() {
        output::narrate(&format!("worker {worker}  {text}"));
    }
    let mut look = tokio::time::interval(LOOK_EVERY);
    output::narrate(&format!(
        "worker {worker} of {}: {} partitions",
        project.name(),
        grouped(job.partitions.len() as i64)
    ));
    let (told, mut heard) = watch::channel(CopyProgress::default());
    let (cancel, cancelled) = watch::channel(false);
    let running = worker::run(job, told, cancelled);
    tokio::pin!(running);
    let mut tick = tokio::time::interval(TELL_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before = CopyProgress::default();
    let mut guard = GuardTelling::new(&undertaking.directory, number);
    let mut stop_seen = false;
    let ended = loop {
        tokio::select! {
            ended = &mut running => break ended,
            _ = tick.tick() => {
                let now = heard.borrow_and_update().clone();
                output::narrate(&line(worker, &before, &now));
                before = now;
            }
            _ = look.tick() => {
                if let Some(text) = following.look() {
                    output::narrate(&format!("worker {worker}  {text}"));
                }
                for text in guard.lines(&heard.borrow().guard) {
                    output::narrate(&format!("worker {worker}  {text}"));
                }
            }
            () = stop.requested(), if !stop_seen => {
                stop_seen = true;
                // Nobody listens any more where the copy has ended by itself.
                let _ = cancel.send(true);
            }
        }
    };
    match ended {
        Ok(report) => Ok(done(worker, &report)),
        Err(error @ CopyError::Sealed { .. }) => {
            output::result(&format!("worker {worker}: done, {error}"));
            Ok(Exit::Done)
        }
        Err(error) => Err(copy_problem(&error)),
    }
}

/// The number in `I/N`, where N is what the configuration says.
fn number(project: &Project, worker: &str) -> Result<u32, Problem> {
    let count = workers(&project.configuration.settings.copy).count();
    let bad = |what: String| {
        Problem::new(codes::NO_SUCH_PART, what)
            .cause("copy.workers, and workers of topic groups, say how many there are")
            .next(format!("ferry copy --worker 1/{count}"))
    };
    let (number, of) = worker
        .split_once('/')
        .and_then(|(number, of)| Some((number.parse::<u32>().ok()?, of.parse::<u32>().ok()?)))
        .ok_or_else(|| bad(format!("--worker {worker}: expected I/N, as 2/3")))?;
    if of != count {
        return Err(bad(format!(
            "--worker {worker}: migration.yaml says that there are {count}"
        )));
    }
    if number == 0 || number > of {
        return Err(bad(format!(
            "--worker {worker}: workers are numbered from 1 to {of}"
        )));
    }
    Ok(number)
}

/// One line on how far it is.
fn line(worker: &str, before: &CopyProgress, now: &CopyProgress) -> String {
    let seconds = (now.elapsed.saturating_sub(before.elapsed))
        .as_secs_f64()
        .max(0.001);
    let bytes = now.bytes.saturating_sub(before.bytes) as f64;
    let mut line = format!(
        "worker {worker}  {} of {} partitions caught up  lag {}  {:.1} MiB/s",
        grouped(now.partitions_done as i64),
        grouped(now.partitions as i64),
        grouped(now.lag),
        bytes / seconds / f64::from(1 << 20)
    );
    if now.partitions_halted > 0 {
        line += &format!("  {} halted: ferry status", now.partitions_halted);
    }
    line
}

fn done(worker: &str, report: &CopyReport) -> Exit {
    let halted: Vec<_> = report
        .outcomes
        .iter()
        .filter_map(|outcome| Some((outcome, outcome.halted.as_ref()?)))
        .collect();
    for (outcome, halt) in &halted {
        let problem = halt.problem(&outcome.source, &outcome.target);
        output::narrate(&format!("{}  {}", problem.code, problem.what));
    }
    output::result(&format!(
        "worker {worker}: stopped, {} records copied, lag {}",
        grouped(report.progress.records),
        grouped(report.progress.lag)
    ));
    match halted.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    }
}
