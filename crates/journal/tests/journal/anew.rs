//! A home whose record is gone, or is another than the one that it wrote before.

use std::path::Path;

use bulkhead_journal::read::{Query, Reader};
use bulkhead_journal::verify::verify;
use bulkhead_journal::{Event, Notary, SealError, remains};
use vocab::PersonId;

use crate::common::{Clock, NOON, fill};
use crate::kept::Kept;
use crate::notary::{notary, settings};

fn files(folder: &Path) -> Vec<(String, String)> {
    let files = std::fs::read_dir(folder.join("keys")).unwrap().map(Result::unwrap);
    let mut files: Vec<_> = files
        .map(|file| (file.file_name().into_string().unwrap(), std::fs::read_to_string(file.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_home_that_wrote_another_record_goes_on_only_when_somebody_says_so_on_the_new_one() {
    for (kept, other) in Kept::both().into_iter().zip(Kept::both()) {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(remains(&folder.path().join("keys")), None);
        let journal = kept.open();
        let former = notary(&kept, &journal, settings(folder.path())).await.unwrap();
        fill(&journal, 7).await;
        let sealed = former.seal().await.unwrap();
        drop(former);
        journal.close().await.unwrap();
        assert!(remains(&folder.path().join("keys")).is_some());
        if let Kept::Postgres { .. } = &other {
            other.tamper("UPDATE meta SET value = 'fedcba9876543210' WHERE name = 'log'");
        }
        let journal = other.open_at(Clock::random_from(77, NOON));
        let before = files(folder.path());
        let keys = folder.path().join("keys");
        // The key alone says so, and so does the checkpoint alone.
        for away in ["none", "record.key", "record.checkpoint"] {
            let aside = folder.path().join("aside");
            let moved = std::fs::rename(keys.join(away), &aside).is_ok();
            let error = notary(&other, &journal, settings(folder.path())).await.err().unwrap();
            assert!(matches!(error, SealError::AnotherRecord { .. }), "{away}: {error}");
            let text = error.to_string();
            assert!(text.contains("bulkhead record begin") && !text.contains('\n'), "{text}");
            if moved {
                std::fs::rename(&aside, keys.join(away)).unwrap();
            }
            assert_eq!(files(folder.path()), before, "{away}");
        }

        let anew = || {
            let (place, clock) = (other.place(), Clock::random_from(4_321, NOON));
            let by = Some(PersonId::new("alice").unwrap());
            Notary::begin_anew(journal.clone(), place, settings(folder.path()), clock, by, "the disk is lost")
        };
        let (begun, left) = anew().await.unwrap();
        begun.seal().await.unwrap();
        let reader = Reader::open(&other.place()).unwrap();
        let records = reader.query(&Query::default()).unwrap();
        let record = records.iter().find(|record| record.event == Some(Event::RecordBegun)).unwrap();
        assert_eq!(record.person.as_ref().map(PersonId::as_str), Some("alice"));
        assert_eq!(record.facts.text("old"), Some(sealed.checkpoint().origin.as_str()));
        assert_eq!(record.facts.text("key"), Some(sealed.key().to_string().as_str()));
        assert_eq!(record.facts.number("size"), Some(sealed.tree().size));
        assert_eq!(reader.content(record.seq).unwrap().unwrap()["reason"], "the disk is lost");
        // Nothing of the former is gone.
        let now = files(folder.path());
        assert_eq!(left.len(), 2);
        for (_, text) in &before {
            assert_eq!(now.iter().filter(|(name, there)| there == text && name.contains(".of-")).count(), 1);
        }
        assert!(matches!(anew().await.err().unwrap(), SealError::NothingFormer));
        drop(begun);
        journal.close().await.unwrap();
        assert!(verify(&other.place(), None).unwrap().ok);
    }
}
