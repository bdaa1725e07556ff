//! Room for people who go on from a conversation, which may wait for an erasure: so many at once, and few of one person.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use vocab::PersonId;

use crate::{Refusal, RefusalKind};

/// How many go on from a conversation at once: as many wait for an erasure that goes on, and no more.
const MAX_BRANCHING: usize = 16;

/// How many of them one person has begun.
const MAX_OF_PERSON: usize = 4;

/// Who goes on from a conversation right now, each with how often.
#[derive(Debug, Default)]
pub(crate) struct Branching(Mutex<BTreeMap<PersonId, usize>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    room: &'a Branching,
    person: PersonId,
}

impl Branching {
    /// A place for one more.
    ///
    /// # Errors
    /// When this person, or all together, have as many as they may.
    pub(super) fn enter(&self, person: &PersonId) -> Result<Place<'_>, Refusal> {
        let busy = |message: String| Err(Refusal::new(RefusalKind::Busy, message));
        let mut held = self.0.lock();
        if held.get(person).is_some_and(|own| *own >= MAX_OF_PERSON) {
            return busy(format!(
                "you go on from a conversation {MAX_OF_PERSON} times right now; ask again when one of them is done"
            ));
        }
        if held.values().sum::<usize>() >= MAX_BRANCHING {
            return busy(format!(
                "{MAX_BRANCHING} others go on from a conversation right now; ask again in a few seconds"
            ));
        }
        let own = held.entry(person.clone()).or_default();
        *own = own.saturating_add(1);
        Ok(Place { room: self, person: person.clone() })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut held = self.room.0.lock();
        if let Some(own) = held.get_mut(&self.person) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                held.remove(&self.person);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_the_room_of_all_and_each_place_is_given_back() {
        let room = Branching::default();
        let enter = |name: usize| room.enter(&PersonId::new(&format!("p-{name}")).unwrap());
        let mut held: Vec<Place<'_>> = (0..MAX_OF_PERSON).map(|_| enter(0).unwrap()).collect();
        assert_eq!(enter(0).unwrap_err().kind, RefusalKind::Busy);
        held.extend((MAX_OF_PERSON..MAX_BRANCHING).map(|nth| enter(nth / MAX_OF_PERSON).unwrap()));
        assert!(enter(99).unwrap_err().message.contains("others"));
        drop(held.remove(0));
        held.push(enter(0).unwrap());
        drop(held);
        assert!(room.0.lock().is_empty());
    }
}
