//! A verification that goes on another day, when content was erased before and after it stopped.

use bulkhead_journal::Journal;
use bulkhead_journal::verify::{Options, Position, Progress, Report, Why, verify_with};

use crate::common::{draft, entry};
use crate::erase::erasure;
use crate::kept::Kept;

/// Where a verification of these logs can stop.
const STOP: u64 = 16_384;

/// Appends `count` messages.
async fn grow(journal: &Journal, count: u64) {
    for begin in (0..count).step_by(250) {
        let records = (begin..count.min(begin + 250)).map(draft).collect();
        journal.follow(entry(records)).await.unwrap();
    }
    journal.flush().await.unwrap();
}

fn found(kept: &Kept, resume: Option<&Position>) -> Report {
    let options = Options { resume: resume.cloned(), ..Options::default() };
    verify_with(&kept.place(), &options, &mut |_| {}).unwrap()
}

/// The place that a verification of the log comes by, as it stands in a file.
fn stopped(kept: &Kept) -> Position {
    let mut come = None;
    let mut told = |progress: &Progress| come = progress.position.clone().or(come.take());
    assert!(verify_with(&kept.place(), &Options::default(), &mut told).unwrap().ok);
    let position = come.unwrap();
    assert_eq!(position.records(), STOP);
    serde_json::from_str(&serde_json::to_string(&position).unwrap()).unwrap()
}

/// A log that is longer than [`STOP`], a place in it, and what was erased before that place was come to and after.
async fn stage(kept: &Kept) -> Position {
    let journal = kept.open();
    grow(&journal, STOP - 84).await;
    // Done before the stop; to come when it stops, before it, across it and behind it.
    drop(journal.append(erasure([3, 4, 9])).await.unwrap());
    grow(&journal, 300).await;
    drop(journal.append(erasure([6, 7, 16_500].into_iter().chain(16_380..=16_390))).await.unwrap());
    let position = stopped(kept);
    assert_eq!(found(kept, Some(&position)), found(kept, None));
    for seqs in [vec![100], vec![16_550], (16_370..=16_379).collect(), vec![8, 200, 201, 16_499]] {
        drop(journal.append(erasure(seqs)).await.unwrap());
        grow(&journal, 1).await;
    }
    journal.close().await.unwrap();
    position
}

#[tokio::test]
async fn a_verification_goes_on_over_what_was_erased_before_and_since() {
    for kept in Kept::both() {
        let position = stage(&kept).await;
        let whole = found(&kept, None);
        assert!(whole.ok, "{whole:?}");
        assert_eq!(found(&kept, Some(&position)), whole);
        // One that reaches over the place and was made after it was come to.
        let journal = kept.open();
        drop(journal.append(erasure(16_391..=16_400)).await.unwrap());
        drop(journal.append(erasure(16_300..=16_300)).await.unwrap());
        journal.close().await.unwrap();
        assert_eq!(found(&kept, Some(&position)), found(&kept, None));
        assert!(found(&kept, Some(&position)).ok);
    }
}

#[tokio::test]
async fn a_range_across_the_place_that_was_erased_since_holds() {
    for kept in Kept::both() {
        let journal = kept.open();
        grow(&journal, STOP + 30).await;
        let position = stopped(&kept);
        drop(journal.append(erasure(16_000..=16_400)).await.unwrap());
        journal.close().await.unwrap();
        let whole = found(&kept, None);
        assert!(whole.ok, "{whole:?}");
        assert_eq!(found(&kept, Some(&position)), whole);
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_erasure_since_the_stop_is_found() {
    for kept in Kept::both() {
        let position = stage(&kept).await;
        let first = STOP + 219;
        let cases: &[(&str, u64, Why)] = &[
            // Content before the place, in the name of an erasure that did not say so, and of none.
            (
                "DELETE FROM payload WHERE seq = 50; INSERT INTO erased VALUES (50, 50, BY)",
                first,
                Why::NotTheErasure,
            ),
            (
                "DELETE FROM payload WHERE seq = 50; INSERT INTO erased VALUES (50, 50, 1000000)",
                50,
                Why::ContentMissing,
            ),
            ("DELETE FROM erased WHERE first = 100", first, Why::NotTheErasure),
            (
                "DELETE FROM payload WHERE seq = 101; UPDATE erased SET last = 101 WHERE first = 100",
                first,
                Why::NotTheErasure,
            ),
            // Rows that no erasure can have written.
            ("INSERT INTO erased VALUES (7, 7, BY)", 8, Why::Erasures),
            ("INSERT INTO erased VALUES (16385, 16385, BY)", 16_391, Why::Erasures),
            ("UPDATE erased SET by = 16390 WHERE first = 16380", 16_380, Why::Erasures),
            ("UPDATE erased SET last = 99 WHERE first = 100", 100, Why::Erasures),
            ("INSERT INTO erased VALUES (0, 0, BY)", 1, Why::Erasures),
        ];
        for (sql, seq, why) in cases {
            let copy = kept.copy();
            copy.tamper(&sql.replace("BY", &first.to_string()));
            let bad = found(&copy, Some(&position)).first_bad;
            let bad = bad.unwrap_or_else(|| panic!("not found: {sql}"));
            assert_eq!((bad.seq, &bad.why), (Some(*seq), why), "{sql}: {bad}");
            // A whole run also sees the record whose content is missing in nobody's name.
            let before = found(&copy, None).first_bad.unwrap();
            assert!(before == bad || before.seq < bad.seq, "{sql}: {before}");
        }
    }
}
