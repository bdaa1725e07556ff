//! The notary: what it signs, what it refuses to sign, its key, its witnesses and where it publishes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use bulkhead_journal::checkpoint::{Checkpoint, CheckpointError, Keys, Sealed};
use bulkhead_journal::note::{MAX_SIGNATURES, SigningKey, VerifierKey};
use bulkhead_journal::read::{Query, Reader};
use bulkhead_journal::verify::verify;
use bulkhead_journal::{Event, Journal, Kind, MAX_SKEW_SECONDS, Notary, NotaryConfig, SealError};
use data_encoding::BASE64;
use sha2::Digest as _;

use crate::common::{Clock, NOON, draft, entry, fill};
use crate::kept::Kept;

pub(crate) fn settings(folder: &Path) -> NotaryConfig {
    NotaryConfig {
        folder: folder.join("keys"),
        origin: None,
        every_records: 4,
        every: Duration::from_millis(50),
        files: vec![],
        witnesses: vec![],
    }
}

pub(crate) async fn notary(
    kept: &Kept,
    journal: &Journal,
    settings: NotaryConfig,
) -> Result<Notary, SealError> {
    // Each notary draws keys of its own.
    let clock = Clock::random_from(std::process::id().into(), NOON);
    Notary::open(journal.clone(), kept.place(), settings, clock).await
}

/// The keys that the log's own record leads to.
fn keys(kept: &Kept) -> (String, Keys) {
    let reader = Reader::open(&kept.place()).unwrap();
    let origin = format!("bulkhead/{}", reader.log_id().unwrap());
    let keys = reader.trusted(&origin, None).unwrap().unwrap();
    (origin, keys)
}

pub(crate) fn events(kept: &Kept) -> Vec<Option<Event>> {
    let reader = Reader::open(&kept.place()).unwrap();
    reader.query(&Query::default()).unwrap().into_iter().map(|record| record.event).collect()
}

#[tokio::test]
async fn a_new_log_gets_a_key_of_its_own_and_checkpoints_that_verify() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        let one = notary(&kept, &journal, settings(folder.path())).await.unwrap();
        let mut newest = one.newest();
        assert!(newest.borrow_and_update().is_none());
        assert_eq!(events(&kept), [Some(Event::KeyMade)]);
        let mode = std::fs::metadata(folder.path().join("keys/record.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        fill(&journal, 300).await;
        let sealed = one.seal().await.unwrap();
        assert_eq!(sealed.tree(), journal.tree());
        assert!(newest.has_changed().unwrap());
        assert_eq!(newest.borrow_and_update().as_ref(), Some(&sealed));
        let (origin, keys) = keys(&kept);
        let reader = Reader::open(&kept.place()).unwrap();
        let stored = reader.newest_checkpoint().unwrap().unwrap();
        assert_eq!(Sealed::check(stored, &origin, &keys).unwrap(), *sealed);
        // Nothing new is no new checkpoint.
        assert_eq!(one.seal().await.unwrap(), sealed);
        assert!(!newest.has_changed().unwrap());
        // Asked for by a person, it is recorded, and the record is under it.
        let asked = one.seal_for(None).await.unwrap();
        assert_eq!((asked.tree().size, events(&kept).len()), (302, 302));
        assert_eq!(events(&kept).pop().unwrap(), Some(Event::CheckpointMade));

        for seq in [1, 2, 255, 256, 257, 301] {
            let proof = reader.inclusion(seq, &sealed).unwrap();
            assert!(proof.check(&keys).is_ok(), "{seq}");
        }
        assert!(
            reader.inclusion(302, &sealed).unwrap_err().to_string().contains("nothing to say of record 302")
        );
        assert!(reader.inclusion(0, &sealed).is_err());
        let consistency = reader.consistency(&sealed.tree(), &asked).unwrap();
        assert_eq!(consistency.check(&sealed, &keys).unwrap(), *asked);
        // The same folder and log again.
        drop(one);
        let again = notary(&kept, &journal, settings(folder.path())).await.unwrap();
        assert_eq!(again.newest().borrow().as_deref(), Some(&*asked));
        assert_eq!(again.seal().await.unwrap(), asked);
    }
}

#[tokio::test]
async fn a_checkpoint_is_made_when_it_is_due() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        let notary = Arc::new(notary(&kept, &journal, settings(folder.path())).await.unwrap());
        let mut newest = notary.newest();
        let keeping = tokio::spawn({
            let notary = Arc::clone(&notary);
            async move { notary.keep_sealing(|error| panic!("{error}")).await }
        });
        for more in [1, 5] {
            fill(&journal, more).await;
            let made = async {
                let size = journal.tree().size;
                newest
                    .wait_for(|newest| newest.as_ref().is_some_and(|newest| newest.tree().size == size))
                    .await
                    .map(drop)
            };
            tokio::time::timeout(Duration::from_secs(60), made).await.unwrap().unwrap();
        }
        keeping.abort();
    }
}

#[tokio::test]
async fn a_log_that_was_set_back_or_rebuilt_is_not_signed() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        drop(notary(&kept, &journal, settings(folder.path())).await.unwrap());
        fill(&journal, 10).await;
        journal.close().await.unwrap();
        let older = kept.copy();
        let journal = kept.open();
        let signing = notary(&kept, &journal, settings(folder.path())).await.unwrap();
        fill(&journal, 10).await;
        signing.seal().await.unwrap();
        drop(signing);
        journal.close().await.unwrap();

        // An older copy in its place: shorter, then with other records.
        let kept = older;
        let journal = kept.open();
        let refused = notary(&kept, &journal, settings(folder.path())).await.err().unwrap();
        assert!(refused.to_string().contains("(it is shorter)"), "{refused}");
        for number in 100..120 {
            drop(journal.append(entry(vec![draft(number)])).await.unwrap());
        }
        let refused = notary(&kept, &journal, settings(folder.path())).await.err().unwrap();
        assert!(refused.to_string().contains("(its records are others)"), "{refused}");
        assert!(refused.to_string().contains("keys/record.checkpoint"), "{refused}");
        // The way out that the sentence names.
        std::fs::remove_file(folder.path().join("keys/record.checkpoint")).unwrap();
        assert!(notary(&kept, &journal, settings(folder.path())).await.is_ok());
    }
}

#[tokio::test]
async fn a_change_of_keys_is_recorded_and_old_checkpoints_keep_verifying() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        let notary = notary(&kept, &journal, settings(folder.path())).await.unwrap();
        fill(&journal, 5).await;
        let first = notary.seal().await.unwrap();
        let rotated = notary.rotate(None).await.unwrap();
        assert_eq!(&rotated.old, first.key());
        assert_eq!(&rotated.new, rotated.sealed.key());
        fill(&journal, 5).await;
        let last = notary.seal().await.unwrap();
        let again = notary.rotate(None).await.unwrap();
        assert_eq!(again.old, rotated.new);
        assert_eq!(events(&kept).iter().filter(|event| **event == Some(Event::KeyRotated)).count(), 2);

        // From the first key alone to all of them, and back from the last.
        let reader = Reader::open(&kept.place()).unwrap();
        let (origin, newest) = keys(&kept);
        let from_first = reader.trusted(&origin, Some(first.key().clone())).unwrap().unwrap();
        for keys in [&newest, &from_first] {
            assert_eq!(keys.all().count(), 3);
            for sealed in [&first, &rotated.sealed, &last, &again.sealed] {
                assert!(Sealed::check(sealed.note().clone(), &origin, keys).is_ok());
            }
        }
        // The file holds the newest, and the key before is nowhere any more.
        let key: SigningKey = text(&folder.path().join("keys/record.key")).trim_end().parse().unwrap();
        assert_eq!(key.verifier(), &again.new);
        assert!(!folder.path().join("keys/record.key.next").exists());
    }
}

#[tokio::test]
async fn a_key_that_is_not_the_logs_is_refused_and_a_lost_one_is_replaced_openly() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        let first = notary(&kept, &journal, settings(folder.path())).await.unwrap();
        fill(&journal, 3).await;
        let sealed = first.seal().await.unwrap();
        drop(first);
        let key = folder.path().join("keys/record.key");
        let good = std::fs::read_to_string(&key).unwrap();
        let refused = |error: SealError| error.to_string();
        for (text, why) in [
            (good.replace("PRIVATE", "PUBLIC"), "cannot be used: a private key is"),
            (good.replacen("+KEY+bulkhead", "+KEY+bulkhear", 1), "does not fit its name"),
            (String::new(), "cannot be used: a private key is"),
        ] {
            std::fs::write(&key, text).unwrap();
            let error = refused(notary(&kept, &journal, settings(folder.path())).await.err().unwrap());
            assert!(error.contains(why) && !error.contains("PRIVATE+KEY+bulk"), "{error}");
        }
        // A crash after a change was recorded and before its key was put in place.
        std::fs::write(folder.path().join("keys/record.key.next"), &good).unwrap();
        std::fs::remove_file(&key).unwrap();
        drop(notary(&kept, &journal, settings(folder.path())).await.unwrap());
        assert_eq!(std::fs::read_to_string(&key).unwrap(), good);

        let clock = || Clock::random_from(9_999, NOON);
        let anew = || {
            let settings = settings(folder.path());
            Notary::open_without_key(journal.clone(), kept.place(), settings, clock(), None)
        };
        assert!(matches!(anew().await.err().unwrap(), SealError::KeyThere(_)));
        std::fs::remove_file(&key).unwrap();
        let error = notary(&kept, &journal, settings(folder.path())).await.err().unwrap();
        assert!(
            matches!(error, SealError::KeyLost { .. }) && error.to_string().contains("--lost"),
            "{error}"
        );
        let anew = anew().await.unwrap();
        let later = anew.seal().await.unwrap();
        assert_ne!(later.key(), sealed.key());
        // Whoever trusts the lost key has no reason to trust the new one.
        let reader = Reader::open(&kept.place()).unwrap();
        let origin = &sealed.checkpoint().origin;
        let old = reader.trusted(origin, Some(sealed.key().clone())).unwrap().unwrap();
        let error = Sealed::check(later.note().clone(), origin, &old).unwrap_err();
        assert!(matches!(error, CheckpointError::Distrust(_)), "{error}");
    }
}

fn keys_folder(folder: &Path) -> std::path::PathBuf {
    folder.join("keys")
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[tokio::test]
async fn a_gateway_signs_with_no_key_that_another_has_replaced() {
    for kept in Kept::both() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let journal = kept.open();
        let first = notary(&kept, &journal, settings(folder.path())).await.unwrap();
        fill(&journal, 3).await;
        first.seal().await.unwrap();
        // A second gateway of the same record, with the first one's key.
        let elsewhere = settings(other.path());
        let (here, there) =
            (keys_folder(folder.path()).join("record.key"), elsewhere.folder.join("record.key"));
        std::fs::create_dir(&elsewhere.folder).unwrap();
        std::fs::copy(&here, &there).unwrap();
        let second =
            Notary::open(journal.clone(), kept.place(), elsewhere.clone(), Clock::at(NOON)).await.unwrap();
        let old = text(&here);
        let rotated = first.rotate(None).await.unwrap();
        fill(&journal, 3).await;

        for _ in 0..2 {
            let refused = second.seal().await.unwrap_err();
            assert!(
                matches!(&refused, SealError::KeyLost { expected, .. } if **expected == rotated.new),
                "{refused}"
            );
        }
        assert!(verify(&kept.place(), None).unwrap().ok);
        std::fs::copy(&here, &there).unwrap();
        assert_eq!(second.seal().await.unwrap().key(), &rotated.new);
        // Its turn to replace the key, which is the log's third.
        let again = second.rotate(None).await.unwrap();
        assert_eq!(again.old, rotated.new);
        assert!(matches!(first.rotate(None).await.unwrap_err(), SealError::KeyLost { .. }));
        std::fs::copy(&there, &here).unwrap();
        fill(&journal, 1).await;
        assert_eq!(first.seal().await.unwrap().key(), &again.new);
        assert!(verify(&kept.place(), None).unwrap().ok);

        // A checkpoint by a key that was retired, as somebody makes who has kept it: everybody can start, and it is said.
        fill(&journal, 1).await;
        journal.flush().await.unwrap();
        let old: SigningKey = old.trim_end().parse().unwrap();
        let checkpoint = Checkpoint { origin: old.verifier().name().to_owned(), tree: journal.tree() };
        let (size, note) = (checkpoint.tree.size, checkpoint.sign([&old]).unwrap().to_string());
        kept.tamper(&format!("INSERT INTO checkpoint (size, number, note) VALUES ({size}, 1, '{note}')"));
        let started = notary(&kept, &journal, settings(folder.path())).await.unwrap();
        assert_eq!(events(&kept).pop().unwrap(), Some(Event::CheckpointDistrusted));
        let record = Reader::open(&kept.place()).unwrap().show(size + 1).unwrap().unwrap();
        assert_eq!(record.kind, Kind::Alert);
        assert_eq!(
            (record.facts.number("size"), record.facts.text("key")),
            (Some(size), Some(&*old.verifier().to_string()))
        );
        assert_eq!(started.seal().await.unwrap().key(), &again.new);
        let report = verify(&kept.place(), None).unwrap();
        assert!(report.first_bad.unwrap().to_string().contains("retired"));
    }
}

#[tokio::test]
async fn a_change_of_keys_that_is_recorded_holds_whatever_becomes_of_the_files() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        let notary = notary(&kept, &journal, settings(folder.path())).await.unwrap();
        fill(&journal, 3).await;
        let first = notary.seal().await.unwrap();
        // Nothing can be put in the key's place.
        let key = keys_folder(folder.path()).join("record.key");
        std::fs::remove_file(&key).unwrap();
        std::fs::create_dir_all(key.join("in-the-way")).unwrap();
        assert!(matches!(notary.rotate(None).await.unwrap_err(), SealError::File { .. }));
        fill(&journal, 3).await;
        let second = notary.seal().await.unwrap();
        assert_ne!(second.key(), first.key());
        assert!(verify(&kept.place(), None).unwrap().ok);
        // As long as its only copy cannot be saved, no other is made.
        let next = keys_folder(folder.path()).join("record.key.next");
        let only = text(&next);
        assert!(notary.rotate(None).await.is_err());
        assert_eq!(text(&next), only);
        std::fs::remove_dir_all(&key).unwrap();
        let third = notary.rotate(None).await.unwrap();
        assert_eq!(&third.old, second.key());
        fill(&journal, 1).await;
        assert_eq!(notary.seal().await.unwrap().key(), &third.new);
        assert!(verify(&kept.place(), None).unwrap().ok);
        assert!(journal.healthy().is_ok());
    }
}

#[tokio::test]
async fn what_was_set_back_is_said_before_a_key_is_called_lost_and_no_key_is_destroyed() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        drop(notary(&kept, &journal, settings(folder.path())).await.unwrap());
        fill(&journal, 3).await;
        journal.close().await.unwrap();
        let older = kept.copy();
        let journal = kept.open();
        let (clock, settings) = (Clock::random_from(7_777, NOON), || settings(folder.path()));
        let signing = Notary::open(journal.clone(), kept.place(), settings(), clock).await.unwrap();
        signing.rotate(None).await.unwrap();
        drop(signing);
        journal.close().await.unwrap();

        // The database from before the change: its newest key is the one before.
        let kept = older;
        let journal = kept.open();
        let keys = keys_folder(folder.path());
        let (key, live) = (keys.join("record.key"), text(&keys.join("record.key")));
        let anew = || {
            let clock = Clock::random_from(9_999, NOON);
            Notary::open_without_key(journal.clone(), kept.place(), settings(), clock, None)
        };
        let refused = notary(&kept, &journal, settings()).await.err().unwrap();
        assert!(matches!(refused, SealError::NotContinued { .. }), "{refused}");
        let refused = anew().await.err().unwrap();
        assert!(matches!(refused, SealError::NotContinued { .. }), "{refused}");
        assert_eq!(text(&key), live);

        // Somebody decided. A key that cannot be read is not lost for that.
        std::fs::remove_file(keys.join("record.checkpoint")).unwrap();
        let aside = keys.join("aside");
        std::fs::rename(&key, &aside).unwrap();
        std::fs::create_dir(&key).unwrap();
        let refused = anew().await.err().unwrap();
        assert!(matches!(refused, SealError::File { .. }), "{refused}");
        std::fs::remove_dir(&key).unwrap();
        std::fs::rename(&aside, &key).unwrap();
        let refused = notary(&kept, &journal, settings()).await.err().unwrap();
        assert!(matches!(refused, SealError::KeyLost { .. }), "{refused}");
        let signing = anew().await.unwrap();
        fill(&journal, 1).await;
        signing.seal().await.unwrap();
        assert_ne!(text(&key), live);
        let files = std::fs::read_dir(&keys).unwrap().map(|file| file.unwrap().path());
        assert_eq!(files.filter(|file| text(file) == live).count(), 1, "it is still there, aside");
        assert!(verify(&kept.place(), None).unwrap().ok);
    }
}

/// A witness, made by hand as `tlog-cosignature` says.
pub(crate) struct Witness {
    pair: Ed25519KeyPair,
    pub(crate) key: VerifierKey,
}

impl Witness {
    pub(crate) fn new(name: &str, seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let bytes = [&[4], pair.public_key().as_ref()].concat();
        let id = sha2::Sha256::digest([name.as_bytes(), b"\n", &bytes].concat());
        let id = data_encoding::HEXLOWER.encode(&id[..4]);
        let key = format!("{name}+{id}+{}", BASE64.encode(&bytes)).parse().unwrap();
        Self { pair, key }
    }

    /// The line for a checkpoint's text.
    pub(crate) fn line(&self, text: &str, time: u64) -> String {
        let said = format!("cosignature/v1\ntime {time}\n{text}");
        let text = self.key.to_string();
        let id = data_encoding::HEXLOWER.decode(text.split('+').nth(1).unwrap().as_bytes()).unwrap();
        let signature = self.pair.sign(said.as_bytes());
        let bytes = [&id, time.to_be_bytes().as_slice(), signature.as_ref()].concat();
        format!("\u{2014} {} {}\n", self.key.name(), BASE64.encode(&bytes))
    }
}

#[tokio::test]
async fn a_witnesss_cosignature_is_checked_stored_and_published() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        let (one, stranger) = (Witness::new("witness.example/1", 1), Witness::new("witness.example/2", 2));
        let published = folder.path().join("published");
        let settings = NotaryConfig {
            witnesses: vec![one.key.clone()],
            files: vec![published.clone()],
            ..settings(folder.path())
        };
        let notary = notary(&kept, &journal, settings).await.unwrap();
        let sealed = notary.seal().await.unwrap();
        let text = sealed.note().text().to_owned();

        let cosigned = notary.cosign(&one.line(&text, 1_790_000_000), None).await.unwrap();
        assert_eq!(cosigned.witnesses(std::slice::from_ref(&one.key)).unwrap(), [(&one.key, 1_790_000_000)]);
        assert_eq!(std::fs::read_to_string(&published).unwrap(), cosigned.note().to_string());
        assert_eq!(events(&kept).pop().unwrap(), Some(Event::CheckpointCosigned));
        let reader = Reader::open(&kept.place()).unwrap();
        assert_eq!(reader.checkpoint_at(sealed.tree().size).unwrap().as_ref(), Some(cosigned.note()));
        assert_eq!(notary.newest().borrow().as_ref(), Some(&cosigned));

        let error = notary.cosign(&stranger.line(&text, 1), None).await.unwrap_err().to_string();
        assert!(error.contains("of no witness"), "{error}");

        // A whole note, of an older checkpoint, with a stranger's line that is not taken.
        fill(&journal, 1).await;
        let newer = notary.seal().await.unwrap();
        let note = format!("{}{}{}", sealed.note(), one.line(&text, 1_790_000_001), stranger.line(&text, 1));
        let older = notary.cosign(&note, None).await.unwrap();
        assert!(!older.note().to_string().contains("witness.example/2"));
        assert_eq!(
            notary.newest().borrow().as_ref(),
            Some(&newer),
            "an older one does not become the newest"
        );

        // The record has a cosignature of it, which says nothing for what a stranger sends.
        let before = events(&kept).len();
        let error =
            notary.cosign(&format!("{}{}", sealed.note(), stranger.line(&text, 1)), None).await.unwrap_err();
        assert!(error.to_string().contains("of no witness"), "{error}");
        // The same once more is taken and is nothing new.
        assert_eq!(notary.cosign(&note, None).await.unwrap(), older);
        assert_eq!(events(&kept).len(), before);
        let (newer_text, now) = (newer.note().text(), u64::try_from(NOON).unwrap());
        for (sent, why) in [
            (stranger.line(newer_text, 1), "of no witness that the settings name"),
            (one.line(&text, 1), "does not hold"),
            // No clock says so yet.
            (one.line(newer_text, now + MAX_SKEW_SECONDS + 1), "one of the two clocks is wrong"),
            (
                format!("{}{}", one.line(newer_text, u64::MAX >> 1), one.line(newer_text, now)),
                "clocks is wrong",
            ),
            (format!("{newer_text}x\n\n{}", one.line(newer_text, 1)), "has made no such checkpoint"),
            (newer.note().to_string().replace("\nAA", "\nAB"), "of no witness"),
            ("nonsense".to_owned(), "not a signed note"),
            (String::new(), "not a signed note"),
            ("\u{2014} witness.example/1 AAAA\n".to_owned(), "line 1"),
        ] {
            let error = notary.cosign(&sent, None).await.unwrap_err().to_string();
            assert!(error.contains(why), "{sent:?}: {error}");
        }
    }
}

#[tokio::test]
async fn what_a_witness_answers_has_one_signature_of_its_own_and_is_not_blamed_for_the_record() {
    for kept in Kept::both() {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        let (one, stranger) = (Witness::new("witness.example/1", 1), Witness::new("witness.example/2", 2));
        let settings = NotaryConfig { witnesses: vec![one.key.clone()], ..settings(folder.path()) };
        let notary = notary(&kept, &journal, settings).await.unwrap();
        fill(&journal, 3).await;
        let sealed = notary.seal().await.unwrap();
        let (text, now) = (sealed.note().text(), u64::try_from(NOON).unwrap());
        let line = |time| one.line(text, time);

        // An arbitrary time before a fitting one would be kept beside it.
        for lines in [format!("{}{}", line(1), line(now)), format!("{}{}", line(now), line(now + 1))] {
            let refused = notary.cosigned_by(&one.key, &sealed, &lines).await.unwrap_err();
            assert!(matches!(&refused, SealError::Cosignature(why) if why.contains("several")), "{refused}");
        }
        let reader = Reader::open(&kept.place()).unwrap();
        assert_eq!(reader.checkpoint_at(sealed.tree().size).unwrap().as_ref(), Some(sealed.note()));

        // Nothing that it sends makes up for a checkpoint that the record does not have, or one with no room.
        let (tree, key) = (sealed.tree(), text_of_key(folder.path()));
        let tree = bulkhead_journal::merkle::TreeHead { size: tree.size - 1, ..tree };
        let other = Checkpoint { origin: sealed.checkpoint().origin.clone(), tree }.sign([&key]).unwrap();
        let (origin, keys) = keys(&kept);
        let other = Sealed::check(other, &origin, &keys).unwrap();
        let lines = one.line(other.note().text(), now);
        let refused = notary.cosigned_by(&one.key, &other, &lines).await.unwrap_err();
        assert!(matches!(refused, SealError::Cosigning(_)), "{refused}");
        let most = u64::try_from(MAX_SIGNATURES).unwrap();
        let full: String = (1..most).map(line).collect();
        notary.cosign(&full, None).await.unwrap();
        let refused = notary.cosigned_by(&one.key, &sealed, &line(now)).await.unwrap_err();
        assert!(matches!(refused, SealError::Cosigning(_)), "{refused}");

        // One, among those of others and said twice, is taken.
        fill(&journal, 1).await;
        let sealed = notary.seal().await.unwrap();
        let text = sealed.note().text();
        let lines = format!("{}{}{}", stranger.line(text, 1), one.line(text, now), one.line(text, now));
        assert_eq!(notary.cosigned_by(&one.key, &sealed, &lines).await.unwrap(), now);
    }
}

/// The log's key, as its file has it.
fn text_of_key(folder: &Path) -> SigningKey {
    text(&folder.join("keys/record.key")).trim_end().parse().unwrap()
}
