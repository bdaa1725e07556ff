use std::sync::Arc;

use journal::{Config, Draft, Entry, Journal, Kind};
use vocab::{Digest, PersonId};

use super::*;

struct Still;

impl vocab::Ambient for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

/// What bob said.
fn said(text: &str) -> Draft {
    let mut draft = Draft::of_event(Kind::Message, Event::MessageReceived, journal::Facts::new());
    draft.person = PersonId::new("bob").ok();
    draft.session = SessionId::new("s-1").ok();
    draft.payload = json!({ "entry": { "text": text } });
    draft
}

fn bobs(after: Option<u64>) -> Query {
    Query { person: PersonId::new("bob").ok(), before: after, limit: AT_ONCE, ..Query::default() }
}

#[tokio::test]
async fn a_search_goes_a_bounded_way_says_how_far_and_goes_on_there() {
    let folder = tempfile::tempdir().unwrap();
    let place: journal::Place = folder.path().join("journal.sqlite").into();
    let journal = Journal::open(Config { place: place.clone() }, Arc::new(Still)).unwrap();
    let many = MAX_SEARCHED + 500;
    for nth in 0..many {
        let text = if nth == 3 { "the Needle" } else { "hay" };
        let entry = Entry { subject: Digest::of(b"x"), records: vec![said(text)], state: Vec::new() };
        journal.follow(entry).await.unwrap();
    }
    journal.close().await.unwrap();
    let reader = Reader::open(&place).unwrap();
    let words = ["needle".to_owned()];
    let first = go(&reader, bobs(None), &words, 10).unwrap();
    assert_eq!((first.hits.len(), first.through, first.after), (0, MAX_SEARCHED, Some(501)));
    assert_eq!(first.until, Some(Timestamp::UNIX_EPOCH));
    let last = go(&reader, bobs(first.after), &words, 10).unwrap();
    assert_eq!((last.hits.len(), last.through, last.after), (1, 500, None));
    let hit = &last.hits[0];
    assert_eq!((hit.record.seq, hit.by, hit.passage.word.as_str()), (4, "person", "Needle"));
    // Where there is enough it ends, and goes on behind the last that it gave.
    let some = go(&reader, bobs(None), &["hay".to_owned()], 2).unwrap();
    let seqs: Vec<u64> = some.hits.iter().map(|hit| hit.record.seq).collect();
    let end = many as u64;
    assert_eq!((seqs, some.after, some.through), (vec![end, end - 1], Some(end - 1), 2));
}

#[tokio::test]
async fn what_is_large_is_gone_through_a_bounded_way_too() {
    let folder = tempfile::tempdir().unwrap();
    let place: journal::Place = folder.path().join("journal.sqlite").into();
    let journal = Journal::open(Config { place: place.clone() }, Arc::new(Still)).unwrap();
    let size = MAX_SEARCHED_BYTES / 64;
    for _ in 0..70 {
        let draft = said(&"x".repeat(size));
        let entry = Entry { subject: Digest::of(b"x"), records: vec![draft], state: Vec::new() };
        journal.follow(entry).await.unwrap();
    }
    journal.close().await.unwrap();
    let reader = Reader::open(&place).unwrap();
    let found = go(&reader, bobs(None), &["needle".to_owned()], 10).unwrap();
    assert_eq!((found.through, found.after), (64, Some(7)));
}

fn found(text: &str, words: &[&str]) -> Option<(String, String, String)> {
    let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    around(text, &words).map(|Around { before, word, after }| (before, word, after))
}

fn three(before: &str, word: &str, after: &str) -> Option<(String, String, String)> {
    Some((before.to_owned(), word.to_owned(), after.to_owned()))
}

#[test]
fn all_words_are_found_in_any_order_and_case_and_the_first_is_shown() {
    let text = "The\n\nbudget of  May, and THE Budget of June";
    assert_eq!(found(text, &["budget"]), three("The ", "budget", " of May, and THE Budget of June"));
    assert_eq!(found(text, &["JUNE", "budget"]), three("The budget of May, and THE Budget of ", "June", ""));
    assert_eq!(found(text, &["budget", "july"]), None);
    assert_eq!(found("", &["a"]), None);
}

#[test]
fn a_letter_that_has_another_length_in_lower_case_moves_nothing() {
    // Two bytes become three, three become two.
    assert_eq!(found("\u{130}\u{130} straSSe x", &["strasse"]), three("\u{130}\u{130} ", "straSSe", " x"));
    assert_eq!(found("\u{212a}\u{212a}elvin", &["ELVIN"]), three("\u{212a}\u{212a}", "elvin", ""));
    assert_eq!(found("\u{130}x", &["\u{130}"]), three("", "\u{130}", "x"));
    // In the middle of what one letter became.
    assert_eq!(found("a\u{130}b", &["\u{307}b"]), three("a", "\u{130}b", ""));
}

#[test]
fn what_stands_around_is_bounded_and_says_that_it_is_cut() {
    let text = format!("{}needle{}", "\u{1f600}".repeat(500), "b".repeat(500));
    let (before, word, after) = found(&text, &["needle"]).unwrap();
    assert_eq!((before.chars().count(), word.as_str()), (SHOWN_BEFORE + 1, "needle"));
    assert_eq!(after.chars().count(), SHOWN_BEHIND + 1);
    assert!(before.starts_with('\u{2026}') && after.ends_with('\u{2026}'));
    let whole = format!("{}needle{}", "a".repeat(SHOWN_BEFORE), "b".repeat(SHOWN_BEHIND));
    let (before, _, after) = found(&whole, &["needle"]).unwrap();
    assert_eq!((before.len(), after.len()), (SHOWN_BEFORE, SHOWN_BEHIND));
}
