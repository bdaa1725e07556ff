//! Lining things up.

use vocab::Timestamp;

use super::Screen;
use crate::failure::Failure;

/// The widest that a column is padded to, in characters; a longer cell only pushes its own line.
const MAX_COLUMN: usize = 48;

/// Rows whose columns begin below each other. Cells are safe text without colour.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.len() <= 1
    }

    pub(crate) fn print(&self, screen: Screen) -> Result<(), Failure> {
        for line in self.lines() {
            screen.line(&line)?;
        }
        Ok(())
    }

    fn lines(&self) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).filter(|width| *width <= MAX_COLUMN).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

/// A named value, names being of one width.
pub(crate) fn field(name: &str, value: &str) -> String {
    format!("{name:<13}{value}")
}

/// How far `then` is from `now`, in words.
pub(crate) fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = then.duration_since(now).as_secs();
    let (amount, unit) = match seconds.unsigned_abs() {
        s @ 0..120 => (s, "s"),
        s @ 120..7_200 => (s / 60, "min"),
        s @ 7_200..172_800 => (s / 3_600, "h"),
        s => (s / 86_400, "days"),
    };
    if seconds < 0 { format!("{amount} {unit} ago") } else { format!("in {amount} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_clean() {
        let mut table = Table::new(&["NAME", "STATE"]);
        table.row(vec!["a-long-name".into(), "idle".into()]);
        table.row(vec!["é".into(), String::new()]);
        assert_eq!(table.lines(), ["NAME         STATE", "a-long-name  idle", "é"]);
    }

    #[test]
    fn ages_are_in_words() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(age(now, at("2026-01-01T23:00:00Z")), "in 23 h");
        assert_eq!(age(now, at("2025-12-31T23:59:30Z")), "30 s ago");
        assert_eq!(age(now, at("2026-01-05T00:00:00Z")), "in 4 days");
    }
}
