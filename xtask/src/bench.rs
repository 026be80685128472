//! Measures what the documents promise.

use anyhow::Result;

use crate::kafka_jars;
use crate::plugins;
use crate::workspace::{cargo, run};

/// Measures the copy, then the plugins. The optimised build, as a user installs it.
pub(crate) fn bench(arguments: &[String]) -> Result<()> {
    plugins::build_all()?;
    kafka_jars::fetch(&[])?;
    run(cargo()
        .args([
            "run",
            "--release",
            "--quiet",
            "--package",
            "ferry-bench",
            "--",
        ])
        .args(arguments)
        .env("FERRY_TEST_KAFKA_DIR", kafka_jars::folder()))?;
    let ferry = ["run", "--release", "--quiet", "--package", "ferry", "--"];
    run(cargo()
        .args(ferry)
        .args(["plugin", "bench", "ferry/topic-filter"]))
}
