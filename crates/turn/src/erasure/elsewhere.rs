//! Copies of what another gateway of the record erased. An erasure takes contents out of the record that all share; the
//! conversations, approvals and files beside it are each gateway's own, and go when it comes across the record that says so.

use std::ops::ControlFlow;
use std::sync::Arc;

use journal::read::{Query, Reader, Record, Told};
use journal::{Event, Kind, Place};
use vocab::{PersonId, SessionId};

use super::select::{Found, Selection};
use crate::gateway::Gateway;
use crate::{Refusal, records};

/// The row that keeps up to which record this gateway has followed the erasures of all.
const FOLLOWED: &str = "erased";

/// Its name.
const UPTO: &str = "upto";

/// An erasure, and what it was of.
struct Elsewhere {
    record: Record,
    found: Found,
}

impl Gateway {
    /// Takes away what this gateway has of what any gateway has erased since it looked last. A conversation that goes on is
    /// ended where a person had it erased, and left alone until it rests where its time was over.
    pub(super) async fn follow_erasures(self: &Arc<Self>, upto: &mut Option<u64>) -> Result<(), Refusal> {
        if matches!(self.config.database, Place::Sqlite(_)) {
            return Ok(());
        }
        while !self.stop.is_cancelled() {
            let after = match *upto {
                Some(upto) => upto,
                None => records::get::<u64>(&self.journal, FOLLOWED, UPTO)?.unwrap_or(0),
            };
            let (elsewhere, end) = self.look(move |reader| next(reader, after)).await?;
            let Some(elsewhere) = elsewhere else {
                *upto = Some(end);
                return Ok(());
            };
            if !self.follow_erasure(&elsewhere).await? {
                return Ok(());
            }
            self.change_rows(vec![records::put(FOLLOWED, UPTO, &end)?]).await?;
            *upto = Some(end);
        }
        Ok(())
    }

    /// Whether it could be done now.
    async fn follow_erasure(
        self: &Arc<Self>,
        Elsewhere { record, found }: &Elsewhere,
    ) -> Result<bool, Refusal> {
        let _erasing = self.erasing.lock().await;
        let resting = found.resting();
        let _places = if record.event == Some(Event::ErasureDone) {
            self.end_conversations(&resting, None).await?
        } else {
            let Ok(places) = self.places(&resting) else { return Ok(false) };
            places
        };
        self.erase_files(found, record.time).await?;
        self.bus.forget(&found.sessions);
        self.drop_copies(found).await?;
        Ok(true)
    }
}

/// The next erasure after record `after`, and up to where it was looked.
fn next(reader: &Reader, after: u64) -> Result<(Option<Elsewhere>, u64), Refusal> {
    let events = vec![Event::ErasureDone, Event::RetentionApplied];
    let wanted = Told { kind: Kind::Admin, events, person: None, session: None, after };
    let mut record = None;
    let upto = reader.told(&wanted, |one| {
        record = Some(one);
        ControlFlow::Break(())
    })?;
    let Some(record) = record else { return Ok((None, upto)) };
    let of = record.facts.text("of").unwrap_or_default();
    let person = of.strip_prefix("person:").and_then(|person| PersonId::new(person).ok());
    let session = of.strip_prefix("session:").and_then(|session| SessionId::new(session).ok());
    let mut found = Found::default();
    let alone = session.is_some();
    found.sessions.extend(session);
    for (first, last) in record.erases.iter().flat_map(|erases| erases.ranges()) {
        let before = last.checked_add(1);
        let mut query = Query { after: first.checked_sub(1), before, ..Query::default() };
        loop {
            let page = reader.query(&query)?;
            let Some(end) = page.last() else { break };
            query.after = Some(end.seq);
            page.iter().for_each(|one| take(&mut found, one, person.as_ref(), alone));
        }
    }
    found.branches = Selection::new(reader, &[]).branches_of(&found.sessions)?;
    Ok((Some(Elsewhere { record, found }), upto))
}

/// What a person decided on in somebody else's conversation does not make that theirs; why they said no stands in it. Of a
/// conversation `alone`, what others that go on from it have said of it goes, and they go on.
fn take(found: &mut Found, record: &Record, of: Option<&PersonId>, alone: bool) {
    let mut one = Found::default();
    one.take(record, &[], None, &[]);
    found.agents.append(&mut one.agents);
    found.proposals.append(&mut one.proposals);
    let theirs = |person: &PersonId| {
        record.event == Some(Event::ApprovalDenied)
            || record.kind == Kind::Message && record.person.as_ref() == Some(person)
    };
    if !alone && of.is_none_or(theirs) {
        found.sessions.append(&mut one.sessions);
    }
}
