//! What two texts differ in, line by line, in bounded time and room.
//!
//! Lines end in `\n` and in nothing else: what else would end a line, such as a lone carriage return, is part of the line
//! and differs like any other character. A text that ends without a line break is told apart from one that has it.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

/// How many lines of each text are compared; a diff of longer ones is cut there.
pub const MAX_COMPARED_LINES: usize = 10_000;

/// How many lines a diff shows.
pub const MAX_DIFF_LINES: usize = 2_000;

/// How many bytes of lines a diff shows.
pub const MAX_DIFF_BYTES: usize = 256 * 1024;

/// How long the shortest way from one text to the other is looked for; what is not found by then is told in larger pieces,
/// which are as true.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many lines that are the same stand around a change.
const AROUND: usize = 3;

/// The way from one text to another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// From the first line to the last.
    pub pieces: Vec<Piece>,
    /// How many lines are only in the second.
    pub added: u32,
    /// How many lines are only in the first.
    pub removed: u32,
    /// Whether it goes on after the last piece.
    pub cut: bool,
}

/// Lines one after another that share their fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Their fate.
    pub kind: PieceKind,
    /// The lines without their line breaks; none when they are left out.
    pub lines: Vec<String>,
    /// How many they are.
    pub count: u32,
    /// Whether the last of them is the end of its text, and has no line break.
    pub unended: bool,
}

/// What became of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PieceKind {
    /// They are in both.
    Same,
    /// They are in both, far from any change, and are not shown.
    Skipped,
    /// They are only in the second.
    Added,
    /// They are only in the first.
    Removed,
}

impl Diff {
    /// The way from `before` to `now`.
    #[must_use]
    pub fn between(before: &str, now: &str) -> Self {
        let (old, new) = (lines(before), lines(now));
        let mut diff = Self {
            cut: before.split_inclusive('\n').nth(MAX_COMPARED_LINES).is_some()
                || now.split_inclusive('\n').nth(MAX_COMPARED_LINES).is_some(),
            ..Self::default()
        };
        let deadline = Instant::now().checked_add(PATIENCE);
        let ops = capture_diff_slices_deadline(Algorithm::Myers, &old, &new, deadline);
        let mut room = Room { lines: MAX_DIFF_LINES, bytes: MAX_DIFF_BYTES };
        let last = ops.len().saturating_sub(1);
        for (nth, op) in ops.iter().enumerate() {
            let (gone, come) = (of(&old, op.old_range()), of(&new, op.new_range()));
            if matches!(op, DiffOp::Equal { .. }) {
                diff.same(gone, nth == 0, nth == last, &mut room);
                continue;
            }
            diff.removed = diff.removed.saturating_add(count(gone));
            diff.added = diff.added.saturating_add(count(come));
            diff.show(PieceKind::Removed, gone, &mut room);
            diff.show(PieceKind::Added, come, &mut room);
        }
        diff
    }

    /// Whether the texts are the same, as far as they were compared.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.added == 0 && self.removed == 0
    }

    /// Lines of both, of which those far from any change are left out.
    fn same(&mut self, lines: &[&str], first: bool, last: bool, room: &mut Room) {
        let head = if first { 0 } else { AROUND };
        let tail = if last { 0 } else { AROUND };
        let far = lines.len().saturating_sub(head.saturating_add(tail));
        if far <= 1 {
            return self.show(PieceKind::Same, lines, room);
        }
        self.show(PieceKind::Same, of(lines, 0..head), room);
        if !self.full(room) {
            let count = u32::try_from(far).unwrap_or(u32::MAX);
            self.pieces.push(Piece { kind: PieceKind::Skipped, lines: Vec::new(), count, unended: false });
        }
        self.show(PieceKind::Same, of(lines, lines.len().saturating_sub(tail)..lines.len()), room);
    }

    fn show(&mut self, kind: PieceKind, lines: &[&str], room: &mut Room) {
        if lines.is_empty() || self.full(room) {
            return;
        }
        let mut shown = Vec::new();
        for line in lines {
            if !room.takes(line) {
                self.cut = true;
                break;
            }
            shown.push((*line).strip_suffix('\n').unwrap_or(line).to_owned());
        }
        let unended = shown.len() == lines.len() && lines.last().is_some_and(|line| !line.ends_with('\n'));
        if !shown.is_empty() {
            let count = u32::try_from(shown.len()).unwrap_or(u32::MAX);
            self.pieces.push(Piece { kind, lines: shown, count, unended });
        }
    }

    /// Whether nothing more is shown, since something was left out for want of room.
    const fn full(&mut self, room: &Room) -> bool {
        if room.lines == 0 {
            self.cut = true;
        }
        room.lines == 0
    }
}

/// What may still be shown.
struct Room {
    lines: usize,
    bytes: usize,
}

impl Room {
    /// Whether there is room for `line`. Where there is none, there is none for what comes after it.
    fn takes(&mut self, line: &str) -> bool {
        match (self.lines.checked_sub(1), self.bytes.checked_sub(line.len())) {
            (Some(lines), Some(bytes)) => {
                (self.lines, self.bytes) = (lines, bytes);
                true
            }
            _ => {
                self.lines = 0;
                false
            }
        }
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').take(MAX_COMPARED_LINES).collect()
}

fn of<'a, 'b>(lines: &'a [&'b str], range: std::ops::Range<usize>) -> &'a [&'b str] {
    lines.get(range).unwrap_or_default()
}

fn count(lines: &[&str]) -> u32 {
    u32::try_from(lines.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
