//! Aligned columns that wrap instead of cutting off.

/// The space between two columns.
const GAP: usize = 2;
/// The width below which no column is squeezed.
const COLUMN_LEAST: usize = 6;

/// Rows of cells. Columns are as wide as their widest cell; where a line does not fit, the widest
/// columns give way, and their cells go on in the next line.
#[derive(Default)]
pub(super) struct Grid {
    rows: Vec<Vec<String>>,
    indent: usize,
    right: Vec<usize>,
}

impl Grid {
    /// A grid that stands `indent` characters from the left, with the columns of `right` aligned to
    /// the right.
    pub(super) fn new(indent: usize, right: &[usize]) -> Self {
        Self {
            rows: Vec::new(),
            indent,
            right: right.to_vec(),
        }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, each ended.
    pub(super) fn lines(&self, width: usize) -> String {
        let widths = self.widths(width);
        let mut text = String::new();
        for row in &self.rows {
            let cells: Vec<Vec<String>> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| wrap(cell, *width))
                .collect();
            let height = cells.iter().map(Vec::len).max().unwrap_or(0);
            for line_number in 0..height {
                let mut line = " ".repeat(self.indent);
                for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                    let part = cell.get(line_number).map_or("", String::as_str);
                    let space = " ".repeat(width - part.chars().count());
                    if self.right.contains(&column) {
                        line += &space;
                        line += part;
                    } else {
                        line += part;
                        line += &space;
                    }
                    line += &" ".repeat(GAP);
                }
                text += line.trim_end();
                text.push('\n');
            }
        }
        text
    }

    fn widths(&self, width: usize) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..columns).map(widest).collect();
        let room = width.saturating_sub(self.indent + GAP * columns.saturating_sub(1));
        let mut excess = widths.iter().sum::<usize>().saturating_sub(room);
        // One character at a time off the widest column: at most as many steps as characters.
        while excess > 0 {
            let Some(most) = widths.iter_mut().max().filter(|most| **most > COLUMN_LEAST) else {
                break;
            };
            *most -= 1;
            excess -= 1;
        }
        widths
    }
}

/// Breaks `text` into lines of at most `width` characters, at spaces where there are any.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        let mut rest: Vec<char> = word.chars().collect();
        let needed = if length == 0 {
            rest.len()
        } else {
            length + 1 + rest.len()
        };
        if needed <= width {
            if length > 0 {
                line.push(' ');
            }
            line.extend(&rest);
            length = needed;
            continue;
        }
        if length > 0 {
            lines.push(std::mem::take(&mut line));
        }
        while rest.len() > width {
            lines.push(rest.drain(..width).collect());
        }
        length = rest.len();
        line.extend(&rest);
    }
    lines.push(line);
    lines
}

/// `text` behind `label`, with further lines under the beginning of `text`.
pub(super) fn paragraph(label: &str, hang: usize, text: &str, width: usize) -> String {
    let mut result = String::new();
    for (number, line) in wrap(text, width.saturating_sub(hang).max(20))
        .iter()
        .enumerate()
    {
        let start = if number == 0 { label } else { "" };
        result += format!("{start:<hang$}{line}").trim_end();
        result.push('\n');
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_what_does_not_fit_goes_on_below() {
        let mut grid = Grid::new(2, &[1]);
        grid.row([
            "orders".into(),
            "7".into(),
            "a reason of several words".into(),
        ]);
        grid.row([
            "a-name-without-any-space".into(),
            "1,234".into(),
            "short".into(),
        ]);
        assert_eq!(
            grid.lines(40),
            "  orders               7  a reason of\n                          several words\n  \
             a-name-without-  1,234  short\n  any-space\n"
        );
        for line in grid.lines(40).lines() {
            assert!(line.chars().count() <= 40, "{line}");
        }
    }

    #[test]
    fn nothing_is_lost_by_wrapping() {
        for width in 1..30 {
            let text = "one two-three  four é漢字 five";
            let lines = wrap(text, width);
            let joined: String = lines.concat().split(' ').collect();
            assert_eq!(joined, text.split(' ').collect::<String>(), "{width}");
            assert!(
                lines.iter().all(|line| line.chars().count() <= width),
                "{lines:?}"
            );
        }
    }
}
