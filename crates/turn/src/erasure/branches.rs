//! Which conversations go on from others, by the record: what is erased of one is erased of their past, and a hold on them is on
//! that past, too.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use journal::read::{Reader, Told};
use journal::{Event, Kind};
use vocab::{HoldId, PersonId, SessionId};

use crate::Refusal;
use crate::branch::past_of;

/// The most people whose conversations are remembered while the record is looked through.
const MAX_PEOPLE: usize = 1_000;

/// A conversation that goes on from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Past {
    /// Which.
    pub(super) branch: SessionId,
    /// The last record of the other that it has.
    pub(super) end: u64,
    /// A hold that is on one of its own records, as far as that was looked up: what it goes on from is needed as long.
    pub(super) hold: Option<HoldId>,
}

/// The conversations of one person that others go on from, each with those.
type OfPerson = BTreeMap<SessionId, Vec<Past>>;

/// What is known of the record so far.
#[derive(Debug, Default)]
pub(super) struct Branches(BTreeMap<PersonId, OfPerson>);

impl Branches {
    /// Those that go on from `session`, which is a conversation of `owner`.
    pub(super) fn of(
        &mut self,
        reader: &Reader,
        session: &SessionId,
        owner: &PersonId,
    ) -> Result<&[Past], Refusal> {
        if !self.0.contains_key(owner) {
            if self.0.len() >= MAX_PEOPLE {
                self.0.clear();
            }
            self.0.insert(owner.clone(), of_person(reader, owner)?);
        }
        Ok(self.0.get(owner).and_then(|all| all.get(session)).map_or(&[], Vec::as_slice))
    }
}

fn of_person(reader: &Reader, person: &PersonId) -> Result<OfPerson, Refusal> {
    let wanted = Told {
        kind: Kind::Message,
        events: vec![Event::ConversationBranched],
        person: Some(person.clone()),
        session: None,
        after: 0,
    };
    let mut all = OfPerson::new();
    reader.told(&wanted, |record| {
        let past = past_of(&record).unwrap_or_default();
        if let Some(branch) = record.session {
            for (session, end) in past {
                all.entry(session).or_default().push(Past { branch: branch.clone(), end, hold: None });
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

/// The names of conversations that go on from others.
pub(super) fn names(past: &[Past]) -> BTreeSet<SessionId> {
    past.iter().map(|past| past.branch.clone()).collect()
}
