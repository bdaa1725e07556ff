//! The file reader: a text file, or a folder's entries, from beneath a granted place.

use std::fmt::Write as _;

use monitor::Bounds;
use serde_json::Value;
use vocab::{Action, Resource};

use crate::bench::{Bench, Desk};
use crate::plain::one_line;
use crate::told;
use crate::told::{Failure, MAX_DATA_BYTES, Told};
use crate::wire::{FromWorker, Kind, Listed, Place, ToWorker};

/// Reads what `action` names.
pub(crate) async fn read(bench: &mut Bench, action: &Action, bounds: &Bounds) -> Told {
    let place = place(action, bounds)?;
    let limit = number(action, "limit").unwrap_or(u64::MAX).min(MAX_DATA_BYTES as u64);
    let request = ToWorker::Read { place, offset: offset(action), limit };
    answered(action, bench.ask(Desk::Files, &request).await?)
}

/// What is told of a worker's answer.
pub(crate) fn answered(action: &Action, answer: FromWorker) -> Told {
    match answer {
        FromWorker::Content { text, size, end } => Ok(content(action, &text, offset(action), size, end)),
        FromWorker::Listing { entries, more } => Ok(listing(action, &entries, more)),
        _ => Err(Failure::misfit_answer()),
    }
}

fn offset(action: &Action) -> u64 {
    number(action, "offset").unwrap_or_default()
}

fn number(action: &Action, name: &str) -> Option<u64> {
    action.args.get(name).and_then(Value::as_u64)
}

/// The permitted path as its granted root and the rest.
pub(crate) fn place(action: &Action, bounds: &Bounds) -> Result<Place, Failure> {
    let (Resource::Path(path), Bounds::File { root, max_bytes }) = (&action.resource, bounds) else {
        return Err(Failure::misfit(action));
    };
    let beneath = std::path::Path::new(path).strip_prefix(root).map_err(|_| Failure::misfit(action))?;
    match (root.to_str(), beneath.to_str()) {
        (Some(root), Some(beneath)) => {
            Ok(Place { root: root.to_owned(), beneath: beneath.to_owned(), max_bytes: *max_bytes })
        }
        _ => Err(Failure::misfit(action)),
    }
}

fn content(action: &Action, text: &str, offset: u64, size: u64, end: u64) -> String {
    let path = action.resource.name();
    let mark = match (offset, end) {
        (0, end) if end == size => format!("file {path}, {size} bytes"),
        (_, end) if end == size => format!("file {path}, bytes {offset} to {end}, its end"),
        _ => format!("file {path}, bytes {offset} to {end} of {size}; offset {end} reads on"),
    };
    told::data(&mark, text, false)
}

fn listing(action: &Action, entries: &[Listed], more: bool) -> String {
    let mut lines = String::new();
    for Listed { name, kind, bytes } in entries {
        // Once more: an entry is one line, whatever the worker says.
        let name = one_line(name);
        let written = match kind {
            Kind::File => writeln!(lines, "{name} ({bytes} bytes)"),
            Kind::Folder => writeln!(lines, "{name}/"),
            Kind::Link => writeln!(lines, "{name} (a symbolic link, never followed)"),
            Kind::Other => writeln!(lines, "{name} (a pipe, device or socket, never opened)"),
        };
        debug_assert!(written.is_ok(), "writing to a String does not fail");
    }
    let more = if more { " and more" } else { "" };
    let mark = format!("folder {}, {} entries{more}", action.resource.name(), entries.len());
    told::data(&mark, &lines, false)
}
