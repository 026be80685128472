//! `ferry plugin`: looks at, tests and measures plugins.

use crate::arguments::{OutputForm, PluginVerb};
use crate::codes;
use crate::deciders::{component, host};
use crate::exit::Exit;
use crate::output;
use ferry_config::PluginReference;
use ferry_model::problem::{Explain as _, Problem};
use ferry_plugins::fixtures::{self, Expectation, Outcome};
use ferry_plugins::{Plugin, bench, inspect};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;

pub(super) fn run(verb: PluginVerb, form: OutputForm) -> Result<Exit, Problem> {
    match verb {
        PluginVerb::Inspect { plugin } => show(&bytes(&plugin)?, form),
        PluginVerb::Test {
            plugin,
            fixtures,
            bless,
        } => test(&plugin, &fixtures, bless),
        PluginVerb::Bench { plugin, with } => measure(&plugin, &with),
        PluginVerb::List => list(form),
    }
}

/// The component that a person names: a file, or a stock plugin.
fn bytes(plugin: &str) -> Result<Vec<u8>, Problem> {
    let folder = Path::new(".");
    if Path::new(plugin).is_file() {
        return component(&PluginReference::File(plugin.into()), folder);
    }
    let reference = PluginReference::try_from(plugin.to_owned()).map_err(|error| {
        Problem::new(
            codes::WRONG_PLUGIN,
            format!("`{plugin}` is no plugin: it {error}"),
        )
        .next("ferry plugin list shows the stock plugins")
    })?;
    component(&reference, folder)
}

fn load(plugin: &str) -> Result<Plugin, Problem> {
    host()?
        .load(&bytes(plugin)?)
        .map_err(|error| error.problem())
}

fn show(bytes: &[u8], form: OutputForm) -> Result<Exit, Problem> {
    let inspection = inspect(bytes).map_err(|error| error.problem())?;
    let manifest = &inspection.manifest;
    let value = json!({
        "name": manifest.name.to_string(),
        "version": manifest.version.to_string(),
        "role": manifest.role,
        "description": manifest.description,
        "digest": inspection.digest,
        "bytes": bytes.len(),
        "imports": inspection.imports.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "exports": inspection.exports.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "grants": [],
        "schema": manifest.schema,
    });
    output::show(form, &value, || {
        let mut text = String::new();
        let _ = writeln!(text, "{} {}", manifest.name, manifest.version);
        let _ = writeln!(
            text,
            "  {}",
            ferry_plan::text::escaped(&manifest.description)
        );
        let _ = writeln!(text, "role     {}", manifest.role);
        let _ = writeln!(text, "digest   {}", inspection.digest);
        let size = ferry_model::offset::grouped(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        let _ = writeln!(text, "size     {size} bytes");
        let _ = writeln!(
            text,
            "grants   none asked: it sees questions and answers, nothing else"
        );
        for import in &inspection.imports {
            let _ = writeln!(text, "imports  {import}");
        }
        for export in &inspection.exports {
            let _ = writeln!(text, "exports  {export}");
        }
        let keys = manifest.schema["properties"].as_object();
        let keys: Vec<_> = keys.into_iter().flatten().collect();
        let _ = writeln!(text, "configuration");
        for (key, schema) in keys {
            let what = schema["description"].as_str().unwrap_or("");
            let what = what.split_inclusive(". ").next().unwrap_or(what).trim();
            let _ = writeln!(text, "  {key:<16} {}", ferry_plan::text::escaped(what));
        }
        text
    })?;
    Ok(Exit::Done)
}

fn test(plugin: &str, folder: &Path, bless: bool) -> Result<Exit, Problem> {
    let plugin = load(plugin)?;
    let expectation = if bless {
        Expectation::Bless
    } else {
        Expectation::Compare
    };
    let results = fixtures::run(&plugin, folder, expectation).map_err(|error| error.problem())?;
    let mut differing = 0;
    for result in &results {
        let word = match &result.outcome {
            Outcome::Passed => "ok",
            Outcome::Blessed => "blessed",
            Outcome::Differs(_) => "DIFFERS",
        };
        output::result(&format!("{word:<8} {}", result.name));
        if let Outcome::Differs(lines) = &result.outcome {
            differing += 1;
            for line in lines {
                output::result(&format!("    {line}"));
            }
        }
    }
    output::narrate(&format!("{} fixtures, {differing} differ", results.len()));
    Ok(if differing == 0 {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn measure(plugin: &str, with: &str) -> Result<Exit, Problem> {
    let with: serde_json::Value = serde_json::from_str(with).map_err(|error| {
        Problem::new(codes::NOT_JSON, format!("--with is not JSON: {error}"))
            .next("--with '{\"exclude\": []}'")
    })?;
    let plugin = load(plugin)?;
    let configuration = plugin
        .configure(&with, Path::new("."))
        .map_err(|error| error.problem())?;
    let report = bench::bench(&plugin, &configuration).map_err(|error| error.problem())?;
    output::result(&report.to_string());
    Ok(Exit::Done)
}

fn list(form: OutputForm) -> Result<Exit, Problem> {
    let mut plugins = Vec::new();
    for name in ferry_stock::names() {
        let bytes = ferry_stock::component(name).map_err(|error| error.problem())?;
        let inspection = inspect(bytes).map_err(|error| error.problem())?;
        plugins.push(json!({
            "name": inspection.manifest.name.to_string(),
            "version": inspection.manifest.version.to_string(),
            "role": inspection.manifest.role,
            "digest": inspection.digest,
        }));
    }
    if plugins.is_empty() {
        return Err(ferry_stock::StockError::NoneEmbedded.problem());
    }
    output::show(form, &plugins, || {
        let line = |plugin: &serde_json::Value| {
            let text = |key: &str| plugin[key].as_str().unwrap_or("").to_owned();
            format!(
                "{:<26} {:<8} {:<18} {}",
                text("name"),
                text("version"),
                text("role"),
                text("digest")
            )
        };
        plugins.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    Ok(Exit::Done)
}
