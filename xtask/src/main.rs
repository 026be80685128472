//! The chores of the project: `cargo xtask VERB`. The script `x` prepares a fresh machine and then
//! calls this.

mod bench;
mod build;
mod chaos;
mod check;
mod demo;
mod kafka_jars;
mod plugins;
mod simulate;
mod structure;
mod test;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask VERB

verbs:
  bench [ARGUMENT..]      measures the copy on this machine
  build                   builds the plugins and the binary
  chaos [ARGUMENT..]      kills and stops workers that copy between real clusters:
                          kills --kills N --records M, or stops --stops N --records M
  demo [--stay]           runs a whole migration between two real clusters; with --stay both go on
                          until Ctrl-C, so that you can look around
  check                   formatting, lints, documentation, structure
  kafka-jars [RELEASE..]  fetches the jars of Kafka into target/kafka (the releases that tests need,
                          unless told)
  plugins                 builds the stock plugins into target/plugins
  simulate [ARGUMENT..]   runs the copy through schedules of faults: --seed N --runs M
  test [ARGUMENT..]       runs every test; the arguments are those of cargo test";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            workspace::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((verb, rest)) = arguments.split_first() else {
        bail!("which verb?\n{USAGE}");
    };
    match verb.as_str() {
        "bench" => bench::bench(rest),
        "build" => build::build(),
        "chaos" => chaos::chaos(rest),
        "check" => check::check(),
        "kafka-jars" => kafka_jars::fetch(rest),
        "plugins" => plugins::build_all().map(drop),
        "simulate" => simulate::simulate(rest),
        "test" => test::test(rest),
        "demo" => demo::demo(rest),
        "help" | "--help" | "-h" => {
            workspace::say(USAGE);
            Ok(())
        }
        _ => bail!("no verb is called {verb:?}\n{USAGE}"),
    }
}
