use proptest::prelude::*;

use super::*;

fn drawn(diff: &Diff) -> Vec<String> {
    let mark = |piece: &Piece| match piece.kind {
        PieceKind::Same => ' ',
        PieceKind::Skipped => '~',
        PieceKind::Added => '+',
        PieceKind::Removed => '-',
    };
    let lines = |piece: &Piece| match piece.kind {
        PieceKind::Skipped => vec![format!("~{}", piece.count)],
        _ => piece.lines.iter().map(|line| format!("{}{line}", mark(piece))).collect(),
    };
    diff.pieces.iter().flat_map(lines).collect()
}

#[test]
fn what_differs_stands_between_what_is_the_same_and_the_rest_is_left_out() {
    let before: String = (0..20).map(|n| format!("line {n}\n")).collect();
    let now = before.replace("line 9\n", "line nine\nline nine and a half\n");
    let diff = Diff::between(&before, &now);
    let expected = [
        "~6",
        " line 6",
        " line 7",
        " line 8",
        "-line 9",
        "+line nine",
        "+line nine and a half",
        " line 10",
        " line 11",
        " line 12",
        "~7",
    ];
    assert_eq!(drawn(&diff), expected);
    assert_eq!((diff.added, diff.removed, diff.cut), (2, 1, false));
    assert!(Diff::between(&before, &before).is_empty());
    assert_eq!(Diff::between("", ""), Diff::default());
}

#[test]
fn a_missing_line_break_and_a_carriage_return_are_differences() {
    let diff = Diff::between("a\nb", "a\nb\n");
    assert_eq!((diff.added, diff.removed), (1, 1));
    let ends: Vec<_> = diff.pieces.iter().map(|piece| (piece.kind, piece.unended)).collect();
    assert_eq!(ends, [(PieceKind::Same, false), (PieceKind::Removed, true), (PieceKind::Added, false)]);
    assert_eq!(drawn(&Diff::between("a\n", "a\r\n")), ["-a", "+a\r"]);
    assert_eq!(drawn(&Diff::between("a\nb\n", "a\rb\n")), ["-a", "-b", "+a\rb"]);
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    let many = "x\n".repeat(MAX_DIFF_LINES + 1);
    let diff = Diff::between("", &many);
    assert_eq!((diff.pieces.len(), diff.pieces[0].lines.len(), diff.cut), (1, MAX_DIFF_LINES, true));
    assert_eq!(diff.added as usize, MAX_DIFF_LINES + 1);
    assert!(!Diff::between("", &"x\n".repeat(MAX_DIFF_LINES)).cut);
    // One line that there is no room for, and a short one behind it, which alone would be misleading.
    let wide = Diff::between("", &format!("a\n{}\nb\n", "w".repeat(MAX_DIFF_BYTES)));
    assert_eq!((drawn(&wide), wide.cut), (vec!["+a".to_owned()], true));
    // A change beyond what is compared is no "no change".
    let long = "y\n".repeat(MAX_COMPARED_LINES);
    let beyond = Diff::between(&long, &format!("{long}z\n"));
    assert!(beyond.is_empty() && beyond.cut);
}

#[test]
fn texts_without_anything_in_common_are_set_against_each_other() {
    let text = |of: &str| (0..MAX_COMPARED_LINES).map(|n| format!("{of} {n}\n")).collect::<String>();
    let diff = Diff::between(&text("one"), &text("other"));
    assert!(diff.cut);
    assert_eq!((diff.added as usize, diff.removed as usize), (MAX_COMPARED_LINES, MAX_COMPARED_LINES));
}

/// A text again, from what a diff without anything left out shows of it.
fn text_of(diff: &Diff, not: PieceKind) -> String {
    let mut text = String::new();
    for piece in diff.pieces.iter().filter(|piece| piece.kind != not) {
        text.push_str(&piece.lines.join("\n"));
        if !piece.unended {
            text.push('\n');
        }
    }
    text
}

proptest! {
    #[test]
    fn both_texts_can_be_made_from_their_diff(
        before in "([ab\r]{0,2}\n){0,7}[ab]{0,1}", now in "([ab\r]{0,2}\n){0,7}[ab]{0,1}"
    ) {
        let diff = Diff::between(&before, &now);
        prop_assert!(!diff.cut);
        prop_assert_eq!(diff.is_empty(), before == now);
        if diff.pieces.iter().all(|piece| piece.kind != PieceKind::Skipped) {
            prop_assert_eq!(text_of(&diff, PieceKind::Added), before);
            prop_assert_eq!(text_of(&diff, PieceKind::Removed), now);
        }
    }
}
