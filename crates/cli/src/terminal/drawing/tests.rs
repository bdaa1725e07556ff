//! What passes to a terminal, and what does not.

use proptest::prelude::*;

use super::*;

fn passed(bytes: &[u8]) -> String {
    String::from_utf8(Drawing::default().pass(bytes)).unwrap()
}

#[test]
fn nothing_is_lost_where_a_character_is_cut() {
    let text = "\u{fc} \u{2500}\u{fc}a\u{1f980}\x1b[0m\u{fc}\r\u{1f980}".as_bytes();
    for size in 1..text.len() {
        let mut drawing = Drawing::default();
        let came: Vec<u8> = text.chunks(size).flat_map(|piece| drawing.pass(piece)).collect();
        assert_eq!(came, text, "in pieces of {size}");
    }
    // What never becomes a character is not waited for.
    assert_eq!((passed(b"a\xff").as_str(), passed(b"\xc3a").as_str()), ("a\u{fffd}", "\u{fffd}a"));
    assert_eq!(passed(b"a\xf0\x9f"), "a");
}

#[test]
fn what_draws_passes() {
    for drawing in [
        "plain text, gr\u{fc}n, \u{4f60}\u{597d}, \u{1f980}\r\n\ttab\x08\x07",
        "\x1b[31;1mred\x1b[0m",
        "\x1b[38:2:0:255:1:2mtrue colour\x1b[38;5;99m",
        "\x1b[2J\x1b[1;1H\x1b[10;20f\x1b[3A\x1b[2K\x1b[1P\x1b[4L",
        "\x1b[?1049h\x1b[?25l\x1b[?25h\x1b[?1049l",
        "\x1b[?1000h\x1b[?1006h\x1b[?2004h",
        "\x1b7\x1b8\x1bM\x1bD\x1b(0lqk\x1b(B\x1b=\x1b>",
        "\x1b[5;10r\x1b[2 q\x1b[0!p",
        "\x1b]0;a title\x07\x1b]2;another\x07",
    ] {
        assert_eq!(passed(drawing.as_bytes()), drawing);
    }
    assert_eq!(passed(b"\x1b[mx\x1b[H"), "\x1b[0mx\x1b[0H");
    assert_eq!(passed(b"\x1b]2;ended otherwise\x1b\\."), "\x1b]2;ended otherwise\x07.");
}

#[test]
fn what_acts_does_not() {
    for acts in [
        // The clipboard, set and asked for.
        &b"\x1b]52;c;cm0gLXJmIC8=\x07"[..],
        b"\x1b]52;c;?\x1b\\",
        // Links, folders, notifications, colours and fonts, and questions about them.
        b"\x1b]8;;http://evil.example\x07",
        b"\x1b]7;file://host/etc\x07",
        b"\x1b]9;ping\x07\x1b]777;notify;a;b\x07",
        b"\x1b]4;1;?\x07\x1b]10;?\x07\x1b]11;?\x07\x1b]50;?\x07",
        b"\x1b]1337;File=name=eA==;inline=1:AAAA\x07",
        b"\x1b]133;A\x07\x1b]3;X=1\x07\x1b]l\x07",
        // Who are you, where is the cursor, what is the title, what is on the screen, which mode.
        b"\x1b[c\x1b[>c\x1b[=c\x1bZ\x05",
        b"\x1b[5n\x1b[6n\x1b[?6n\x1b[?15n",
        b"\x1b[21t\x1b[20t\x1b[14t\x1b[18t\x1b[8;1;1t\x1b[22;0t",
        b"\x1b[1;1;1;1;24;80*y\x1b[x\x1b[?1$p\x1b[4$p\x1b[>q\x1b[?u\x1b[>1u",
        b"\x1b[1;2;3;4;5T\x1b[?1;1;0S\x1b[>4;2m\x1b[?4m",
        // Strings for the terminal or its printer.
        b"\x1bP$qm\x1b\\\x1bP+q544e\x1b\\\x1bPq#0;2;0;0;0~\x1b\\",
        b"\x1b_Gi=1,a=q;AAAA\x1b\\\x1b^private\x1b\\\x1bXstart\x1b\\",
        b"\x1b[5i\x1b[?5i",
        // Resets, locks, other encodings, scrollback, column modes.
        b"\x1bc\x1bn\x1b%@\x1b%G\x1bl\x1bm\x1b[3J\x1b[?3J",
        b"\x1b[?3h\x1b[?40h\x1b[?69h\x1b[?1337h\x1b[2h\x1b[?80h\x1b[2;5s",
        // Controls of one byte, whole and as UTF-8.
        b"\x9b\x90\x9d\xc2\x9b\xc2\x85\x00\x7f",
    ] {
        let mut drawing = Drawing::default();
        let seen = drawing.pass(acts);
        let plain = String::from_utf8_lossy(&seen).replace('\u{fffd}', "");
        assert_eq!(plain, "", "{}", acts.escape_ascii());
        assert_eq!(drawing.finish(), b"", "{}", acts.escape_ascii());
    }
}

#[test]
fn a_sequence_that_is_cut_or_spoilt_is_no_way_round() {
    let whole = b"a\x1b]52;c;ZXZpbA==\x07b\x1b[6nc\x1bP$qm\x1b\\d\x1b[31me";
    let mut cut = Drawing::default();
    let seen: Vec<u8> = whole.iter().flat_map(|byte| cut.pass(&[*byte])).collect();
    assert_eq!(String::from_utf8(seen).unwrap(), "abcd\x1b[31me");
    assert_eq!(passed(b"\x1b]52;c;\x1b]52;c;eA==\x07x"), "x");
    assert_eq!(passed(b"\x1b[6\x07nx"), "\x07x");
    assert_eq!(passed(b"\x1b]0;ti\x1b[6ntle\x07"), "\x1b]0;ti\x07tle\x07");
    assert_eq!(passed(b"\x1b]0;a\xc2\x9bb\r\n\x07"), "\x1b]0;ab\x07");
    assert_eq!(passed(b"\xc2\x1b[6nx").replace('\u{fffd}', ""), "x");
    let mut split = Drawing::default();
    let seen = [split.pass(b"\xc2"), split.pass(b"\x9b6n")].concat();
    assert_eq!(seen, b"6n");
    let endless = [b"\x1b]0;".to_vec(), vec![b'x'; 1 << 20], b"\x07".to_vec()].concat();
    assert!(passed(&endless).len() < 1024);
}

#[test]
fn what_would_outlast_the_program_is_taken_back() {
    let left = |bytes: &[u8]| {
        let mut drawing = Drawing::default();
        drawing.pass(bytes);
        String::from_utf8(drawing.finish()).unwrap()
    };
    assert_eq!(left(b"text\x1b[1mbold\x1b[m\x1b[?1049h\x1b[?1049l\x1b[?25l\x1b[?25h"), "");
    assert_eq!(left(b"\x1b[?1003;1006h"), "\x1b[?1003l\x1b[?1006l");
    assert_eq!(left(b"\x1b[?25l\x1b[?7l"), "\x1b[?25h\x1b[?7h");
    assert_eq!(left(b"\x1b[31m\x1b(0\x0e\x1b[2;3r"), "\x0f\x1b(B\x1b7\x1b[r\x1b8\x1b[0m");
}

/// Of which hostile output is made.
const PARTS: [&[u8]; 21] = [
    b"\x1b",
    b"[",
    b"]",
    b"P",
    b"_",
    b"\x1b\\",
    b"\x07",
    b"52;c;eA==",
    b"6n",
    b"c",
    b"?",
    b">",
    b"0;t",
    b"\x18",
    b"\x9b",
    b"\xc2",
    b"21t",
    b"m",
    b"1;2",
    b"$",
    b"x",
];

proptest! {
    #[test]
    fn what_passed_once_passes_as_it_is(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let once = Drawing::default().pass(&bytes);
        prop_assert_eq!(Drawing::default().pass(&once), once);
    }

    #[test]
    fn no_mix_of_sequences_gets_anything_else_through(
        parts in proptest::collection::vec(
            proptest::sample::select(PARTS.to_vec()),
            0..40,
        )
    ) {
        let bytes = parts.concat();
        let once = Drawing::default().pass(&bytes);
        let text = String::from_utf8(once.clone()).unwrap();
        prop_assert_eq!(Drawing::default().pass(&once), once);
        for part in text.split('\x1b').skip(1) {
            let title = ["]0;", "]1;", "]2;"].iter().any(|kind| part.starts_with(kind));
            let known = title || part.starts_with('[') && !part.starts_with("[6n")
                || part.starts_with(['7', '8', 'D', 'E', 'H', 'M', '=', '>', '(', ')', '#']);
            prop_assert!(known, "{}", text.escape_debug());
        }
    }
}
