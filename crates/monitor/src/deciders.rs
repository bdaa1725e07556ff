//! Who is there to decide: a queue names people, and only those of them who have the right to decide for the agent count.

use serde::{Deserialize, Serialize};
use vocab::{Action, AgentName, Labels, Person, PersonId};

use crate::monitor::Monitor;
use crate::policy::rights::ALL;
use crate::queue::Queue;

/// The most queues that are told of at once.
pub const MAX_SHORT: usize = 64;

/// A queue in which what an agent wants to do can only end in a no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Short {
    /// The queue.
    pub queue: String,
    /// The agent.
    pub agent: AgentName,
    /// How many have to say yes.
    pub needed: u8,
    /// How many are there who may.
    pub there: u8,
}

impl Queue {
    /// Whether actions of this agent can wait in it.
    fn is_for(&self, agent: &AgentName) -> bool {
        self.agents.is_empty() || self.agents.iter().any(|other| other == ALL || other == agent.as_str())
    }

    /// Whether this person is one of those whom it asks, in the end.
    fn asks(&self, person: &Person) -> bool {
        let more = self.escalation.as_ref();
        self.approvers.has(person) || more.is_some_and(|more| more.to.has(person))
    }
}

impl Monitor {
    /// Some of those who may decide on this action, at most `most`; `escalated`, with those who are asked after a while.
    #[must_use]
    pub fn deciders(
        &self,
        agent: &AgentName,
        action: &Action,
        labels: &Labels,
        escalated: bool,
        most: usize,
    ) -> Vec<PersonId> {
        let queue = self.queue(agent, action, labels);
        let named = |person: &Person| {
            queue.is_none_or(|queue| if escalated { queue.asks(person) } else { queue.approvers.has(person) })
        };
        self.some_of(agent, named, most)
    }

    /// The queues that fewer people may decide in than have to say yes, by the agents that they are for.
    #[must_use]
    pub fn short(&self, agents: &[AgentName]) -> Vec<Short> {
        let mut short = Vec::new();
        for queue in self.queues() {
            for agent in agents.iter().filter(|agent| queue.is_for(agent)) {
                let there = self.some_of(agent, |person| queue.asks(person), queue.needed.into()).len();
                let there = u8::try_from(there).unwrap_or(u8::MAX);
                if there < queue.needed {
                    let (queue, agent, needed) = (queue.name.clone(), agent.clone(), queue.needed);
                    short.push(Short { queue, agent, needed, there });
                }
                if short.len() >= MAX_SHORT {
                    return short;
                }
            }
        }
        short
    }

    fn some_of(&self, agent: &AgentName, named: impl Fn(&Person) -> bool, most: usize) -> Vec<PersonId> {
        // Whom the queue does not name needs no look at their roles.
        let may = self.people().filter(|person| named(person) && self.may_approve(person, agent));
        may.take(most).map(|person| person.id.clone()).collect()
    }
}
