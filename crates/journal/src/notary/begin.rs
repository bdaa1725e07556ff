//! How a notary begins: with the key that the log has, its first, or a new one for one that was lost.

use std::sync::Arc;

use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use vocab::{Ambient, PersonId};

use super::files::KeyFiles;
use super::publish::Publisher;
use super::{Base, Held, Notary, NotaryConfig, SealError};
use crate::checkpoint::{CheckpointError, Keys, Sealed};
use crate::entry::{Draft, Kind};
use crate::event::{Event, Facts};
use crate::journal::Journal;
use crate::note::{Distrust, Note, SigningKey};
use crate::place::Place;
use crate::read::{KeptKey, ReadError, Reader};
use crate::stored::Stored;

impl Notary {
    /// Takes up the key of the log that `journal` writes at `place`, or makes the first one and records it.
    ///
    /// # Errors
    /// When the key is not there, or the log does not continue what was signed before.
    pub async fn open(
        journal: Journal,
        place: Place,
        config: NotaryConfig,
        ambient: Arc<dyn Ambient>,
    ) -> Result<Self, SealError> {
        let base = Base { journal, place, config, ambient };
        let look = Look::at(&base)?;
        let files = KeyFiles::new(&base.config.folder);
        let (key, number) = match look.kept.last() {
            Some(newest) => (files.take_up(&newest.key)?, look.kept.len() as u64),
            None => (first_key(&base, &files, &look.origin).await?, 1),
        };
        Self::with(base, look, files, (key, number)).await
    }

    /// The same for a log whose key was lost: a new one is made, which nobody who trusted the old one has a reason to
    /// trust, and that is recorded.
    ///
    /// # Errors
    /// As [`Notary::open`], and when the key is not lost.
    pub async fn open_without_key(
        journal: Journal,
        place: Place,
        config: NotaryConfig,
        ambient: Arc<dyn Ambient>,
        by: Option<PersonId>,
    ) -> Result<Self, SealError> {
        let base = Base { journal, place, config, ambient };
        let look = Look::at(&base)?;
        let files = KeyFiles::new(&base.config.folder);
        let lost = look.kept.last().map(|newest| newest.key.clone());
        let (Some(old), number) = (lost, look.kept.len() as u64 + 1) else {
            let Base { journal, place, config, ambient } = base;
            return Self::open(journal, place, config, ambient).await;
        };
        if files.take_up(&old).is_ok() {
            return Err(SealError::KeyThere(Box::new(old)));
        }
        let key = files.make_next(&look.origin, seed(base.ambient.as_ref()))?;
        let verifier = key.verifier().to_string();
        let facts =
            Facts::new().with("old", old.to_string()).with("new", verifier.clone()).with("lost", true);
        let draft = Draft { person: by, ..Draft::of_event(Kind::Admin, Event::KeyRotated, facts) };
        base.journal.store(vec![draft], vec![Stored::Key { number, verifier, change: None }]).await?;
        files.replace()?;
        Self::with(base, look, files, (key, number)).await
    }

    async fn with(
        base: Base,
        look: Look,
        files: KeyFiles,
        (key, number): (SigningKey, u64),
    ) -> Result<Self, SealError> {
        let changes: Vec<Note> = look.kept.into_iter().filter_map(|kept| kept.change).collect();
        let keys = Keys::from_changes(key.verifier().clone(), &look.origin, &changes)
            .map_err(|error| ReadError::Kept(error.to_string()))?;
        let newest = match look.newest.map(|note| Sealed::check(note, &look.origin, &keys)) {
            // Signed by a key that was lost since.
            None | Some(Err(CheckpointError::Distrust(Distrust::Unsigned(_)))) => None,
            Some(checked) => Some(checked?),
        };
        let publisher = Publisher::new(base.config.files.clone());
        let held = Held { key, keys, number, publisher, since: Instant::now() };
        let (newest, _) = watch::channel(newest.map(Arc::new));
        let notary = Self { base, origin: look.origin, files, held: Mutex::new(held), newest };
        notary.must_continue().await?;
        Ok(notary)
    }
}

/// What is there before anything is signed.
struct Look {
    origin: String,
    kept: Vec<KeptKey>,
    newest: Option<Note>,
}

impl Look {
    fn at(base: &Base) -> Result<Self, SealError> {
        let reader = Reader::open(&base.place)?;
        let id = reader.log_id()?;
        let said = base.config.origin.clone();
        let kept = reader.keys()?;
        let origin = match (kept.last(), said) {
            (Some(newest), Some(said)) if newest.key.name() != said => {
                return Err(SealError::Renamed { is: newest.key.name().to_owned(), said });
            }
            (Some(newest), _) => newest.key.name().to_owned(),
            (None, said) => said.unwrap_or_else(|| format!("bulkhead/{id}")),
        };
        Ok(Self { origin, kept, newest: reader.newest_checkpoint()? })
    }
}

/// Makes the log's first key and records it.
async fn first_key(base: &Base, files: &KeyFiles, origin: &str) -> Result<SigningKey, SealError> {
    let key = files.make_first(origin, seed(base.ambient.as_ref()))?;
    let verifier = key.verifier().to_string();
    let facts = Facts::new().with("key", verifier.clone());
    let draft = Draft::of_event(Kind::Admin, Event::KeyMade, facts);
    base.journal.store(vec![draft], vec![Stored::Key { number: 1, verifier, change: None }]).await?;
    Ok(key)
}

pub(super) fn seed(ambient: &dyn Ambient) -> [u8; 32] {
    let mut seed = [0; 32];
    let random = ambient.random().into_iter().chain(ambient.random());
    seed.iter_mut().zip(random).for_each(|(byte, random)| *byte = random);
    seed
}
