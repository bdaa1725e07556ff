//! What of an answer may be heard while it is still being made: whole lines of its words, and no thoughts.
//!
//! In: the answer's text as far as it has come. Out: the lines that have come whole since, without the server's key,
//! which has no line break in it. A thought that the text begins with is left out, as it is of the whole answer. A text
//! that turns out to have been a thought from its beginning on is heard no further.

use secrets::{End, Scrub};

use crate::assembly::{END_OF_THINK, THINK};

/// How far an answer's text has been heard.
#[derive(Debug, Default)]
pub(crate) struct Speech {
    state: State,
    /// How much of the text has been looked at.
    seen: usize,
    /// Where that begins which nobody has heard yet.
    from: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but white space has come, or what may become the mark of a thought.
    #[default]
    Begun,
    /// In a thought that began at `from`.
    Thought,
    /// Behind one, before the first word.
    Gap,
    /// In the words.
    Words {
        /// Whether a thought was marked before them.
        marked: bool,
    },
    /// A thought ended that no mark began.
    Unmarked,
}

impl Speech {
    /// Whether what was heard may have been a thought.
    pub(crate) fn was_thought(&self) -> bool {
        self.state == State::Unmarked
    }

    /// The lines that have come whole since the last time; `text` only ever grows.
    pub(crate) fn lines(&mut self, text: &str, scrub: &Scrub) -> Option<String> {
        if self.state == State::Begun {
            self.begin(text);
        }
        if self.state == State::Thought {
            match self.mark(text) {
                Some(at) => {
                    self.seen = at.saturating_add(END_OF_THINK.len());
                    self.state = State::Gap;
                }
                None => self.seen = text.len(),
            }
        }
        if self.state == State::Gap && self.skip_blanks(text) {
            self.from = self.seen;
            self.state = State::Words { marked: true };
        }
        let State::Words { marked } = self.state else { return None };
        if !marked && self.mark(text).is_some() {
            self.state = State::Unmarked;
            return None;
        }
        let end = text.get(self.seen..)?.rfind('\n').map(|at| self.seen.saturating_add(at).saturating_add(1));
        self.seen = text.len();
        let lines = text.get(self.from..end?)?.to_owned();
        self.from = end?;
        Some(scrub.text(lines, End::Whole))
    }

    fn begin(&mut self, text: &str) {
        if !self.skip_blanks(text) {
            return;
        }
        let rest = text.get(self.seen..).unwrap_or_default();
        if rest.starts_with(THINK) {
            self.seen = self.seen.saturating_add(THINK.len());
            self.from = self.seen;
            self.state = State::Thought;
        } else if !THINK.starts_with(rest) {
            self.seen = 0;
            self.state = State::Words { marked: false };
        }
    }

    /// Goes on to the next character that is none; whether there is one.
    fn skip_blanks(&mut self, text: &str) -> bool {
        let rest = text.get(self.seen..).unwrap_or_default();
        self.seen = text.len().saturating_sub(rest.trim_start().len());
        self.seen < text.len()
    }

    /// Where a thought ends, in what has not been looked at and the mark's length before it.
    fn mark(&self, text: &str) -> Option<usize> {
        let back = text.floor_char_boundary(self.seen.saturating_sub(END_OF_THINK.len()));
        let from = back.max(self.from);
        text.get(from..)?.find(END_OF_THINK).map(|at| from.saturating_add(at))
    }
}

#[cfg(test)]
mod tests;
