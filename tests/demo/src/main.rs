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

fn main() -> ExitCode {
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
            done = demo() => done,
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

async fn demo() -> Result<()> {
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
    let ferry = Ferry::beside_this_program(&folder)?;
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
    drop(stage);
    let seconds = began.elapsed().as_secs();
    say(&format!("done in {seconds} s; both clusters are stopped"));
    say(&format!(
        "the report: {}",
        folder.join("ferry-report.html").display()
    ));
    say(&format!("to look further:  cd {}", folder.display()));
    say("  less migration.yaml          what a consultant wrote");
    say("  ../debug/ferry status        where the migration stands, from its journal");
    say("  ../debug/ferry plugin list   the plugins that decided");
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
