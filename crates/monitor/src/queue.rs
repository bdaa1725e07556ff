//! Who decides what waits: queues by resource and risk, each with approvers by name or group.
//!
//! A queue narrows who of those who have the right to approve for an agent decides, how many of them have to say yes and how
//! long they have. It gives nobody a right. The first queue that fits an action has it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vocab::{Action, AgentName, Group, Labels, Level, Person, PersonId, Resource, Verb};

use crate::policy::rights::ALL;
use crate::policy::words::names_above;

/// The most people who have to say yes to one action.
pub const MAX_NEEDED: u8 = 2;

/// What an action may do if it is wrong, from what it is and what data it moves. A person's reckoning, not a measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// It reads, or answers the one who asked, and moves nothing above `internal`.
    Low,
    /// It changes something, or leaves the conversation.
    #[default]
    Medium,
    /// It runs a command, or moves what is above `internal` or of a category.
    High,
}

impl Risk {
    /// The risk of an action that moves data with these labels.
    #[must_use]
    pub fn of(verb: Verb, labels: &Labels) -> Self {
        if labels.level() > Level::Internal || labels.categories().next().is_some() {
            return Self::High;
        }
        match verb {
            Verb::CommandRun => Self::High,
            Verb::FileRead
            | Verb::TableRead
            | Verb::DocumentsSearch
            | Verb::DocumentsRead
            | Verb::Reply
            | Verb::ReplyPart
            | Verb::ModelCall => Self::Low,
            Verb::FileWrite | Verb::WebGet | Verb::MessagePost | Verb::SkillCall => Self::Medium,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// People, by name or by group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Approvers {
    /// Groups, all of whose members count.
    pub groups: Vec<String>,
    /// People.
    pub people: Vec<PersonId>,
}

impl Approvers {
    /// Whether this person is one of them.
    #[must_use]
    pub fn has(&self, person: &Person) -> bool {
        self.people.contains(&person.id) || person.groups.iter().any(|group| self.groups.contains(group))
    }
}

/// Who is asked, too, when nobody has decided for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Escalation {
    /// So long after the action began to wait.
    pub after: Duration,
    /// Who.
    pub to: Approvers,
}

/// A queue of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// The agents whose actions wait in it; all when there are none.
    pub agents: Vec<String>,
    /// What they want to do; anything when there are none.
    pub actions: Vec<Verb>,
    /// To what: its name, or a name above it, such as a folder, `board:*`, `*.example.org` or a model's server; anything when
    /// there are none.
    pub resources: Vec<String>,
    /// With this risk or more.
    pub risk: Risk,
    /// Who decides.
    pub approvers: Approvers,
    /// How many have to say yes: 1 to [`MAX_NEEDED`].
    pub needed: u8,
    /// How long until silence is a no; as all others when nothing is said.
    pub lifetime: Option<Duration>,
    /// Who is asked, too, after a while.
    pub escalation: Option<Escalation>,
}

/// Whether an action would wait in one queue for one of its resources and in another for another: naming one more would
/// choose who decides.
pub(crate) fn differ(queues: &[Queue], agent: &AgentName, action: &Action, labels: &Labels) -> bool {
    let resources = action.resources();
    let of = |one| queues.iter().position(|queue| queue.takes(agent, action, labels, one));
    let mut places = resources.iter().map(|one| of(std::slice::from_ref(one)));
    let first = places.next();
    places.any(|place| Some(place) != first)
}

impl Queue {
    pub(crate) fn fits(&self, agent: &AgentName, action: &Action, labels: &Labels) -> bool {
        // Any of several: what waits is one whose resources are all of the same queue.
        self.takes(agent, action, labels, &action.resources())
    }

    fn takes(
        &self,
        agent: &AgentName,
        action: &Action,
        labels: &Labels,
        resources: &[Cow<'_, Resource>],
    ) -> bool {
        let is = |resource: &Resource, wanted: &String| {
            wanted == resource.name() || names_above(resource).iter().any(|over| over == wanted)
        };
        let named = |wanted: &String| wanted == ALL || resources.iter().any(|one| is(one, wanted));
        (self.agents.is_empty() || self.agents.iter().any(|other| other == ALL || other == agent.as_str()))
            && (self.actions.is_empty() || self.actions.contains(&action.verb))
            && (self.resources.is_empty() || self.resources.iter().any(named))
            && self.risk <= Risk::of(action.verb, labels)
    }

    /// What is wrong with it, given the people and groups of the settings: one sentence.
    #[must_use]
    pub fn fault<'a>(
        &self,
        people: impl IntoIterator<Item = &'a Person>,
        groups: impl IntoIterator<Item = &'a Group>,
    ) -> Option<String> {
        let people: Vec<&Person> = people.into_iter().collect();
        let groups: BTreeSet<&str> = groups.into_iter().map(|group| group.name.as_str()).collect();
        let more = self.escalation.as_ref().map(|escalation| &escalation.to);
        for approvers in std::iter::once(&self.approvers).chain(more) {
            if let Some(group) = approvers.groups.iter().find(|group| !groups.contains(group.as_str())) {
                return Some(format!(
                    "the queue `{}` names the group `{group}`, which the settings do not have; add it, or mend the name",
                    self.name
                ));
            }
            let unknown = |id: &&PersonId| people.iter().all(|person| person.id != **id);
            if let Some(id) = approvers.people.iter().find(unknown) {
                return Some(format!(
                    "the queue `{}` names the person `{id}`, whom the settings do not have; add them, or mend the name",
                    self.name
                ));
            }
        }
        if self.needed == 0 || self.needed > MAX_NEEDED {
            return Some(format!(
                "the queue `{}` needs {} people; it is 1 or {MAX_NEEDED}",
                self.name, self.needed
            ));
        }
        let there = people.iter().filter(|person| self.approvers.has(person)).count();
        if there < usize::from(self.needed) {
            return Some(format!(
                "the queue `{}` needs {} of its approvers to say yes and has {there}; name more people or groups",
                self.name, self.needed
            ));
        }
        None
    }
}
