//! Builds what a user installs.

use anyhow::Result;

use crate::plugins;
use crate::workspace::{cargo, run, say, target};

/// Builds the plugins and then the binary, which carries them.
pub(crate) fn build() -> Result<()> {
    plugins::build_all()?;
    run(cargo().args(["build", "--release", "--package", "ferry"]))?;
    say(&format!(
        "built {}",
        target().join("release/ferry").display()
    ));
    Ok(())
}
