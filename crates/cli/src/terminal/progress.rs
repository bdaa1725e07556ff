//! How far a long command has come, on standard error: one line that is written over where a person watches, lines one after
//! the other where a file does.

use std::io::{self, IsTerminal as _, Write as _};

/// Whether a person watches.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Shows `text` as how far it has come.
pub(crate) fn show(text: &str) {
    let line = if is_watched() { format!("\r{text}\x1b[K") } else { format!("{text}\n") };
    if io::stderr().lock().write_all(line.as_bytes()).is_err() {
        tracing::debug!("standard error is closed");
    }
}

/// Clears the line.
pub(crate) fn end() {
    if is_watched() && io::stderr().lock().write_all(b"\r\x1b[K").is_err() {
        tracing::debug!("standard error is closed");
    }
}
