//! `[[queue]]`: who decides what waits.

use std::time::Duration;

use monitor::{Approvers, Escalation, Queue, Risk};
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use vocab::{Group, Person, PersonId, Verb};

use super::approvals::lifetime;

/// The most queues.
const MAX_QUEUES: usize = 64;

/// A queue, as the file has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Row {
    name: String,
    #[serde(default)]
    agents: Vec<String>,
    #[serde(default)]
    actions: Vec<Verb>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default = "any")]
    risk: Risk,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    people: Vec<PersonId>,
    #[serde(default = "one")]
    needed: u8,
    #[serde(default, deserialize_with = "some_time")]
    lifetime: Option<Duration>,
    #[serde(default, deserialize_with = "some_time")]
    escalate_after: Option<Duration>,
    #[serde(default)]
    escalate_groups: Vec<String>,
    #[serde(default)]
    escalate_people: Vec<PersonId>,
}

const fn any() -> Risk {
    Risk::Low
}

const fn one() -> u8 {
    1
}

fn some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    lifetime(deserializer).map(Some)
}

impl Row {
    pub(super) fn queue(&self) -> Queue {
        let to = Approvers { groups: self.escalate_groups.clone(), people: self.escalate_people.clone() };
        Queue {
            name: self.name.clone(),
            agents: self.agents.clone(),
            actions: self.actions.clone(),
            resources: self.resources.clone(),
            risk: self.risk,
            approvers: Approvers { groups: self.groups.clone(), people: self.people.clone() },
            needed: self.needed,
            lifetime: self.lifetime,
            escalation: self.escalate_after.map(|after| Escalation { after, to }),
        }
    }

    /// What the file can say of it alone.
    fn fault(&self, usual: Duration) -> Option<String> {
        let name = &self.name;
        let to_nobody = self.escalate_groups.is_empty() && self.escalate_people.is_empty();
        if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
            return Some("the name of a `[[queue]]` has 1 to 64 bytes on one line".to_owned());
        }
        match self.escalate_after {
            Some(_) if to_nobody => Some(format!(
                "the queue `{name}` escalates to nobody; give `escalate-groups` or `escalate-people`"
            )),
            None if !to_nobody => Some(format!(
                "the queue `{name}` says to whom it escalates and not when; give `escalate-after`"
            )),
            Some(after) if after >= self.lifetime.unwrap_or(usual) => Some(format!(
                "the queue `{name}` escalates when it is too late already; `escalate-after` is shorter than its `lifetime`"
            )),
            _ => None,
        }
    }
}

/// The first queue that does not fit the others, the people or the groups, with its place in the text.
pub(super) fn fault(
    queues: &[Spanned<Row>],
    people: &[Spanned<Person>],
    groups: &[Spanned<Group>],
    usual: Duration,
) -> Option<(usize, String)> {
    queues.iter().enumerate().find_map(|(nth, spanned)| {
        let row = spanned.get_ref();
        let twice = queues.iter().take(nth).any(|other| other.get_ref().name == row.name);
        let message = if nth >= MAX_QUEUES {
            Some(format!("there are more than {MAX_QUEUES} queues; put some together"))
        } else if twice {
            Some(format!("the queue `{}` is in the settings twice; rename one", row.name))
        } else {
            let people = people.iter().map(Spanned::get_ref);
            row.fault(usual).or_else(|| row.queue().fault(people, groups.iter().map(Spanned::get_ref)))
        };
        message.map(|message| (spanned.span().start, message))
    })
}
