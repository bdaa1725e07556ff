//! The gateway: what every turn shares.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use journal::{Change, Draft, Facts, Journal};
use models::Models;
use monitor::{Act, Compartment, Forbidden, Monitor};
use parking_lot::Mutex;
use sandbox::Roster;
use skills::{Bench, Skills};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vocab::{AgentName, Ambient, ApprovalId, Digest, Labels, Person, PersonId, SessionId, Timestamp, TurnId};

use crate::admission::Admission;
use crate::approvals::MAX_LISTERS;
use crate::branch::Branching;
use crate::budget::Thresholds;
use crate::callers::Callers;
use crate::changes::Files;
use crate::chat::{Channel, Chat};
use crate::erasure::{Held, Retention};
use crate::event::Bus;
use crate::hearts::Hearts;
use crate::judging::Judging;
use crate::looking::MAX_LOOKERS;
use crate::pattern::Patterns;
use crate::places::Places;
use crate::program::Mailbox;
use crate::slot::{Slot, Standing};
use crate::souls::MAX_CHECKERS;
use crate::state::Turn;
use crate::strikers::Strikers;
use crate::versions::History;
use crate::waiting::Waiting;
use crate::{Events, Refusal, RefusalKind, What, records};

/// The most turns that run at once; one more is refused as busy.
pub const MAX_RUNNING_TURNS: usize = 64;

/// The most files whose labels are kept because an agent wrote them.
const MAX_MARKS: usize = 100_000;

/// The row that keeps the labels of a file that an agent wrote.
pub(crate) const MARK: &str = "mark";

/// The row that keeps an agent's standing.
pub(crate) const AGENT: &str = "agent";

/// The row that keeps the tokens that an agent used on a day.
pub(crate) const TOKENS: &str = "tokens";

/// What the gateway is told by the settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder with one folder for each agent.
    pub agents_dir: PathBuf,
    /// The folder that the folders of removed agents were put into.
    pub removed_dir: PathBuf,
    /// The journal's database, for reading conversations back.
    pub database: journal::Place,
    /// How long an action waits for a person before silence becomes a no.
    pub approval_lifetime: Duration,
    /// From when on how somebody decides is a risk.
    pub thresholds: Thresholds,
    /// The person of a home of one, who may approve their own requests; the record calls it self-approved.
    pub solo: Option<PersonId>,
    /// How long content is kept.
    pub retention: Retention,
    /// Whether a missing layer of containment is accepted.
    pub reduced: bool,
}

/// The settings that judgements depend on: people, groups, labels, guardrails. Read again when they change.
pub trait Policies: Send + Sync {
    /// A digest that changes when anything that [`Policies::load`] reads has changed.
    ///
    /// # Errors
    /// One sentence, when the settings cannot be read.
    fn fingerprint(&self) -> Result<Digest, String>;

    /// The monitor's configuration.
    ///
    /// # Errors
    /// One sentence, when the settings cannot be read or do not fit their form.
    fn load(&self) -> Result<monitor::Config, String>;

    /// The files that [`Policies::load`] reads, as they are now, so that a change of one is on the record; none where
    /// the settings are no files.
    ///
    /// # Errors
    /// One sentence, when they cannot be read.
    fn files(&self) -> Result<Files, String> {
        Ok(Files::default())
    }
}

/// Files beside the record in which words may stand that were erased, such as a log.
pub trait Traces: Send + Sync {
    /// Takes out of them what was written up to and at `until`.
    ///
    /// # Errors
    /// One sentence, when it cannot be done.
    fn forget(&self, until: Timestamp) -> Result<(), String>;
}

/// The parts that a gateway drives.
pub struct Parts {
    /// The record.
    pub journal: Journal,
    /// The model servers.
    pub models: Models,
    /// What agents can do.
    pub skills: Skills,
    /// The jailed processes.
    pub roster: Roster,
    /// Time and randomness.
    pub ambient: Arc<dyn Ambient>,
    /// The settings.
    pub policies: Box<dyn Policies>,
    /// Files beside the record with words in them.
    pub traces: Arc<dyn Traces>,
    /// The chat in which what waits may be answered, too.
    pub chat: Option<Channel>,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings do not hold.
    #[error("{0}")]
    Settings(String),
    /// What was left open cannot be taken up.
    #[error("what the last run left open cannot be taken up: {0}")]
    Recovery(#[from] Refusal),
    /// The machine gives no further thread.
    #[error("the threads that stop agents cannot be made: {0}")]
    Thread(std::io::Error),
}

/// What ends one turn.
#[derive(Debug)]
pub(crate) struct End {
    token: CancellationToken,
    /// On whose behalf the turn is.
    person: PersonId,
    /// Why it was ended, when it was this turn and not its agent.
    why: Option<String>,
}

/// Everything that runs, and the only way in.
pub struct Gateway {
    pub(crate) config: Config,
    pub(crate) journal: Journal,
    pub(crate) models: Models,
    pub(crate) skills: Skills,
    pub(crate) roster: Roster,
    /// Where kills are done.
    pub(crate) strikers: Strikers,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) hearts: Hearts,
    pub(crate) bus: Bus,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) room: Arc<Semaphore>,
    /// Sessions with a turn that runs or waits.
    pub(crate) open: Admission,
    /// Runs that are not over, with what was decided for them.
    pub(crate) runs: Mutex<BTreeMap<TurnId, Arc<Mailbox>>>,
    /// Held while an approval is decided, expires or is cancelled.
    pub(crate) deciding: tokio::sync::Mutex<()>,
    pub(crate) waiting: Waiting,
    pub(crate) patterns: Patterns,
    pub(crate) callers: Callers,
    /// Whom an approval has been shown to.
    pub(crate) shown: Mutex<BTreeSet<(PersonId, ApprovalId)>>,
    pub(crate) policies: Box<dyn Policies>,
    pub(crate) judging: Mutex<Judging>,
    /// Held while content is erased, and while that is decided.
    pub(crate) erasing: tokio::sync::Mutex<()>,
    /// The holds that the record has.
    pub(crate) held: Mutex<Held>,
    /// What ends a turn that runs, and nothing else of its agent.
    pub(crate) ends: Mutex<BTreeMap<TurnId, End>>,
    pub(crate) traces: Arc<dyn Traces>,
    /// Room for people who look into the record.
    pub(crate) lookers: Places,
    /// Room for people who begin conversations that go on from others.
    pub(crate) branching: Branching,
    /// Room for people who list approvals.
    pub(crate) listers: Places,
    /// Held while somebody writes a SOUL.md.
    pub(crate) editing: tokio::sync::Mutex<()>,
    /// Room for people who have a SOUL.md compiled.
    pub(crate) checkers: Places,
    /// Held while the record is verified for somebody.
    pub(crate) verifying: Arc<Semaphore>,
    /// The chat beside the console.
    pub(crate) chat: Option<Chat>,
    slots: Mutex<BTreeMap<AgentName, Arc<Slot>>>,
    marks: Mutex<Arc<BTreeMap<String, Labels>>>,
}

impl Gateway {
    /// Starts: reads the settings, takes up what the last run left open.
    ///
    /// # Errors
    /// When the settings do not hold, or the database cannot be read.
    pub async fn start(config: Config, parts: Parts) -> Result<Arc<Self>, StartError> {
        let Parts { journal, models, skills, roster, ambient, policies, traces, chat } = parts;
        let judging = Judging::by(policies.as_ref()).map_err(StartError::Settings)?;
        let gateway = Arc::new(Self {
            hearts: Hearts::new(config.agents_dir.clone(), config.removed_dir.clone(), Arc::clone(&ambient)),
            config,
            journal,
            models,
            skills,
            roster,
            strikers: Strikers::new().map_err(StartError::Thread)?,
            bus: Bus::new(ambient.now()),
            ambient,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            room: Arc::new(Semaphore::new(MAX_RUNNING_TURNS)),
            open: Admission::default(),
            runs: Mutex::default(),
            deciding: tokio::sync::Mutex::new(()),
            waiting: Waiting::default(),
            patterns: Patterns::default(),
            callers: Callers::new(),
            shown: Mutex::default(),
            erasing: tokio::sync::Mutex::new(()),
            held: Mutex::default(),
            ends: Mutex::default(),
            traces,
            editing: tokio::sync::Mutex::new(()),
            checkers: Places::new(MAX_CHECKERS),
            lookers: Places::new(MAX_LOOKERS),
            branching: Branching::default(),
            listers: Places::new(MAX_LISTERS),
            verifying: Arc::new(Semaphore::new(1)),
            chat: chat.map(Chat::new),
            policies,
            judging: Mutex::new(judging),
            slots: Mutex::default(),
            marks: Mutex::default(),
        });
        gateway.recover().await?;
        gateway.keep_house();
        gateway.keep_out_leavers();
        gateway.watch_the_record();
        gateway.keep_erasing();
        gateway.keep_no_longer();
        gateway.keep_posting();
        Ok(gateway)
    }

    /// The person who is this operating-system user. While settings that were changed do not hold, the ones
    /// before them say who it is: nothing new is let through then, but an administrator can still stop agents.
    ///
    /// # Errors
    /// When the settings name nobody by that user.
    pub(crate) fn person_of_os_user(&self, user: &str) -> Result<Person, Refusal> {
        let nobody = || {
            let message = format!(
                "the user `{user}` is nobody here; an administrator names them with `os-user = \"{user}\"` in bulkhead.toml"
            );
            Refusal::new(RefusalKind::Forbidden, message)
        };
        self.monitor_or_last().person_of_os_user(user).cloned().ok_or_else(nobody)
    }

    /// The person as the settings know them now.
    pub(crate) fn person(&self, id: &PersonId) -> Result<Person, Refusal> {
        let gone = || Refusal::new(RefusalKind::Forbidden, format!("`{id}` is no longer in the settings"));
        self.monitor()?.person(id).cloned().ok_or_else(gone)
    }

    /// An agent that has a folder with a SOUL.md.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn slot(&self, name: &AgentName) -> Result<Arc<Slot>, Refusal> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(name) {
            return Ok(Arc::clone(slot));
        }
        let folder = self.config.agents_dir.join(name.as_str());
        if !folder.join("SOUL.md").is_file() {
            let message =
                format!("there is no agent `{name}`; `bulkhead agents list` shows those that there are");
            return Err(Refusal::new(RefusalKind::NotFound, message));
        }
        let slot = Arc::new(Slot::new(name.clone(), folder, &self.stop));
        if let Some(standing) = records::get::<Standing>(&self.journal, AGENT, name.as_str())? {
            slot.stand(standing);
            if standing == Standing::Killed {
                self.roster.close(name.as_str());
            }
        }
        if let Some(tokens) = records::get(&self.journal, TOKENS, name.as_str())? {
            slot.restore_tokens(tokens);
        }
        *slot.seen.lock() = self.soul_seen(name)?;
        *slot.history.lock() = History::load(&self.journal, name)?;
        slots.insert(name.clone(), Arc::clone(&slot));
        Ok(slot)
    }

    /// Every agent that this gateway has met, whether or not its folder is still there.
    pub(crate) fn known_slots(&self) -> Vec<Arc<Slot>> {
        self.slots.lock().values().cloned().collect()
    }

    /// The skills' bench for one turn.
    pub(crate) fn bench(&self, turn: &Turn) -> Bench {
        let bench = self.skills.bench(&self.roster, &turn.compartment, &turn.asker.id, self.config.reduced);
        bench.until(turn.stopped.clone())
    }

    /// How many tokens of conversation fit into one call of the compartment's model. A server that does not
    /// answer here will not answer the call either, and the call's outcome says so.
    pub(crate) async fn context_tokens(&self, compartment: &Compartment) -> u32 {
        let bytes = compartment.prompt_bytes();
        match self.models.find(compartment.model()).await {
            Ok(found) => found.conversation_tokens(bytes),
            Err(error) => {
                tracing::debug!("the model's context window is not known: {error}");
                models::DEFAULT_CONTEXT_TOKENS
            }
        }
    }

    /// What ends this turn: a stop of its agent, `stopped`, or an end of its own.
    pub(crate) fn ended_by(
        &self,
        turn: &TurnId,
        person: &PersonId,
        stopped: &CancellationToken,
    ) -> CancellationToken {
        let (token, person) = (stopped.child_token(), person.clone());
        self.ends.lock().insert(turn.clone(), End { token: token.clone(), person, why: None });
        token
    }

    /// Whether any turn runs, or waits since this gateway let it.
    pub(crate) fn have_turns(&self) -> bool {
        !self.ends.lock().is_empty()
    }

    /// Those on whose behalf such turns are and of whom this is true.
    pub(crate) fn turns_of(&self, which: impl Fn(&PersonId) -> bool) -> Vec<PersonId> {
        self.ends.lock().values().map(|end| &end.person).filter(|person| which(person)).cloned().collect()
    }

    /// Ends a turn that runs, for this reason, and nothing else of its agent.
    pub(crate) fn end_turn(&self, turn: &TurnId, why: &str) {
        if let Some(end) = self.ends.lock().get_mut(turn) {
            end.why.get_or_insert_with(|| why.to_owned());
            end.token.cancel();
        }
    }

    /// Why it was ended, if it was this turn and not its agent.
    pub(crate) fn why_ended(&self, turn: &TurnId) -> Option<String> {
        self.ends.lock().get(turn).and_then(|end| end.why.clone())
    }

    /// Why a turn that was stopped was.
    pub(crate) fn why_stopped(&self, turn: &TurnId) -> String {
        self.why_ended(turn).unwrap_or_else(|| "the agent was stopped".to_owned())
    }

    /// Forgets a turn that is over.
    pub(crate) fn turn_over(&self, turn: &TurnId, session: &SessionId) {
        self.ends.lock().remove(turn);
        self.open.leave(session);
    }

    /// Makes a record durable that no effect waits for, with the rows that change with it.
    pub(crate) async fn record(&self, draft: Draft, state: Vec<Change>) -> Result<(), Refusal> {
        drop(self.journal.append(records::entry(draft, state)?).await?);
        Ok(())
    }

    pub(crate) fn tell(&self, turn: &Turn, what: What) {
        self.bus.tell(&turn.row.session, &turn.id, &turn.row.agent, what);
    }

    /// The labels of files that agents have written.
    pub(crate) fn marks(&self) -> Arc<BTreeMap<String, Labels>> {
        Arc::clone(&self.marks.lock())
    }

    /// Remembers that data with `labels` is about to be written to `path`; the row that keeps it.
    ///
    /// # Errors
    /// When no more files can be marked.
    pub(crate) fn mark(&self, path: &str, labels: &Labels) -> Result<Option<Change>, Refusal> {
        let mut marks = self.marks.lock();
        let known = marks.get(path);
        let joined = known.map_or_else(|| labels.clone(), |known| known.join(labels));
        // What nobody labelled is `internal` as it is. Where the settings say less, the mark has to say more.
        let plain = || joined == Labels::default() && self.judging.lock().monitor().carries(path, &joined);
        if known == Some(&joined) || plain() {
            return Ok(None);
        }
        if marks.len() >= MAX_MARKS {
            let message = format!(
                "more than {MAX_MARKS} files carry labels; label their folders in bulkhead.toml instead"
            );
            return Err(Refusal::new(RefusalKind::Unavailable, message));
        }
        let change = records::put(MARK, path, &joined)?;
        Arc::make_mut(&mut marks).insert(path.to_owned(), joined);
        Ok(Some(change))
    }

    /// The same for several folders or files.
    pub(crate) fn mark_all(&self, paths: &[PathBuf], labels: &Labels) -> Result<Vec<Change>, Refusal> {
        let mut changes = Vec::new();
        for path in paths.iter().filter_map(|path| path.to_str()) {
            changes.extend(self.mark(path, labels)?);
        }
        Ok(changes)
    }

    pub(crate) fn restore_marks(&self, kept: BTreeMap<String, Labels>) {
        *self.marks.lock() = Arc::new(kept);
    }

    /// Every event of the gateway, for an administrator and whose role may, without anybody's words: what happens, not what is said. Whoever
    /// may read content reads it in the record. From now on, or after the event with the id `since`.
    ///
    /// # Errors
    /// When `by` may not.
    pub fn follow_all(&self, by: &Person, since: Option<&str>) -> Result<Events, Refusal> {
        self.demand(by, Act::ActivityFollow, None, "follow everyone's turns")?;
        Ok(Events::all(self.bus.follow(since)))
    }

    /// Whether messages can be taken: the record can be written, and what goes on can be read in it.
    ///
    /// # Errors
    /// One sentence that says what is missing.
    pub fn ready(&self) -> Result<(), String> {
        if self.stop.is_cancelled() {
            return Err("the gateway is stopping".into());
        }
        self.journal.healthy()
    }

    /// By what it is decided whether `by` may do that. While the settings do not hold, stopping and whatever an administrator
    /// does go by those before them, so that nobody is kept from stopping an agent; nothing else goes by what was taken away.
    ///
    /// # Errors
    /// When the settings do not hold, for all else.
    fn judge_of(&self, by: &Person, act: Act) -> Result<Arc<Monitor>, Refusal> {
        let stops = matches!(act, Act::AgentStop | Act::AgentPause | Act::AgentsStop);
        if stops || by.administrator { Ok(self.monitor_or_last()) } else { self.monitor() }
    }

    /// Whether `by` may do something with the gateway, by right or role. While the settings do not hold, stopping agents and
    /// what administrators do go by those before them, and nothing else is allowed.
    #[must_use]
    pub fn allows(&self, by: &Person, act: Act, agent: Option<&AgentName>) -> bool {
        self.judge_of(by, act).is_ok_and(|monitor| monitor.may(by, act, agent).is_ok())
    }

    /// Demands a right or a role, and records who has neither.
    ///
    /// # Errors
    /// When `by` may not; with the policy of a role that says so, where one does. When the settings do not hold and it is
    /// neither to stop an agent nor done by an administrator.
    pub fn demand(
        &self,
        by: &Person,
        act: Act,
        agent: Option<&AgentName>,
        what: &str,
    ) -> Result<(), Refusal> {
        let Err(why) = self.judge_of(by, act)?.may(by, act, agent) else { return Ok(()) };
        let facts = Facts::new().with("what", what);
        let facts = facts.with_some("agent", agent.map(AgentName::as_str));
        self.refused_right(by, facts.with_some("policy", why.as_ref().map(|why| why.policy.as_str())));
        let message = match why {
            None => format!("`{}` may not {what}; an administrator may", by.id),
            Some(Forbidden { policy, message }) => {
                format!("`{}` may not {what}: {message} (`{policy}`); an administrator may", by.id)
            }
        };
        Err(Refusal::new(RefusalKind::Forbidden, message))
    }

    /// Demands an administrator, and records who is none.
    ///
    /// # Errors
    /// When `by` is none.
    pub fn administrator(&self, by: &Person, what: &str) -> Result<(), Refusal> {
        if by.administrator {
            return Ok(());
        }
        let message = format!("`{}` may not {what}; an administrator may", by.id);
        self.refused_right(by, Facts::new().with("what", what));
        Err(Refusal::new(RefusalKind::Forbidden, message))
    }
}
