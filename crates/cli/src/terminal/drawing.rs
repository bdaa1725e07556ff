//! What a contained program may do to the terminal of the person who runs it: draw.
//!
//! A terminal obeys more than that. It puts text into the clipboard (OSC 52), prints, resizes its window,
//! reads files for a title, and answers questions about itself as if the person had typed: what it answers
//! after the program's end, a shell would run. So the stream is taken apart with a parser that follows the
//! terminals' own state machine (`vte`, Alacritty's), and only what is known to draw is written anew. A
//! pattern over the bytes would be no such thing: a sequence may be cut anywhere, hide a control character
//! inside another sequence, or end in more ways than one.
//!
//! `vte` is built without `std`, which bounds what it keeps of a title to a kilobyte.

use std::collections::BTreeSet;
use std::io::Write as _;

use vte::{Params, Parser, Perform};

/// The longest title of a window, in characters.
const MAX_TITLE_CHARS: usize = 200;

/// Private modes that change how the terminal draws or what it tells the program, by xterm's numbers: cursor
/// keys, reverse, origin, wrap, blinking, cursor, other screens, keypad, mouse, focus, bracketed paste,
/// synchronised output.
const MODES: [u16; 24] = [
    1, 5, 6, WRAP, 12, CURSOR, 45, 47, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016, 1047, 1048,
    1049, 2004, 2026, 2027,
];

/// The most bytes of a character.
const MAX_CHAR_BYTES: usize = 4;

/// Lines that are too long go on below.
const WRAP: u16 = 7;

/// The cursor is shown.
const CURSOR: u16 = 25;

/// Modes of ECMA-48: insert, and a line break that is a return as well.
const PLAIN_MODES: [u16; 2] = [4, 20];

/// A program's output on its way to a terminal.
#[derive(Default)]
pub(crate) struct Drawing {
    parser: Parser,
    pen: Pen,
    /// The beginning of a character whose end has not come.
    cut: Vec<u8>,
}

/// What is written anew.
#[derive(Default)]
struct Pen {
    out: Vec<u8>,
    /// How to take back what would outlast the program.
    undo: BTreeSet<String>,
}

impl Drawing {
    /// What of `bytes` draws. A sequence that is cut here is completed by a later call.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        // The parser completes a character by itself, and may lose the one after it (`vte` 0.15).
        let mut text = std::mem::take(&mut self.cut);
        text.extend_from_slice(bytes);
        self.cut = text.split_off(text.len().saturating_sub(unfinished(&text)));
        self.parser.advance(&mut self.pen, &text);
        std::mem::take(&mut self.pen.out)
    }

    /// What puts the terminal back to where it was: modes, colours, character sets and margins.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pen.undo).into_iter().flat_map(String::into_bytes).collect()
    }
}

impl Pen {
    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn sequence(&mut self, marks: &[u8], params: &str, last: char) {
        self.put("\x1b[");
        let (private, between): (Vec<u8>, Vec<u8>) =
            marks.iter().partition(|mark| (0x3c..=0x3f).contains(*mark));
        self.out.extend(private);
        self.put(params);
        self.out.extend(between);
        self.put(last.encode_utf8(&mut [0; 4]));
    }

    /// Whether `undo` has to be done at the end.
    fn lasts(&mut self, undo: &str, lasts: bool) {
        if lasts {
            self.undo.insert(undo.to_owned());
        } else {
            self.undo.remove(undo);
        }
    }

    fn mode(&mut self, private: bool, mode: u16, set: bool) {
        let (known, mark): (&[u16], &str) = if private { (&MODES, "?") } else { (&PLAIN_MODES, "") };
        if !known.contains(&mode) {
            return;
        }
        let letter = |set| if set { 'h' } else { 'l' };
        let usual = private && matches!(mode, WRAP | CURSOR);
        self.put(&format!("\x1b[{mark}{mode}{}", letter(set)));
        self.lasts(&format!("\x1b[{mark}{mode}{}", letter(usual)), set != usual);
    }
}

impl Perform for Pen {
    fn print(&mut self, c: char) {
        // A control character that was cut in two arrives here.
        if !c.is_control() {
            self.put(c.encode_utf8(&mut [0; 4]));
        }
    }

    fn execute(&mut self, byte: u8) {
        // Bell, backspace, tab, line breaks, return, and the two character sets. Not the enquiry, which a
        // terminal answers.
        if matches!(byte, 0x07..=0x0f) {
            self.out.push(byte);
            self.lasts("\x0f", byte == 0x0e);
        }
    }

    fn csi_dispatch(&mut self, params: &Params, marks: &[u8], ignored: bool, last: char) {
        let first = params.iter().next().and_then(<[u16]>::first).copied().unwrap_or(0);
        let alone = params.len() <= 1;
        let draws = match (marks, last) {
            ([], '@' | 'A'..='I' | 'K'..='M' | 'P' | 'S' | 'X' | 'Z' | '`' | 'a' | 'b' | 'd'..='g') => true,
            // Not 3, which takes away what stood there before the program began.
            ([] | [b'?'], 'J') => alone && first <= 2,
            ([b'?'], 'K') => true,
            // With more numbers it is about the mouse, and answers.
            ([], 'T') => alone,
            ([], 's' | 'u') => alone && first == 0,
            ([], 'm') => {
                self.lasts("\x1b[0m", !(alone && first == 0));
                true
            }
            ([], 'r') => {
                self.lasts("\x1b7\x1b[r\x1b8", true);
                true
            }
            ([b' '], 'q') => {
                self.lasts("\x1b[0 q", first != 0);
                true
            }
            ([b'!'], 'p') => true,
            ([] | [b'?'], 'h' | 'l') if !ignored => {
                for param in params.iter() {
                    if let [mode] = param {
                        self.mode(!marks.is_empty(), *mode, last == 'h');
                    }
                }
                false
            }
            _ => false,
        };
        if draws && !ignored {
            self.sequence(marks, &numbers(params), last);
        }
    }

    fn esc_dispatch(&mut self, marks: &[u8], ignored: bool, last: u8) {
        let draws = match (marks, last) {
            ([], b'7' | b'8' | b'D' | b'E' | b'H' | b'M') | ([b'#'], b'8') => true,
            ([], b'=' | b'>') => {
                self.lasts("\x1b>", last == b'=');
                true
            }
            ([set @ (b'(' | b')')], b'0' | b'A' | b'B') => {
                self.lasts(&format!("\x1b{}B", char::from(*set)), last != b'B');
                true
            }
            _ => false,
        };
        if draws && !ignored {
            self.out.push(0x1b);
            self.out.extend_from_slice(marks);
            self.out.push(last);
        }
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _: bool) {
        let Some((kind @ &(b"0" | b"1" | b"2"), title)) = params.split_first() else { return };
        let title = title.join(&b';');
        let title = String::from_utf8_lossy(&title);
        let plain: String = title.chars().filter(|c| !c.is_control()).take(MAX_TITLE_CHARS).collect();
        self.put("\x1b]");
        self.out.extend_from_slice(kind);
        if let Err(error) = write!(self.out, ";{plain}\x07") {
            tracing::debug!("a title was not written: {error}");
        }
    }
}

/// How many bytes at the end of `text` begin a character of UTF-8 and do not end it.
fn unfinished(text: &[u8]) -> usize {
    let is_first = |byte: &u8| byte & 0xc0 != 0x80;
    let tail =
        text.iter().rev().take(MAX_CHAR_BYTES).position(is_first).map_or(0, |after| after.saturating_add(1));
    let last = text.get(text.len().saturating_sub(tail)..).unwrap_or_default();
    match std::str::from_utf8(last) {
        Err(error) if error.error_len().is_none() => tail,
        _ => 0,
    }
}

/// A sequence's numbers as they are written: groups apart by `;`, a group's parts by `:`.
fn numbers(params: &Params) -> String {
    let group = |group: &[u16]| group.iter().map(ToString::to_string).collect::<Vec<_>>().join(":");
    params.iter().map(group).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests;
