//! Which approvals wait, by when they expire or more people are asked: whether one is due is known without asking the
//! database.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use vocab::{ApprovalId, PersonId, Timestamp};

use crate::deadline::went_back;
use crate::view::ApprovalView;
use crate::{Refusal, RefusalKind};

/// The most actions that wait for a person at once.
pub(crate) const MAX_WAITING: usize = 10_000;

/// The most approvals that expire in one round of housekeeping; the next round has the rest.
const MAX_DUE: usize = 256;

/// The approvals that wait, with who asked. An entry whose row is not there, or waits no more, is dropped when it is due.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    held: Mutex<BTreeMap<(Timestamp, ApprovalId), PersonId>>,
    /// When it was looked last what is due.
    looked: Mutex<Option<Timestamp>>,
}

impl Waiting {
    /// Takes one more.
    ///
    /// # Errors
    /// When too many wait already.
    pub(crate) fn admit(&self, view: &ApprovalView) -> Result<(), Refusal> {
        let mut held = self.held.lock();
        if held.len() >= MAX_WAITING {
            let message =
                format!("{MAX_WAITING} actions wait for a person, which is the most; decide some first");
            return Err(Refusal::new(RefusalKind::Busy, message));
        }
        held.insert((next(view), view.id.clone()), view.asked_by.clone());
        Ok(())
    }

    /// Takes up one that waited when the gateway ended; it is due at once where its time is over.
    pub(crate) fn take_up(&self, view: &ApprovalView, now: Timestamp) {
        let due = if view.is_over(now) { Timestamp::MIN } else { next(view) };
        self.held.lock().insert((due, view.id.clone()), view.asked_by.clone());
    }

    /// Takes up one of which more people were asked.
    pub(crate) fn restore(&self, view: &ApprovalView) {
        self.held.lock().insert((next(view), view.id.clone()), view.asked_by.clone());
    }

    /// Forgets one that waits no more.
    pub(crate) fn settle(&self, view: &ApprovalView) {
        self.forget(view.expires, &view.id);
        if let Some(escalates) = view.escalates {
            self.forget(escalates, &view.id);
        }
    }

    pub(crate) fn forget(&self, expires: Timestamp, id: &ApprovalId) {
        self.held.lock().remove(&(expires, id.clone()));
    }

    /// Those for which something is due at `now`, earliest first; all of them where the clock was set back, since then nobody
    /// knows without looking.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<(Timestamp, ApprovalId)> {
        let back = self.looked.lock().replace(now).is_some_and(|looked| went_back(looked, now));
        let held = self.held.lock();
        if back {
            return held.keys().cloned().collect();
        }
        held.keys().take_while(|(expires, _)| *expires <= now).take(MAX_DUE).cloned().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.lock().is_empty()
    }

    /// Those who asked for what waits and of whom this is true.
    pub(crate) fn askers(&self, which: impl Fn(&PersonId) -> bool) -> Vec<PersonId> {
        self.held.lock().values().filter(|asker| which(asker)).cloned().collect()
    }
}

/// When something is next to be done about an approval.
fn next(view: &ApprovalView) -> Timestamp {
    view.escalates.filter(|_| !view.escalated).unwrap_or(view.expires)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(count: usize) -> Waiting {
        let waiting = Waiting::default();
        let entry = |n: usize| {
            let id = ApprovalId::new(&format!("a-{n}")).unwrap();
            let asker = PersonId::new("anna").unwrap();
            ((Timestamp::from_second(i64::try_from(n).unwrap()).unwrap(), id), asker)
        };
        waiting.held.lock().extend((0..count).map(entry));
        waiting
    }

    #[test]
    fn what_is_due_comes_in_order_and_no_more_of_it_than_a_round_takes() {
        let waiting = held(MAX_DUE * 2);
        assert_eq!(waiting.due(Timestamp::from_second(-1).unwrap()), []);
        let due = waiting.due(Timestamp::from_second(2).unwrap());
        assert_eq!(due.iter().map(|(_, id)| id.as_str()).collect::<Vec<_>>(), ["a-0", "a-1", "a-2"]);
        for (expires, id) in due {
            waiting.forget(expires, &id);
        }
        assert_eq!(waiting.due(Timestamp::MAX).len(), MAX_DUE);
        assert_eq!(waiting.due(Timestamp::MAX)[0].1.as_str(), "a-3");
        // A clock that is set back: each is looked at, once.
        assert_eq!(waiting.due(Timestamp::from_second(4).unwrap()).len(), MAX_DUE * 2 - 3);
        assert_eq!(waiting.due(Timestamp::from_second(4).unwrap()).len(), 2);
    }
}
