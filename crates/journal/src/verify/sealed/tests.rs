//! Both readers of checkpoints and of changes of keys side by side: what one believes the other does.

use proptest::prelude::*;

use super::super::note::tests::{changed, changes};
use super::*;
use crate::checkpoint::tests::NO_CHECKPOINTS;
use crate::checkpoint::{self as theirs, Checkpoint, Rotation, Sealed};
use crate::note::{self, SigningKey};
use crate::read::{KeptKey, Known};

const ORIGIN: &str = "bulkhead/example";

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(ORIGIN, [number; 32]).unwrap()
}

fn tree(size: u64) -> TreeHead {
    TreeHead { size, root: Digest::of(&size.to_be_bytes()) }
}

fn sealed(size: u64, by: &[u8]) -> note::Note {
    let keys: Vec<SigningKey> = by.iter().copied().map(key).collect();
    Checkpoint { origin: ORIGIN.to_owned(), tree: tree(size) }.sign(&keys).unwrap()
}

fn ours(note: &note::Note) -> Note {
    note.to_string().parse().unwrap()
}

/// What both readers say of the text of `note`.
fn alike(note: &note::Note) {
    let other = Checkpoint::read(note).ok();
    let other = other.as_ref().map(|checkpoint| (checkpoint.origin.as_str(), checkpoint.tree));
    assert_eq!(checkpoint(&ours(note)).ok(), other, "{:?}", note.text());
    let other = Rotation::check(note).ok();
    let other =
        other.map(|change| (change.origin, change.size, change.old.to_string(), change.new.to_string()));
    let change = Change::read(&ours(note)).ok();
    let change =
        change.map(|change| (change.origin, change.size, change.old.to_string(), change.new.to_string()));
    assert_eq!(change, other, "{:?}", note.text());
}

/// The keys of a record, one after the other: which it is, and the size at which it came, signed by both; of a lost one nothing.
type Given = Vec<(u8, Option<(u64, u8)>)>;

fn rows(given: &Given) -> Vec<(String, Option<String>)> {
    let row = |(number, change): &(u8, Option<(u64, u8)>)| {
        let change = change
            .map(|(size, old)| Rotation::sign(ORIGIN, size, &key(old), &key(*number)).unwrap().to_string());
        (key(*number).verifier().to_string(), change)
    };
    given.iter().map(row).collect()
}

/// What both say of `note`, by all keys of the record and by each that may be trusted alone.
fn believed_alike(given: &Given, note: &note::Note) {
    let rows = rows(given);
    let kept: Vec<KeptKey> = rows
        .iter()
        .map(|(key, change)| KeptKey {
            key: key.parse().unwrap(),
            change: change.as_ref().map(|change| change.parse().unwrap()),
        })
        .collect();
    let other = Known::of(&kept).unwrap().check(note).ok().map(|sealed| sealed.tree());
    let found = Keys::of(&rows, None).unwrap().check(&ours(note)).ok();
    assert_eq!(found, other, "{given:?}: {note}");
    let notes: Vec<note::Note> = kept.iter().filter_map(|kept| kept.change.clone()).collect();
    for trusted in 1..=4 {
        let trusted = key(trusted).verifier().clone();
        let text = trusted.to_string();
        let other = theirs::Keys::from_changes(trusted, ORIGIN, &notes).unwrap();
        let other = Sealed::check(note.clone(), ORIGIN, &other).ok().map(|sealed| sealed.tree());
        let found = Keys::of(&rows, Some(&text.parse().unwrap())).unwrap().check(&ours(note)).ok();
        assert_eq!(found, other, "{given:?}, {text} is trusted: {note}");
    }
}

#[test]
fn what_is_no_checkpoint_to_one_is_none_to_the_other() {
    for (text, line) in NO_CHECKPOINTS {
        let note = note::Note::sign(text.to_owned(), [&key(1)]).unwrap();
        let found = checkpoint(&ours(&note)).unwrap_err();
        assert!(matches!(found, Unbelieved::Line(at, _) if at == line), "{text:?}: {found}");
        alike(&note);
    }
}

#[test]
fn what_is_no_change_of_keys_to_one_is_none_to_the_other() {
    let good = Rotation::sign(ORIGIN, 10, &key(1), &key(2)).unwrap();
    assert_eq!(Change::read(&ours(&good)).unwrap().size, 10);
    alike(&good);
    let sign = |text: &str, by: &[u8]| {
        let keys: Vec<SigningKey> = by.iter().copied().map(key).collect();
        note::Note::sign(text.to_owned(), &keys).unwrap()
    };
    let changed: note::Note = good.to_string().replace("\n10\n", "\n99\n").parse().unwrap();
    for bad in [
        sign(good.text(), &[1]),
        sign(good.text(), &[2]),
        changed,
        sign("bulkhead record key\n", &[1, 2]),
        sign(&good.text().replace("record key", "record keys"), &[1, 2]),
        sign(&good.text().replace("\n10\n", "\n010\n"), &[1, 2]),
        sign(&format!("{}more\n", good.text()), &[1, 2]),
    ] {
        assert!(Change::read(&ours(&bad)).is_err(), "{bad}");
        alike(&bad);
        let kept = vec![(key(2).verifier().to_string(), Some(bad.to_string()))];
        assert!(Keys::of(&kept, None).is_err());
    }
}

#[test]
fn keys_lead_to_each_other_and_retired_ones_sign_no_more() {
    let given = vec![(1, None), (2, Some((10, 1))), (3, Some((20, 2)))];
    let keys = Keys::of(&rows(&given), None).unwrap();
    for (size, by) in [(9, 1), (10, 1), (15, 2), (20, 2), (25, 3)] {
        assert_eq!(keys.check(&ours(&sealed(size, &[by]))), Ok(tree(size)));
        believed_alike(&given, &sealed(size, &[by]));
    }
    for (size, by) in [(11, 1), (25, 2)] {
        let error = keys.check(&ours(&sealed(size, &[by]))).unwrap_err();
        assert!(matches!(error, Unbelieved::Retired { .. }), "{error}");
        believed_alike(&given, &sealed(size, &[by]));
    }
    let error = keys.check(&ours(&sealed(5, &[4]))).unwrap_err();
    assert!(matches!(error, Unbelieved::Unsigned(_)), "{error}");
    let forged: note::Note = sealed(5, &[1]).to_string().replace("\n5\n", "\n6\n").parse().unwrap();
    let error = keys.check(&ours(&forged)).unwrap_err();
    assert!(matches!(error, Unbelieved::Forged(_)), "{error}");
    let elsewhere = SigningKey::from_seed("bulkhead/other", [1; 32]).unwrap();
    let elsewhere = Checkpoint { origin: "bulkhead/other".to_owned(), tree: tree(5) }.sign([&elsewhere]);
    let error = keys.check(&ours(&elsewhere.unwrap())).unwrap_err();
    assert!(matches!(error, Unbelieved::OtherLog { .. }), "{error}");
    // Without a key nobody can have signed.
    let error = Keys::of(&[], None).unwrap().check(&ours(&sealed(5, &[1]))).unwrap_err();
    assert!(matches!(error, Unbelieved::Unsigned(_)), "{error}");
    assert_eq!(MAX_KEYS, theirs::MAX_KEYS);
}

proptest! {
    #[test]
    fn whatever_is_changed_in_a_checkpoint_both_read_it_alike(size in any::<u64>(), more in "([a-z]{1,3}\n){0,2}", changes in changes()) {
        let text = Checkpoint { origin: ORIGIN.to_owned(), tree: tree(size) }.to_string();
        for text in [format!("{text}{more}"), changed(&text, &changes), format!("{}\n", changed(&text, &changes))] {
            if let Ok(note) = note::Note::sign(text, [&key(1)]) {
                alike(&note);
            }
        }
    }

    #[test]
    fn whatever_is_changed_in_a_change_of_keys_both_read_it_alike(size in any::<u64>(), changes in changes()) {
        let note = Rotation::sign(ORIGIN, size, &key(1), &key(2)).unwrap();
        alike(&note);
        let text = format!("{}\n", changed(note.text(), &changes));
        for text in [changed(note.text(), &changes), text] {
            if let Ok(note) = note::Note::sign(text, [&key(1), &key(2)]) {
                alike(&note);
            }
        }
    }

    #[test]
    fn whatever_keys_a_record_had_both_believe_the_same_checkpoints(
        given in prop::collection::vec((1..=4_u8, prop::option::of((0..30_u64, 1..=4_u8))), 1..6),
        size in 0..40_u64,
        by in prop::collection::vec(1..=5_u8, 1..3),
        forged in any::<bool>(),
    ) {
        let note = sealed(size, &by);
        let other = note.to_string().replacen(&format!("\n{size}\n"), &format!("\n{}\n", size + 1), 1);
        believed_alike(&given, &if forged { other.parse().unwrap_or(note) } else { note });
    }
}
