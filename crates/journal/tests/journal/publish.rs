//! Where checkpoints are published: a place that is away, or does not answer, or holds something else.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bulkhead_journal::checkpoint::Sealed;
use bulkhead_journal::note::Note;
use bulkhead_journal::{Event, Journal, Notary, NotaryConfig};
use tokio::task::JoinHandle;

use crate::common::{Clock, NOON, fill};
use crate::kept::Kept;
use crate::notary::{Witness, events, notary, settings};

/// How long something may take that has to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long something is given that must not come: many times what it would take.
const A_WHILE: Duration = Duration::from_secs(1);

/// A home whose checkpoints go to `mount/checkpoint`; the mount is not there yet.
struct Home {
    folder: tempfile::TempDir,
    kept: Kept,
    journal: Journal,
}

impl Home {
    fn of(kept: Kept) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = kept.open();
        Self { folder, kept, journal }
    }

    /// One whose record is in SQLite, and one whose record is in PostgreSQL where that can be had.
    fn both() -> Vec<Self> {
        Kept::both().into_iter().map(Self::of).collect()
    }

    /// Another with its record in a database of the same kind.
    fn another(&self) -> Self {
        if self.kept.is_sqlite() {
            return Self::of(Kept::sqlite());
        }
        Self::of(Kept::postgres().unwrap())
    }

    fn mount(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    fn file(&self) -> PathBuf {
        self.mount().join("checkpoint")
    }

    fn history(&self) -> PathBuf {
        self.mount().join("checkpoint.history")
    }

    async fn notary(&self) -> Arc<Notary> {
        let settings = NotaryConfig { files: vec![self.file()], ..settings(self.folder.path()) };
        Arc::new(notary(&self.kept, &self.journal, settings).await.unwrap())
    }

    async fn sealed(&self, notary: &Notary) -> Arc<Sealed> {
        fill(&self.journal, 1).await;
        notary.seal().await.unwrap()
    }
}

fn kept(notary: &Arc<Notary>) -> JoinHandle<()> {
    let notary = Arc::clone(notary);
    tokio::spawn(async move { notary.keep_sealing(|error| panic!("{error}")).await })
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn one_after_the_other<'a>(all: impl IntoIterator<Item = &'a Arc<Sealed>>) -> String {
    all.into_iter().map(|sealed| format!("{}\n", sealed.note())).collect()
}

/// Waits until `file` has `wanted`.
async fn gets(file: &Path, wanted: &str) {
    let got = async {
        while fs::read_to_string(file).ok().as_deref() != Some(wanted) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let got = tokio::time::timeout(PATIENCE, got).await;
    assert!(got.is_ok(), "{}: {:?}", file.display(), fs::read_to_string(file));
}

#[tokio::test]
async fn a_place_that_is_away_gets_all_it_missed_when_it_is_back() {
    for home in Home::both() {
        let notary = home.notary().await;
        let first = notary.seal().await.unwrap();
        assert!(notary.unpublished()[0].contains("cannot be published"));
        assert_eq!(events(&home.kept).pop().unwrap(), Some(Event::PublishingFailed));
        let second = notary.seal().await.unwrap();
        let alerts = || {
            let events = events(&home.kept);
            events.iter().filter(|event| **event == Some(Event::PublishingFailed)).count()
        };
        assert_eq!(alerts(), 1, "it is said once");

        // While it is away nothing is signed for that: what the notary records itself is nothing new.
        let keeping = kept(&notary);
        tokio::time::sleep(A_WHILE).await;
        assert_eq!(notary.newest().borrow().as_ref(), Some(&second));
        assert_eq!(alerts(), 1, "it is said once");
        fs::create_dir(home.mount()).unwrap();
        gets(&home.history(), &one_after_the_other([&first, &second])).await;
        gets(&home.file(), &second.note().to_string()).await;
        // Whoever publishes has gone to its end, too, and is not stopped on the way.
        let calm = async {
            while !notary.unpublished().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, calm).await.expect("it is still said to be away");
        keeping.abort();
        let third = home.sealed(&notary).await;
        assert!(notary.unpublished().is_empty());
        assert_eq!(text(&home.file()), third.note().to_string());
        assert_eq!(text(&home.history()), one_after_the_other([&first, &second, &third]));
    }
}

#[tokio::test]
async fn what_a_place_missed_is_not_forgotten_when_the_gateway_stops() {
    for home in Home::both() {
        let notary = home.notary().await;
        let mut all = vec![home.sealed(&notary).await, home.sealed(&notary).await];
        drop(notary);
        let notary = home.notary().await;
        all.push(home.sealed(&notary).await);
        drop(notary);
        fs::create_dir(home.mount()).unwrap();
        // Nothing new is recorded or signed.
        let notary = home.notary().await;
        let keeping = kept(&notary);
        gets(&home.history(), &one_after_the_other(&all)).await;
        gets(&home.file(), &all[2].note().to_string()).await;
        keeping.abort();
        assert_eq!(notary.newest().borrow().as_ref(), all.last());
    }
}

#[tokio::test]
async fn a_history_has_each_checkpoint_once_and_no_part_of_one() {
    for home in Home::both() {
        let notary = home.notary().await;
        // The newest cannot be put there, again and again.
        fs::create_dir_all(home.file().join("in-the-way")).unwrap();
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(home.sealed(&notary).await);
            assert_eq!(notary.unpublished().len(), 1);
        }
        fs::remove_dir_all(home.file()).unwrap();
        all.push(home.sealed(&notary).await);
        assert_eq!(text(&home.history()), one_after_the_other(&all));

        // A crash in the middle of a note, wherever that was.
        for cut in [1, 2, 20, 100] {
            let whole = text(&home.history());
            let next = home.sealed(&notary).await;
            let note = format!("{}\n", next.note());
            let (part, _) = note.split_at(note.char_indices().nth(cut).unwrap().0);
            fs::write(home.history(), format!("{whole}{part}")).unwrap();
            all.push(next);
            all.push(home.sealed(&notary).await);
            assert_eq!(text(&home.history()), one_after_the_other(&all), "{cut}");
            assert_eq!(Note::all(&text(&home.history())).unwrap().len(), all.len());
        }
    }
}

#[tokio::test]
async fn what_is_not_this_records_history_is_left_alone_and_said() {
    for home in Home::both() {
        let notary = home.notary().await;
        let other = home.another();
        fs::create_dir(other.mount()).unwrap();
        fill(&other.journal, 7).await;
        other.sealed(&*other.notary().await).await;
        fs::create_dir(home.mount()).unwrap();
        // Beside what another record has left, nothing is put that would hide it.
        fs::write(home.history(), text(&other.history())).unwrap();
        home.sealed(&notary).await;
        let fault = notary.unpublished().pop().unwrap();
        assert!(fault.contains("is not one of this record") && fault.contains("move it away"), "{fault}");
        assert!(!home.file().exists());
        for (there, why) in [
            ("a diary\n".to_owned(), "its end is no checkpoint"),
            ("a diary\n\n\u{2014} of AAAAAAA=\n\n".to_owned(), "its last note is no checkpoint"),
            ("\n\n".repeat(200_000), "its end is no checkpoint"),
        ] {
            fs::write(home.history(), &there).unwrap();
            let sealed = home.sealed(&notary).await;
            let fault = notary.unpublished().pop().unwrap();
            assert!(fault.contains(why) && fault.contains("move it away"), "{fault}");
            assert_eq!(text(&home.history()), there);
            assert_eq!(text(&home.file()), sealed.note().to_string(), "the newest is there all the same");
        }
        fs::remove_file(home.history()).unwrap();
        home.sealed(&notary).await;
        assert!(notary.unpublished().is_empty());
        assert_eq!(Note::all(&text(&home.history())).unwrap().len(), 5);
    }
}

#[tokio::test]
async fn a_checkpoint_with_which_the_record_does_not_begin_is_not_overwritten() {
    for home in Home::both() {
        fs::create_dir(home.mount()).unwrap();
        let early = home.notary().await;
        home.sealed(&early).await;
        drop(early);
        home.journal.close().await.unwrap();
        let older = home.kept.copy();
        let Home { folder, kept: record, .. } = home;
        let home = Home { folder, journal: record.open(), kept: record };
        let notary = home.notary().await;
        for _ in 0..5 {
            home.sealed(&notary).await;
        }
        drop(notary);
        let there = (text(&home.file()), text(&home.history()));
        let left = |fault: &str, why: &str| {
            assert!(
                fault.contains(why) && fault.contains("left as it is") && !fault.contains('\n'),
                "{fault}"
            );
            assert_eq!((text(&home.file()), text(&home.history())), there);
        };

        // Set back to an older copy, by somebody who has the home and took its own memory away.
        fs::remove_file(home.folder.path().join("keys/record.checkpoint")).unwrap();
        let settings = || NotaryConfig { files: vec![home.file()], ..settings(home.folder.path()) };
        let journal = older.open();
        let back = notary_of(&older, &journal, settings()).await;
        back.seal_for(None).await.unwrap();
        left(&back.unpublished()[0], "it was cut off, or set back to an older copy");
        assert_eq!(events(&older).pop().unwrap(), Some(Event::PublishingFailed));
        // It goes another way and has as many records at last.
        fill(&journal, 20).await;
        back.seal().await.unwrap();
        left(&back.unpublished()[0], "or is a copy that went another way");
        drop(back);
        journal.close().await.unwrap();

        // Built anew with another key, by the same name.
        let other = home.another();
        let origin = Some(text(&home.file()).lines().next().unwrap().to_owned());
        let settings =
            NotaryConfig { files: vec![home.file()], origin, ..self::settings(other.folder.path()) };
        let clock = Clock::random_from(987_654_321, NOON);
        let anew = Notary::open(other.journal.clone(), other.kept.place(), settings, clock).await.unwrap();
        fill(&other.journal, 30).await;
        anew.seal().await.unwrap();
        left(&anew.unpublished()[0], "is not signed by the key");
        // What is no checkpoint at all is somebody's own.
        fs::write(home.file(), "a diary\n").unwrap();
        fill(&other.journal, 1).await;
        anew.seal().await.unwrap();
        assert!(anew.unpublished()[0].contains("something that is no checkpoint"));
        assert_eq!(text(&home.file()), "a diary\n");

        // Whoever has looked moves it away, and the place is as good as new.
        fs::remove_dir_all(home.mount()).unwrap();
        fs::create_dir(home.mount()).unwrap();
        fill(&other.journal, 1).await;
        let sealed = anew.seal().await.unwrap();
        assert!(anew.unpublished().is_empty());
        assert_eq!(text(&home.file()), sealed.note().to_string());
    }
}

async fn notary_of(kept: &Kept, journal: &Journal, settings: NotaryConfig) -> Notary {
    notary(kept, journal, settings).await.unwrap()
}

#[tokio::test]
async fn a_place_that_does_not_answer_holds_nobody_up() {
    for home in Home::both() {
        let notary = home.notary().await;
        fs::create_dir(home.mount()).unwrap();
        // To open a pipe that nobody reads from takes for ever, as a file on a server that is gone.
        let pipe = home.mount().join("checkpoint.new");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        for _ in 0..3 {
            let sealed = tokio::time::timeout(PATIENCE, home.sealed(&notary)).await;
            assert!(sealed.is_ok(), "to sign waits for it");
            assert!(notary.unpublished()[0].contains("has not answered"));
        }
        tokio::time::timeout(PATIENCE, notary.rotate(None))
            .await
            .expect("to replace the key waits for it")
            .unwrap();
        let alerts = events(&home.kept);
        assert_eq!(alerts.iter().filter(|event| **event == Some(Event::PublishingFailed)).count(), 1);
        // It answers again: what hung is over, and all is published.
        let reader = tokio::task::spawn_blocking(move || fs::read(&pipe).map(|_| fs::remove_file(&pipe)));
        let newest = notary.newest().borrow().clone().unwrap();
        let keeping = kept(&notary);
        gets(&home.file(), &newest.note().to_string()).await;
        keeping.abort();
        drop(reader);
    }
}

#[tokio::test]
async fn an_idle_log_is_not_signed_again_for_its_witnesses() {
    for home in Home::both() {
        let Home { folder, kept: record, journal } = home;
        let witnesses = [Witness::new("witness.example/1", 1), Witness::new("witness.example/2", 2)];
        let known = witnesses.iter().map(|witness| witness.key.clone()).collect();
        // Every record makes a checkpoint due.
        let settings = NotaryConfig { witnesses: known, every_records: 1, ..settings(folder.path()) };
        let notary = Arc::new(notary(&record, &journal, settings).await.unwrap());
        let mut newest = notary.newest();
        let keeping = kept(&notary);
        for size in [1, 4] {
            let made =
                newest.wait_for(|newest| newest.as_ref().is_some_and(|newest| newest.tree().size == size));
            let made = tokio::time::timeout(PATIENCE, made).await.unwrap().unwrap().clone().unwrap();
            for witness in &witnesses {
                notary.cosign(&witness.line(made.note().text(), 1_790_000_000), None).await.unwrap();
            }
            tokio::time::sleep(A_WHILE).await;
            assert_eq!(newest.borrow_and_update().as_ref().unwrap().tree().size, size);
            fill(&journal, 1).await;
        }
        keeping.abort();
    }
}
