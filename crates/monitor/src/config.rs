//! What the monitor is told when it is made, and everything that can be wrong with it.

use std::path::PathBuf;

use serde::Serialize;
use vocab::{Group, Labels, Person, Resource, SkillSpec};

use crate::queue::Queue;
use crate::roles::Holders;

/// What the monitor judges by, apart from each agent's SOUL.md.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Config {
    /// The guardrails of the home, a text for each file.
    pub guardrails: Vec<PolicyText>,
    /// The people who may ask for something.
    pub people: Vec<Person>,
    /// The groups that they are in, with their rights.
    pub groups: Vec<Group>,
    /// Labels of data inside, by path. What nothing here covers is `internal`.
    pub sources: Vec<Source>,
    /// Databases, each with the file that it is.
    pub databases: Vec<Database>,
    /// Labels of tables. A table that nothing here and no source covers is `internal`.
    pub table_labels: Vec<TableLabels>,
    /// Collections of documents, each with the folder that it is.
    pub collections: Vec<Collection>,
    /// Where data may go, by destination. What is not named here may receive `internal`.
    pub sinks: Vec<Sink>,
    /// The skills that this gateway has.
    pub skills: Vec<SkillSpec>,
    /// The folder that holds each agent's own: absolute, without `.` or `..`.
    pub agents_dir: PathBuf,
    /// The model of an agent whose SOUL.md names none.
    pub default_model: String,
    /// Models whose server is another machine, by name or by server: a call to one leaves this machine.
    pub remote_models: Vec<String>,
    /// The roles of the home, a text for each file.
    pub role_files: Vec<PolicyText>,
    /// Whose each role is.
    pub roles: Vec<Holders>,
    /// Who decides what waits, the first that fits; where none does, whoever may approve for the agent.
    pub queues: Vec<Queue>,
}

/// A Cedar text and the name of the file that it is from.
#[derive(Debug, Clone, Serialize)]
pub struct PolicyText {
    /// The file's name, such as `base.cedar`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// The labels of everything at and beneath a path. Where several cover a file, it carries all their labels.
#[derive(Debug, Clone, Serialize)]
pub struct Source {
    /// An absolute path.
    pub path: String,
    /// The labels of what lies there.
    pub labels: Labels,
}

/// A database of the settings.
#[derive(Debug, Clone, Serialize)]
pub struct Database {
    /// Its name, in the form of [`vocab::table::database`].
    pub name: String,
    /// Its file: absolute, without `.` or `..`.
    pub path: String,
}

/// The labels of a table, or of all tables of a database. Where several cover a table, it carries all their labels, and those
/// of the sources that cover the database's file.
#[derive(Debug, Clone, Serialize)]
pub struct TableLabels {
    /// `database/table`, or `database`.
    pub table: String,
    /// The labels of what is in it.
    pub labels: Labels,
}

/// A collection of documents of the settings.
#[derive(Debug, Clone, Serialize)]
pub struct Collection {
    /// Its name, in the form of [`vocab::collection::collection`].
    pub name: String,
    /// Its folder: absolute, without `.` or `..`.
    pub folder: String,
    /// The labels of what is in it, beside those of the sources that cover the folder or lie in it; where nothing says
    /// anything, it is `internal`.
    pub labels: Option<Labels>,
}

/// What a destination may receive. For a path, everything beneath it too; for a host, channel or model
/// also by the names above it (`*.example.org`, `board:*`, a model's server). The closest one counts.
#[derive(Debug, Clone, Serialize)]
pub struct Sink {
    /// The destination.
    pub resource: Resource,
    /// The most that may go there.
    pub clearance: Labels,
}

/// Settings or policies that cannot be judged by. Each message is one sentence: what, where, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The schema that ships cannot be read.
    #[error("the policy schema of this build cannot be read ({0}); install an unchanged release")]
    Schema(String),
    /// Not Cedar.
    #[error("`{file}` is not Cedar: {why}; mend that line (docs.cedarpolicy.com has the syntax)")]
    Syntax {
        /// The file.
        file: String,
        /// What the parser said.
        why: String,
    },
    /// A policy with slots.
    #[error("policy `{policy}` in `{file}` is a template; write the entity in place of its `?` slot")]
    Template {
        /// The file.
        file: String,
        /// The policy.
        policy: String,
    },
    /// A policy without a name.
    #[error("policy number {number} in `{file}` has no id; write `@id(\"some-name\")` above it")]
    NoId {
        /// The file.
        file: String,
        /// Its place in the file, from 1.
        number: usize,
    },
    /// A forbid that would refuse without a word.
    #[error("policy `{policy}` in `{file}` forbids without a reason; write `@message(\"why\")` above it")]
    NoMessage {
        /// The file.
        file: String,
        /// The policy.
        policy: String,
    },
    /// One name, two policies.
    #[error("two policies have the id `{policy}` (the second in `{file}`); rename one of them")]
    TwiceId {
        /// The second one's file.
        file: String,
        /// The id.
        policy: String,
    },
    /// `@decision` with something else than `ask`.
    #[error(
        "policy `{policy}` in `{file}` has `@decision(\"{value}\")`; a forbid may say \"ask\", or leave it out"
    )]
    BadDecision {
        /// The file.
        file: String,
        /// The policy.
        policy: String,
        /// What it says.
        value: String,
    },
    /// A permit where only forbids count.
    #[error(
        "policy `{policy}` in `{file}` is a permit, which would do nothing: guardrails only forbid; remove it, or grant it in a SOUL.md"
    )]
    GuardrailPermit {
        /// The file.
        file: String,
        /// The policy.
        policy: String,
    },
    /// A guardrail that can never apply.
    #[error("policy `{policy}` in `{file}` can never apply: {why}; mend its condition, or remove it")]
    Idle {
        /// The file.
        file: String,
        /// The policy.
        policy: String,
        /// What the validator said.
        why: String,
    },
    /// A policy that the schema does not allow.
    #[error(
        "policy `{policy}` in `{file}` does not fit the schema: {why}; use the types, actions and context of `guardrails/schema.cedarschema`"
    )]
    Invalid {
        /// The file.
        file: String,
        /// The policy.
        policy: String,
        /// What the validator said.
        why: String,
    },
    /// One name, two entries of the settings.
    #[error("{kind} `{name}` is in the settings twice; remove one")]
    Twice {
        /// `person`, `group`, `skill` or `operating-system user`.
        kind: &'static str,
        /// Which.
        name: String,
    },
    /// A person in a group that nobody made.
    #[error(
        "person `{person}` is in the group `{group}`, which the settings do not have; add it, or mend the name"
    )]
    UnknownGroup {
        /// The person.
        person: String,
        /// The group.
        group: String,
    },
    /// A path that is not absolute, or not in its plain form.
    #[error("the path `{path}` ({place}) must be absolute, without `.`, `..` or control characters")]
    Path {
        /// The path.
        path: String,
        /// Where it stands.
        place: String,
    },
    /// A channel without a kind.
    #[error("the channel `{channel}` ({place}) must be `kind:destination`, such as `board:forum`, or `*`")]
    Channel {
        /// The channel.
        channel: String,
        /// Where it stands.
        place: String,
    },
    /// A command that is neither a bare name nor an absolute path.
    #[error(
        "the command `{command}` ({place}) must be a bare name, such as `git`, an absolute path without `.` or `..`, or `*`"
    )]
    Command {
        /// The command.
        command: String,
        /// Where it stands.
        place: String,
    },
    /// A name of a database or table in another form than its own.
    #[error(
        "the table `{table}` ({place}) must be `database/table` or `database`, in lower case, such as `crm/orders`, or `*`"
    )]
    Table {
        /// The table.
        table: String,
        /// Where it stands.
        place: String,
    },
    /// A table of a database that is not there.
    #[error(
        "`{table}` ({place}) is of a database that the settings do not have; add `[databases.NAME]`, or mend the name"
    )]
    UnknownDatabase {
        /// The table.
        table: String,
        /// Where it stands.
        place: String,
    },
    /// A name of a collection in another form than its own.
    #[error(
        "the collection `{collection}` ({place}) must be a name of lower-case letters, digits, `-` and `_`, such as `handbook`, or `*`"
    )]
    Collection {
        /// The collection.
        collection: String,
        /// Where it stands.
        place: String,
    },
    /// A collection that is not there.
    #[error(
        "the settings have no collection `{collection}` ({place}); add `[collections.NAME]`, or mend the name"
    )]
    UnknownCollection {
        /// The collection.
        collection: String,
        /// Where it stands.
        place: String,
    },
    /// A document that would be in two collections.
    #[error(
        "the folder `{folder}` of the collection `{collection}` lies in that of `{other}`, and a document is in one collection; give them folders beside each other"
    )]
    WithinCollection {
        /// The inner one.
        collection: String,
        /// Its folder.
        folder: String,
        /// The outer one.
        other: String,
    },
    /// A name that is empty.
    #[error("an empty name in {place}; write the name, or remove the entry")]
    Empty {
        /// Where it stands.
        place: String,
    },
    /// A file that is no role.
    #[error("the file `roles/{file}` {why}")]
    RoleFile {
        /// The file.
        file: String,
        /// What is wrong with it, and the mend.
        why: &'static str,
    },
    /// A role that cannot be given.
    #[error("the role `{role}` {why}")]
    Role {
        /// The role.
        role: String,
        /// What is wrong with it, and the mend.
        why: String,
    },
    /// A policy of a role that waits for a person.
    #[error("policy `{policy}` in `{file}` has `@decision`, and roles ask nobody; remove it")]
    RoleAsks {
        /// The file.
        file: String,
        /// The policy.
        policy: String,
    },
    /// A policy that the schema of roles does not allow, or that can never apply.
    #[error(
        "policy `{policy}` in `{file}` does not fit the schema of roles: {why}; use the actions of `guardrails/roles.cedarschema`"
    )]
    RoleUnfit {
        /// The file.
        file: String,
        /// The policy.
        policy: String,
        /// What the validator said.
        why: String,
    },
    /// A queue that cannot work.
    #[error("{0}")]
    Queue(String),
    /// A skill whose schema of arguments is no schema.
    #[error("the skill `{skill}` declares a schema that cannot be used: {why}; mend the skill")]
    Skill {
        /// The skill.
        skill: String,
        /// What is wrong.
        why: String,
    },
    /// Settings that have no canonical form, so that no version can be computed of them.
    #[error("the settings cannot be given a version ({0}); use paths and names in UTF-8 only")]
    Version(String),
}
