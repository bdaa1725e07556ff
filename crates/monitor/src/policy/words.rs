//! From our words to Cedar's: entity names, the lineage of a resource, the request.
//!
//! Everything is built from values, never from text or JSON, because it happens at every judgement.
//! The forms are those of `guardrails/schema.cedarschema`; a test holds every request against it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::Schema;
use cedar_policy_core::ast::{
    Context, Eid, Entity, EntityType, EntityUID, EntityUIDEntry, Literal, Request, Value, ValueKind,
};
use cedar_policy_core::entities::{Entities, NoEntitiesSchema, TCComputation};
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;
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
    agent: EntityType,
    person: EntityType,
    group: EntityType,
    path: EntityType,
    host: EntityType,
    channel: EntityType,
    model: EntityType,
    command: EntityType,
    table: EntityType,
    collection: EntityType,
    skill: EntityType,
    actions: HashMap<Verb, Arc<EntityUID>>,
    /// The agents' folder with a `/` at its end, for the lineage of workspaces.
    agents_dir: String,
}

/// An entity and all that it is in, as far as some policy names it.
#[derive(Debug, Clone)]
pub(crate) struct Lineage {
    pub(crate) uid: Arc<EntityUID>,
    pub(crate) above: Vec<EntityUID>,
}

/// The entities that policies name, by kind and name. A policy can ask whether something is in an entity only
/// by naming that entity (`context` and the principal hold agents and people), so no other needs to be
/// in a lineage.
#[derive(Debug, Default)]
pub(crate) struct Named(HashMap<&'static str, HashMap<String, EntityUID>>);

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
    by_agent: Request,
    by_asker: Request,
    entities: Entities,
}

/// A question that Cedar would not take. It means deny.
#[derive(Debug, thiserror::Error)]
#[error("the request cannot be put to Cedar: {0}")]
pub(crate) struct QuestionError(String);

impl Lineage {
    /// The entity, then everything above it.
    pub(crate) fn all(&self) -> impl Iterator<Item = &EntityUID> {
        std::iter::once(self.uid.as_ref()).chain(&self.above)
    }

    fn entity(&self) -> Entity {
        let above: HashSet<EntityUID> = self.above.iter().cloned().collect();
        Entity::new_with_attr_partial_value(self.uid.as_ref().clone(), [], HashSet::new(), above, [])
    }

    fn entry(&self) -> EntityUIDEntry {
        EntityUIDEntry::Known { euid: Arc::clone(&self.uid), loc: None }
    }

    fn value(&self) -> Value {
        Value::new(Literal::EntityUID(Arc::clone(&self.uid)), None)
    }
}

impl Named {
    pub(crate) fn new<'a>(mentioned: impl Iterator<Item = &'a EntityUID>) -> Self {
        let mut named = Self::default();
        for uid in mentioned {
            let kind = match uid.entity_type().to_string().as_str() {
                "Path" => "path",
                "Host" => "host",
                "Channel" => "channel",
                "Model" => "model",
                "Table" => "table",
                _ => continue,
            };
            let Eid::Eid(name) = uid.eid();
            named.0.entry(kind).or_default().insert(name.to_string(), uid.clone());
        }
        named
    }

    /// The paths among them.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.get("path").into_iter().flat_map(HashMap::keys).map(String::as_str)
    }

    fn get(&self, kind: &str, name: &str) -> Option<&EntityUID> {
        self.0.get(kind)?.get(name)
    }
}

impl Words {
    pub(crate) fn new(agents_dir: &str) -> Result<Self, ConfigError> {
        let named = |name| {
            EntityType::from_normalized_str(name).map_err(|error| ConfigError::Schema(error.to_string()))
        };
        let action = named("Action")?;
        Ok(Self {
            agent: named("Agent")?,
            person: named("Person")?,
            group: named("Group")?,
            path: named("Path")?,
            host: named("Host")?,
            channel: named("Channel")?,
            model: named("Model")?,
            command: named("Command")?,
            table: named("Table")?,
            collection: named("Collection")?,
            skill: named("Skill")?,
            actions: Verb::JUDGED
                .into_iter()
                .map(|verb| (verb, Arc::new(uid(&action, verb.as_str()))))
                .collect(),
            agents_dir: format!("{}/", agents_dir.trim_end_matches('/')),
        })
    }

    pub(crate) fn agent(&self, name: &AgentName) -> Lineage {
        Lineage { uid: Arc::new(uid(&self.agent, name.as_str())), above: Vec::new() }
    }

    pub(crate) fn person(&self, person: &Person) -> Lineage {
        Lineage {
            uid: Arc::new(uid(&self.person, person.id.as_str())),
            above: person.groups.iter().map(|group| uid(&self.group, group)).collect(),
        }
    }

    pub(crate) fn verb_of(&self, action: &EntityUID) -> Option<Verb> {
        self.actions.iter().find(|(_, uid)| uid.as_ref() == action).map(|(verb, _)| *verb)
    }

    /// The entity of a resource and everything that it is in and that `named` names. A person is in no group
    /// here: who that person is, and in which groups, is the asker's lineage.
    pub(crate) fn resource(&self, resource: &Resource, named: [&Named; 2]) -> Lineage {
        let kind = match resource {
            Resource::Path(_) => &self.path,
            Resource::Host(_) => &self.host,
            Resource::Channel(_) => &self.channel,
            Resource::Model(_) => &self.model,
            Resource::Person(_) => &self.person,
            Resource::Command(_) => &self.command,
            Resource::Table(_) => &self.table,
            Resource::Collection(_) => &self.collection,
            Resource::Skill(_) => &self.skill,
        };
        let mut names = names_above(resource);
        if let Resource::Path(path) = resource
            && self.in_some_workspace(path)
        {
            names.push(Cow::Owned(self.workspace(ANY_AGENT)));
        }
        let known = |name: &Cow<'_, str>| named.iter().find_map(|named| named.get(resource.kind(), name));
        let above = names.iter().filter_map(known).cloned().collect();
        Lineage { uid: Arc::new(uid(kind, resource.name())), above }
    }

    fn in_some_workspace(&self, path: &str) -> bool {
        self.workspace_of(path).is_some()
    }

    /// Whose workspace a path lies in, if it lies in one.
    pub(crate) fn workspace_of<'p>(&self, path: &'p str) -> Option<&'p str> {
        let (agent, rest) = path.strip_prefix(&self.agents_dir)?.split_once('/')?;
        (rest.split('/').next() == Some(WORKSPACE)).then_some(agent)
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
        let context = context(circumstances, agent, asker);
        let request = |principal: &Lineage, context| {
            let action = EntityUIDEntry::Known { euid: Arc::clone(action), loc: None };
            Request::new_unchecked(principal.entry(), action, resource.entry(), Some(context))
        };
        let apart = (resource.uid != asker.uid && !resource.above.is_empty()).then(|| resource.entity());
        // A lineage is closed already: everything above is in it.
        let entities = Entities::from_entities(
            std::iter::once(asker.entity()).chain(apart),
            None::<&NoEntitiesSchema>,
            TCComputation::AssumeAlreadyComputed,
            Extensions::all_available(),
        )
        .map_err(|error| QuestionError(error.to_string()))?;
        Ok(Question {
            by_agent: request(agent, context.clone()),
            by_asker: request(asker, context),
            entities,
        })
    }
}

impl Question {
    /// Evaluates policies about the agent.
    pub(crate) fn of_agent(&self) -> Evaluator<'_> {
        Evaluator::new(self.by_agent.clone(), &self.entities, Extensions::all_available())
    }

    /// Evaluates policies about the asker.
    pub(crate) fn of_asker(&self) -> Evaluator<'_> {
        Evaluator::new(self.by_asker.clone(), &self.entities, Extensions::all_available())
    }
}

pub(super) fn context(circumstances: Circumstances<'_>, agent: &Lineage, asker: &Lineage) -> Context {
    let Circumstances { approved, audience_wider, external, effect, labels } = circumstances;
    let names = std::iter::once(labels.level().as_str()).chain(labels.categories());
    let labels = ValueKind::set_of_lits(names.map(|name| Literal::String(name.into())));
    let pairs = [
        ("agent", agent.value()),
        ("approved", approved.into()),
        ("asker", asker.value()),
        ("audience_wider", audience_wider.into()),
        ("effect", effect.into()),
        ("external", external.into()),
        ("labels", Value::new(labels, None)),
    ];
    Context::Value(Arc::new(BTreeMap::from(pairs.map(|(name, value)| (name.into(), value)))))
}

fn uid(kind: &EntityType, name: &str) -> EntityUID {
    EntityUID::from_components(kind.clone(), Eid::new(name), None)
}

/// Every folder above an absolute path, the closest first, up to `/`.
pub(crate) fn folders_above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(folder_of(path), |path| folder_of(path))
}

fn folder_of(path: &str) -> Option<&str> {
    match path.rsplit_once('/')? {
        ("", "") => None,
        ("", _) => Some("/"),
        (parent, _) => Some(parent),
    }
}

fn domain_of(host: &str) -> Option<&str> {
    host.split_once('.').map(|(_, domain)| domain)
}

/// Every name above a resource's, the closest first: folders; wildcards (an address has no domain above
/// it); all channels of the kind; the model's server; the table's database.
pub(crate) fn names_above(resource: &Resource) -> Vec<Cow<'_, str>> {
    match resource {
        Resource::Path(path) => folders_above(path).map(Cow::Borrowed).collect(),
        Resource::Host(host) => {
            let address = host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
            let first = domain_of(host).filter(|_| !address);
            let domains = std::iter::successors(first, |host| domain_of(host));
            domains.map(|domain| format!("*.{domain}")).chain(["*".to_owned()]).map(Cow::Owned).collect()
        }
        Resource::Channel(channel) => {
            channel.split_once(':').map(|(kind, _)| Cow::Owned(format!("{kind}:*"))).into_iter().collect()
        }
        Resource::Model(name) | Resource::Table(name) => {
            name.split_once('/').map(|(over, _)| Cow::Borrowed(over)).into_iter().collect()
        }
        Resource::Person(_) | Resource::Command(_) | Resource::Collection(_) | Resource::Skill(_) => {
            Vec::new()
        }
    }
}

/// The schema, parsed.
pub(crate) fn schema() -> Result<Schema, ConfigError> {
    Schema::from_cedarschema_str(SCHEMA)
        .map(|(schema, _)| schema)
        .map_err(|error| ConfigError::Schema(error.to_string()))
}
