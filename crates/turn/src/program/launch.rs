//! Starting a program in a jail of what its agent and its asker may both reach.

use std::ffi::{OsStr, OsString};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use monitor::Compartment;
use sandbox::{Change, Command, Exit, GUEST_PORT, Guest, GuestError, Jail, SpawnError, System};
use tokio_util::sync::CancellationToken;
use vocab::{AgentName, Labels, Person};

use super::find::{FOLDERS, View};
use super::leash::Leash;
use super::{Program, Run};
use crate::accept::admits;
use crate::gateway::Gateway;
use crate::slot::{Slot, Standing};
use crate::{Refusal, RefusalKind};

/// The most processes of one program, with all that it starts.
const MAX_PROCESSES: u32 = 1024;

/// The most descriptors that each of them may have open.
const MAX_OPEN_FILES: u64 = 1024;

/// The largest file that it may write, in bytes.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// What fits into its `/tmp`, in bytes.
const MAX_TMP_BYTES: u64 = 512 * 1024 * 1024;

/// Where it keeps what lasts no longer than it does.
const TMP: &str = "/tmp";

/// A program that somebody brings, to be run as an agent.
#[derive(Debug)]
pub struct Wanted {
    /// For whom. That it is they has been verified.
    pub person: Person,
    /// As which agent.
    pub agent: AgentName,
    /// The program and its arguments, at least one word.
    pub command: Vec<OsString>,
    /// The folder to work in; the agent's workspace when none is named.
    pub folder: Option<PathBuf>,
    /// What the caller adds to its environment, by name.
    pub env: Vec<(OsString, OsString)>,
    /// What kind of terminal it writes to.
    pub term: Option<String>,
    /// The caller's language.
    pub lang: Option<String>,
    /// Its standard input, output and error.
    pub stdio: [OwnedFd; 3],
    /// Whether standard input is a terminal that becomes its own.
    pub terminal: bool,
}

/// Why a program does not run.
#[derive(Debug, thiserror::Error)]
pub enum NotLaunched {
    /// Bulkhead says no, or cannot.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// There is no such program.
    #[error("{0}")]
    NotFound(String),
    /// It is there and no program.
    #[error("{0}")]
    NotExecutable(String),
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Bulkhead ended it; why, in one sentence.
    Stopped(String),
}

/// What became of a program that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A signal stopped it, as a key of its terminal does. It goes on with `SIGCONT`, and this is said once until then.
    Paused,
    /// It has ended.
    Ended(Ended),
}

/// A program that runs. When this is dropped it is killed, with everything that it started.
pub struct Launched {
    run: Arc<Run>,
    guest: Guest,
    slot: Arc<Slot>,
    /// Cancelled when the agent or the gateway is stopped.
    stopped: CancellationToken,
    key: String,
    leash: Leash,
}

impl Gateway {
    /// Starts a program. Its start is on the record before it begins, and its end when [`Launched::close`]
    /// returns or the gateway stops.
    ///
    /// # Errors
    /// When this person may not ask this agent, the agent takes no work, the program is not there or not in
    /// reach, or this machine lacks a layer of its jail. Nothing is left running then.
    pub async fn launch(self: &Arc<Self>, wanted: Wanted) -> Result<Launched, NotLaunched> {
        self.takes_work()?;
        let monitor = self.monitor()?;
        if !monitor.may_ask(&wanted.person, &wanted.agent) {
            return Err(self.turned_away(&wanted.person, &wanted.agent).await?.into());
        }
        let slot = self.slot(&wanted.agent)?;
        let stopped = slot.stopped();
        admits(&slot)?;
        let compartment = self.compartment(&slot, &monitor)?;
        let marks = self.marks();
        let reach = monitor::reach(&compartment, &wanted.person, &Labels::default(), &marks);
        let granted = reach.read.iter().chain(&reach.write).map(PathBuf::as_path).collect();
        let view = View { agent: &wanted.agent, granted };
        let place = match Place::of(&view, &slot, &wanted) {
            Ok(place) => place,
            Err(why) => {
                self.run_refused(&wanted.person, &wanted.agent, &shown(&wanted.command), &why).await?;
                return Err(why.into());
            }
        };
        let shown = shown(&wanted.command);
        let program_of = Program {
            person: wanted.person.clone(),
            agent: wanted.agent.clone(),
            command: shown,
            labels: reach.labels.clone(),
            reach: Some(reach.clone()),
        };
        let run = Arc::new(self.begin_run(program_of).await?);
        let key = self.key();
        let jail = self.jail(&compartment, reach.read.clone(), reach.write.clone());
        let leash = Leash::new(Arc::clone(self), wanted.person.id.clone(), reach);
        let command = command(wanted, place, &key);
        match self.roster.launch(run.agent().as_str(), &jail, command).await {
            Ok(guest) => Ok(Launched { run, guest, slot, stopped, key, leash }),
            Err(error) => {
                run.close(&format!("not started: {error}")).await;
                Err(not_launched(error))
            }
        }
    }

    fn jail(&self, compartment: &Compartment, read: Vec<PathBuf>, write: Vec<PathBuf>) -> Jail {
        Jail {
            read,
            write,
            memory_bytes: compartment.charter().limits.memory,
            open_files: MAX_OPEN_FILES,
            file_bytes: MAX_FILE_BYTES,
            reduced: self.config.reduced,
            system: Some(System {
                read: Vec::new(),
                programs: Vec::new(),
                processes: MAX_PROCESSES,
                tmp_bytes: MAX_TMP_BYTES,
                cpu_seconds: None,
                listen: true,
            }),
        }
    }

    /// What a program shows to be let in at its endpoint: nobody else in its jail listens there, but a program
    /// hands on what it likes, and a key that is checked is what its libraries expect.
    fn key(&self) -> String {
        let random = [self.ambient.random(), self.ambient.random()].concat();
        random.iter().fold("bulkhead-".to_owned(), |key, byte| format!("{key}{byte:02x}"))
    }
}

/// What shells end with when there is no such command.
const NO_PROGRAM: u8 = 127;

fn not_launched(error: SpawnError) -> NotLaunched {
    match error {
        SpawnError::Command { code: NO_PROGRAM, why } => NotLaunched::NotFound(why),
        SpawnError::Command { why, .. } => NotLaunched::NotExecutable(why),
        SpawnError::Closed { .. } => Refusal::new(RefusalKind::Conflict, error.to_string()).into(),
        error => {
            let message = format!("the program was not started: {error}");
            Refusal::new(RefusalKind::Unavailable, message).into()
        }
    }
}

/// Where a program is, and where it works.
struct Place {
    program: PathBuf,
    folder: PathBuf,
    home: PathBuf,
}

impl Place {
    fn of(view: &View<'_>, slot: &Slot, wanted: &Wanted) -> Result<Self, Refusal> {
        // An agent that has no files has no workspace either: what its programs write is gone with them.
        let home = view.folder(&slot.workspace()).unwrap_or_else(|_| TMP.into());
        let folder = match &wanted.folder {
            Some(folder) => view.folder(folder)?,
            None => home.clone(),
        };
        let name = wanted.command.first().map_or(OsStr::new(""), OsString::as_os_str);
        Ok(Self { program: view.program(name, &folder)?, folder, home })
    }
}

/// The program with exactly the environment that it gets.
fn command(wanted: Wanted, place: Place, key: &str) -> Command {
    let here = format!("http://127.0.0.1:{GUEST_PORT}");
    let own: [(&str, OsString); 9] = [
        ("PATH", FOLDERS.join(":").into()),
        ("HOME", place.home.into()),
        ("TERM", wanted.term.unwrap_or_else(|| "dumb".to_owned()).into()),
        ("LANG", wanted.lang.unwrap_or_else(|| "C.UTF-8".to_owned()).into()),
        ("TMPDIR", TMP.into()),
        ("OPENAI_BASE_URL", format!("{here}/v1").into()),
        ("OPENAI_API_KEY", key.into()),
        ("BULKHEAD_MCP_URL", mcp_url().into()),
        ("BULKHEAD_AGENT", wanted.agent.as_str().into()),
    ];
    let own = own.into_iter().map(|(name, value)| (OsString::from(name), value));
    Command {
        program: place.program,
        args: wanted.command.into_iter().skip(1).collect(),
        env: own.chain(wanted.env).collect(),
        folder: place.folder,
        stdio: wanted.stdio,
        terminal: wanted.terminal,
    }
}

/// Where a program finds the Model Context Protocol, in its own jail.
fn mcp_url() -> String {
    format!("http://127.0.0.1:{GUEST_PORT}/mcp")
}

/// A command as a person reads it.
fn shown(command: &[OsString]) -> String {
    let words: Vec<String> = command.iter().map(|word| quoted(&word.to_string_lossy())).collect();
    words.join(" ")
}

/// A word as a shell would have to be given it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

impl Launched {
    /// The run, for its endpoints.
    #[must_use]
    pub const fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// What the program shows to be let in at its endpoints.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Where it finds the Model Context Protocol.
    #[must_use]
    pub fn mcp_url(&self) -> String {
        mcp_url()
    }

    /// The socket on which its endpoints are served; once.
    pub fn take_listener(&mut self) -> Option<TcpListener> {
        self.guest.take_listener()
    }

    /// Passes a signal on.
    ///
    /// # Errors
    /// When the program has gone.
    pub async fn signal(&mut self, signal: i32) -> Result<(), String> {
        self.guest.signal(signal).await.map_err(|error| error.to_string())
    }

    /// Waits until the program has been paused or has ended, or its run has. Cancel-safe.
    pub async fn progress(&mut self) -> Progress {
        let change = tokio::select! {
            change = self.guest.change() => change,
            () = self.run.ended() => return Progress::Ended(Ended::Stopped(self.why())),
            why = self.leash.taken_away(&self.slot) => return Progress::Ended(Ended::Stopped(why)),
        };
        match change {
            Ok(Change::Stopped) => Progress::Paused,
            Ok(Change::Ended(exit)) => Progress::Ended(self.how(Ok(exit))),
            Err(error) => Progress::Ended(self.how(Err(error))),
        }
    }

    fn how(&self, exit: Result<Exit, GuestError>) -> Ended {
        match exit {
            Ok(Exit::Code(code)) => Ended::Code(code),
            // The kernel's own end of a process that was stopped looks like this, too.
            Ok(Exit::Signal(_) | Exit::Ended) | Err(_) if self.stopped.is_cancelled() => {
                Ended::Stopped(self.why())
            }
            Ok(Exit::Signal(signal)) => Ended::Signal(signal),
            Ok(Exit::Ended) => Ended::Stopped(self.why()),
            Err(error) => Ended::Stopped(format!("the jail broke off: {error}")),
        }
    }

    /// Why a program that did not end by itself has ended.
    fn why(&self) -> String {
        let name = &self.slot.name;
        match self.slot.standing() {
            Standing::Killed => {
                format!(
                    "the agent `{name}` was stopped, and this program with it; `bulkhead agents resume {name}` lets it work again"
                )
            }
            _ if self.stopped.is_cancelled() => {
                "the gateway was stopped, and this program with it; `bulkhead gateway start` starts it again"
                    .to_owned()
            }
            _ => format!(
                "this run of `{name}` was ended; `bulkhead audit query --session {}` says why",
                self.run.session()
            ),
        }
    }

    /// Ends the program, if it has not, and waits until nothing of it is left and the record says how it ended.
    pub async fn close(self, how: &Ended) {
        let Self { run, mut guest, .. } = self;
        if let Err(error) = guest.end().await {
            tracing::error!("something of a program of `{}` is left: {error}", run.agent());
        }
        drop(guest);
        let how = match how {
            Ended::Code(code) => format!("exited with {code}"),
            Ended::Signal(signal) => format!("ended by signal {signal}"),
            Ended::Stopped(why) => why.clone(),
        };
        run.close(&how).await;
    }
}
