//! The checkpoints that a verification is given: a history of them, however long it has grown. It is read note by note, and
//! of more than can be held at once the last is held and others at even distances before it.

use std::io::{self, BufRead, Read as _};

use super::kept::MAX_GIVEN;
use super::note::{MAX_BYTES, Note, Parting, Unread};

/// Why checkpoints cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Ungiven {
    /// The file does not go on.
    #[error("{0}")]
    File(#[from] io::Error),
    /// One of them is none.
    #[error("{error} (in the note that ends at line {line})")]
    Note {
        /// Where it ends.
        line: u64,
        /// Why.
        error: Unread,
    },
}

/// Checkpoints that are given one after the other.
#[derive(Debug)]
pub struct Given {
    /// Those that are held, without the last.
    notes: Vec<Note>,
    last: Option<Note>,
    /// How many there were before the last.
    before: u64,
    /// Of how many of them one is held.
    every: u64,
    most: usize,
}

impl Default for Given {
    fn default() -> Self {
        Self::at_most(MAX_GIVEN)
    }
}

impl Given {
    fn at_most(most: usize) -> Self {
        Self { notes: Vec::new(), last: None, before: 0, every: 1, most }
    }

    /// Takes in the notes of a file, with an empty line between two, as a history of checkpoints has them.
    ///
    /// # Errors
    /// When it cannot be read, or has something else.
    pub fn read(&mut self, mut file: impl BufRead) -> Result<(), Ungiven> {
        let (mut parting, mut line, mut number) = (Parting::default(), Vec::new(), 0_u64);
        let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        loop {
            line.clear();
            let count = file.by_ref().take(limit).read_until(b'\n', &mut line)?;
            let wrong = |error| Ungiven::Note { line: number, error };
            if count == 0 {
                if let Some(note) = parting.end().map_err(wrong)? {
                    self.take(note);
                }
                return Ok(());
            }
            number = number.saturating_add(1);
            let wrong = |error| Ungiven::Note { line: number, error };
            let text = std::str::from_utf8(&line).map_err(|_| wrong(Unread::Control))?;
            let text = text
                .strip_suffix('\n')
                .ok_or_else(|| wrong(if count > MAX_BYTES { Unread::Long(count) } else { Unread::Parts }))?;
            if let Some(note) = parting.line(text).map_err(wrong)? {
                self.take(note);
            }
        }
    }

    /// Takes in the next. One with the same text as that before takes its place: a history has each once as it was signed and
    /// again with the cosignatures that came.
    pub fn take(&mut self, note: Note) {
        if self.last.as_ref().is_some_and(|last| last.text() == note.text()) {
            self.last = Some(note);
            return;
        }
        let Some(before) = self.last.replace(note) else { return };
        if self.before.is_multiple_of(self.every) {
            self.notes.push(before);
        }
        self.before = self.before.saturating_add(1);
        if self.notes.len() >= self.most {
            let mut place = 0_usize;
            self.notes.retain(|_| {
                place = place.wrapping_add(1);
                place % 2 == 1
            });
            self.every = self.every.saturating_mul(2);
        }
    }

    /// How many different ones there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.before.saturating_add(u64::from(self.last.is_some()))
    }

    /// Those that are held.
    #[must_use]
    pub fn into_notes(self) -> Vec<Note> {
        self.notes.into_iter().chain(self.last).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A note over so many records, signed by somebody.
    fn note(size: u64, signature: &str) -> String {
        format!("bulkhead/x\n{size}\n{}\n\n\u{2014} x {signature}\n", "A".repeat(43) + "=")
    }

    fn sizes(given: Given) -> Vec<u64> {
        let size = |note: Note| note.text().lines().nth(1).unwrap().parse().unwrap();
        given.into_notes().into_iter().map(size).collect()
    }

    #[test]
    fn of_a_history_that_is_too_long_the_last_is_held_and_others_at_even_distances() {
        for count in 1..200_u64 {
            let history: Vec<String> = (1..=count).map(|size| note(size, "AAAAAQE=")).collect();
            let mut given = Given::at_most(8);
            given.read(history.join("\n").as_bytes()).unwrap();
            assert_eq!(given.count(), count);
            let held = sizes(given);
            assert!(held.len() <= 8 && *held.last().unwrap() == count, "{count}: {held:?}");
            assert!(count > 8 || held.len() as u64 == count, "{count}: {held:?}");
            let apart: Vec<u64> = held.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let (last, even) = apart.split_last().unwrap_or((&0, &[]));
            assert!(even.iter().all(|one| *one == even[0] && last <= one), "{count}: {held:?}");
        }
    }

    #[test]
    fn the_same_checkpoint_again_is_held_as_it_came_last() {
        let history = [note(1, "AAAAAQE="), note(1, "AAAAAQI="), note(2, "AAAAAQM="), note(1, "AAAAAQQ=")];
        let mut given = Given::default();
        given.read(history.join("\n").as_bytes()).unwrap();
        assert_eq!(given.count(), 3);
        let held: Vec<String> = given.into_notes().iter().map(ToString::to_string).collect();
        assert_eq!(held, [&history[1], &history[2], &history[3]].map(String::as_str));
    }

    #[test]
    fn what_is_no_history_is_said_with_its_line() {
        let good = note(1, "AAAAAQE=");
        for (text, said) in [
            (String::new(), "line 0"),
            ("a letter".to_owned(), "line 1"),
            (format!("{good}\na letter\n"), "line 7"),
            (format!("{good}\n{}", good.trim_end()), "line 11"),
            (format!("{good}\n{}\n", "x".repeat(2 * MAX_BYTES)), "bytes, and a note has"),
            (format!("{good}\n{}", "x\n".repeat(MAX_BYTES)), "bytes, and a note has"),
        ] {
            let error = Given::default().read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        assert!(Given::default().read([b'x', 0xff, b'\n'].as_slice()).is_err());
    }
}
