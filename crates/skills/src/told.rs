//! What an effect tells the model: data behind a plain mark of its source, or one sentence.

use vocab::Action;
use vocab::limits::MAX_RESULT_BYTES;

use crate::plain::{beginning, one_line};

/// Room that a mark takes of a result, in bytes.
pub(crate) const MARK_BYTES: usize = 2048;

/// The most bytes of data in one result, its mark not counted.
pub(crate) const MAX_DATA_BYTES: usize = MAX_RESULT_BYTES - MARK_BYTES;

/// What is added to the mark when data is cut.
const CUT: &str = ", cut to fit";

/// Bytes of [`MARK_BYTES`] that the brackets, the cut and a line break take.
const MARK_FRAME_BYTES: usize = 32;

/// Why an effect did not happen, in one sentence for the model and the record.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// What an effect tells.
pub(crate) type Told = Result<String, Failure>;

impl Failure {
    /// From anything that says itself in one sentence.
    pub(crate) fn new(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }

    /// A permit whose parts do not belong together.
    pub(crate) fn misfit(action: &Action) -> Self {
        Self(format!("this permit for `{}` lacks what that needs; nothing was done", action.verb))
    }

    /// An answer that does not belong to the request.
    pub(crate) fn misfit_answer() -> Self {
        Self("the skill's process answered something else than it was asked".into())
    }

    /// The sentence.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// `text` as data from the source that `mark` names. `cut`: its end is missing already.
pub(crate) fn data(mark: &str, text: &str, cut: bool) -> String {
    let kept = beginning(text, MAX_DATA_BYTES);
    let cut = if cut || kept.len() < text.len() { CUT } else { "" };
    let mark = one_line(mark);
    let mark = beginning(&mark, MARK_BYTES - MARK_FRAME_BYTES);
    format!("[{mark}{cut}]\n{kept}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_stands_behind_its_mark_and_never_outgrows_a_result() {
        assert_eq!(data("file /x, 2 bytes", "ab", false), "[file /x, 2 bytes]\nab");
        let long = data(&"m\n".repeat(MAX_RESULT_BYTES), &"é".repeat(MAX_RESULT_BYTES), false);
        assert!(long.len() <= MAX_RESULT_BYTES);
        assert!(long.lines().next().unwrap().ends_with(", cut to fit]"));
    }
}
