//! One agent as the gateway holds it: its compartment, its gate, and what it has used up.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use monitor::{Compartment, Gate, Monitor};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use soul::Charter;
use tokio_util::sync::CancellationToken;
use vocab::limits::MAX_SOUL_BYTES;
use vocab::{AgentName, Digest, PersonId, Timestamp};

use crate::changes::SoulSeen;
use crate::versions::History;
use crate::{Refusal, RefusalKind};

/// How far back the rate of actions looks.
pub(crate) const RATE_WINDOW_SECONDS: i64 = 60;

/// The most proposals that the rate window keeps: above any limit a SOUL.md may set.
pub(crate) const MAX_RATE_WINDOW: usize = 100_000;

/// What an administrator has made of an agent. Kept as a row, so that a restart does not resume it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Standing {
    /// It takes messages.
    Open,
    /// It takes no new messages.
    Paused,
    /// It was stopped, and takes none until somebody resumes it.
    Killed,
}

/// Model tokens of one UTC day.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) day: String,
    pub(crate) used: u64,
}

/// An agent.
pub(crate) struct Slot {
    pub(crate) name: AgentName,
    pub(crate) gate: Gate,
    pub(crate) running: AtomicU32,
    folder: PathBuf,
    standing: Mutex<Held>,
    stop: Mutex<CancellationToken>,
    gateway: CancellationToken,
    loaded: Mutex<Option<Loaded>>,
    /// Its SOUL.md as it was seen last.
    pub(crate) seen: Mutex<Option<SoulSeen>>,
    /// Who is writing a SOUL.md, and which.
    pub(crate) author: Mutex<Option<Author>>,
    /// The versions of its SOUL.md.
    pub(crate) history: Mutex<History>,
    /// The last SOUL.md that did not hold.
    pub(crate) invalid: Mutex<Option<Digest>>,
    window: Mutex<VecDeque<Timestamp>>,
    tokens: Mutex<Tokens>,
}

/// A standing, and how often it has been that of a stopped agent.
struct Held {
    standing: Standing,
    kills: u64,
}

/// Somebody who writes a SOUL.md over the gateway.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    /// The text that they write.
    pub(crate) writes: Digest,
    /// Who.
    pub(crate) by: PersonId,
    /// The number of the version that they bring back.
    pub(crate) from: Option<u64>,
}

struct Loaded {
    soul: Digest,
    monitor: Digest,
    compartment: Arc<Compartment>,
}

impl Slot {
    pub(crate) fn new(name: AgentName, folder: PathBuf, gateway: &CancellationToken) -> Self {
        Self {
            name,
            gate: Gate::new(),
            running: AtomicU32::new(0),
            folder,
            standing: Mutex::new(Held { standing: Standing::Open, kills: 0 }),
            stop: Mutex::new(gateway.child_token()),
            gateway: gateway.clone(),
            loaded: Mutex::new(None),
            seen: Mutex::new(None),
            author: Mutex::new(None),
            history: Mutex::default(),
            invalid: Mutex::new(None),
            window: Mutex::new(VecDeque::new()),
            tokens: Mutex::new(Tokens::default()),
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing.lock().standing
    }

    /// Takes a standing over. Stopping closes the gate and ends what runs before it returns.
    pub(crate) fn stand(&self, standing: Standing) {
        self.take(&mut self.standing.lock(), standing);
    }

    /// How often the agent has been stopped.
    pub(crate) fn kills(&self) -> u64 {
        self.standing.lock().kills
    }

    /// Takes a standing over unless the agent has been stopped since `kills` was read; whether it did.
    pub(crate) fn restand(&self, standing: Standing, kills: u64) -> bool {
        let mut held = self.standing.lock();
        let unmoved = held.kills == kills;
        if unmoved {
            self.take(&mut held, standing);
        }
        unmoved
    }

    fn take(&self, held: &mut Held, standing: Standing) {
        match standing {
            Standing::Killed => {
                self.gate.close();
                self.stop.lock().cancel();
                held.kills = held.kills.saturating_add(1);
            }
            Standing::Open | Standing::Paused if held.standing == Standing::Killed => {
                *self.stop.lock() = self.gateway.child_token();
                self.gate.open();
            }
            Standing::Open | Standing::Paused => {}
        }
        held.standing = standing;
    }

    /// Cancelled when the agent or the whole gateway is stopped.
    pub(crate) fn stopped(&self) -> CancellationToken {
        self.stop.lock().clone()
    }

    /// The file that says what the agent is.
    pub(crate) fn soul(&self) -> PathBuf {
        self.folder.join("SOUL.md")
    }

    /// The digest of that file as it is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn soul_digest(&self) -> Result<Digest, Refusal> {
        Ok(Digest::of(self.soul_text()?.as_bytes()))
    }

    /// That file as it is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn soul_text(&self) -> Result<String, Refusal> {
        read_soul(&self.soul())
    }

    /// Who wrote the SOUL.md with this digest over the gateway just now.
    pub(crate) fn author_of(&self, digest: Digest) -> Option<Author> {
        self.author.lock().as_ref().filter(|author| author.writes == digest).cloned()
    }

    /// The agent's compartment, compiled anew when SOUL.md or the settings have changed. `note` is told of a SOUL.md that
    /// was compiled, whether or not it holds, and of one that is again as it was before it broke, before anything is
    /// judged by it.
    ///
    /// # Errors
    /// When SOUL.md cannot be read or compiled, its policies do not hold against the schema, or `note` fails.
    pub(crate) fn compartment(
        &self,
        monitor: &Monitor,
        note: impl FnOnce(&str, Result<&Charter, &Refusal>) -> Result<(), Refusal>,
    ) -> Result<Arc<Compartment>, Refusal> {
        let source = read_soul(&self.soul())?;
        let soul = Digest::of(source.as_bytes());
        let mut loaded = self.loaded.lock();
        if let Some(known) =
            loaded.as_ref().filter(|known| known.soul == soul && known.monitor == monitor.version())
        {
            if self.invalid.lock().is_some() {
                note(&source, Ok(known.compartment.charter().as_ref()))?;
            }
            return Ok(Arc::clone(&known.compartment));
        }
        let compiled = self.compile(&source, monitor);
        note(&source, compiled.as_ref().map(|compartment| compartment.charter().as_ref()))?;
        let compartment = Arc::new(compiled?);
        self.gate.advance();
        *loaded = Some(Loaded { soul, monitor: monitor.version(), compartment: Arc::clone(&compartment) });
        Ok(compartment)
    }

    fn compile(&self, source: &str, monitor: &Monitor) -> Result<Compartment, Refusal> {
        let invalid = |message: String| Refusal::new(RefusalKind::Invalid, message);
        let place = soul::Place {
            workspace: self.workspace(),
            labelled: monitor.labelled(),
            databases: monitor.databases(),
            collections: monitor.collections(),
        };
        let charter = soul::compile(source, &place).map_err(|errors| {
            let first = errors.first().map_or_else(String::new, |e| format!(" line {}: {}", e.line, e.message));
            let name = &self.name;
            invalid(format!("the SOUL.md of `{name}` does not compile:{first}; `bulkhead check {name}` says how to mend it"))
        })?;
        if charter.name != self.name {
            let (folder, name) = (&self.name, &charter.name);
            return Err(invalid(format!(
                "the SOUL.md in `agents/{folder}` names the agent `{name}`; rename one of them"
            )));
        }
        monitor
            .compartment(Arc::new(charter), self.gate.clone())
            .map_err(|error| invalid(format!("the agent `{}` cannot be loaded: {error}", self.name)))
    }

    /// The compartment that was compiled last; nothing when the agent's file or the settings no longer hold.
    pub(crate) fn current(&self) -> Option<Arc<Compartment>> {
        self.loaded.lock().as_ref().map(|loaded| Arc::clone(&loaded.compartment))
    }

    /// Makes [`Slot::current`] say nothing until the agent compiles again.
    pub(crate) fn unload(&self) {
        if self.loaded.lock().take().is_some() {
            self.gate.advance();
        }
    }

    /// The agent's own folder.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.folder.join("workspace")
    }

    /// Counts a proposal, and says how many came before it within the window.
    pub(crate) fn count(&self, now: Timestamp) -> u32 {
        let mut window = self.window.lock();
        let within = within(&mut window, now);
        if window.len() >= MAX_RATE_WINDOW {
            window.pop_front();
        }
        window.push_back(now);
        within
    }

    /// How many proposals are within the window: what [`Slot::count`] would say now.
    pub(crate) fn counted(&self, now: Timestamp) -> u32 {
        within(&mut self.window.lock(), now)
    }

    /// The tokens used on the day of `now`.
    pub(crate) fn tokens(&self, now: Timestamp) -> u64 {
        let tokens = self.tokens.lock();
        if tokens.day == day(now) { tokens.used } else { 0 }
    }

    /// Adds to the tokens of the day of `now`; the row to keep.
    pub(crate) fn use_tokens(&self, now: Timestamp, count: u64) -> Tokens {
        let mut tokens = self.tokens.lock();
        if tokens.day != day(now) {
            *tokens = Tokens { day: day(now), used: 0 };
        }
        tokens.used = tokens.used.saturating_add(count);
        tokens.clone()
    }

    pub(crate) fn restore_tokens(&self, kept: Tokens) {
        *self.tokens.lock() = kept;
    }
}

fn day(now: Timestamp) -> String {
    now.strftime("%F").to_string()
}

/// How many of these are within the window; those that are not go.
fn within(window: &mut VecDeque<Timestamp>, now: Timestamp) -> u32 {
    let old = |then: &Timestamp| now.as_second().saturating_sub(then.as_second()) >= RATE_WINDOW_SECONDS;
    while window.front().is_some_and(old) {
        window.pop_front();
    }
    u32::try_from(window.len()).unwrap_or(u32::MAX)
}

fn read_soul(path: &Path) -> Result<String, Refusal> {
    let unreadable = |error: &dyn std::fmt::Display| {
        let message = format!("`{}` cannot be read: {error}; put the agent's SOUL.md there", path.display());
        Refusal::new(RefusalKind::Invalid, message)
    };
    let file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    file.take(MAX_SOUL_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() > MAX_SOUL_BYTES {
        return Err(unreadable(&format!("it is larger than {MAX_SOUL_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| unreadable(&"it is not UTF-8"))
}

/// Counts a running turn for as long as it lives.
pub(crate) struct Running(Arc<Slot>);

impl Running {
    pub(crate) fn new(slot: Arc<Slot>) -> Self {
        slot.running.fetch_add(1, Ordering::Relaxed);
        Self(slot)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}
