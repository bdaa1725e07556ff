//! Content that is erased: gone from the files, told from content that somebody removed, and nothing else touched.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use bulkhead_journal::read::{Query, Reader, Record};
use bulkhead_journal::verify::{Why, verify};
use bulkhead_journal::{
    AppendError, Change, Config, Draft, Entry, Erased, Event, Facts, Head, Journal, Kind, PostgresConfig,
};
use rusqlite::Connection;
use serde_json::json;

use crate::cluster::Cluster;
use crate::common::{Clock, NOON, database, draft, entry, fill, open};
use crate::kept::{Kept, spoken, spoken_in};

/// An erasure of these records.
pub(crate) fn erasure(seqs: impl IntoIterator<Item = u64>) -> Entry {
    let mut draft = Draft::of_event(Kind::Admin, Event::ErasureDone, Facts::new().with("consent", "bob"));
    draft.erases = Some(Erased::of(&seqs.into_iter().collect()).0);
    draft.payload = json!({ "reason": "they asked for it" });
    entry(vec![draft])
}

/// The words of message `number`, as they would stand in a file.
fn words(number: u64) -> String {
    format!("the words of message {number}")
}

/// What there is of a record's content.
fn said(path: &Path, seq: u64) -> serde_json::Value {
    Reader::open(&path.into()).unwrap().content(seq).unwrap().unwrap_or_default()
}

fn show(path: &Path, seq: u64) -> Record {
    Reader::open(&path.into()).unwrap().show(seq).unwrap().unwrap()
}

#[track_caller]
fn whole(path: &Path, head: Option<Head>) {
    let report = verify(&path.into(), head).unwrap();
    assert!(report.ok, "{report:?}");
}

#[track_caller]
fn holds(kept: &Kept, head: Option<Head>) {
    let report = verify(&kept.place(), head).unwrap();
    assert!(report.ok, "{report:?}");
}

#[tokio::test]
async fn what_is_erased_is_gone_on_a_server_too_and_only_the_eraser_can() {
    let Some(kept) = Kept::postgres() else { return };
    let journal = kept.open();
    fill(&journal, 30).await;
    let state: Vec<Change> =
        (1..=9).map(|n| Change::push("entry", "s-1", n, &words(n.into())).unwrap()).collect();
    drop(journal.append(Entry { state, ..entry(vec![draft(31)]) }).await.unwrap());
    let before = journal.head();
    let gone: BTreeSet<u64> = (1..=25).filter(|seq| seq % 5 != 0).collect();
    let state = vec![Change::drop_list("entry", "s-1"), Change::push("entry", "s-2", 0, &1).unwrap()];
    let receipt = journal.append(Entry { state, ..erasure(gone.clone()) }).await.unwrap();
    assert!(journal.wiped());
    fill(&journal, 3).await;
    assert_eq!(journal.list("entry", "s-1", 0).unwrap(), [] as [serde_json::Value; 0]);
    assert_eq!(journal.list("entry", "s-2", 0).unwrap(), [json!(1)]);
    let reader = Reader::open(&kept.place()).unwrap();
    for seq in 1..=31 {
        let record = reader.show(seq).unwrap().unwrap();
        assert_eq!(record.erased_by, gone.contains(&seq).then_some(receipt.seq()), "{seq}");
        assert_eq!(reader.content(seq).unwrap().is_none(), gone.contains(&seq), "{seq}");
    }
    holds(&kept, Some(before));
    holds(&kept, Some(journal.head()));
    journal.close().await.unwrap();

    // Without an eraser it is refused, and harms nobody.
    let config = PostgresConfig::new(&kept.address()).unwrap();
    let journal = Journal::open(Config { place: config.into() }, Clock::at(NOON)).unwrap();
    let refused = journal.append(erasure([30])).await.unwrap_err();
    assert_eq!(refused, AppendError::NoEraser);
    assert!(journal.healthy().is_ok());
    fill(&journal, 1).await;
    holds(&kept, Some(journal.head()));
}

/// What there is of text in the files that a server keeps a database in.
fn text_of(cluster: &Cluster, database: &str) -> String {
    let oid =
        cluster.sql(database, "CHECKPOINT; SELECT oid FROM pg_database WHERE datname = current_database()");
    let files = std::fs::read_dir(cluster.folder().join("data/base").join(oid)).unwrap();
    let text = |file: std::io::Result<std::fs::DirEntry>| {
        String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()).into_owned()
    };
    files.map(text).collect()
}

#[tokio::test]
async fn what_is_erased_is_out_of_a_servers_files_when_its_tables_are_made_anew() {
    let Some(kept) = Kept::postgres() else { return };
    let Kept::Postgres { cluster, database } = &kept else { return };
    let journal = kept.open();
    fill(&journal, 60).await;
    let state = (1..=60).map(|n| Change::push("entry", "s-1", n, &words(n.into())).unwrap()).collect();
    drop(journal.append(Entry { state, ..entry(vec![draft(61)]) }).await.unwrap());
    let state = vec![Change::drop_list("entry", "s-1")];
    drop(journal.append(Entry { state, ..erasure((1..=60).filter(|seq| seq % 7 != 0)) }).await.unwrap());
    let stays: BTreeSet<u64> = (1..=60).filter(|seq| seq % 7 == 0).chain([61]).collect();
    assert_eq!(kept.spoken(), stays);
    // What the guide tells whoever looks after the server to do: without it they are there still.
    assert_ne!(spoken_in(&text_of(cluster, database)), stays);
    cluster.sql(database, "VACUUM FULL bulkhead.payload");
    cluster.sql(database, "VACUUM FULL bulkhead.state");
    assert_eq!(spoken_in(&text_of(cluster, database)), stays);
    holds(&kept, Some(journal.head()));
}

#[tokio::test]
async fn what_is_erased_is_in_no_file_and_the_chain_holds_against_an_earlier_head() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    let journal = open(folder.path());
    fill(&journal, 300).await;
    // Two conversations take turns, so that their words lie side by side.
    let grown = |n| {
        let list = if n % 2 == 0 { "s-1" } else { "s-2" };
        Change::push("entry", list, n, &words(u64::from(n))).unwrap()
    };
    let state: Vec<Change> = (1..=200).map(grown).collect();
    drop(journal.append(Entry { state, ..entry(vec![draft(301)]) }).await.unwrap());
    let before = journal.head();
    assert_eq!(spoken(&path).len(), 301);

    let gone: BTreeSet<u64> = (1..=290).filter(|seq| seq % 5 != 0).collect();
    let state = vec![Change::drop_list("entry", "s-1"), Change::cut_list("entry", "s-2", 50)];
    let receipt = journal.append(Entry { state, ..erasure(gone.clone()) }).await.unwrap();
    assert!(journal.wiped());
    // The words of message 7 are in the other conversation as well, of which the first half stays.
    let stays = |seq: &u64| !gone.contains(seq) || (seq % 2 == 1 && *seq <= 100);
    assert_eq!(spoken(&path), (1..=301).filter(stays).collect());
    whole(&path, Some(before));
    let record = show(&path, 6);
    assert!(record.erased && record.erased_by == Some(receipt.seq()) && said(&path, 6).is_null());
    let record = show(&path, 5);
    assert!(!record.erased && said(&path, 5)["number"] == 5);
    let erasure = show(&path, receipt.seq());
    assert_eq!(
        (erasure.facts.text("consent"), said(&path, receipt.seq())["reason"].as_str()),
        (Some("bob"), Some("they asked for it"))
    );
    assert_eq!(erasure.erases.unwrap().contents(), gone.len() as u64);
    assert_eq!(journal.list("entry", "s-1", 0).unwrap().len(), 0);
    assert_eq!(journal.list("entry", "s-2", 0).unwrap().len(), 50);
    journal.close().await.unwrap();
    whole(&path, Some(before));
    drop(open(folder.path()));
}

#[tokio::test]
async fn an_erasure_that_does_not_fit_changes_nothing_and_harms_nobody_else() {
    for kept in Kept::both() {
        let journal = kept.open();
        fill(&journal, 9).await;
        drop(journal.append(entry(vec![Draft::new(Kind::Admin)])).await.unwrap());
        let done = journal.append(erasure([2, 3])).await.unwrap().seq();
        for (what, seqs, expected, found) in [
            ("gone already", vec![3, 4], 2, 1),
            ("without content", vec![9, 10], 2, 1),
            ("itself an erasure", vec![done], 1, 0),
            ("not there yet", vec![8, 1_000_000], 2, 0),
        ] {
            let neighbours = [entry(vec![draft(1)]), entry(vec![draft(2)])];
            let (first, refused, second) = tokio::join!(
                journal.append(neighbours[0].clone()),
                journal.append(Entry { state: vec![Change::drop_list("test", "list")], ..erasure(seqs) }),
                journal.append(neighbours[1].clone()),
            );
            drop((first.unwrap(), second.unwrap()));
            let refused = refused.unwrap_err();
            assert_eq!(refused, AppendError::Erased { expected, found }, "{what}");
            assert!(refused.to_string().contains("look again"), "{refused}");
            assert_eq!(journal.healthy(), Ok(()));
        }
        assert!(matches!(
            journal.append(erasure((0..8200).map(|n| n * 2))).await,
            Err(AppendError::Erased { .. })
        ));
        holds(&kept, Some(journal.head()));
        let query = Query { erasable: true, ..Query::default() };
        let left = Reader::open(&kept.place()).unwrap().query(&query).unwrap();
        assert_eq!(left.iter().take(7).map(|record| record.seq).collect::<Vec<_>>(), [1, 4, 5, 6, 7, 8, 9]);
        assert!(left.iter().all(|record| record.event != Some(Event::ErasureDone)));
    }
}

#[tokio::test]
async fn content_that_is_missing_or_back_without_an_erasure_is_found() {
    for kept in Kept::both() {
        let journal = kept.open();
        fill(&journal, 10).await;
        drop(journal.append(erasure([2, 3, 4, 8])).await.unwrap());
        fill(&journal, 2).await;
        let head = journal.head();
        journal.close().await.unwrap();
        holds(&kept, Some(head));
        let cases: &[(&str, u64, Why)] = &[
            ("DELETE FROM payload WHERE seq = 6", 6, Why::ContentMissing),
            // An erasure is put beside it in the table alone.
            (
                "DELETE FROM payload WHERE seq = 6; INSERT INTO erased VALUES (6, 6, 11)",
                11,
                Why::NotTheErasure,
            ),
            (
                "DELETE FROM payload WHERE seq = 6; INSERT INTO erased VALUES (6, 6, 12)",
                12,
                Why::NotTheErasure,
            ),
            (
                "DELETE FROM payload WHERE seq = 6; INSERT INTO erased VALUES (6, 6, 14)",
                6,
                Why::ContentMissing,
            ),
            ("DELETE FROM payload WHERE seq = 6; INSERT INTO erased VALUES (6, 6, 6)", 6, Why::Erasures),
            (
                "DELETE FROM payload WHERE seq = 5; UPDATE erased SET last = 5 WHERE first = 2",
                11,
                Why::NotTheErasure,
            ),
            (
                "DELETE FROM payload WHERE seq = 12; UPDATE erased SET last = 12 WHERE first = 8",
                8,
                Why::Erasures,
            ),
            ("INSERT INTO erased VALUES (3, 3, 11)", 5, Why::Erasures),
            ("INSERT INTO erased VALUES (20, 21, 22)", 20, Why::Erasures),
            ("INSERT INTO erased VALUES (7, 5, 11)", 6, Why::Erasures),
            ("UPDATE erased SET by = 12 WHERE first = 8", 11, Why::NotTheErasure),
            ("DELETE FROM erased WHERE first = 8", 8, Why::ContentMissing),
            ("DELETE FROM erased", 2, Why::ContentMissing),
            // What was erased is put back, as from a backup.
            (
                "DELETE FROM payload WHERE seq = 3; INSERT INTO payload VALUES (3, ZEROS, EMPTY)",
                3,
                Why::ContentBack(11),
            ),
            (
                "DELETE FROM payload WHERE seq = 3; INSERT INTO payload VALUES (3, ZEROS, EMPTY); DELETE FROM erased WHERE first = 2",
                2,
                Why::ContentMissing,
            ),
            // The erasure itself loses its tail.
            ("DELETE FROM record WHERE seq > 10; DELETE FROM payload WHERE seq > 10", 2, Why::ContentMissing),
        ];
        for (sql, seq, why) in cases {
            let copy = kept.copy();
            copy.tamper(sql);
            let bad = verify(&copy.place(), None).unwrap().first_bad;
            let bad = bad.unwrap_or_else(|| panic!("not found: {sql}"));
            assert_eq!((bad.seq, &bad.why), (Some(*seq), why), "{sql}: {bad}");
        }
    }
}

#[tokio::test]
async fn a_reader_of_an_older_state_only_delays_what_the_files_give_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    let journal = open(folder.path());
    fill(&journal, 20).await;
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM record").unwrap();
    drop(journal.append(erasure([7])).await.unwrap());
    assert!(!journal.wiped());
    fill(&journal, 1).await;
    drop(reader);
    let until = Instant::now() + Duration::from_secs(60);
    while !journal.wiped() {
        assert!(Instant::now() < until, "it is never given up");
        // Nor does a gateway that always has something to record put it off.
        fill(&journal, 1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let spoken = spoken(&path);
    assert!(!spoken.contains(&7) && spoken.contains(&8));
}
