//! A document in passages: its paragraphs, each with the lines that it stands on.

use crate::plain::beginning;

/// The most lines of a passage.
const MAX_LINES: u32 = 24;

/// The longest passage, in bytes; a longer line is several passages by itself. What a search does for a passage grows faster
/// than its length.
const MAX_BYTES: usize = 4096;

/// A part of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'t> {
    /// Its first line, from 1.
    pub(super) from: u32,
    /// Its last line.
    pub(super) to: u32,
    /// Its text.
    pub(super) text: &'t str,
}

/// A passage that is not yet at its end.
struct Block {
    from: u32,
    to: u32,
    start: usize,
    end: usize,
    /// Whether there are only headings in it so far.
    headings: bool,
}

/// The passages of `text`, in its order: every line that is not blank is in one, or in several when it is long. A heading
/// stands with what it heads.
pub(super) fn passages(text: &str) -> Vec<Part<'_>> {
    let (mut found, mut block, mut end) = (Vec::new(), None::<Block>, 0_usize);
    for (line, number) in text.split_inclusive('\n').zip(1_u32..) {
        let start = end;
        end = end.saturating_add(line.len());
        if line.trim().is_empty() {
            if block.as_ref().is_some_and(|block| !block.headings) {
                block.take().into_iter().for_each(|block| block.put(text, &mut found));
            }
            continue;
        }
        let heading = line.starts_with('#');
        match block.as_mut().filter(|block| block.has_room(number, end, heading)) {
            Some(block) => {
                (block.to, block.end) = (number, end);
                block.headings &= heading;
            }
            None => {
                let next = Block { from: number, to: number, start, end, headings: heading };
                block.replace(next).into_iter().for_each(|block| block.put(text, &mut found));
            }
        }
    }
    block.into_iter().for_each(|block| block.put(text, &mut found));
    found
}

/// The first part of `text` that is no longer than a passage, and the rest: parted behind a space where there is one in its
/// second half, or else anywhere.
fn parted(text: &str) -> (&str, &str) {
    let most = beginning(text, MAX_BYTES);
    if most.len() == text.len() {
        return (text, "");
    }
    let space = most.char_indices().rfind(|(at, c)| c.is_whitespace() && *at >= MAX_BYTES / 2);
    let at = space.map_or(most.len(), |(at, c)| at.saturating_add(c.len_utf8()));
    text.split_at_checked(at).unwrap_or((text, ""))
}

impl Block {
    fn has_room(&self, line: u32, end: usize, heading: bool) -> bool {
        line.saturating_sub(self.from) < MAX_LINES
            && end.saturating_sub(self.start) <= MAX_BYTES
            && (self.headings || !heading)
    }

    fn put<'t>(&self, text: &'t str, found: &mut Vec<Part<'t>>) {
        let mut rest = text.get(self.start..self.end).unwrap_or_default();
        while !rest.is_empty() {
            let (text, after) = parted(rest);
            rest = after;
            if !text.trim().is_empty() {
                found.push(Part { from: self.from, to: self.to, text });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranges(text: &str) -> Vec<(u32, u32)> {
        passages(text).iter().map(|part| (part.from, part.to)).collect()
    }

    #[test]
    fn a_paragraph_is_a_passage_and_a_heading_is_with_what_it_heads() {
        assert_eq!(ranges(""), []);
        assert_eq!(ranges("\n \n"), []);
        assert_eq!(ranges("a"), [(1, 1)]);
        assert_eq!(ranges("a\nb\n\n\nc\n"), [(1, 2), (5, 5)]);
        assert_eq!(ranges("# T\n\n## S\n\na\nb\n\nc\n# U\nd"), [(1, 6), (8, 8), (9, 10)]);
        assert_eq!(passages("# T\r\n\r\na\r\n\r\nb")[0].text, "# T\r\n\r\na\r\n");
        assert_eq!(ranges(&"line\n".repeat(60)), [(1, 24), (25, 48), (49, 60)]);
        let long = "x".repeat(10_000);
        assert_eq!(ranges(&format!("a\n{long}\nb")), [(1, 1), (2, 2), (2, 2), (2, 2), (3, 3)]);
        // A word is whole where there is room for it, and so is a letter.
        let words = "words ".repeat(2_000);
        for text in [&words, &"é".repeat(10_001), &format!("a{}", " ".repeat(10_000))] {
            let parts = passages(text);
            assert!(parts.iter().all(|part| part.text.len() <= MAX_BYTES && part.to == 1));
            assert!(text.starts_with(&parts.iter().map(|part| part.text).collect::<String>()));
        }
        assert!(passages(&words).iter().all(|part| part.text.ends_with("words ")));
    }

    proptest! {
        /// Whatever the text: passages are in order, none overlaps another, each is what stands on its lines, and no word is lost.
        #[test]
        fn every_line_with_something_on_it_is_in_one_passage(text in "([a# ]{0,6}\r?\n?){0,80}") {
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            let mut last = 0;
            let mut held = String::new();
            for part in passages(&text) {
                prop_assert!(part.from > last && part.to >= part.from && part.to - part.from < MAX_LINES);
                last = part.to;
                prop_assert_eq!(part.text, lines[part.from as usize - 1..part.to as usize].concat());
                held.push_str(part.text);
            }
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(words(&held), words(&text));
        }
    }
}
