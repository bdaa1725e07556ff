//! The text of a SOUL.md as lines, with positions that a person can find.
//!
//! A byte order mark is dropped and every line end becomes `\n`, so that the Markdown library and the
//! diagnostics count the same lines. Characters that hide or reorder what a reviewer sees are refused:
//! a rule must read as it applies.

use crate::diagnostic::{Findings, Spot};

/// A place between two bytes: line from 0, byte in the line from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cursor {
    pub(crate) line: usize,
    pub(crate) byte: usize,
}

/// The lines of a source.
#[derive(Debug)]
pub(crate) struct Source {
    text: String,
    /// The byte at which each line begins, and one more for the end.
    starts: Vec<usize>,
}

impl Source {
    pub(crate) fn new(raw: &str) -> Self {
        let text = raw.strip_prefix('\u{feff}').unwrap_or(raw).replace("\r\n", "\n").replace('\r', "\n");
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i.saturating_add(1));
        let mut starts: Vec<usize> = std::iter::once(0).chain(ends).collect();
        starts.push(text.len());
        Self { text, starts }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// How many lines there are, at least 1.
    pub(crate) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// A line without its end; empty beyond the last.
    pub(crate) fn line(&self, line: usize) -> &str {
        let start = self.starts.get(line).copied();
        let end = self.starts.get(line.saturating_add(1)).copied();
        let whole = start.zip(end).and_then(|(start, end)| self.text.get(start..end));
        whole.unwrap_or_default().trim_end_matches('\n')
    }

    /// The lines of the half-open range between two places; the first and the last may be parts of a line.
    pub(crate) fn slice(&self, from: Cursor, to: Cursor) -> Vec<&str> {
        (from.line..=to.line.min(self.len()))
            .filter(|line| from < to && (*line < to.line || to.byte > 0))
            .map(|number| {
                let line = self.line(number);
                let start = if number == from.line { from.byte } else { 0 };
                let end = if number == to.line { to.byte.min(line.len()) } else { line.len() };
                line.get(start.min(end)..end).unwrap_or_default()
            })
            .collect()
    }

    /// Where a place is for a person.
    pub(crate) fn spot(&self, at: Cursor) -> Spot {
        let before = self.line(at.line).get(..at.byte).unwrap_or_default().chars().count();
        Spot { line: number(at.line), column: number(before) }
    }

    /// The place behind the last line.
    pub(crate) fn end(&self) -> Cursor {
        Cursor { line: self.len(), byte: 0 }
    }

    /// Reports characters that hide or reorder text, the first of each line.
    pub(crate) fn check_characters(&self, findings: &mut Findings) {
        for line in 0..self.len() {
            let bad = |c: char| (c.is_control() && c != '\t') || is_hidden(c);
            if let Some((byte, c)) = self.line(line).char_indices().find(|(_, c)| bad(*c)) {
                findings.error(
                    self.spot(Cursor { line, byte }),
                    format!("an invisible character ({}); plain text was expected", c.escape_unicode()),
                    "delete it: it makes the line read other than it applies",
                );
            }
        }
    }
}

fn number(zero_based: usize) -> u32 {
    u32::try_from(zero_based).unwrap_or(u32::MAX).saturating_add(1)
}

/// Whether a character is invisible or changes the order in which others are shown (Unicode TR 36, and
/// the bidirectional controls of CVE-2021-42574). The joiners U+200C and U+200D are left alone:
/// some scripts and emoji need them.
pub(crate) const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_of_every_kind_count_once() {
        let source = Source::new("\u{feff}a\r\nb\rc\n\nd");
        let lines: Vec<&str> = (0..source.len()).map(|line| source.line(line)).collect();
        assert_eq!(lines, ["a", "b", "c", "", "d"]);
    }

    #[test]
    fn a_slice_takes_parts_of_its_first_and_last_line() {
        let source = Source::new("hello\nworld\n!");
        let at = |line, byte| Cursor { line, byte };
        assert_eq!(source.slice(at(0, 2), at(1, 3)), ["llo", "wor"]);
        assert_eq!(source.slice(at(0, 0), at(2, 0)), ["hello", "world"]);
        assert!(source.slice(at(1, 3), at(0, 2)).is_empty());
        assert_eq!(source.slice(at(2, 0), source.end()), ["!"]);
    }

    #[test]
    fn columns_count_characters() {
        let source = Source::new("äö: x");
        assert_eq!(source.spot(Cursor { line: 0, byte: 4 }), Spot { line: 1, column: 3 });
    }
}
