//! Both readers of notes side by side: the verifier's takes for a note, a key or a signature what the notary's does, and
//! nothing else.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::note::tests::{NO_KEYS, no_notes};
use crate::note::{self as theirs, Distrust, KeyKind, SigningKey, VerifierKey};

const NAME: &str = "bulkhead/example";

/// What a changed text is made of.
const ODD: [&str; 14] = [
    "\n",
    "\n\n",
    " ",
    "+",
    "=",
    "\u{2014} ",
    "A",
    "\0",
    "\r",
    "\u{a0}",
    "\u{2028}",
    "\u{7f}",
    "\u{e9}",
    "\u{2014} bulkhead/example AAAAAAA=\n",
];

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(NAME, [number; 32]).unwrap()
}

/// Both readers read this alike.
pub(in crate::verify) fn alike(text: &str) {
    let (ours, other) = (text.parse::<Note>(), text.parse::<theirs::Note>());
    let (ours, other) = match (ours, other) {
        (Ok(ours), Ok(other)) => (ours, other),
        (Err(_), Err(_)) => return,
        (ours, other) => panic!("{text:?} is {ours:?} to the verifier and {other:?} to the notary"),
    };
    assert_eq!((ours.text(), ours.to_string()), (other.text(), other.to_string()));
    for number in 1..=3 {
        let key = key(number).verifier().clone();
        let said = match other.check(&key) {
            Ok(_) => Signed::Well,
            Err(Distrust::Unsigned(_)) => Signed::Not,
            Err(Distrust::Forged(_)) => Signed::Falsely,
        };
        assert_eq!(ours.signed_by(&key.to_string().parse().unwrap()), said, "{key} on {text:?}");
    }
}

fn keys_alike(text: &str) {
    let other = text.parse::<VerifierKey>().ok().filter(|key| key.kind() == KeyKind::Note);
    let ours = text.parse::<Key>().ok();
    assert_eq!(ours.map(|key| key.to_string()), other.map(|key| key.to_string()), "{text:?}");
}

/// `text` with a part of it replaced, some times.
pub(in crate::verify) fn changed(text: &str, changes: &[(Index, usize, Index)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (at, less, put) in changes {
        let at = at.index(chars.len() + 1);
        let end = chars.len().min(at + less);
        chars.splice(at..end, put.get(&ODD).chars());
    }
    chars.into_iter().collect()
}

pub(in crate::verify) fn changes() -> impl Strategy<Value = Vec<(Index, usize, Index)>> {
    prop::collection::vec((any::<Index>(), 0..4_usize, any::<Index>()), 0..4)
}

#[test]
fn both_have_the_same_bounds() {
    assert_eq!((MAX_BYTES, MAX_SIGNATURES), (theirs::MAX_NOTE_BYTES, theirs::MAX_SIGNATURES));
    let line = "\u{2014} name AAAAAAA=\n";
    alike(&format!("text\n\n{}", line.repeat(MAX_SIGNATURES)));
    assert!(format!("text\n\n{}", line.repeat(MAX_SIGNATURES)).parse::<Note>().is_ok());
    let most = |bytes: usize| format!("{}\n\n{line}", "x".repeat(bytes - line.len() - 2));
    assert!(most(MAX_BYTES).parse::<Note>().is_ok() && most(MAX_BYTES + 1).parse::<Note>().is_err());
    for bytes in [MAX_BYTES, MAX_BYTES + 1] {
        alike(&most(bytes));
    }
    let named = |bytes: usize| format!("text\n\n\u{2014} {} AAAAAAA=\n", "n".repeat(bytes));
    assert!(named(MAX_NAME_BYTES).parse::<Note>().is_ok());
    assert!(named(MAX_NAME_BYTES + 1).parse::<Note>().is_err());
    alike(&named(MAX_NAME_BYTES));
    alike(&named(MAX_NAME_BYTES + 1));
}

#[test]
fn what_is_no_note_and_no_key_to_one_is_none_to_the_other() {
    for (text, _) in no_notes() {
        assert!(text.parse::<Note>().is_err(), "{text:?}");
    }
    for (text, _) in NO_KEYS {
        assert!(text.parse::<Key>().is_err(), "{text:?}");
    }
    // A witness's key signs statements of its own, and no record.
    assert_eq!(
        "witness.example/w1+aa4a09d1+BOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs".parse::<Key>(),
        Err(Unread::Key)
    );
}

#[test]
fn a_forged_signature_is_told_from_none_and_no_good_one_makes_up_for_it() {
    let good = theirs::Note::sign("text\n".to_owned(), [&key(1)]).unwrap();
    let read = |note: &str| note.parse::<Note>().unwrap();
    let ours: Key = key(1).verifier().to_string().parse().unwrap();
    assert_eq!(read(&good.to_string()).signed_by(&ours), Signed::Well);
    let other = theirs::Note::sign("text\n".to_owned(), [&key(2)]).unwrap();
    assert_eq!(read(&other.to_string()).signed_by(&ours), Signed::Not);
    let forged = good.to_string().replace("text", "next");
    assert_eq!(read(&forged).signed_by(&ours), Signed::Falsely);
    let line = theirs::Note::sign("next\n".to_owned(), [&key(1)]).unwrap().to_string();
    let line = line.rsplit_once("\n\n").unwrap().1;
    for both in [format!("{good}{line}"), good.to_string().replace("\n\n", &format!("\n\n{line}"))] {
        assert_eq!(read(&both).signed_by(&ours), Signed::Falsely, "{both}");
        alike(&both);
    }
}

#[test]
fn a_history_is_read_note_by_note() {
    let one = theirs::Note::sign("one\n".to_owned(), [&key(1)]).unwrap().to_string();
    let two = theirs::Note::sign("two\n".to_owned(), [&key(1), &key(2)]).unwrap().to_string();
    let texts = |history: &str| {
        Note::all(history).map(|notes| notes.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(texts(&one), Ok(vec![one.clone()]));
    assert_eq!(texts(&format!("{one}\n{two}")), Ok(vec![one.clone(), two.clone()]));
    assert_eq!(texts(&format!("{one}\n{two}\n\n")), Ok(vec![one.clone(), two]));
    for none in ["", "\n", "\n\n", "text\n", &format!("{one}{one}"), &format!("{one}\ntext\n")] {
        assert!(texts(none).is_err() && theirs::Note::all(none).is_err(), "{none:?}");
    }
    assert!(texts(one.trim_end()).is_err());
}

proptest! {
    #[test]
    fn whatever_is_changed_in_a_note_both_read_it_alike(
        text in "([^\\x00-\\x1f]{0,12}\n){1,3}", signers in prop::collection::vec(1..=3_u8, 0..4), changes in changes()
    ) {
        let keys: Vec<SigningKey> = signers.into_iter().map(key).collect();
        let note = theirs::Note::sign(text, &keys).unwrap().to_string();
        alike(&note);
        alike(&changed(&note, &changes));
    }

    #[test]
    fn whatever_looks_like_a_note_both_read_it_alike(
        text in "(.{0,6}\n){0,2}(\n)?[ -~]{0,9}\n\n(\u{2014} [a-z+ ]{0,3} [A-Za-z0-9+/]{6,8}={0,2}\n){0,3}(\n)?"
    ) {
        alike(&text);
    }

    #[test]
    fn whatever_is_changed_in_a_key_both_read_it_alike(seed in any::<[u8; 32]>(), name in "[a-z./-]{1,9}", upper in any::<bool>(), changes in changes()) {
        let key = SigningKey::from_seed(&name, seed).unwrap();
        let text = key.verifier().to_string();
        let (name, rest) = text.split_once('+').unwrap();
        let (id, rest) = rest.split_once('+').unwrap();
        let id = if upper { id.to_uppercase() } else { id.to_owned() };
        let text = format!("{name}+{id}+{rest}");
        keys_alike(&text);
        prop_assert!(text.parse::<Key>().is_ok());
        keys_alike(&changed(&text, &changes));
        keys_alike(&key.private_text());
    }
}
