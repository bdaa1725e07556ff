//! What people are shown: agents, and their own conversations.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use journal::read::{Query, Reader, Record};
use journal::{Event, Kind};
use monitor::Act;
use serde_json::Value;
use vocab::limits::MAX_TRANSCRIPT_ENTRIES;
use vocab::{AgentName, Person, SessionId, Status, TurnId, Verb};

use crate::event::Events;
use crate::gateway::Gateway;
use crate::slot::{Slot, Standing};
use crate::steps::look_at;
use crate::view::{AgentView, Conversation, Said};
use crate::{Refusal, RefusalKind, branch, session};

/// The most things said that a conversation is shown with; the newest. A conversation has no room for more.
const MAX_SAID: usize = MAX_TRANSCRIPT_ENTRIES;

/// How often the record is gone further back for them; each time it gives up to 10,000 records.
const MAX_LOOKS_BACK: usize = 32;

impl Gateway {
    /// Every agent that this person may ask or manage.
    ///
    /// # Errors
    /// When the agents' folder or the settings cannot be read.
    pub fn agents(&self, by: &Person) -> Result<Vec<AgentView>, Refusal> {
        let monitor = self.monitor()?;
        let slots = self.all_slots()?;
        let shown = slots.iter().filter(|slot| monitor.may(by, Act::AgentSee, Some(&slot.name)).is_ok());
        Ok(shown.map(|slot| self.agent_view(slot)).collect())
    }

    /// One agent.
    ///
    /// # Errors
    /// When there is none that this person may ask or manage.
    pub fn agent(&self, by: &Person, name: &AgentName) -> Result<AgentView, Refusal> {
        let slot = self.slot(name)?;
        if self.allows(by, Act::AgentSee, Some(name)) {
            return Ok(self.agent_view(&slot));
        }
        Err(Refusal::new(
            RefusalKind::NotFound,
            format!("there is no agent `{name}`; `bulkhead agents list` shows those that there are"),
        ))
    }

    fn agent_view(&self, slot: &Arc<Slot>) -> AgentView {
        let compiled = self.monitor().and_then(|monitor| self.compartment(slot, &monitor));
        let sessions = slot.running.load(Ordering::Relaxed);
        let state = match slot.standing() {
            Standing::Killed => "killed",
            Standing::Paused => "paused",
            Standing::Open if sessions > 0 => "running",
            Standing::Open => "idle",
        };
        let pulse = self.hearts.pulse(&slot.name);
        let charter = compiled.as_ref().ok().map(|compartment| compartment.charter());
        AgentView {
            name: slot.name.clone(),
            role: charter.map(|charter| charter.role.clone()).unwrap_or_default(),
            state: state.to_owned(),
            version: charter.map(|charter| charter.digest),
            sessions,
            skills: charter
                .map(|c| c.skills.iter().map(|skill| skill.skill.clone()).collect())
                .unwrap_or_default(),
            last_active: pulse.last_active,
            errors_today: pulse.errors_today,
            anomalies: pulse.anomalies,
            problem: compiled.as_ref().err().map(|refusal| refusal.message.clone()),
            reduced: self.config.reduced,
        }
    }

    /// What happens in a turn of this person, from now on, or after the event with the id `since`: then also in one that
    /// has ended a short while ago.
    ///
    /// # Errors
    /// When the turn is over or somebody else's.
    pub fn follow_turn(&self, by: &Person, turn: &TurnId, since: Option<&str>) -> Result<Events, Refusal> {
        let events = Events::of_turn(self.bus.follow(since), turn.clone());
        let row = session::turn(&self.journal, turn)?;
        if row.is_some_and(|row| row.person == by.id) {
            return Ok(events);
        }
        if since.is_some()
            && let Some(session) = self.bus.session_of(turn)
            && self.is_own(by, &session)?
        {
            return Ok(events);
        }
        Err(Refusal::new(
            RefusalKind::NotFound,
            format!("`{}` has no turn `{turn}` that is still going on", by.id),
        ))
    }

    /// What was said in a conversation: nothing that was held back is shown. It is this person's own, or one whose
    /// content they may read. The look is durable before this answers.
    ///
    /// # Errors
    /// When there is none that this person may read, or the record cannot be read or written.
    pub async fn conversation(&self, by: &Person, id: &SessionId) -> Result<Conversation, Refusal> {
        let (row, own) = self.readable(by, id).await?;
        let waiting = match self.open.turn_in(id) {
            Some(turn) => session::turn(&self.journal, &turn)?.and_then(|row| row.waiting),
            None => None,
        };
        let (line, branch) = (branch::line(&self.journal, id, &row)?, branch::view(&self.journal, &row)?);
        let said = self.looking(move |reader| said(reader, line)).await?;
        self.record(look_at(by, id, &row, said.len() as u64, own), Vec::new()).await?;
        Ok(Conversation { session: id.clone(), agent: row.agent, labels: row.labels, waiting, branch, said })
    }
}

/// What was heard in the conversations that one is told from, the newest [`MAX_SAID`] of it: a person's messages, and the
/// replies that were delivered.
fn said(reader: &Reader, line: Vec<(SessionId, Option<u64>)>) -> Result<Vec<Said>, Refusal> {
    let mut heard = Vec::new();
    let mut looks = 0;
    for (session, end) in line.into_iter().rev() {
        let before = end.map(|end| end.saturating_add(1));
        let mut query = Query { session: Some(session.clone()), before, ..Query::default() };
        while looks < MAX_LOOKS_BACK && heard.len() < MAX_SAID {
            looks += 1;
            let back = reader.back(&query)?;
            let records = back.records.into_iter();
            heard.extend(records.filter_map(|record| Some((session.clone(), heard_in(&record)?, record))));
            query.before = back.before;
            if back.before.is_none() {
                break;
            }
        }
    }
    heard.truncate(MAX_SAID);
    heard.reverse();
    let seqs: Vec<u64> = heard.iter().map(|(_, _, record)| record.seq).collect();
    let contents: BTreeMap<u64, Value> = reader.contents(&seqs)?.0.into_iter().collect();
    let said = heard.into_iter().map(|(session, (by, place), record)| {
        let text = contents.get(&record.seq).and_then(|content| content.pointer(place)?.as_str());
        let (seq, turn, time) = (record.seq, record.turn, record.time);
        Said { seq, session, turn, time, by: by.to_owned(), text: text.map(str::to_owned) }
    });
    Ok(said.collect())
}

/// Who said what a record has, and where the words stand in its content; none for what nobody heard.
pub(crate) fn heard_in(record: &Record) -> Option<(&'static str, &'static str)> {
    let verb = record.action.as_ref().and_then(|action| action.verb);
    match record.kind {
        Kind::Message if record.event == Some(Event::MessageReceived) => Some(("person", "/entry/text")),
        Kind::Outcome if record.status == Some(Status::Done) && verb == Some(Verb::Reply) => {
            Some(("agent", "/body/text"))
        }
        _ => None,
    }
}
