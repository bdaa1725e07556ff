//! From our words to Cedar's: entity names, the lineage of a resource, the request.
//!
//! Everything is built from values, never from text or JSON, because it happens at every judgement.
//! The forms are those of `guardrails/schema.cedarschema`; a test holds every request against it.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};
use vocab::{AgentName, Labels, Person, Resource, Verb};

use crate::config::ConfigError;

/// The schema that every policy text is validated against.
pub const SCHEMA: &str = include_str!("../../../../guardrails/schema.cedarschema");

/// The workspace that stands for every agent's, in the rights of who may ask all agents.
pub(crate) const ANY_AGENT: &str = "*";
/// The folder of an agent that it may write, beneath the agent's own.
pub(crate) const WORKSPACE: &str = "workspace";

/// Cedar's names for our kinds and verbs, made once.
#[derive(Debug)]
pub(crate) struct Words {
    agent: EntityTypeName,
    person: EntityTypeName,
    group: EntityTypeName,
    path: EntityTypeName,
    host: EntityTypeName,
    channel: EntityTypeName,
    model: EntityTypeName,
    skill: EntityTypeName,
    actions: HashMap<Verb, EntityUid>,
    /// The agents' folder with a `/` at its end, for the lineage of workspaces.
    agents_dir: String,
}

/// An entity and all that it is in.
#[derive(Debug, Clone)]
pub(crate) struct Lineage {
    pub(crate) uid: EntityUid,
    pub(crate) above: Vec<EntityUid>,
}

impl Lineage {
    /// The entity, then everything above it.
    pub(crate) fn all(&self) -> impl Iterator<Item = &EntityUid> {
        std::iter::once(&self.uid).chain(&self.above)
    }

    fn entity(&self) -> Entity {
        Entity::new_no_attrs(self.uid.clone(), self.above.iter().cloned().collect::<HashSet<_>>())
    }
}

/// What a request says beside who, what and to what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    pub(crate) approved: bool,
    pub(crate) audience_wider: bool,
    pub(crate) external: bool,
    pub(crate) effect: &'static str,
    pub(crate) labels: &'a Labels,
}

/// The two requests of a judgement: the agent's, and the asker's for the same action.
pub(crate) struct Question {
    pub(crate) by_agent: Request,
    pub(crate) by_asker: Request,
    pub(crate) entities: Entities,
}

/// A question that Cedar would not take. It means deny.
#[derive(Debug, thiserror::Error)]
#[error("the request cannot be put to Cedar: {0}")]
pub(crate) struct QuestionError(String);

impl Words {
    pub(crate) fn new(agents_dir: &str) -> Result<Self, ConfigError> {
        let named =
            |name| EntityTypeName::from_str(name).map_err(|error| ConfigError::Schema(error.to_string()));
        let action = named("Action")?;
        Ok(Self {
            agent: named("Agent")?,
            person: named("Person")?,
            group: named("Group")?,
            path: named("Path")?,
            host: named("Host")?,
            channel: named("Channel")?,
            model: named("Model")?,
            skill: named("Skill")?,
            actions: Verb::ALL.into_iter().map(|verb| (verb, uid(&action, verb.as_str()))).collect(),
            agents_dir: format!("{}/", agents_dir.trim_end_matches('/')),
        })
    }

    pub(crate) fn agent(&self, name: &AgentName) -> Lineage {
        Lineage { uid: uid(&self.agent, name.as_str()), above: Vec::new() }
    }

    pub(crate) fn person(&self, person: &Person) -> Lineage {
        Lineage {
            uid: uid(&self.person, person.id.as_str()),
            above: person.groups.iter().map(|group| uid(&self.group, group)).collect(),
        }
    }

    pub(crate) fn verb_of(&self, action: &EntityUid) -> Option<Verb> {
        self.actions.iter().find(|(_, uid)| *uid == action).map(|(verb, _)| *verb)
    }

    /// The entity of a resource and everything that it is in. A person is in no group here: who that
    /// person is, and in which groups, is the asker's lineage.
    pub(crate) fn resource(&self, resource: &Resource) -> Lineage {
        let (kind, name, above) = match resource {
            Resource::Path(path) => (&self.path, path, self.above_path(path)),
            Resource::Host(host) => (&self.host, host, above_host(host)),
            Resource::Channel(channel) => (&self.channel, channel, above_channel(channel)),
            Resource::Model(model) => (&self.model, model, above_model(model)),
            Resource::Person(person) => (&self.person, person, Vec::new()),
            Resource::Skill(skill) => (&self.skill, skill, Vec::new()),
        };
        Lineage { uid: uid(kind, name), above: above.iter().map(|name| uid(kind, name)).collect() }
    }

    fn above_path(&self, path: &str) -> Vec<String> {
        let mut above = folders_above(path);
        let in_agents = path.strip_prefix(&self.agents_dir).and_then(|rest| rest.split_once('/'));
        if let Some((_, rest)) = in_agents
            && (rest == WORKSPACE || rest.starts_with("workspace/"))
        {
            above.push(self.any_workspace());
        }
        above
    }

    /// The name that every agent's workspace is in.
    pub(crate) fn any_workspace(&self) -> String {
        self.workspace(ANY_AGENT)
    }

    /// The workspace of one agent.
    pub(crate) fn workspace(&self, agent: &str) -> String {
        format!("{}{agent}/{WORKSPACE}", self.agents_dir)
    }

    /// Puts an action to Cedar.
    pub(crate) fn question(
        &self,
        verb: Verb,
        agent: &Lineage,
        asker: &Lineage,
        resource: &Lineage,
        circumstances: Circumstances<'_>,
    ) -> Result<Question, QuestionError> {
        let action = self.actions.get(&verb).ok_or_else(|| QuestionError(format!("no action for {verb}")))?;
        let context = context(circumstances, agent, asker)?;
        let request = |principal: &Lineage, context| {
            Request::new(principal.uid.clone(), action.clone(), resource.uid.clone(), context, None)
                .map_err(|error| QuestionError(error.to_string()))
        };
        let mut known = vec![asker.entity()];
        if !resource.above.is_empty() && resource.uid != asker.uid {
            known.push(resource.entity());
        }
        let entities =
            Entities::from_entities(known, None).map_err(|error| QuestionError(error.to_string()))?;
        Ok(Question {
            by_agent: request(agent, context.clone())?,
            by_asker: request(asker, context)?,
            entities,
        })
    }
}

fn context(
    circumstances: Circumstances<'_>,
    agent: &Lineage,
    asker: &Lineage,
) -> Result<Context, QuestionError> {
    let Circumstances { approved, audience_wider, external, effect, labels } = circumstances;
    let names = std::iter::once(labels.level().as_str()).chain(labels.categories());
    let pairs = [
        ("approved", RestrictedExpression::new_bool(approved)),
        ("audience_wider", RestrictedExpression::new_bool(audience_wider)),
        ("external", RestrictedExpression::new_bool(external)),
        ("effect", RestrictedExpression::new_string(effect.to_owned())),
        (
            "labels",
            RestrictedExpression::new_set(
                names.map(|name| RestrictedExpression::new_string(name.to_owned())),
            ),
        ),
        ("asker", RestrictedExpression::new_entity_uid(asker.uid.clone())),
        ("agent", RestrictedExpression::new_entity_uid(agent.uid.clone())),
    ];
    Context::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value)))
        .map_err(|error| QuestionError(error.to_string()))
}

fn uid(kind: &EntityTypeName, name: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(name))
}

/// Every folder above an absolute path, the closest first, up to `/`.
pub(crate) fn folders_above(path: &str) -> Vec<String> {
    let mut above = Vec::new();
    let mut rest = path;
    while let Some((parent, _)) = rest.rsplit_once('/') {
        if parent.is_empty() {
            if rest.len() > 1 {
                above.push("/".to_owned());
            }
            break;
        }
        above.push(parent.to_owned());
        rest = parent;
    }
    above
}

/// Every wildcard above a host, the closest first. An address has no domain above it.
pub(crate) fn above_host(host: &str) -> Vec<String> {
    let mut above = Vec::new();
    let address = host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
    let mut rest = host;
    while let Some((_, parent)) = rest.split_once('.').filter(|_| !address) {
        above.push(format!("*.{parent}"));
        rest = parent;
    }
    above.push("*".to_owned());
    above
}

fn above_channel(channel: &str) -> Vec<String> {
    channel.split_once(':').map(|(kind, _)| vec![format!("{kind}:*")]).unwrap_or_default()
}

fn above_model(model: &str) -> Vec<String> {
    model.split_once('/').map(|(server, _)| vec![server.to_owned()]).unwrap_or_default()
}

/// Every name above a resource's, the closest first.
pub(crate) fn names_above(resource: &Resource) -> Vec<String> {
    match resource {
        Resource::Path(path) => folders_above(path),
        Resource::Host(host) => above_host(host),
        Resource::Channel(channel) => above_channel(channel),
        Resource::Model(model) => above_model(model),
        Resource::Person(_) | Resource::Skill(_) => Vec::new(),
    }
}

/// The schema, parsed.
pub(crate) fn schema() -> Result<Schema, ConfigError> {
    Schema::from_cedarschema_str(SCHEMA)
        .map(|(schema, _)| schema)
        .map_err(|error| ConfigError::Schema(error.to_string()))
}
