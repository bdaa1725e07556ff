//! Making text safe to look at: what a terminal or a chat would obey, hide or reorder is written out instead.
//!
//! Escape sequences can repaint what a person approves; bidirectional controls can make text read
//! differently from what it is (CVE-2021-42574, "Trojan Source"); characters without a shape can carry
//! instructions that nobody sees.

use unicode_general_category::{GeneralCategory, get_general_category};

/// What of a text's own layout stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Line breaks, tabs, and what is common in writing and harmless: no-break spaces and emoji's own joiners.
    Prose,
    /// Nothing: the text becomes one line in which every character can be told from every other.
    Nothing,
}

/// `text` with every character that a terminal obeys or hides written as `<U+001B>`.
#[must_use]
pub fn visible(text: &str, keep: Keep) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut before = None;
    // A line break of Windows is one break.
    let text = if keep == Keep::Prose { text.replace("\r\n", "\n") } else { text.to_owned() };
    for c in text.chars() {
        if (keep == Keep::Prose && is_layout(c, before)) || !is_hidden(c) {
            safe.push(c);
        } else {
            safe.push_str(&format!("<U+{:04X}>", u32::from(c)));
        }
        before = Some(c);
    }
    safe
}

/// `json` (valid JSON) with the same characters escaped inside its strings.
#[must_use]
pub fn escaped_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '\x7f' || !is_hidden(c) {
            safe.push(c);
            continue;
        }
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            safe.push_str(&format!("\\u{unit:04x}"));
        }
    }
    safe
}

fn is_layout(c: char, before: Option<char>) -> bool {
    match c {
        '\n' | '\t' | '\u{a0}' | '\u{202f}' | '\u{3000}' => true,
        // The emoji presentation selector, only where there is something to present.
        '\u{fe0f}' => {
            before.is_some_and(|before| get_general_category(before) == GeneralCategory::OtherSymbol)
        }
        _ => false,
    }
}

/// Whether `c` has no shape of its own, or one that cannot be told from a plain space.
fn is_hidden(c: char) -> bool {
    use GeneralCategory as G;
    if c == ' ' {
        return false;
    }
    let category = get_general_category(c);
    matches!(
        category,
        G::Control
            | G::Format
            | G::Surrogate
            | G::PrivateUse
            | G::Unassigned
            | G::LineSeparator
            | G::ParagraphSeparator
            | G::SpaceSeparator
    ) || is_ignorable(c)
}

/// Letters and marks that Unicode calls ignorable (`Default_Ignorable_Code_Point` outside category Cf),
/// and the blank Braille pattern.
fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{034f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &[(&str, &str)] = &[
        ("\x1b[2J\x1b[1;1Hall is well", "<U+001B>[2J<U+001B>[1;1Hall is well"),
        ("\x1b]0;title\x07", "<U+001B>]0;title<U+0007>"),
        ("\x1b]52;c;cm0gLXJmIC8=\x07", "<U+001B>]52;c;cm0gLXJmIC8=<U+0007>"),
        ("\u{9b}31mred", "<U+009B>31mred"),
        ("rm safe\rls", "rm safe<U+000D>ls"),
        ("a\u{8}\u{8}b\x7f", "a<U+0008><U+0008>b<U+007F>"),
        ("user\u{202e}nimda\u{202c}", "user<U+202E>nimda<U+202C>"),
        ("a\u{2066}b\u{2069}\u{200f}", "a<U+2066>b<U+2069><U+200F>"),
        ("pay\u{200b}pal\u{feff}\u{ad}", "pay<U+200B>pal<U+FEFF><U+00AD>"),
        ("x\u{e0041}\u{e0042}", "x<U+E0041><U+E0042>"),
        (
            "a\u{3164}\u{115f}\u{ffa0}\u{2800}\u{fe01}\u{fe0f}",
            "a<U+3164><U+115F><U+FFA0><U+2800><U+FE01><U+FE0F>",
        ),
        ("a\u{2028}b\u{2029}c\u{85}d", "a<U+2028>b<U+2029>c<U+0085>d"),
        ("\u{e000}\0", "<U+E000><U+0000>"),
    ];

    #[test]
    fn what_a_terminal_obeys_or_hides_is_written_out() {
        for (hostile, safe) in HOSTILE {
            assert_eq!(visible(hostile, Keep::Prose), *safe);
            assert_eq!(visible(hostile, Keep::Nothing), *safe);
        }
    }

    #[test]
    fn ordinary_writing_stays_as_it_is() {
        for text in ["Grüße, 你好, مرحبا, naïve e\u{301}", "one\n\ttwo", "à\u{a0}la ❤\u{fe0f}"] {
            assert_eq!(visible(text, Keep::Prose), text);
        }
        assert_eq!(visible("a\r\nb", Keep::Prose), "a\nb");
        assert_eq!(visible("a\n\tb\u{a0}c", Keep::Nothing), "a<U+000A><U+0009>b<U+00A0>c");
    }

    #[test]
    fn every_character_comes_out_harmless() {
        let all: String = (0..=0x10_ffff).filter_map(char::from_u32).collect();
        let safe = visible(&all, Keep::Nothing);
        assert!(!safe.contains(char::is_control));
        assert_eq!(safe.chars().find(|c| !c.is_ascii() && is_hidden(*c)), None);
        let kept = |c: &char| visible(&c.to_string(), Keep::Prose) == c.to_string() && is_hidden(*c);
        let layout: Vec<char> = all.chars().filter(|c| *c < '\u{10000}').filter(kept).collect();
        assert_eq!(layout, ['\t', '\n', '\u{a0}', '\u{202f}', '\u{3000}']);
    }

    #[test]
    fn json_says_the_same_and_hides_nothing() {
        for (hostile, _) in HOSTILE {
            let json = serde_json::to_string(&[hostile]).unwrap();
            let safe = escaped_json(&json);
            assert_eq!(serde_json::from_str::<Vec<String>>(&safe).unwrap(), [*hostile]);
            assert!(!safe.chars().any(is_hidden), "{safe}");
        }
    }
}
