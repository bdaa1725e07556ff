//! A run: a program that nobody here wrote works as an agent, for a person, and asks for each thing that it wants.
//!
//! Everything that it asks for takes the road of `run.rs`: judged, recorded, done, recorded. What differs from a
//! turn is who proposes: the program keeps its conversation itself, so none is kept here; its requests are taken one
//! after another by `drive.rs`; and an answer of the model is handed to it as a reply is to a person, by a proposal
//! of its own, so that the screens of a reply hold for it whole before the first word leaves.

mod drive;
mod find;
mod launch;
mod leash;
mod mailbox;

use std::sync::Arc;

use journal::{Change, Event, Facts, Kind};
use monitor::{Compartment, Reach};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use vocab::{
    AgentName, Ambient, Answer, ApprovalId, Decision, Entry, Fault, Intent, Labels, Person, ProposalId,
    Reason, SessionId, Status, TurnId,
};

use crate::accept::{Place, admits};
use crate::gateway::Gateway;
use crate::session::{self, SessionRow, TurnRow};
use crate::slot::Slot;
use crate::state::{Made, Turn};
use crate::{Refusal, RefusalKind, records};
use drive::{Ask, Driver};
pub use launch::{Ended, Launched, NotLaunched, Progress, Wanted};
pub(crate) use mailbox::{Decided, Mailbox};

/// The most requests of one run that wait for their turn; one more is refused as busy.
pub const MAX_WAITING_REQUESTS: usize = 16;

/// The most bytes of a run's command that the record and HEARTBEAT.md keep.
pub const MAX_COMMAND_BYTES: usize = 4096;

/// What is to be started.
#[derive(Debug, Clone)]
pub struct Program {
    /// For whom. That it is they has been verified.
    pub person: Person,
    /// As which agent.
    pub agent: AgentName,
    /// The command, as a person reads it.
    pub command: String,
    /// The labels of everything that it can read in its jail without asking: all of it counts as read.
    pub labels: Labels,
    /// What it has before it in its jail; nothing for a program without files.
    pub reach: Option<Reach>,
}

/// What became of something that a program asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// A model's whole answer, judged and delivered. Its reasoning is on the record and not in here.
    Answer(Answer),
    /// A skill's result.
    Text(String),
    /// The monitor, or a person, said no; the deciding reasons first.
    Denied(Vec<Reason>),
    /// It was tried and did not succeed, or what came back may not be seen.
    Failed {
        /// How it ended.
        status: Status,
        /// What kind of fault, when a model gave no answer.
        fault: Option<Fault>,
        /// One sentence.
        text: String,
    },
    /// It waits for a person, and has waited as long as a request may. Asking for the very same thing again goes on
    /// waiting for this approval, or uses it.
    Waiting(ApprovalId),
}

/// A program that runs as an agent. It ends when this is dropped or closed, when its agent is stopped and when the
/// gateway stops; what it holds is cancelled then, and the record says so.
pub struct Run {
    session: SessionId,
    turn: TurnId,
    agent: AgentName,
    slot: Arc<Slot>,
    asks: mpsc::Sender<Ask>,
    leaving: CancellationToken,
    over: CancellationToken,
    how: Arc<parking_lot::Mutex<Option<String>>>,
    ambient: Arc<dyn Ambient>,
}

/// A name that nothing else has, and the time.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// The name.
    pub id: String,
    /// Seconds of the Unix epoch.
    pub seconds: i64,
}

impl Gateway {
    /// Begins a run: who may ask whom is judged, and who started what is on the record.
    ///
    /// # Errors
    /// When this person may not ask this agent, the agent is stopped or does not compile, one of them is not
    /// cleared for what the program can read, too much is running, or the record cannot be written.
    pub async fn begin_run(self: &Arc<Self>, program: Program) -> Result<Run, Refusal> {
        self.takes_work()?;
        let Program { person, agent, command, labels, reach } = program;
        let monitor = self.monitor()?;
        if !monitor.may_ask(&person, &agent) {
            return Err(self.turned_away(&person, &agent).await?);
        }
        let slot = self.slot(&agent)?;
        let stopped = slot.stopped();
        admits(&slot)?;
        let compartment = self.compartment(&slot, &monitor)?;
        if let Err(why) = allowed(&compartment, &person, &labels, reach.as_ref()) {
            self.run_refused(&person, &agent, &command, &why).await?;
            return Err(why);
        }
        let room = Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            Refusal::new(RefusalKind::Busy, "too many turns are running; try again when one has ended")
        })?;
        let (session, turn) =
            (SessionId::from_random(self.ambient.random()), TurnId::from_random(self.ambient.random()));
        let place = Place::take(self, &session, &turn, &person.id)?;
        let session_row = SessionRow::new(agent.clone(), person.id.clone(), Labels::default().join(&labels));
        let row = TurnRow {
            session: session.clone(),
            agent: agent.clone(),
            person: person.id.clone(),
            proposals: 0,
            elapsed_ms: 0,
            waiting: None,
            open: None,
            part: None,
            program: true,
        };
        let command = shortened(&command);
        let writes = reach.as_ref().map_or(&[][..], |reach| &reach.write);
        let marks = self.mark_all(writes, &session_row.labels)?;
        self.record_run(&turn, &row, &session_row, &command, marks).await?;
        let stopped = self.ended_by(&turn, &row.person, &stopped);
        let made = Made {
            id: turn,
            row,
            session: session_row,
            asker: person,
            slot,
            stopped: stopped.clone(),
            compartment,
            transcript: Vec::new(),
            reach,
        };
        let made = Turn::new(made, self.ambient.now());
        self.hearts.received(&made, &Entry::Person { text: format!("run {command}") });
        place.keep();
        Ok(self.let_run(made, stopped, room))
    }

    /// Has a run's requests taken on a task of its own.
    fn let_run(self: &Arc<Self>, turn: Turn, stopped: CancellationToken, room: OwnedSemaphorePermit) -> Run {
        let (asks, asked) = mpsc::channel(MAX_WAITING_REQUESTS);
        let run = Run {
            session: turn.row.session.clone(),
            turn: turn.id.clone(),
            agent: turn.row.agent.clone(),
            slot: Arc::clone(&turn.slot),
            asks,
            leaving: stopped.child_token(),
            over: CancellationToken::new(),
            how: Arc::default(),
            ambient: Arc::clone(&self.ambient),
        };
        let mailbox = Arc::new(Mailbox::default());
        self.runs.lock().insert(turn.id.clone(), Arc::clone(&mailbox));
        let driver = Driver::new(Arc::clone(self), turn, mailbox, &run, stopped);
        let over = run.over.clone().drop_guard();
        self.tasks.spawn(async move {
            Box::pin(driver.drive(asked)).await;
            drop((room, over));
        });
        run
    }

    /// Records that somebody wanted to run what is not there for this agent, or may not run: at once, or in the sum of
    /// their refusals.
    pub(super) async fn run_refused(
        &self,
        person: &Person,
        agent: &AgentName,
        command: &str,
        why: &Refusal,
    ) -> Result<(), Refusal> {
        if !self.tells_refusal(person) {
            return Ok(());
        }
        let mut draft = records::of_agent(Kind::Auth, Event::RunRefused, Some(person), agent, Facts::new());
        draft.payload = json!({ "command": shortened(command), "why": why.to_string() });
        draft.decision = Some(Decision::Deny);
        self.record(draft, Vec::new()).await
    }

    async fn record_run(
        &self,
        turn: &TurnId,
        row: &TurnRow,
        session: &SessionRow,
        command: &str,
        marks: Vec<Change>,
    ) -> Result<(), Refusal> {
        let mut draft = records::of_turn(Kind::Message, turn, row);
        draft.labels = Some(session.labels.clone());
        draft.event = Some(Event::RunStarted);
        draft.payload = json!({ "command": command });
        let mut state = vec![session::put_session(&row.session, session)?, session::put_turn(turn, row)?];
        state.extend(marks);
        self.record(draft, state).await
    }
}

/// Agent and asker must be cleared for what the program can read, as for a file that it would ask for; no rule and no
/// guardrail may be against it; and nothing that it can read may get out by what it can write.
fn allowed(
    compartment: &Compartment,
    person: &Person,
    labels: &Labels,
    reach: Option<&Reach>,
) -> Result<(), Refusal> {
    let charter = compartment.charter();
    let agent = &charter.name;
    let no = |message: String| Err(Refusal::new(RefusalKind::Forbidden, message));
    let both = [(agent.as_str(), &charter.clearance), (person.id.as_str(), &person.clearance)];
    for (who, clearance) in both {
        if !labels.within(clearance) {
            return no(format!(
                "a program of `{agent}` could read what carries `{labels}`, and `{who}` is cleared for `{clearance}`"
            ));
        }
    }
    if let Some(why) = monitor::no_program(compartment, person, labels) {
        return no(format!("no program runs as `{agent}`: {} ({})", why.message, why.policy));
    }
    match reach.and_then(|reach| reach.denies(compartment, person, labels).into_iter().next()) {
        Some(why) => no(format!("this program cannot run: {}", why.message)),
        None => Ok(()),
    }
}

/// At most [`MAX_COMMAND_BYTES`] of a command, cut at a character, and the cut is said.
fn shortened(command: &str) -> String {
    let end = command.floor_char_boundary(MAX_COMMAND_BYTES);
    match command.get(..end) {
        Some(kept) if kept.len() < command.len() => {
            format!("{kept} [cut: {} bytes]", command.len().saturating_sub(end))
        }
        _ => command.to_owned(),
    }
}

impl Run {
    /// The conversation that this run is, in the record.
    #[must_use]
    pub const fn session(&self) -> &SessionId {
        &self.session
    }

    /// The turn that this run is, in the record.
    #[must_use]
    pub const fn turn(&self) -> &TurnId {
        &self.turn
    }

    /// The agent.
    #[must_use]
    pub const fn agent(&self) -> &AgentName {
        &self.agent
    }

    /// The model that the agent has now; nothing when its SOUL.md no longer holds.
    #[must_use]
    pub fn model(&self) -> Option<String> {
        self.slot.current().map(|compartment| compartment.model().to_owned())
    }

    /// The agent's skills that can be called now: a list of `name`, `description` and `schema`.
    #[must_use]
    pub fn skills(&self) -> Vec<Value> {
        let offered = self.slot.current().and_then(|compartment| compartment.offered().as_array().cloned());
        offered.unwrap_or_default()
    }

    /// A stamp for an answer.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let id = ProposalId::from_random(self.ambient.random()).to_string();
        Stamp { id, seconds: self.ambient.now().as_second() }
    }

    /// Proposes one thing, and says what became of it. Requests are taken one after another. When the future is
    /// dropped, a model call ends; anything else that was begun goes to its end on its own.
    ///
    /// # Errors
    /// When the run is over, too many requests wait already, or the record cannot be written.
    pub async fn propose(&self, intent: Intent) -> Result<Came, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.asks.try_send(Ask { intent, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::new(
                RefusalKind::Busy,
                format!(
                    "{MAX_WAITING_REQUESTS} requests of this run wait already; send one when another is answered"
                ),
            ),
            mpsc::error::TrySendError::Closed(_) => over(&self.agent),
        })?;
        answered.await.map_err(|_| over(&self.agent))?
    }

    /// That nothing has stopped or ended the run.
    ///
    /// # Errors
    /// When something has: its program is served nothing any more.
    pub fn goes_on(&self) -> Result<(), Refusal> {
        if self.leaving.is_cancelled() { Err(over(&self.agent)) } else { Ok(()) }
    }

    /// Ends the run and waits until the record says so. `how` is for the record, such as an exit code.
    pub async fn close(&self, how: &str) {
        *self.how.lock() = Some(how.to_owned());
        self.leaving.cancel();
        self.over.cancelled().await;
    }

    /// Waits until the run is over, whatever ended it.
    pub async fn ended(&self) {
        self.over.cancelled().await;
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("agent", &self.agent).field("turn", &self.turn).finish_non_exhaustive()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.leaving.cancel();
    }
}

fn over(agent: &AgentName) -> Refusal {
    Refusal::new(RefusalKind::Conflict, format!("this run of `{agent}` is over: it was stopped or has ended"))
}
