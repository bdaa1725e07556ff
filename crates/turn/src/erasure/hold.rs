//! Legal holds: content that nobody erases and no period ends for.

use journal::read::Record;
use journal::{Change, Draft, Event, Facts, Kind};
use serde::{Deserialize, Serialize};
use vocab::{AgentName, HoldId, Labels, Person, PersonId, SessionId, Timestamp};

use super::branches::Past;
use super::request::reasoned;
use crate::gateway::Gateway;
use crate::{Refusal, RefusalKind, records};

/// The rows that keep holds.
pub(super) const HOLD: &str = "hold";

/// The most holds at once.
const MAX_HOLDS: usize = 1_000;

/// What is held: records of which all that is named here is true. At least one thing is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HoldScope {
    /// About this person, or in their conversations.
    pub person: Option<PersonId>,
    /// In this conversation.
    pub session: Option<SessionId>,
    /// About this agent.
    pub agent: Option<AgentName>,
    /// Whose data carries this label: a level or a category. What has no label is `internal`.
    pub label: Option<String>,
    /// Written at this time or later.
    pub since: Option<Timestamp>,
    /// Written before this time.
    pub until: Option<Timestamp>,
}

impl HoldScope {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn facts(&self) -> Facts {
        Facts::new()
            .with_some("person", self.person.as_ref().map(PersonId::as_str))
            .with_some("session", self.session.as_ref().map(SessionId::as_str))
            .with_some("agent", self.agent.as_ref().map(AgentName::as_str))
            .with_some("label", self.label.as_deref())
            .with_some("since", self.since.map(|time| time.to_string()))
            .with_some("until", self.until.map(|time| time.to_string()))
    }

    /// Whether a record is held. `owner` is the person whose conversation it belongs to, and `branches` are those that go on
    /// from that conversation, each with the last record of it that they have: a conversation is held with its past.
    pub(super) fn covers(&self, record: &Record, owner: Option<&PersonId>, branches: &[Past]) -> bool {
        // What has no label counts as retention counts it.
        let unlabelled = Labels::default();
        let labelled = |label: &String| {
            record.labels.as_ref().unwrap_or(&unlabelled).names().iter().any(|name| name == label)
        };
        let in_session = |session: &SessionId| {
            record.session.as_ref() == Some(session)
                || branches.iter().any(|past| past.branch == *session && record.seq <= past.end)
        };
        let whose = |person: &PersonId| record.person.as_ref() == Some(person) || owner == Some(person);
        self.person.as_ref().is_none_or(whose)
            && self.session.as_ref().is_none_or(in_session)
            && self.agent.as_ref().is_none_or(|agent| record.agent.as_ref() == Some(agent))
            && self.label.as_ref().is_none_or(labelled)
            && self.since.is_none_or(|since| record.time >= since)
            && self.until.is_none_or(|until| record.time < until)
    }
}

/// The hold that a record is under, if it is under one: one that covers it, or one that covers a record of a conversation
/// that has it in its past. `owner` and `branches` are as for [`HoldScope::covers`].
pub(super) fn holding<'a>(
    holds: &'a [Hold],
    record: &Record,
    owner: Option<&PersonId>,
    branches: &'a [Past],
) -> Option<&'a HoldId> {
    let covering = holds.iter().find(|hold| hold.of.covers(record, owner, branches)).map(|hold| &hold.id);
    let needed = || {
        let past = branches.iter().filter(|past| record.seq <= past.end);
        past.filter_map(|past| past.hold.as_ref()).next()
    };
    covering.or_else(needed)
}

/// A legal hold, as it is kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Which.
    pub id: HoldId,
    /// What is held.
    pub of: HoldScope,
    /// Why.
    pub reason: String,
    /// Who put it there.
    pub by: PersonId,
    /// When.
    pub since: Timestamp,
}

impl Gateway {
    /// Puts a hold on content. What is being erased at this moment is erased before it counts.
    ///
    /// # Errors
    /// When `by` has no right to, nothing is named, there are too many holds, or the record cannot be written.
    pub async fn add_hold(&self, by: &Person, of: HoldScope, reason: &str) -> Result<Hold, Refusal> {
        self.may_hold(by)?;
        let reason = reasoned(reason)?;
        if of.is_empty() {
            let message = "a hold names what it holds: a person, a session, an agent, a label or a time";
            return Err(Refusal::new(RefusalKind::Invalid, message));
        }
        if of.since.zip(of.until).is_some_and(|(since, until)| since >= until) {
            return Err(Refusal::new(RefusalKind::Invalid, "a hold's time ends after it begins"));
        }
        if let Some(label) = &of.label
            && let Err(error) = vocab::Labels::from_names([label.as_str()])
        {
            return Err(Refusal::new(RefusalKind::Invalid, error.to_string()));
        }
        let _erasing = self.erasing.lock().await;
        if self.count_holds()? >= MAX_HOLDS {
            let message = format!("there are {MAX_HOLDS} holds, which is the most; remove one first");
            return Err(Refusal::new(RefusalKind::Busy, message));
        }
        let hold = Hold {
            id: HoldId::from_random(self.ambient.random()),
            of,
            reason,
            by: by.id.clone(),
            since: self.ambient.now(),
        };
        let mut draft =
            Draft::of_event(Kind::Admin, Event::HoldAdded, hold.of.facts().with("hold", hold.id.as_str()));
        draft.person = Some(by.id.clone());
        draft.payload = records::why(&hold.reason);
        self.record(draft, vec![records::put(HOLD, hold.id.as_str(), &hold)?]).await?;
        Ok(hold)
    }

    /// Every hold, the oldest first.
    ///
    /// # Errors
    /// When `by` has no right to see them, or the database cannot be read.
    pub async fn list_holds(&self, by: &Person) -> Result<Vec<Hold>, Refusal> {
        self.may_hold(by)?;
        let mut holds = self.all_holds().await?;
        holds.sort_by_key(|hold| hold.since);
        Ok(holds)
    }

    /// Takes a hold off. What it held goes when its time is over, or when somebody asks for it.
    ///
    /// # Errors
    /// When `by` has no right to, there is no such hold, or the record cannot be written.
    pub async fn remove_hold(&self, by: &Person, id: &HoldId, reason: &str) -> Result<Hold, Refusal> {
        self.may_hold(by)?;
        let reason = reasoned(reason)?;
        let _erasing = self.erasing.lock().await;
        let own = records::get::<Hold>(&self.journal, HOLD, id.as_str());
        if matches!(own, Ok(None)) && self.journal.everyones(HOLD)?.iter().any(|(key, _)| key == id.as_str())
        {
            let message =
                format!("the hold `{id}` was put there at another gateway of this record; remove it there");
            return Err(Refusal::new(RefusalKind::Conflict, message));
        }
        // What the record has can be let go, whatever became of its row.
        let hold = match self.recorded_hold(id).await? {
            Some(hold) => hold,
            None => own?.ok_or_else(|| {
                let message =
                    format!("there is no hold `{id}`; `bulkhead audit hold list` shows those that there are");
                Refusal::new(RefusalKind::NotFound, message)
            })?,
        };
        let mut draft =
            Draft::of_event(Kind::Admin, Event::HoldRemoved, hold.of.facts().with("hold", id.as_str()));
        draft.person = Some(by.id.clone());
        draft.payload = records::why(&reason);
        self.record(draft, vec![Change::delete(HOLD, id.as_str())]).await?;
        Ok(hold)
    }

    fn may_hold(&self, by: &Person) -> Result<(), Refusal> {
        if self.monitor()?.may_erase(by) {
            return Ok(());
        }
        let message = format!(
            "`{}` may not hold content or let it go; an administrator may, and whose group has `erase = true`",
            by.id
        );
        self.refused_right(by, Facts::new().with("what", "hold content or let it go"));
        Err(Refusal::new(RefusalKind::Forbidden, message))
    }
}
