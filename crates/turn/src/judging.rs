//! What is judged by: the settings and each SOUL.md as they are now, with every change of them on the record.

use std::sync::Arc;

use journal::{Change, Draft, Entry, Event, Facts, Kind};
use monitor::{Compartment, Monitor};
use soul::Charter;
use vocab::{AgentName, Digest, Person};

use crate::changes::{Seen, SoulSeen};
use crate::gateway::{Gateway, Policies};
use crate::slot::{Author, Slot};
use crate::{Refusal, RefusalKind, records, versions};

/// The rows that keep what was seen last.
const SEEN: &str = "seen";

/// The key of the settings among them.
const POLICIES: &str = "policies";

/// What stands before an agent's name in the key of its SOUL.md among them.
const SOUL: &str = "soul/";

/// The most records of changes in one entry of the journal.
const MAX_TOGETHER: usize = 128;

/// The settings that are judged by.
pub(crate) struct Judging {
    fingerprint: Digest,
    monitor: Arc<Monitor>,
    seen: Seen,
    /// The last settings that did not hold.
    invalid: Option<Digest>,
}

impl Judging {
    /// By the settings as they are now.
    ///
    /// # Errors
    /// One sentence, when they do not hold.
    pub(crate) fn by(policies: &dyn Policies) -> Result<Self, String> {
        let fingerprint = policies.fingerprint()?;
        let config = policies.load()?;
        let seen = Seen::of(&config, policies.files()?);
        let monitor = Monitor::new(config).map(Arc::new).map_err(|error| error.to_string())?;
        Ok(Self { fingerprint, monitor, seen, invalid: None })
    }

    pub(crate) fn monitor(&self) -> Arc<Monitor> {
        Arc::clone(&self.monitor)
    }

    /// Everybody whom the settings name, as they were seen last.
    pub(crate) fn people(&self) -> Vec<Person> {
        self.seen.people.values().cloned().collect()
    }
}

impl Gateway {
    /// The monitor by the settings as they are now. A change is handed to the journal before anything is judged by it.
    ///
    /// # Errors
    /// When they have changed and do not hold, or the change cannot be recorded.
    pub(crate) fn monitor(&self) -> Result<Arc<Monitor>, Refusal> {
        let invalid = |message: String| Refusal::new(RefusalKind::Invalid, message);
        let fingerprint = self.policies.fingerprint().map_err(invalid)?;
        let mut held = self.judging.lock();
        if held.fingerprint != fingerprint {
            match Judging::by(self.policies.as_ref()) {
                Ok(now) => {
                    self.note_all(now.seen.since(&held.seen, false), put_seen(&now.seen)?)?;
                    *held = now;
                }
                Err(message) => {
                    if held.invalid != Some(fingerprint) {
                        let facts = Facts::new().with("new", fingerprint);
                        let mut draft = Draft::of_event(Kind::Alert, Event::SettingsInvalid, facts);
                        draft.payload = records::why(&message);
                        self.note(vec![draft], Vec::new())?;
                        held.invalid = Some(fingerprint);
                    }
                    return Err(invalid(message));
                }
            }
        }
        // They hold: should they break in the same way again, that is another alert.
        held.invalid = None;
        Ok(held.monitor())
    }

    /// An agent's compartment by its SOUL.md as it is now. A change is handed to the journal before anything is judged
    /// by it.
    ///
    /// # Errors
    /// When SOUL.md does not hold, or the change cannot be recorded.
    pub(crate) fn compartment(&self, slot: &Slot, monitor: &Monitor) -> Result<Arc<Compartment>, Refusal> {
        self.compartment_after(slot, monitor, false)
    }

    fn compartment_after(
        &self,
        slot: &Slot,
        monitor: &Monitor,
        stopped: bool,
    ) -> Result<Arc<Compartment>, Refusal> {
        let compartment =
            slot.compartment(monitor, |source, charter| self.note_soul(slot, source, charter, stopped));
        if compartment.is_err() && !slot.soul().is_file() {
            self.note_gone(slot, stopped)?;
        }
        compartment
    }

    fn note_soul(
        &self,
        slot: &Slot,
        source: &str,
        charter: Result<&Charter, &Refusal>,
        stopped: bool,
    ) -> Result<(), Refusal> {
        let digest = Digest::of(source.as_bytes());
        let now = SoulSeen::of(digest, charter.ok());
        let author = slot.author_of(digest);
        let mut seen = slot.seen.lock();
        let mut drafts: Vec<Draft> = now
            .since(seen.as_ref(), &slot.name, &slot.soul())
            .into_iter()
            .map(|draft| written(after(draft, stopped), author.as_ref()))
            .collect();
        let mut invalid = slot.invalid.lock();
        if let Err(refusal) = charter
            && *invalid != Some(digest)
        {
            let facts = Facts::new().with("new", digest);
            let mut draft = records::of_agent(Kind::Alert, Event::SoulInvalid, None, &slot.name, facts);
            draft.payload = records::why(&refusal.message);
            drafts.push(draft);
        }
        let mut history = slot.history.lock();
        let added = match charter {
            Ok(_) => history.plan(&slot.name, source, author.as_ref(), self.ambient.now())?,
            Err(_) => None,
        };
        let (added, mut rows) = added.map_or_else(Default::default, |(added, rows)| (Some(added), rows));
        if !drafts.is_empty() {
            rows.push(records::put(SEEN, &soul_key(&slot.name), &now)?);
        }
        if !rows.is_empty() {
            self.note(drafts, rows)?;
        }
        if let Some(added) = added {
            history.took(&added);
        }
        // It holds: should it break in the same way again, that is another alert.
        *invalid = charter.is_err().then_some(digest);
        *seen = Some(now);
        Ok(())
    }

    /// Records that an agent's SOUL.md is there no more.
    fn note_gone(&self, slot: &Slot, stopped: bool) -> Result<(), Refusal> {
        let mut seen = slot.seen.lock();
        let Some(before) = seen.as_ref() else { return Ok(()) };
        let draft = after(before.gone(&slot.name, &slot.soul()), stopped);
        self.note(vec![draft], vec![Change::delete(SEEN, &soul_key(&slot.name))])?;
        *seen = None;
        Ok(())
    }

    /// An agent's SOUL.md as it was seen last.
    pub(crate) fn soul_seen(&self, agent: &AgentName) -> Result<Option<SoulSeen>, Refusal> {
        records::get(&self.journal, SEEN, &soul_key(agent))
    }

    /// Records what was changed while no gateway ran.
    pub(crate) fn look_back(&self) -> Result<(), Refusal> {
        let before: Option<Seen> = records::get(&self.journal, SEEN, POLICIES)?;
        {
            let held = self.judging.lock();
            let drafts = held.seen.since(&before.clone().unwrap_or_default(), before.is_some());
            if !drafts.is_empty() {
                self.note_all(drafts, put_seen(&held.seen)?)?;
            }
        }
        let stopped = before.is_some();
        self.look_at_souls(stopped)?;
        for (key, _) in self.journal.states(SEEN, SOUL)? {
            let name = key.strip_prefix(SOUL).and_then(|name| AgentName::new(name).ok());
            let Some(name) = name else { continue };
            let gone = Slot::new(name.clone(), self.config.agents_dir.join(name.as_str()), &self.stop);
            if !gone.soul().is_file() {
                *gone.seen.lock() = self.soul_seen(&name)?;
                self.note_gone(&gone, stopped)?;
            }
        }
        // Without any agent, the folder may be one whose share is away.
        if self.known_slots().is_empty() {
            return Ok(());
        }
        let is_there = |name: &AgentName| !versions::is_gone(&self.config.agents_dir.join(name.as_str()));
        for old in versions::forget_gone(&self.journal, is_there)? {
            self.note(Vec::new(), old)?;
        }
        Ok(())
    }

    /// Records what was changed since it was looked at last, whether or not anybody asked for anything.
    pub(crate) fn look_for_changes(&self) {
        let looked = self.monitor().and_then(|_| self.look_at_souls(false));
        if let Err(refusal) = looked {
            tracing::warn!("what agents are judged by was looked at: {refusal}");
        }
    }

    /// Compiles each SOUL.md that is another than it was.
    fn look_at_souls(&self, stopped: bool) -> Result<(), Refusal> {
        let monitor = self.judging.lock().monitor();
        for slot in self.all_slots()? {
            let seen = slot.seen.lock().as_ref().map(|seen| (seen.digest, seen.held()));
            // One that did not hold is no version; and a home may be older than its versions.
            let kept = |digest| slot.history.lock().ends_in(digest);
            let same = |digest| seen.is_some_and(|(seen, held)| seen == digest && (!held || kept(digest)));
            if slot.soul_digest().is_ok_and(same) {
                continue;
            }
            if let Err(refusal) = self.compartment_after(&slot, &monitor, stopped) {
                tracing::warn!("{refusal}");
            }
        }
        for slot in self.known_slots() {
            if !slot.soul().is_file() {
                self.note_gone(&slot, stopped)?;
            }
        }
        Ok(())
    }

    /// Hands records to the journal. Whatever is appended later is durable only together with them.
    pub(crate) fn note(&self, drafts: Vec<Draft>, state: Vec<Change>) -> Result<(), Refusal> {
        let subject = records::subject_of(&drafts)?;
        Ok(self.journal.follow_now(Entry { subject, records: drafts, state })?)
    }

    /// The same for as many as there are, the row with the last of them.
    fn note_all(&self, mut drafts: Vec<Draft>, row: Change) -> Result<(), Refusal> {
        while drafts.len() > MAX_TOGETHER {
            let rest = drafts.split_off(MAX_TOGETHER);
            self.note(std::mem::replace(&mut drafts, rest), Vec::new())?;
        }
        self.note(drafts, vec![row])
    }
}

fn put_seen(seen: &Seen) -> Result<Change, Refusal> {
    records::put(SEEN, POLICIES, seen)
}

fn soul_key(agent: &AgentName) -> String {
    format!("{SOUL}{agent}")
}

/// The same, with who wrote it over the gateway, and which version they brought back.
fn written(mut draft: Draft, author: Option<&Author>) -> Draft {
    draft.person = author.map(|author| author.by.clone());
    draft.facts = std::mem::take(&mut draft.facts).with_some("from", author.and_then(|author| author.from));
    draft
}

/// The same, if need be with the word that no gateway ran.
fn after(mut draft: Draft, stopped: bool) -> Draft {
    if stopped {
        draft.facts = std::mem::take(&mut draft.facts).with("while_stopped", true);
    }
    draft
}
