//! Copies of what another gateway of the record erased. An erasure takes contents out of the record that all share; the
//! conversations, approvals and files beside it are each gateway's own, and go when it comes across the record that says so.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use journal::read::{Query, Reader, Record, Told};
use journal::{Event, Journal, Kind, Place};
use vocab::{PersonId, SessionId};

use super::Scope;
use super::hold::Hold;
use super::select::{Found, Selection};
use super::since::{Order, Stays};
use crate::gateway::Gateway;
use crate::{Refusal, records, session};

/// The row that keeps up to which record this gateway has followed the erasures of all.
const FOLLOWED: &str = "erased";

/// Its name.
const UPTO: &str = "upto";

/// How often, three seconds apart, it is waited for conversations to rest of which another gateway erased something because its
/// time was over. Then they are ended, and so are those of the erasures right behind: what was erased by order waits for all of them.
const MAX_LEFT_ALONE: u32 = 100;

/// How far the erasures of all gateways were followed.
#[derive(Debug, Default)]
pub(super) struct Following {
    upto: Option<u64>,
    /// How often any was put off since all had been followed.
    put_off: u32,
}

impl Following {
    /// Whether the next one may be put off once more.
    const fn waits(&mut self) -> bool {
        self.put_off = self.put_off.saturating_add(1);
        self.put_off <= MAX_LEFT_ALONE
    }

    /// One was followed, which may have others behind it.
    const fn went(&mut self, upto: u64) {
        self.upto = Some(upto);
    }

    /// All were.
    const fn done(&mut self, upto: u64) {
        (self.upto, self.put_off) = (Some(upto), 0);
    }
}

/// An erasure, and what this gateway has of it.
struct Elsewhere {
    record: Record,
    found: Found,
    /// The order that it was done by, where it was of a person or a conversation of which something is here.
    order: Option<Order>,
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
            let (done, end) = self.look(move |reader| next_done(reader, after)).await?;
            let Some(record) = done else {
                following.done(end);
                return Ok(());
            };
            // From here on nobody goes on from anything without being found.
            let _erasing = self.erasing.lock().await;
            let (journal, solo) = (self.journal.clone(), self.config.solo.clone());
            let holds = self.holds().await?;
            let look = move |reader: &Reader| elsewhere((&journal, reader), &holds, solo.as_ref(), record);
            let elsewhere = self.look(look).await?;
            if !self.follow_erasure(&elsewhere, following, end).await? {
                return Ok(());
            }
            following.went(end);
        }
        Ok(())
    }

    /// Whether it could be done now. The caller holds `erasing`.
    async fn follow_erasure(
        self: &Arc<Self>,
        Elsewhere { record, found, order }: &Elsewhere,
        following: &mut Following,
        end: u64,
    ) -> Result<bool, Refusal> {
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
        let stays = match order {
            Some(order) => self.erase_since(order).await?,
            None => Stays::Nothing,
        };
        let until = if order.is_some() { self.ambient.now() } else { record.time };
        self.erase_files(found, until).await?;
        self.bus.forget(&found.sessions);
        self.drop_copies(found, records::put(FOLLOWED, UPTO, &end)?).await?;
        stays.say();
        Ok(true)
    }
}

/// The record of the next erasure after record `after`, and up to where it was looked.
fn next_done(reader: &Reader, after: u64) -> Result<(Option<Record>, u64), Refusal> {
    let events = vec![Event::ErasureDone, Event::RetentionApplied];
    let wanted = Told { kind: Kind::Admin, events, person: None, session: None, after };
    let mut record = None;
    let upto = reader.told(&wanted, |one| {
        record = Some(one);
        ControlFlow::Break(())
    })?;
    Ok((record, upto))
}

/// What this gateway has of the erasure that `record` says.
fn elsewhere(
    (journal, reader): (&Journal, &Reader),
    holds: &[Hold],
    solo: Option<&PersonId>,
    record: Record,
) -> Result<Elsewhere, Refusal> {
    let of = record.facts.text("of").and_then(Scope::read);
    let mut found = touched(reader, &record, of.as_ref())?;
    let mut selection = Selection::new(reader, holds);
    let touched = here(journal, std::mem::take(&mut found.sessions))?;
    let own = match &of {
        Some(Scope::Person(person)) => here(journal, selection.own(person, Some(record.seq))?)?,
        Some(Scope::Session(_) | Scope::Records(..)) | None => BTreeSet::new(),
    };
    let mut order = match of {
        Some(of @ (Scope::Person(_) | Scope::Session(_))) if !touched.is_empty() || !own.is_empty() => {
            Order::of(reader, &record, of, solo)?
        }
        Some(_) | None => None,
    };
    found.sessions = touched;
    if let Some(order) = &mut order {
        // What they had said by then in a conversation that nobody had looked at yet is part of it. Somebody else's in which they
        // decided on something is not: only what this gateway keeps of it goes.
        let of_it = order.sessions(&selection)?;
        found.sessions.extend(own.into_iter().filter(|session| of_it.contains(session)));
        order.here = found.sessions.intersection(&of_it).cloned().collect();
    }
    selection.find_branches(&mut found)?;
    // What is kept for one that is held goes on being what that refers to.
    if let Some(order) = &mut order {
        order.here.retain(|session| !found.kept.contains_key(session));
    }
    Ok(Elsewhere { record, found, order })
}

/// Those of these conversations that this gateway has.
fn here(journal: &Journal, sessions: BTreeSet<SessionId>) -> Result<BTreeSet<SessionId>, Refusal> {
    let mut here = BTreeSet::new();
    for session in sessions {
        if session::session(journal, &session)?.is_some() {
            here.insert(session);
        }
    }
    Ok(here)
}

/// What the contents were of that an erasure took.
fn touched(reader: &Reader, record: &Record, of: Option<&Scope>) -> Result<Found, Refusal> {
    let mut found = Found::default();
    if let Some(Scope::Session(session)) = of {
        found.sessions.insert(session.clone());
    }
    for (first, last) in record.erases.iter().flat_map(|erases| erases.ranges()) {
        let before = last.checked_add(1);
        let mut query = Query { after: first.checked_sub(1), before, ..Query::default() };
        loop {
            let page = reader.query(&query)?;
            let Some(end) = page.last() else { break };
            query.after = Some(end.seq);
            for one in &page {
                found.meet(one);
                take(&mut found, one, of);
            }
        }
    }
    Ok(found)
}

/// What a person decided on in somebody else's conversation does not make that theirs; why they said no stands in it. Of a
/// conversation alone, what others that go on from it have said of it goes, and they go on.
fn take(found: &mut Found, record: &Record, of: Option<&Scope>) {
    let mut one = Found::default();
    one.take(record, &[], None, &[]);
    found.agents.append(&mut one.agents);
    found.proposals.append(&mut one.proposals);
    let theirs = |person: &PersonId| {
        record.event == Some(Event::ApprovalDenied)
            || record.kind == Kind::Message && record.person.as_ref() == Some(person)
    };
    let goes = match of {
        Some(Scope::Session(_)) => false,
        Some(Scope::Person(person)) => theirs(person),
        Some(Scope::Records(..)) | None => true,
    };
    if goes {
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
        following.went(7);
        assert!(!following.waits(), "those behind it have waited, too");
        following.done(9);
        assert!(following.waits());
        assert_eq!(following.upto, Some(9));
    }
}
