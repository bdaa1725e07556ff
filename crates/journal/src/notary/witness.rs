//! Cosignatures: what witnesses send is held against the settings and the record before it is kept.

use std::sync::Arc;

use vocab::PersonId;

use super::{Held, Notary, SealError};
use crate::checkpoint::{Checkpoint, Sealed};
use crate::entry::{Draft, Kind};
use crate::event::{Event, Facts};
use crate::note::{self, Distrust, Note, NoteError, Signature, VerifierKey};
use crate::read::Reader;

/// How far the time of a cosignature that was made just now may lie from this machine's, in seconds; and how far ahead of it that of
/// any.
pub const MAX_SKEW_SECONDS: u64 = 60 * 60;

/// The latest time that a cosignature may state (`tlog-cosignature`, "Format").
const MAX_TIME: u64 = i64::MAX as u64;

/// What came as a cosignature, and what is asked of it.
struct Given<'a> {
    /// The note that it is of; the newest checkpoint when there is none.
    of: Option<Note>,
    signatures: Vec<Signature>,
    /// Whose it may be.
    witnesses: &'a [VerifierKey],
    /// Whether it has to be of now.
    fresh: bool,
    by: Option<PersonId>,
}

impl Notary {
    /// Takes in a witness's cosignature: a note with it, or its line alone, which is then for the newest checkpoint.
    ///
    /// # Errors
    /// When no witness of the settings has signed a checkpoint of this log with it, or states a time that is more than
    /// [`MAX_SKEW_SECONDS`] ahead of this machine's.
    pub async fn cosign(&self, text: &str, by: Option<PersonId>) -> Result<Arc<Sealed>, SealError> {
        let (of, signatures) = match text.parse::<Note>() {
            Ok(note) => (Some(note.clone()), note.signatures().to_vec()),
            Err(NoteError::Form) => (None, note::signatures(text).map_err(|error| refused(&error))?),
            Err(error) => return Err(refused(&error)),
        };
        let witnesses = self.base.config.witnesses.as_slice();
        let given = Given { of, signatures, witnesses, fresh: false, by };
        self.take_in(given).await.map(|(sealed, _)| sealed)
    }

    /// Takes in the `lines` that `witness` answered when it was asked just now to cosign `sealed`; gives the time that its
    /// cosignature states, in seconds since 1970. Lines of other keys are passed over.
    ///
    /// # Errors
    /// As [`Notary::cosign`], and when the time is more than [`MAX_SKEW_SECONDS`] from now.
    pub async fn cosigned_by(
        &self,
        witness: &VerifierKey,
        sealed: &Sealed,
        lines: &str,
    ) -> Result<u64, SealError> {
        let signatures = note::signatures(lines).map_err(|error| refused(&error))?;
        let (of, witnesses) = (Some(sealed.note().clone()), std::slice::from_ref(witness));
        let given = Given { of, signatures, witnesses, fresh: true, by: None };
        self.take_in(given).await.map(|(_, time)| time)
    }

    async fn take_in(&self, given: Given<'_>) -> Result<(Arc<Sealed>, u64), SealError> {
        let taken = self.take_in_with(&mut *self.held.lock().await, given).await;
        self.publish().await;
        taken
    }

    async fn take_in_with(&self, held: &mut Held, given: Given<'_>) -> Result<(Arc<Sealed>, u64), SealError> {
        self.base.journal.flush().await?;
        self.keep_up(held).await?;
        let Given { of, signatures, witnesses, fresh, by } = given;
        let mut stored = self.stored(of.as_ref())?;
        // What was sent is judged alone: what the record has already says nothing for it.
        let sent = stored.signed_by(signatures).map_err(|error| refused(&error))?;
        let size = Checkpoint::read(&stored)?.tree.size;
        let (mut found, mut drafts) = (None, Vec::new());
        for witness in witnesses {
            // Each would be kept for good, with any time but the last.
            if fresh && sent.by(witness).len() > 1 {
                let why = format!("it has several signatures by the key `{witness}`, and one is asked for");
                return Err(SealError::Cosignature(why));
            }
            let time = match sent.check(witness) {
                Ok(time) => time.unwrap_or_default(),
                Err(Distrust::Unsigned(_)) => continue,
                Err(forged) => return Err(refused(&forged)),
            };
            self.is_sane(time, fresh)?;
            found = Some(time);
            if stored.add(&sent.by(witness)).map_err(|error| SealError::Cosigning(error.to_string()))? {
                let facts = Facts::new().with("witness", witness.to_string()).with("time", time);
                let facts = facts.with("size", size);
                let draft = Draft::of_event(Kind::Admin, Event::CheckpointCosigned, facts);
                drafts.push(Draft { person: by.clone(), ..draft });
            }
        }
        let Some(time) = found else {
            let whose = match witnesses {
                [one] if fresh => format!("it has no signature by the key `{one}`"),
                _ => "it is of no witness that the settings name; name it under `[checkpoint]` as one of `witnesses`, or as a `[checkpoint.witness.NAME]`".to_owned(),
            };
            return Err(SealError::Cosignature(whose));
        };
        if drafts.is_empty() {
            // Sent once more. Whoever sent it first may have given up while it was stored, and then it was not taken up.
            let sealed = Arc::new(Sealed::check(stored, &self.origin, &held.keys)?);
            let newest = self.newest.borrow().clone();
            if newest.is_none_or(|newest| newest.note() != sealed.note()) {
                self.take_up(held, &sealed)?;
            }
            return Ok((sealed, time));
        }
        self.keep(held, stored, None, drafts).await.map(|sealed| (sealed, time))
    }

    /// Whether a cosignature may state this time.
    fn is_sane(&self, time: u64, fresh: bool) -> Result<(), SealError> {
        if time > MAX_TIME {
            return Err(SealError::Cosignature("it states a time that there is not".to_owned()));
        }
        let now = u64::try_from(self.base.ambient.now().as_second()).unwrap_or_default();
        let old = fresh && now.saturating_sub(time) > MAX_SKEW_SECONDS;
        if !old && time.saturating_sub(now) <= MAX_SKEW_SECONDS {
            return Ok(());
        }
        let or = if old { ", or the cosignature is an old one" } else { "" };
        let why = format!(
            "it states the time {time} and this machine's clock says {now}, in seconds since 1970: one of the two clocks is wrong{or}"
        );
        Err(SealError::Cosignature(why))
    }

    /// The stored checkpoint with the text of `of`, or the newest.
    fn stored(&self, of: Option<&Note>) -> Result<Note, SealError> {
        let newest = self.newest.borrow().clone();
        let newest = newest.as_deref().map(Sealed::note);
        // For one that this gateway asked about itself that is no fault of the witness.
        let none = || SealError::Cosigning("this record has made no such checkpoint".to_owned());
        let of = of.or(newest).ok_or_else(none)?;
        // The record may have more of the newest than is known here: what was given up while it was stored.
        let found = Reader::open(&self.base.place)?.checkpoint_at(Checkpoint::read(of)?.tree.size)?;
        let found = found.as_ref().into_iter().chain(newest).find(|note| note.text() == of.text());
        found.cloned().ok_or_else(none)
    }
}

fn refused(why: &dyn std::error::Error) -> SealError {
    SealError::Cosignature(why.to_string())
}
