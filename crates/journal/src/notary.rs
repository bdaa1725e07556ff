//! Who signs the log: makes checkpoints of it when they are due, keeps the key, and puts each checkpoint where it
//! is to be published. It never signs what does not continue what it signed before.

mod begin;
mod files;
mod publish;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::Instant;
use vocab::{Ambient, Digest, PersonId};

use self::begin::seed;
use self::files::KeyFiles;
use self::publish::Publisher;
use crate::checkpoint::{Checkpoint, CheckpointError, Keys, Rotation, Sealed};
use crate::entry::{Draft, Kind};
use crate::event::{Event, Facts};
use crate::journal::{AppendError, Journal};
use crate::merkle::TreeHead;
use crate::note::{self, Distrust, KeyError, Note, NoteError, SigningKey, VerifierKey};
use crate::place::Place;
use crate::read::{ReadError, Reader};
use crate::stored::Stored;

/// How often it looks whether a checkpoint is due.
const TICK: Duration = Duration::from_secs(2);

/// What a notary is told by the settings.
#[derive(Debug, Clone)]
pub struct NotaryConfig {
    /// The folder of the key, `record.key`, and of the last checkpoint that was signed with it.
    pub folder: PathBuf,
    /// The log's name; `bulkhead/LOG-ID` when there is none.
    pub origin: Option<String>,
    /// A checkpoint is due after so many records.
    pub every_records: u64,
    /// A checkpoint is due after so long, when there is something new.
    pub every: Duration,
    /// Files that have the newest checkpoint; beside each, `.history` has all of them.
    pub files: Vec<PathBuf>,
    /// The witnesses whose cosignatures are taken in.
    pub witnesses: Vec<VerifierKey>,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The journal does not take the checkpoint.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A name that no key can have, or a key's file that holds none.
    #[error("the record's key `{path}` cannot be used: {why}", path = .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: KeyError,
    },
    /// The home's key is not the log's.
    #[error(
        "the record's key is `{expected}` and `{path}` does not hold it: put it back, or begin with a new one by `bulkhead audit key rotate --lost`", path = .path.display()
    )]
    KeyLost {
        /// The newest key of the log.
        expected: Box<VerifierKey>,
        /// Where it should be.
        path: PathBuf,
    },
    /// The settings call the log by another name than its checkpoints do.
    #[error(
        "the record is called `{is}` in its checkpoints and the settings call it `{said}`: a record keeps its name, so write `origin = \"{is}\"` under `[checkpoint]`"
    )]
    Renamed {
        /// Its name.
        is: String,
        /// What the settings say.
        said: String,
    },
    /// There is no reason to give the key up.
    #[error(
        "the record's key `{0}` is in its place: replace it with `bulkhead audit key rotate`, without `--lost`"
    )]
    KeyThere(Box<VerifierKey>),
    /// A file cannot be read or written.
    #[error("`{path}` cannot be used for the record's checkpoints: {why}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The log is not the one that was signed before.
    #[error(
        "the record does not continue the checkpoint that was signed last, at {signed} records ({why}): the database was changed or set back to an older copy; bring the newer one back, or, when it is lost, move `{path}` away and tell those who hold checkpoints", path = .path.display()
    )]
    NotContinued {
        /// The size of the checkpoint.
        signed: u64,
        /// What does not fit.
        why: &'static str,
        /// Where that checkpoint is.
        path: PathBuf,
    },
    /// A note that is no checkpoint of this log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What a witness sent.
    #[error("the cosignature cannot be taken in: {0}")]
    Cosignature(String),
    /// A thread did not end well.
    #[error("the notary's thread did not end well: {0}")]
    Thread(String),
}

/// A change of the log's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The key until then.
    pub old: VerifierKey,
    /// The key from then on.
    pub new: VerifierKey,
    /// The first checkpoint that the new key signed.
    pub sealed: Arc<Sealed>,
}

/// The notary of one log.
pub struct Notary {
    base: Base,
    origin: String,
    files: KeyFiles,
    held: Mutex<Held>,
    newest: watch::Sender<Option<Arc<Sealed>>>,
}

/// What it is given.
struct Base {
    journal: Journal,
    place: Place,
    config: NotaryConfig,
    ambient: Arc<dyn Ambient>,
}

struct Held {
    key: SigningKey,
    keys: Keys,
    /// How many keys the log has had.
    number: u64,
    publisher: Publisher,
    since: Instant,
}

impl Notary {
    /// The newest checkpoint, now and whenever there is another.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<Option<Arc<Sealed>>> {
        self.newest.subscribe()
    }

    /// Signs the log as it is, unless nothing has been recorded since the newest checkpoint; gives the newest.
    ///
    /// # Errors
    /// When it cannot be recorded, or the log does not continue what was signed before.
    pub async fn seal(&self) -> Result<Arc<Sealed>, SealError> {
        let mut held = self.held.lock().await;
        self.seal_with(&mut held).await
    }

    /// The same, because `by` asked for it, which is recorded first.
    ///
    /// # Errors
    /// As [`Notary::seal`].
    pub async fn seal_for(&self, by: Option<PersonId>) -> Result<Arc<Sealed>, SealError> {
        let mut held = self.held.lock().await;
        let size = self.base.journal.head().records.saturating_add(1);
        let draft = Draft::of_event(Kind::Admin, Event::CheckpointMade, Facts::new().with("size", size));
        self.base.journal.store(vec![Draft { person: by, ..draft }], vec![]).await?;
        self.seal_with(&mut held).await
    }

    async fn seal_with(&self, held: &mut MutexGuard<'_, Held>) -> Result<Arc<Sealed>, SealError> {
        self.base.journal.flush().await?;
        let tree = self.base.journal.tree();
        let newest = self.newest.borrow().clone();
        if let Some(newest) = newest.filter(|newest| newest.tree() == tree) {
            self.publish(held, None).await;
            return Ok(newest);
        }
        self.must_continue().await?;
        let checkpoint = Checkpoint { origin: self.origin.clone(), tree };
        let note = checkpoint.sign([&held.key]).map_err(CheckpointError::Note)?;
        self.keep(held, note, vec![]).await
    }

    /// Stores a checkpoint, then publishes it.
    async fn keep(
        &self,
        held: &mut MutexGuard<'_, Held>,
        note: Note,
        records: Vec<Draft>,
    ) -> Result<Arc<Sealed>, SealError> {
        let sealed = Arc::new(Sealed::check(note, &self.origin, &held.keys)?);
        let (size, text) = (sealed.tree().size, sealed.note().to_string());
        self.base.journal.store(records, vec![Stored::Checkpoint { size, note: text }]).await?;
        if self.newest.borrow().as_ref().is_none_or(|newest| newest.tree().size <= size) {
            self.files.remember(&sealed)?;
            self.newest.send_replace(Some(Arc::clone(&sealed)));
            held.since = Instant::now();
            self.publish(held, Some(&sealed)).await;
        }
        Ok(sealed)
    }

    /// Puts checkpoints where they are to be published. That a place cannot be reached is recorded once, and tried
    /// again with the next.
    async fn publish(&self, held: &mut Held, sealed: Option<&Arc<Sealed>>) {
        for fault in held.publisher.publish(sealed) {
            let facts = Facts::new().with("place", fault.path.display().to_string());
            let mut draft = Draft::of_event(Kind::Alert, Event::PublishingFailed, facts);
            draft.payload = serde_json::json!({ "text": fault.to_string() });
            if self.base.journal.store(vec![draft], vec![]).await.is_err() {
                // The journal says itself what it lacks, to everyone who asks whether it is healthy.
            }
        }
    }

    /// Where the newest checkpoint is not published, with the reason.
    pub async fn unpublished(&self) -> Vec<String> {
        self.held.lock().await.publisher.faults()
    }

    /// Whether the log begins with what was signed last.
    async fn must_continue(&self) -> Result<(), SealError> {
        let remembered = self.files.remembered(&self.origin)?;
        let newest = self.newest.borrow().as_ref().map(|newest| newest.tree());
        let trees: Vec<TreeHead> = remembered.into_iter().chain(newest).collect();
        let (place, path) = (self.base.place.clone(), self.files.checkpoint().to_owned());
        let looked = tokio::task::spawn_blocking(move || {
            trees.iter().try_for_each(|tree| begins(&place, tree, &path))
        });
        looked.await.map_err(|error| SealError::Thread(error.to_string()))?
    }

    /// Takes in a witness's cosignature: a note with it, or its line alone, which is then for the newest checkpoint.
    ///
    /// # Errors
    /// When no witness of the settings has signed a checkpoint of this log with it.
    pub async fn cosign(&self, text: &str, by: Option<PersonId>) -> Result<Arc<Sealed>, SealError> {
        let refused = |why: &dyn std::error::Error| SealError::Cosignature(why.to_string());
        let mut held = self.held.lock().await;
        let (of, signatures) = match text.parse::<Note>() {
            Ok(note) => (Some(note.clone()), note.signatures().to_vec()),
            Err(NoteError::Form) => (None, note::signatures(text).map_err(|error| refused(&error))?),
            Err(error) => return Err(refused(&error)),
        };
        let mut stored = self.stored(of.as_ref())?;
        let known: Vec<&VerifierKey> = self.base.config.witnesses.iter().collect();
        let mut with = stored.clone();
        with.add(&signatures).map_err(|error| refused(&error))?;
        let mut facts = None;
        for witness in known {
            match with.check(witness) {
                Ok(time) => {
                    stored.add(&with.by(witness)).map_err(|error| refused(&error))?;
                    let time = time.unwrap_or_default();
                    facts = Some(Facts::new().with("witness", witness.to_string()).with("time", time));
                }
                Err(Distrust::Unsigned(_)) => {}
                Err(forged) => return Err(refused(&forged)),
            }
        }
        let facts = facts.ok_or_else(|| {
            SealError::Cosignature(
                "it is of no witness that the settings name; name it under `[checkpoint]` as one of `witnesses`".into(),
            )
        })?;
        let size = Checkpoint::read(&stored)?.tree.size;
        let draft = Draft::of_event(Kind::Admin, Event::CheckpointCosigned, facts.with("size", size));
        self.keep(&mut held, stored, vec![Draft { person: by, ..draft }]).await
    }

    /// The stored checkpoint with the text of `of`, or the newest.
    fn stored(&self, of: Option<&Note>) -> Result<Note, SealError> {
        let newest = self.newest.borrow().clone();
        let found = match of {
            None => newest.map(|newest| newest.note().clone()),
            Some(note) => Reader::open(&self.base.place)?.checkpoint_at(Checkpoint::read(note)?.tree.size)?,
        };
        let fits = |note: &Note| of.is_none_or(|of| of.text() == note.text());
        found.filter(fits).ok_or_else(|| {
            SealError::Cosignature("it is of no checkpoint that this record has made".to_owned())
        })
    }

    /// Replaces the key; both keys sign that. The old one signs the log once more before it goes.
    ///
    /// # Errors
    /// When it cannot be recorded, or the new key cannot be kept.
    pub async fn rotate(&self, by: Option<PersonId>) -> Result<Rotated, SealError> {
        let mut held = self.held.lock().await;
        let last = self.seal_with(&mut held).await?;
        let new = self.files.make_next(&self.origin, seed(self.base.ambient.as_ref()))?;
        let size = last.tree().size;
        let change = Rotation::sign(&self.origin, size, &held.key, &new).map_err(CheckpointError::Note)?;
        let (old, verifier) = (held.key.verifier().clone(), new.verifier().clone());
        let number = held.number.saturating_add(1);
        let text = change.to_string();
        let facts =
            Facts::new().with("size", size).with("old", old.to_string()).with("new", verifier.to_string());
        let draft = Draft { person: by, ..Draft::of_event(Kind::Admin, Event::KeyRotated, facts) };
        let row = Stored::Key { number, verifier: verifier.to_string(), change: Some(text) };
        self.base.journal.store(vec![draft], vec![row]).await?;
        self.files.replace()?;
        let mut changes: Vec<Note> = held.keys.changes().to_vec();
        changes.push(change);
        held.keys = Keys::from_changes(verifier.clone(), &self.origin, &changes)
            .map_err(|error| ReadError::Kept(error.to_string()))?;
        (held.key, held.number) = (new, number);
        let sealed = self.seal_with(&mut held).await?;
        Ok(Rotated { old, new: verifier, sealed })
    }

    /// Signs whenever a checkpoint is due, for as long as it is polled. `failed` hears why one was not made.
    pub async fn keep_sealing(&self, failed: impl Fn(&SealError)) {
        loop {
            tokio::time::sleep(TICK.min(self.base.config.every)).await;
            if self.is_due().await
                && let Err(error) = self.seal().await
            {
                failed(&error);
                tokio::time::sleep(self.base.config.every.max(TICK)).await;
            }
        }
    }

    async fn is_due(&self) -> bool {
        let held = self.held.lock().await;
        let signed = self.newest.borrow().as_ref().map_or(0, |newest| newest.tree().size);
        let fresh = self.base.journal.head().records.saturating_sub(signed);
        let late = fresh > 0 && held.since.elapsed() >= self.base.config.every;
        late || fresh >= self.base.config.every_records || held.publisher.is_behind()
    }
}

/// Whether the log at `place` begins with `tree`.
fn begins(place: &Place, tree: &TreeHead, path: &std::path::Path) -> Result<(), SealError> {
    let not = |why: &'static str| SealError::NotContinued { signed: tree.size, why, path: path.to_owned() };
    let reader = Reader::open(place)?;
    if reader.size()? < tree.size {
        return Err(not("it is shorter"));
    }
    if tree.size > 0 && reader.root(tree.size)? != tree.root {
        return Err(not("its records are others"));
    }
    if tree.size == 0 && tree.root != Digest::of(&[]) {
        return Err(not("its records are others"));
    }
    Ok(())
}
