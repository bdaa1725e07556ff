//! Who signs the log: makes checkpoints of it when they are due, keeps the key, and puts each checkpoint where it
//! is to be published. It never signs what does not continue what it signed before.

mod anew;
mod begin;
mod files;
mod history;
mod publish;
mod witness;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use vocab::{Ambient, Digest, PersonId};

use self::files::KeyFiles;
pub use self::files::remains;
use self::publish::Publisher;
pub use self::witness::MAX_SKEW_SECONDS;
use crate::checkpoint::{Checkpoint, CheckpointError, Keys, Rotation, Sealed};
use crate::entry::{Draft, Kind};
use crate::event::{Event, Facts};
use crate::journal::{AppendError, Journal};
use crate::merkle::TreeHead;
use crate::note::{KeyError, Note, SigningKey, VerifierKey};
use crate::place::Place;
use crate::read::{KeptKey, Query, ReadError, Reader};
use crate::stored::Stored;

/// How often it looks whether a checkpoint is due.
const TICK: Duration = Duration::from_secs(2);

/// What follows a checkpoint by itself.
const OWN: [Event; 5] = [
    Event::CheckpointMade,
    Event::CheckpointCosigned,
    Event::PublishingFailed,
    Event::CheckpointContradicted,
    Event::CosignatureRefused,
];

/// How often something is signed anew because another gateway replaced the key, or signed the log, at the same moment.
const MAX_TRIES: u32 = 8;

/// So many records of that kind in a row make a checkpoint due like others.
const MAX_OWN: u32 = 256;

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
        "the record's key is `{expected}` and `{path}` does not hold it: put it back, copy it from another gateway of this record, or begin with a new one by `bulkhead audit key rotate --lost`", path = .path.display()
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
    /// The home wrote another record before.
    #[error(
        "`{path}` is of the record `{of}`, and the database has the record `{is}`: put the former database back, or have this home go on with the new record by `bulkhead record begin --reason WHY`", path = .path.display()
    )]
    AnotherRecord {
        /// What says so.
        path: PathBuf,
        /// The former record's name.
        of: String,
        /// The name of the one that there is.
        is: String,
    },
    /// There is no former record to leave.
    #[error(
        "this home has neither key nor checkpoint of another record, so there is nothing to begin anew: `bulkhead gateway start` goes on with the record that there is"
    )]
    NothingFormer,
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
    /// What the record keeps, so that whoever sent the cosignature can do nothing about it.
    #[error("the checkpoint cannot take in a cosignature: {0}")]
    Cosigning(String),
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
    publisher: Publisher,
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
    since: Instant,
    /// Up to this record there is nothing since the newest checkpoint but what the notary itself recorded.
    idle_until: u64,
}

impl Held {
    /// Signs with `key` from now on, to which `keys` lead; it is the log's key `number`.
    fn hold(&mut self, key: SigningKey, keys: Keys, number: u64) {
        (self.key, self.keys, self.number) = (key, keys, number);
    }
}

impl Notary {
    /// The newest checkpoint, now and whenever there is another.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<Option<Arc<Sealed>>> {
        self.newest.subscribe()
    }

    /// Signs the log as it is, unless nothing has been recorded since the newest checkpoint; gives the newest. A place to
    /// publish to that does not answer holds it up for some seconds and no longer.
    ///
    /// # Errors
    /// When it cannot be recorded, or the log does not continue what was signed before.
    pub async fn seal(&self) -> Result<Arc<Sealed>, SealError> {
        let sealed = self.seal_with(&mut *self.held.lock().await).await;
        self.publish().await;
        sealed
    }

    /// The same, because `by` asked for it, which is recorded first.
    ///
    /// # Errors
    /// As [`Notary::seal`].
    pub async fn seal_for(&self, by: Option<PersonId>) -> Result<Arc<Sealed>, SealError> {
        let sealed = self.ask_and_seal(&mut *self.held.lock().await, by).await;
        self.publish().await;
        sealed
    }

    async fn ask_and_seal(&self, held: &mut Held, by: Option<PersonId>) -> Result<Arc<Sealed>, SealError> {
        let size = self.base.journal.head().records.saturating_add(1);
        let draft = Draft::of_event(Kind::Admin, Event::CheckpointMade, Facts::new().with("size", size));
        self.base.journal.store(vec![Draft { person: by, ..draft }], vec![]).await?;
        self.seal_with(held).await
    }

    async fn seal_with(&self, held: &mut Held) -> Result<Arc<Sealed>, SealError> {
        for _ in 1..MAX_TRIES {
            match self.try_to_seal(held).await {
                Err(SealError::Append(AppendError::Replaced)) => {}
                sealed => return sealed,
            }
        }
        self.try_to_seal(held).await
    }

    async fn try_to_seal(&self, held: &mut Held) -> Result<Arc<Sealed>, SealError> {
        self.base.journal.flush().await?;
        self.keep_up(held).await?;
        let tree = self.base.journal.tree();
        let newest = self.newest.borrow().clone();
        if let Some(newest) = newest.filter(|newest| newest.tree() == tree) {
            return Ok(newest);
        }
        let checkpoint = Checkpoint { origin: self.origin.clone(), tree };
        let note = checkpoint.sign([&held.key]).map_err(CheckpointError::Note)?;
        let by = Some(held.number);
        self.keep(held, note, by, vec![]).await
    }

    /// Stores a checkpoint, which is to be published then, after the notary has been let go. When it is a new one, `by` is
    /// the number of its key, with which the record takes it only as long as that is the newest.
    async fn keep(
        &self,
        held: &mut Held,
        note: Note,
        by: Option<u64>,
        records: Vec<Draft>,
    ) -> Result<Arc<Sealed>, SealError> {
        let sealed = Arc::new(Sealed::check(note, &self.origin, &held.keys)?);
        let (size, text) = (sealed.tree().size, sealed.note().to_string());
        self.base.journal.store(records, vec![Stored::Checkpoint { size, note: text, by }]).await?;
        self.take_up(held, &sealed)?;
        Ok(sealed)
    }

    /// Has what is stored be the newest, unless there is a larger one.
    fn take_up(&self, held: &mut Held, sealed: &Arc<Sealed>) -> Result<(), SealError> {
        if self.newest.borrow().as_ref().is_none_or(|newest| newest.tree().size <= sealed.tree().size) {
            self.files.remember(sealed)?;
            self.newest.send_replace(Some(Arc::clone(sealed)));
            held.since = Instant::now();
            self.publisher.want(sealed);
        }
        Ok(())
    }

    /// Puts checkpoints where they are to be published. That a place cannot be reached is recorded once.
    async fn publish(&self) {
        for fault in self.publisher.publish().await {
            let facts = Facts::new().with("place", fault.path.display().to_string());
            let mut draft = Draft::of_event(Kind::Alert, Event::PublishingFailed, facts);
            draft.payload = serde_json::json!({ "text": fault.to_string() });
            if self.base.journal.store(vec![draft], vec![]).await.is_err() {
                // The journal says itself what it lacks, to everyone who asks whether it is healthy.
            }
        }
    }

    /// Where the newest checkpoint is not published, with the reason.
    #[must_use]
    pub fn unpublished(&self) -> Vec<String> {
        self.publisher.faults()
    }

    /// Looks whether the log begins with what was signed last, and takes up its newest key: another gateway on the same
    /// record may have replaced it, and a change that this one made may be in although nobody could say so then. To be
    /// called after a flush, when nothing is on its way any more.
    async fn keep_up(&self, held: &mut Held) -> Result<(), SealError> {
        let newest = self.newest.borrow().as_ref().map(|newest| newest.tree());
        let kept = look(&self.base, &self.files, &self.origin, newest).await?;
        let number = kept.len() as u64;
        let Some(last) = kept.last().filter(|last| last.key != *held.key.verifier()) else { return Ok(()) };
        let key = self.files.take_up(&last.key)?;
        let keys = lead_to(key.verifier(), &self.origin, kept)?;
        held.hold(key, keys, number);
        Ok(())
    }

    /// Replaces the key; both keys sign that. The old one signs the log once more before it goes.
    ///
    /// # Errors
    /// When it cannot be recorded, or the new key cannot be put in its place. It may be recorded then; the next
    /// checkpoint is signed by the key that the record names.
    pub async fn rotate(&self, by: Option<PersonId>) -> Result<Rotated, SealError> {
        let rotated = self.rotate_with(&mut *self.held.lock().await, by).await;
        self.publish().await;
        rotated
    }

    async fn rotate_with(&self, held: &mut Held, by: Option<PersonId>) -> Result<Rotated, SealError> {
        for _ in 1..MAX_TRIES {
            match self.try_to_rotate(held, by.clone()).await {
                Err(SealError::Append(AppendError::Replaced)) => {}
                rotated => return rotated,
            }
        }
        self.try_to_rotate(held, by).await
    }

    async fn try_to_rotate(&self, held: &mut Held, by: Option<PersonId>) -> Result<Rotated, SealError> {
        let last = self.seal_with(held).await?;
        let (old, size) = (held.key.verifier().clone(), last.tree().size);
        let new = self.files.make_next(&self.origin, &old, self.base.ambient.salt())?;
        let verifier = new.verifier().clone();
        let change = Rotation::sign(&self.origin, size, &held.key, &new).map_err(CheckpointError::Note)?;
        let number = held.number.saturating_add(1);
        let row = Stored::Key {
            number,
            verifier: verifier.to_string(),
            change: Some(change.to_string()),
            until: Some(size),
        };
        let changes: Vec<Note> = held.keys.changes().iter().cloned().chain([change]).collect();
        let keys = Keys::from_changes(verifier.clone(), &self.origin, &changes)
            .map_err(|error| ReadError::Kept(error.to_string()))?;
        let facts =
            Facts::new().with("size", size).with("old", old.to_string()).with("new", verifier.to_string());
        let draft = Draft { person: by, ..Draft::of_event(Kind::Admin, Event::KeyRotated, facts) };
        self.base.journal.store(vec![draft], vec![row]).await?;
        // From here on the old key signs nothing, whatever becomes of the files.
        held.hold(new, keys, number);
        self.files.replace()?;
        let sealed = self.seal_with(held).await?;
        Ok(Rotated { old, new: verifier, sealed })
    }

    /// Signs whenever a checkpoint is due, and publishes again where that failed, for as long as it is polled. `failed` hears
    /// why a checkpoint was not made.
    pub async fn keep_sealing(&self, failed: impl Fn(&SealError)) {
        let every = self.base.config.every;
        let mut not_before = Instant::now();
        loop {
            tokio::time::sleep(TICK.min(every)).await;
            if Instant::now() >= not_before && self.is_due().await {
                if let Err(error) = self.seal().await {
                    failed(&error);
                    not_before = Instant::now() + every.max(TICK);
                }
            } else if self.publisher.is_behind() {
                self.publish().await;
            }
        }
    }

    async fn is_due(&self) -> bool {
        let (from, late) = {
            let held = self.held.lock().await;
            let signed = self.newest.borrow().as_ref().map_or(0, |newest| newest.tree().size);
            (signed.max(held.idle_until), held.since.elapsed() >= self.base.config.every)
        };
        let fresh = self.base.journal.head().records.saturating_sub(from);
        if fresh == 0 || !(late || fresh >= self.base.config.every_records) {
            return false;
        }
        let place = self.base.place.clone();
        match tokio::task::spawn_blocking(move || only_own(&place, from)).await {
            Ok(Ok(Some(until))) => {
                let mut held = self.held.lock().await;
                held.idle_until = held.idle_until.max(until);
                false
            }
            Ok(Ok(None)) => true,
            // To sign needs a record that can be read, and says so.
            Ok(Err(_)) | Err(_) => true,
        }
    }
}

/// Whether what follows the record `from` is the notary's own, up to which record. A checkpoint of nothing else would have
/// its witnesses cosign it, which is recorded, and so on for ever.
fn only_own(place: &Place, from: u64) -> Result<Option<u64>, ReadError> {
    let query = Query { after: Some(from), limit: MAX_OWN, ..Query::default() };
    let page = Reader::open(place)?.query(&query)?;
    let own = page.len() < MAX_OWN as usize
        && page.iter().all(|record| record.event.is_some_and(|event| OWN.contains(&event)));
    Ok(own.then(|| page.last().map_or(from, |last| last.seq)))
}

/// The keys that the log has had, if it begins with what was signed last and with `newest`.
async fn look(
    base: &Base,
    files: &KeyFiles,
    origin: &str,
    newest: Option<TreeHead>,
) -> Result<Vec<KeptKey>, SealError> {
    let trees: Vec<TreeHead> = files.remembered(origin)?.into_iter().chain(newest).collect();
    let (place, path) = (base.place.clone(), files.checkpoint().to_owned());
    let looked = tokio::task::spawn_blocking(move || {
        let reader = Reader::open(&place)?;
        trees.iter().try_for_each(|tree| begins(&reader, tree, &path))?;
        Ok(reader.keys()?)
    });
    looked.await.map_err(|error| SealError::Thread(error.to_string()))?
}

/// The keys to which those that the log has `kept` lead from `key`.
fn lead_to(key: &VerifierKey, origin: &str, kept: Vec<KeptKey>) -> Result<Keys, SealError> {
    let changes: Vec<Note> = kept.into_iter().filter_map(|kept| kept.change).collect();
    let keys = Keys::from_changes(key.clone(), origin, &changes);
    keys.map_err(|error| ReadError::Kept(error.to_string()).into())
}

/// Whether the log begins with `tree`.
fn begins(reader: &Reader, tree: &TreeHead, path: &std::path::Path) -> Result<(), SealError> {
    let not = |why: &'static str| SealError::NotContinued { signed: tree.size, why, path: path.to_owned() };
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
