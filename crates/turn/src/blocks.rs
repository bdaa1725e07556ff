//! An answer that is still being made, in blocks that can be read by themselves: a paragraph with what is under it without
//! a blank line, a fenced code block.
//!
//! In: whole lines, as they come. Out: what has come whole and was not taken yet. It holds no more than the answer, which
//! the models' own limits bound.

use parking_lot::Mutex;
use tokio::sync::Notify;
use vocab::limits::MAX_PART_BYTES;

/// How many of the same character open a fence at least (CommonMark 0.31, section 4.5).
const FENCE: usize = 3;

/// Lines in, blocks out.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// Whole blocks that nobody has taken yet.
    whole: String,
    /// The lines of the block that is still coming.
    coming: String,
    /// The fence that the block is in: its character, and how many of them.
    fence: Option<(char, usize)>,
}

impl Blocks {
    /// Takes lines, each with its end.
    pub(crate) fn push(&mut self, lines: &str) {
        for line in lines.split_inclusive('\n') {
            self.coming.push_str(line);
            if self.ends_with(line) {
                self.whole.push_str(&self.coming);
                self.coming.clear();
            }
        }
    }

    /// Whether a block ends with this line.
    fn ends_with(&mut self, line: &str) -> bool {
        match (self.fence, fence(line)) {
            (Some((mark, long)), Some((other, count, bare))) if mark == other && count >= long && bare => {
                self.fence = None;
                true
            }
            (Some(_), _) => false,
            (None, Some((mark, count, _))) => {
                self.fence = Some((mark, count));
                false
            }
            (None, _) => line.trim().is_empty(),
        }
    }

    /// What has come whole since the last time.
    pub(crate) fn take(&mut self) -> Option<String> {
        let some = self.whole.chars().any(|c| !c.is_whitespace());
        some.then(|| std::mem::take(&mut self.whole))
    }
}

/// The fence that a line is, however far it is indented: a list may hold it. Its character, how many, and whether there is
/// nothing behind them.
fn fence(line: &str) -> Option<(char, usize, bool)> {
    let line = line.trim();
    let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let rest = line.trim_start_matches(mark);
    let count = line.len().saturating_sub(rest.len());
    // Behind backticks that open a fence there is none: those are code within a line.
    let is_one = count >= FENCE && !(mark == '`' && rest.contains(mark));
    is_one.then_some((mark, count, rest.is_empty()))
}

/// What is heard of an answer while it is made: lines go in without waiting, and blocks are waited for.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    blocks: Mutex<(Blocks, bool)>,
    more: Notify,
}

impl Hearing {
    /// Takes whole lines.
    pub(crate) fn hear(&self, lines: &str) {
        self.blocks.lock().0.push(lines);
        self.more.notify_one();
    }

    /// Nothing more is heard, and nothing more is given.
    pub(crate) fn end(&self) {
        self.blocks.lock().1 = true;
        self.more.notify_one();
    }

    /// The blocks that have come whole since the last time, once there are any; nothing when it is over, and nothing when they
    /// are more than one part may hold.
    pub(crate) async fn next(&self) -> Option<String> {
        loop {
            {
                let mut held = self.blocks.lock();
                if held.1 {
                    return None;
                }
                if let Some(text) = held.0.take() {
                    return Some(text).filter(|text| text.len() <= MAX_PART_BYTES);
                }
            }
            self.more.notified().await;
        }
    }
}

#[cfg(test)]
mod tests;
