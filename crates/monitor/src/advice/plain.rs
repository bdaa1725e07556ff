//! A text as a reader sees it: without what is invisible, and with the stand-ins that are used to slip past
//! a pattern put back.

use std::borrow::Cow;

/// What stands in for a sign, with blanks around it or without.
const STAND_INS: [(&str, &str); 3] = [("(at)", "@"), ("[at]", "@"), ("[dot]", ".")];

/// Plain text for the detectors: full-width forms narrowed, invisible characters dropped, odd blanks and dashes
/// made common ones, `%40` and ` (at) ` read as `@`.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.contains('%') && STAND_INS.iter().all(|(written, _)| !text.contains(written))
    {
        return Cow::Borrowed(text);
    }
    let narrowed: String = text.chars().filter(|c| !invisible(*c)).map(common).collect();
    let mut plain = narrowed.replace("%40", "@").replace("%2B", "+").replace("%20", " ");
    for (written, meant) in STAND_INS {
        if plain.contains(written) {
            plain = plain.replace(&format!(" {written} "), meant).replace(written, meant);
        }
    }
    Cow::Owned(plain)
}

/// Characters that are not seen: zero-width, soft hyphen, direction marks, variation selectors, tags.
pub(crate) const fn invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}'
    )
}

fn common(c: char) -> char {
    match c {
        // Full-width forms stand 0xFEE0 above their ASCII twins.
        '\u{FF01}'..='\u{FF5E}' => u32::from(c).checked_sub(0xFEE0).and_then(char::from_u32).unwrap_or(c),
        '\u{00A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        other => other,
    }
}
