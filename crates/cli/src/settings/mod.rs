//! The organisation's settings: `bulkhead.toml`, one small file here for each topic in it.
//!
//! In: the file's text. Out: one small value for each room that is told something, or one sentence with
//! the line and column of what is wrong. Nothing here opens a socket or decides anything.

mod approvals;
mod browser;
mod chat;
mod checkpoint;
mod collections;
mod databases;
mod directory;
mod egress;
mod exports;
mod gateway;
mod labels;
mod models;
mod people;
mod policies;
mod queues;
mod record;
mod retention;
mod roles;
mod sign_in;
mod witness;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use vocab::{Digest, Group, Person, PersonId};

use crate::failure::Failure;
use crate::home::Home;

pub(crate) use policies::HomePolicies;
pub(crate) use witness::Asked;

/// The largest `bulkhead.toml`, in bytes.
pub(crate) const MAX_SETTINGS_BYTES: u64 = 1024 * 1024;

/// What `bulkhead.toml` may hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    #[serde(default)]
    pub(crate) containment: Containment,
    /// The person of a home of one, who may approve their own requests.
    #[serde(default)]
    solo: Option<Spanned<PersonId>>,
    #[serde(default)]
    pub(crate) gateway: gateway::Gateway,
    #[serde(default)]
    pub(crate) models: models::Models,
    #[serde(default)]
    pub(crate) approvals: approvals::Approvals,
    #[serde(default)]
    pub(crate) retention: retention::Retention,
    #[serde(default)]
    pub(crate) sign_in: sign_in::SignIn,
    #[serde(default)]
    pub(crate) browser: browser::Browser,
    pub(crate) chat: Option<chat::Chat>,
    #[serde(default)]
    checkpoint: checkpoint::Checkpoint,
    #[serde(default)]
    record: record::Record,
    #[serde(default)]
    egress: egress::Egress,
    #[serde(default)]
    export: Vec<Spanned<export::Target>>,
    /// Who else says who somebody is.
    oidc: Option<directory::Oidc>,
    #[serde(default)]
    scim: directory::Scim,
    #[serde(default)]
    directory: Vec<Spanned<directory::Mapped>>,
    #[serde(default)]
    secrets: egress::Secrets,
    #[serde(default)]
    person: Vec<Spanned<Person>>,
    #[serde(default)]
    group: Vec<Spanned<Group>>,
    #[serde(default)]
    queue: Vec<Spanned<queues::Row>>,
    #[serde(default)]
    role: Vec<Spanned<roles::Row>>,
    #[serde(default)]
    databases: databases::Databases,
    #[serde(default)]
    collections: collections::Collections,
    #[serde(default)]
    label: Vec<Spanned<labels::Label>>,
    #[serde(default)]
    destination: Vec<Spanned<labels::Destination>>,
    /// What a gateway is wired with: it goes on only as long as the file still says the same.
    #[serde(skip, default = "unread")]
    wired: Digest,
}

/// Of settings that were not read yet.
fn unread() -> Digest {
    Digest::of(b"")
}

/// How much containment is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Containment {
    /// Every layer, or no agent runs.
    #[default]
    Full,
    /// What this machine has.
    Reduced,
}

impl Containment {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Reduced => "reduced",
        }
    }
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The file cannot be read.
    #[error("the settings `{path}` cannot be read: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Something in the file is not as it must be.
    #[error("`{path}` line {line}, column {column}: {message}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What, and how to mend it.
        message: String,
    },
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Unreadable { .. } => Self::unreachable(error.to_string()),
            SettingsError::Wrong { .. } => Self::usage(error.to_string()),
        }
    }
}

impl Settings {
    /// Reads the home's settings.
    ///
    /// # Errors
    /// When they cannot be read or used.
    pub(crate) fn load(home: &Home) -> Result<Self, SettingsError> {
        let path = home.settings();
        let unreadable = |why: String| SettingsError::Unreadable { path: path.clone(), why };
        let size = std::fs::metadata(&path).map_err(|error| unreadable(error.to_string()))?.len();
        if size > MAX_SETTINGS_BYTES {
            return Err(unreadable(format!("it is over {MAX_SETTINGS_BYTES} bytes")));
        }
        let bytes = std::fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(&path, &text),
            Err(error) => {
                let (text, at) =
                    (String::from_utf8_lossy(error.as_bytes()), error.utf8_error().valid_up_to());
                let message = "this is not UTF-8 text; save the file as UTF-8".to_owned();
                Err(wrong(&path, &text, at, message))
            }
        }
    }

    /// Takes the text of `path` apart.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let unfit = |error: toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start);
            wrong(path, text, at, one_line(error.message()))
        };
        let settings: Self = toml::from_str(text).map_err(unfit)?;
        let wired = policies::wired(toml::from_str(text).map_err(unfit)?);
        let settings = Self { wired, ..settings };
        match settings.fault() {
            Some((at, message)) => Err(wrong(path, text, at, message)),
            None => Ok(settings),
        }
    }

    /// The person who may approve their own requests.
    pub(crate) fn solo(&self) -> Option<PersonId> {
        self.solo.as_ref().map(|solo| solo.get_ref().clone())
    }

    /// The first thing that is wrong across entries, with its place in the text.
    fn fault(&self) -> Option<(usize, String)> {
        people::fault(&self.person, &self.group, self.solo.as_ref())
            .or_else(|| queues::fault(&self.queue, &self.person, &self.group, self.approvals.lifetime))
            .or_else(|| {
                directory::fault(self.oidc.as_ref(), &self.directory, &self.group, self.solo.as_ref())
            })
            .or_else(|| roles::fault(&self.role, &self.person))
            .or_else(|| chat::fault(self.chat.as_ref(), &self.person))
            .or_else(|| labels::fault(&self.label, &self.destination))
            .or_else(|| databases::fault(&self.databases, &self.group, &self.label))
            .or_else(|| collections::fault(&self.collections, &self.group))
            .or_else(|| self.gateway.fault())
            .or_else(|| self.retention.fault())
            .or_else(|| self.models.fault())
            .or_else(|| self.egress.fault())
            .or_else(|| self.checkpoint.fault())
            .or_else(|| exports::fault(&self.export))
            .or_else(|| self.record.fault())
    }
}

fn wrong(path: &Path, text: &str, at: usize, message: String) -> SettingsError {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    SettingsError::Wrong { path: path.to_owned(), line, column, message }
}

/// The parser breaks its longer messages into lines; an error here is one sentence.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
