//! Rows that somebody puts among the checkpoints, as whoever may add to the record can: no key of the record signed them.

use bulkhead_journal::checkpoint::{Checkpoint, Sealed};
use bulkhead_journal::merkle::TreeHead;
use bulkhead_journal::note::SigningKey;
use bulkhead_journal::read::{Cosigned, Query, Reader};
use bulkhead_journal::verify::{Why, verify};
use bulkhead_journal::{Event, Kind, NotaryConfig};

use crate::common::fill;
use crate::kept::{Kept, ROLE};
use crate::notary::{Witness, notary, settings};

/// Puts a row there, as a gateway may.
fn put(kept: &Kept, size: u64, number: u64, note: &str) {
    let sql = format!("INSERT INTO {{}}checkpoint (size, number, note) VALUES ({size}, {number}, '{note}')");
    match kept {
        Kept::Sqlite(_) => kept.tamper(&sql.replace("{}", "")),
        Kept::Postgres { cluster, database } => {
            drop(cluster.try_sql(ROLE, database, &sql.replace("{}", "bulkhead.")).unwrap());
        }
    }
}

/// What somebody may put there at `size`, without the record's key.
fn forgeries(sealed: &Sealed, size: u64) -> [String; 5] {
    let (origin, mut tree) = (&sealed.checkpoint().origin, sealed.tree());
    tree.size = size;
    let intruder = SigningKey::from_seed(origin, [66; 32]).unwrap();
    let elsewhere = SigningKey::from_seed("bulkhead/another", [66; 32]).unwrap();
    let signed = Checkpoint { origin: origin.clone(), tree }.sign([&intruder]).unwrap().to_string();
    let other = Checkpoint { origin: "bulkhead/another".to_owned(), tree }.sign([&elsewhere]).unwrap();
    let changed =
        sealed.note().to_string().replacen(&format!("\n{}\n", sealed.tree().size), &format!("\n{size}\n"), 1);
    ["nonsense".to_owned(), signed, other.to_string(), changed, sealed.note().to_string()]
}

#[tokio::test]
async fn a_forged_checkpoint_is_called_that_and_no_sign_of_a_tail_that_was_cut_off() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        let signing = notary(&kept, &journal, settings(folder.path())).await.unwrap();
        fill(&journal, 8).await;
        let sealed = signing.seal().await.unwrap();
        fill(&journal, 3).await;
        signing.seal().await.unwrap();
        drop(signing);
        journal.close().await.unwrap();
        let size = sealed.tree().size;
        // Where another belongs, before and behind it, where none does, between two, and beyond the end of the record.
        for (at, number) in [(size, 0), (size, 2), (0, 1), (size + 1, 1), (1_000_000, 1)] {
            for forged in forgeries(&sealed, at) {
                if at == size && forged == sealed.note().to_string() {
                    continue;
                }
                let copy = kept.copy();
                put(&copy, at, number, &forged);
                let bad = verify(&copy.place(), None).unwrap().first_bad.unwrap();
                assert!(matches!(bad.why, Why::OwnCheckpoint(found, _) if found == at), "{at}: {bad}");
                assert!(bad.to_string().contains("a forged checkpoint") && bad.seq.is_none(), "{bad}");
                // It hides nothing: a tail that was cut off is told by the checkpoint that was signed.
                if at > size + 3 {
                    copy.tamper("DELETE FROM record WHERE seq > 10; DELETE FROM payload WHERE seq > 10");
                    let bad = verify(&copy.place(), None).unwrap().first_bad.unwrap();
                    assert_eq!((bad.seq, bad.why), (Some(11), Why::CutOff(size + 3)));
                }
            }
        }
    }
}

#[tokio::test]
async fn keys_that_are_not_those_that_the_records_tell_of_are_found() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        let signing = notary(&kept, &journal, settings(folder.path())).await.unwrap();
        fill(&journal, 8).await;
        let sealed = signing.seal().await.unwrap();
        signing.rotate(None).await.unwrap();
        drop(signing);
        journal.close().await.unwrap();
        assert_eq!(verify(&kept.place(), None).unwrap().first_bad, None);
        let intruder = SigningKey::from_seed(&sealed.checkpoint().origin, [66; 32]).unwrap();
        let intruder = intruder.verifier();
        // One that nobody signed to is what the record keeps of a key in the place of one that was lost.
        for (damage, said) in [
            (format!("INSERT INTO key (number, verifier) VALUES (3, '{intruder}')"), "stands among its keys"),
            (
                "INSERT INTO key (number, verifier) SELECT 3, verifier FROM key WHERE number = 1".to_owned(),
                "stands among its keys",
            ),
            ("DELETE FROM key WHERE number = 1".to_owned(), "or one was taken away"),
            ("UPDATE key SET number = 3 WHERE number = 1".to_owned(), "or one was taken away"),
            ("UPDATE key SET change = NULL WHERE number = 2".to_owned(), "is told otherwise by a record"),
            // Whoever signs names the number of the newest, and none comes after one that was made too high.
            (
                "UPDATE key SET number = 7 WHERE number = 2".to_owned(),
                "has the number 7, which is not its place",
            ),
            ("UPDATE key SET number = number - 1".to_owned(), "has the number 0, which is not its place"),
            (
                "DELETE FROM checkpoint; DELETE FROM key WHERE number = 2".to_owned(),
                "is not among its keys, and a record says",
            ),
        ] {
            let copy = kept.copy();
            copy.tamper(&damage);
            let bad = verify(&copy.place(), None).unwrap().first_bad;
            let bad = bad.unwrap_or_else(|| panic!("{damage} is not found"));
            assert!(matches!(bad.why, Why::Keys(_)) && bad.to_string().contains(said), "{damage}: {bad}");
        }
    }
}

#[tokio::test]
async fn a_forged_newest_checkpoint_stops_nobody_and_is_an_alert() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let files = vec![folder.path().join("published")];
        let settings = || NotaryConfig { files: files.clone(), ..settings(folder.path()) };
        let journal = kept.open();
        let signing = notary(&kept, &journal, settings()).await.unwrap();
        fill(&journal, 8).await;
        let sealed = signing.seal().await.unwrap();
        drop(signing);
        for (at, forged) in (1_000_u64..).zip(forgeries(&sealed, 5_000)) {
            put(&kept, at, 1, &forged);
        }
        // More than are looked at together.
        for at in 2_000..2_100 {
            put(&kept, at, 1, "nonsense");
        }
        let started = notary(&kept, &journal, settings()).await.unwrap();
        assert_eq!(started.newest().borrow().as_ref(), Some(&sealed));
        let reader = Reader::open(&kept.place()).unwrap();
        assert_eq!(reader.newest_checkpoint().unwrap().as_ref(), Some(sealed.note()));
        let alerts: Vec<_> = reader.query(&Query::default()).unwrap();
        let alert = alerts.iter().find(|record| record.event == Some(Event::CheckpointDistrusted)).unwrap();
        assert_eq!((alert.kind, alert.facts.number("size")), (Kind::Alert, Some(2_099)));
        // It signs and publishes on, and nothing forged goes to where auditors look.
        let next = started.seal_for(None).await.unwrap();
        assert!(next.tree().size > sealed.tree().size);
        assert!(started.unpublished().is_empty(), "{:?}", started.unpublished());
        let history = std::fs::read_to_string(folder.path().join("published.history")).unwrap();
        assert_eq!(history, format!("{}\n{}\n", sealed.note(), next.note()));
    }
}

#[tokio::test]
async fn what_a_witness_cosigned_counts_only_where_the_record_has_that_root() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        let witness = Witness::new("witness.example/1", 1);
        let settings = NotaryConfig { witnesses: vec![witness.key.clone()], ..settings(folder.path()) };
        let signing = notary(&kept, &journal, settings).await.unwrap();
        fill(&journal, 8).await;
        let sealed = signing.seal().await.unwrap();
        signing.cosign(&witness.line(sealed.note().text(), 7), None).await.unwrap();
        fill(&journal, 3).await;
        let newer = signing.seal().await.unwrap().tree();
        drop(signing);
        journal.close().await.unwrap();
        // By somebody who has the record's key, and keeps what the witness cosigned before the record was built anew.
        let key: SigningKey = std::fs::read_to_string(folder.path().join("keys/record.key"))
            .unwrap()
            .trim_end()
            .parse()
            .unwrap();
        let origin = &sealed.checkpoint().origin;
        let own = Some(Cosigned { size: sealed.tree().size, time: 7 });
        for (size, number) in [(newer.size, 1), (newer.size, 3), (newer.size + 1, 1), (1_000_000, 1)] {
            let tree = TreeHead { size, root: sealed.tree().root };
            let note = Checkpoint { origin: origin.clone(), tree }.sign([&key]).unwrap();
            let note = format!("{note}{}", witness.line(note.text(), 9));
            let copy = kept.copy();
            copy.tamper(&format!("UPDATE checkpoint SET number = 2 WHERE size = {}", newer.size));
            put(&copy, size, number, &note);
            let found = Reader::open(&copy.place()).unwrap().cosigned(&witness.key).unwrap();
            assert_eq!(found, own, "a cosignature at {size}, {number} of another record was counted");
            // Nor is it a checkpoint of the record's own, where that has none in the same place.
            let reader = Reader::open(&copy.place()).unwrap();
            assert_eq!(reader.has_signed(size).unwrap(), size == newer.size, "{size}");
            assert!(reader.has_signed(sealed.tree().size).unwrap());
            assert!(!reader.has_signed(sealed.tree().size + 1).unwrap());
        }
        // The same in the same place counts where the root is the record's.
        let note = Checkpoint { origin: origin.clone(), tree: newer }.sign([&key]).unwrap();
        put(&kept, newer.size, 2, &format!("{note}{}", witness.line(note.text(), 9)));
        let found = Reader::open(&kept.place()).unwrap().cosigned(&witness.key).unwrap();
        assert_eq!(found, Some(Cosigned { size: newer.size, time: 9 }));
    }
}
