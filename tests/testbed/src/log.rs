//! Reads what a process wrote into its log, to say why it failed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// How much of the end of a log is looked at.
const READ_BYTES_MAX: u64 = 1024 * 1024;

/// How many lines with the beginning of an error are shown, each with its message and causes.
const ERRORS_MAX: usize = 6;

/// How many lines of the end are shown after them.
const LAST_LINES: usize = 6;

/// What matters in a log from byte `from` on: the lines that tell of errors, without their stack
/// traces, and the last lines.
pub(crate) fn summary(log: &Path, from: u64) -> String {
    match read_from(log, from) {
        Ok(text) => summarize(&text),
        Err(error) => format!("(the log can not be read: {error})"),
    }
}

/// What a log holds from byte `from` on, or the end of that if it is long.
pub(crate) fn read_from(log: &Path, from: u64) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    let begin = from.max(length.saturating_sub(READ_BYTES_MAX));
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn summarize(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut shown = Vec::new();
    let mut errors = 0;
    let mut after_error = false;
    for line in &lines {
        let begins = line.contains(" ERROR ") || line.contains(" FATAL ");
        let belongs = after_error && (is_exception(line) || line.starts_with("Caused by: "));
        if begins {
            errors += 1;
        }
        if errors > ERRORS_MAX {
            break;
        }
        if begins || belongs || is_of_java(line) {
            shown.push(*line);
        }
        // The trace of an error goes on until the next dated line.
        after_error =
            begins || (after_error && !line.starts_with(|one: char| one.is_ascii_digit()));
    }
    if !shown.is_empty() {
        shown.push("...");
    }
    shown.extend(&lines[lines.len().saturating_sub(LAST_LINES)..]);
    shown.join("\n")
}

/// The first line of a stack trace: the exception and its message.
fn is_exception(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    !name.contains(' ') && (name.ends_with("Exception") || name.ends_with("Error"))
}

/// A line of the Java machine itself, which comes before any log does.
fn is_of_java(line: &str) -> bool {
    [
        "Error: ",
        "Exception in thread",
        "Unrecognized ",
        "Terminating due to",
    ]
    .iter()
    .any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_errors_with_causes_and_the_end_but_no_traces() {
        let mut text = String::from(
            "2026-01-01T00:00:00,000 INFO [main] starting (Server)\n\
             2026-01-01T00:00:01,000 ERROR [main] Exiting (Server)\n\
             java.lang.IllegalArgumentException: no such key\n\
             \tat kafka.Kafka.main(Kafka.scala)\n\
             Caused by: java.io.IOException: no such file\n",
        );
        for number in 0..50 {
            text.push_str(&format!(
                "2026-01-01T00:00:02,000 INFO [main] line {number}\n"
            ));
        }
        let summary = summarize(&text);
        assert!(summary.contains("Exiting"), "{summary}");
        assert!(summary.contains("IllegalArgumentException: no such key"));
        assert!(summary.contains("Caused by: java.io.IOException"));
        assert!(!summary.contains("\tat ") && !summary.contains("starting"));
        assert!(summary.ends_with("line 49") && !summary.contains("line 40"));
    }
}
