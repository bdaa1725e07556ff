//! Texts of a model in our own sentences: bounded, and with nothing in them that a reader cannot see.

use crate::advice::invisible;

/// The longest quotation in a sentence or a resource, in characters.
const MAX_SHOWN_CHARS: usize = 200;

/// `text` with control and invisible characters written out as `\u{..}`.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || invisible(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// `text`, printable and shortened.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    printable(&short)
}

/// At most `bytes` of `text`, cut between characters.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}
