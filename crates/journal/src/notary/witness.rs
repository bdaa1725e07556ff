//! Cosignatures: what witnesses send is held against the settings and the record before it is kept.

use std::sync::Arc;

use vocab::PersonId;

use super::{Held, Notary, SealError};
use crate::checkpoint::{Checkpoint, Sealed};
use crate::entry::{Draft, Kind};
use crate::event::{Event, Facts};
use crate::note::{self, Distrust, Note, NoteError};
use crate::read::Reader;

impl Notary {
    /// Takes in a witness's cosignature: a note with it, or its line alone, which is then for the newest checkpoint.
    ///
    /// # Errors
    /// When no witness of the settings has signed a checkpoint of this log with it.
    pub async fn cosign(&self, text: &str, by: Option<PersonId>) -> Result<Arc<Sealed>, SealError> {
        let sealed = self.take_in(&mut *self.held.lock().await, text, by).await;
        self.publish().await;
        sealed
    }

    async fn take_in(
        &self,
        held: &mut Held,
        text: &str,
        by: Option<PersonId>,
    ) -> Result<Arc<Sealed>, SealError> {
        let refused = |why: &dyn std::error::Error| SealError::Cosignature(why.to_string());
        self.base.journal.flush().await?;
        self.keep_up(held).await?;
        let (of, signatures) = match text.parse::<Note>() {
            Ok(note) => (Some(note.clone()), note.signatures().to_vec()),
            Err(NoteError::Form) => (None, note::signatures(text).map_err(|error| refused(&error))?),
            Err(error) => return Err(refused(&error)),
        };
        let mut stored = self.stored(of.as_ref())?;
        // What was sent is judged alone: what the record has already says nothing for it.
        let sent = stored.signed_by(signatures).map_err(|error| refused(&error))?;
        let size = Checkpoint::read(&stored)?.tree.size;
        let (mut found, mut drafts) = (false, Vec::new());
        for witness in &self.base.config.witnesses {
            let time = match sent.check(witness) {
                Ok(time) => time.unwrap_or_default(),
                Err(Distrust::Unsigned(_)) => continue,
                Err(forged) => return Err(refused(&forged)),
            };
            found = true;
            if stored.add(&sent.by(witness)).map_err(|error| refused(&error))? {
                let facts = Facts::new().with("witness", witness.to_string()).with("time", time);
                let facts = facts.with("size", size);
                let draft = Draft::of_event(Kind::Admin, Event::CheckpointCosigned, facts);
                drafts.push(Draft { person: by.clone(), ..draft });
            }
        }
        if !found {
            return Err(SealError::Cosignature(
                "it is of no witness that the settings name; name it under `[checkpoint]` as one of `witnesses`".into(),
            ));
        }
        if drafts.is_empty() {
            // Sent once more.
            return Ok(Arc::new(Sealed::check(stored, &self.origin, &held.keys)?));
        }
        self.keep(held, stored, None, drafts).await
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
}
