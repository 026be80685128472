//! Kills and stops workers between real clusters: see tests/chaos.

use anyhow::Result;

use crate::kafka_jars;
use crate::plugins;
use crate::workspace::{cargo, run};

/// Runs `ferry-chaos` with `arguments`, on the binary as it is built for tests.
pub(crate) fn chaos(arguments: &[String]) -> Result<()> {
    plugins::build_all()?;
    kafka_jars::fetch(&[])?;
    run(cargo().args(["build", "--package", "ferry"]))?;
    run(cargo()
        .args(["run", "--package", "ferry-chaos", "--"])
        .args(arguments)
        .env("FERRY_TEST_KAFKA_DIR", kafka_jars::folder()))
}
