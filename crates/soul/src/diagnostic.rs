//! What is wrong or surprising in a SOUL.md, where, and how to mend it.
//!
//! Findings are collected rather than returned one by one, so that a person mends a file in one go.

use serde::Serialize;

/// The most errors, and the most warnings, that are kept of one file.
pub const MAX_DIAGNOSTICS: usize = 100;

/// The most characters of a file's text that one message quotes.
pub const MAX_QUOTE_CHARS: usize = 60;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong and what was expected.
    pub message: String,
    /// How to mend it.
    pub help: String,
}

/// A line and a column in characters, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Spot {
    /// Where something is missed that stands nowhere.
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

/// What is wrong with a value and how to mend it; where it stands is the caller's to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// All findings of one file, bounded.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    /// Errors that did not fit, so that a file with too many is still refused and says so.
    dropped: usize,
}

impl Findings {
    pub(crate) fn error(&mut self, spot: Spot, message: impl Into<String>, help: impl Into<String>) {
        if self.errors.len() < MAX_DIAGNOSTICS {
            self.errors.push(diagnostic(spot, message, help));
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    pub(crate) fn fault(&mut self, spot: Spot, fault: Fault) {
        self.error(spot, fault.message, fault.help);
    }

    pub(crate) fn warn(&mut self, spot: Spot, message: impl Into<String>, help: impl Into<String>) {
        if self.warnings.len() < MAX_DIAGNOSTICS {
            self.warnings.push(diagnostic(spot, message, help));
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// The errors in the order of the file.
    pub(crate) fn into_errors(mut self) -> Vec<Diagnostic> {
        sort(&mut self.errors);
        if self.dropped > 0 {
            let spot = self.errors.last().map_or(Spot::START, |d| Spot { line: d.line, column: d.column });
            let message = format!("{} more errors are not shown", self.dropped);
            self.errors.push(diagnostic(spot, message, "mend those above and check again"));
        }
        self.errors
    }

    /// The warnings in the order of the file.
    pub(crate) fn into_warnings(mut self) -> Vec<Diagnostic> {
        sort(&mut self.warnings);
        self.warnings
    }
}

fn diagnostic(spot: Spot, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
    Diagnostic { line: spot.line, column: spot.column, message: message.into(), help: help.into() }
}

fn sort(list: &mut [Diagnostic]) {
    list.sort_by_key(|d| (d.line, d.column));
}

/// `text` in backticks, on one line, without control or invisible characters, at most
/// [`MAX_QUOTE_CHARS`] of it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("`");
    for (count, c) in text.trim().chars().enumerate() {
        if count == MAX_QUOTE_CHARS {
            out.push('…');
            break;
        }
        if c.is_control() || crate::source::is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out.push('`');
    out
}
