//! A diff as lines of a terminal. Each line is marked, so that no text can look like anything else on the page.

use turn::{Diff, PieceKind};

use super::{Keep, Paint, Screen, visible};

/// The lines of `diff`, with how much is left out and whether it goes on.
pub(crate) fn diff(screen: Screen, diff: &Diff) -> Vec<String> {
    let mut lines = Vec::new();
    for piece in &diff.pieces {
        let (mark, paint) = match piece.kind {
            PieceKind::Skipped => {
                let count = piece.count;
                let lines_are = if count == 1 { "line is" } else { "lines are" };
                lines.push(screen.paint(Paint::Faint, &format!("  ~ {count} {lines_are} the same")));
                continue;
            }
            PieceKind::Same => (' ', None),
            PieceKind::Added => ('+', Some(Paint::Good)),
            PieceKind::Removed => ('-', Some(Paint::Bad)),
        };
        for line in &piece.lines {
            let text = format!("  {mark} {}", visible(line, Keep::Nothing));
            lines.push(paint.map_or_else(|| text.clone(), |paint| screen.paint(paint, &text)));
        }
        if piece.unended {
            lines.push(screen.paint(Paint::Faint, "  \\ no line break at the end"));
        }
    }
    if diff.cut {
        lines.push(screen.paint(Paint::Heed, "  ! it goes on: the rest is not shown here"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_marked_and_nothing_in_it_is_obeyed() {
        let before = "same\nold \x1b[2J\n";
        let now = "same\nnew\u{202e}\n  + forged\n- forged";
        let lines = diff(Screen::new(true), &Diff::between(before, now));
        let expected = [
            "    same",
            "  - old <U+001B>[2J",
            "  + new<U+202E>",
            "  +   + forged",
            "  + - forged",
            "  \\ no line break at the end",
        ];
        assert_eq!(lines, expected);
        let cut = Diff { cut: true, ..Diff::default() };
        assert_eq!(diff(Screen::new(true), &cut), ["  ! it goes on: the rest is not shown here"]);
    }
}
