//! How a notary begins: with the key that the log has, its first, or a new one for one that was lost.

use std::sync::Arc;

use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use vocab::{Ambient, PersonId};

use super::files::KeyFiles;
use super::publish::Publisher;
use super::{Base, Held, Notary, NotaryConfig, SealError, lead_to};
use crate::checkpoint::{CheckpointError, Sealed};
use crate::entry::{Draft, Kind};
use crate::event::{Event, Facts};
use crate::journal::{AppendError, Journal};
use crate::note::{Distrust, Note, SigningKey};
use crate::place::Place;
use crate::read::{KeptKey, Newest, Reader};
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
        let files = KeyFiles::new(&base.config.folder);
        let mut look = Look::at(&base, &files).await?;
        if look.kept.is_empty() {
            match first_key(&base, &files, &look.origin).await {
                Ok(key) => return Self::with(base, look, files, (key, 1)).await,
                // Another gateway has begun the same log at this moment.
                Err(SealError::Append(AppendError::Replaced)) => look = Look::at(&base, &files).await?,
                Err(error) => return Err(error),
            }
        }
        let newest = look.kept.last().ok_or(AppendError::Replaced)?;
        let (key, number) = (files.take_up(&newest.key)?, look.kept.len() as u64);
        Self::with(base, look, files, (key, number)).await
    }

    /// The same for a log whose key was lost: a new one is made, which nobody who trusted the old one has a reason to
    /// trust, and that is recorded. What is in the key's place is put aside.
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
        let files = KeyFiles::new(&base.config.folder);
        let look = Look::at(&base, &files).await?;
        let lost = look.kept.last().map(|newest| newest.key.clone());
        let (Some(old), number) = (lost, look.kept.len() as u64 + 1) else {
            let Base { journal, place, config, ambient } = base;
            return Self::open(journal, place, config, ambient).await;
        };
        match files.take_up(&old) {
            Ok(_) => return Err(SealError::KeyThere(Box::new(old))),
            Err(SealError::KeyLost { .. } | SealError::Key { .. }) => {}
            // It may well be there: a folder that cannot be read says nothing of what is in it.
            Err(unread) => return Err(unread),
        }
        let key = files.make_for_lost(&look.origin, base.ambient.salt())?;
        let verifier = key.verifier().to_string();
        let facts =
            Facts::new().with("old", old.to_string()).with("new", verifier.clone()).with("lost", true);
        let draft = Draft { person: by, ..Draft::of_event(Kind::Admin, Event::KeyRotated, facts) };
        base.journal
            .store(vec![draft], vec![Stored::Key { number, verifier, change: None, until: None }])
            .await?;
        files.replace()?;
        Self::with(base, look, files, (key, number)).await
    }

    async fn with(
        base: Base,
        look: Look,
        files: KeyFiles,
        (key, number): (SigningKey, u64),
    ) -> Result<Self, SealError> {
        let keys = lead_to(key.verifier(), &look.origin, look.kept)?;
        let mut forged = look.distrusted;
        let newest = match look.newest.map(|note| Sealed::check(note, &look.origin, &keys)) {
            // Signed by a key that was lost since.
            None | Some(Err(CheckpointError::Distrust(Distrust::Unsigned(_)))) => None,
            // It counts for nothing.
            Some(Err(retired @ CheckpointError::Retired { .. })) => {
                forged = Some((0, retired));
                None
            }
            Some(checked) => Some(checked?),
        };
        let tree = newest.as_ref().map(Sealed::tree);
        super::look(&base, &files, &look.origin, tree).await?;
        let newest = newest.map(Arc::new);
        let publisher = Publisher::new(base.place.clone(), base.config.files.clone());
        // What did not get there before the gateway stopped.
        newest.iter().for_each(|newest| publisher.want(newest));
        let held = Held { key, keys, number, since: Instant::now(), idle_until: 0 };
        let (newest, _) = watch::channel(newest);
        // That nobody can start for it would help who put it there.
        if let Some((size, why)) = forged {
            base.journal.store(vec![alert(size, &why)], vec![]).await?;
        }
        Ok(Self { base, origin: look.origin, files, held: Mutex::new(held), publisher, newest })
    }
}

/// That what is stored as the record's newest checkpoint, at `size`, was not signed by a key that was the record's then.
fn alert(size: u64, forged: &CheckpointError) -> Draft {
    let facts = match forged {
        CheckpointError::Retired { size, key, retired } => {
            Facts::new().with("size", *size).with("key", key.as_str()).with("until", *retired)
        }
        _ => Facts::new().with("size", size),
    };
    let mut draft = Draft::of_event(Kind::Alert, Event::CheckpointDistrusted, facts);
    draft.payload = serde_json::json!({ "text": forged.to_string() });
    draft
}

/// What is there before anything is signed: a log that begins with what was signed last.
pub(super) struct Look {
    pub(super) origin: String,
    pub(super) kept: Vec<KeptKey>,
    newest: Option<Note>,
    /// What is stored as newer and is not to be believed, with its size.
    distrusted: Option<(u64, CheckpointError)>,
}

impl Look {
    /// Looks, before any key is touched: after a database was set back the newest key that it names is an older one, and
    /// the one in its file is not lost.
    async fn at(base: &Base, files: &KeyFiles) -> Result<Self, SealError> {
        let look = Self::of(base).await?;
        super::look(base, files, &look.origin, None).await?;
        Ok(look)
    }

    /// What is there, whatever was signed last.
    pub(super) async fn of(base: &Base) -> Result<Self, SealError> {
        let (place, said) = (base.place.clone(), base.config.origin.clone());
        let look = tokio::task::spawn_blocking(move || Self::read(&place, said));
        look.await.map_err(|error| SealError::Thread(error.to_string()))?
    }

    fn read(place: &Place, said: Option<String>) -> Result<Self, SealError> {
        let reader = Reader::open(place)?;
        let id = reader.log_id()?;
        let kept = reader.keys()?;
        let origin = match (kept.last(), said) {
            (Some(newest), Some(said)) if newest.key.name() != said => {
                return Err(SealError::Renamed { is: newest.key.name().to_owned(), said });
            }
            (Some(newest), _) => newest.key.name().to_owned(),
            (None, said) => said.unwrap_or_else(|| format!("bulkhead/{id}")),
        };
        let Newest { note: newest, distrusted } = reader.newest(&kept)?;
        Ok(Self { origin, kept, newest, distrusted })
    }
}

/// Makes the log's first key and records it.
async fn first_key(base: &Base, files: &KeyFiles, origin: &str) -> Result<SigningKey, SealError> {
    let key = files.make_first(origin, base.ambient.salt())?;
    let verifier = key.verifier().to_string();
    let facts = Facts::new().with("key", verifier.clone());
    let draft = Draft::of_event(Kind::Admin, Event::KeyMade, facts);
    base.journal
        .store(vec![draft], vec![Stored::Key { number: 1, verifier, change: None, until: None }])
        .await?;
    Ok(key)
}
