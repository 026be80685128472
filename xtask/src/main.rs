//! The chores of the project: `cargo xtask VERB`. The script `x` prepares a fresh machine and then
//! calls this.

mod kafka_jars;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask VERB

verbs:
  kafka-jars [RELEASE..]  fetches the jars of Kafka into target/kafka (the releases that tests need,
                          unless told)";

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
        "kafka-jars" => kafka_jars::fetch(rest),
        "help" | "--help" | "-h" => {
            workspace::say(USAGE);
            Ok(())
        }
        _ => bail!("no verb is called {verb:?}\n{USAGE}"),
    }
}
