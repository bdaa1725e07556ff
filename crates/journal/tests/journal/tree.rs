//! The Merkle tree that the writer keeps, beside one that is made of the bodies from the database.

use bulkhead_journal::Journal;
use bulkhead_journal::merkle::{Frontier, TreeHead, leaf};
use vocab::Digest;

use crate::common::{draft, entry, fill};
use crate::full::healthy_again;
use crate::kept::Kept;

/// The tree over the records that are in the database.
fn tree_of(kept: &Kept) -> TreeHead {
    let mut tree = Frontier::default();
    for (_, body) in kept.bodies() {
        tree.push(leaf(body.as_bytes()), |_| Ok::<(), ()>(())).unwrap();
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
    for kept in Kept::both() {
        let mut size = 0;
        assert_eq!(kept.open().tree(), TreeHead { size: 0, root: Digest::of(b"") });
        // Before, at and behind the end of a block; within one group and across two.
        for more in [3, 252, 1, 1, 600, 1] {
            let journal = kept.open();
            follow(&journal, more).await;
            size += more;
            assert_eq!(journal.tree().size, size);
            assert_eq!(journal.tree(), tree_of(&kept), "{size} records");
            journal.close().await.unwrap();
            let journal = kept.open();
            assert_eq!(journal.tree(), tree_of(&kept), "{size} records, opened anew");
            journal.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_not_committed_is_not_in_the_tree() {
    for kept in Kept::both() {
        let journal = kept.open();
        fill(&journal, 255).await;
        let before = journal.tree();
        // The node that the record makes whole cannot be written, nor can the record.
        let (forbid, allow) = if kept.is_sqlite() {
            (
                "CREATE TRIGGER no BEFORE INSERT ON node BEGIN SELECT RAISE(ABORT, 'no'); END",
                "DROP TRIGGER no",
            )
        } else {
            (
                "ALTER TABLE node ADD CONSTRAINT no CHECK (false) NOT VALID",
                "ALTER TABLE node DROP CONSTRAINT no",
            )
        };
        kept.tamper(forbid);
        assert!(journal.append(entry(vec![draft(1)])).await.is_err());
        assert_eq!(journal.tree(), before);
        kept.tamper(allow);
        healthy_again(&journal).await;
        drop(journal.append(entry(vec![draft(1), draft(2)])).await.unwrap());
        assert_eq!(journal.tree(), tree_of(&kept));
        journal.close().await.unwrap();
        assert!(bulkhead_journal::verify::verify(&kept.place(), None).unwrap().ok);
    }
}
