//! The operator of the demo: reads the plan, and answers what only a person may decide.

use crate::ferry::Ferry;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Times that plans are made before it is given up that all decisions are answered.
const ROUNDS_MAX: usize = 3;

/// Makes a plan without open decisions, and returns its file. `say` is told what is answered.
///
/// # Errors
/// Where a plan can't be made, or decisions stay open.
pub async fn plan(ferry: &Ferry, say: impl Fn(&str)) -> Result<PathBuf> {
    for _ in 0..ROUNDS_MAX {
        let run = ferry.run(&["plan", "--output", "json"]).await?;
        if run.code != Some(0) {
            bail!("ferry plan failed:\n{}", run.narration);
        }
        let plan: Value = serde_json::from_str(&run.out).context("the plan is no JSON")?;
        let open: Vec<_> = plan["decisions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|decision| decision["answer"].is_null())
            .collect();
        if open.is_empty() {
            let saved = run
                .narration
                .split_whitespace()
                .rfind(|word| word.ends_with(".json"));
            return Ok(PathBuf::from(saved.context("ferry plan names no file")?));
        }
        answer(ferry, &open, &say)?;
    }
    bail!("decisions are open after {ROUNDS_MAX} rounds of answers");
}

/// Writes the first of the possible answers to each open decision into `migration.yaml`.
fn answer(ferry: &Ferry, open: &[&Value], say: &impl Fn(&str)) -> Result<()> {
    let path = ferry.folder().join("migration.yaml");
    let mut text = std::fs::read_to_string(&path)?;
    if !text.contains("\ndecisions:") {
        text.push_str("decisions:\n");
    }
    say(&format!(
        "{} decisions are open; the operator answers them:",
        open.len()
    ));
    for decision in open {
        let id = decision["id"].as_str().unwrap_or_default();
        let answer = decision["answers"][0]["word"].as_str().unwrap_or_default();
        let subject = decision["subject"].as_str().unwrap_or_default();
        say(&format!("  {id}: {answer}   ({subject})"));
        writeln!(text, "  {id}: {answer}")?;
    }
    std::fs::write(path, text)?;
    Ok(())
}
