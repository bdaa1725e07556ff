use proptest::prelude::*;

use super::*;

/// What is taken after each of the pieces, and what is left at the end.
fn cut(pieces: &[&str]) -> (Vec<String>, String) {
    let mut blocks = Blocks::default();
    let taken = pieces.iter().filter_map(|piece| {
        blocks.push(piece);
        blocks.take()
    });
    let taken = taken.collect();
    (taken, format!("{}{}", blocks.whole, blocks.coming))
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

#[test]
fn a_block_ends_at_a_blank_line_or_with_its_fence() {
    let text = "# One\n\ntwo\nstill two\n \n- a\n- b\n\n```rust\nfn x() {\n\n}\n```\nthree\n";
    let (taken, left) = cut(&lines(text));
    assert_eq!(taken, ["# One\n\n", "two\nstill two\n \n", "- a\n- b\n\n", "```rust\nfn x() {\n\n}\n```\n"]);
    assert_eq!(left, "three\n");
}

#[test]
fn a_fence_is_closed_by_its_own_kind_alone() {
    let text = "````\n```\n\n~~~~\n````x\n\n`````\nend\n";
    let (taken, left) = cut(&lines(text));
    assert_eq!(taken, ["````\n```\n\n~~~~\n````x\n\n`````\n"]);
    assert_eq!(left, "end\n");
    let (taken, _) = cut(&lines("  ~~~ `a`\n\n  ~~~\nx\n"));
    assert_eq!(taken, ["  ~~~ `a`\n\n  ~~~\n"]);
    // Words between marks are no fence.
    assert_eq!(cut(&lines("```not one```\n\n")).0, ["```not one```\n\n"]);
    // One that is never closed holds all that follows.
    assert_eq!(cut(&lines("```\na\n\nb\n\n")).0, Vec::<String>::new());
}

#[test]
fn blank_lines_alone_are_no_block_and_what_finishes_together_is_taken_together() {
    assert_eq!(cut(&["\n", "\n", "one\n\n"]).0, ["\n\none\n\n"]);
    assert_eq!(cut(&["one\n\ntwo\n\nthree\n"]).0, ["one\n\ntwo\n\n"]);
}

#[tokio::test]
async fn what_is_too_long_for_a_part_and_what_comes_after_the_end_is_not_given() {
    let hearing = Hearing::default();
    hearing.hear("one\n\n");
    assert_eq!(hearing.next().await.as_deref(), Some("one\n\n"));
    hearing.hear(&format!("{}\n\n", "x".repeat(MAX_PART_BYTES)));
    assert_eq!(hearing.next().await, None);
    hearing.hear("two\n\n");
    hearing.end();
    assert_eq!(hearing.next().await, None);
}

fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("```\n"),
        Just("~~~~\n"),
        Just("``` a\n"),
        Just("\n"),
        Just("  \n"),
        Just("- a\n"),
        Just("é\n")
    ];
    proptest::collection::vec(line, 0..40).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn nothing_is_lost_added_or_moved(text in text(), sizes in proptest::collection::vec(1_usize..6, 40)) {
        let whole = text.clone();
        let all = lines(&whole);
        let (mut pieces, mut rest) = (Vec::new(), all.as_slice());
        for size in sizes {
            let (some, more) = rest.split_at(size.min(rest.len()));
            pieces.push(some.concat());
            rest = more;
        }
        pieces.push(rest.concat());
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let (taken, left) = cut(&pieces);
        prop_assert_eq!(format!("{}{left}", taken.concat()), text.clone());
        // However it came, the blocks end where they end when it comes line by line.
        let (one_by_one, alone) = cut(&all);
        let whole = format!("{}{alone}", one_by_one.concat());
        prop_assert_eq!(whole, text);
        // Only blank lines behind them may come with a part or not.
        let (together, apart) = (taken.concat(), one_by_one.concat());
        prop_assert_eq!(together.trim_end(), apart.trim_end());
    }

    #[test]
    fn no_part_ends_within_a_fence(text in text()) {
        let mut open: Option<(char, usize)> = None;
        for part in cut(&lines(&text)).0 {
            for line in part.lines() {
                match (open, fence(line)) {
                    (Some((mark, long)), Some((other, count, true))) if mark == other && count >= long => open = None,
                    (None, Some((mark, count, _))) => open = Some((mark, count)),
                    _ => {}
                }
            }
            prop_assert!(open.is_none(), "{part:?} of {text:?}");
        }
    }
}
