//! What a skill declares about itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Verb;

/// Which way data moves when a skill acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Data comes in from inside the organisation.
    Read,
    /// Data is kept inside the organisation.
    Write,
    /// Data leaves the conversation or the machine.
    Egress,
}

/// What kind of thing a target argument names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// A path, absolute or relative to the agent's workspace.
    Path,
    /// An `http` or `https` address; its host is the resource.
    Url,
    /// A channel.
    Channel,
    /// A command: a bare name that is looked up among the machine's programs, or an absolute path.
    Command,
    /// A database, by its name in the settings; the argument `tables` names the tables of it that `query` reads.
    Database,
    /// A collection of documents, by its name in the settings.
    Collection,
}

/// Something that a skill can do: its name in tool calls, what it does and which argument names its target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SkillSpec {
    /// The name in tool calls.
    pub name: String,
    /// The skill's name in SOUL.md: that of what does one thing alone is its own.
    pub skill: String,
    /// The verb that policies judge it by.
    pub verb: Verb,
    /// Which way data moves.
    pub effect: Effect,
    /// The argument that names the target.
    pub target: String,
    /// What that argument names.
    pub target_kind: TargetKind,
    /// One sentence for the model.
    pub description: String,
    /// JSON Schema (draft 2020-12) of the arguments. Every property is declared and no other is taken.
    pub schema: Value,
}
