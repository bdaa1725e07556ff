//! Carrying an erasure out: what runs is ended, then the words go from the files beside the database, then record,
//! contents and copies change in one transaction. What is looked for is found by contents that are there: were those gone
//! first, a gateway that ends in between would leave words in the files that nobody looks for any more.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use journal::read::{Reader, Told};
use journal::{AppendError, Change, Draft, Erased, Event, Kind, Unless};
use vocab::{PersonId, SessionId, Timestamp};

use super::agreed::Agreed;
use super::request::{facts, put};
use super::select::{Found, Selection};
use super::since::MAX_FURTHER;
use super::{ERASURE, ErasureState, ErasureView, Scope};
use crate::admission::Closing;
use crate::gateway::Gateway;
use crate::session::SessionRow;
use crate::{Refusal, RefusalKind, approvals, records, session};

/// How long a conversation may take to end: longer than an agent may think, and than an outcome may be late.
const MAX_ENDING: Duration = Duration::from_secs(25);

/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(20);

/// The most changes of state in one entry, below what the journal takes; one place is the caller's.
const MAX_CHANGES: usize = 250;

/// How often it is looked again at what to erase because another gateway put a hold there meanwhile.
const MAX_LOOKS: u32 = 4;

/// Why a turn ends.
const ENDED: &str = "this conversation, or one that it goes on from, is being erased";

/// What became of an attempt to erase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The contents are gone.
    Done,
    /// Another gateway put a hold somewhere since the holds were looked up, or erased some of it. Nothing of this part is gone.
    Overtaken,
    /// Nobody was named who may remove content.
    NoEraser,
}

impl Attempt {
    /// Whether it is done, and need not be looked at again.
    ///
    /// # Errors
    /// When nobody may.
    pub(super) fn is_done(self) -> Result<bool, Refusal> {
        match self {
            Self::Done => Ok(true),
            Self::Overtaken => Ok(false),
            Self::NoEraser => Err(AppendError::NoEraser.into()),
        }
    }
}

/// The record of an erasure by such an order; `follows` is that of the first, where this one takes what was recorded meanwhile.
pub(super) fn done(view: &ErasureView, agreed: &Agreed, erased: Erased, follows: Option<u64>) -> Draft {
    let facts = facts(view).with("consent", agreed.consent.as_str());
    let facts = facts.with("contents", erased.contents()).with_some("follows", follows);
    let facts = facts.with("self_consented", agreed.consent == agreed.asked_by);
    let mut draft = Draft::of_event(Kind::Admin, Event::ErasureDone, facts);
    draft.person = Some(agreed.asked_by.clone());
    draft.payload = records::why(&view.reason);
    draft.erases = Some(erased);
    draft
}

/// What makes those of an order, with its row.
fn told(
    agreed: &Agreed,
    follows: Option<u64>,
) -> impl FnMut(Erased, &mut ErasureView) -> Result<(Draft, Option<Change>), Refusal> {
    move |erased, view| {
        view.contents = view.contents.saturating_add(erased.contents());
        let draft = done(view, agreed, erased, follows);
        Ok((draft, Some(put(view)?)))
    }
}

impl Gateway {
    /// Contents, conversations and agents that `of` is about.
    pub(super) async fn find(&self, of: &Scope) -> Result<Found, Refusal> {
        let seen = self.journal.head().records;
        let (holds, of) = (self.holds().await?, of.clone());
        let found = self.look(move |reader| Selection::new(reader, &holds).of(&of)).await?;
        Ok(Found { seen, ..found })
    }

    /// Looks through the record on a thread that may wait for the disk.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Reader) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = self.config.database.clone();
        let looked = tokio::task::spawn_blocking(move || look(&Reader::open(&place)?)).await;
        looked.map_err(|error| Refusal::new(RefusalKind::Unavailable, error.to_string()))?
    }

    /// Erases what was agreed to by the record, or ends that because of a hold or because nobody did. The caller holds `erasing`. What cannot be done now is
    /// tried again by the gateway.
    pub(super) async fn carry_out(self: &Arc<Self>, mut view: ErasureView) -> Result<ErasureView, Refusal> {
        let solo = self.config.solo.as_ref();
        let agreed = match self.course(&view).await?.agreed(&view, solo) {
            Ok(agreed) => agreed,
            Err(why) => return self.disown_erasure(view, &why).await,
        };
        for _ in 0..MAX_LOOKS {
            if let Some(ended) = self.try_to_carry_out(view.clone(), &agreed).await? {
                return Ok(ended);
            }
            view = records::get(&self.journal, ERASURE, view.id.as_str())?.unwrap_or(view);
        }
        let message = "other gateways put holds on content all the while, so not everything is erased yet";
        Err(Refusal::new(RefusalKind::Unavailable, message))
    }

    /// Where it stands then; none when a hold has come at another gateway and it has to be looked again.
    async fn try_to_carry_out(
        self: &Arc<Self>,
        mut view: ErasureView,
        agreed: &Agreed,
    ) -> Result<Option<ErasureView>, Refusal> {
        let found = self.find(&agreed.of).await?.before(agreed.before);
        // It may have been agreed to long ago, and a hold put there since.
        if let Some(held) = &found.held {
            return self.hold_back(view, held).await.map(Some);
        }
        let (mut closing, found) = self.at_rest(&agreed.of, agreed.before, found).await?;
        if let Some(held) = &found.held {
            return self.hold_back(view, held).await.map(Some);
        }
        let until = self.ambient.now();
        self.erase_files(&found, until).await?;
        // A gateway that ended after the last of it was gone has left nothing but to say so.
        let over =
            found.seqs.is_empty() && !self.has_copies(&found)? && !self.erased_by(&view).await?.is_empty();
        if !over && !self.erase(&found, &mut view, told(agreed, None)).await?.is_done()? {
            return Ok(None);
        }
        let erased = self.take_late(&mut view, agreed, &mut closing, until).await?;
        view.contents = erased.iter().map(|(_, contents)| contents).sum();
        view.records = erased.into_iter().map(|(seq, _)| seq).collect();
        view.state = ErasureState::Done;
        let done = journal::Entry {
            subject: vocab::Digest::of(view.id.as_str().as_bytes()),
            records: Vec::new(),
            state: vec![put(&view)?],
        };
        self.journal.follow(done).await?;
        self.journal.flush().await?;
        view.traces = !self.journal.wiped();
        Ok(Some(view))
    }

    /// What is there of `found` once all that it is about rests, which it does as long as what is given with it is kept.
    async fn at_rest(
        &self,
        of: &Scope,
        end: Option<u64>,
        found: Found,
    ) -> Result<(Closing<'_>, Found), Refusal> {
        let mut closing = self.end_conversations(found.resting(), found.person.as_ref()).await?;
        for _ in 0..MAX_LOOKS {
            // What ran has said how it ended. Meanwhile it may have come to be about more: where somebody said no in another's
            // conversation, that goes as well.
            let found = self.find(of).await?.before(end);
            if found.held.is_some() || closing.covers(&found.resting()) {
                return Ok((closing, found));
            }
            let all = closing.and(found.resting());
            closing = self.end_conversations(all, found.person.as_ref()).await?;
        }
        let message = "what is to be erased comes to be about further conversations all the while, so not everything is erased yet";
        Err(Refusal::new(RefusalKind::Unavailable, message))
    }

    /// Erases what other gateways recorded of it while this one looked, but for what is held by now; gives the records that say
    /// what was erased.
    async fn take_late<'a>(
        self: &'a Arc<Self>,
        view: &mut ErasureView,
        agreed: &Agreed,
        closing: &mut Closing<'a>,
        until: Timestamp,
    ) -> Result<Vec<(u64, u64)>, Refusal> {
        for _ in 0..MAX_FURTHER {
            let erased = self.erased_by(view).await?;
            let begun = agreed.before.or(erased.first().map(|(seq, _)| *seq));
            let late = self.find(&agreed.of).await?.before(begun);
            let held = late.held.clone();
            let late = late.unheld();
            if late.seqs.is_empty() {
                if let Some((hold, seq)) = held.filter(|(_, seq)| begun.is_none_or(|begun| *seq < begun)) {
                    let id = &view.id;
                    tracing::warn!(
                        "of the erasure `{id}` stays what was recorded while it was carried out and the legal hold `{hold}` is on by now, first at record {seq}"
                    );
                }
                return Ok(erased);
            }
            if !closing.covers(&late.resting()) {
                let all = closing.and(late.resting());
                *closing = self.end_conversations(all, late.person.as_ref()).await?;
                continue;
            }
            self.erase_files(&late, until).await?;
            if !self.erase(&late, view, told(agreed, begun)).await?.is_done()? {
                tracing::debug!("a hold came, or another gateway erased the same, so it is looked again");
            }
        }
        let message =
            "other gateways record, erase or hold the same all the while, so not everything is erased yet";
        Err(Refusal::new(RefusalKind::Unavailable, message))
    }

    /// The records that say what was erased on this request, each with how many contents.
    async fn erased_by(&self, view: &ErasureView) -> Result<Vec<(u64, u64)>, Refusal> {
        let (id, asked_by) = (view.id.clone(), view.asked_by.clone());
        self.look(move |reader| {
            let wanted = Told {
                kind: Kind::Admin,
                events: vec![Event::ErasureDone],
                person: Some(asked_by),
                session: None,
                after: 0,
            };
            let mut done = Vec::new();
            reader.told(&wanted, |record| {
                if record.facts.text("erasure") == Some(id.as_str()) {
                    done.push((record.seq, record.erases.as_ref().map_or(0, Erased::contents)));
                }
                ControlFlow::Continue(())
            })?;
            Ok(done)
        })
        .await
    }

    /// Erases contents and their copies in the database: one entry, or several where one does not hold them. `make` gives the
    /// record of each, and a row that changes with it. A hold that comes before an entry wins over it.
    pub(super) async fn erase<T>(
        &self,
        found: &Found,
        told: &mut T,
        mut make: impl FnMut(Erased, &mut T) -> Result<(Draft, Option<Change>), Refusal>,
    ) -> Result<Attempt, Refusal> {
        self.bus.forget(&found.sessions);
        let (mut left, mut seen) = (found.seqs.clone(), found.seen);
        let unless = |after| Unless { event: Event::HoldAdded, after };
        let mut copies = together(self.copies(found)?);
        let mut last = copies.pop().unwrap_or_default();
        for state in copies {
            match self.journal.change_unless(state, unless(seen)).await {
                Ok(()) => {}
                Err(AppendError::Overtaken { .. }) => return Ok(Attempt::Overtaken),
                Err(error) => return Err(error.into()),
            }
        }
        loop {
            let (erased, taken) = Erased::of(&left);
            let (draft, row) = make(erased, told)?;
            let state = std::mem::take(&mut last).into_iter().chain(row).collect();
            let unless = unless(seen);
            match self.journal.append_unless(records::entry(draft, state)?, unless).await {
                Ok(receipt) => seen = receipt.seq(),
                Err(AppendError::Overtaken { .. } | AppendError::Erased { .. }) => {
                    return Ok(Attempt::Overtaken);
                }
                Err(AppendError::NoEraser) => return Ok(Attempt::NoEraser),
                Err(error) => return Err(error.into()),
            }
            left = left.into_iter().skip(taken).collect();
            if left.is_empty() {
                return Ok(Attempt::Done);
            }
        }
    }

    /// Ends what runs or waits in these conversations, and lets nothing begin in them as long as what is given is
    /// kept. Of a person, every conversation is. They are closed first, so that whoever begins one turn after another keeps
    /// nobody waiting: what there was to end only gets less.
    pub(super) async fn end_conversations(
        &self,
        sessions: BTreeSet<SessionId>,
        person: Option<&PersonId>,
    ) -> Result<Closing<'_>, Refusal> {
        let closing = self.open.close(sessions, person.cloned());
        let until = tokio::time::Instant::now() + MAX_ENDING;
        let mut first = true;
        loop {
            // Looked up before the turns: one that is let in has its row a little later, and is ended in the next round.
            let left = closing.left();
            let turns = session::open_turns(&self.journal)?;
            let concerned = turns.into_iter().filter(|(_, row)| closing.is_closed(&row.session, &row.person));
            let mut rows = 0_usize;
            for (turn, row) in concerned {
                rows = rows.saturating_add(1);
                self.end_turn(&turn, ENDED);
                if row.waiting.is_some() || first {
                    self.cancel_of_turn(&turn, ENDED).await?;
                }
            }
            first = false;
            if left.is_empty() {
                self.end_patterns_within(|session, person| closing.is_closed(session, person)).await?;
                return Ok(closing);
            }
            if tokio::time::Instant::now() >= until {
                let message = format!(
                    "{} conversations with {rows} turns could not be ended within {} seconds, so nothing is erased yet",
                    left.len(),
                    MAX_ENDING.as_secs()
                );
                return Err(Refusal::new(RefusalKind::Unavailable, message));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether the database has copies of something of it beside the record.
    pub(super) fn has_copies(&self, found: &Found) -> Result<bool, Refusal> {
        Ok(!self.copies(found)?.is_empty())
    }

    /// Takes away the copies that the database has beside the record, and makes one further change after the last of them.
    pub(super) async fn drop_copies(&self, found: &Found, last: Change) -> Result<(), Refusal> {
        let mut copies = self.copies(found)?;
        copies.push(vec![last]);
        for state in together(copies) {
            self.change_rows(state).await?;
        }
        Ok(())
    }

    /// Makes changes of rows durable that no record goes with.
    async fn change_rows(&self, state: Vec<Change>) -> Result<(), Refusal> {
        let subject = vocab::Digest::of(ENDED.as_bytes());
        self.journal.follow(journal::Entry { subject, records: Vec::new(), state }).await?;
        Ok(self.journal.flush().await?)
    }

    /// The changes that take copies out of the rows of state: approvals, and conversations that could be carried on, of each
    /// those that go at once. Conversations come last: while one is there, this gateway has not taken away all that it has.
    fn copies(&self, found: &Found) -> Result<Vec<Vec<Change>>, Refusal> {
        let person = found.person.as_ref();
        let mut changes = approvals::erase(&self.journal, &found.sessions, &found.branches, person)?;
        for id in &found.sessions {
            if let Some(row) = session::session(&self.journal, id)? {
                let (entries, bytes) = self.needed(id, found)?;
                changes.push(match entries {
                    0 => session::erase(id, &row),
                    _ => session::cut(id, &row, entries, bytes)?,
                });
            }
        }
        changes.retain(|of_one| !of_one.is_empty());
        Ok(changes)
    }

    /// How many entries of a conversation, and how many bytes of them, are the past of those that are kept with it.
    fn needed(&self, id: &SessionId, found: &Found) -> Result<(u32, u64), Refusal> {
        let mut most = (0, 0);
        let kept = found.kept.get(id).into_iter().flatten();
        for branch in kept.filter(|branch| !found.sessions.contains(*branch)) {
            let row = session::session(&self.journal, branch)?;
            let past = row.iter().flat_map(SessionRow::past).filter(|stretch| stretch.session == *id);
            most = past.fold(most, |most, stretch| most.max((stretch.entries, stretch.bytes)));
        }
        Ok(most)
    }

    /// Takes words that were written up to `until` out of the files beside the database.
    pub(super) async fn erase_files(
        self: &Arc<Self>,
        found: &Found,
        until: Timestamp,
    ) -> Result<(), Refusal> {
        let gateway = Arc::clone(self);
        let (agents, person) = (found.agents.clone(), found.person.clone());
        let forgotten = tokio::task::spawn_blocking(move || {
            gateway.hearts.forget(&agents)?;
            gateway.traces.forget(until)?;
            Ok::<_, String>(gateway)
        });
        let unavailable = |message: String| Refusal::new(RefusalKind::Unavailable, message);
        let gateway =
            forgotten.await.map_err(|error| unavailable(error.to_string()))?.map_err(unavailable)?;
        gateway.skills.forget_posts(person.as_ref(), &found.proposals).await.map_err(unavailable)
    }
}

/// Entries of changes: those of one copy are in one, so that a gateway that ends in between leaves it whole or not at all.
fn together(copies: Vec<Vec<Change>>) -> Vec<Vec<Change>> {
    let mut entries: Vec<Vec<Change>> = Vec::new();
    for mut copy in copies {
        match entries.last_mut().filter(|entry| entry.len().saturating_add(copy.len()) <= MAX_CHANGES) {
            Some(entry) => entry.append(&mut copy),
            None => entries.push(copy),
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_changes_of_one_copy_are_in_one_entry_and_no_entry_has_too_many() {
        let copy = |nth: usize, size: usize| -> Vec<Change> {
            (0..size).map(|part| Change::delete("of", &format!("{nth}-{part}"))).collect()
        };
        for sizes in [vec![3; 1_000], [4, 2, 3].repeat(200), vec![4; 62], vec![MAX_CHANGES; 3], vec![]] {
            let copies: Vec<Vec<Change>> =
                sizes.iter().enumerate().map(|(nth, size)| copy(nth, *size)).collect();
            let entries = together(copies.clone());
            assert!(entries.iter().all(|entry| !entry.is_empty() && entry.len() <= MAX_CHANGES));
            assert_eq!(entries.concat(), copies.concat());
            for copy in &copies {
                assert!(entries.iter().any(|entry| copy.iter().all(|change| entry.contains(change))));
            }
        }
    }
}
