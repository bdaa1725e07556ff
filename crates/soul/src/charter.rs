//! What a SOUL.md becomes: an agent's grants, limits, rules and policies. Plain values.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use vocab::{AgentName, Digest, Labels, limits as bounds};

use crate::diagnostic::Diagnostic;

/// What a SOUL.md cannot say about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The agent's workspace, absolute and without `..`: relative paths start there.
    pub workspace: PathBuf,
    /// The categories of labels that some source in the settings carries.
    pub labelled: BTreeSet<String>,
    /// The databases that the settings name.
    pub databases: BTreeSet<String>,
    /// The collections of documents that the settings name.
    pub collections: BTreeSet<String>,
}

/// A compiled SOUL.md. Made by [`crate::compile`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charter {
    /// The name by which commands and policies know the agent.
    pub name: AgentName,
    /// The name as the file writes it, for people.
    pub display_name: String,
    /// The file's title; the display name when it has none.
    pub title: String,
    /// The role.
    pub role: String,
    /// The model that the agent must use; `None` for the settings' default.
    pub model: Option<String>,
    /// The digest of the source as it was given.
    pub digest: Digest,
    /// The skills, in the order of the file.
    pub skills: Vec<SkillGrant>,
    /// The channels, in the order of the file.
    pub channels: Vec<Channel>,
    /// The limits.
    pub limits: Limits,
    /// What data the agent may see.
    pub clearance: Labels,
    /// What a person sees when something is denied for scope.
    pub refusal: Option<String>,
    /// The rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// What detectors look for.
    pub screens: Vec<Screen>,
    /// Cedar text: a permit for every grant, then a forbid for every enforced rule.
    pub policies: String,
    /// The source as it was given.
    pub source: String,
    /// What is surprising and not wrong.
    pub warnings: Vec<Diagnostic>,
    pub(crate) prompt: String,
}

impl Charter {
    /// The system prompt: identity, every rule in its own words, skills with their purposes, channels
    /// and the sections that enforce nothing.
    #[must_use]
    pub fn prompt(&self) -> String {
        self.prompt.clone()
    }

    /// The rules that only the model is told although they sound binding: what `check --strict` fails on.
    pub fn unenforced(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.strength == Strength::Advisory && rule.sounds_binding())
    }
}

/// A skill that the agent has, with what it was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillGrant {
    /// The skill's name.
    pub skill: String,
    /// What for, in the author's words.
    pub purpose: String,
    /// The line of the skill, from 1.
    pub line: u32,
    /// Every grant in its normal form, defaults included.
    pub grants: BTreeMap<String, Vec<String>>,
    /// No grant was written, so the narrowest useful ones apply.
    pub default: bool,
    /// The folders and files of `paths`, absolute and without `.` or `..`.
    pub paths: Vec<PathBuf>,
    /// What one call reads, writes or fetches at most, in bytes.
    pub max_bytes: u64,
    /// The hosts of `hosts`, lower case; `*.` begins one that stands for all beneath it.
    pub hosts: Vec<String>,
    /// What `exec` may run, and how much of the machine one run may take.
    pub commands: Commands,
    /// What `sql` may read, and how much of it at once.
    pub tables: Tables,
    /// The collections of `collections`, in the order of the file.
    pub collections: Vec<String>,
    /// `false`: known to the format, not in this version; every call is denied.
    pub available: bool,
}

/// What `exec` was granted. Of any other skill: nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    /// The commands, each as it must be asked for: a bare name, or an absolute path in its plain form.
    pub names: Vec<String>,
    /// Processor time of each of a run's processes.
    pub cpu: Duration,
    /// Memory of each of a run's processes, in bytes; `None` for the agent's own limit.
    pub memory: Option<u64>,
    /// Wall time of a run.
    pub time: Duration,
}

/// What `sql` was granted. Of any other skill: nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// The database, by its name in the settings.
    pub database: Option<String>,
    /// The tables and views of it, in the order of the file.
    pub tables: Vec<Table>,
    /// How many rows a query gives back at most.
    pub max_rows: u32,
}

/// A table that may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name, in the form of [`vocab::table::table`].
    pub name: String,
    /// The columns that may be read, in the same form; `None` for all.
    pub columns: Option<Vec<String>>,
}

/// Where an agent may post to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Channel {
    /// The kind, such as `board` or `slack`, lower case.
    pub kind: String,
    /// The destination, without a leading `#`.
    pub destination: String,
    /// The line, from 1.
    pub line: u32,
}

impl Channel {
    /// The resource's name, such as `board:forum`.
    #[must_use]
    pub fn resource_name(&self) -> String {
        format!("{}:{}", self.kind, self.destination)
    }
}

/// What `## Limits` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Actions in any minute.
    pub actions_per_minute: u32,
    /// Actions in one turn.
    pub actions_per_turn: u32,
    /// Tokens to and from models in a UTC day.
    pub model_tokens_per_day: u64,
    /// Wall time of a turn; waiting for a person does not count.
    pub turn_time: Duration,
    /// Memory of each of the agent's processes, in bytes.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            actions_per_minute: bounds::DEFAULT_ACTIONS_PER_MINUTE,
            actions_per_turn: bounds::DEFAULT_ACTIONS_PER_TURN,
            model_tokens_per_day: bounds::DEFAULT_MODEL_TOKENS_PER_DAY,
            turn_time: bounds::DEFAULT_TURN_TIME,
            memory: bounds::DEFAULT_MEMORY_BYTES,
        }
    }
}

/// What stands behind a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// A policy or the sandbox makes the forbidden thing impossible.
    Enforced,
    /// A detector looks at each input or output and can miss.
    Screened,
    /// Only the model is told.
    Advisory,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The rule in its author's words.
    pub text: String,
    /// Its line, from 1.
    pub line: u32,
    /// What stands behind it.
    pub strength: Strength,
    /// What enforces or screens it.
    pub by: Vec<String>,
    /// The Cedar text that it became.
    pub policy: Option<String>,
    /// The form that would be enforced or screened, when this one is near it.
    pub near: Option<String>,
}

impl Rule {
    /// Whether it begins with a negative or an obligation (never, must, only, all, do not, ...).
    #[must_use]
    pub fn sounds_binding(&self) -> bool {
        crate::rules::sounds_binding(&self.text)
    }
}

/// What a detector looks for on behalf of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Screen {
    /// The rule, as policies name it: `rule:5`.
    pub rule: String,
    /// The detector.
    pub detector: Detector,
    /// The reason for people, in one sentence.
    pub message: String,
}

/// The detectors there are. What they do is the monitor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detector {
    /// Data about a person.
    PersonalData,
    /// Financial, legal or medical advice.
    ProfessionalAdvice,
    /// A request to move money.
    FinancialTransaction,
}
