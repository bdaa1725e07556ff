//! The newest records of a few events, in both databases.

use std::sync::atomic::Ordering;

use bulkhead_journal::read::{MAX_RECENT, Reader, Recent, Recently};
use bulkhead_journal::{Draft, Event, Facts, Ground, Journal, Kind, MAX_ENTRY_RECORDS};
use vocab::{Layer, Resource, Timestamp};

use crate::common::{Clock, NOON, draft, entry};
use crate::kept::Kept;

fn of(event: Event) -> Draft {
    Draft::of_event(Kind::Approval, event, Facts::new().with("approval", "a-1"))
}

fn wanted(since: i64, most: usize) -> Recent {
    let events = vec![Event::ApprovalApproved, Event::ApprovalDenied];
    Recent { kind: Kind::Approval, events, since: Timestamp::from_second(since).unwrap(), most }
}

async fn add(journal: &Journal, records: Vec<Draft>) {
    let mut records = records.into_iter().peekable();
    while records.peek().is_some() {
        let some: Vec<Draft> = records.by_ref().take(MAX_ENTRY_RECORDS).collect();
        drop(journal.append(entry(some)).await.unwrap());
    }
}

fn seqs(found: &Recently) -> Vec<u64> {
    found.records.iter().map(|record| record.seq).collect()
}

#[tokio::test]
async fn the_newest_of_some_events_are_found_through_blocks_and_behind_them() {
    for kept in Kept::both() {
        let clock = Clock::at(NOON);
        let journal = Journal::open(kept.config(), clock.clone()).unwrap();
        let empty = Reader::open(&kept.place()).unwrap().recent(&wanted(NOON - 60, 10)).unwrap();
        assert_eq!((seqs(&empty), empty.whole), (vec![], true));
        // 1, then two blocks of others, 601 and 602, two blocks of others, and 1203 at the end.
        let others = || (0..599).map(draft).collect::<Vec<_>>();
        add(&journal, vec![of(Event::ApprovalApproved)]).await;
        add(&journal, others()).await;
        add(&journal, vec![of(Event::ApprovalDenied), of(Event::ApprovalShown)]).await;
        add(&journal, others()).await;
        add(&journal, vec![of(Event::ApprovalExpired), of(Event::ApprovalApproved)]).await;
        let reader = Reader::open(&kept.place()).unwrap();
        let found = reader.recent(&wanted(NOON, 10)).unwrap();
        assert_eq!((seqs(&found), found.whole), (vec![1203, 601, 1], true));
        let three = reader.recent(&wanted(NOON, 3)).unwrap();
        assert_eq!((seqs(&three), three.whole), (vec![1203, 601, 1], true));
        let two = reader.recent(&wanted(NOON, 2)).unwrap();
        assert_eq!((seqs(&two), two.whole), (vec![1203, 601], false), "the newest, and it says so");
        let none = reader.recent(&wanted(NOON, 0)).unwrap();
        assert_eq!((seqs(&none), none.whole), (vec![], false));
        let nothing = reader.recent(&Recent { events: vec![], ..wanted(NOON, 10) }).unwrap();
        assert_eq!((seqs(&nothing), nothing.whole), (vec![], true));
    }
}

#[tokio::test]
async fn what_only_reads_like_an_event_is_none() {
    for kept in Kept::both() {
        let journal = kept.open();
        let words = "\"event\":\"approval.approved\"";
        let mut forged = draft(1);
        forged.kind = Kind::Approval;
        forged.resource = Some(Resource::Path(words.into()));
        forged.facts = Facts::new().with("event", "approval.approved").with("approval", words);
        forged.reasons = vec![Ground { layer: Layer::Policy, policy: words.into() }];
        add(&journal, vec![forged, of(Event::ApprovalShown)]).await;
        let found = Reader::open(&kept.place()).unwrap().recent(&wanted(NOON, 10)).unwrap();
        assert_eq!((seqs(&found), found.whole), (vec![], true));
    }
}

#[tokio::test]
async fn a_clock_that_was_wrong_for_a_while_hides_nothing_from_before() {
    for kept in Kept::both() {
        let clock = Clock::at(NOON);
        let journal = Journal::open(kept.config(), clock.clone()).unwrap();
        let decide = |second: i64, count: usize| {
            clock.second.store(second, Ordering::Relaxed);
            add(&journal, (0..count).map(|_| of(Event::ApprovalApproved)).collect())
        };
        decide(NOON - 100, 1).await;
        decide(NOON - 10, 1).await;
        // Three blocks in 1970, and as many in the next century.
        decide(5, 768).await;
        decide(NOON + 3_000_000_000, 768).await;
        decide(NOON, 1).await;
        let found = Reader::open(&kept.place()).unwrap().recent(&wanted(NOON - 20, MAX_RECENT)).unwrap();
        assert!(found.whole);
        let mut expected: Vec<u64> = (771..=1539).rev().collect();
        expected.push(2);
        assert_eq!(seqs(&found), expected);
    }
}

/// More than sixty-four blocks that have the kind, all too old, end it: what lies before them is not even read.
#[tokio::test]
async fn it_goes_back_to_the_time_that_is_asked_for_and_not_to_the_beginning() {
    for kept in Kept::both() {
        let clock = Clock::at(NOON - 1_000);
        let journal = Journal::open(kept.config(), clock.clone()).unwrap();
        add(&journal, (0..66 * 256).map(|_| of(Event::ApprovalApproved)).collect()).await;
        clock.second.store(NOON, Ordering::Relaxed);
        add(&journal, vec![of(Event::ApprovalDenied)]).await;
        let last = 66 * 256 + 1;
        let reader = Reader::open(&kept.place()).unwrap();
        let damaged = |seq: u64| {
            let body = "{\"event\":\"approval.approved\"";
            kept.replace(seq, body, &[0; 32]);
        };
        damaged(1);
        let found = reader.recent(&wanted(NOON - 20, 10)).unwrap();
        assert_eq!((seqs(&found), found.whole), (vec![last], true));
        damaged(last - 1);
        let error = reader.recent(&wanted(NOON - 20, 10)).unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
    }
}
