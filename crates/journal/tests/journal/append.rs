//! Appending: order, durability, state, limits.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulkhead_journal::read::{Query, Reader};
use bulkhead_journal::verify::verify;
use bulkhead_journal::{
    AppendError, Change, Config, Draft, Entry, Journal, Kind, MAX_ENTRY_BYTES, MAX_ENTRY_RECORDS, OpenError,
    PostgresConfig, QUEUE_BYTES, ReadError,
};
use serde_json::{Value, json};
use vocab::{Ambient, Digest, Timestamp};

use crate::common::{Clock, NOON, config, database, draft, entry, fill, number, open, put};
use crate::full::healthy_again;
use crate::kept::Kept;

/// How long somebody may wait to be told.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_receipt_is_for_what_is_on_the_disk() {
    for kept in Kept::both() {
        let journal = kept.open();
        let mut wanted = entry(vec![draft(1), draft(2)]);
        wanted.subject = Digest::of(b"this very one");
        let receipt = journal.append(wanted).await.unwrap();
        assert_eq!((receipt.seq(), *receipt.subject()), (2, Digest::of(b"this very one")));

        let reader = Reader::open(&kept.place()).unwrap();
        let last = reader.show(2).unwrap().unwrap();
        assert_eq!(last.hash, *receipt.hash());
        let content = reader.content(2).unwrap();
        assert_eq!(content, Some(json!({ "number": 2, "text": "the words of message 2" })));
        let head = journal.head();
        assert_eq!((head.records, head.hash), (receipt.seq(), *receipt.hash()));
        assert!(journal.healthy().is_ok());
    }
}

#[tokio::test]
async fn what_follows_is_written_in_order_and_before_the_next_receipt() {
    for kept in Kept::both() {
        let journal = kept.open();
        for pair in 0..20 {
            journal.follow(entry(vec![draft(pair * 2)])).await.unwrap();
            drop(journal.append(entry(vec![draft(pair * 2 + 1)])).await.unwrap());
            let reader = Reader::open(&kept.place()).unwrap();
            let newest = reader.tail(2).unwrap();
            let numbers: Vec<_> = newest.iter().map(|record| number(&reader, record, "number")).collect();
            assert_eq!(numbers, [pair * 2, pair * 2 + 1]);
        }
    }
}

#[tokio::test]
async fn what_follows_nothing_becomes_durable_by_itself() {
    for kept in Kept::both() {
        let journal = kept.open();
        journal.follow(entry(vec![draft(1)])).await.unwrap();
        while journal.head().records == 0 {
            tokio::task::yield_now().await;
        }
        journal.follow(entry(vec![draft(2)])).await.unwrap();
        journal.flush().await.unwrap();
        assert_eq!(Reader::open(&kept.place()).unwrap().tail(9).unwrap().len(), 2);
    }
}

#[tokio::test]
async fn what_has_nothing_to_write_keeps_no_room_however_much_of_it_follows() {
    for kept in Kept::both() {
        let journal = kept.open();
        let all = async {
            // Each takes up some room until the writer has seen it; together they take more than there is.
            for _ in 0..=QUEUE_BYTES / 1024 {
                journal.follow(entry(Vec::new())).await.unwrap();
            }
            journal.append(entry(vec![draft(1)])).await.unwrap()
        };
        let receipt = tokio::time::timeout(PATIENCE, all).await.expect("there is room again");
        assert_eq!(receipt.seq(), 1);
    }
}

#[tokio::test]
async fn state_changes_with_the_records_that_it_belongs_to() {
    for kept in Kept::both() {
        let journal = kept.open();
        let mut first = entry(vec![draft(1)]);
        first.state = vec![put("a/1", json!(1)), put("a/2", json!({ "x": null })), put("b/1", json!("b"))];
        drop(journal.append(first).await.unwrap());
        assert_eq!(journal.state("test", "a/2").unwrap(), Some(json!({ "x": null })));
        assert_eq!(journal.state("other", "a/2").unwrap(), None);

        let delete = Change::delete("test", "a/2");
        let mut second = entry(vec![]);
        second.state = vec![put("a/1", json!(7)), delete, put("a%", json!("no pattern"))];
        journal.follow(second).await.unwrap();
        journal.flush().await.unwrap();
        let keys = |prefix| journal.states("test", prefix).unwrap();
        assert_eq!(keys("a/"), [("a/1".into(), json!(7))]);
        assert_eq!(keys("a%"), [("a%".into(), json!("no pattern"))]);
        assert_eq!(keys("").len(), 3);
        let last = |kind, prefix, before, limit| journal.last_keys(kind, prefix, before, limit).unwrap();
        assert_eq!(last("test", "", None, 2), ["b/1", "a/1"]);
        assert_eq!(last("test", "", Some("b/1"), 9), ["a/1", "a%"]);
        assert_eq!(last("test", "a/", None, 9), ["a/1"]);
        assert_eq!(last("test", "a/", Some("z"), 9), ["a/1"]);
        assert_eq!(last("test", "b", Some("a/1"), 9), [""; 0]);
        assert_eq!(last("other", "", None, 2), [""; 0]);
    }
}

/// Items of the lists of family `test`.
fn pushed(list: &str, numbers: std::ops::Range<u32>) -> Vec<Change> {
    numbers.map(|number| Change::push("test", list, number, &number).unwrap()).collect()
}

#[tokio::test]
async fn lists_that_grow_in_turns_are_each_read_whole_and_in_order() {
    for kept in Kept::both() {
        let journal = kept.open();
        let all = |journal: &Journal, kind: &str, list: &str| journal.list(kind, list, 0).unwrap();
        for round in 0..50 {
            for list in ["a", "a/b", "b"] {
                let mut grown = entry(vec![draft(1)]);
                grown.state = pushed(list, round * 2..round * 2 + 2);
                journal.follow(grown).await.unwrap();
            }
        }
        journal.flush().await.unwrap();
        let whole: Vec<Value> = (0..100).map(Value::from).collect();
        assert_eq!(all(&journal, "test", "a/b"), whole);
        assert_eq!(all(&journal, "test", "b"), whole);
        assert_eq!((all(&journal, "test", "c"), all(&journal, "other", "b")), (vec![], vec![]));

        // What comes behind the end of a list in one entry begins it anew.
        let mut anew = entry(vec![draft(2)]);
        anew.state = vec![Change::drop_list("test", "b"), Change::push("test", "b", 0, "first").unwrap()];
        drop(journal.append(anew).await.unwrap());
        assert_eq!(all(&journal, "test", "b"), [json!("first")]);
        assert_eq!(all(&journal, "test", "a/b"), whole);

        // One that is cut keeps its first items and grows behind them; others stay as they are.
        let mut cut = entry(vec![draft(3)]);
        cut.state = vec![Change::cut_list("test", "a", 11), Change::cut_list("test", "a/b", 100)];
        drop(journal.append(cut).await.unwrap());
        assert_eq!(all(&journal, "test", "a"), whole[..11]);
        assert_eq!(all(&journal, "test", "a/b"), whole);
        let mut grown = entry(vec![draft(4)]);
        grown.state = vec![Change::push("test", "a", 11, &json!("next")).unwrap()];
        grown.state.extend([Change::cut_list("test", "b", 0), Change::cut_list("test", "none", 3)]);
        drop(journal.append(grown).await.unwrap());
        let (first, last) = (all(&journal, "test", "a"), all(&journal, "test", "b"));
        assert_eq!((&first[..11], &first[11..], last.len()), (&whole[..11], &[json!("next")][..], 0));
    }
}

#[tokio::test]
async fn a_list_that_lacks_an_item_is_not_read_as_if_it_were_whole() {
    for kept in Kept::both() {
        let journal = kept.open();
        let mut grown = entry(vec![draft(1)]);
        grown.state = pushed("a", 0..5);
        drop(journal.append(grown).await.unwrap());
        assert_eq!(journal.list("test", "a", 5).unwrap().len(), 5);
        journal.close().await.unwrap();
        // In a file an item names the one before it. On a server each is a row with a number of its own (ADR 29).
        let damages: &[_] = if kept.is_sqlite() {
            &[
                ("DELETE FROM item WHERE seq = 3", "its first items are gone"),
                ("UPDATE item SET previous = 9 WHERE seq = 3", "its first items are gone"),
                ("UPDATE item SET value = '' WHERE seq = 3", "the state `test` `a` is damaged"),
                ("DELETE FROM item WHERE seq = 5", "Invalid column type Null"),
                ("UPDATE list SET last = 4", "5 items are known of it and 4 are there"),
                ("DELETE FROM list", "5 items are known of it and 0 are there"),
            ]
        } else {
            &[
                ("DELETE FROM state WHERE key LIKE 'a/%2'", "its item 2 is gone"),
                ("DELETE FROM state WHERE key LIKE 'a/%0'", "its item 0 is gone"),
                ("UPDATE state SET key = 'a/0000000007' WHERE key LIKE 'a/%2'", "its item 2 is gone"),
                ("UPDATE state SET value = '' WHERE key LIKE 'a/%2'", "the state `test` `a` is damaged"),
                ("DELETE FROM state WHERE key LIKE 'a/%4'", "5 items are known of it and 4 are there"),
                ("DELETE FROM state WHERE kind = 'test'", "5 items are known of it and 0 are there"),
            ]
        };
        for (damage, said) in damages {
            let copy = kept.copy();
            copy.tamper(damage);
            let error = copy.open().list("test", "a", 5).unwrap_err().to_string();
            assert!(error.contains(said), "{damage}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_callers_share_commits_and_each_gets_its_own_place() {
    for kept in Kept::both() {
        let journal = kept.open();
        let tasks: Vec<_> = (0..32)
            .map(|caller| {
                let journal = journal.clone();
                tokio::spawn(async move {
                    let mut places = Vec::new();
                    for number in 0..10 {
                        let receipt =
                            journal.append(entry(vec![draft(caller), draft(number)])).await.unwrap();
                        places.push(receipt.seq());
                    }
                    assert!(places.is_sorted());
                    places
                })
            })
            .collect();
        let mut places = Vec::new();
        for task in tasks {
            places.extend(task.await.unwrap());
        }
        places.sort_unstable();
        assert_eq!(places, (1..=320).map(|entry| entry * 2).collect::<Vec<_>>());
        let report = verify(&kept.place(), Some(journal.head())).unwrap();
        assert!(report.ok && report.records == 640, "{report:?}");
    }
}

#[tokio::test]
async fn a_clock_that_jumps_back_changes_the_times_and_not_the_order() {
    for kept in Kept::both() {
        let clock = Clock::at(NOON);
        let journal = Journal::open(kept.config(), clock.clone()).unwrap();
        for (number, second) in [NOON, NOON - 3600, NOON + 1].into_iter().enumerate() {
            clock.second.store(second, Ordering::Relaxed);
            drop(journal.append(entry(vec![draft(u64::try_from(number).unwrap())])).await.unwrap());
        }
        let reader = Reader::open(&kept.place()).unwrap();
        let seconds: Vec<_> =
            reader.query(&Query::default()).unwrap().iter().map(|record| record.time.as_second()).collect();
        assert_eq!(seconds, [NOON, NOON - 3600, NOON + 1]);
        assert!(verify(&kept.place(), None).unwrap().ok);
    }
}

#[tokio::test]
async fn what_is_over_a_limit_or_stands_for_nothing_is_refused_and_leaves_no_trace() {
    for kept in Kept::both() {
        let journal = kept.open();
        assert_eq!(journal.append(entry(vec![])).await.unwrap_err(), AppendError::Empty);
        let mut large = draft(1);
        large.payload = json!("x".repeat(MAX_ENTRY_BYTES));
        assert!(matches!(journal.append(entry(vec![large])).await, Err(AppendError::TooLarge { .. })));
        let many = vec![Draft::new(Kind::Alert); MAX_ENTRY_RECORDS + 1];
        assert!(matches!(journal.follow(entry(many)).await, Err(AppendError::TooMany { .. })));
        assert_eq!(journal.head().records, 0);

        let mut fits = draft(1);
        fits.payload = json!("x".repeat(MAX_ENTRY_BYTES - 4096));
        drop(journal.append(entry(vec![fits])).await.unwrap());
        assert!(verify(&kept.place(), Some(journal.head())).unwrap().ok);
    }
}

#[tokio::test]
async fn a_journal_goes_on_where_it_was_left() {
    for kept in Kept::both() {
        let journal = kept.open();
        fill(&journal, 3).await;
        journal.follow(entry(vec![draft(4)])).await.unwrap();
        let clone = journal.clone();
        journal.close().await.unwrap();
        assert_eq!(clone.append(entry(vec![draft(5)])).await.unwrap_err(), AppendError::Closed);
        assert!(matches!(clone.state("test", "a"), Err(ReadError::Closed)));
        if let Kept::Sqlite(folder) = &kept {
            assert!(!folder.path().join("journal.sqlite-wal").exists(), "a closed journal is one file");
        }

        let journal = kept.open();
        assert_eq!(journal.head().records, 4);
        drop(journal.append(entry(vec![draft(6)])).await.unwrap());
        journal.follow(entry(vec![draft(7)])).await.unwrap();
        // Not closed, only dropped: what was handed in is written all the same.
        drop(journal);
        assert_eq!(kept.open().head().records, 6);
        assert!(verify(&kept.place(), None).unwrap().ok);
    }
}

#[tokio::test]
async fn one_home_has_one_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let linked = folder.path().join("link.sqlite");
    std::os::unix::fs::symlink(database(folder.path()), &linked).unwrap();
    for path in [database(folder.path()), linked] {
        let Err(error) = Journal::open(bulkhead_journal::Config { place: path.into() }, Clock::at(NOON))
        else {
            panic!("a second gateway opened the journal")
        };
        assert!(matches!(error, OpenError::Locked { .. }), "{error}");
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    }
    journal.close().await.unwrap();
    drop(open(folder.path()));
}

#[tokio::test]
async fn only_the_owner_can_open_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    let journal = open(folder.path());
    fill(&journal, 1).await;
    let names = ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "journal.sqlite.lock"];
    for name in names {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    journal.close().await.unwrap();
    let wide = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(folder.path().join("journal.sqlite"), wide).unwrap();
    let journal = open(folder.path());
    assert_eq!(mode("journal.sqlite"), 0o600);
    drop(journal);
}

/// A server's writer rests a little before it looks again; a file's does with the next that comes.
async fn healthy_again_of(kept: &Kept, journal: &Journal) {
    if !kept.is_sqlite() {
        healthy_again(journal).await;
    }
}

#[tokio::test]
async fn what_somebody_else_wrote_in_between_stops_the_journal() {
    for kept in Kept::both() {
        let journal = kept.open();
        fill(&journal, 2).await;
        kept.tamper("INSERT INTO record (seq, hash, body) VALUES (3, ZEROS, '{}')");
        drop(journal.append(entry(vec![draft(3)])).await.unwrap_err());
        let again = journal.append(entry(vec![draft(3)])).await.unwrap_err();
        let astray = matches!(again, AppendError::Astray { expected: 2, found: 3 } | AppendError::Write(_));
        assert!(astray, "{again:?}");
        assert!(journal.healthy().is_err());
        assert_eq!(journal.head().records, 2);
        kept.tamper("DELETE FROM record WHERE seq = 3");
        healthy_again_of(&kept, &journal).await;
        drop(journal.append(entry(vec![draft(3)])).await.unwrap());
        assert!(journal.healthy().is_ok());
        assert!(verify(&kept.place(), Some(journal.head())).unwrap().ok);
    }
}

/// Another program that keeps everybody from a record's tables, until it is let go.
enum Holder {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
}

impl Holder {
    async fn of(kept: &Kept) -> Self {
        match kept {
            Kept::Sqlite(folder) => {
                let other = rusqlite::Connection::open(database(folder.path())).unwrap();
                other.execute_batch("BEGIN IMMEDIATE").unwrap();
                Self::Sqlite(other)
            }
            Kept::Postgres { cluster, database } => {
                let address = cluster.url("postgres", database);
                let (other, connection) =
                    tokio_postgres::connect(&address, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                other.batch_execute("BEGIN; LOCK TABLE bulkhead.record IN EXCLUSIVE MODE").await.unwrap();
                Self::Postgres(other)
            }
        }
    }

    async fn lets_go(self) {
        match self {
            Self::Sqlite(other) => other.execute_batch("ROLLBACK").unwrap(),
            Self::Postgres(other) => other.batch_execute("ROLLBACK").await.unwrap(),
        }
    }
}

#[tokio::test]
async fn a_database_that_another_program_holds_takes_nothing_until_it_lets_go() {
    for kept in Kept::both() {
        let place = match &kept {
            Kept::Sqlite(_) => kept.place(),
            Kept::Postgres { .. } => {
                PostgresConfig::new(&kept.address()).unwrap().patient(Duration::from_secs(1)).into()
            }
        };
        let journal = Journal::open(Config { place }, Clock::at(NOON)).unwrap();
        fill(&journal, 2).await;
        let other = Holder::of(&kept).await;
        let refused = journal.append(entry(vec![draft(3)])).await.unwrap_err();
        if kept.is_sqlite() {
            assert_eq!(refused, AppendError::Held);
        }
        assert!(!refused.to_string().contains('\n'), "{refused}");
        assert!(journal.healthy().is_err());
        assert_eq!(journal.head().records, 2);
        other.lets_go().await;
        healthy_again_of(&kept, &journal).await;
        assert_eq!(journal.append(entry(vec![draft(4)])).await.unwrap().seq(), 3);
        assert!(journal.healthy().is_ok());
        let reader = Reader::open(&kept.place()).unwrap();
        assert_eq!(
            number(&reader, &reader.show(3).unwrap().unwrap(), "number"),
            4,
            "what was refused is there"
        );
        assert!(verify(&kept.place(), Some(journal.head())).unwrap().ok);
    }
}

/// A clock that, once it is told to, says each time that the writer asks it, and waits. The second time it breaks.
struct Breaking {
    clock: Arc<Clock>,
    told: AtomicBool,
    asked: SyncSender<()>,
    go: Mutex<Receiver<()>>,
    times: AtomicU32,
}

impl Ambient for Breaking {
    fn now(&self) -> Timestamp {
        if self.told.load(Ordering::Acquire) && std::thread::current().name() == Some("journal") {
            let times = self.times.fetch_add(1, Ordering::AcqRel);
            self.asked.send(()).unwrap();
            self.go.lock().unwrap().recv().unwrap();
            assert_eq!(times, 0, "the writer is meant to break down here");
        }
        self.clock.now()
    }

    fn random(&self) -> [u8; 16] {
        self.clock.random()
    }
}

#[tokio::test]
async fn whoever_waits_for_a_writer_that_breaks_down_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let ((asked, was_asked), (go, went)) = (sync_channel(1), sync_channel(1));
    let (clock, told, went) = (Clock::at(NOON), AtomicBool::new(false), Mutex::new(went));
    let breaking = Arc::new(Breaking { clock, told, asked, go: went, times: AtomicU32::new(0) });
    let journal = Journal::open(config(folder.path()), Arc::clone(&breaking) as Arc<dyn Ambient>).unwrap();
    fill(&journal, 1).await;
    breaking.told.store(true, Ordering::Release);
    let append = |number| {
        let journal = journal.clone();
        tokio::spawn(async move { journal.append(entry(vec![draft(number)])).await.err() })
    };
    // For rows alone the writer asks for the time by itself.
    let rows = || Entry { state: vec![put("a", json!(1))], ..entry(vec![]) };
    journal.follow(rows()).await.unwrap();
    let heard = tokio::task::spawn_blocking(move || was_asked.recv().map(|()| was_asked).unwrap());
    let was_asked = heard.await.unwrap();
    let first = append(2);
    tokio::task::yield_now().await;
    journal.follow(rows()).await.unwrap();
    go.send(()).unwrap();
    tokio::task::spawn_blocking(move || was_asked.recv().unwrap()).await.unwrap();
    // The writer is at work on the first, and these two wait in the queue.
    let waiting = [append(3), append(4)];
    tokio::task::yield_now().await;
    go.send(()).unwrap();
    for refused in [first].into_iter().chain(waiting) {
        let refused = tokio::time::timeout(PATIENCE, refused).await.expect("nobody is told").unwrap();
        assert_eq!(refused, Some(AppendError::Closed));
    }
    assert_eq!(journal.flush().await, Err(AppendError::Closed));
}
