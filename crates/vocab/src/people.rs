//! People and groups, as the organisation's settings name them.

use serde::{Deserialize, Serialize};

use crate::{Labels, PersonId};

/// A person who may ask agents for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Person {
    /// Who it is.
    pub id: PersonId,
    /// The operating-system user who is this person on the local socket.
    #[serde(default)]
    pub os_user: Option<String>,
    /// The account in the chat of `[chat]` who is this person there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<String>,
    /// The groups whose rights this person has.
    #[serde(default)]
    pub groups: Vec<String>,
    /// What data this person may see.
    #[serde(default)]
    pub clearance: Labels,
    /// May stop and resume agents. What people said is not theirs to read by that.
    #[serde(default)]
    pub administrator: bool,
}

/// A group and the rights that its members have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Group {
    /// The name that people's `groups` refer to.
    pub name: String,
    /// What its members have a right to.
    #[serde(flatten)]
    pub rights: Rights,
}

/// What somebody has a right to; nothing that is not named. `"*"` names all of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Rights {
    /// Agents that they may ask, with the workspace of each.
    pub agents: Vec<String>,
    /// Folders or files that they may read, as absolute paths.
    pub read: Vec<String>,
    /// Folders or files that they may write, as absolute paths.
    pub write: Vec<String>,
    /// Hosts whose pages they may fetch.
    pub hosts: Vec<String>,
    /// Channels that they may post to.
    pub channels: Vec<String>,
    /// Models that they may use.
    pub models: Vec<String>,
    /// Commands that they may have run, as SOUL.md grants them: bare names or absolute paths.
    pub commands: Vec<String>,
    /// Tables that they may read: `database/table`, or a database for all of its tables.
    pub tables: Vec<String>,
    /// Collections of documents that they may search and read, by their names in the settings.
    pub collections: Vec<String>,
    /// Agents whose held actions they may approve or deny.
    pub approve: Vec<String>,
    /// Agents whose recorded content they may read: what people and models said, arguments, results. `"*"` is all
    /// content, that of no agent, too.
    pub content: Vec<String>,
    /// Whether they may ask for content to be erased, agree to that, and put legal holds on it.
    pub erase: bool,
    /// Whether they may see the records of others over the gateway, and verify the record. No content is theirs by that.
    pub record: bool,
}

impl Rights {
    /// Every list of names, by the name of its setting.
    #[must_use]
    pub const fn lists(&self) -> [(&'static str, &Vec<String>); 11] {
        // Taken apart whole, so that a new right is not left out.
        let Self {
            agents,
            read,
            write,
            hosts,
            channels,
            models,
            commands,
            tables,
            collections,
            approve,
            content,
            erase: _,
            record: _,
        } = self;
        [
            ("agents", agents),
            ("read", read),
            ("write", write),
            ("hosts", hosts),
            ("channels", channels),
            ("models", models),
            ("commands", commands),
            ("tables", tables),
            ("collections", collections),
            ("approve", approve),
            ("content", content),
        ]
    }

    /// Every right to the whole home, by the name of its setting, and whether it is given.
    #[must_use]
    pub const fn switches(&self) -> [(&'static str, bool); 2] {
        [("erase", self.erase), ("record", self.record)]
    }
}
