//! Measures what the documents promise.

use anyhow::Result;
use std::path::Path;
use std::process::Command;

use crate::kafka_jars;
use crate::plugins;
use crate::workspace::{cargo, run};

/// What asks for a part of the measurements, so that the plugins are left out.
const PARTS: [&str; 8] = [
    "large",
    "tiny",
    "many",
    "partitions",
    "drain",
    "price",
    "help",
    "--help",
];

/// The environment variable that names the place of the brokers' data.
const DATA_VARIABLE: &str = "FERRY_TESTBED_DIR";

/// A file system in memory (tmpfs(5)), where the system has one.
const MEMORY: &str = "/dev/shm";

/// Measures the copy beside others, then the plugins, in the optimised build, as a user installs
/// it. `arguments` are those of `ferry-bench`; `plugins` stands for the plugins alone.
pub(crate) fn bench(arguments: &[String]) -> Result<()> {
    let asked = |part: &&str| arguments.iter().any(|argument| argument == part);
    if asked(&"plugins") {
        return plugins();
    }
    copy(arguments)?;
    if PARTS.iter().any(asked) {
        return Ok(());
    }
    plugins()
}

/// Ferry beside MirrorMaker 2 and others.
fn copy(arguments: &[String]) -> Result<()> {
    kafka_jars::fetch(&[])?;
    kafka_jars::fetch_mirror_maker()?;
    let mut command = release("ferry-bench");
    command
        .args(arguments)
        .env("FERRY_TEST_KAFKA_DIR", kafka_jars::folder());
    // The disk would be measured otherwise, and it is the slowest part of many machines.
    if std::env::var_os(DATA_VARIABLE).is_none() && Path::new(MEMORY).is_dir() {
        command.env(DATA_VARIABLE, Path::new(MEMORY).join("ferry-bench"));
    }
    run(&mut command)
}

/// The price of a plugin's call.
fn plugins() -> Result<()> {
    plugins::build_all()?;
    run(release("ferry").args(["plugin", "bench", "ferry/topic-filter"]))
}

/// Runs the program of `package` in its optimised build.
fn release(package: &str) -> Command {
    let mut command = cargo();
    command
        .args(["run", "--release", "--quiet"])
        .args(["--package", package, "--"]);
    command
}
