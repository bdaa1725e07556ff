//! The way in for a person's message, and the way out of a turn.

use std::sync::Arc;

use journal::{Change, Event, Facts, Kind};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use vocab::limits::MAX_MESSAGE_BYTES;
use vocab::{AgentName, Decision, Entry, Labels, Layer, Person, PersonId, SessionId, Status, TurnId};

use crate::event::Events;
use crate::gateway::Gateway;
use crate::run::{Rest, run};
use crate::session::{self, SessionRow, TurnRow};
use crate::slot::{Slot, Standing};
use crate::state::{Held, Made, Turn};
use crate::{Refusal, RefusalKind, What, records};

/// What a verified person says to an agent.
#[derive(Debug, Clone)]
pub struct Message {
    /// Who says it. That it is they has been verified.
    pub person: Person,
    /// To which agent.
    pub agent: AgentName,
    /// In which conversation; a new one when none is named.
    pub session: Option<SessionId>,
    /// The words.
    pub text: String,
}

/// A message that was taken.
#[derive(Debug)]
pub struct Accepted {
    /// The conversation.
    pub session: SessionId,
    /// The turn that it began.
    pub turn: TurnId,
    /// What happens, as it happens, until the turn is over.
    pub events: Events,
}

impl Gateway {
    /// Takes a message: who may ask whom is judged and recorded, then the turn runs on its own.
    ///
    /// # Errors
    /// When this person may not ask this agent, the agent is stopped or does not compile, the conversation
    /// is someone else's or busy, or the record cannot be written.
    pub async fn accept(self: &Arc<Self>, message: Message) -> Result<Accepted, Refusal> {
        self.takes_work()?;
        let monitor = self.monitor()?;
        if !monitor.may_ask(&message.person, &message.agent) {
            return Err(self.turned_away(&message.person, &message.agent).await?);
        }
        if message.text.len() > MAX_MESSAGE_BYTES || message.text.trim().is_empty() {
            let why = format!("a message has 1 to {MAX_MESSAGE_BYTES} bytes of text");
            return Err(Refusal::new(RefusalKind::Invalid, why));
        }
        let slot = self.slot(&message.agent)?;
        let stopped = slot.stopped();
        admits(&slot)?;
        let compartment = self.compartment(&slot, &monitor)?;
        let room = Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            Refusal::new(RefusalKind::Busy, "too many turns are running; try again when one has ended")
        })?;

        let (session, mut row) = self.session_for(&message)?;
        let turn = TurnId::from_random(self.ambient.random());
        let place = Place::take(self, &session, &turn, &message.person.id)?;
        if message.session.is_some() {
            // Read again now that nothing else can change it: the turn before may have ended in between.
            row = self.session_for(&message)?.1;
        }
        let mut transcript = session::transcript(&self.journal, &session, &row)?;
        let listed = session::list(&session, &mut row, &message.text, self.ambient.now())?;
        let entry = Entry::Person { text: message.text };
        let mut rows = vec![session::grow(&session, &mut row, &entry)?];
        rows.extend(listed);
        transcript.push(entry.clone());
        let turn_row = TurnRow {
            session: session.clone(),
            agent: message.agent,
            person: message.person.id.clone(),
            proposals: 0,
            elapsed_ms: 0,
            waiting: None,
            open: None,
            part: None,
            program: false,
        };
        self.record_message(&turn, &turn_row, &row, &entry, rows).await?;

        let events = Events::of_turn(self.bus.follow(None), turn.clone());
        let made = Made {
            id: turn.clone(),
            stopped: self.ended_by(&turn, &turn_row.person, &stopped),
            row: turn_row,
            session: row,
            asker: message.person,
            slot,
            compartment,
            transcript,
            reach: None,
        };
        let made = Turn::new(made, self.ambient.now());
        self.hearts.received(&made, &entry);
        place.keep();
        self.drive(made, None, Some(room));
        Ok(Accepted { session, turn, events })
    }

    /// Whether anything new begins.
    pub(crate) fn takes_work(&self) -> Result<(), Refusal> {
        if self.stop.is_cancelled() {
            return Err(Refusal::new(
                RefusalKind::Unavailable,
                "the gateway is stopping; start it again and ask then",
            ));
        }
        Ok(())
    }

    /// Runs a turn to its rest, on a task of its own. Without a place to run it waits for one.
    pub(crate) fn drive(
        self: &Arc<Self>,
        mut turn: Turn,
        held: Option<Held>,
        room: Option<OwnedSemaphorePermit>,
    ) {
        let gateway = Arc::clone(self);
        self.tasks.spawn(async move {
            let room = match room {
                Some(room) => Some(room),
                None => room_unless(&gateway.room, &turn.stopped).await,
            };
            let rest = match &room {
                Some(_) => Box::pin(run(&gateway, &mut turn, held)).await,
                None => Err(Refusal::new(RefusalKind::Conflict, gateway.why_stopped(&turn.id))),
            };
            drop(room);
            gateway.rest(turn, rest).await;
        });
    }

    /// Puts a turn to rest. One that waits keeps its row; of any other only the record remains.
    pub(crate) async fn rest(&self, mut turn: Turn, rest: Result<Rest, Refusal>) {
        turn.running = None;
        let why = match rest {
            Ok(Rest::Waiting) => return,
            Ok(Rest::Answered) => None,
            Ok(Rest::Ended(why)) => Some(self.why_ended(&turn.id).unwrap_or(why)),
            Err(_) if turn.stopped.is_cancelled() => Some(self.why_stopped(&turn.id)),
            Err(refusal) => Some(refusal.message),
        };
        if let Some(why) = &why {
            self.hearts.failed(&turn, why);
            let stopped = turn.stopped.is_cancelled() || turn.time_left(self.ambient.now()).is_zero();
            self.tell(&turn, What::Error { message: why.clone(), stopped });
        } else {
            self.hearts.completed(&turn);
        }
        if let Err(refusal) = self.close(&mut turn, why.as_deref()).await {
            // The row stays, and the next start closes it.
            tracing::error!(turn = %turn.id, "a turn's end could not be recorded: {refusal}");
            self.tell(&turn, What::Error { message: refusal.message, stopped: false });
        }
        self.turn_over(&turn.id, &turn.row.session);
        self.tell(&turn, What::End);
    }

    /// Records a turn's end; when it returns, all that the turn did is durable.
    async fn close(&self, turn: &mut Turn, why: Option<&str>) -> Result<(), Refusal> {
        let state = session::end(&turn.id, &turn.row, &mut turn.session, &turn.transcript)?;
        let mut draft = records::of_turn(Kind::Message, &turn.id, &turn.row);
        draft.event = Some(Event::TurnEnded);
        draft.labels = Some(turn.session.labels.clone());
        draft.payload = ending(why, turn.over.as_deref());
        self.record(draft, state).await?;
        Ok(())
    }

    /// Ends a turn that does not run: its row goes, with whatever else changes.
    pub(crate) async fn end_row(
        &self,
        id: &TurnId,
        why: &str,
        mut state: Vec<Change>,
    ) -> Result<(), Refusal> {
        let Some(row) = session::turn(&self.journal, id)? else { return Ok(()) };
        let (mut drafts, mut labels) = (Vec::new(), None);
        if let Some(mut session) = session::session(&self.journal, &row.session)? {
            labels = Some(session.labels.clone());
            let mut transcript = session::transcript(&self.journal, &row.session, &session)?;
            drafts.extend(row.part.iter().map(|part| records::unknown(id, &row, part, why)));
            if let Some(open) = &row.open {
                drafts.push(records::unknown(id, &row, open, why));
                if let Some(call) = &open.call {
                    let entry = session::result(
                        call,
                        Status::Unknown,
                        format!("UNKNOWN: {why}; it may or may not have happened"),
                    );
                    state.push(session::grow(&row.session, &mut session, &entry)?);
                    transcript.push(entry);
                }
            }
            state.extend(session::end(id, &row, &mut session, &transcript)?);
        }
        let mut draft = records::of_turn(Kind::Message, id, &row);
        draft.event = Some(Event::TurnEnded);
        draft.labels = labels;
        draft.payload = ending(Some(why), None);
        drafts.push(draft);
        let subject = records::subject_of(&drafts)?;
        drop(self.journal.append(journal::Entry { subject, records: drafts, state }).await?);
        self.turn_over(id, &row.session);
        let tell = |what| self.bus.tell(&row.session, id, &row.agent, what);
        tell(What::Error { message: why.to_owned(), stopped: true });
        tell(What::End);
        Ok(())
    }

    async fn record_message(
        &self,
        turn: &TurnId,
        row: &TurnRow,
        session: &SessionRow,
        entry: &Entry,
        mut state: Vec<Change>,
    ) -> Result<(), Refusal> {
        let mut draft = records::of_turn(Kind::Message, turn, row);
        draft.labels = Some(Labels::default());
        draft.event = Some(Event::MessageReceived);
        draft.payload = json!({ "entry": entry });
        state.extend([session::put_session(&row.session, session)?, session::put_turn(turn, row)?]);
        self.record(draft, state).await?;
        Ok(())
    }

    /// The conversation that a message belongs to: its sender's, with its agent.
    fn session_for(&self, message: &Message) -> Result<(SessionId, SessionRow), Refusal> {
        let Some(id) = &message.session else {
            let row = SessionRow::new(message.agent.clone(), message.person.id.clone(), Labels::default());
            return Ok((SessionId::from_random(self.ambient.random()), row));
        };
        let row = session::session(&self.journal, id)?;
        let theirs = |row: &SessionRow| row.person == message.person.id && row.agent == message.agent;
        match row.filter(|row| theirs(row) && !row.ended) {
            Some(row) => Ok((id.clone(), row)),
            // Somebody else's conversation is not told apart from none.
            None => Err(Refusal::new(
                RefusalKind::NotFound,
                format!("`{}` has no conversation `{id}` with `{}`", message.person.id, message.agent),
            )),
        }
    }

    /// Records that somebody asked an agent that they have no right to: at once, or in the sum of their refusals.
    pub(crate) async fn turned_away(&self, person: &Person, agent: &AgentName) -> Result<Refusal, Refusal> {
        let why = format!(
            "`{}` has no right to ask `{agent}`; an administrator grants it in `[[group]]` of bulkhead.toml",
            person.id
        );
        if !self.tells_refusal(person) {
            return Ok(Refusal::new(RefusalKind::Forbidden, why));
        }
        let mut draft = records::of_agent(Kind::Auth, Event::AskRefused, Some(person), agent, Facts::new());
        draft.payload = records::why(&why);
        draft.decision = Some(Decision::Deny);
        draft.reasons = vec![journal::Ground { layer: Layer::Rights, policy: "rights:agents".into() }];
        self.record(draft, Vec::new()).await?;
        Ok(Refusal::new(RefusalKind::Forbidden, why))
    }
}

/// A place to run, once there is one; none for what is stopped before it runs: whoever ends it waits for that.
async fn room_unless(room: &Arc<Semaphore>, stopped: &CancellationToken) -> Option<OwnedSemaphorePermit> {
    tokio::select! {
        biased;
        () = stopped.cancelled() => None,
        room = Arc::clone(room).acquire_owned() => room.ok(),
    }
}

/// The content of a turn's end: why there is no answer, and how a program ended.
fn ending(error: Option<&str>, program: Option<&str>) -> Value {
    if error.is_none() && program.is_none() {
        return Value::Null;
    }
    let mut ending = json!({ "error": error });
    if let (Some(how), Some(ending)) = (program, ending.as_object_mut()) {
        ending.insert("program".to_owned(), json!(how));
    }
    ending
}

/// Whether an agent takes messages.
pub(crate) fn admits(slot: &Slot) -> Result<(), Refusal> {
    let name = &slot.name;
    let state = match slot.standing() {
        Standing::Open => return Ok(()),
        Standing::Paused => "is paused",
        Standing::Killed => "was stopped",
    };
    Err(Refusal::new(
        RefusalKind::Conflict,
        format!("the agent `{name}` {state}; `bulkhead agents resume {name}` lets it work again"),
    ))
}

/// A session's place for one turn; given back when the turn does not begin.
pub(crate) struct Place<'a> {
    gateway: &'a Gateway,
    session: &'a SessionId,
    kept: bool,
}

impl<'a> Place<'a> {
    pub(crate) fn take(
        gateway: &'a Gateway,
        session: &'a SessionId,
        turn: &TurnId,
        person: &PersonId,
    ) -> Result<Self, Refusal> {
        gateway.open.enter(session, turn, person)?;
        Ok(Self { gateway, session, kept: false })
    }

    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.gateway.open.leave(self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_is_stopped_waits_for_no_place_and_takes_none() {
        let (room, stopped) = (Arc::new(Semaphore::new(1)), CancellationToken::new());
        let place = room_unless(&room, &stopped).await.unwrap();
        let waiting = tokio::spawn({
            let (room, stopped) = (Arc::clone(&room), stopped.clone());
            async move { room_unless(&room, &stopped).await.is_none() }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "there is no place");
        stopped.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        assert!(ended.expect("it waits though it was stopped").unwrap());
        drop(place);
        assert!(room_unless(&room, &stopped).await.is_none());
        assert_eq!(room.available_permits(), 1);
    }
}
