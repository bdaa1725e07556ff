//! Whatever a program writes to a terminal and wherever it is cut, what comes through draws: written anew it is the same
//! again, it has no control character but the few that draw, and it begins no sequence that a terminal answers or obeys.

#![no_main]

#[rustfmt::skip]
#[path = "../../crates/cli/src/terminal/drawing.rs"]
mod drawing;

use drawing::Drawing;
use libfuzzer_sys::fuzz_target;

/// The most that one byte becomes: the beginning of a mode's own sequence, and what takes it back.
const MAX_GROWTH: usize = 16;

fuzz_target!(|bytes: &[u8]| {
    let mut whole = Drawing::default();
    let drawn = whole.pass(bytes);
    let undone = whole.finish();
    assert!(drawn.len() <= bytes.len().saturating_mul(MAX_GROWTH));

    let mut cut = Drawing::default();
    let pieces = bytes.chunks(bytes.first().map_or(1, |byte| usize::from(byte % 7) + 1));
    let pieces: Vec<u8> = pieces.flat_map(|piece| cut.pass(piece)).collect();
    assert_eq!((pieces, cut.finish()), (drawn.clone(), undone.clone()), "a cut makes a difference");

    assert_eq!(Drawing::default().pass(&drawn), drawn, "what draws does not come through unchanged");
    harmless(&drawn);
    harmless(&undone);
});

/// Looked at by itself, without the parser that wrote it.
fn harmless(text: &[u8]) {
    let chars: Vec<char> = std::str::from_utf8(text).expect("what draws is text").chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let next = chars.get(at + 1);
        match c {
            '\x07'..='\x0f' => {}
            '\x1b' => match next {
                // A title, and no other command of the system.
                Some(']') => assert!(matches!(chars.get(at + 2..at + 4), Some(['0' | '1' | '2', ';']))),
                Some('[') => {
                    let last = chars[at + 2..].iter().find(|c| ('\x40'..='\x7e').contains(*c));
                    // Reports, the window, the keyboard's leds, media copy.
                    assert!(!matches!(last, None | Some('c' | 'n' | 't' | 'i' | 'x' | 'y' | 'R')));
                }
                next => assert!(matches!(
                    next,
                    Some('7' | '8' | 'D' | 'E' | 'H' | 'M' | '=' | '>' | '#' | '(' | ')')
                )),
            },
            c => assert!(!c.is_control(), "{c:?}"),
        }
    }
}
