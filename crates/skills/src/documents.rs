//! Documents: passages of a collection for the words of a query, or lines of one document, in a jailed worker that has the
//! collection's folder and nothing else.

use std::fmt::Write as _;
use std::path::Path;

use monitor::Bounds;
use serde_json::Value;
use vocab::collection::{DEFAULT_PASSAGES, MAX_PASSAGES};
use vocab::{Action, Resource};

use crate::bench::{Bench, present};
use crate::plain::{beginning, one_line};
use crate::told::{self, Failure, Told};
use crate::wire::{FromWorker, LeftOut, MAX_SNIPPET_BYTES, Passage, ToWorker};
use crate::worker::DocumentsError;

/// Looks for what `action` says, within `bounds`.
pub(crate) async fn search(bench: &mut Bench, action: &Action, bounds: &Bounds) -> Told {
    let (folder, named) = folder(action, bounds)?;
    let Some(query) = action.text("query") else { return Err(Failure::misfit(action)) };
    let request =
        ToWorker::Search { folder: named.to_owned(), query: query.to_owned(), limit: limit(action) };
    found_in(action, bench.ask_of(folder, &request).await?)
}

/// The most passages that are told.
fn limit(action: &Action) -> u32 {
    let limit = number(action, "limit").and_then(|limit| u32::try_from(limit).ok());
    limit.unwrap_or(DEFAULT_PASSAGES).clamp(1, MAX_PASSAGES)
}

/// What is told of a worker's answer to a search.
pub(crate) fn found_in(action: &Action, answer: FromWorker) -> Told {
    let limit = limit(action);
    match answer {
        FromWorker::Found { passages, more, documents, left_out } => {
            Ok(found(action, &passages, more || passages.len() > limit as usize, limit, documents, &left_out))
        }
        _ => Err(Failure::misfit_answer()),
    }
}

/// Reads the document that `action` names, within `bounds`.
pub(crate) async fn read(bench: &mut Bench, action: &Action, bounds: &Bounds) -> Told {
    let (folder, named) = folder(action, bounds)?;
    let Some(document) = action.text("document") else { return Err(Failure::misfit(action)) };
    let request = ToWorker::Document {
        folder: named.to_owned(),
        document: document.to_owned(),
        from: number(action, "from").unwrap_or(1),
        to: number(action, "to"),
    };
    lines_of(action, bench.ask_of(folder, &request).await?)
}

/// What is told of a worker's answer to a reading.
pub(crate) fn lines_of(action: &Action, answer: FromWorker) -> Told {
    let Some(document) = action.text("document") else { return Err(Failure::misfit(action)) };
    match answer {
        FromWorker::Lines { text, from, to, of, cut } => {
            let name = format!("{}/{document}", action.resource.name());
            let mark = stretch(&name, from, to, of, cut);
            Ok(told::data(&mark, &text, cut))
        }
        _ => Err(Failure::misfit_answer()),
    }
}

/// Which lines of a document these are, and how to come by the others.
fn stretch(name: &str, from: u64, to: u64, of: u64, cut: bool) -> String {
    let rest = if cut { format!("; the rest of line {to} fits in no answer") } else { String::new() };
    match to.checked_add(1).filter(|_| to < of) {
        _ if of == 0 => format!("document {name}, empty"),
        Some(next) => format!("document {name}, lines {from} to {to} of {of}{rest}; from {next} reads on"),
        None => format!("document {name}, lines {from} to {to} of {of}{rest}, its end"),
    }
}

/// The collection's folder, as a path and as text.
fn folder<'a>(action: &Action, bounds: &'a Bounds) -> Result<(&'a Path, &'a str), Failure> {
    match (&action.resource, bounds) {
        (Resource::Collection(_), Bounds::Collection { folder }) => {
            let named = folder.to_str().ok_or_else(|| Failure::misfit(action))?;
            // What is not there, or behind a link, no jail has.
            let none = || Failure::new(DocumentsError::NoFolder(one_line(named)));
            present(folder).map(|_| (folder.as_path(), named)).ok_or_else(none)
        }
        _ => Err(Failure::misfit(action)),
    }
}

fn number(action: &Action, name: &str) -> Option<u64> {
    action.args.get(name).and_then(Value::as_u64)
}

/// Two lines for each passage: where it stands, then what of it fits the query. A passage is on one line, so that nothing in
/// a document looks like another passage.
fn found(
    action: &Action,
    passages: &[Passage],
    more: bool,
    limit: u32,
    documents: u32,
    left_out: &LeftOut,
) -> String {
    let mut lines = String::new();
    for Passage { document, from, to, text } in passages.iter().take(limit as usize) {
        let (document, text) = (one_line(document), one_line(text));
        let written = writeln!(lines, "{document}:{from}-{to}\n    {}", beginning(&text, MAX_SNIPPET_BYTES));
        debug_assert!(written.is_ok(), "writing to a String does not fail");
    }
    let more = if more { " and more" } else { "" };
    let mark = format!(
        "collection {}, {} passages{more}; {documents} documents searched{}",
        action.resource.name(),
        passages.len().min(limit as usize),
        missing(left_out)
    );
    told::data(&mark, &lines, false)
}

/// What was not searched, and why.
fn missing(left_out: &LeftOut) -> String {
    let LeftOut { other, names, not_plain, large, not_text, closed } = left_out;
    let counts = [
        (other, "of another kind"),
        (names, "with a hidden or unfit name"),
        (not_plain, "links, pipes or devices"),
        (large, "too large"),
        (not_text, "not text"),
        (closed, "that could not be opened"),
    ];
    let all = counts.iter().fold(0_u32, |sum, (count, _)| sum.saturating_add(**count));
    let each: Vec<String> = counts
        .iter()
        .filter(|(count, _)| **count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if all == 0 { String::new() } else { format!(", {all} left out: {}", each.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_says_what_it_has_not() {
        assert_eq!(stretch("h/a.md", 1, 0, 0, false), "document h/a.md, empty");
        assert_eq!(stretch("h/a.md", 2, 3, 3, false), "document h/a.md, lines 2 to 3 of 3, its end");
        let says =
            "document h/a.md, lines 2 to 2 of 3; the rest of line 2 fits in no answer; from 3 reads on";
        assert_eq!(stretch("h/a.md", 2, 2, 3, true), says);
    }
}
