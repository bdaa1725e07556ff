//! Terminal output as a picture: ANSI text on standard input, SVG on standard output.
//!
//! For `scripts/picture`, which draws a real run of the demo for the README. It knows nothing of what it draws.

use std::io::{self, Read as _, Write as _};

use anstyle::RgbColor;
use anstyle_svg::{Palette, Term};

/// The most that is drawn, in bytes.
const MAX_BYTES: u64 = 256 * 1024;

const BACKGROUND: RgbColor = RgbColor(0x12, 0x18, 0x21);
const TEXT: RgbColor = RgbColor(0xd6, 0xde, 0xe8);

/// The sixteen colours of a terminal: black, red, green, yellow, blue, magenta, cyan, white, then brighter
/// ones. Each is at least 4.5 to 1 against the background, as WCAG asks of text.
const PALETTE: [RgbColor; 16] = [
    BACKGROUND,
    RgbColor(0xff, 0x7b, 0x72),
    RgbColor(0x56, 0xd3, 0x64),
    RgbColor(0xe3, 0xb3, 0x41),
    RgbColor(0x79, 0xc0, 0xff),
    RgbColor(0xd2, 0xa8, 0xff),
    RgbColor(0x76, 0xe3, 0xea),
    TEXT,
    RgbColor(0x8b, 0x98, 0xa8),
    RgbColor(0xff, 0xa1, 0x98),
    RgbColor(0x7e, 0xe7, 0x87),
    RgbColor(0xf2, 0xcc, 0x60),
    RgbColor(0xa5, 0xd6, 0xff),
    RgbColor(0xe2, 0xc5, 0xff),
    RgbColor(0xb3, 0xf0, 0xff),
    RgbColor(0xff, 0xff, 0xff),
];

fn main() -> io::Result<()> {
    let mut ansi = String::new();
    io::stdin().take(MAX_BYTES).read_to_string(&mut ansi)?;
    let term = Term::new().palette(Palette::from(PALETTE)).bg_color(BACKGROUND.into()).fg_color(TEXT.into());
    io::stdout().write_all(term.render_svg(&ansi).as_bytes())
}
