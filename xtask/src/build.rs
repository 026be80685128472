//! Builds what a user installs.

use anyhow::Result;

use crate::workspace::{cargo, run, say, target};

/// Builds the plugins and then the binary, which carries them.
pub(crate) fn build() -> Result<()> {
    run(cargo().args(["build", "--release", "--package", "ferry"]))?;
    say(&format!(
        "built {}",
        target().join("release/ferry").display()
    ));
    Ok(())
}
