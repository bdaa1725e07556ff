//! A history: a file with all checkpoints of a record, one note after the other, each followed by an empty line. It is
//! only ever added to, and what of a note a crash or a full disk left at its end is taken off again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::note::{MARK, MAX_NOTE_BYTES, Note};
use crate::read::{Known, ReadError, Reader};

/// What is read of a history's end, in bytes: a whole note, and the beginning of another.
const TAIL_BYTES: u64 = 3 * MAX_NOTE_BYTES as u64;

/// Checkpoints that are read at once.
const PAGE: u32 = 64;

/// What stands between two notes, and between a note's text and its signatures.
const GAP: &[u8] = b"\n\n";

/// Why a history cannot be added to.
#[derive(Debug, thiserror::Error)]
pub(super) enum HistoryError {
    #[error(transparent)]
    File(#[from] io::Error),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("its last note is no checkpoint ({0}): move it away, and a new one is begun")]
    Odd(#[from] CheckpointError),
    #[error("its end is no checkpoint: move it away, and a new one is begun")]
    End,
    #[error(
        "its last checkpoint, at {0} records, is not one of this record: move it away, and a new one is begun"
    )]
    Other(u64),
}

/// Adds to the history at `path` every checkpoint of the record that comes after its last, and that a key of the record signed.
pub(super) fn fill(path: &Path, reader: &Reader, known: &Known) -> Result<(), HistoryError> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let Tail { last, mut end, mut rest } = tail(&mut file)?;
    let (mut size, mut number) = match &last {
        Some(note) => (Checkpoint::read(note)?.tree.size, 0),
        None => (0, 0),
    };
    // The last one that is there; what comes before it at its size is there too.
    let mut seen = last.map(|note| (size, note.to_string()));
    loop {
        let page = reader.checkpoints_after(size, number, PAGE)?;
        for row in &page {
            let note = &row.note;
            (size, number) = (row.size, row.number);
            if let Some((last, there)) = &seen {
                if *last != size {
                    return Err(HistoryError::Other(*last));
                }
                if note == there {
                    seen = None;
                }
                continue;
            }
            if known.check_row(row).is_err() {
                continue;
            }
            let text = format!("{note}\n");
            if !rest.is_empty() {
                if !text.as_bytes().starts_with(&rest) {
                    return Err(HistoryError::End);
                }
                file.set_len(end)?;
                rest.clear();
            }
            add(&mut file, &text, end)?;
            end = end.saturating_add(text.len() as u64);
        }
        file.sync_data()?;
        if page.is_empty() {
            break;
        }
    }
    match seen {
        Some((last, _)) => Err(HistoryError::Other(last)),
        None if rest.is_empty() => Ok(()),
        None => Err(HistoryError::End),
    }
}

/// Adds `text` where the file ends, at `end`: whole or not at all.
fn add(file: &mut File, text: &str, end: u64) -> io::Result<()> {
    let written = file.write_all(text.as_bytes());
    if written.is_err() && file.set_len(end).is_err() {
        // What stays of it is taken off before the next is added.
    }
    written
}

/// How a history ends.
struct Tail {
    last: Option<Note>,
    /// Where the last whole note ends.
    end: u64,
    /// What comes after it.
    rest: Vec<u8>,
}

fn tail(file: &mut File) -> Result<Tail, HistoryError> {
    let length = file.seek(SeekFrom::End(0))?;
    let start = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    match last_note(&bytes, start == 0) {
        Some((note, end)) => {
            let rest = bytes.split_off(end);
            Ok(Tail { last: Some(note), end: start.saturating_add(end as u64), rest })
        }
        None if start == 0 => Ok(Tail { last: None, end: 0, rest: bytes }),
        None => Err(HistoryError::End),
    }
}

/// The last whole note in `bytes`, with where its empty line ends. `whole` says that nothing is before them.
fn last_note(bytes: &[u8], whole: bool) -> Option<(Note, usize)> {
    let gap = |end: usize| bytes.get(..end)?.windows(GAP.len()).rposition(|window| window == GAP);
    let mut end = bytes.len();
    loop {
        // Where the signatures end, where they begin, and where their text does.
        let last = gap(end)?;
        let middle = gap(last.saturating_add(1));
        let signatures = middle.and_then(|middle| bytes.get(middle.saturating_add(GAP.len())..last));
        if let Some(middle) =
            middle.filter(|_| signatures.is_some_and(|lines| lines.starts_with(MARK.as_bytes())))
        {
            let first = gap(middle.saturating_add(1)).map(|before| before.saturating_add(GAP.len()));
            let first = first.or_else(|| whole.then_some(0))?;
            let text = std::str::from_utf8(bytes.get(first..=last)?).ok()?;
            return Some((text.parse().ok()?, last.saturating_add(GAP.len())));
        }
        end = last.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vocab::Digest;

    use super::*;
    use crate::merkle::TreeHead;
    use crate::note::SigningKey;

    fn note(size: u64, key: &SigningKey) -> Note {
        let tree = TreeHead { size, root: Digest::of(&size.to_be_bytes()) };
        Checkpoint { origin: "log".to_owned(), tree }.sign([key]).unwrap()
    }

    proptest! {
        #[test]
        fn wherever_a_history_is_cut_its_last_whole_note_is_found(count in 1..6_u64, cut in any::<prop::sample::Index>()) {
            let key = SigningKey::from_seed("log", [7; 32]).unwrap();
            let notes: Vec<Note> = (1..=count).map(|size| note(size, &key)).collect();
            let all: String = notes.iter().map(|note| format!("{note}\n")).collect();
            let cut = cut.index(all.len() + 1);
            let mut left = 0;
            let whole = notes.iter().take_while(|note| {
                left += format!("{note}\n").len();
                left <= cut
            });
            let whole = whole.count();
            let found = last_note(&all.as_bytes()[..cut], true);
            match whole.checked_sub(1) {
                None => prop_assert!(found.is_none()),
                Some(nth) => {
                    let (last, end) = found.unwrap();
                    prop_assert_eq!(&last, &notes[nth]);
                    let length = last.to_string().len() + 1;
                    prop_assert!(cut - end < length);
                    prop_assert_eq!(end, length * whole);
                }
            }
        }

        #[test]
        fn whatever_stands_there_is_read_without_harm(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300), whole: bool) {
            if let Some((_, end)) = last_note(&bytes, whole) {
                prop_assert!(end <= bytes.len());
            }
        }
    }
}
