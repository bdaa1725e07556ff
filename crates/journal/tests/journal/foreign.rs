//! Somebody puts something into the record's database, which copies what is erased later or keeps out what was acknowledged.

use std::time::{Duration, Instant};

use bulkhead_journal::postgres::weaknesses;
use bulkhead_journal::verify::{Report, Why, verify, verify_tail};
use bulkhead_journal::{Journal, OpenError, PostgresConfig};

use crate::common::{Clock, NOON, database, draft, entry, fill, open};
use crate::erase::erasure;
use crate::kept::{Kept, ROLE};

/// What is done to a SQLite file, and what is said of it.
const SQLITE: [(&str, &str); 13] = [
    (
        "CREATE TABLE hoard (seq, bytes); CREATE TRIGGER copy AFTER INSERT ON payload \
         BEGIN INSERT INTO hoard VALUES (new.seq, new.bytes); END; DROP TABLE hoard",
        "has the trigger `copy`",
    ),
    ("CREATE TRIGGER deaf BEFORE INSERT ON record BEGIN SELECT RAISE(IGNORE); END", "has the trigger `deaf`"),
    (
        "CREATE TRIGGER kept BEFORE UPDATE ON payload BEGIN SELECT RAISE(IGNORE); END",
        "has the trigger `kept`",
    ),
    ("CREATE TABLE hoard (seq, bytes)", "has the table `hoard`"),
    ("CREATE VIEW few AS SELECT * FROM record LIMIT 3", "has the view `few`"),
    ("CREATE INDEX words ON payload (bytes)", "has the index `words`"),
    ("ALTER TABLE payload ADD COLUMN again BLOB", "has a table `payload` that is not as Bulkhead makes it"),
    ("ALTER TABLE record RENAME TO records; CREATE VIEW record AS SELECT * FROM records", "`records`"),
    (
        "DROP TABLE key; CREATE TABLE key (number INTEGER PRIMARY KEY ON CONFLICT IGNORE, verifier TEXT, change TEXT)",
        "has a table `key` that is not as Bulkhead makes it",
    ),
    ("DROP TABLE erased", "lacks the table `erased`"),
    ("CREATE TABLE \"two\nlines\" (x)", "has the table `two\\nlines`"),
    ("INSERT INTO meta VALUES ('hoard', 'words')", "has the row `hoard` in the table `meta`"),
    (
        "INSERT INTO meta VALUES ('probe', 'words that were erased')",
        "has the row `probe` in the table `meta`",
    ),
];

/// The same on a server, done by somebody who owns the tables there.
const POSTGRES: [(&str, &str); 13] = [
    (
        "CREATE TABLE public.hoard (LIKE payload); CREATE FUNCTION public.copy() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN INSERT INTO public.hoard SELECT new.*; RETURN new; END $$; \
         CREATE TRIGGER copy AFTER INSERT ON payload FOR EACH ROW EXECUTE FUNCTION public.copy()",
        "has the trigger `copy` on `bulkhead.payload`",
    ),
    (
        "CREATE FUNCTION public.deaf() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
         CREATE TRIGGER deaf BEFORE INSERT ON record FOR EACH ROW EXECUTE FUNCTION public.deaf()",
        "has the trigger `deaf` on `bulkhead.record`",
    ),
    (
        "CREATE RULE deaf AS ON INSERT TO payload DO INSTEAD NOTHING",
        "has the rule `deaf` on `bulkhead.payload`",
    ),
    ("CREATE POLICY few ON record USING (seq < 3)", "has the policy `few` on `bulkhead.record`"),
    ("ALTER TABLE record ENABLE ROW LEVEL SECURITY", "has a table `bulkhead.record` that is not as"),
    ("CREATE INDEX words ON payload (bytes)", "has the index `words` on `bulkhead.payload`"),
    (
        "ALTER TABLE payload ADD CONSTRAINT small CHECK (octet_length(bytes) < 9) NOT VALID",
        "has the constraint `small` on `bulkhead.payload`",
    ),
    (
        "CREATE TABLE public.hoard (seq bigint REFERENCES payload)",
        "has the constraint `hoard_seq_fkey` on `bulkhead.payload`",
    ),
    ("ALTER TABLE payload ADD COLUMN again bytea", "has a table `bulkhead.payload` that is not as Bulkhead"),
    ("CREATE TABLE public.more () INHERITS (record)", "has the descendant `more` on `bulkhead.record`"),
    ("CREATE VIEW few AS SELECT * FROM record LIMIT 3", "has `bulkhead.few`"),
    ("ALTER TABLE payload SET UNLOGGED", "lacks the table `bulkhead.payload`"),
    ("INSERT INTO meta VALUES ('hoard', 'words')", "has the row `hoard` in the table `bulkhead.meta`"),
];

fn checked(kept: &Kept) -> Report {
    verify(&kept.place(), None).unwrap()
}

fn cases(kept: &Kept) -> Vec<(&'static str, &'static str)> {
    if kept.is_sqlite() { SQLITE.to_vec() } else { POSTGRES.to_vec() }
}

#[tokio::test]
async fn what_was_put_into_the_database_is_named_and_nothing_is_written_to_it() {
    for kept in Kept::both() {
        let journal = kept.open();
        fill(&journal, 9).await;
        journal.close().await.unwrap();
        assert!(checked(&kept).ok);
        for (sql, expected) in cases(&kept) {
            let copy = kept.copy();
            copy.tamper(sql);
            let before = copy.bodies_if_any();
            let Err(error) = Journal::open(copy.config(), Clock::at(NOON)) else {
                panic!("it opened: {sql}")
            };
            let text = error.to_string();
            assert!(matches!(error, OpenError::Foreign { .. } | OpenError::Unfit { .. }), "{error:?}");
            assert!(text.contains(expected) && !text.contains('\n'), "{sql}: {text}");
            assert!(text.contains("bulkhead audit verify"), "{text}");
            let bad = checked(&copy).first_bad.unwrap();
            assert!(matches!(&bad.why, Why::Foreign(what) if what.contains(expected)), "{sql}: {bad:?}");
            let bad = verify_tail(&copy.place(), 2).unwrap().unwrap();
            assert!(matches!(&bad.why, Why::Foreign(what) if what.contains(expected)), "{sql}: {bad:?}");
            assert_eq!(copy.bodies_if_any(), before, "{sql}");
            if let Kept::Postgres { cluster, database } = &copy {
                let config = PostgresConfig::new(&cluster.url(ROLE, database)).unwrap();
                let found = weaknesses(&config).unwrap();
                let named = found.iter().any(|one| one.severe && one.what.contains(expected));
                assert!(named, "{sql}: {found:?}");
            }
        }
        assert!(checked(&kept).ok);
    }
}

#[tokio::test]
async fn what_is_put_into_it_while_it_is_written_does_nothing_and_is_refused_until_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    fill(&journal, 3).await;
    let other = rusqlite::Connection::open(database(folder.path())).unwrap();
    for (make, undo, name) in [
        (
            "CREATE TRIGGER copy AFTER INSERT ON payload BEGIN INSERT INTO meta VALUES ('hoard', new.bytes); END",
            "DROP TRIGGER copy",
            "the trigger `copy`",
        ),
        (
            "CREATE TRIGGER deaf BEFORE INSERT ON record BEGIN SELECT RAISE(IGNORE); END",
            "DROP TRIGGER deaf",
            "the trigger `deaf`",
        ),
        ("CREATE INDEX words ON payload (bytes)", "DROP INDEX words", "the index `words`"),
    ] {
        let head = journal.head();
        other.execute_batch(make).unwrap();
        let error = journal.append(entry(vec![draft(9)])).await.unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("nothing can be recorded"), "{error}");
        assert!(journal.healthy().unwrap_err().contains(name));
        assert_eq!(journal.head(), head);
        other.execute_batch(undo).unwrap();
        let receipt = journal.append(entry(vec![draft(9)])).await.unwrap();
        drop(receipt);
        assert_eq!(journal.head().records, head.records + 1);
        assert!(journal.healthy().is_ok());
    }
    let hoard: u32 =
        other.query_row("SELECT count(*) FROM meta WHERE name = 'hoard'", [], |row| row.get(0)).unwrap();
    assert_eq!(hoard, 0);
    journal.close().await.unwrap();
    assert!(verify(&database(folder.path()).as_path().into(), None).unwrap().ok);
}

/// How long the journal may take to look by itself.
const PATIENCE: Duration = Duration::from_secs(180);

/// Waits until the journal says of its health what `wanted` looks for.
async fn eventually(journal: &Journal, wanted: impl Fn(Result<(), String>) -> bool) {
    let until = Instant::now() + PATIENCE;
    while !wanted(journal.healthy()) {
        assert!(Instant::now() < until, "{:?}", journal.healthy());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_is_put_to_a_servers_tables_while_it_is_written_keeps_erasures_out_and_is_noticed() {
    let Some(kept) = Kept::postgres() else { return };
    let (_, name) = POSTGRES[0];
    let journal = kept.open();
    fill(&journal, 9).await;
    kept.tamper(POSTGRES[0].0);
    let error = journal.append(erasure([2, 3])).await.unwrap_err().to_string();
    assert!(error.contains(name), "{error}");
    // It is noticed where nobody erases anything, too, as soon as there is nothing else to do.
    eventually(&journal, |healthy| healthy.is_err_and(|why| why.contains(name))).await;
    kept.tamper("DROP TRIGGER copy ON payload");
    eventually(&journal, |healthy| healthy.is_ok()).await;
    drop(journal.append(erasure([2, 3])).await.unwrap());
    journal.close().await.unwrap();
    assert!(checked(&kept).ok);
    assert!(!kept.spoken().contains(&2) && kept.spoken().contains(&4), "{:?}", kept.spoken());
}
