//! Figures of several runs, and tables of them: the same text for the terminal and for Markdown.

use anyhow::{Context as _, Result};
use std::fs;
use std::io::Write as _;

use crate::folder;

/// The least, the median and the most of several runs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of `values`; zeros where there are none. Of an even number the upper of the two in the
    /// middle is the median.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or_default();
        Self {
            least: at(0),
            median: at(values.len() / 2),
            most: at(values.len().saturating_sub(1)),
        }
    }

    /// `1.04 (0.98 to 1.30)`, with about three digits that count.
    pub(crate) fn text(self) -> String {
        let Self {
            least,
            median,
            most,
        } = self;
        format!("{} ({} to {})", number(median), number(least), number(most))
    }
}

/// A number with about three digits that count.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 99.5 => ferry_model::offset::grouped(value.round() as i64),
        size if size >= 9.95 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A table: a title, a head, rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with this title and head.
    pub(crate) fn new(title: impl Into<String>, head: &[&str]) -> Self {
        Self {
            title: title.into(),
            head: head.iter().map(|cell| (*cell).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// As Markdown, with cells of equal width.
    pub(crate) fn markdown(&self) -> String {
        let lines = || std::iter::once(&self.head).chain(&self.rows);
        let width = |column: usize| {
            let cells = lines().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let mut text = format!("{}\n\n", self.title);
        for (place, line) in lines().enumerate() {
            for (cell, width) in line.iter().zip(&widths) {
                text.push_str(&format!("| {cell:<width$} "));
            }
            text.push_str("|\n");
            if place == 0 {
                for width in &widths {
                    text.push_str(&format!("|{}", "-".repeat(width + 2)));
                }
                text.push_str("|\n");
            }
        }
        text
    }
}

/// Prints `tables`, those without rows left out, and writes them to `target/bench/NAME.md`.
pub(crate) fn publish(name: &str, tables: &[Table]) -> Result<()> {
    let filled = tables.iter().filter(|table| !table.rows.is_empty());
    let texts: Vec<String> = filled.map(Table::markdown).collect();
    let text = texts.join("\n");
    let folder = folder::bench();
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let file = folder.join(format!("{name}.md"));
    fs::write(&file, &text).with_context(|| file.display().to_string())?;
    tell(&format!("\n{text}"))
}

/// Says something on the terminal.
pub(crate) fn tell(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_does_not_care_in_which_order_runs_came() {
        let spread = Spread::of([3.0, 1.0, 200.0]);
        assert_eq!(spread.text(), "3.00 (1.00 to 200)");
        assert_eq!(Spread::of([]), Spread::default());
    }

    #[test]
    fn numbers_keep_about_three_digits() {
        let texts = [0.123, 9.949, 9.96, 99.6, 123_456.7].map(number);
        assert_eq!(texts, ["0.12", "9.95", "10.0", "100", "123,457"]);
    }

    #[test]
    fn cells_of_a_column_are_equally_wide() {
        let mut table = Table::new("Figures", &["peer", "MB/s"]);
        table.rows.push(vec!["Ferry".into(), "1".into()]);
        let expected = "Figures\n\n| peer  | MB/s |\n|-------|------|\n| Ferry | 1    |\n";
        assert_eq!(table.markdown(), expected);
    }
}
