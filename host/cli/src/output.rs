//! What goes to stdout and stderr. A reader that has gone away (`| head`) is no error.

use crate::arguments::OutputForm;
use crate::codes;
use ferry_model::problem::Problem;
use serde::Serialize;
use std::io::Write as _;

/// Columns that tables are laid out for where stdout is no terminal.
const WIDTH: usize = 100;
/// The narrowest and the widest table.
const WIDTHS: std::ops::RangeInclusive<usize> = 48..=140;

/// Columns that tables are laid out for: those of the terminal, within reason.
pub(crate) fn width() -> usize {
    let size = console::Term::stdout().size_checked();
    size.map_or(WIDTH, |(_, columns)| {
        usize::from(columns).clamp(*WIDTHS.start(), *WIDTHS.end())
    })
}

/// Writes a line of result.
pub(crate) fn result(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.trim_end_matches('\n').as_bytes());
    let _ = out.write_all(b"\n");
}

/// Writes a line of narration.
pub(crate) fn narrate(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes a problem.
pub(crate) fn complain(text: &str) {
    narrate(text);
}

/// Writes `value` for programs, or `table` for people.
///
/// # Errors
/// A [`Problem`] where the value has no JSON form.
pub(crate) fn show(
    form: OutputForm,
    value: &impl Serialize,
    table: impl FnOnce() -> String,
) -> Result<(), Problem> {
    match form {
        OutputForm::Table => result(&table()),
        OutputForm::Json => {
            let text = serde_json::to_string_pretty(value);
            result(&text.map_err(|error| no_form(&error))?);
        }
        OutputForm::Yaml => {
            let value = serde_json::to_value(value).map_err(|error| no_form(&error))?;
            let mut text = String::new();
            yaml(&value, 0, &mut text);
            result(&text);
        }
    }
    Ok(())
}

fn no_form(error: &serde_json::Error) -> Problem {
    Problem::new(
        codes::NOT_SHOWN,
        format!("the result has no JSON form: {error}"),
    )
}

/// Writes `value` as YAML. Strings and keys are written as JSON strings, which are YAML too
/// (YAML 1.2, section 1.3), so that nothing has to be guessed about quoting.
fn yaml(value: &serde_json::Value, depth: usize, text: &mut String) {
    use serde_json::Value;
    let indent = |text: &mut String, depth: usize| {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 || depth > 0 {
                    indent(text, depth);
                }
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push_str(": ");
                yaml(value, depth + 1, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 || depth > 0 {
                    indent(text, depth);
                }
                text.push_str("- ");
                yaml(item, depth + 1, text);
            }
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

/// Asks a yes-or-no question on stderr. Without a terminal the answer is no.
pub(crate) fn ask(question: &str) -> bool {
    use std::io::IsTerminal as _;
    if !std::io::stdin().is_terminal() {
        return false;
    }
    let _ = write!(std::io::stderr().lock(), "{question} [y/N] ");
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
