//! HEARTBEAT.md of every agent: a view for people and scripts. The journal is the record.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use soul::heartbeat::{Heartbeat, MAX_HEARTBEAT_BYTES, What, remove_drafts, write_atomically};
use vocab::{
    Action, AgentName, Ambient, Body, Decision, Entry, Labels, Level, Outcome, Status, Timestamp, Verb,
    Verdict,
};

use crate::state::Turn;

/// What stands for words that a heartbeat does not name.
const ABOVE: &str = "above internal";

/// What a list of agents says of one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pulse {
    pub(crate) last_active: Option<Timestamp>,
    pub(crate) errors_today: u32,
    pub(crate) anomalies: u32,
}

/// The heartbeats of all agents.
pub(crate) struct Hearts {
    agents_dir: PathBuf,
    /// Where folders of agents go that were removed.
    removed_dir: PathBuf,
    ambient: Arc<dyn Ambient>,
    beats: Mutex<BTreeMap<AgentName, Heartbeat>>,
}

impl Hearts {
    pub(crate) fn new(agents_dir: PathBuf, removed_dir: PathBuf, ambient: Arc<dyn Ambient>) -> Self {
        Self { agents_dir, removed_dir, ambient, beats: Mutex::default() }
    }

    /// A person asked for something.
    pub(crate) fn received(&self, turn: &Turn, entry: &Entry) {
        if let Entry::Person { text } = entry {
            let task = if ordinary(&turn.session.labels) { text.clone() } else { ABOVE.to_owned() };
            self.add(turn, What::Received { task });
        }
    }

    /// The monitor has judged an action.
    pub(crate) fn judged(&self, turn: &Turn, action: &Action, verdict: &Verdict) {
        let named = ordinary(&turn.session.labels);
        let why = || {
            let first = verdict.reasons.first()?;
            Some(if named { first.message.clone() } else { first.layer.to_string() })
        };
        let subject = || subject(action, named);
        match verdict.decision {
            Decision::Permit => {}
            Decision::Ask => self.add(turn, What::Note(format!("Waits for approval: {}", subject()))),
            Decision::Deny => self.add(turn, What::Denied { subject: subject(), detail: why() }),
            Decision::Kill => {
                self.add(turn, What::Denied { subject: subject(), detail: why() });
                self.with(&turn.slot.name, None, |beat, now| beat.add_anomaly(now));
            }
        }
    }

    /// An effect has ended.
    pub(crate) fn ended(&self, turn: &Turn, action: Option<&Action>, outcome: &Outcome) {
        let Some(action) = action else { return };
        let skill = match action.verb {
            Verb::FileRead => "file-reader",
            Verb::FileWrite => "file-writer",
            Verb::WebGet => "browser",
            Verb::MessagePost => "message",
            Verb::CommandRun => "exec",
            Verb::TableRead => "sql",
            Verb::DocumentsSearch | Verb::DocumentsRead => "documents",
            Verb::ModelCall | Verb::Reply | Verb::ReplyPart | Verb::SkillCall => "",
        };
        let named = ordinary(&turn.session.labels) && ordinary(&outcome.labels);
        let subject = subject(action, named);
        match outcome.status {
            Status::Done if skill.is_empty() => {}
            Status::Done => self.add(turn, What::Used { skill: skill.to_owned(), detail: Some(subject) }),
            Status::Withheld | Status::Denied => {
                self.add(turn, What::Denied { subject, detail: Some(outcome.status.as_str().to_owned()) });
            }
            Status::Failed | Status::Unknown | Status::Late => {
                let detail = match &outcome.body {
                    Body::Text { text } | Body::Fault { text, .. } if named => text.clone(),
                    _ => outcome.status.as_str().to_owned(),
                };
                self.add(turn, What::Error { subject, detail: Some(detail) });
            }
        }
    }

    /// A turn has ended with an answer.
    pub(crate) fn completed(&self, turn: &Turn) {
        self.add(turn, What::Completed { destination: Some(turn.row.person.to_string()) });
    }

    /// A turn has ended without an answer.
    pub(crate) fn failed(&self, turn: &Turn, why: &str) {
        let why = if ordinary(&turn.session.labels) { why } else { ABOVE };
        self.add(turn, What::Error { subject: "turn".to_owned(), detail: Some(why.to_owned()) });
    }

    /// An agent was stopped.
    pub(crate) fn killed(&self, agent: &AgentName, why: &str) {
        self.with(agent, None, |beat, now| {
            beat.add(now, What::Killed { detail: Some(why.to_owned()) });
            beat.set_active_tasks(0);
        });
    }

    /// The record cannot be written, so the agent can do nothing.
    pub(crate) fn record_lost(&self, agent: &AgentName, why: &str) {
        self.with(agent, None, |beat, now| {
            beat.add(now, What::Error { subject: "record".to_owned(), detail: Some(why.to_owned()) });
            beat.add_anomaly(now);
        });
    }

    /// The record can be written again.
    pub(crate) fn record_back(&self, agent: &AgentName) {
        let note = What::Note("The record can be written again".to_owned());
        self.with(agent, None, |beat, now| beat.add(now, note));
    }

    /// What a list of agents says of one.
    pub(crate) fn pulse(&self, agent: &AgentName) -> Pulse {
        let mut beats = self.beats.lock();
        let beat = beats.entry(agent.clone()).or_insert_with(|| self.load(agent, None));
        beat.begin_day(self.ambient.now());
        let status = beat.status();
        Pulse { last_active: beat.last_active(), errors_today: status.errors, anomalies: status.anomalies }
    }

    /// Takes away what agents did, wherever it is written: words that were erased may be among it. It cannot be told
    /// whose they are, so all of it goes.
    ///
    /// # Errors
    /// One sentence, when a file cannot be written, or it cannot be told whether there is one.
    pub(crate) fn forget(&self, agents: &BTreeSet<AgentName>) -> Result<(), String> {
        let mut beats = self.beats.lock();
        for agent in agents {
            let path = self.path(agent);
            let there = is_there(&path)?;
            drop_drafts(&self.agents_dir.join(agent.as_str()))?;
            if there || beats.contains_key(agent) {
                let beat = beats.entry(agent.clone()).or_insert_with(|| self.load(agent, None));
                beat.forget();
                if is_there(&self.agents_dir.join(agent.as_str()))? {
                    rewrite(&path, beat)?;
                    beat.written(self.ambient.now());
                }
            }
        }
        drop(beats);
        self.forget_removed(agents)
    }

    /// The same for agents whose folders were put aside.
    fn forget_removed(&self, agents: &BTreeSet<AgentName>) -> Result<(), String> {
        let unread = |error: std::io::Error| untold(&self.removed_dir, &error);
        let folders = match std::fs::read_dir(&self.removed_dir) {
            Ok(folders) => folders,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unread(error)),
        };
        for folder in folders {
            let folder = folder.map_err(unread)?;
            let name = folder.file_name();
            let path = folder.path().join("HEARTBEAT.md");
            if !agents.iter().any(|agent| was_of(&name, agent)) {
                continue;
            }
            let there = is_there(&path)?;
            drop_drafts(&folder.path())?;
            if !there {
                continue;
            }
            match read(&path).ok().and_then(|text| Heartbeat::parse(&text).ok()) {
                Some(mut beat) => {
                    beat.forget();
                    rewrite(&path, &beat)?;
                }
                None => std::fs::remove_file(&path).map_err(|error| unwritten(&path, &error))?,
            }
        }
        Ok(())
    }

    /// Writes what is due: at most once a second for each agent.
    pub(crate) fn flush_due(&self) {
        let now = self.ambient.now();
        for (agent, beat) in self.beats.lock().iter_mut() {
            if beat.due(now) {
                self.write(agent, beat, now);
            }
        }
    }

    /// Writes all that has changed; for a gateway that stops.
    pub(crate) fn flush_all(&self) {
        let now = self.ambient.now();
        for (agent, beat) in self.beats.lock().iter_mut() {
            if beat.due_at().is_some() {
                self.write(agent, beat, now);
            }
        }
    }

    fn add(&self, turn: &Turn, what: What) {
        let charter = turn.compartment.charter();
        let names = Some((charter.display_name.as_str(), charter.title.as_str()));
        let running = turn.slot.running.load(Ordering::Relaxed);
        self.with(&turn.slot.name, names, |beat, now| {
            beat.add(now, what);
            beat.set_active_tasks(running);
        });
    }

    /// Changes an agent's heartbeat, and writes it at once when that cannot wait.
    fn with(
        &self,
        agent: &AgentName,
        names: Option<(&str, &str)>,
        change: impl FnOnce(&mut Heartbeat, Timestamp),
    ) {
        let now = self.ambient.now();
        let mut beats = self.beats.lock();
        let beat = beats.entry(agent.clone()).or_insert_with(|| self.load(agent, names));
        change(beat, now);
        if beat.due(now) {
            self.write(agent, beat, now);
        }
    }

    /// The heartbeat that is there, or a new one when there is none that can be read.
    fn load(&self, agent: &AgentName, names: Option<(&str, &str)>) -> Heartbeat {
        let (name, role) = names.unwrap_or((agent.as_str(), ""));
        let kept = read(&self.path(agent))
            .and_then(|text| Heartbeat::parse(&text).map_err(|error| error.to_string()));
        match kept {
            Ok(beat) if names.is_none() || beat.name() == name => beat,
            Ok(_) => Heartbeat::new(name, role),
            Err(why) => {
                tracing::debug!("the heartbeat of `{agent}` begins anew: {why}");
                Heartbeat::new(name, role)
            }
        }
    }

    fn path(&self, agent: &AgentName) -> PathBuf {
        self.agents_dir.join(agent.as_str()).join("HEARTBEAT.md")
    }

    /// A heartbeat that cannot be written stops nothing: it is a view, and the log says so.
    fn write(&self, agent: &AgentName, beat: &mut Heartbeat, now: Timestamp) {
        match write_atomically(&self.path(agent), &beat.render()) {
            Ok(()) => beat.written(now),
            Err(error) => tracing::warn!("the heartbeat of `{agent}` cannot be written: {error}"),
        }
    }
}

/// Takes away what a gateway that was killed left of a heartbeat.
fn drop_drafts(folder: &Path) -> Result<(), String> {
    remove_drafts(folder).map_err(|error| unwritten(folder, &error))
}

fn rewrite(path: &Path, beat: &Heartbeat) -> Result<(), String> {
    write_atomically(path, &beat.render()).map_err(|error| unwritten(path, &error))
}

/// Whether there is something; only what the machine says is not there is not.
fn is_there(path: &Path) -> Result<bool, String> {
    match path.try_exists() {
        // A file lies where a folder would be.
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(false),
        there => there.map_err(|error| untold(path, &error)),
    }
}

/// Whether a folder that was put aside was this agent's: its name, and when it was removed.
fn was_of(folder: &OsStr, agent: &AgentName) -> bool {
    let removed = folder.to_str().and_then(|name| name.strip_prefix(agent.as_str())?.strip_prefix('-'));
    // A name of an agent has no capital letters, so none ends as a time does.
    removed.is_some_and(|removed| {
        removed.ends_with('Z') && removed.bytes().all(|byte| byte.is_ascii_digit() || b"TZ.".contains(&byte))
    })
}

fn untold(path: &Path, error: &std::io::Error) -> String {
    format!("whether `{}` has words that were erased cannot be told: {error}", path.display())
}

fn unwritten(path: &Path, error: &std::io::Error) -> String {
    format!("`{}` still has words that were erased, and cannot be written: {error}", path.display())
}

/// What a heartbeat says of an action. Its path, host or command are words of the agent's, which may hold whatever its
/// conversation has seen; what is above `internal` is not named.
fn subject(action: &Action, named: bool) -> String {
    if named { format!("{} {}", action.verb, action.resource) } else { format!("{}, {ABOVE}", action.verb) }
}

/// Whether data may be named in a heartbeat.
fn ordinary(labels: &Labels) -> bool {
    labels.level() <= Level::Internal && labels.categories().next().is_none()
}

fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    file.take(MAX_HEARTBEAT_BYTES as u64 + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

#[cfg(test)]
mod tests;
