//! What a SOUL.md was: each version that held is kept, with when, by whom and which version it was taken from.
//!
//! A version is put down in the transaction of the record that tells of the change, and is read back only if it is the
//! text of its digest. What was written by hand is a version like any other, by nobody whom the gateway knows. The oldest
//! go when there are too many or they take too much room; the newest always stays.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use journal::{Change, Draft, Event, Facts, Journal, Kind};
use monitor::Act;
use serde::{Deserialize, Serialize};
use vocab::{AgentName, Digest, Person, PersonId, Resource, Timestamp};

use crate::content::ranges;
use crate::diff::Diff;
use crate::gateway::Gateway;
use crate::slot::{Author, Slot};
use crate::souls::{Changed, Soul, slot_soul};
use crate::{Refusal, RefusalKind, records};

/// How many versions of a SOUL.md are kept.
pub const MAX_VERSIONS: usize = 200;

/// How many bytes of them.
pub const MAX_VERSION_BYTES: usize = 4 * 1024 * 1024;

/// How many versions a list has if nobody asks for less.
pub const MAX_LISTED_VERSIONS: usize = 50;

/// Of how many agents that are gone the versions are kept: those that changed last.
const MAX_GONE: usize = 32;

/// The rows of versions without their text, by agent and number.
const VERSION: &str = "soul-version";

/// The rows of their texts, by the same key.
const TEXT: &str = "soul-text";

/// A version of a SOUL.md, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoulVersion {
    /// Which of its agent's, from 1.
    pub number: u64,
    /// The SHA-256 of its text.
    pub version: Digest,
    /// Since when the gateway knows it.
    pub time: Timestamp,
    /// Who wrote it over the gateway; none when it was written by hand.
    #[serde(default)]
    pub by: Option<PersonId>,
    /// The number of the earlier version whose text was brought back.
    #[serde(default)]
    pub from: Option<u64>,
    /// The length of its text.
    pub bytes: usize,
}

/// Some versions, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoulVersions {
    /// The versions.
    pub versions: Vec<SoulVersion>,
    /// Before which number to go on, when there are more.
    pub before: Option<u64>,
}

/// A version with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoulText {
    /// Which.
    #[serde(flatten)]
    pub about: SoulVersion,
    /// The text.
    pub text: String,
}

/// What one version and another differ in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoulDiff {
    /// The number of the first.
    pub from: u64,
    /// The number of the second; none for the file as it lies there.
    pub to: Option<u64>,
    /// The digest of the second.
    pub version: Digest,
    /// The way from the first to the second.
    pub diff: Diff,
}

/// The versions that an agent has, as the rows say or are about to.
#[derive(Debug, Default)]
pub(crate) struct History(VecDeque<Kept>);

#[derive(Debug, Clone, Copy)]
struct Kept {
    number: u64,
    version: Digest,
    bytes: usize,
}

impl History {
    /// What is kept of `agent`.
    pub(crate) fn load(journal: &Journal, agent: &AgentName) -> Result<Self, Refusal> {
        let kept = |(key, value): (String, serde_json::Value)| {
            let version: SoulVersion =
                serde_json::from_value(value).map_err(|error| records::misfit(VERSION, &key, &error))?;
            Ok(Kept { number: version.number, version: version.version, bytes: version.bytes })
        };
        let rows = journal.states(VERSION, &format!("{agent}/"))?;
        rows.into_iter().map(kept).collect::<Result<_, Refusal>>().map(Self)
    }

    /// The rows that change when this text becomes the newest version; nothing when it is that already. They count once
    /// [`History::took`] is called.
    pub(crate) fn plan(
        &self,
        agent: &AgentName,
        text: &str,
        author: Option<&Author>,
        now: Timestamp,
    ) -> Result<Option<(Added, Vec<Change>)>, Refusal> {
        let version = Digest::of(text.as_bytes());
        let newest = self.0.back();
        if newest.is_some_and(|newest| newest.version == version) {
            return Ok(None);
        }
        let number = newest.map_or(1, |newest| newest.number.saturating_add(1));
        let about = SoulVersion {
            number,
            version,
            time: now,
            by: author.map(|author| author.by.clone()),
            from: author.and_then(|author| author.from),
            bytes: text.len(),
        };
        let key = key(agent, number);
        let mut changes = vec![records::put(VERSION, &key, &about)?, records::put(TEXT, &key, &text)?];
        let mut count = self.0.len().saturating_add(1);
        let mut bytes = self.0.iter().fold(text.len(), |sum, kept| sum.saturating_add(kept.bytes));
        let mut dropped: usize = 0;
        for kept in &self.0 {
            if count <= MAX_VERSIONS && bytes <= MAX_VERSION_BYTES {
                break;
            }
            changes.extend(gone(&self::key(agent, kept.number)));
            (count, bytes) = (count.saturating_sub(1), bytes.saturating_sub(kept.bytes));
            dropped = dropped.saturating_add(1);
        }
        Ok(Some((Added { kept: Kept { number, version, bytes: text.len() }, dropped }, changes)))
    }

    /// The rows of a plan were handed to the journal.
    pub(crate) fn took(&mut self, added: &Added) {
        self.0.drain(..added.dropped.min(self.0.len()));
        self.0.push_back(added.kept);
    }

    /// The number of the version before that of this number.
    fn before(&self, number: u64) -> Option<u64> {
        self.0.iter().rev().map(|kept| kept.number).find(|kept| *kept < number)
    }

    /// The number of the newest version that is not `version`.
    fn last_but(&self, version: Digest) -> Option<u64> {
        self.0.iter().rev().find(|kept| kept.version != version).map(|kept| kept.number)
    }

    /// Whether `version` is the newest.
    pub(crate) fn ends_in(&self, version: Digest) -> bool {
        self.0.back().is_some_and(|newest| newest.version == version)
    }
}

/// A version that is being put down, and how many older ones go for it.
#[derive(Debug)]
pub(crate) struct Added {
    kept: Kept,
    dropped: usize,
}

fn key(agent: &AgentName, number: u64) -> String {
    format!("{agent}/{number:020}")
}

fn gone(key: &str) -> [Change; 2] {
    [Change::delete(VERSION, key), Change::delete(TEXT, key)]
}

/// Whether nothing is there any more. What cannot be looked at may be there.
pub(crate) fn is_gone(folder: &Path) -> bool {
    folder.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// The changes that let the versions of agents go that are there no more, but for the [`MAX_GONE`] that changed last: a list
/// for each agent.
pub(crate) fn forget_gone(
    journal: &Journal,
    is_there: impl Fn(&AgentName) -> bool,
) -> Result<Vec<Vec<Change>>, Refusal> {
    let mut agents: Vec<(Timestamp, String)> = Vec::new();
    let mut before: Option<String> = None;
    // From the newest version of the last agent to that of the one before it: however many there are, none is read whole.
    while let Some(newest) = journal.last_keys(VERSION, "", before.as_deref(), 1)?.pop() {
        let agent = newest.split_once('/').map_or(newest.as_str(), |(agent, _)| agent);
        if !AgentName::new(agent).is_ok_and(|agent| is_there(&agent)) {
            let version: Option<SoulVersion> = records::get(journal, VERSION, &newest)?;
            agents.extend(version.map(|version| (version.time, format!("{agent}/"))));
        }
        before = Some(format!("{agent}/"));
    }
    agents.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    let changes = |(_, prefix): &(Timestamp, String)| {
        let keys = journal.last_keys(VERSION, prefix, None, MAX_VERSIONS)?;
        Ok(keys.iter().flat_map(|key| gone(key)).collect())
    };
    agents.iter().skip(MAX_GONE).map(changes).collect()
}

fn load(journal: &Journal, agent: &AgentName, number: u64) -> Result<SoulText, Refusal> {
    let none = || {
        let message = format!(
            "there is no version {number} of the SOUL.md of `{agent}`; `bulkhead agents versions {agent}` shows those that there are"
        );
        Refusal::new(RefusalKind::NotFound, message)
    };
    let key = key(agent, number);
    let about: SoulVersion = records::get(journal, VERSION, &key)?.ok_or_else(none)?;
    let text: String = records::get(journal, TEXT, &key)?.ok_or_else(none)?;
    if Digest::of(text.as_bytes()) != about.version {
        let message = format!(
            "version {number} of the SOUL.md of `{agent}` is not the text that was accepted, so it is not used; take another version"
        );
        return Err(Refusal::new(RefusalKind::Unavailable, message));
    }
    Ok(SoulText { about, text })
}

impl Gateway {
    /// The versions of an agent's SOUL.md before the number `before`, the newest first, for whoever may change it: at most
    /// `limit`, and never more than [`MAX_LISTED_VERSIONS`].
    ///
    /// # Errors
    /// When this person is none, there is no such agent, or the database cannot be read.
    pub async fn soul_versions(
        &self,
        by: &Person,
        name: &AgentName,
        before: Option<u64>,
        limit: Option<usize>,
    ) -> Result<SoulVersions, Refusal> {
        let slot = self.slot_with_past(by, name)?;
        let most = limit.filter(|limit| *limit > 0).unwrap_or(MAX_LISTED_VERSIONS).min(MAX_LISTED_VERSIONS);
        let (journal, agent) = (self.journal.clone(), slot.name.clone());
        self.lookers
            .work(move || {
                let before = before.map(|number| key(&agent, number));
                let prefix = format!("{agent}/");
                let mut keys =
                    journal.last_keys(VERSION, &prefix, before.as_deref(), most.saturating_add(1))?;
                let more = keys.len() > most;
                keys.truncate(most);
                let mut versions: Vec<SoulVersion> = Vec::new();
                for key in keys {
                    versions.extend(records::get::<SoulVersion>(&journal, VERSION, &key)?);
                }
                let before = versions.last().filter(|_| more).map(|last| last.number);
                Ok(SoulVersions { versions, before })
            })
            .await
    }

    /// One version whole, for whoever may change it. That it was read is durable before this answers.
    ///
    /// # Errors
    /// When this person is none, there is no such agent or version, its text is not that of its digest, or the look cannot be
    /// recorded.
    pub async fn soul_version(
        &self,
        by: &Person,
        name: &AgentName,
        number: u64,
    ) -> Result<SoulText, Refusal> {
        let slot = self.slot_with_past(by, name)?;
        let found = self.past(&slot, number).await?;
        self.looked_at_past(by, &slot, &[number]).await?;
        Ok(found)
    }

    /// What the version `from` and the version `to`, or the file as it lies there, differ in, for whoever may change it; from the
    /// version before that if no `from` is named. That they were read is durable before this answers.
    ///
    /// # Errors
    /// Like [`Gateway::soul_version`], and when the file cannot be read.
    pub async fn soul_diff(
        &self,
        by: &Person,
        name: &AgentName,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<SoulDiff, Refusal> {
        let slot = self.slot_with_past(by, name)?;
        let now = match to {
            Some(to) => {
                let SoulText { about, text } = self.past(&slot, to).await?;
                Soul { text, version: about.version }
            }
            None => slot_soul(Arc::clone(&slot)).await?,
        };
        let earlier = || {
            let history = slot.history.lock();
            to.map_or_else(|| history.last_but(now.version), |to| history.before(to))
        };
        let from = from.or_else(earlier).ok_or_else(|| {
            let message = format!("the SOUL.md of `{name}` has no version before that");
            Refusal::new(RefusalKind::NotFound, message)
        })?;
        let before = self.past(&slot, from).await?;
        let looked: Vec<u64> = [Some(from), to].into_iter().flatten().collect();
        self.looked_at_past(by, &slot, &looked).await?;
        let Soul { text, version } = now;
        let diff = self.lookers.work(move || Ok(Diff::between(&before.text, &text))).await?;
        Ok(SoulDiff { from, to, version, diff })
    }

    /// Writes the text of an earlier version anew, as [`Gateway::change_soul`] writes any other: the record then says which
    /// version it is from.
    ///
    /// # Errors
    /// Like [`Gateway::change_soul`], and when there is no such version or its text is not that of its digest.
    pub async fn roll_soul_back(
        &self,
        by: &Person,
        name: &AgentName,
        number: u64,
        version: Digest,
    ) -> Result<Changed, Refusal> {
        let slot = self.slot_with_past(by, name)?;
        let SoulText { text, .. } = self.past(&slot, number).await?;
        self.write_as(by, name, text, version, Some(number)).await
    }

    /// An agent, for whoever may see what it was: who may see and change it. Whoever may only ask it sees what it is.
    fn slot_with_past(&self, by: &Person, name: &AgentName) -> Result<Arc<Slot>, Refusal> {
        for act in [Act::SoulChange, Act::AgentSee] {
            self.demand(by, act, Some(name), "see what an agent was")?;
        }
        self.slot(name)
    }

    async fn past(&self, slot: &Slot, number: u64) -> Result<SoulText, Refusal> {
        let (journal, agent) = (self.journal.clone(), slot.name.clone());
        self.lookers.work(move || load(&journal, &agent, number)).await
    }

    async fn looked_at_past(&self, by: &Person, slot: &Slot, numbers: &[u64]) -> Result<(), Refusal> {
        let facts = Facts::new().with("versions", ranges(numbers)).with("count", numbers.len() as u64);
        let mut draft: Draft =
            records::of_agent(Kind::Admin, Event::ContentRead, Some(by), &slot.name, facts);
        draft.resource = slot.soul().to_str().map(|path| Resource::Path(path.to_owned()));
        self.record(draft, Vec::new()).await
    }
}

#[cfg(test)]
mod tests;
