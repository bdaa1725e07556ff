//! A record of real entries, and what is found of it and of its copies.

use std::path::PathBuf;
use std::sync::Arc;

use journal::{Config, Draft, Entry, Journal};
use vocab::{Ambient as _, Digest, Verb};

use super::*;
use crate::ambient::Machine;

/// The place of the verdict that is forged.
const DENIED: u64 = 4;

/// A closed record of three verdicts, the second of them a no, and what it says.
async fn record(folder: &Path) -> (PathBuf, Ledger) {
    let path = folder.join("journal.sqlite");
    let config = Config { place: path.clone().into() };
    let journal = Journal::open(config, Arc::new(Machine)).unwrap();
    for decision in [Decision::Permit, Decision::Deny, Decision::Deny] {
        let proposal = ProposalId::from_random(Machine.random());
        let records = [(Kind::Proposal, None), (Kind::Verdict, Some(decision))].map(|(kind, decision)| {
            let mut draft = Draft::new(kind);
            draft.proposal = Some(proposal.clone());
            draft.verb = Some(Verb::FileRead);
            draft.decision = decision;
            draft
        });
        let entry = Entry { subject: Digest::of(b"subject"), records: records.into(), state: vec![] };
        drop(journal.append(entry).await.unwrap());
    }
    journal.close().await.unwrap();
    let ledger = Ledger::read(&path).unwrap();
    (path, ledger)
}

/// How many bytes of two files of one length differ, and the last of them in both.
fn difference(one: &Path, other: &Path) -> (usize, Option<(u8, u8)>) {
    let (one, other) = (fs::read(one).unwrap(), fs::read(other).unwrap());
    assert_eq!(one.len(), other.len());
    let differing: Vec<(u8, u8)> = one.into_iter().zip(other).filter(|(one, other)| one != other).collect();
    (differing.len(), differing.last().copied())
}

#[tokio::test]
async fn one_byte_of_a_copy_is_changed_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ledger) = record(folder.path()).await;
    let before = fs::read(&path).unwrap();
    let found = examine(&path, &ledger, DENIED).unwrap();
    assert_eq!(difference(&path, &folder.path().join(COPY)), (1, Some((b'd', b'D'))));
    assert!(found.contained && found.ok && found.wrong.is_none(), "{found:?}");
    assert_eq!((found.records, found.changed), (6, DENIED));
    assert!(found.found.unwrap().contains(&format!("record {DENIED}")));
    assert_eq!(fs::read(&path).unwrap(), before, "the record itself was touched");
}

#[tokio::test]
async fn a_change_that_is_not_found_where_it_was_made_is_no_containment() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ledger) = record(folder.path()).await;
    let copy = folder.path().join(COPY);
    let wrong = |ledger: &Ledger, seq: u64| {
        let found = compare(&path, &copy, ledger, seq).unwrap();
        assert!(!found.contained && found.changed == seq, "{found:?}");
        found.wrong.unwrap()
    };
    fs::copy(&path, &copy).unwrap();
    assert_eq!(wrong(&ledger, DENIED), "the changed byte was not found");
    forge(&path, &copy, &ledger, DENIED + 2).unwrap();
    assert_eq!(wrong(&ledger, DENIED), "the changed byte was found at another record");
    let (mut records, contents) = (ledger.records.clone(), ledger.contents.clone());
    records.pop();
    assert!(wrong(&Ledger { records, contents }, DENIED + 2).contains("6 records, and 5 were read"));
    // A permit has no `deny` to be changed.
    assert!(forge(&path, &copy, &ledger, 2).is_err());
    // The record itself is the damaged one.
    forge(&path, &copy, &ledger, DENIED).unwrap();
    fs::copy(&copy, &path).unwrap();
    assert_eq!(wrong(&ledger, DENIED), "the record does not verify");
}
