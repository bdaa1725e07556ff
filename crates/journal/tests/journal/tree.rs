//! The Merkle tree that the writer keeps, beside one that is made of the bodies from the database.

use std::path::Path;

use bulkhead_journal::Journal;
use bulkhead_journal::merkle::{Frontier, TreeHead, leaf};
use rusqlite::Connection;
use vocab::Digest;

use crate::common::{database, draft, entry, fill, open};

/// The tree over the records that are in the database.
fn tree_of(path: &Path) -> TreeHead {
    let conn = Connection::open(path).unwrap();
    let mut bodies = conn.prepare("SELECT body FROM record ORDER BY seq").unwrap();
    let mut tree = Frontier::default();
    for body in bodies.query_map([], |row| row.get::<_, String>(0)).unwrap() {
        tree.push(leaf(body.unwrap().as_bytes()), |_| Ok::<(), ()>(())).unwrap();
    }
    tree.head()
}

async fn follow(journal: &Journal, count: u64) {
    for number in 0..count {
        journal.follow(entry(vec![draft(number)])).await.unwrap();
    }
    journal.flush().await.unwrap();
}

#[tokio::test]
async fn the_tree_is_that_of_the_records_wherever_the_journal_was_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    let mut size = 0;
    assert_eq!(open(folder.path()).tree(), TreeHead { size: 0, root: Digest::of(b"") });
    // Before, at and behind the end of a block; within one group and across two.
    for more in [3, 252, 1, 1, 600, 1] {
        let journal = open(folder.path());
        follow(&journal, more).await;
        size += more;
        assert_eq!(journal.tree().size, size);
        assert_eq!(journal.tree(), tree_of(&path), "{size} records");
        journal.close().await.unwrap();
        assert_eq!(open(folder.path()).tree(), tree_of(&path), "{size} records, opened anew");
    }
}

#[tokio::test]
async fn what_is_not_committed_is_not_in_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    let path = database(folder.path());
    let journal = open(folder.path());
    fill(&journal, 255).await;
    let before = journal.tree();
    // The node that the record makes whole cannot be written, nor can the record.
    let intruder = Connection::open(&path).unwrap();
    intruder
        .execute_batch("CREATE TRIGGER no BEFORE INSERT ON node BEGIN SELECT RAISE(ABORT, 'no'); END")
        .unwrap();
    assert!(journal.append(entry(vec![draft(1)])).await.is_err());
    assert_eq!(journal.tree(), before);
    intruder.execute_batch("DROP TRIGGER no").unwrap();
    drop(intruder);
    drop(journal.append(entry(vec![draft(1), draft(2)])).await.unwrap());
    assert_eq!(journal.tree(), tree_of(&path));
    journal.close().await.unwrap();
    assert!(bulkhead_journal::verify::verify(&path.as_path().into(), None).unwrap().ok);
}
