//! What holds for all agents: people, groups and their rights, guardrails, labels, skills.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::Schema;
use jsonschema::Validator;
use soul::Charter;
use vocab::{Action, AgentName, Digest, Group, Labels, Person, PersonId, Resource, SkillSpec};

use crate::collection;
use crate::compartment::{Compartment, soul_file};
use crate::config::{Config, ConfigError, Database};
use crate::flow::Flow;
use crate::gate::Gate;
use crate::grants::{self, Grants};
use crate::policy::rights::{self, ALL};
use crate::policy::slices::Slices;
use crate::policy::text::{Clause, Origin, Reader};
use crate::policy::words::{self, Lineage, Named, Words};
use crate::queue::Queue;
use crate::resolve;
use crate::resolve::path::is_canonical;
use crate::roles::{Act, BUILT_IN_ROLES, Forbidden, ROLES_SCHEMA, Roles, Said};

/// Where the text of rights is from, in errors.
const RIGHTS_FILE: &str = "the groups of the settings";
/// Where guardrails are from, in errors, when two files clash.
const GUARDRAILS: &str = "guardrails";

/// The monitor of one home. Clones are the same monitor.
#[derive(Debug, Clone)]
pub struct Monitor {
    pub(crate) house: Arc<House>,
}

/// Everything that is the same for all agents.
#[derive(Debug)]
pub(crate) struct House {
    schema: Schema,
    pub(crate) words: Words,
    pub(crate) rights: Slices,
    pub(crate) guardrails: Slices,
    /// What rights and guardrails name.
    pub(crate) named: Named,
    pub(crate) flow: Flow,
    pub(crate) people: HashMap<PersonId, Known>,
    pub(crate) groups: HashMap<String, Group>,
    skills: Vec<(SkillSpec, Arc<Validator>)>,
    pub(crate) default_model: String,
    remote_models: HashSet<String>,
    pub(crate) queues: Vec<Queue>,
    /// The file of each database, by its name.
    pub(crate) databases: BTreeMap<String, String>,
    /// The folder of each collection, by its name.
    pub(crate) collections: BTreeMap<String, String>,
    roles: Roles,
    labelled: BTreeSet<String>,
    pub(crate) version: Digest,
}

/// A person of the settings.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) person: Person,
    pub(crate) lineage: Lineage,
}

impl Monitor {
    /// Reads, validates and files everything in `config`.
    ///
    /// # Errors
    /// When a policy text is not Cedar, lacks an id or a message, does not fit the schema or would do nothing;
    /// when a role cannot be read or given, a name is there twice or missing, a path is not absolute, or a skill's schema is not one.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        check(&config)?;
        let version = Digest::of_canonical(&(
            env!("CARGO_PKG_VERSION"),
            words::SCHEMA,
            ROLES_SCHEMA,
            BUILT_IN_ROLES,
            &config,
        ))
        .map_err(|error| ConfigError::Version(error.to_string()))?;
        let agents_dir = config.agents_dir.to_str().unwrap_or_default();
        let schema = words::schema()?;
        let words = Words::new(agents_dir)?;
        let reader = Reader { schema: &schema, words: &words };
        let rights = reader.read(RIGHTS_FILE, &rights::compile(&config.groups, &words), Origin::Rights)?;
        let mut forbids = Vec::new();
        for text in &config.guardrails {
            forbids.extend(reader.read(&text.name, &text.text, Origin::Guardrail)?);
        }
        let rights = Slices::new(RIGHTS_FILE, rights)?;
        let guardrails = Slices::new(GUARDRAILS, forbids)?;
        let people = config.people.iter().map(|person| {
            let known = Known { lineage: words.person(person), person: person.clone() };
            (person.id.clone(), known)
        });
        let house = House {
            named: Slices::named([&rights, &guardrails]),
            rights,
            guardrails,
            flow: Flow::new(&config),
            people: people.collect(),
            groups: config.groups.iter().map(|group| (group.name.clone(), group.clone())).collect(),
            skills: skills(&config.skills)?,
            default_model: config.default_model.clone(),
            remote_models: config.remote_models.iter().cloned().collect(),
            queues: config.queues.clone(),
            databases: config.databases.iter().map(|one| (one.name.clone(), one.path.clone())).collect(),
            collections: config
                .collections
                .iter()
                .map(|one| (one.name.clone(), one.folder.clone()))
                .collect(),
            roles: Roles::new(&config)?,
            labelled: config
                .sources
                .iter()
                .map(|source| &source.labels)
                .chain(config.table_labels.iter().map(|table| &table.labels))
                .chain(config.collections.iter().filter_map(|one| one.labels.as_ref()))
                .flat_map(Labels::categories)
                .map(str::to_owned)
                .collect(),
            schema,
            words,
            version,
        };
        Ok(Self { house: Arc::new(house) })
    }

    /// The version of everything here: guardrails, people, rights, labels, skills.
    #[must_use]
    pub fn version(&self) -> Digest {
        self.house.version
    }

    /// The categories that some source, table or collection in the settings carries.
    #[must_use]
    pub fn labelled(&self) -> BTreeSet<String> {
        self.house.labelled.clone()
    }

    /// The names of the databases.
    #[must_use]
    pub fn databases(&self) -> BTreeSet<String> {
        self.house.databases.keys().cloned().collect()
    }

    /// The names of the collections.
    #[must_use]
    pub fn collections(&self) -> BTreeSet<String> {
        self.house.collections.keys().cloned().collect()
    }

    /// Whether everything at and beneath a path carries at least `labels` by the settings, so that no mark is needed.
    #[must_use]
    pub fn carries(&self, path: &str, labels: &Labels) -> bool {
        self.house.flow.carries(path, labels)
    }

    /// What lies at an absolute path carries, by the settings and by what agents wrote there.
    #[must_use]
    pub fn labels_of(&self, path: &str, marks: &BTreeMap<String, Labels>) -> Labels {
        self.house.flow.source(path, marks)
    }

    /// A person of the settings.
    #[must_use]
    pub fn person(&self, id: &PersonId) -> Option<&Person> {
        self.house.known(id).map(|known| &known.person)
    }

    /// Everybody whom the settings have.
    pub(crate) fn people(&self) -> impl Iterator<Item = &Person> {
        self.house.people.values().map(|known| &known.person)
    }

    /// The queues, in their order.
    pub(crate) fn queues(&self) -> &[Queue] {
        &self.house.queues
    }

    /// Whether the settings have nobody at all.
    #[must_use]
    pub fn names_nobody(&self) -> bool {
        self.house.people.is_empty()
    }

    /// The person who is this operating-system user.
    #[must_use]
    pub fn person_of_os_user(&self, user: &str) -> Option<&Person> {
        self.people().find(|person| person.os_user.as_deref() == Some(user))
    }

    /// The person who is this account in the chat.
    #[must_use]
    pub fn person_of_chat(&self, account: &str) -> Option<&Person> {
        self.people().find(|person| person.chat.as_deref() == Some(account))
    }

    /// Whether a person may ask this agent for anything. A person who is not in the settings may not.
    #[must_use]
    pub fn may_ask(&self, person: &Person, agent: &AgentName) -> bool {
        self.has(person, agent, |group| &group.rights.agents)
    }

    /// Whether a person may do something with the gateway, to `agent` where it is done to one. What being an administrator
    /// gives, no role takes away, so that agents can always be stopped; apart from that a role's forbid counts before every
    /// permit and every right.
    ///
    /// # Errors
    /// When they may not; with the policy that says so, where one does.
    pub fn may(&self, person: &Person, act: Act, agent: Option<&AgentName>) -> Result<(), Option<Forbidden>> {
        let Some(known) = self.house.known(&person.id) else { return Err(None) };
        let person = &known.person;
        if person.administrator && self.house.roles.administrator(person, act, agent) {
            return Ok(());
        }
        match self.house.roles.say(person, act, agent) {
            Said::No(forbidden) => Err(Some(forbidden)),
            Said::Yes => Ok(()),
            Said::Nothing if self.by_right(person, act, agent) => Ok(()),
            Said::Nothing => Err(None),
        }
    }

    /// What the groups of a person give of that.
    fn by_right(&self, person: &Person, act: Act, agent: Option<&AgentName>) -> bool {
        let of_agent =
            |names: fn(&Group) -> &Vec<String>| agent.is_some_and(|agent| self.has(person, agent, names));
        match act {
            Act::AgentSee => of_agent(|group| &group.rights.agents),
            Act::ApprovalDecide => of_agent(|group| &group.rights.approve),
            Act::ContentRead => of_agent(|group| &group.rights.content),
            Act::RecordSee => self.groups_of(person).any(|group| group.rights.record),
            Act::ContentErase => self.groups_of(person).any(|group| group.rights.erase),
            _ => false,
        }
    }

    /// The roles that a person holds by `[[role]]`, by name.
    #[must_use]
    pub fn roles_of(&self, person: &Person) -> Vec<String> {
        let known = self.house.known(&person.id);
        known.into_iter().flat_map(|known| self.house.roles.of(&known.person)).map(str::to_owned).collect()
    }

    /// Whether a person may approve or deny what this agent wants to do.
    #[must_use]
    pub fn may_approve(&self, person: &Person, agent: &AgentName) -> bool {
        self.may(person, Act::ApprovalDecide, Some(agent)).is_ok()
    }

    /// The queue that an action waits in; none where no queue of the settings has it.
    #[must_use]
    pub fn queue(&self, agent: &AgentName, action: &Action, labels: &Labels) -> Option<&Queue> {
        self.house.queues.iter().find(|queue| queue.fits(agent, action, labels))
    }

    /// Whether a person may decide on this action: by the right to approve for the agent, and as one of the approvers of the
    /// queue that it waits in; `escalated`, also as one of those who are asked after a while.
    #[must_use]
    pub fn may_decide(
        &self,
        person: &Person,
        agent: &AgentName,
        action: &Action,
        labels: &Labels,
        escalated: bool,
    ) -> bool {
        let Some(known) = self.house.known(&person.id) else { return false };
        let of_queue = |queue: &Queue| {
            let more = queue.escalation.as_ref().filter(|_| escalated);
            queue.approvers.has(&known.person) || more.is_some_and(|more| more.to.has(&known.person))
        };
        self.may_approve(person, agent) && self.queue(agent, action, labels).is_none_or(of_queue)
    }

    /// Whether a person may read the recorded content of this agent; of none, that which belongs to no agent: a role can forbid
    /// that, and gives none of it.
    #[must_use]
    pub fn may_read_content(&self, person: &Person, agent: Option<&AgentName>) -> bool {
        match agent {
            Some(agent) => self.may(person, Act::ContentRead, Some(agent)).is_ok(),
            None => {
                let forbidden = |known: &Known| {
                    matches!(self.house.roles.say(&known.person, Act::ContentRead, None), Said::No(_))
                };
                self.has_all(person, |group| &group.rights.content)
                    && !self.house.known(&person.id).is_none_or(forbidden)
            }
        }
    }

    /// Whether a person may ask for content to be erased, agree to it, and hold it: an administrator, or whose group or role may.
    #[must_use]
    pub fn may_erase(&self, person: &Person) -> bool {
        self.may(person, Act::ContentErase, None).is_ok()
    }

    /// Whether a person may see the records of others, without their content: an administrator, or whose group or role may.
    #[must_use]
    pub fn may_see_records(&self, person: &Person) -> bool {
        self.may(person, Act::RecordSee, None).is_ok()
    }

    /// Who has what: each resource that is granted and each of `agents`, with the groups that have it.
    #[must_use]
    pub fn grants(&self, agents: &[AgentName]) -> Grants {
        let people = self.house.people.values().map(|known| &known.person);
        grants::grants(people, self.house.groups.values(), agents)
    }

    fn has_all(&self, person: &Person, names: fn(&Group) -> &Vec<String>) -> bool {
        self.groups_of(person).flat_map(names).any(|name| name == ALL)
    }

    fn has(&self, person: &Person, agent: &AgentName, names: fn(&Group) -> &Vec<String>) -> bool {
        self.groups_of(person).flat_map(names).any(|name| name == ALL || name == agent.as_str())
    }

    /// The groups that a person is in by the settings; none for somebody who is not in them.
    pub(crate) fn groups_of(&self, person: &Person) -> impl Iterator<Item = &Group> {
        let known = self.house.known(&person.id);
        let names = known.into_iter().flat_map(|known| &known.person.groups);
        names.filter_map(|name| self.house.groups.get(name))
    }

    /// Whether an agent's policies can be judged by.
    ///
    /// # Errors
    /// As [`Monitor::compartment`].
    pub fn check(&self, charter: &Charter) -> Result<(), ConfigError> {
        Slices::new(&soul_file(&charter.name), self.house.read_charter(charter)?).map(|_| ())
    }

    /// Puts an agent under this monitor: its policies are parsed, validated strictly and filed.
    ///
    /// # Errors
    /// When a policy of the charter is not Cedar, has no id or does not fit the schema.
    pub fn compartment(&self, charter: Arc<Charter>, gate: Gate) -> Result<Compartment, ConfigError> {
        Compartment::new(Arc::clone(&self.house), charter, gate)
    }

    /// Whether a model's server is another machine by the settings: what is told it leaves this one.
    #[must_use]
    pub fn is_remote(&self, model: &Resource) -> bool {
        self.house.is_remote(model)
    }
}

impl House {
    pub(crate) fn known(&self, id: &PersonId) -> Option<&Known> {
        self.people.get(id)
    }

    pub(crate) fn skill(&self, name: &str) -> Option<&(SkillSpec, Arc<Validator>)> {
        self.skills.iter().find(|(spec, _)| spec.name == name)
    }

    /// Everything that a skill of SOUL.md can do here, in the order in which a model is told of it.
    pub(crate) fn of_skill(&self, skill: &str) -> impl Iterator<Item = &(SkillSpec, Arc<Validator>)> {
        self.skills.iter().filter(move |(spec, _)| spec.skill == skill)
    }

    pub(crate) fn read_charter(&self, charter: &Charter) -> Result<Vec<Clause>, ConfigError> {
        let reader = Reader { schema: &self.schema, words: &self.words };
        reader.read(&soul_file(&charter.name), &charter.policies, Origin::Agent)
    }

    /// Whether a model runs on another machine, by its own name or by its server's.
    pub(crate) fn is_remote(&self, model: &Resource) -> bool {
        self.remote_models.contains(model.name())
            || words::names_above(model).iter().any(|server| self.remote_models.contains(server.as_ref()))
    }
}

fn skills(specs: &[SkillSpec]) -> Result<Vec<(SkillSpec, Arc<Validator>)>, ConfigError> {
    let mut skills = Vec::with_capacity(specs.len());
    for spec in specs {
        let wrong = |why: String| ConfigError::Skill { skill: spec.name.clone(), why };
        let validator =
            jsonschema::draft202012::new(&spec.schema).map_err(|error| wrong(error.to_string()))?;
        let declared = spec.schema.get("properties").and_then(|properties| properties.get(&spec.target));
        if declared.is_none() {
            return Err(wrong(format!("its target `{}` is not among its properties", spec.target)));
        }
        skills.push((spec.clone(), Arc::new(validator)));
    }
    Ok(skills)
}

/// Everything about the settings that is not Cedar.
fn check(config: &Config) -> Result<(), ConfigError> {
    unique("person", config.people.iter().map(|person| person.id.as_str()))?;
    unique("operating-system user", config.people.iter().filter_map(|person| person.os_user.as_deref()))?;
    unique("chat account", config.people.iter().filter_map(|person| person.chat.as_deref()))?;
    unique("group", config.groups.iter().map(|group| group.name.as_str()))?;
    unique("skill", config.skills.iter().map(|spec| spec.name.as_str()))?;
    unique("guardrail file", config.guardrails.iter().map(|text| text.name.as_str()))?;
    let groups: HashSet<&str> = config.groups.iter().map(|group| group.name.as_str()).collect();
    for person in &config.people {
        if let Some(group) = person.groups.iter().find(|group| !groups.contains(group.as_str())) {
            let person = person.id.to_string();
            return Err(ConfigError::UnknownGroup { person, group: group.clone() });
        }
    }
    for group in &config.groups {
        check_rights(group)?;
    }
    unique("role", config.roles.iter().map(|role| role.role.as_str()))?;
    unique("queue", config.queues.iter().map(|queue| queue.name.as_str()))?;
    if let Some(fault) = config.queues.iter().find_map(|queue| queue.fault(&config.people, &config.groups)) {
        return Err(ConfigError::Queue(fault));
    }
    for source in &config.sources {
        path(&source.path, "a source of labels")?;
    }
    for sink in &config.sinks {
        if let Resource::Path(sink) = &sink.resource {
            path(sink, "a destination with a clearance")?;
        }
    }
    check_databases(config)?;
    collection::check(config)?;
    match config.agents_dir.to_str() {
        Some(dir) => path(dir, "the folder of the agents"),
        None => path("?", "the folder of the agents, which is not UTF-8"),
    }
}

fn check_rights(group: &Group) -> Result<(), ConfigError> {
    for (kind, names) in group.rights.lists() {
        let place = format!("`{kind}` of the group `{}`", group.name);
        unique("right", names.iter().map(String::as_str))?;
        for name in names {
            match kind {
                _ if name.is_empty() || group.name.is_empty() => return Err(ConfigError::Empty { place }),
                _ if name == ALL => {}
                "read" | "write" => path(name, &place)?,
                "commands" => command(name, &place)?,
                "channels" if !name.contains(':') => {
                    return Err(ConfigError::Channel { channel: name.clone(), place });
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn unique<'a>(kind: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), ConfigError> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(ConfigError::Twice { kind, name: name.to_owned() });
        }
    }
    Ok(())
}

fn command(name: &str, place: &str) -> Result<(), ConfigError> {
    match resolve::command::canonical(name) {
        Ok(canonical) if canonical == name => Ok(()),
        _ => Err(ConfigError::Command { command: name.to_owned(), place: place.to_owned() }),
    }
}

fn table(name: &str, place: &str) -> Result<(), ConfigError> {
    if vocab::table::is_canonical(name) {
        return Ok(());
    }
    Err(ConfigError::Table { table: name.to_owned(), place: place.to_owned() })
}

fn check_databases(config: &Config) -> Result<(), ConfigError> {
    unique("database", config.databases.iter().map(|database| database.name.as_str()))?;
    // By another name of the file its tables would have neither labels nor rights of theirs.
    unique("file of a database", config.databases.iter().map(|database| database.path.as_str()))?;
    for Database { name, path: file } in &config.databases {
        if name.contains('/') {
            return Err(ConfigError::Table {
                table: name.clone(),
                place: "the name of a database".to_owned(),
            });
        }
        table(name, "the name of a database")?;
        path(file, "the file of a database")?;
    }
    let known: HashSet<&str> = config.databases.iter().map(|database| database.name.as_str()).collect();
    let labelled = config.table_labels.iter().map(|labels| (&labels.table, "labels of a table".to_owned()));
    let granted = config.groups.iter().flat_map(|group| {
        let place = format!("`tables` of the group `{}`", group.name);
        group.rights.tables.iter().filter(|name| *name != ALL).map(move |name| (name, place.clone()))
    });
    for (name, place) in labelled.chain(granted) {
        table(name, &place)?;
        if !known.contains(name.split('/').next().unwrap_or_default()) {
            return Err(ConfigError::UnknownDatabase { table: name.clone(), place });
        }
    }
    Ok(())
}

fn path(path: &str, place: &str) -> Result<(), ConfigError> {
    if is_canonical(path) {
        return Ok(());
    }
    Err(ConfigError::Path { path: path.to_owned(), place: place.to_owned() })
}
