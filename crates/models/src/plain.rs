//! Text of strangers, made fit for a sentence of ours: short, on one line, nothing invisible in it.

/// The most characters of a server's own message that one of our sentences quotes.
pub(crate) const MAX_QUOTED_CHARS: usize = 300;

/// At most `max` characters of `text` on one line; what cannot be seen becomes a blank.
pub(crate) fn plain(text: &str, max: usize) -> String {
    let mut out = String::new();
    let mut taken = 0_usize;
    let mut blank = false;
    for c in text.chars() {
        if c.is_whitespace() || is_unseen(c) {
            blank = taken > 0;
            continue;
        }
        if taken >= max {
            out.push('…');
            break;
        }
        if blank {
            out.push(' ');
            blank = false;
        }
        out.push(c);
        taken = taken.saturating_add(1);
    }
    out
}

/// Control characters, and those that turn the direction of text round or have no width.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_does_not_come_through() {
        assert_eq!(plain("  a\u{1b}[31m\r\n\tb\u{202e}c\0 ", 100), "a [31m b c");
        assert_eq!(plain("abcdef", 3), "abc…");
        assert_eq!(plain("", 3), "");
        assert_eq!(plain("äöü", 3), "äöü");
    }
}
