//! Runs the copy through schedules of faults: see tests/simulator.

use anyhow::Result;

use crate::workspace::{cargo, root, run};

/// Where seeds with a violation are kept, to be run again with the tests.
const REGRESSIONS: &str = "tests/simulator/tests/regressions.txt";

/// Simulates; `arguments` are those of `ferry-simulator`. A `--bug` is found only where mistakes are
/// compiled in, and says nothing about the copy.
pub(crate) fn simulate(arguments: &[String]) -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--package", "ferry-simulator"]);
    let planted = arguments
        .iter()
        .any(|argument| argument.starts_with("--bug"));
    if planted {
        command.args(["--features", "planted-bugs"]);
    }
    command.arg("--").args(arguments);
    if !planted {
        command.arg("--keep").arg(root().join(REGRESSIONS));
    }
    run(&mut command)
}

/// Makes sure that mistakes are found which were planted on purpose.
pub(crate) fn find_planted() -> Result<()> {
    run(cargo()
        .args(["test", "--package", "ferry-simulator"])
        .args(["--features", "planted-bugs", "--test", "planted"]))
}
