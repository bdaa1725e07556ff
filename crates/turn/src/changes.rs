//! What an agent is judged by, as it was seen last: told apart from what is seen now, each difference is a record.
//!
//! What was seen last is a row, so that a change made while no gateway ran is found at the next start. A change is
//! handed to the journal before anything is judged by it, so no verdict is on the record before the change that
//! it was made under.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use journal::{Draft, Event, Facts, Kind};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use soul::Charter;
use vocab::{AgentName, Digest, Group, Person, PersonId, Resource};

/// The files that the settings are made of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Files {
    /// The settings' own file.
    pub settings: Option<SettingsFile>,
    /// The files of guardrails, by path.
    pub guardrails: BTreeMap<String, Digest>,
}

/// The settings' own file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsFile {
    /// Where it is.
    pub path: String,
    /// Of its bytes.
    pub digest: Digest,
    /// Of each of its sections, by name.
    pub sections: BTreeMap<String, Digest>,
}

/// The settings, as they were seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) files: Files,
    pub(crate) people: BTreeMap<PersonId, Person>,
    pub(crate) groups: BTreeMap<String, Group>,
}

impl Seen {
    pub(crate) fn of(config: &monitor::Config, files: Files) -> Self {
        let person = |person: &Person| (person.id.clone(), person.clone());
        let group = |group: &Group| (group.name.clone(), group.clone());
        Self {
            files,
            people: config.people.iter().map(person).collect(),
            groups: config.groups.iter().map(group).collect(),
        }
    }

    /// A record for each thing that is not as it was `before`. `stopped` says that no gateway ran meanwhile.
    pub(crate) fn since(&self, before: &Self, stopped: bool) -> Vec<Draft> {
        let mut drafts = Vec::new();
        drafts.extend(settings(before.files.settings.as_ref(), self.files.settings.as_ref()));
        for (path, event, facts) in apart(&before.files.guardrails, &self.files.guardrails, &GUARDRAIL) {
            let mut draft = Draft::of_event(Kind::Admin, event, facts);
            draft.resource = Some(Resource::Path(path.clone()));
            drafts.push(draft);
        }
        for (id, event, facts) in apart(&before.people, &self.people, &PERSON) {
            let mut draft = Draft::of_event(Kind::Admin, event, standing(facts, self.people.get(id)));
            draft.person = Some(id.clone());
            drafts.push(draft);
        }
        for (name, event, facts) in apart(&before.groups, &self.groups, &GROUP) {
            drafts.push(Draft::of_event(Kind::Admin, event, facts.with("group", name.as_str())));
        }
        if stopped {
            for draft in &mut drafts {
                draft.facts = std::mem::take(&mut draft.facts).with("while_stopped", true);
            }
        }
        drafts
    }
}

/// The events of a kind of thing: it came, changed, went.
struct Fates {
    added: Event,
    changed: Event,
    removed: Event,
}

const GUARDRAIL: Fates = Fates {
    added: Event::GuardrailAdded,
    changed: Event::GuardrailChanged,
    removed: Event::GuardrailRemoved,
};

const PERSON: Fates =
    Fates { added: Event::PersonAdded, changed: Event::PersonChanged, removed: Event::PersonRemoved };

const GROUP: Fates =
    Fates { added: Event::GroupAdded, changed: Event::GroupChanged, removed: Event::GroupRemoved };

/// What became of each thing between `before` and `now`, with the digests of both and the fields that differ.
fn apart<'a, K: Ord, V: Serialize + PartialEq>(
    before: &'a BTreeMap<K, V>,
    now: &'a BTreeMap<K, V>,
    fates: &Fates,
) -> Vec<(&'a K, Event, Facts)> {
    let keys: BTreeSet<&K> = before.keys().chain(now.keys()).collect();
    let fate = |key: &'a K| {
        let (old, new) = (before.get(key), now.get(key));
        let event = match (old, new) {
            (None, Some(_)) => fates.added,
            (Some(_), None) => fates.removed,
            (Some(old), Some(new)) if old != new => fates.changed,
            _ => return None,
        };
        let (old, new) = (old.map(form), new.map(form));
        let mut facts = Facts::new()
            .with_some("old", old.as_ref().map(digest))
            .with_some("new", new.as_ref().map(digest));
        if let (Some(Value::Object(old)), Some(Value::Object(new))) = (old, new) {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            let differ: Vec<String> =
                names.into_iter().filter(|name| old.get(*name) != new.get(*name)).cloned().collect();
            facts = facts.with("changed", differ);
        }
        Some((key, event, facts))
    };
    keys.into_iter().filter_map(fate).collect()
}

fn form<V: Serialize>(thing: &V) -> Value {
    serde_json::to_value(thing).unwrap_or_default()
}

/// A digest is taken as it is; of anything else, that of its canonical form.
fn digest(form: &Value) -> Digest {
    let given = form.as_str().and_then(|text| text.parse().ok());
    given
        .or_else(|| Digest::of_canonical(form).ok())
        .unwrap_or_else(|| Digest::of(form.to_string().as_bytes()))
}

/// What somebody may, from now on.
fn standing(facts: Facts, person: Option<&Person>) -> Facts {
    let Some(person) = person else { return facts };
    facts
        .with("administrator", person.administrator)
        .with("clearance", person.clearance.names())
        .with("groups", person.groups.clone())
        .with_some("os_user", person.os_user.clone())
        .with_some("chat", person.chat.clone())
}

fn settings(before: Option<&SettingsFile>, now: Option<&SettingsFile>) -> Option<Draft> {
    let now = now?;
    if before.is_some_and(|before| before.digest == now.digest) {
        return None;
    }
    let nothing = BTreeMap::new();
    let old = before.map_or(&nothing, |before| &before.sections);
    let names: BTreeSet<&String> = old.keys().chain(now.sections.keys()).collect();
    let differ = names.into_iter().filter(|name| old.get(*name) != now.sections.get(*name)).cloned();
    let facts = Facts::new()
        .with_some("old", before.map(|before| before.digest))
        .with("new", now.digest)
        .with("changed", differ.collect::<Vec<_>>());
    let mut draft = Draft::of_event(Kind::Admin, Event::SettingsChanged, facts);
    draft.resource = Some(Resource::Path(now.path.clone()));
    Some(draft)
}

/// A SOUL.md as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SoulSeen {
    pub(crate) digest: Digest,
    /// Digests of what it came to, by name; none when it did not hold.
    parts: BTreeMap<String, Digest>,
}

impl SoulSeen {
    /// The file with this digest, and what it came to.
    pub(crate) fn of(digest: Digest, charter: Option<&Charter>) -> Self {
        Self { digest, parts: charter.map(parts).unwrap_or_default() }
    }

    /// Whether it compiled.
    pub(crate) fn held(&self) -> bool {
        !self.parts.is_empty()
    }

    /// The record of it not being as it was `before`.
    pub(crate) fn since(&self, before: Option<&Self>, agent: &AgentName, path: &Path) -> Option<Draft> {
        if before.is_some_and(|before| before.digest == self.digest) {
            return None;
        }
        let mut facts =
            Facts::new().with_some("old", before.map(|before| before.digest)).with("new", self.digest);
        if let Some(before) = before {
            let names: BTreeSet<&String> = before.parts.keys().chain(self.parts.keys()).collect();
            let differ = names.into_iter().filter(|name| before.parts.get(*name) != self.parts.get(*name));
            facts = facts.with("changed", differ.cloned().collect::<Vec<_>>());
        }
        let event = if before.is_some() { Event::SoulChanged } else { Event::AgentAdded };
        Some(of_soul(event, agent, path, facts))
    }

    /// The record of it being gone.
    pub(crate) fn gone(&self, agent: &AgentName, path: &Path) -> Draft {
        of_soul(Event::AgentRemoved, agent, path, Facts::new().with("old", self.digest))
    }
}

fn of_soul(event: Event, agent: &AgentName, path: &Path, facts: Facts) -> Draft {
    let mut draft = Draft::of_event(Kind::Admin, event, facts);
    draft.agent = Some(agent.clone());
    draft.resource = path.to_str().map(|path| Resource::Path(path.to_owned()));
    draft
}

/// What a SOUL.md comes to, part by part.
fn parts(charter: &Charter) -> BTreeMap<String, Digest> {
    let identity = (&charter.display_name, &charter.title, &charter.role);
    let parts = [
        ("identity", format!("{identity:?}")),
        ("model", format!("{:?}", charter.model)),
        ("skills", format!("{:?}", charter.skills)),
        ("channels", format!("{:?}", charter.channels)),
        ("limits", format!("{:?}", charter.limits)),
        ("clearance", format!("{:?}", charter.clearance)),
        ("refusal", format!("{:?}", charter.refusal)),
        ("rules", format!("{:?}", charter.rules)),
        ("screens", format!("{:?}", charter.screens)),
        ("policies", charter.policies.clone()),
        ("prompt", charter.prompt()),
    ];
    parts.into_iter().map(|(name, text)| (name.to_owned(), Digest::of(text.as_bytes()))).collect()
}

#[cfg(test)]
mod tests;
