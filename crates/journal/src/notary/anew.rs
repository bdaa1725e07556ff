//! How a home leaves a record whose database is gone, and goes on with another: openly. The new record says which one it was and
//! how far it had been signed, and who gave it up and why; the key and the checkpoint of the former are put aside.

use std::path::PathBuf;
use std::sync::Arc;

use vocab::{Ambient, PersonId};

use super::begin::Look;
use super::files::KeyFiles;
use super::{Base, Notary, NotaryConfig, SealError};
use crate::entry::{Draft, Kind};
use crate::event::{Event, Facts};
use crate::journal::Journal;
use crate::place::Place;

impl Notary {
    /// Leaves the record that this home wrote before, for the one that `journal` writes at `place`. Gives the notary of that,
    /// and where the former's key and checkpoint are now.
    ///
    /// # Errors
    /// As [`Notary::open`], and when the home has nothing of another record.
    pub async fn begin_anew(
        journal: Journal,
        place: Place,
        config: NotaryConfig,
        ambient: Arc<dyn Ambient>,
        by: Option<PersonId>,
        reason: &str,
    ) -> Result<(Self, Vec<PathBuf>), SealError> {
        let base = Base { journal, place, config, ambient };
        let files = KeyFiles::new(&base.config.folder);
        let look = Look::of(&base).await?;
        let former = files.former(&look.origin, look.kept.is_empty())?.ok_or(SealError::NothingFormer)?;
        let mut facts = Facts::new();
        for (name, text) in [("old", &former.origin), ("key", &former.key)] {
            if let Some(text) = text {
                facts = facts.with(name, text.clone());
            }
        }
        if let Some(size) = former.size {
            facts = facts.with("size", size);
        }
        let mut draft = Draft { person: by, ..Draft::of_event(Kind::Admin, Event::RecordBegun, facts) };
        draft.payload = serde_json::json!({ "reason": reason });
        // Said before it is done: after a crash in between it is not done, and can be said again.
        base.journal.store(vec![draft], vec![]).await?;
        let left = files.leave(&former)?;
        let Base { journal, place, config, ambient } = base;
        Ok((Self::open(journal, place, config, ambient).await?, left))
    }
}
