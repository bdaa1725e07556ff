use proptest::prelude::*;
use secrets::Scrub;

use super::*;

/// All that is heard of `text` when it comes in pieces of so many bytes, and whether it was a thought.
fn heard(text: &str, size: usize, scrub: &Scrub) -> (String, bool) {
    let (mut speech, mut so_far, mut heard) = (Speech::default(), String::new(), String::new());
    for c in text.chars() {
        so_far.push(c);
        if so_far.len() % size == 0 || so_far.len() == text.len() {
            heard.extend(speech.lines(&so_far, scrub));
        }
    }
    (heard, speech.was_thought())
}

fn all(text: &str) -> String {
    let each: Vec<String> = [1, 2, 3, 7, 1000].map(|size| heard(text, size, &Scrub::default()).0).to_vec();
    assert!(each.iter().all(|one| *one == each[0]), "{each:?}");
    each[0].clone()
}

#[test]
fn whole_lines_are_heard_and_the_last_is_not() {
    assert_eq!(all("one\ntwo\nthree"), "one\ntwo\n");
    assert_eq!(all("\n\n  one\n"), "\n\n  one\n");
    assert_eq!(all("one"), "");
    assert_eq!(all(""), "");
    assert_eq!(all("<thin\n"), "<thin\n");
}

#[test]
fn a_thought_before_the_words_is_not_heard() {
    assert_eq!(all("<think>hm\nwell\n</think>\n\none\ntwo\n"), "one\ntwo\n");
    assert_eq!(all(" \n<think>hm\nwell\n"), "");
    assert_eq!(all("<think></think>one\n"), "one\n");
    // Behind a marked thought the mark is a word like any other.
    assert_eq!(all("<think>a</think>one\n</think>\ntwo\n"), "one\n</think>\ntwo\n");
}

#[test]
fn a_thought_without_a_mark_before_it_is_heard_no_further_than_its_end() {
    for size in [1, 5, 1000] {
        let (heard, thought) = heard("hm\nwell</think>\none\ntwo\n", size, &Scrub::default());
        assert!(thought && !heard.contains("well") && !heard.contains("one"), "{heard}");
    }
}

#[test]
fn a_key_is_heard_of_no_more_than_it_is_of_the_whole() {
    let scrub = Scrub::of([&crate::server::tests::sesame()]);
    for size in [1, 4, 1000] {
        let (heard, _) = heard("the key is\nsk-sesame\nand so on\n", size, &scrub);
        assert!(!heard.contains("sesame") && heard.ends_with("and so on\n"), "{heard}");
    }
}

proptest! {
    #[test]
    fn what_is_heard_does_not_depend_on_the_cuts(text in "[ab<>/thinké \n]{0,60}", size in 1_usize..9) {
        let (heard, thought) = heard(&text, size, &Scrub::default());
        if !thought && !text.contains(THINK) && !text.contains(END_OF_THINK) {
            let end = text.rfind('\n').map_or(0, |at| at + 1);
            let blank = text.trim_start().is_empty() || THINK.starts_with(text.trim_start());
            prop_assert_eq!(heard, if blank { "" } else { text.get(..end).unwrap() });
        }
    }
}
