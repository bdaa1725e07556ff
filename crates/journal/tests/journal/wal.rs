//! The write-ahead log is cut off, at any byte: what a checkpoint covers cannot go unseen, and what came after the last one can.

use std::path::{Path, PathBuf};

use bulkhead_journal::verify::{Options, Why, verify, verify_with};
use bulkhead_journal::{Config, Journal, SealError};

use crate::checkpoint::given;
use crate::common::{Clock, NOON, copy, database, fill, open};
use crate::kept::Kept;
use crate::notary::{notary, settings};

/// The bytes of the log's own header, of a frame's, and of a page.
const HEADER: usize = 32;
const FRAME: usize = 24 + 4096;

/// A home of its own with the database as `from` has it, and its log as long as `length` says.
fn cut(from: &Path, length: usize) -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let copied = copy(from, folder.path());
    let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
    let bytes = std::fs::read(log(&copied)).unwrap();
    std::fs::rename(&copied, database(folder.path())).unwrap();
    std::fs::remove_file(log(&copied)).unwrap();
    std::fs::write(log(&database(folder.path())), &bytes[..length]).unwrap();
    Kept::Sqlite(folder)
}

#[tokio::test]
async fn a_log_that_was_cut_off_is_found_as_far_as_a_checkpoint_reaches() {
    let (folder, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let kept = Kept::Sqlite(folder);
    let Kept::Sqlite(folder) = &kept else { return };
    let journal = open(folder.path());
    let signing = notary(&kept, &journal, settings(home.path())).await.unwrap();
    fill(&journal, 6).await;
    let sealed = signing.seal().await.unwrap();
    drop(signing);
    fill(&journal, 6).await;
    let (path, head) = (database(folder.path()), journal.head());
    let log = std::fs::read(format!("{}-wal", path.display())).unwrap();
    // The log is longer than what is in it.
    let used = log.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let frames = (used - HEADER).div_ceil(FRAME);
    let ends = (0..=frames).map(|frame| HEADER + frame * FRAME);
    let places = ends.flat_map(|end| [end.saturating_sub(FRAME / 2), end - 1, end]).filter(|at| *at <= used);
    let (mut found, mut unseen) = (0, 0);
    for length in places.chain([0, 1, HEADER - 1]) {
        let copy = cut(&path, length);
        let place = copy.place();
        let alone = verify(&place, None).unwrap();
        assert!(alone.records <= head.records, "{length}");
        // Whoever wrote down where the log stood sees it in any case.
        let known = verify(&place, Some(head)).unwrap();
        assert_eq!(known.ok, alone.ok && alone.records == head.records, "{length}: {known:?}");
        // Whoever has the last checkpoint, and the home with what it signed, see what that one covers.
        let options = Options { checkpoints: vec![given(sealed.note())], ..Options::default() };
        let under = verify_with(&place, &options, &mut |_| {}).unwrap();
        let Kept::Sqlite(folder) = &copy else { return };
        let journal =
            Journal::open(Config { place: database(folder.path()).into() }, Clock::at(NOON)).unwrap();
        let started = notary(&copy, &journal, settings(home.path())).await;
        if alone.records < sealed.tree().size {
            found += 1;
            let why = under.first_bad.unwrap().why;
            let named = matches!(why, Why::CutOff(_) | Why::Checkpoint(_));
            assert!(named, "{length}: {why}");
            assert!(matches!(started.err().unwrap(), SealError::NotContinued { .. }), "{length}");
        } else {
            unseen += u64::from(alone.records < head.records);
            assert!(alone.ok && under.ok && started.is_ok(), "{length}: {under:?}");
        }
    }
    assert!(found > 5 && unseen > 2, "{found} were found, {unseen} were after the last checkpoint");
}
