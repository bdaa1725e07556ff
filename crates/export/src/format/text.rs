//! Text of records for forms that are lines of text.

use std::fmt::Write as _;

/// `text` in one line, at most `max` bytes: control characters and line breaks of any kind as `\u{..}`, and an
/// ellipsis where it was cut.
pub(super) fn plain(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        if out.len() + LONGEST > max {
            out.push('…');
            break;
        }
        if breaks(c) {
            // Writing to a `String` cannot fail.
            let _infallible = write!(out, "\\u{{{:x}}}", u32::from(c)).is_ok();
        } else {
            out.push(c);
        }
    }
    out
}

/// The bytes of the longest thing that one character becomes.
const LONGEST: usize = "\\u{10ffff}".len();

/// Whether a reader of lines, or a terminal, may take `c` for more than a character.
fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_breaks_a_line_is_written_out_and_what_is_too_long_is_cut() {
        assert_eq!(plain("a\r\nb\0\u{85}\u{2028}é", 100), "a\\u{d}\\u{a}b\\u{0}\\u{85}\\u{2028}é");
        let cut = plain(&"é".repeat(100), 50);
        assert!(cut.ends_with('…') && cut.len() <= 50, "{cut}");
        assert_eq!(plain("", 10), "");
    }
}
