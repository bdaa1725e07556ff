//! Text made safe to show on one line: in messages, in listings, and on a board where one post must not look like two.

/// Whether `c` would change how the characters around it are shown, or could not be seen at all.
/// The joiners U+200C and U+200D are left alone: scripts and emoji need them.
const fn misleading(c: char) -> bool {
    matches!(
        c,
        '\u{0}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// `text` on one line, with control and invisible characters written as `\u{..}`.
pub(crate) fn one_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if misleading(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The longest beginning of `text` that is at most `limit` bytes and ends between characters.
pub(crate) fn beginning(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_mislead_is_made_visible() {
        assert_eq!(one_line("a\nb\u{202e}c\u{1b}[2J"), "a\\nb\\u{202e}c\\u{1b}[2J");
        assert_eq!(one_line("zażółć 👩\u{200d}🚀"), "zażółć 👩\u{200d}🚀");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(beginning("aé", 2), "a");
        assert_eq!(beginning("aé", 3), "aé");
        assert_eq!(beginning("aé", 9), "aé");
    }
}
