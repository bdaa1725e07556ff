//! Roles: what people may do with the gateway beside asking agents, as Cedar policies of their own.
//!
//! Comes in: the roles that ship, the files of the home's `roles/` folder, and who holds which. Goes out: whether a role lets
//! somebody do one [`Act`], forbids it, or says nothing. A role knows no rights and no data: it is another set of policies
//! with a schema of its own, so that nothing in it can reach what agents may do for somebody.
//!
//! A forbid of any role that somebody holds counts before every permit, and a policy that fails to evaluate is a forbid.

mod read;

use std::collections::BTreeMap;

use cedar_policy::{
    Authorizer, Context, Entities, EntityId, EntityTypeName, EntityUid, PolicySet, Request, Schema,
};
use serde::Serialize;
use vocab::{AgentName, Person};

use crate::config::{Config, ConfigError};
use crate::queue::Approvers;

/// The schema that every role is validated against.
pub const ROLES_SCHEMA: &str = include_str!("../../../../guardrails/roles.cedarschema");

/// The roles that ship, by name.
pub const BUILT_IN_ROLES: [(&str, &str); 5] = [
    ("member", include_str!("../../../../guardrails/roles/member.cedar")),
    ("approver", include_str!("../../../../guardrails/roles/approver.cedar")),
    ("auditor", include_str!("../../../../guardrails/roles/auditor.cedar")),
    ("operator", include_str!("../../../../guardrails/roles/operator.cedar")),
    (ADMINISTRATOR, include_str!("../../../../guardrails/roles/administrator.cedar")),
];

/// The role of whoever the settings say it of, person by person.
const ADMINISTRATOR: &str = "administrator";

/// Those that nobody is given by `[[role]]`, and how one comes to each.
const NOT_GIVEN: [(&str, &str); 2] = [
    ("member", "everybody is one; put them into a group for what they may ask"),
    (ADMINISTRATOR, "write `administrator = true` in their `[[person]]`"),
];

/// The only gateway that a policy can name.
const THIS: &str = "this";

/// Something that a person may do with the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Act {
    /// See an agent and its SOUL.md.
    AgentSee,
    /// Stop an agent or somebody else's turn of it.
    AgentStop,
    /// Have it take up nothing new.
    AgentPause,
    /// Let it work again.
    AgentResume,
    /// Change its SOUL.md.
    SoulChange,
    /// Decide what it wants to do for somebody else.
    ApprovalDecide,
    /// Read what was said with it.
    ContentRead,
    /// Stop all agents at once.
    AgentsStop,
    /// Follow what all agents do.
    ActivityFollow,
    /// See who there is and who has a right to what.
    PeopleSee,
    /// See everybody's records and verify the record.
    RecordSee,
    /// Export the record.
    RecordExport,
    /// Erase and hold content.
    ContentErase,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::AgentSee,
        Self::AgentStop,
        Self::AgentPause,
        Self::AgentResume,
        Self::SoulChange,
        Self::ApprovalDecide,
        Self::ContentRead,
        Self::AgentsStop,
        Self::ActivityFollow,
        Self::PeopleSee,
        Self::RecordSee,
        Self::RecordExport,
        Self::ContentErase,
    ];

    /// Its name in policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AgentSee => "agent.see",
            Self::AgentStop => "agent.stop",
            Self::AgentPause => "agent.pause",
            Self::AgentResume => "agent.resume",
            Self::SoulChange => "soul.change",
            Self::ApprovalDecide => "approval.decide",
            Self::ContentRead => "content.read",
            Self::AgentsStop => "agents.stop",
            Self::ActivityFollow => "activity.follow",
            Self::PeopleSee => "people.see",
            Self::RecordSee => "record.see",
            Self::RecordExport => "record.export",
            Self::ContentErase => "content.erase",
        }
    }

    /// Whether it is done to one agent, and not to the gateway.
    #[must_use]
    pub const fn is_of_agent(self) -> bool {
        match self {
            Self::AgentSee
            | Self::AgentStop
            | Self::AgentPause
            | Self::AgentResume
            | Self::SoulChange
            | Self::ApprovalDecide
            | Self::ContentRead => true,
            Self::AgentsStop
            | Self::ActivityFollow
            | Self::PeopleSee
            | Self::RecordSee
            | Self::RecordExport
            | Self::ContentErase => false,
        }
    }
}

/// Whose a role is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holders {
    /// The role: one that ships, or a file of the home's `roles/` folder without `.cedar`.
    pub role: String,
    /// The people and groups that have it.
    pub holders: Approvers,
}

/// Why somebody may not, where a policy says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// The policy, as `role:NAME:ID`.
    pub policy: String,
    /// Its reason.
    pub message: String,
}

/// What the roles of somebody say to an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// A policy permits it and none forbids it.
    Yes,
    /// None says anything.
    Nothing,
    /// One forbids it, or failed.
    No(Forbidden),
}

/// The roles of a house.
#[derive(Debug)]
pub(crate) struct Roles {
    sets: BTreeMap<String, PolicySet>,
    holders: Vec<Holders>,
    words: Words,
}

/// The types of entities, made once.
#[derive(Debug)]
struct Words {
    person: EntityTypeName,
    agent: EntityTypeName,
    gateway: EntityTypeName,
    action: EntityTypeName,
}

impl Roles {
    /// Reads and validates those that ship and those of the home.
    ///
    /// # Errors
    /// When a file is not Cedar, a policy lacks its id or reason or does not fit the schema, a file has the name of a role
    /// that ships, or a role is given that is not there, to nobody, or is not given at all.
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let schema = Schema::from_cedarschema_str(ROLES_SCHEMA).map(|(schema, _)| schema);
        let schema = schema.map_err(|error| ConfigError::Schema(error.to_string()))?;
        let mut sets = BTreeMap::new();
        for (name, text) in BUILT_IN_ROLES {
            sets.insert(name.to_owned(), read::read(&schema, &format!("{name}.cedar"), name, text)?);
        }
        for file in &config.role_files {
            let name = read::name(&file.name)?;
            if sets.contains_key(name) {
                return Err(ConfigError::RoleFile {
                    file: file.name.clone(),
                    why: "has the name of a role that ships, or of another file; rename it",
                });
            }
            sets.insert(name.to_owned(), read::read(&schema, &file.name, name, &file.text)?);
        }
        for Holders { role, holders } in &config.roles {
            given(role, holders, &sets, config)?;
        }
        Ok(Self { sets, holders: config.roles.clone(), words: Words::new()? })
    }

    /// The roles that a person holds by `[[role]]`, by name.
    pub(crate) fn of<'a>(&'a self, person: &'a Person) -> impl Iterator<Item = &'a str> {
        let held = |role: &&Holders| role.holders.has(person);
        let mut names: Vec<&str> = self.holders.iter().filter(held).map(|role| role.role.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter()
    }

    /// What the roles that `person` holds say to `act`, done to `agent` where it is done to one.
    pub(crate) fn say(&self, person: &Person, act: Act, agent: Option<&AgentName>) -> Said {
        let mut said = Said::Nothing;
        for name in self.of(person) {
            match self.one(name, person, act, agent) {
                Said::Nothing => {}
                Said::Yes => said = Said::Yes,
                no @ Said::No(_) => return no,
            }
        }
        said
    }

    /// What the role that ships for administrators says.
    pub(crate) fn administrator(&self, person: &Person, act: Act, agent: Option<&AgentName>) -> bool {
        self.one(ADMINISTRATOR, person, act, agent) == Said::Yes
    }

    fn one(&self, role: &str, person: &Person, act: Act, agent: Option<&AgentName>) -> Said {
        let failed = |why: String| {
            let message = format!("the role cannot be asked, which counts as a no: {why}");
            Said::No(Forbidden { policy: format!("role:{role}"), message })
        };
        let Some(set) = self.sets.get(role) else { return failed("it is not there".to_owned()) };
        let resource = match (act.is_of_agent(), agent) {
            (true, Some(agent)) => entity(&self.words.agent, agent.as_str()),
            // Content of no agent is the gateway's.
            (_, None) if act == Act::ContentRead || !act.is_of_agent() => entity(&self.words.gateway, THIS),
            _ => return failed(format!("`{}` was asked about something else", act.as_str())),
        };
        let principal = entity(&self.words.person, person.id.as_str());
        let action = entity(&self.words.action, act.as_str());
        let request = match Request::new(principal, action, resource, Context::empty(), None) {
            Ok(request) => request,
            Err(error) => return failed(error.to_string()),
        };
        let answer = Authorizer::new().is_authorized(&request, set, &Entities::empty());
        if let Some(error) = answer.diagnostics().errors().next() {
            return failed(error.to_string());
        }
        // Without errors Cedar's decision is ours: a forbid that applies is among the reasons of a denial.
        let mut reasons: Vec<_> = answer.diagnostics().reason().collect();
        reasons.sort_unstable();
        match (answer.decision(), reasons.first()) {
            (cedar_policy::Decision::Allow, _) => Said::Yes,
            (cedar_policy::Decision::Deny, None) => Said::Nothing,
            (cedar_policy::Decision::Deny, Some(id)) => {
                let message = set.policy(id).and_then(|policy| policy.annotation("message"));
                let message = message.unwrap_or_default().trim().to_owned();
                Said::No(Forbidden { policy: id.to_string(), message })
            }
        }
    }
}

impl Words {
    fn new() -> Result<Self, ConfigError> {
        let named = |name: &str| {
            let parsed: Result<EntityTypeName, _> = name.parse();
            parsed.map_err(|error| ConfigError::Schema(error.to_string()))
        };
        Ok(Self {
            person: named("Person")?,
            agent: named("Agent")?,
            gateway: named("Gateway")?,
            action: named("Action")?,
        })
    }
}

fn entity(kind: &EntityTypeName, name: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(name))
}

/// Whether a role can be given to these holders.
fn given(
    role: &str,
    holders: &Approvers,
    sets: &BTreeMap<String, PolicySet>,
    config: &Config,
) -> Result<(), ConfigError> {
    let wrong = |why: String| Err(ConfigError::Role { role: role.to_owned(), why });
    if let Some((_, instead)) = NOT_GIVEN.iter().find(|(name, _)| *name == role) {
        return wrong(format!("is not given by `[[role]]`: {instead}"));
    }
    if !sets.contains_key(role) {
        let ship = BUILT_IN_ROLES.map(|(name, _)| name).join(", ");
        return wrong(format!(
            "is not there: write `roles/{role}.cedar`, or use one of those that ship ({ship})"
        ));
    }
    if holders.groups.is_empty() && holders.people.is_empty() {
        return wrong("is given to nobody: name `groups` or `people`, or remove the entry".to_owned());
    }
    let unknown = holders.groups.iter().find(|name| config.groups.iter().all(|group| group.name != **name));
    if let Some(group) = unknown {
        return wrong(format!("is given to the group `{group}`, and there is no `[[group]]` of that name"));
    }
    Ok(())
}
