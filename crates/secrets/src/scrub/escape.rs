//! The escapes of URLs, JSON and HTML, undone. Bytes that are no escape stay what they are.

use secrecy::zeroize::Zeroizing;

/// What HTML calls the visible characters that it reserves, and JavaScript nothing else.
const ENTITIES: [(&[u8], u8); 5] =
    [(b"&amp;", b'&'), (b"&lt;", b'<'), (b"&gt;", b'>'), (b"&quot;", b'"'), (b"&apos;", b'\'')];

/// The most digits of a number in an escape.
const MAX_DIGITS: usize = 8;

/// `bytes` with every escape undone once, and for each byte where it began, with the end behind the last. `None`
/// when there is no escape.
pub(super) fn undone(bytes: &[u8]) -> Option<(Zeroizing<Vec<u8>>, Vec<usize>)> {
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'\\' | b'&')) {
        return None;
    }
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut from = Vec::with_capacity(bytes.len().saturating_add(1));
    let mut at = 0_usize;
    let mut any = false;
    while let Some((first, rest)) = bytes.get(at..).and_then(<[u8]>::split_first) {
        let (byte, length) = match escape(*first, rest) {
            Some((byte, length)) => {
                any = true;
                (byte, length)
            }
            None => (*first, 1),
        };
        out.push(byte);
        from.push(at);
        at = at.saturating_add(length);
    }
    from.push(bytes.len());
    any.then_some((out, from))
}

/// The visible ASCII character that an escape stands for, and the escape's length with `first`.
fn escape(first: u8, rest: &[u8]) -> Option<(u8, usize)> {
    let (value, length) = match first {
        b'%' => (hex(rest.get(..2)?)?, 3),
        b'\\' => backslash(rest)?,
        b'&' => entity(rest)?,
        _ => return None,
    };
    let byte = u8::try_from(value).ok().filter(u8::is_ascii_graphic)?;
    Some((byte, length))
}

fn backslash(rest: &[u8]) -> Option<(u32, usize)> {
    match rest.split_first()? {
        (b'u', [b'{', digits @ ..]) => {
            let end = digits.iter().take(MAX_DIGITS.saturating_add(1)).position(|byte| *byte == b'}')?;
            Some((hex(digits.get(..end)?)?, end.saturating_add(4)))
        }
        (b'u', digits) => Some((hex(digits.get(..4)?)?, 6)),
        (b'x', digits) => Some((hex(digits.get(..2)?)?, 4)),
        (mark, _) => mark.is_ascii_punctuation().then_some((u32::from(*mark), 2)),
    }
}

fn entity(rest: &[u8]) -> Option<(u32, usize)> {
    let Some(number) = rest.strip_prefix(b"#") else {
        let named = |(name, _): &&(&[u8], u8)| rest.starts_with(name.get(1..).unwrap_or_default());
        return ENTITIES.iter().find(named).map(|(name, byte)| (u32::from(*byte), name.len()));
    };
    let (digits, radix, before) = match number.split_first()? {
        (b'x' | b'X', digits) => (digits, 16, 3_usize),
        _ => (number, 10, 2),
    };
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let count = digits.iter().take(MAX_DIGITS).take_while(is_digit).count();
    let text = str::from_utf8(digits.get(..count)?).ok()?;
    let value = u32::from_str_radix(text, radix).ok()?;
    // Browsers read a number without its semicolon, too.
    let closed = usize::from(digits.get(count) == Some(&b';'));
    Some((value, before.saturating_add(count).saturating_add(closed)))
}

fn hex(digits: &[u8]) -> Option<u32> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let text = str::from_utf8(digits).ok().filter(|_| all)?;
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        undone(text.as_bytes()).map_or_else(
            || text.to_owned(),
            |(bytes, from)| {
                assert_eq!((from.len(), from.last()), (bytes.len() + 1, Some(&text.len())));
                assert!(from.is_sorted(), "{from:?}");
                String::from_utf8(bytes.to_vec()).unwrap()
            },
        )
    }

    #[test]
    fn escapes_are_undone_once() {
        for (text, clear) in [
            ("a%41%7e", "aA~"),
            (r#"\"\\\/"#, r#""\/"#),
            (r"\u0041\u{41}\u{0041}\x41", "AAAA"),
            ("&amp;&lt;&gt;&quot;&apos;", "&<>\"'"),
            ("&#65;&#x41;&#X41&#0065", "AAAA"),
            ("%2541", "%41"),
        ] {
            assert_eq!(plain(text), clear, "{text}");
        }
    }

    #[test]
    fn what_is_no_escape_of_a_visible_character_stays() {
        for text in [
            "",
            "%",
            "%4",
            "%4g",
            "%00",
            "%e9",
            "100%",
            "\\",
            "\\u",
            "\\u12",
            "\\u{",
            "\\u{}",
            "\\n",
            "\\u00e9",
            "\\u{1000000000}",
            "\\x4",
            "&",
            "&#",
            "&#;",
            "&#x;",
            "&#99999999999;",
            "&amp",
            "&nbsp;",
            "é%é",
        ] {
            assert_eq!(plain(text), text, "{text}");
        }
    }
}
