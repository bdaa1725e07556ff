//! Who people are by the settings as they are now, and what they may: what signing in needs to know.

use std::collections::BTreeSet;
use std::sync::Arc;

use monitor::{Act, Grants, Monitor};
use serde::{Deserialize, Serialize};
use vocab::{AgentName, Person, PersonId, SessionId};

use crate::gateway::Gateway;
use crate::{Refusal, RefusalKind, session};

/// What somebody may beside asking agents, by their groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct May {
    /// The agents whose held actions they may approve or deny.
    pub approve: Vec<AgentName>,
    /// The agents whose recorded content they may read.
    pub content: Vec<AgentName>,
    /// The agents that they may stop, with turns of others.
    pub stop: Vec<AgentName>,
    /// The agents that they may have take up nothing new.
    pub pause: Vec<AgentName>,
    /// The agents that they may let work again.
    pub resume: Vec<AgentName>,
    /// The agents whose SOUL.md they may change.
    pub soul: Vec<AgentName>,
    /// Whether they may stop all agents at once.
    pub stop_all: bool,
    /// Whether they may follow what all agents do.
    pub follow: bool,
    /// Whether they may see who there is and who has a right to what.
    pub people: bool,
    /// Whether they may export the record.
    pub export: bool,
    /// Whether they may ask for erasure, agree to it, and hold content.
    pub erase: bool,
    /// Whether they may see everybody's records, without content, and verify the record.
    pub record: bool,
}

impl Gateway {
    /// The monitor by the settings as they are now; while they do not hold, by those before them. Only to tell who somebody
    /// is: nothing new is let through then, but an administrator can still stop agents.
    pub(crate) fn monitor_or_last(&self) -> Arc<Monitor> {
        match self.monitor() {
            Ok(monitor) => monitor,
            Err(refusal) => {
                tracing::warn!("the settings do not hold: {refusal}");
                self.judging.lock().monitor()
            }
        }
    }

    /// The person of this name; none whom the settings do not name, or not any more.
    #[must_use]
    pub fn person_named(&self, id: &PersonId) -> Option<Person> {
        self.monitor_or_last().person(id).cloned()
    }

    /// Whether agents may run where this machine lacks a layer of containment.
    #[must_use]
    pub const fn is_reduced(&self) -> bool {
        self.config.reduced
    }

    /// Whether this operating-system user is an administrator.
    #[must_use]
    pub fn administers(&self, os_user: &str) -> bool {
        self.monitor_or_last().person_of_os_user(os_user).is_some_and(|person| person.administrator)
    }

    /// The person of this name, if the settings still name them and they may still do this with the gateway.
    #[must_use]
    pub fn person_who_may(&self, id: &PersonId, act: Option<Act>) -> Option<Person> {
        let person = self.person_named(id)?;
        act.is_none_or(|act| self.allows(&person, act, None)).then_some(person)
    }

    /// Everybody, for an administrator and whose role may.
    ///
    /// # Errors
    /// When `by` is none.
    pub fn people(&self, by: &Person) -> Result<Vec<Person>, Refusal> {
        self.demand(by, Act::PeopleSee, None, "see who there is")?;
        drop(self.monitor_or_last());
        Ok(self.judging.lock().people())
    }

    /// Who has what, for an administrator and whose role may: each resource that the settings grant and each agent, with its groups.
    ///
    /// # Errors
    /// When `by` is none, or the agents' folder or the settings cannot be read.
    pub fn grants(&self, by: &Person) -> Result<Grants, Refusal> {
        self.demand(by, Act::PeopleSee, None, "see what is granted")?;
        let monitor = self.monitor()?;
        let agents: Vec<AgentName> = self.all_slots()?.iter().map(|slot| slot.name.clone()).collect();
        Ok(monitor.grants(&agents))
    }

    /// The names of everybody, by settings that hold.
    ///
    /// # Errors
    /// When the settings do not hold: then nobody is known to have left.
    pub fn names(&self) -> Result<BTreeSet<PersonId>, Refusal> {
        drop(self.monitor()?);
        Ok(self.judging.lock().people().into_iter().map(|person| person.id).collect())
    }

    /// What `by` may.
    ///
    /// # Errors
    /// When the agents' folder or the settings cannot be read.
    pub fn may(&self, by: &Person) -> Result<May, Refusal> {
        let monitor = self.monitor()?;
        let solo = self.is_solo(by);
        let names: Vec<AgentName> = self.all_slots()?.iter().map(|slot| slot.name.clone()).collect();
        let those =
            |may: &dyn Fn(&AgentName) -> bool| names.iter().filter(|name| may(name)).cloned().collect();
        let to = |act| those(&|name| monitor.may(by, act, Some(name)).is_ok());
        let here = |act| monitor.may(by, act, None).is_ok();
        Ok(May {
            approve: those(&|name| monitor.may_approve(by, name)),
            content: those(&|name| solo || monitor.may_read_content(by, Some(name))),
            stop: to(Act::AgentStop),
            pause: to(Act::AgentPause),
            resume: to(Act::AgentResume),
            soul: to(Act::SoulChange),
            stop_all: here(Act::AgentsStop),
            follow: here(Act::ActivityFollow),
            people: here(Act::PeopleSee),
            export: here(Act::RecordExport),
            erase: monitor.may_erase(by),
            record: solo || monitor.may_see_records(by),
        })
    }

    /// The roles that `by` holds by `[[role]]`, by name.
    #[must_use]
    pub fn roles(&self, by: &Person) -> Vec<String> {
        self.monitor_or_last().roles_of(by)
    }

    /// Whether `by` is the person of a home of one.
    #[must_use]
    pub fn is_solo(&self, by: &Person) -> bool {
        self.config.solo.as_ref() == Some(&by.id)
    }

    /// Whether to look at a conversation would be to look at what others said, by a right to it. Of one that is not there, too, so that
    /// what this asks for does not tell whoever reads content which there are. An agent that is gone takes no right to its conversations
    /// along.
    ///
    /// # Errors
    /// When the agents' folder, the settings or the database cannot be read.
    pub fn looks_at_others(&self, by: &Person, id: &SessionId) -> Result<bool, Refusal> {
        let row = session::session(&self.journal, id)?;
        if row.as_ref().is_some_and(|row| row.person == by.id) {
            return Ok(false);
        }
        if let Some(row) = row
            && self.eyes(by)?.may_read_of(Some(&row.agent), Some(&row.labels)).is_ok()
        {
            return Ok(true);
        }
        Ok(!self.may(by)?.content.is_empty() || self.monitor()?.may_read_content(by, None))
    }

    /// Whether a conversation is there and is of `by`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn is_own(&self, by: &Person, id: &SessionId) -> Result<bool, Refusal> {
        Ok(session::session(&self.journal, id)?.is_some_and(|row| row.person == by.id))
    }
}

/// What a sign-in needs of the gateway's refusals.
impl Refusal {
    /// There is nobody of this name.
    #[must_use]
    pub fn nobody(id: &PersonId) -> Self {
        let message =
            format!("there is no person `{id}`: name them with `[[person]]` in bulkhead.toml first");
        Self::new(RefusalKind::NotFound, message)
    }
}
