//! What is handed on of a worker's answer. A worker reads what others wrote, so that its answer is taken as theirs: only the kind
//! that was asked for counts, what it says is bounded again and marked as data, and why it failed is one sentence.

use vocab::frame;
use vocab::{Action, Verb};

use crate::plain::{beginning, one_line};
use crate::told::{self, Failure, Told};
use crate::wire::{FromWorker, Sight};
use crate::{Seen, browser, documents, file_reader, file_writer, sql};

/// The longest sentence of a worker's that is handed on, in bytes: two names of files and the words about them fit.
pub(crate) const MAX_WHY_BYTES: usize = 16 * 1024;

/// What is handed on of an answer to what `action` asked of its worker, as the answer stands in a frame behind the length: what the
/// model is told, or why there is nothing.
///
/// # Errors
/// One sentence, when the worker failed, answered something else, or broke the form.
pub fn heard(action: &Action, body: &[u8]) -> Result<String, String> {
    answered(action, body).map_err(Failure::into_text)
}

/// The same of an answer to a look at a file that a write would replace.
///
/// # Errors
/// As [`heard`].
pub fn looked(body: &[u8]) -> Result<Option<Seen>, String> {
    let sight = decoded(body).and_then(file_writer::seen).map_err(Failure::into_text)?;
    Ok(sight.map(|Sight { digest, size, text }| Seen { digest, size, text }))
}

fn answered(action: &Action, body: &[u8]) -> Told {
    let answer = decoded(body)?;
    match action.verb {
        Verb::FileRead => file_reader::answered(action, answer),
        Verb::FileWrite => file_writer::answered(action, answer),
        Verb::TableRead => sql::answered(action, answer),
        Verb::DocumentsSearch => documents::found_in(action, answer),
        Verb::DocumentsRead => documents::lines_of(action, answer),
        Verb::WebGet => browser::text_of(answer).map(|page| told::data("page", &page.text, page.cut)),
        _ => Err(Failure::misfit(action)),
    }
}

fn decoded(body: &[u8]) -> Result<FromWorker, Failure> {
    match frame::decode(body).map_err(|error| failed(&error.to_string()))? {
        FromWorker::Failed { why } => Err(failed(&why)),
        answer => Ok(answer),
    }
}

/// Why a worker failed, in its own words.
pub(crate) fn failed(why: &str) -> Failure {
    let why = one_line(beginning(why, MAX_WHY_BYTES));
    match beginning(&why, MAX_WHY_BYTES) {
        "" => Failure::new("the skill's process failed and did not say why"),
        why => Failure::new(why),
    }
}
