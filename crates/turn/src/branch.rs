//! Beginning a conversation that goes on from another of the same person: from the end of one of its turns, or from before
//! one. The other stays as it is, and what the new one has of it stays there.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use journal::read::{Reader, Record, Told};
use journal::{Draft, Event, Facts, Journal, Kind};
use vocab::{Entry, Labels, Person, SessionId, TurnId};

use crate::gateway::Gateway;
use crate::session::{self, Branch, MAX_STRETCHES, SessionRow, Stretch};
use crate::view::{BranchView, Branched};
use crate::{Refusal, RefusalKind};

/// The most of a person's conversations that one after the other go on from another and have no message yet.
const MAX_SILENT: usize = 64;

/// How long one waits for an erasure: longer than an erasure usually takes, which may end what runs first.
const MAX_ERASING: Duration = Duration::from_secs(30);

mod room;

pub(crate) use room::Branching;

/// Where a conversation is left for another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// After this turn, which is over.
    After(TurnId),
    /// Before this turn, as if its message had not been said.
    Before(TurnId),
}

impl Point {
    const fn turn(&self) -> &TurnId {
        match self {
            Self::After(turn) | Self::Before(turn) => turn,
        }
    }
}

/// A turn that a message began, by the record.
#[derive(Debug, Clone, PartialEq)]
struct Begun {
    turn: TurnId,
    /// The record of its end, and the labels of the conversation then; none while it goes on.
    end: Option<(u64, Option<Labels>)>,
}

impl Gateway {
    /// Begins a conversation that goes on from another at `point`: its past is what was said and done there until then, as
    /// far as that is not erased. Its labels begin as those that its past had.
    ///
    /// # Errors
    /// When the conversation is not this person's, they may not ask its agent, it has no such turn, the turn goes on or was
    /// erased, it goes on from too many others, too many that were begun have no message yet, or the record cannot be read or
    /// written.
    pub async fn branch(&self, by: &Person, from: &SessionId, point: Point) -> Result<Branched, Refusal> {
        self.takes_work()?;
        let _room = self.branching.enter(&by.id)?;
        let row = self.own_session(by, from)?;
        if !self.monitor()?.may_ask(by, &row.agent) {
            return Err(self.turned_away(by, &row.agent).await?);
        }
        let (journal, id, old) = (self.journal.clone(), from.clone(), row.clone());
        // However long others look into the record before this one may, no erasure waits for it.
        let branch = self.looking(move |reader| past_at(&journal, reader, id, &old, &point)).await?;
        let erasing = tokio::time::timeout(MAX_ERASING, self.erasing.lock()).await;
        let _erasing = erasing.map_err(|_| {
            let message = "content is being erased, which takes a while; go on from it when that is done";
            Refusal::new(RefusalKind::Busy, message)
        })?;
        // What was erased meanwhile is nothing to go on from; what is erased from here on finds the branch by its record.
        drop(self.own_session(by, from)?);
        is_whole(&self.journal, &row, &branch)?;
        self.has_begun_few(by)?;
        let labels = session::past_labels(&branch.past);
        let mut new = SessionRow::new(row.agent, by.id.clone(), labels);
        let session = SessionId::from_random(self.ambient.random());
        let mut state = session::relist(&session, &mut new, self.ambient.now())?;
        let mut draft = Draft::of_event(Kind::Message, Event::ConversationBranched, facts(&branch));
        draft.session = Some(session.clone());
        draft.agent = Some(new.agent.clone());
        draft.person = Some(by.id.clone());
        draft.labels = Some(new.labels.clone());
        new.branch = Some(branch);
        state.push(session::put_session(&session, &new)?);
        self.record(draft, state).await?;
        let branch = view(&self.journal, &new)?;
        Ok(Branched { session, agent: new.agent, labels: new.labels, branch })
    }

    /// A conversation of this person's.
    fn own_session(&self, by: &Person, id: &SessionId) -> Result<SessionRow, Refusal> {
        let none = || Refusal::new(RefusalKind::NotFound, format!("`{}` has no conversation `{id}`", by.id));
        let row = session::session(&self.journal, id)?.ok_or_else(none)?;
        if row.person == by.id {
            return Ok(row);
        }
        let facts = Facts::new().with("what", "go on from somebody else's conversation");
        self.refused_right(by, facts.with("session", id.as_str()));
        // Somebody else's conversation is not told apart from none.
        Err(none())
    }

    /// Refuses whoever begins one after the other and says nothing in any.
    fn has_begun_few(&self, by: &Person) -> Result<(), Refusal> {
        let places = session::listed(&self.journal, &by.id, None, MAX_SILENT)?;
        let mut silent = 0;
        for id in places.iter().filter_map(|place| session::at_place(place)) {
            if session::session(&self.journal, &id)?.is_none_or(|row| row.turns > 0) {
                return Ok(());
            }
            silent += 1;
        }
        if silent < MAX_SILENT {
            return Ok(());
        }
        let message = format!(
            "the last {MAX_SILENT} conversations that you began from others have no message yet; say something in one of them first"
        );
        Err(Refusal::new(RefusalKind::Busy, message))
    }
}

/// What is shown of where a conversation came from.
pub(crate) fn view(journal: &Journal, row: &SessionRow) -> Result<Option<BranchView>, Refusal> {
    let Some(branch) = &row.branch else { return Ok(None) };
    let from = session::session(journal, &branch.from)?;
    let mut erased = false;
    for stretch in &branch.past {
        erased = erased || !session::is_there(journal, row, stretch)?;
    }
    let title = match from.is_some() {
        true => session::title(journal, &branch.from)?,
        false => None,
    };
    let (session, upto) = (branch.from.clone(), branch.upto.clone());
    Ok(Some(BranchView { session, upto, there: from.is_some(), title, erased }))
}

/// The conversations that one is told from, the oldest first, each with the last of its records; the last is the one itself.
/// What was erased of its past is left out.
pub(crate) fn line(
    journal: &Journal,
    id: &SessionId,
    row: &SessionRow,
) -> Result<Vec<(SessionId, Option<u64>)>, Refusal> {
    let mut line = Vec::new();
    for stretch in row.past() {
        if session::is_there(journal, row, stretch)? {
            line.push((stretch.session.clone(), Some(stretch.end)));
        }
    }
    line.push((id.clone(), None));
    Ok(line)
}

/// Conversations, and those that they go on from: these are left alone together.
pub(crate) fn with_their_past(
    journal: &Journal,
    sessions: BTreeSet<SessionId>,
) -> Result<BTreeSet<SessionId>, Refusal> {
    let mut all = sessions.clone();
    for id in &sessions {
        let row = session::session(journal, id)?;
        all.extend(row.iter().flat_map(SessionRow::past).map(|stretch| stretch.session.clone()));
    }
    Ok(all)
}

/// What stands on the chain of where a conversation came from.
fn facts(branch: &Branch) -> Facts {
    let past: Vec<String> =
        branch.past.iter().map(|stretch| format!("{}:{}", stretch.session, stretch.end)).collect();
    Facts::new()
        .with("from", branch.from.as_str())
        .with_some("upto", branch.upto.as_ref().map(TurnId::as_str))
        .with("past", past)
}

/// What a record of a conversation's beginning says of its past: each conversation, and up to which record. None where it
/// says nothing that can be read.
pub(crate) fn past_of(record: &Record) -> Option<Vec<(SessionId, u64)>> {
    let Some(journal::Fact::List(past)) = record.facts.get("past") else { return None };
    let stretch = |told: &String| {
        let (session, end) = told.rsplit_once(':')?;
        Some((SessionId::new(session).ok()?, end.parse().ok()?))
    };
    past.iter().map(stretch).collect()
}

/// The past that a conversation has which goes on from `from` at `point`.
fn past_at(
    journal: &Journal,
    reader: &Reader,
    from: SessionId,
    row: &SessionRow,
    point: &Point,
) -> Result<Branch, Refusal> {
    let none = || {
        let message = format!("the conversation `{from}` has no turn `{}`", point.turn());
        Refusal::new(RefusalKind::NotFound, message)
    };
    // The turns first: what is said meanwhile only makes more entries.
    let own = begun(reader, &from, None)?;
    let (stretches, session, turns) = match own.iter().any(|begun| begun.turn == *point.turn()) {
        true => (row.past(), from.clone(), own),
        false => in_past(journal, reader, row, point.turn())?.ok_or_else(none)?,
    };
    let at = turns.iter().position(|begun| begun.turn == *point.turn()).ok_or_else(none)?;
    let mut past = stretches.to_vec();
    let upto = match point {
        Point::Before(_) => at.checked_sub(1),
        Point::After(_) => Some(at),
    };
    past.extend(upto.map(|last| stretch(journal, session, &turns, last)).transpose()?);
    if past.len() > MAX_STRETCHES {
        let message = format!(
            "this would go on from {} conversations, and {MAX_STRETCHES} is the most; begin a new one",
            past.len()
        );
        return Err(Refusal::new(RefusalKind::Conflict, message));
    }
    let upto = match upto.and_then(|last| turns.get(last)) {
        Some(last) => Some(last.turn.clone()),
        None => last_turn(reader, &past)?,
    };
    Ok(Branch { from, upto, past })
}

/// A stretch of a past in which a turn is, with what comes before that stretch and with the turns that are in it.
type InPast<'a> = (&'a [Stretch], SessionId, Vec<Begun>);

fn in_past<'a>(
    journal: &Journal,
    reader: &Reader,
    row: &'a SessionRow,
    turn: &TurnId,
) -> Result<Option<InPast<'a>>, Refusal> {
    for (nth, stretch) in row.past().iter().enumerate() {
        let turns = begun(reader, &stretch.session, Some(stretch.end))?;
        if !turns.iter().any(|begun| begun.turn == *turn) {
            continue;
        }
        if !session::is_there(journal, row, stretch)? {
            return Err(erased(&stretch.session));
        }
        let before = row.past().get(..nth).unwrap_or_default();
        return Ok(Some((before, stretch.session.clone(), turns)));
    }
    Ok(None)
}

/// The beginning of a conversation's own entries, to the end of the turn `last`.
fn stretch(journal: &Journal, session: SessionId, turns: &[Begun], last: usize) -> Result<Stretch, Refusal> {
    let goes_on = || {
        let message = "that turn still goes on; wait for its end, stop it, or decide what it waits for";
        Refusal::new(RefusalKind::Conflict, message)
    };
    let row = session::session(journal, &session)?.ok_or_else(|| erased(&session))?;
    let (end, labels) = turns.get(last).and_then(|begun| begun.end.clone()).ok_or_else(goes_on)?;
    let mut entries = match session::own(journal, &session, row.entries) {
        Err(_) if session::session(journal, &session)?.is_none_or(|now| now.entries < row.entries) => {
            return Err(erased(&session));
        }
        entries => entries?,
    };
    let begins: Vec<usize> = entries
        .iter()
        .enumerate()
        .filter_map(|(at, entry)| matches!(entry, Entry::Person { .. }).then_some(at))
        .collect();
    if begins.len() < turns.len() {
        return Err(erased(&session));
    }
    let cut = begins.get(last.saturating_add(1)).copied().unwrap_or(entries.len());
    entries.truncate(cut);
    let mut bytes = 0_u64;
    for entry in &entries {
        let size = serde_json::to_vec(entry).map_or(0, |json| json.len() as u64);
        bytes = bytes.saturating_add(size);
    }
    // Where the record of its end has no labels, those that the conversation has by now are no lower.
    let labels = labels.unwrap_or(row.labels);
    Ok(Stretch { session, entries: u32::try_from(cut).unwrap_or(u32::MAX), bytes, end, labels })
}

/// Looks whether the end of a new past is still there as it was found; what came before it may have been erased long ago.
fn is_whole(journal: &Journal, row: &SessionRow, branch: &Branch) -> Result<(), Refusal> {
    let Some(stretch) = branch.past.last().filter(|stretch| !row.past().contains(stretch)) else {
        return Ok(());
    };
    let there = session::session(journal, &stretch.session)?;
    match there.is_some_and(|there| there.entries >= stretch.entries) {
        true => Ok(()),
        false => Err(erased(&stretch.session)),
    }
}

/// The last turn of a past.
fn last_turn(reader: &Reader, past: &[Stretch]) -> Result<Option<TurnId>, Refusal> {
    let Some(last) = past.last() else { return Ok(None) };
    Ok(reader.show(last.end)?.and_then(|record| record.turn))
}

/// The turns that messages began in a conversation, in order; only those before the record `end` has ended one, if it is given.
fn begun(reader: &Reader, session: &SessionId, end: Option<u64>) -> Result<Vec<Begun>, Refusal> {
    let wanted = Told {
        kind: Kind::Message,
        events: vec![Event::MessageReceived, Event::TurnEnded],
        person: None,
        session: Some(session.clone()),
        after: 0,
    };
    let mut turns: Vec<Begun> = Vec::new();
    reader.told(&wanted, |record| {
        if end.is_some_and(|end| record.seq > end) {
            return ControlFlow::Break(());
        }
        let Some(turn) = record.turn else { return ControlFlow::Continue(()) };
        if record.event == Some(Event::MessageReceived) {
            turns.push(Begun { turn, end: None });
        } else if let Some(begun) = turns.iter_mut().rev().find(|begun| begun.turn == turn) {
            begun.end = Some((record.seq, record.labels));
        }
        ControlFlow::Continue(())
    })?;
    Ok(turns)
}

fn erased(session: &SessionId) -> Refusal {
    let message =
        format!("what was said in the conversation `{session}` has been erased, so nothing goes on from it");
    Refusal::new(RefusalKind::Conflict, message)
}

#[cfg(test)]
mod tests;
