//! Builds what the demo needs and runs it.

use anyhow::Result;

use crate::kafka_jars;
use crate::plugins;
use crate::workspace::{cargo, run, target};

/// Runs a whole migration between two real clusters.
pub(crate) fn demo(arguments: &[String]) -> Result<()> {
    plugins::build_all()?;
    kafka_jars::fetch(&[])?;
    run(cargo().args(["build", "--package", "ferry", "--package", "ferry-demo"]))?;
    run(
        std::process::Command::new(target().join("debug/ferry-demo"))
            .args(arguments)
            .env("FERRY_TEST_KAFKA_DIR", kafka_jars::folder()),
    )
}
