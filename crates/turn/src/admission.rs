//! In which conversations a turn runs or waits, and in which none begins now because they are being erased.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use vocab::{PersonId, SessionId, TurnId};

use crate::{Refusal, RefusalKind};

/// Who is let in.
#[derive(Debug, Default)]
pub(crate) struct Admission(Mutex<Doors>);

#[derive(Debug, Default)]
struct Doors {
    busy: BTreeMap<SessionId, Busy>,
    closed: Vec<Arc<Closed>>,
}

/// The turn of a conversation, and on whose behalf it is.
#[derive(Debug)]
struct Busy {
    turn: TurnId,
    person: PersonId,
}

/// Conversations in which no turn begins.
#[derive(Debug)]
struct Closed {
    sessions: BTreeSet<SessionId>,
    /// A person none of whose turns begins in any conversation.
    person: Option<PersonId>,
}

impl Closed {
    fn is(&self, session: &SessionId, person: &PersonId) -> bool {
        self.sessions.contains(session) || self.person.as_ref() == Some(person)
    }
}

impl Admission {
    /// The turn that runs or waits in a conversation.
    pub(crate) fn turn_in(&self, session: &SessionId) -> Option<TurnId> {
        self.0.lock().busy.get(session).map(|busy| busy.turn.clone())
    }

    /// The conversations in which one does.
    pub(crate) fn busy(&self) -> BTreeSet<SessionId> {
        self.0.lock().busy.keys().cloned().collect()
    }

    /// Lets a turn begin.
    ///
    /// # Errors
    /// When another one runs or waits there, or it is being erased.
    pub(crate) fn enter(&self, session: &SessionId, turn: &TurnId, person: &PersonId) -> Result<(), Refusal> {
        let mut doors = self.0.lock();
        if let Some(Busy { turn: other, .. }) = doors.busy.get(session) {
            let message = format!(
                "the conversation `{session}` is still busy with the turn `{other}`; wait for it, or decide what it waits for"
            );
            return Err(Refusal::new(RefusalKind::Conflict, message));
        }
        if doors.closed.iter().any(|closed| closed.is(session, person)) {
            let message = "content of this conversation, of one that it goes on from, or of yours is being erased at this moment; try again when that is done";
            return Err(Refusal::new(RefusalKind::Busy, message));
        }
        doors.busy.insert(session.clone(), Busy { turn: turn.clone(), person: person.clone() });
        Ok(())
    }

    /// Takes up a turn that waited when the gateway ended.
    pub(crate) fn take_up(&self, session: SessionId, turn: TurnId, person: PersonId) {
        self.0.lock().busy.insert(session, Busy { turn, person });
    }

    /// A conversation's turn is over.
    pub(crate) fn leave(&self, session: &SessionId) {
        self.0.lock().busy.remove(session);
    }

    /// Lets no turn begin in these conversations, and none of this person in any, as long as what is given is kept. What
    /// runs or waits there goes on.
    pub(crate) fn close(&self, sessions: BTreeSet<SessionId>, person: Option<PersonId>) -> Closing<'_> {
        let closed = Arc::new(Closed { sessions, person });
        self.0.lock().closed.push(Arc::clone(&closed));
        Closing { admission: self, closed }
    }
}

/// Conversations in which no turn begins, until this is dropped.
#[derive(Debug)]
#[must_use = "they are open again when it is dropped"]
pub(crate) struct Closing<'a> {
    admission: &'a Admission,
    closed: Arc<Closed>,
}

impl Closing<'_> {
    /// Whether no turn of this person begins in this conversation.
    pub(crate) fn is_closed(&self, session: &SessionId, person: &PersonId) -> bool {
        self.closed.is(session, person)
    }

    /// Whether these are among them, whoever's they are.
    pub(crate) fn covers(&self, sessions: &BTreeSet<SessionId>) -> bool {
        sessions.is_subset(&self.closed.sessions)
    }

    /// They and these.
    pub(crate) fn and(&self, mut sessions: BTreeSet<SessionId>) -> BTreeSet<SessionId> {
        sessions.extend(self.closed.sessions.iter().cloned());
        sessions
    }

    /// Those of them in which a turn runs or waits still. There are never more of them later.
    pub(crate) fn left(&self) -> BTreeSet<SessionId> {
        let doors = self.admission.0.lock();
        let left = doors.busy.iter().filter(|(session, busy)| self.closed.is(session, &busy.person));
        left.map(|(session, _)| session.clone()).collect()
    }
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.admission.0.lock().closed.retain(|closed| !Arc::ptr_eq(closed, &self.closed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(name: &str) -> SessionId {
        SessionId::new(name).unwrap()
    }

    fn person(name: &str) -> PersonId {
        PersonId::new(name).unwrap()
    }

    #[test]
    fn whoever_comes_back_again_and_again_is_not_let_in_and_what_runs_only_gets_less() {
        let admission = Admission::default();
        let turn = TurnId::new("t-1").unwrap();
        let enter = |name: &str, who: &str| admission.enter(&session(name), &turn, &person(who));
        let names: Vec<String> = (0..20).map(|nth| format!("s-{nth}")).collect();
        for name in &names {
            enter(name, "eve").unwrap();
        }
        enter("s-other", "bob").unwrap();
        let all: BTreeSet<SessionId> = names.iter().map(|name| session(name)).collect();
        let closing = admission.close(all.clone(), None);
        assert_eq!(closing.left(), all);
        // Each that ends is tried to be begun anew at once.
        for (nth, name) in names.iter().enumerate() {
            assert_eq!(enter(name, "eve").unwrap_err().kind, RefusalKind::Conflict);
            admission.leave(&session(name));
            assert_eq!(enter(name, "eve").unwrap_err().kind, RefusalKind::Busy);
            assert_eq!(closing.left().len(), names.len() - 1 - nth);
        }
        // What is not concerned goes on.
        enter("s-new", "eve").unwrap();
        admission.leave(&session("s-other"));
        enter("s-other", "bob").unwrap();
        drop(closing);
        enter("s-0", "eve").unwrap();
    }

    #[test]
    fn what_came_to_be_concerned_since_it_was_closed_is_not_covered() {
        let admission = Admission::default();
        let of = |names: &[&str]| names.iter().map(|name| session(name)).collect::<BTreeSet<_>>();
        let closing = admission.close(of(&["s-1", "s-2"]), Some(person("eve")));
        assert!(closing.covers(&of(&[])) && closing.covers(&of(&["s-2"])));
        let more = of(&["s-2", "s-3"]);
        assert!(!closing.covers(&more));
        let all = admission.close(closing.and(more.clone()), None);
        assert!(all.covers(&more) && all.covers(&of(&["s-1"])));
    }

    #[test]
    fn of_a_person_whatever_they_begin_is_kept_out_and_only_as_long_as_anybody_closes_it() {
        let admission = Admission::default();
        let turn = TurnId::new("t-1").unwrap();
        let enter = |name: &str, who: &str| admission.enter(&session(name), &turn, &person(who));
        enter("s-1", "eve").unwrap();
        enter("s-2", "bob").unwrap();
        let closing = admission.close(BTreeSet::new(), Some(person("eve")));
        let other = admission.close(BTreeSet::from([session("s-2")]), None);
        assert_eq!(closing.left(), BTreeSet::from([session("s-1")]));
        assert!(closing.is_closed(&session("s-9"), &person("eve")));
        assert!(!closing.is_closed(&session("s-9"), &person("bob")));
        assert!(enter("s-3", "eve").is_err());
        enter("s-3", "bob").unwrap();
        drop(closing);
        enter("s-4", "eve").unwrap();
        admission.leave(&session("s-2"));
        assert!(enter("s-2", "bob").is_err());
        drop(other);
        enter("s-2", "bob").unwrap();
        assert_eq!(admission.turn_in(&session("s-2")), Some(turn.clone()));
        assert_eq!(admission.busy().len(), 4);
    }
}
