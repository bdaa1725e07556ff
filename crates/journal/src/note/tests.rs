//! Notes beside those of other implementations, and texts that are none.

use proptest::prelude::*;

use super::*;

/// From the documentation of Go's `golang.org/x/mod/sumdb/note`.
const SIGNER: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const SIGNATURE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn peter() -> VerifierKey {
    VERIFIER.parse().unwrap()
}

#[test]
fn gos_note_is_made_and_checked_to_the_byte() {
    let key: SigningKey = SIGNER.parse().unwrap();
    assert_eq!(key.verifier().to_string(), VERIFIER);
    assert_eq!(key.private_text(), SIGNER);
    let note = Note::sign(TEXT.to_owned(), [&key]).unwrap();
    assert_eq!(note.to_string(), format!("{TEXT}\n{SIGNATURE}"));
    let read: Note = note.to_string().parse().unwrap();
    assert_eq!(read, note);
    assert_eq!(read.check(&peter()), Ok(None));
    assert!(!format!("{key:?}").contains("AYEKFALVFGyN"), "a private key in a log");
}

/// A checkpoint with a witness's cosignature, made by `aics-tlog` 0.2.1 from PyPI with the seed `[7; 32]`.
const COSIGNED: &str = include_str!("cosigned.txt");
const WITNESS: &str = "witness.example/w1+aa4a09d1+BOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

#[test]
fn a_witnesss_cosignature_is_checked_with_its_time() {
    let note: Note = COSIGNED.parse().unwrap();
    let witness: VerifierKey = WITNESS.parse().unwrap();
    assert_eq!(witness.kind(), KeyKind::Cosignature);
    assert_eq!(note.check(&witness), Ok(Some(1_790_000_000)));
    let other: Note = COSIGNED.replace("\n12\n", "\n13\n").parse().unwrap();
    assert_eq!(other.check(&witness), Err(Distrust::Forged(WITNESS.to_owned())));
}

#[test]
fn a_history_is_read_note_by_note() {
    let (one, two) = (format!("{TEXT}\n{SIGNATURE}"), COSIGNED.to_owned());
    let notes =
        |text: &str| Note::all(text).map(|notes| notes.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(notes(&one), Ok(vec![one.clone()]));
    assert_eq!(notes(&format!("{one}\n{two}\n")), Ok(vec![one.clone(), two]));
    assert_eq!(notes(&format!("{one}\n{TEXT}\n")), Err(NoteError::Form));
    assert!(notes("").is_err());
}

#[test]
fn what_is_not_signed_by_the_key_is_not_believed() {
    let note: Note = format!("{TEXT}\n{SIGNATURE}").parse().unwrap();
    let changed: Note = format!("{}\n{SIGNATURE}", TEXT.replace("the answer", "no answer")).parse().unwrap();
    assert!(matches!(changed.check(&peter()), Err(Distrust::Forged(_))));
    // Another key under the same name, and the same key under another name.
    let other = SigningKey::from_seed("PeterNeumann", [3; 32]).unwrap();
    assert!(matches!(note.check(other.verifier()), Err(Distrust::Unsigned(_))));
    let renamed: Note = format!("{TEXT}\n{}", SIGNATURE.replace("Neumann", "Pan")).parse().unwrap();
    assert!(matches!(renamed.check(&peter()), Err(Distrust::Unsigned(_))));
    // A signature of the right name and id that is another key's.
    let forged = Note::sign(TEXT.to_owned(), [&other]).unwrap();
    let forged =
        Note { signatures: vec![Signature { id: peter().id(), ..forged.signatures[0].clone() }], ..forged };
    assert!(matches!(forged.check(&peter()), Err(Distrust::Forged(_))));
    // A good one does not make up for a bad one by the same key.
    let mut both = note;
    both.add(&forged.signatures).unwrap();
    assert!(matches!(both.check(&peter()), Err(Distrust::Forged(_))));
}

/// Texts that are no notes, for every reader of notes, and what this one says of each.
pub(crate) fn no_notes() -> Vec<(String, NoteError)> {
    let short = [
        ("", NoteError::Form),
        ("\n", NoteError::Form),
        ("text\n", NoteError::Form),
        ("text\n\n", NoteError::Form),
        ("\n\u{2014} name AAAAAAA=\n", NoteError::Form),
        ("text\n\n\u{2014} name AAAAAAA=", NoteError::Form),
        ("text\n\n- name AAAAAAA=\n", NoteError::Signature(1)),
        ("text\n\n\u{2014} name AAAAAAA=\n\n", NoteError::Form),
        ("text\n\n\u{2014} name  AAAAAAA=\n", NoteError::Signature(1)),
        ("text\n\n\u{2014} na me AAAAAAA=\n", NoteError::Signature(1)),
        ("text\n\n\u{2014} na\u{a0}me AAAAAAA=\n", NoteError::Signature(1)),
        ("text\n\n\u{2014} na+me AAAAAAA=\n", NoteError::Signature(1)),
        ("text\n\n\u{2014} name AAAAAAA= \n", NoteError::Signature(1)),
        ("text\n\n\u{2014} name AAAAAA==\n", NoteError::Signature(1)),
        ("text\n\n\u{2014} name AAAAAAB=\n", NoteError::Signature(1)),
        ("text\n\n\u{2014} name AAAAAAA=\nmore\n", NoteError::Signature(2)),
        ("te\txt\n\n\u{2014} name AAAAAAA=\n", NoteError::Control),
        ("te\r\nxt\n\n\u{2014} name AAAAAAA=\n", NoteError::Control),
    ];
    let many = format!("text\n\n{}", "\u{2014} name AAAAAAA=\n".repeat(MAX_SIGNATURES + 1));
    let (before, base64) = SIGNATURE.trim_end().rsplit_once(' ').unwrap();
    let pieces = format!("{TEXT}\n{before} {}\n", in_pieces(base64));
    short
        .map(|(text, why)| (text.to_owned(), why))
        .into_iter()
        .chain([
            (many, NoteError::TooManySignatures),
            ("x".repeat(MAX_NOTE_BYTES + 1), NoteError::TooLarge(MAX_NOTE_BYTES + 1)),
            (pieces, NoteError::Signature(1)),
        ])
        .collect()
}

#[test]
fn texts_that_are_no_notes_are_refused() {
    for (text, why) in no_notes() {
        assert_eq!(text.parse::<Note>().unwrap_err(), why, "{text:?}");
    }
    assert!(Note::sign("no end".to_owned(), []).is_err());
}

/// Texts that are no public keys, for every reader of keys, and what this one says of each.
pub(crate) const NO_KEYS: [(&str, KeyError); 11] = [
    ("", KeyError::Form),
    ("name", KeyError::Form),
    ("name+c74f20a3", KeyError::Form),
    ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq", KeyError::Form),
    ("PeterNeumann++74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Form),
    ("PeterNeumann+0c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Form),
    ("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Id),
    ("PeterPan+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Id),
    ("PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Kind),
    ("Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Name),
    ("+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", KeyError::Name),
];

#[test]
fn texts_that_are_no_keys_are_refused_and_not_repeated() {
    for (text, why) in NO_KEYS {
        assert_eq!(text.parse::<VerifierKey>().unwrap_err(), why, "{text}");
    }
    for text in
        ["", VERIFIER, "PRIVATE+KEY+", &SIGNER.replace("c74f", "c74e"), &SIGNER.replace("AYEK", "BIEK")]
    {
        let error = text.parse::<SigningKey>().unwrap_err();
        assert!(!error.to_string().contains("FALVFGyNhPJEMzD1QIDr"), "{error}");
    }
    assert_eq!(SigningKey::from_seed("two words", [1; 32]).unwrap_err(), KeyError::Name);
}

/// The same bytes in the form that a decoder of several pieces takes: each with its own padding.
fn in_pieces(base64: &str) -> String {
    let bytes = BASE64.decode(base64.as_bytes()).unwrap();
    let (one, other) = bytes.split_at(4);
    let pieces = format!("{}{}", BASE64.encode(one), BASE64.encode(other));
    assert_eq!(BASE64.decode(pieces.as_bytes()).unwrap(), bytes);
    pieces
}

#[test]
fn base64_has_one_form_and_so_has_each_key() {
    let (before, base64) = VERIFIER.split_once("a3+").unwrap();
    let key = format!("{before}a3+{}", in_pieces(base64));
    assert_eq!(key.parse::<VerifierKey>().unwrap_err(), KeyError::Form);
    let (before, base64) = SIGNER.split_once("a3+").unwrap();
    let key = format!("{before}a3+{}", in_pieces(base64));
    assert_eq!(key.parse::<SigningKey>().unwrap_err(), KeyError::Private);
    for plain in ["", "AA==", "AAA=", "AAAA"] {
        assert!(unbase64(plain).is_some());
    }
    for odd in ["=", "====", "AA==AA==", "AAA=AAAA", "AB==", "AA=A", "AA", "AA==\n"] {
        assert_eq!(unbase64(odd), None, "{odd}");
    }
}

proptest! {
    #[test]
    fn whatever_is_read_as_a_note_is_written_as_it_was(text in ".{0,60}\n(\n)?[ -~]{0,20}\n\n(\u{2014} [a-z]{1,9} [A-Za-z0-9+/]{7}=\n){1,3}") {
        if let Ok(note) = text.parse::<Note>() {
            prop_assert_eq!(note.to_string(), text);
        }
    }

    #[test]
    fn every_key_and_note_survives_its_text(seed in any::<[u8; 32]>(), name in "[a-z./-]{1,30}", text in "[^\\x00-\\x1f]{0,80}\n") {
        let key = SigningKey::from_seed(&name, seed).unwrap();
        let read: SigningKey = key.private_text().parse().unwrap();
        prop_assert_eq!(read.verifier(), key.verifier());
        prop_assert_eq!(&key.verifier().to_string().parse::<VerifierKey>().unwrap(), key.verifier());
        let note = Note::sign(text, [&key]).unwrap();
        let read: Note = note.to_string().parse().unwrap();
        prop_assert_eq!(read.check(key.verifier()), Ok(None));
        prop_assert_eq!(read, note);
    }
}
