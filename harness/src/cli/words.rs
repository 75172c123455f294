//! Words of pages: colours, headings, numbers, tables.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const BOLD: Style = Style::new().bold();

pub(crate) fn heading(page: &mut String, number: u8, text: &str) {
    line(page, format_args!("\n{BOLD}{number}. {text}{BOLD:#}"));
}

pub(crate) fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = writeln!(page, "{text}");
}

pub(crate) fn percent(fraction: f64) -> String {
    format!("{:.2} %", 100.0 * fraction)
}

/// A failure rate in digits; `None` is one without a closed form.
pub(crate) fn rate(value: Option<f64>) -> String {
    match value {
        None => "not known".to_owned(),
        Some(value) if value >= 0.01 => percent(value),
        Some(value) => format!("{value:.2e}"),
    }
}

pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Rows of cells in columns: the first to the left, the others to the right.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a line of headings.
    pub(crate) fn new<T: Into<String>>(headings: impl IntoIterator<Item = T>) -> Self {
        let mut table = Self::default();
        table.row(headings);
        table
    }

    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Writes the rows, set in by two blanks.
    pub(crate) fn write(&self, page: &mut String) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let of_column = |column: usize| {
            let cells = self.rows.iter().filter_map(move |row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(of_column).collect();
        for row in &self.rows {
            let mut text = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let _ = match column {
                    0 => write!(text, "  {cell:<width$}"),
                    _ => write!(text, "  {cell:>width$}"),
                };
            }
            line(page, format_args!("{}", text.trim_end()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(["", "a", "long"]);
        table.row(["name", "1.5", "2"]);
        let mut page = String::new();
        table.write(&mut page);
        assert_eq!(page, "          a  long\n  name  1.5     2\n");
    }

    #[test]
    fn numbers_are_parted() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
