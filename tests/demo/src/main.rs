//! `./x demo`: a whole migration between two real clusters.

use anyhow::{Result, bail};
use ferry_demo::{Ferry, Stage, StageOptions, operator};
use ferry_estate::EstateOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "demo: {text}");
}

const USAGE: &str = "usage: ferry-demo [--stay] [--set-only]

  --stay      leaves both clusters running until Ctrl-C
  --set-only  starts and fills the clusters, and leaves the migration to you";

/// What was asked for.
#[derive(Debug, Default, Clone, Copy)]
struct Wishes {
    stay: bool,
    set_only: bool,
}

impl Wishes {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut wishes = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--stay" => wishes.stay = true,
                "--set-only" => {
                    wishes = Self {
                        stay: true,
                        set_only: true,
                    }
                }
                _ => bail!("there is no {argument}\n{USAGE}"),
            }
        }
        Ok(wishes)
    }
}

fn main() -> ExitCode {
    let wishes = match Wishes::parse(std::env::args().skip(1)) {
        Ok(wishes) => wishes,
        Err(error) => {
            say(&format!("{error:#}"));
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("no threads can be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(async {
        tokio::select! {
            biased;
            done = demo(wishes) => done,
            () = interrupted() => bail!("stopped by a signal; what was started is stopped"),
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// The folder of the demo, in the target folder beside the programs.
fn folder() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(2).unwrap_or(Path::new("target"));
    Ok(target.join("demo"))
}

async fn demo(wishes: Wishes) -> Result<()> {
    let began = Instant::now();
    let folder = folder()?;
    let options = StageOptions {
        name: "demo".to_owned(),
        estate: EstateOptions::full(),
        folder: folder.clone(),
        properties: Vec::new(),
        copy: Vec::new(),
    };
    let mut stage = Stage::set(options, say).await?;
    if let Some(estate) = &stage.estate {
        let _ = writeln!(std::io::stdout().lock(), "{}\n", estate.report());
    }
    if wishes.set_only {
        return stay(&stage, &folder).await;
    }
    migrate(&mut stage, &folder).await?;
    let seconds = began.elapsed().as_secs();
    say(&format!("done in {seconds} s"));
    if wishes.stay {
        return stay(&stage, &folder).await;
    }
    drop(stage);
    say("both clusters are stopped; with --stay they go on");
    look_further(&folder);
    Ok(())
}

/// Leaves the clusters running until a signal comes.
async fn stay(stage: &Stage, folder: &Path) -> Result<()> {
    look_further(folder);
    say("both clusters run until Ctrl-C");
    interrupted().await;
    let _ = stage;
    say("stopping both");
    Ok(())
}

fn look_further(folder: &Path) {
    let report = folder.join("ferry-report.html");
    if report.is_file() {
        say(&format!("the report: {}", report.display()));
    }
    say(&format!("to look further:  cd {}", folder.display()));
    say("  less migration.yaml          what a consultant wrote");
    say("  ../debug/ferry status        where the migration stands, from its journal");
    say("  ../debug/ferry plugin list   the plugins that decided");
}

async fn migrate(stage: &mut Stage, folder: &Path) -> Result<()> {
    let ferry = Ferry::beside_this_program(folder)?;
    say("ferry check");
    expect(ferry.show(&["check"]).await?, 0, "ferry check")?;
    say("ferry plan");
    expect(ferry.show(&["plan"]).await?, 0, "ferry plan")?;
    let plan = operator::plan(&ferry, say).await?;
    let plan = plan.display().to_string();
    say(&format!("ferry apply {plan}"));
    // One application is still running: its group waits, and everything else is done.
    expect(ferry.show(&["apply", &plan]).await?, 7, "ferry apply")?;
    say("the last application stops; ferry apply again, for its group");
    stage.stop_applications();
    expect(ferry.show(&["apply", &plan]).await?, 0, "ferry apply")?;
    expect(ferry.show(&["report"]).await?, 0, "ferry report")?;
    Ok(())
}

fn expect(code: Option<i32>, expected: i32, what: &str) -> Result<()> {
    if code == Some(expected) {
        return Ok(());
    }
    match code {
        Some(code) => bail!("{what} ended with exit code {code}, not {expected}"),
        None => bail!("{what} was ended by a signal"),
    }
}
