//! Printing: made safe for a terminal, coloured only where that helps, or as JSON.
//!
//! In: values and texts, of which those of models, tools and people may be hostile. Out: bytes on standard
//! output that cannot move the cursor, hide themselves or reorder what is read.

mod diff;
mod drawing;
mod page;
pub(crate) mod progress;

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::failure::Failure;

pub(crate) use diff::diff;
pub(crate) use drawing::Drawing;
pub(crate) use page::{Table, age, field};
pub(crate) use vocab::{Keep, visible};

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// It went well.
    Good,
    /// A person should look.
    Heed,
    /// It went wrong or was refused.
    Bad,
    /// Beside the point.
    Faint,
    /// A heading.
    Strong,
}

/// Standard output, and what kind of reader it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    json: bool,
    colour: bool,
}

impl Screen {
    /// Colour only on a terminal that takes it, and never with `NO_COLOR` (no-color.org).
    pub(crate) fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        Self { json, colour: wanted && !json && io::stdout().is_terminal() }
    }

    /// Whether the reader is a program.
    pub(crate) const fn json(self) -> bool {
        self.json
    }

    /// Prints one line. Whatever in it is not ours has been through [`visible()`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let written =
            out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
        written.map_err(unwritable)
    }

    /// Prints `value` as one line of JSON. What a terminal would obey or hide is escaped, which changes
    /// nothing for a program that parses it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn value<T: Serialize>(self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::internal(format!("the answer has no JSON form: {error}")))?;
        self.line(&vocab::visible::escaped_json(&text))
    }

    /// Colours `text`, or not.
    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Good => "32",
            Paint::Heed => "33",
            Paint::Bad => "31",
            Paint::Faint => "2",
            Paint::Strong => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

fn unwritable(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::reader_gone(),
        _ => Failure::unreachable(format!("standard output cannot be written: {error}")),
    }
}

/// Said wherever an agent works whose containment may lack a layer.
pub(crate) const REDUCED: &str =
    "containment is reduced: agents may run where this machine lacks a layer; `bulkhead doctor` says which";

/// Says `text` on standard error. There is nobody to tell when even that cannot be written.
pub(crate) fn say(text: &str) {
    let line = format!("{}\n", visible(text, Keep::Prose));
    if io::stderr().lock().write_all(line.as_bytes()).is_err() {
        tracing::debug!("standard error is closed");
    }
}
