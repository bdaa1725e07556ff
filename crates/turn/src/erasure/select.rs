//! Which contents an erasure is about, and whether a hold is on one of them.

use std::collections::{BTreeMap, BTreeSet};

use journal::read::{Query, Reader, Record};
use journal::{Event, Kind};
use vocab::{AgentName, HoldId, PersonId, ProposalId, SessionId, Verb};

use super::Scope;
use super::branches::{Branches, Past, names};
use super::hold::{Hold, holding};
use crate::Refusal;

/// Contents that go together.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The records whose content is there and may be erased.
    pub(super) seqs: BTreeSet<u64>,
    /// The conversations that they belong to: the copies of those go too.
    pub(super) sessions: BTreeSet<SessionId>,
    /// The conversations that go on from one of those, by reference, and have some of what goes in their past.
    pub(super) branches: BTreeSet<SessionId>,
    /// Of a conversation those that go on from it while a hold is on them and have nothing in their past of what goes: what
    /// they refer to stays.
    pub(super) kept: BTreeMap<SessionId, BTreeSet<SessionId>>,
    /// The first record that was come across of a conversation.
    pub(super) firsts: BTreeMap<SessionId, u64>,
    /// The agents that they are about.
    pub(super) agents: BTreeSet<AgentName>,
    /// What agents proposed in them: what of it was posted stands on boards.
    pub(super) proposals: BTreeSet<ProposalId>,
    /// The person all of whose content goes, if it is one.
    pub(super) person: Option<PersonId>,
    /// The first hold that is on something of it, with the record that it is on.
    pub(super) held: Option<(HoldId, u64)>,
    /// Those of the records on which one is, with their conversations.
    pub(super) covered: BTreeMap<u64, Option<SessionId>>,
    /// The last record that was there before the holds were looked up.
    pub(super) seen: u64,
}

impl Found {
    /// What of it is before this record, if one is given.
    pub(super) fn before(mut self, end: Option<u64>) -> Self {
        if let Some(end) = end {
            self.seqs.retain(|seq| *seq < end);
            self.covered.retain(|seq, _| *seq < end);
            let firsts = &self.firsts;
            self.sessions.retain(|session| firsts.get(session).is_none_or(|first| *first < end));
        }
        self
    }

    /// What of it no hold is on. Of a conversation on some of which one is, the copies stay.
    pub(super) fn unheld(mut self) -> Self {
        for (seq, session) in std::mem::take(&mut self.covered) {
            self.seqs.remove(&seq);
            session.map(|session| self.sessions.remove(&session));
        }
        self.held = None;
        self
    }

    /// The conversations in which nothing may go on while this is erased.
    pub(super) fn resting(&self) -> BTreeSet<SessionId> {
        self.sessions.union(&self.branches).cloned().collect()
    }

    pub(super) fn take(
        &mut self,
        record: &Record,
        holds: &[Hold],
        owner: Option<&PersonId>,
        branches: &[Past],
    ) {
        self.take_content(record, holds, owner, branches);
        self.sessions.extend(record.session.clone());
    }

    /// Takes the content of a record alone: its conversation goes on.
    fn take_content(&mut self, record: &Record, holds: &[Hold], owner: Option<&PersonId>, branches: &[Past]) {
        if let Some(hold) = holding(holds, record, owner, branches) {
            self.held.get_or_insert_with(|| (hold.clone(), record.seq));
            self.covered.insert(record.seq, record.session.clone());
        }
        self.meet(record);
        self.seqs.insert(record.seq);
        self.agents.extend(record.agent.clone());
        if record.kind == Kind::Proposal {
            self.proposals.extend(record.proposal.clone());
        }
    }

    /// Notes where a conversation was come across first. Records come in order.
    pub(super) fn meet(&mut self, record: &Record) {
        if let Some(session) = &record.session {
            let first = self.firsts.entry(session.clone()).or_insert(record.seq);
            *first = record.seq.min(*first);
        }
    }
}

/// Looks through the record.
pub(super) struct Selection<'a> {
    reader: &'a Reader,
    holds: &'a [Hold],
    /// Whose conversations those are that have been come across.
    owners: BTreeMap<SessionId, Option<PersonId>>,
    /// What goes on from those.
    branches: Branches,
    /// The hold that is on a record of a conversation which goes on from another, where one is.
    held: BTreeMap<SessionId, Option<HoldId>>,
}

impl<'a> Selection<'a> {
    pub(super) fn new(reader: &'a Reader, holds: &'a [Hold]) -> Self {
        Self { reader, holds, owners: BTreeMap::new(), branches: Branches::default(), held: BTreeMap::new() }
    }

    pub(super) fn of(&mut self, scope: &Scope) -> Result<Found, Refusal> {
        let mut found = Found::default();
        match scope {
            Scope::Person(person) => self.person(person, &mut found)?,
            Scope::Session(session) => {
                self.session(session, &mut found)?;
                found.sessions.insert(session.clone());
                self.retold(session, &mut found)?;
            }
            Scope::Records(first, last) => self.records(*first, *last, &mut found)?,
        }
        self.find_branches(&mut found)?;
        Ok(found)
    }

    /// Looks up the conversations that go on from those that were found. What one that is held refers to is before all that
    /// goes, or else it is not kept: it was erased before the hold came.
    pub(super) fn find_branches(&mut self, found: &mut Found) -> Result<(), Refusal> {
        for session in &found.sessions {
            let first = found.firsts.get(session).copied();
            for past in self.held_by(Some(session))? {
                if past.hold.is_some() && first.is_none_or(|first| past.end < first) {
                    found.kept.entry(session.clone()).or_default().insert(past.branch);
                } else {
                    found.branches.insert(past.branch);
                }
            }
        }
        Ok(())
    }

    /// The conversations that go on from this one.
    fn past_of(&mut self, session: Option<&SessionId>) -> Result<Vec<Past>, Refusal> {
        let (Some(session), Some(owner)) = (session, self.owner(session)?) else { return Ok(Vec::new()) };
        Ok(self.branches.of(self.reader, session, &owner)?.to_vec())
    }

    /// The same, each with the hold that is on it.
    pub(super) fn held_by(&mut self, session: Option<&SessionId>) -> Result<Vec<Past>, Refusal> {
        let mut all = self.past_of(session)?;
        for past in &mut all {
            past.hold = self.hold_on(&past.branch)?;
        }
        Ok(all)
    }

    /// A hold that is on one of a conversation's own records.
    fn hold_on(&mut self, session: &SessionId) -> Result<Option<HoldId>, Refusal> {
        let elsewhere = |hold: &Hold| hold.of.session.as_ref().is_some_and(|held| held != session);
        if self.holds.iter().all(elsewhere) {
            return Ok(None);
        }
        if let Some(known) = self.held.get(session) {
            return Ok(known.clone());
        }
        let owner = self.owner(Some(session))?;
        let mut hold = None;
        let mut query = Query { session: Some(session.clone()), ..Query::default() };
        while hold.is_none() {
            let page = self.reader.query(&query)?;
            let Some(last) = page.last() else { break };
            query.after = Some(last.seq);
            let mut found = page.iter().filter_map(|record| holding(self.holds, record, owner.as_ref(), &[]));
            hold = found.next().cloned();
        }
        if self.held.len() >= MAX_OWNERS {
            self.held.clear();
        }
        self.held.insert(session.clone(), hold.clone());
        Ok(hold)
    }

    /// What was asked of models in the conversations that go on from this one has its words; with the salt that is beside
    /// the answer, or by the digest that an approval of it binds, somebody could tell that they guessed them right.
    fn retold(&mut self, session: &SessionId, found: &mut Found) -> Result<(), Refusal> {
        for branch in names(&self.past_of(Some(session))?) {
            let owner = self.owner(Some(&branch))?;
            let branches = self.held_by(Some(&branch))?;
            let query = Query { session: Some(branch), erasable: true, ..Query::default() };
            self.each(query, |holds, record| {
                if is_of_model_call(&record) {
                    found.take_content(&record, holds, owner.as_ref(), &branches);
                }
            })?;
        }
        Ok(())
    }

    /// What is there of these conversations, and what was asked of models in those that go on from them, but for what is held:
    /// of an erasure that was carried out, what was recorded since with its words.
    pub(super) fn since(&mut self, sessions: &BTreeSet<SessionId>) -> Result<Found, Refusal> {
        let mut found = Found::default();
        for session in sessions {
            self.all_of(session, |_| true, &mut found)?;
            for branch in names(&self.past_of(Some(session))?) {
                self.all_of(&branch, is_of_model_call, &mut found)?;
            }
        }
        Ok(found)
    }

    fn all_of(
        &mut self,
        session: &SessionId,
        wanted: fn(&Record) -> bool,
        found: &mut Found,
    ) -> Result<(), Refusal> {
        let owner = self.owner(Some(session))?;
        let branches = self.held_by(Some(session))?;
        let query = Query { session: Some(session.clone()), erasable: true, ..Query::default() };
        self.each(query, |holds, record| {
            if !wanted(&record) {
                return;
            }
            match holding(holds, &record, owner.as_ref(), &branches) {
                Some(hold) => drop(found.held.get_or_insert_with(|| (hold.clone(), record.seq))),
                None => found.take_content(&record, &[], None, &[]),
            }
        })
    }

    /// A person's own conversations of which there was something before the record `end`, if one is given.
    pub(super) fn own(&self, person: &PersonId, end: Option<u64>) -> Result<BTreeSet<SessionId>, Refusal> {
        let query = Query { person: Some(person.clone()), before: end, ..Query::default() };
        let mut own = BTreeSet::new();
        self.each(query, |_, record| {
            // What they decided on in somebody else's conversation does not make it theirs.
            if record.kind == Kind::Message {
                own.extend(record.session);
            }
        })?;
        Ok(own)
    }

    /// What is about a person is what names them and what is in their conversations.
    fn person(&mut self, person: &PersonId, found: &mut Found) -> Result<(), Refusal> {
        let own = self.own(person, None)?;
        let query = Query { person: Some(person.clone()), erasable: true, ..Query::default() };
        let mut named = Vec::new();
        self.each(query, |_, record| named.push(record))?;
        for record in named {
            let owner = self.owner(record.session.as_ref())?;
            let branches = self.held_by(record.session.as_ref())?;
            let mut one = Found::default();
            one.take(&record, self.holds, owner.as_ref(), &branches);
            found.seqs.append(&mut one.seqs);
            found.agents.append(&mut one.agents);
            found.proposals.append(&mut one.proposals);
            // Why they said no was told to the agent, and stands in the copy of that conversation.
            if record.event == Some(Event::ApprovalDenied) {
                found.sessions.append(&mut one.sessions);
            }
            found.held = found.held.take().or(one.held);
            found.covered.append(&mut one.covered);
            found.meet(&record);
        }
        for session in own {
            self.session(&session, found)?;
            found.sessions.insert(session);
        }
        found.person = Some(person.clone());
        Ok(())
    }

    fn session(&mut self, session: &SessionId, found: &mut Found) -> Result<(), Refusal> {
        let owner = self.owner(Some(session))?;
        let branches = self.held_by(Some(session))?;
        let query = Query { session: Some(session.clone()), erasable: true, ..Query::default() };
        self.each(query, |holds, record| found.take(&record, holds, owner.as_ref(), &branches))
    }

    fn records(&mut self, first: u64, last: u64, found: &mut Found) -> Result<(), Refusal> {
        let mut query = Query { after: first.checked_sub(1), erasable: true, ..Query::default() };
        loop {
            let page = self.reader.query(&query)?;
            let Some(end) = page.last() else { return Ok(()) };
            query.after = Some(end.seq);
            let over = end.seq >= last;
            for record in page.iter().take_while(|record| record.seq <= last) {
                let owner = self.owner(record.session.as_ref())?;
                let branches = self.held_by(record.session.as_ref())?;
                found.take(record, self.holds, owner.as_ref(), &branches);
            }
            if over {
                return Ok(());
            }
        }
    }

    /// Whose conversation that is: who said something in it, or ran a program.
    pub(super) fn owner(&mut self, session: Option<&SessionId>) -> Result<Option<PersonId>, Refusal> {
        let Some(session) = session else { return Ok(None) };
        if let Some(known) = self.owners.get(session) {
            return Ok(known.clone());
        }
        let query =
            Query { session: Some(session.clone()), kind: Some(Kind::Message), limit: 1, ..Query::default() };
        let owner = self.reader.query(&query)?.into_iter().next().and_then(|record| record.person);
        if self.owners.len() >= MAX_OWNERS {
            self.owners.clear();
        }
        self.owners.insert(session.clone(), owner.clone());
        Ok(owner)
    }

    fn each(&self, mut query: Query, mut take: impl FnMut(&[Hold], Record)) -> Result<(), Refusal> {
        loop {
            let page = self.reader.query(&query)?;
            let Some(last) = page.last() else { return Ok(()) };
            query.after = Some(last.seq);
            page.into_iter().for_each(|record| take(self.holds, record));
        }
    }
}

/// Whether a record has what was asked of a model, or answered.
fn is_of_model_call(record: &Record) -> bool {
    let verb = record.action.as_ref().and_then(|action| action.verb);
    matches!(record.kind, Kind::Proposal | Kind::Outcome | Kind::Approval) && verb == Some(Verb::ModelCall)
}

/// The most conversations whose owners are remembered while the record is looked through.
const MAX_OWNERS: usize = 10_000;
