//! Copies of what another gateway of the record erased. An erasure takes contents out of the record that all share; the
//! conversations, approvals and files beside it are each gateway's own, and go when it comes across the record that says so.

use std::ops::ControlFlow;
use std::sync::Arc;

use journal::read::{Query, Reader, Record, Told};
use journal::{Event, Kind, Place};
use vocab::{PersonId, SessionId};

use super::hold::Hold;
use super::select::{Found, Selection};
use crate::gateway::Gateway;
use crate::{Refusal, records};

/// The row that keeps up to which record this gateway has followed the erasures of all.
const FOLLOWED: &str = "erased";

/// Its name.
const UPTO: &str = "upto";

/// How often, three seconds apart, it is waited for conversations to rest of which another gateway erased something because its
/// time was over. Then they are ended: others that were erased by order wait behind them.
const MAX_LEFT_ALONE: u32 = 100;

/// How far the erasures of all gateways were followed.
#[derive(Debug, Default)]
pub(super) struct Following {
    upto: Option<u64>,
    /// How often the next one was put off.
    put_off: u32,
}

impl Following {
    /// Whether the next one may be put off once more.
    const fn waits(&mut self) -> bool {
        self.put_off = self.put_off.saturating_add(1);
        self.put_off <= MAX_LEFT_ALONE
    }

    const fn done(&mut self, upto: u64) {
        (self.upto, self.put_off) = (Some(upto), 0);
    }
}

/// An erasure, and what it was of.
struct Elsewhere {
    record: Record,
    found: Found,
}

impl Gateway {
    /// Takes away what this gateway has of what any gateway has erased since it looked last. A conversation that goes on is
    /// ended where a person had it erased, and left alone for a while, until it rests, where its time was over.
    pub(super) async fn follow_erasures(self: &Arc<Self>, following: &mut Following) -> Result<(), Refusal> {
        if matches!(self.config.database, Place::Sqlite(_)) {
            return Ok(());
        }
        while !self.stop.is_cancelled() {
            let after = match following.upto {
                Some(upto) => upto,
                None => records::get::<u64>(&self.journal, FOLLOWED, UPTO)?.unwrap_or(0),
            };
            let holds = self.holds().await?;
            let (elsewhere, end) = self.look(move |reader| next(reader, &holds, after)).await?;
            let Some(elsewhere) = elsewhere else {
                following.done(end);
                return Ok(());
            };
            if !self.follow_erasure(&elsewhere, following).await? {
                return Ok(());
            }
            self.change_rows(vec![records::put(FOLLOWED, UPTO, &end)?]).await?;
            following.done(end);
        }
        Ok(())
    }

    /// Whether it could be done now.
    async fn follow_erasure(
        self: &Arc<Self>,
        Elsewhere { record, found }: &Elsewhere,
        following: &mut Following,
    ) -> Result<bool, Refusal> {
        let _erasing = self.erasing.lock().await;
        let by_order = record.event == Some(Event::ErasureDone);
        let _closing = match by_order {
            true => self.end_conversations(found.resting(), None).await?,
            false => {
                let closing = self.open.close(found.resting(), None);
                match closing.left().is_empty() {
                    true => closing,
                    false if following.waits() => return Ok(false),
                    false => self.end_conversations(found.resting(), None).await?,
                }
            }
        };
        self.erase_files(found, record.time).await?;
        self.bus.forget(&found.sessions);
        self.drop_copies(found).await?;
        Ok(true)
    }
}

/// The next erasure after record `after`, and up to where it was looked.
fn next(reader: &Reader, holds: &[Hold], after: u64) -> Result<(Option<Elsewhere>, u64), Refusal> {
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
            for one in &page {
                found.meet(one);
                take(&mut found, one, person.as_ref(), alone);
            }
        }
    }
    Selection::new(reader, holds).find_branches(&mut found)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_rests_holds_the_erasures_behind_it_up_for_a_while_and_no_longer() {
        let mut following = Following::default();
        assert!((0..MAX_LEFT_ALONE).all(|_| following.waits()));
        assert!(!following.waits());
        following.done(7);
        assert!(following.waits());
        assert_eq!(following.upto, Some(7));
    }
}
