//! Checkpoints, changes of keys and proofs: good ones, and every way in which one can be wrong.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::merkle::{Frontier, leaf};

const ORIGIN: &str = "bulkhead/0123";

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(ORIGIN, [number; 32]).unwrap()
}

fn trusted(number: u8) -> Keys {
    Keys::only(key(number).verifier().clone())
}

fn body(number: u64) -> Vec<u8> {
    format!("record {number}").into_bytes()
}

fn tree(size: u64) -> TreeHead {
    let mut tree = Frontier::default();
    for number in 1..=size {
        tree.push(leaf(&body(number)), |_| Ok::<(), Infallible>(())).unwrap();
    }
    tree.head()
}

fn node(height: u32, number: u64) -> Result<Digest, Infallible> {
    let leaves = (number << height)..((number + 1) << height);
    Ok(merkle_root(leaves.map(|index| leaf(&body(index + 1))).collect()))
}

fn merkle_root(leaves: Vec<Digest>) -> Digest {
    crate::merkle::root_of(leaves).unwrap()
}

fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint { origin: ORIGIN.to_owned(), tree: tree(size) }
}

fn sealed(size: u64, number: u8) -> Note {
    checkpoint(size).sign([&key(number)]).unwrap()
}

#[test]
fn the_specifications_example_is_read() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
    let note: Note = text.parse().unwrap();
    let checkpoint = Checkpoint::read(&note).unwrap();
    assert_eq!(
        (checkpoint.origin.as_str(), checkpoint.tree.size),
        ("example.com/behind-the-sofa", 20_852_163)
    );
    assert_eq!(checkpoint.to_string(), note.text());
}

/// Texts of notes that are no checkpoints, for every reader of checkpoints, and the line where each is none.
pub(crate) const NO_CHECKPOINTS: [(&str, u8); 11] = [
    ("\n", 1),
    ("log\n", 2),
    ("log\n\n", 2),
    ("log\n+1\n", 2),
    ("log\n01\n", 2),
    ("log\n00\n", 2),
    ("log\n18446744073709551616\n", 2),
    ("log\n1\n", 3),
    ("log\n1\nAAAA\n", 3),
    ("log\n1\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I\n", 3),
    ("log\n1\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\nmore\n\n", 4),
];

#[test]
fn a_checkpoint_that_is_not_the_logs_own_is_refused() {
    assert_eq!(Sealed::check(sealed(12, 1), ORIGIN, &trusted(1)).unwrap().tree(), tree(12));
    let error = Sealed::check(sealed(12, 1), "bulkhead/other", &trusted(1)).unwrap_err();
    assert!(matches!(error, CheckpointError::OtherLog { .. }), "{error}");
    let error = Sealed::check(sealed(12, 2), ORIGIN, &trusted(1)).unwrap_err();
    assert!(matches!(error, CheckpointError::Distrust(Distrust::Unsigned(_))), "{error}");
    let changed: Note = sealed(12, 1).to_string().replace("\n12\n", "\n13\n").parse().unwrap();
    let error = Sealed::check(changed, ORIGIN, &trusted(1)).unwrap_err();
    assert!(matches!(error, CheckpointError::Distrust(Distrust::Forged(_))), "{error}");
    for (text, line) in NO_CHECKPOINTS {
        let note = Note::sign(text.to_owned(), [&key(1)]).unwrap();
        let error = Checkpoint::read(&note).unwrap_err();
        assert!(matches!(error, CheckpointError::Form(found, _) if found == line), "{text:?}: {error}");
    }
}

#[test]
fn whoever_trusts_one_key_gets_to_the_others() {
    let changes = [
        Rotation::sign(ORIGIN, 10, &key(1), &key(2)).unwrap(),
        Rotation::sign("bulkhead/other", 11, &key(2), &key(9)).unwrap(),
        Rotation::sign(ORIGIN, 20, &key(2), &key(3)).unwrap(),
    ];
    for from in 1..=3 {
        let keys = Keys::from_changes(key(from).verifier().clone(), ORIGIN, &changes).unwrap();
        let all: Vec<&VerifierKey> = keys.all().collect();
        assert_eq!(all, [1, 2, 3].map(|number| key(number).verifier().clone()).iter().collect::<Vec<_>>());
        for (size, by) in [(9, 1), (10, 1), (15, 2), (20, 2), (25, 3)] {
            assert_eq!(Sealed::check(sealed(size, by), ORIGIN, &keys).unwrap().key(), key(by).verifier());
        }
        for (size, by) in [(11, 1), (25, 2)] {
            let error = Sealed::check(sealed(size, by), ORIGIN, &keys).unwrap_err();
            assert!(matches!(error, CheckpointError::Retired { .. }), "{error}");
        }
    }
    // A stranger's change, however well signed by itself, leads nowhere.
    let stranger = Rotation::sign(ORIGIN, 30, &key(7), &key(8)).unwrap();
    let keys = Keys::from_changes(key(1).verifier().clone(), ORIGIN, &[stranger]).unwrap();
    assert_eq!(keys.all().count(), 1);
}

#[test]
fn a_change_that_not_both_keys_signed_is_refused() {
    let good = Rotation::sign(ORIGIN, 10, &key(1), &key(2)).unwrap();
    assert_eq!(Rotation::check(&good).unwrap().size, 10);
    let by_new = Note::sign(good.text().to_owned(), [&key(2)]).unwrap();
    let by_old = Note::sign(good.text().to_owned(), [&key(1)]).unwrap();
    let changed: Note = good.to_string().replace("\n10\n", "\n99\n").parse().unwrap();
    for bad in [by_new, by_old, changed] {
        assert!(matches!(Rotation::check(&bad), Err(RotationError::Distrust(_))));
        let keys = Keys::from_changes(key(1).verifier().clone(), ORIGIN, std::slice::from_ref(&bad));
        assert!(keys.is_err());
    }
    for text in ["bulkhead record key\n", "x\n", &format!("{}more\n", good.text())] {
        let note = Note::sign(text.to_owned(), [&key(1), &key(2)]).unwrap();
        assert_eq!(Rotation::check(&note), Err(RotationError::Form));
    }
}

fn inclusion(seq: u64, size: u64) -> Inclusion {
    let hashes = merkle::inclusion(seq - 1, size, node).unwrap();
    Inclusion { seq, body: Some(body(seq)), hashes, note: sealed(size, 1) }
}

fn consistency(old: u64, new: u64) -> Consistency {
    Consistency { old, hashes: merkle::consistency(old, new, node).unwrap(), note: sealed(new, 1) }
}

use crate::merkle;

#[test]
fn a_proof_of_inclusion_stands_by_itself() {
    let proof = inclusion(7, 12);
    let read: Inclusion = proof.to_string().parse().unwrap();
    assert_eq!(read, proof);
    assert_eq!(read.check(&trusted(1)).unwrap().tree(), tree(12));
    assert!(proof.to_string().starts_with("c2sp.org/tlog-proof@v1\nextra cmVjb3JkIDc=\nindex 6\n"));

    let other = Inclusion { body: Some(body(8)), ..proof.clone() };
    assert_eq!(other.check(&trusted(1)).unwrap_err(), FileError::NotIncluded(7));
    let elsewhere = Inclusion { seq: 8, ..proof.clone() };
    assert_eq!(elsewhere.check(&trusted(1)).unwrap_err(), FileError::NotIncluded(8));
    let rebuilt = Inclusion { note: sealed(13, 1), ..proof.clone() };
    assert_eq!(rebuilt.check(&trusted(1)).unwrap_err(), FileError::NotIncluded(7));
    let bare = Inclusion { body: None, ..proof.clone() };
    assert_eq!(bare.check(&trusted(1)).unwrap_err(), FileError::NoRecord);
    assert!(matches!(proof.check(&trusted(2)).unwrap_err(), FileError::Checkpoint(_)));
}

#[test]
fn a_proof_of_consistency_needs_the_older_checkpoint() {
    let old = |size, by| Sealed::check(sealed(size, by), ORIGIN, &trusted(by)).unwrap();
    let proof = consistency(7, 12);
    let read: Consistency = proof.to_string().parse().unwrap();
    assert_eq!(read, proof);
    assert_eq!(read.check(&old(7, 1), &trusted(1)).unwrap().tree(), tree(12));
    let error = read.check(&old(6, 1), &trusted(1)).unwrap_err();
    assert_eq!(error, FileError::OtherSize { found: 7, expected: 6 });
    let mut rebuilt = checkpoint(7);
    rebuilt.tree.root = Digest::of(b"another history");
    let rebuilt = Sealed::check(rebuilt.sign([&key(1)]).unwrap(), ORIGIN, &trusted(1)).unwrap();
    let error = read.check(&rebuilt, &trusted(1)).unwrap_err();
    assert_eq!(error, FileError::NotContinued { old: 7, new: 12 });
    let from_nothing = Consistency { old: 0, hashes: vec![], note: sealed(12, 1) };
    assert!(from_nothing.check(&old(0, 1), &trusted(1)).is_ok());
}

#[test]
fn files_that_are_no_proofs_are_refused_by_their_line() {
    let good = inclusion(7, 12).to_string();
    for (file, line) in [
        (String::new(), 1),
        (good.replace("@v1", "@v2"), 1),
        (good.replace("extra c", "extra c!"), 2),
        (good.replace("index 6", "index 06"), 3),
        (good.replace("index 6", "index -1"), 3),
        (good.replace("index 6", "index 18446744073709551615"), 3),
        (good.replace("index 6\n", "index 6\nAAAA\n"), 4),
        (good.lines().take(5).map(|line| format!("{line}\n")).collect(), 6),
        (
            format!(
                "c2sp.org/tlog-proof@v1\nindex 1\n{}\n",
                "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n".repeat(66)
            ),
            68,
        ),
    ] {
        let error = file.parse::<Inclusion>().unwrap_err();
        assert!(matches!(error, FileError::Form(at, _) if at == line), "{line}: {error}");
    }
    assert!(matches!("old 7\n\nno note\n".parse::<Consistency>().unwrap_err(), FileError::Checkpoint(_)));
    assert!(matches!("old x\n".parse::<Consistency>().unwrap_err(), FileError::Form(1, _)));
}

proptest! {
    #[test]
    fn a_proof_with_any_one_byte_changed_does_not_pass_for_another(place in any::<prop::sample::Index>(), bit in 0..7_u32) {
        let (good, proof) = (inclusion(7, 12).to_string(), inclusion(7, 12));
        let mut bytes = good.clone().into_bytes();
        bytes[place.index(good.len())] ^= 1 << bit;
        if let Ok(changed) = String::from_utf8(bytes)
            && let Ok(read) = changed.parse::<Inclusion>()
            && read.check(&trusted(1)).is_ok()
        {
            // Only what proves nothing by itself may differ, and nothing here does.
            prop_assert_eq!(read, proof);
        }
    }
}
