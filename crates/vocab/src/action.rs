//! A canonical action: what would happen, to what, with which arguments.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::{CanonicalError, Digest};

/// What is done. The names are those of the Cedar actions in `guardrails/schema.cedarschema`, but for
/// [`Verb::ReplyPart`], which is judged as the reply that it is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verb {
    /// Ask a model for its next words.
    #[serde(rename = "model.call")]
    ModelCall,
    /// Read a file.
    #[serde(rename = "file.read")]
    FileRead,
    /// Write a file.
    #[serde(rename = "file.write")]
    FileWrite,
    /// Fetch a page.
    #[serde(rename = "web.get")]
    WebGet,
    /// Post to a channel.
    #[serde(rename = "message.post")]
    MessagePost,
    /// Answer the person who asked.
    #[serde(rename = "reply")]
    Reply,
    /// Answer the person who asked with what has come whole of an answer that is still being made.
    #[serde(rename = "reply.part")]
    ReplyPart,
    /// Run a command.
    #[serde(rename = "command.run")]
    CommandRun,
    /// Read tables of a database.
    #[serde(rename = "table.read")]
    TableRead,
    /// Look for passages in a collection of documents.
    #[serde(rename = "documents.search")]
    DocumentsSearch,
    /// Read a document of a collection.
    #[serde(rename = "documents.read")]
    DocumentsRead,
    /// Call a skill that this gateway does not have: proposed, recorded, never permitted.
    #[serde(rename = "skill.call")]
    SkillCall,
}

impl Verb {
    /// All verbs.
    pub const ALL: [Self; 12] = [
        Self::ModelCall,
        Self::FileRead,
        Self::FileWrite,
        Self::WebGet,
        Self::MessagePost,
        Self::Reply,
        Self::ReplyPart,
        Self::CommandRun,
        Self::TableRead,
        Self::DocumentsSearch,
        Self::DocumentsRead,
        Self::SkillCall,
    ];

    /// The verbs that policies name.
    pub const JUDGED: [Self; 11] = [
        Self::ModelCall,
        Self::FileRead,
        Self::FileWrite,
        Self::WebGet,
        Self::MessagePost,
        Self::Reply,
        Self::CommandRun,
        Self::TableRead,
        Self::DocumentsSearch,
        Self::DocumentsRead,
        Self::SkillCall,
    ];

    /// The verb's name, as policies and records write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ModelCall => "model.call",
            Self::FileRead => "file.read",
            Self::FileWrite => "file.write",
            Self::WebGet => "web.get",
            Self::MessagePost => "message.post",
            Self::Reply => "reply",
            Self::ReplyPart => "reply.part",
            Self::CommandRun => "command.run",
            Self::TableRead => "table.read",
            Self::DocumentsSearch => "documents.search",
            Self::DocumentsRead => "documents.read",
            Self::SkillCall => "skill.call",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an action is done to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "lowercase")]
pub enum Resource {
    /// A file or folder, by its absolute path without `.` or `..`.
    Path(String),
    /// A network host, lower case, without port.
    Host(String),
    /// A channel, such as `board:forum`.
    Channel(String),
    /// A model, as SOUL.md and the settings name it.
    Model(String),
    /// A person.
    Person(String),
    /// A command, as it was asked for: a bare name, or an absolute path in its plain form.
    Command(String),
    /// A table, `database/table`; or a database with all its tables, by its name alone.
    Table(String),
    /// A collection of documents, by its name in the settings.
    Collection(String),
    /// A skill that is not there.
    Skill(String),
}

impl Resource {
    /// The kind: `path`, `host`, `channel`, `model`, `person`, `command`, `table`, `collection` or `skill`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Path(_) => "path",
            Self::Host(_) => "host",
            Self::Channel(_) => "channel",
            Self::Model(_) => "model",
            Self::Person(_) => "person",
            Self::Command(_) => "command",
            Self::Table(_) => "table",
            Self::Collection(_) => "collection",
            Self::Skill(_) => "skill",
        }
    }

    /// The name without its kind.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Path(name)
            | Self::Host(name)
            | Self::Channel(name)
            | Self::Model(name)
            | Self::Person(name)
            | Self::Command(name)
            | Self::Table(name)
            | Self::Collection(name)
            | Self::Skill(name) => name,
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.name())
    }
}

/// What would happen, to what, with which arguments: the exact thing that is judged, approved and done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What is done.
    pub verb: Verb,
    /// To what.
    pub resource: Resource,
    /// Every argument, as it will be used.
    pub args: Map<String, Value>,
}

impl Action {
    /// The digest of the canonical action.
    ///
    /// # Errors
    /// When the arguments have no canonical JSON form.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        Digest::of_canonical(self)
    }

    /// Everything that it is done to, each of which is judged by itself: every table of a query, else the one resource.
    #[must_use]
    pub fn resources(&self) -> Vec<Cow<'_, Resource>> {
        let tables = match (self.verb, self.args.get("tables")) {
            (Verb::TableRead, Some(Value::Array(tables))) => tables.as_slice(),
            _ => &[],
        };
        let names: Vec<&str> = tables.iter().filter_map(Value::as_str).collect();
        // What is in no form of ours is judged by what stands above it all.
        if names.is_empty() || names.len() != tables.len() {
            return vec![Cow::Borrowed(&self.resource)];
        }
        names.into_iter().map(|name| Cow::Owned(Resource::Table(name.to_owned()))).collect()
    }

    /// A text argument.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.args.get(name).and_then(Value::as_str)
    }
}
