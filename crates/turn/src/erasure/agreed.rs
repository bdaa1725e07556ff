//! What the record says of an erasure: who asked for what, and who else agreed. A row of state is a claim of that and
//! no more: what is erased is erased by an [`Agreed`], and only the record makes one.

use std::ops::ControlFlow;

use journal::read::{Reader, Record, Told};
use journal::{Event, Fact, Kind};
use vocab::{ErasureId, PersonId, SignedDuration, Timestamp};

use super::{CONSENT_LIFETIME_HOURS, ErasureView, Scope};
use crate::Refusal;
use crate::gateway::Gateway;

/// The events in which somebody says no to a request for good, by their ground; others refuse a person and not the request.
const ENDING: [&str; 4] = ["hold", "expired", "person", UNFOUNDED];

/// The ground on which a row is refused that the record does not bear out.
pub(super) const UNFOUNDED: &str = "record";

/// An erasure that two people agreed on, by the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) of: Scope,
    pub(super) asked_by: PersonId,
    pub(super) consent: PersonId,
    /// Nothing from this record on is part of it: it had begun to be carried out by then.
    pub(super) before: Option<u64>,
}

/// What the record says of a request.
#[derive(Debug, Default)]
pub(super) struct Course {
    asked: Option<Record>,
    /// Why, in the words of who asked.
    reason: Option<String>,
    consented: Option<Record>,
    ended: bool,
    /// The first record that says that something was erased on this request.
    begun: Option<u64>,
}

impl Course {
    /// Looks through the record for the request of `view`.
    pub(super) fn of(reader: &Reader, view: &ErasureView) -> Result<Self, Refusal> {
        let mut course = Self::default();
        let asked = Told {
            kind: Kind::Admin,
            events: vec![Event::ErasureAsked],
            person: Some(view.asked_by.clone()),
            session: None,
            after: 0,
        };
        let after = reader.told(&asked, |record| {
            if !is_about(&record, &view.id) {
                return ControlFlow::Continue(());
            }
            course.asked = Some(record);
            ControlFlow::Break(())
        })?;
        let Some(record) = &course.asked else { return Ok(course) };
        let content = reader.committed(record)?;
        course.reason = content.and_then(|content| Some(content.get("why")?.as_str()?.to_owned()));
        let events = vec![Event::ErasureConsented, Event::ErasureRefused, Event::ErasureDone];
        let since = Told { events, person: None, after, ..asked };
        reader.told(&since, |record| {
            if is_about(&record, &view.id) {
                course.take(record);
            }
            ControlFlow::Continue(())
        })?;
        Ok(course)
    }

    fn take(&mut self, record: Record) {
        match record.event {
            Some(Event::ErasureConsented) if self.consented.is_none() => self.consented = Some(record),
            Some(Event::ErasureDone) => self.begun = self.begun.or(Some(record.seq)),
            Some(Event::ErasureRefused) => {
                self.ended |= record.facts.text("ground").is_none_or(|ground| ENDING.contains(&ground));
            }
            _ => {}
        }
    }

    /// Whether `view` is what was asked for, by whom, and still waits at `now`.
    ///
    /// # Errors
    /// In what it differs.
    pub(super) fn waits(&self, view: &ErasureView, now: Timestamp) -> Result<(), String> {
        let record = self
            .asked
            .as_ref()
            .ok_or_else(|| format!("no record says that `{}` asked for it", view.asked_by))?;
        let said = record.facts.text("of").unwrap_or_default();
        if said != view.of.to_string() {
            return Err(format!("record {} asks for {said} to be erased, and not {}", record.seq, view.of));
        }
        if self.reason.as_ref() != Some(&view.reason) {
            return Err(format!("record {} has another reason", record.seq));
        }
        let lifetime = SignedDuration::from_hours(CONSENT_LIFETIME_HOURS);
        let consented = self.consented.as_ref().map_or(now, |record| record.time);
        if consented.duration_since(record.time) > lifetime {
            return Err(format!("record {} is too old to be agreed to", record.seq));
        }
        if self.ended {
            return Err("a record says that it was refused or over".to_owned());
        }
        Ok(())
    }

    /// The erasure that was agreed to. `solo` is the person who agrees with themselves, in a home of one.
    ///
    /// # Errors
    /// What the record lacks.
    pub(super) fn agreed(self, view: &ErasureView, solo: Option<&PersonId>) -> Result<Agreed, String> {
        self.waits(view, Timestamp::MIN)?;
        let none = || "no record says that a second person agreed".to_owned();
        let record = self.consented.as_ref().ok_or_else(none)?;
        let consent = record.person.clone().ok_or_else(none)?;
        if record.facts.text("of") != Some(view.of.to_string().as_str()) {
            return Err(format!("record {} agrees to something else", record.seq));
        }
        let own = consent == view.asked_by;
        let said = record.facts.get("self_consented") == Some(&Fact::Flag(true));
        if own && (!said || solo != Some(&consent)) {
            return Err(format!("record {} is of who asked, and another person has to agree", record.seq));
        }
        if view.decided_by.as_ref() != Some(&consent) {
            return Err(format!("record {} says that `{consent}` agreed, and nobody else did", record.seq));
        }
        Ok(Agreed { of: view.of.clone(), asked_by: view.asked_by.clone(), consent, before: self.begun })
    }
}

fn is_about(record: &Record, id: &ErasureId) -> bool {
    record.facts.text("erasure") == Some(id.as_str())
}

impl Gateway {
    /// What the record says of the request of `view`.
    pub(super) async fn course(&self, view: &ErasureView) -> Result<Course, Refusal> {
        let view = view.clone();
        self.look(move |reader| Course::of(reader, &view)).await
    }
}
