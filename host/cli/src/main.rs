//! The `ferry` command: moves a company from one Kafka to another.
//!
//! One file per verb in `verbs`. Results go to stdout, narration and problems to stderr, and the
//! exit code says what a script has to know ([`exit`]).

#![allow(
    clippy::result_large_err,
    reason = "a problem is made once and told to a person: its size does not matter"
)]

mod arguments;
mod clients;
mod codes;
mod controls;
mod deciders;
mod exit;
mod interrupt;
mod output;
mod project;
mod report;
mod reporter;
mod undertake;
mod verbs;

use arguments::Arguments;
use clap::Parser as _;
use exit::Exit;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() {
                Exit::BadInput
            } else {
                Exit::Done
            }
            .into();
        }
    };
    narrate();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&format!("error: no threads can be started: {error}"));
            return Exit::Failed.into();
        }
    };
    let exit = match runtime.block_on(verbs::run(arguments)) {
        Ok(exit) => exit,
        Err(problem) => {
            output::complain(&problem.to_string());
            Exit::of(&problem)
        }
    };
    // Whatever still hangs on a socket must not keep an answered command from ending.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    exit.into()
}

/// Log lines go to stderr: warnings, or what `FERRY_LOG` asks for (`debug`, `ferry_copy=trace`).
fn narrate() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("FERRY_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}
