//! Two gateways of one record at the same moment: what one of them decided by must still be so when its turn comes.

use std::path::Path;

use bulkhead_journal::read::Reader;
use bulkhead_journal::verify::{Options, verify, verify_with};
use bulkhead_journal::{
    AppendError, Change, Config, Draft, Event, Facts, Journal, Kind, Notary, NotaryConfig, SealError, Unless,
};

use crate::common::{Clock, NOON, entry, fill};
use crate::erase::erasure;
use crate::kept::Kept;
use crate::notary::settings;

/// The advisory lock of whoever takes a turn.
const TURN: i64 = 0x424c_4b48_0000_0001;

/// A turn that a test takes, so that gateways come to wait for theirs in the order that it wants.
struct Turn {
    client: tokio_postgres::Client,
}

impl Turn {
    async fn take(kept: &Kept) -> Self {
        let Kept::Postgres { cluster, database } = kept else { panic!("a file has one writer") };
        let address = cluster.url("postgres", database);
        let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.execute("SELECT pg_advisory_lock($1)", &[&TURN]).await.unwrap();
        Self { client }
    }

    /// Comes back when so many wait for it.
    async fn is_waited_for_by(&self, count: i64) {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        while self.client.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < count {
            tokio::task::yield_now().await;
        }
    }

    async fn end(self) {
        self.client.execute("SELECT pg_advisory_unlock($1)", &[&TURN]).await.unwrap();
    }

    /// Has `first` go before `second`, both of them decided on before either had its turn.
    async fn in_order<A, B>(
        kept: &Kept,
        first: impl Future<Output = A>,
        second: impl Future<Output = B>,
    ) -> (A, B) {
        let turn = Self::take(kept).await;
        tokio::join!(first, async {
            turn.is_waited_for_by(1).await;
            let (second, ()) = tokio::join!(second, async {
                turn.is_waited_for_by(2).await;
                turn.end().await;
            });
            second
        })
    }
}

/// A gateway with its own folder.
struct Gateway {
    folder: tempfile::TempDir,
    journal: Journal,
    notary: Notary,
}

impl Gateway {
    /// One of this name, with the key of `other` when there is one.
    async fn open(kept: &Kept, name: &str, other: Option<&Self>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = settings(folder.path());
        if let Some(other) = other {
            hand_over(other.folder.path(), folder.path());
        }
        let place = kept.place_of(name);
        let journal = Journal::open(Config { place: place.clone() }, Clock::at(NOON)).unwrap();
        let random = name.bytes().map(u64::from).sum::<u64>() * 1_000_000;
        let clock = Clock::random_from(random, NOON);
        let notary = Notary::open(journal.clone(), place, NotaryConfig { ..own }, clock).await.unwrap();
        Self { folder, journal, notary }
    }

    /// Two with the same key; the first has signed something, and nobody what the other added since.
    async fn two(kept: &Kept) -> (Self, Self) {
        let one = Self::open(kept, "one", None).await;
        fill(&one.journal, 3).await;
        one.notary.seal().await.unwrap();
        let other = Self::open(kept, "other", Some(&one)).await;
        fill(&other.journal, 2).await;
        (one, other)
    }

    /// Takes over the key of `other`, as its owner does by hand.
    fn takes_the_key_of(&self, other: &Self) {
        hand_over(other.folder.path(), self.folder.path());
    }
}

fn hand_over(from: &Path, to: &Path) {
    let key = |folder: &Path| folder.join("keys/record.key");
    std::fs::create_dir_all(to.join("keys")).unwrap();
    std::fs::copy(key(from), key(to)).unwrap();
}

#[track_caller]
fn holds(kept: &Kept) {
    // Everything that is signed is held against the keys that the record leads to.
    let report = verify_with(&kept.place(), &Options::default(), &mut |_| {}).unwrap();
    assert!(report.ok, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_checkpoint_that_comes_after_a_change_of_keys_is_not_stored_with_the_old_one() {
    let Some(kept) = Kept::postgres() else { return };
    let (one, other) = Gateway::two(&kept).await;
    // The checkpoint is signed with the key that is the newest so far, and comes behind its change.
    let (rotated, sealed) = Turn::in_order(&kept, one.notary.rotate(None), other.notary.seal()).await;
    let rotated = rotated.unwrap();
    let error = sealed.unwrap_err();
    assert!(matches!(&error, SealError::KeyLost { expected, .. } if **expected == rotated.new), "{error}");
    holds(&kept);
    other.takes_the_key_of(&one);
    assert_eq!(other.notary.seal().await.unwrap().key(), &rotated.new);
    assert!(other.journal.healthy().is_ok());
    holds(&kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_of_keys_that_comes_after_a_larger_checkpoint_is_signed_anew() {
    let Some(kept) = Kept::postgres() else { return };
    let (one, other) = Gateway::two(&kept).await;
    // The change says that the old key signs nothing larger than what its gateway knows.
    let (sealed, rotated) = Turn::in_order(&kept, other.notary.seal(), one.notary.rotate(None)).await;
    let (sealed, rotated) = (sealed.unwrap(), rotated.unwrap());
    assert_eq!(sealed.key(), &rotated.old);
    assert_eq!(rotated.sealed.key(), &rotated.new);
    assert!(rotated.sealed.tree().size > sealed.tree().size);
    holds(&kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn gateways_that_sign_and_change_keys_at_once_leave_nothing_that_does_not_hold() {
    let Some(kept) = Kept::postgres() else { return };
    let one = Gateway::open(&kept, "one", None).await;
    let other = Gateway::open(&kept, "other", Some(&one)).await;
    let (mut sealed, mut lost) = (0, 0);
    for round in 0..12 {
        let (from, to) = if round % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let (rotated, ()) = tokio::join!(from.notary.rotate(None), async {
            for _ in 0..6 {
                fill(&to.journal, 1).await;
                match to.notary.seal().await {
                    Ok(_) => sealed += 1,
                    Err(SealError::KeyLost { .. }) => lost += 1,
                    Err(error) => panic!("{error}"),
                }
            }
        });
        rotated.unwrap();
        to.takes_the_key_of(from);
        to.notary.seal().await.unwrap();
    }
    assert!(sealed > 0 && lost > 0, "{sealed} were signed and {lost} were not");
    holds(&kept);
}

fn hold() -> Draft {
    Draft::of_event(Kind::Admin, Event::HoldAdded, Facts::new().with("hold", "h-1"))
}

#[tokio::test]
async fn an_erasure_that_was_decided_before_a_hold_came_removes_nothing() {
    for kept in Kept::both() {
        let journal = kept.open();
        // Where several gateways can write, it is another that adds the hold.
        let elsewhere = (!kept.is_sqlite())
            .then(|| Journal::open(Config { place: kept.place_of("other") }, Clock::at(NOON)).unwrap());
        fill(&journal, 6).await;
        drop(journal.append(entry(vec![hold()])).await.unwrap());
        let after = journal.head().records;
        fill(&journal, 2).await;
        let held = elsewhere.as_ref().unwrap_or(&journal);
        let by = held.append(entry(vec![hold()])).await.unwrap().seq();
        let unless = Unless { event: Event::HoldAdded, after };
        let refused = journal.append_unless(erasure([1, 2]), unless).await.unwrap_err();
        assert_eq!(refused, AppendError::Overtaken { by });
        let reader = Reader::open(&kept.place()).unwrap();
        assert!(reader.content(1).unwrap().is_some(), "it is held");
        assert!(reader.show(by).unwrap().unwrap().event == Some(Event::HoldAdded));
        assert!(journal.healthy().is_ok());
        assert!(journal.head().records >= by, "whoever looks again knows of it");
        // Who has looked again decides for themselves, and the words of a hold in a content are no hold.
        let mut quoting = Draft::new(Kind::Message);
        quoting.payload = serde_json::json!({ "event": "hold.added", "text": "\"event\":\"hold.added\"" });
        quoting.facts = Facts::new().with("what", "\"event\":\"hold.added\"");
        let unless = Unless { event: Event::HoldAdded, after: journal.head().records };
        drop(held.append(entry(vec![quoting])).await.unwrap());
        let receipt = journal.append_unless(erasure([1, 2]), unless).await.unwrap();
        assert!(reader.content(1).unwrap().is_none());
        assert_eq!(reader.show(2).unwrap().unwrap().erased_by, Some(receipt.seq()));
        let report = verify(&kept.place(), None).unwrap();
        assert!(report.ok, "{report:?}");
    }
}

#[tokio::test]
async fn rows_that_go_before_an_erasure_stay_when_a_hold_came() {
    for kept in Kept::both() {
        let journal = kept.open();
        fill(&journal, 2).await;
        let row = || Change::put("copy", "s-1", &"of it").unwrap();
        journal.change_unless(vec![row()], Unless { event: Event::HoldAdded, after: 0 }).await.unwrap();
        assert!(journal.state("copy", "s-1").unwrap().is_some());
        let after = journal.head().records;
        let by = journal.append(entry(vec![hold()])).await.unwrap().seq();
        let gone = || vec![Change::delete("copy", "s-1"), Change::drop_list("copies", "s-1")];
        let refused = journal.change_unless(gone(), Unless { event: Event::HoldAdded, after }).await;
        assert_eq!(refused.unwrap_err(), AppendError::Overtaken { by });
        assert!(journal.state("copy", "s-1").unwrap().is_some());
        let unless = Unless { event: Event::HoldAdded, after: by };
        journal.change_unless(gone(), unless).await.unwrap();
        assert_eq!((journal.state("copy", "s-1").unwrap(), journal.head().records), (None, by));
        assert!(journal.healthy().is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hold_and_an_erasure_at_the_same_moment_come_one_after_the_other() {
    let Some(kept) = Kept::postgres() else { return };
    let (one, other) =
        (kept.open(), Journal::open(Config { place: kept.place_of("other") }, Clock::at(NOON)).unwrap());
    fill(&one, 1).await;
    let (mut erased, mut held) = (0, 0);
    for _ in 0..40 {
        fill(&one, 1).await;
        let seq = one.head().records;
        let unless = Unless { event: Event::HoldAdded, after: seq };
        let (erasing, holding) =
            tokio::join!(one.append_unless(erasure([seq]), unless), other.append(entry(vec![hold()])));
        let hold = holding.unwrap().seq();
        let reader = Reader::open(&kept.place()).unwrap();
        let there = reader.content(seq).unwrap().is_some();
        match erasing {
            Ok(receipt) => {
                erased += 1;
                assert!(receipt.seq() < hold && !there, "the hold came first");
            }
            Err(error) => {
                held += 1;
                assert!(error == AppendError::Overtaken { by: hold } && there, "{error}");
            }
        }
    }
    eprintln!("{erased} times the erasure came first, {held} times the hold");
    let report = verify(&kept.place(), None).unwrap();
    assert!(report.ok, "{report:?}");
}
