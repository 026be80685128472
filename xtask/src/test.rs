//! Runs every test, those on real servers included.

use anyhow::Result;

use crate::kafka_jars;
use crate::plugins;
use crate::simulate;
use crate::workspace::{cargo, run};

/// Prepares what tests need and runs them; `arguments` are those of `cargo test`.
pub(crate) fn test(arguments: &[String]) -> Result<()> {
    plugins::build_all()?;
    kafka_jars::fetch(&[])?;
    // Some tests run the binary as a user would. With the whole workspace it is built among all else.
    if arguments
        .iter()
        .any(|argument| matches!(argument.as_str(), "-p" | "--package"))
    {
        run(cargo().args(["build", "--package", "ferry"]))?;
    }
    run(cargo()
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(arguments)
        .env("FERRY_TEST_KAFKA_DIR", kafka_jars::folder()))?;
    if arguments.is_empty() {
        simulate::find_planted()?;
    }
    Ok(())
}
