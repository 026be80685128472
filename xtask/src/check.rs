//! Everything that can be checked without running the code.

use anyhow::Result;

use crate::structure;
use crate::workspace::{cargo, run, say};

/// Checks structure, formatting, lints and documentation; the quick ones first.
pub(crate) fn check() -> Result<()> {
    say("structure");
    structure::check()?;
    say("formatting");
    run(cargo().args(["fmt", "--all", "--check"]))?;
    say("lints");
    run(cargo()
        .args(["clippy", "--workspace", "--all-targets", "--"])
        .args(["-D", "warnings"]))?;
    say("documentation");
    run(cargo()
        .args(["doc", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings"))
}
