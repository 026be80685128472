//! What a plugin said, within limits.

use crate::printable;
use crate::settings::Limits;
use std::fmt;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Details for the plugin's author.
    Debug,
    /// Progress for the operator.
    Info,
    /// Something that the operator should look at.
    Warn,
    /// Something that went wrong.
    Error,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        })
    }
}

/// One line that a plugin wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The text: one line, fit for a terminal.
    pub text: String,
}

/// What a plugin wrote during one job.
#[derive(Debug, Default)]
pub struct Log {
    lines: Vec<LogLine>,
    bytes: usize,
    dropped: u64,
    last_error: Option<String>,
}

impl Log {
    /// The lines that were kept, in order.
    #[must_use]
    pub fn lines(&self) -> &[LogLine] {
        &self.lines
    }

    /// How many lines came after a limit was reached.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The last line of level error, also where it was dropped: the text of a panic comes last.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Takes a line, or counts it where a limit is reached.
    pub(crate) fn write(&mut self, level: LogLevel, text: &str, limits: &Limits) {
        let full = self.lines.len() >= limits.log_lines || self.bytes >= limits.log_bytes;
        if full && level != LogLevel::Error {
            self.dropped += 1;
            return;
        }
        let text = printable::line(text, limits.log_line_bytes);
        if level == LogLevel::Error {
            self.last_error = Some(text.clone());
        }
        if full {
            self.dropped += 1;
            return;
        }
        self.bytes += text.len();
        self.lines.push(LogLine { level, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_after_a_limit_are_counted_and_the_last_error_is_still_known() {
        let limits = Limits {
            log_lines: 2,
            ..Limits::default()
        };
        let mut log = Log::default();
        for text in ["one", "two", "three"] {
            log.write(LogLevel::Info, text, &limits);
        }
        log.write(LogLevel::Error, "panicked", &limits);
        assert_eq!((log.lines().len(), log.dropped()), (2, 2));
        assert_eq!(log.last_error(), Some("panicked"));
    }

    #[test]
    fn bytes_are_limited_over_all_lines() {
        let limits = Limits {
            log_bytes: 10,
            log_line_bytes: 6,
            ..Limits::default()
        };
        let mut log = Log::default();
        for _ in 0..5 {
            log.write(LogLevel::Info, "123456789", &limits);
        }
        assert_eq!(log.lines()[0].text, "123456...");
        assert_eq!((log.lines().len(), log.dropped()), (2, 3));
    }
}
