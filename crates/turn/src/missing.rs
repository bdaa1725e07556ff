//! Whether there is anybody to say the yeses that an approval still takes. Silence is a no, and nobody should wait a day to
//! learn that no other answer was possible.

use std::collections::BTreeMap;

use monitor::{Monitor, Short};
use vocab::{AgentName, Person, PersonId};

use crate::Refusal;
use crate::event::ApprovalState;
use crate::gateway::Gateway;
use crate::view::ApprovalView;

/// How many of those who may decide are looked for: as many as have to say yes, whoever has said it, and whoever asked.
const MOST: usize = 4;

/// Works out for approvals how many yeses nobody is there to say. Those of one queue and agent are asked about once.
pub(crate) struct Missing<'a> {
    monitor: &'a Monitor,
    /// The person of a home of one, who may approve their own.
    solo: Option<&'a PersonId>,
    known: BTreeMap<(AgentName, Option<String>, bool), Vec<PersonId>>,
}

impl<'a> Missing<'a> {
    pub(crate) const fn new(monitor: &'a Monitor, solo: Option<&'a PersonId>) -> Self {
        Self { monitor, solo, known: BTreeMap::new() }
    }

    /// How many of one that waits; of any other none.
    pub(crate) fn of(&mut self, view: &ApprovalView) -> u8 {
        if view.state != ApprovalState::Waiting {
            return 0;
        }
        let (agent, action, labels) = (&view.agent, &view.action, &view.labels);
        // Who is asked after a while will be.
        let escalated = view.escalated || view.escalates.is_some();
        let queue = self.monitor.queue(agent, action, labels);
        let needed = queue.map_or(1, |queue| queue.needed);
        let key = (agent.clone(), queue.map(|queue| queue.name.clone()), escalated);
        let look = || self.monitor.deciders(agent, action, labels, escalated, MOST);
        let there = self.known.entry(key).or_insert_with(look);
        let said = view.approved_by.iter().filter(|id| {
            let person = self.monitor.person(id);
            person.is_some_and(|person| self.monitor.may_decide(person, agent, action, labels, escalated))
        });
        let may = there.iter().filter(|id| {
            let own = **id == view.asked_by && self.solo != Some(*id);
            !own && !view.approved_by.contains(id)
        });
        let yeses = u8::try_from(said.count() + may.count()).unwrap_or(u8::MAX);
        needed.saturating_sub(yeses)
    }
}

impl Gateway {
    /// The queues in which fewer people may decide than have to say yes, for whoever may see who there is; for others none.
    ///
    /// # Errors
    /// When the settings do not hold, or the agents' folder cannot be read.
    pub fn short_of_deciders(&self, by: &Person) -> Result<Vec<Short>, Refusal> {
        if !self.allows(by, monitor::Act::PeopleSee, None) {
            return Ok(Vec::new());
        }
        let names: Vec<AgentName> = self.all_slots()?.iter().map(|slot| slot.name.clone()).collect();
        Ok(self.monitor()?.short(&names))
    }
}
