//! An agent with a file to read, and callers that have it read, step by step as the gateway's walk
//! (`crates/turn/src/run.rs`) does it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::{Change, Draft, Entry, Journal, Kind, Written};
use monitor::{
    Compartment, Gate, Monitor, PolicyText, Rates, Ruling, SHIPPED_GUARDRAILS, Standing, admit, judge,
};
use sandbox::{Program, Roster};
use serde::Serialize;
use serde_json::json;
use skills::{Bench, Skills};
use soul::Place;
use vocab::{
    Action, AgentName, Ambient, ApprovalId, Body, Digest, Group, Intent, Labels, Outcome, Person, PersonId,
    Proposal, ProposalId, Reason, Rights, SessionId, Status, Timestamp, TurnId, Verb,
};

use crate::Done;

/// What the agent reads: a short note.
const FILE_BYTES: usize = 200;

/// The machine's clock and its random bytes, as the gateway has them.
struct Machine;

impl Ambient for Machine {
    #[expect(clippy::disallowed_methods, reason = "the gateway's clock costs what this one costs")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn random(&self) -> [u8; 16] {
        random()
    }

    fn salt(&self) -> [u8; 32] {
        random()
    }
}

fn random<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).unwrap_or_else(|_| std::process::abort());
    bytes
}

/// What all callers share.
struct Shared {
    ambient: Arc<dyn Ambient>,
    compartment: Compartment,
    journal: Journal,
    skills: Skills,
    asker: Person,
    marks: BTreeMap<String, Labels>,
}

/// A home with one agent.
pub(crate) struct Home {
    shared: Arc<Shared>,
    roster: Roster,
    folder: PathBuf,
}

/// The parts of one action, in order.
pub(crate) struct Step {
    pub(crate) judge: Duration,
    pub(crate) record: Duration,
    pub(crate) effect: Duration,
    pub(crate) outcome: Duration,
}

impl Step {
    pub(crate) fn whole(&self) -> Duration {
        self.judge + self.record + self.effect + self.outcome
    }
}

impl Home {
    pub(crate) fn new(program: &Path, folder: &Path) -> Done<Self> {
        let ambient: Arc<dyn Ambient> = Arc::new(Machine);
        let asker = Person {
            id: PersonId::new("anna")?,
            os_user: None,
            chat: None,
            groups: vec!["all".into()],
            clearance: Labels::default(),
            administrator: false,
        };
        let journal =
            Journal::open(journal::Config { place: database(folder).into() }, Arc::clone(&ambient))?;
        let skills =
            Skills::new(skills::Config { board_dir: folder.join("board"), egress: Default::default() });
        let compartment = compartment(folder, &asker)?;
        let spawner = Program { path: program.to_owned(), args: vec!["__spawner".into()] };
        let shared = Shared { ambient, compartment, journal, skills, asker, marks: BTreeMap::new() };
        Ok(Self { shared: Arc::new(shared), roster: Roster::new(&spawner)?, folder: folder.to_owned() })
    }

    pub(crate) fn database(&self) -> PathBuf {
        database(&self.folder)
    }

    /// A caller with a bench, a session and a file of its own.
    pub(crate) fn caller(&self, number: usize) -> Done<Caller> {
        let Shared { skills, compartment, asker, .. } = self.shared.as_ref();
        let file = docs(&self.folder).join(format!("note-{number}.md"));
        std::fs::write(&file, "a".repeat(FILE_BYTES))?;
        Ok(Caller {
            bench: skills.bench(&self.roster, compartment, &asker.id, false),
            session: SessionId::from_random(self.shared.ambient.random()),
            turn: TurnId::from_random(self.shared.ambient.random()),
            file: file.display().to_string(),
            done: 0,
            shared: Arc::clone(&self.shared),
        })
    }

    pub(crate) async fn flush(&self) -> Done<()> {
        Ok(self.shared.journal.flush().await?)
    }

    pub(crate) async fn close(self) -> Done<()> {
        Ok(self.shared.journal.clone().close().await?)
    }
}

fn database(folder: &Path) -> PathBuf {
    folder.join("journal.sqlite")
}

fn docs(folder: &Path) -> PathBuf {
    folder.join("docs")
}

fn compartment(folder: &Path, asker: &Person) -> Done<Compartment> {
    let agents = folder.join("agents");
    let workspace = agents.join("echo/workspace");
    std::fs::create_dir_all(&workspace)?;
    std::fs::create_dir_all(docs(folder))?;
    let docs = docs(folder).display().to_string();
    let source = format!(
        "# Echo\n## Identity\n- Name: Echo\n- Role: Reader\n## Rules\n- Never share personal data of employees\n## Skills\n- file-reader: read\n  - paths: {docs}\n"
    );
    let place = Place {
        workspace,
        labelled: Default::default(),
        databases: Default::default(),
        collections: Default::default(),
    };
    let charter = soul::compile(&source, &place).map_err(|errors| format!("{errors:?}"))?;
    let guardrails = SHIPPED_GUARDRAILS
        .iter()
        .map(|(name, text)| PolicyText { name: (*name).into(), text: (*text).into() });
    let rights = Rights { agents: vec!["echo".into()], read: vec![docs], ..Rights::default() };
    let monitor = Monitor::new(monitor::Config {
        guardrails: guardrails.collect(),
        people: vec![asker.clone()],
        groups: vec![Group { name: "all".into(), rights }],
        skills: skills::specs(),
        agents_dir: agents,
        default_model: "rehearsal/none".into(),
        ..monitor::Config::default()
    })?;
    Ok(monitor.compartment(Arc::new(charter), Gate::new())?)
}

/// One turn that reads its file again and again, with a warm worker.
pub(crate) struct Caller {
    shared: Arc<Shared>,
    bench: Bench,
    session: SessionId,
    turn: TurnId,
    file: String,
    done: u32,
}

impl Caller {
    /// The processes of its workers.
    pub(crate) fn workers(&self) -> Vec<u32> {
        self.bench.pids()
    }

    /// One action, from wish to outcome.
    pub(crate) async fn act(&mut self) -> Done<Step> {
        let shared = Arc::clone(&self.shared);
        let proposal = self.propose()?;
        let begun = Instant::now();
        let labels = Labels::default();
        let standing = Standing {
            asker: &shared.asker,
            labels: &labels,
            marks: &shared.marks,
            said: "",
            rates: Rates::default(),
            programs: &(),
            approved: None,
            now: shared.ambient.now(),
        };
        let judgement = judge(&shared.compartment, proposal, &standing);
        let judged = Instant::now();

        let action = judgement.action().clone();
        let mut entry = judgement.entry();
        entry.state.push(self.turn_row(Some(&judgement.proposal().id))?);
        let receipt = shared.journal.append(entry).await?;
        let ruling = judgement.settle(receipt)?;
        let recorded = Instant::now();

        let Ruling::Permit(permit) = ruling else { return Err(format!("not permitted: {ruling:?}").into()) };
        let left = shared.compartment.charter().limits.turn_time;
        let effect = shared.skills.perform(permit, &mut self.bench, shared.ambient.now());
        let outcome = tokio::time::timeout(left, effect).await??;
        let effected = Instant::now();

        let (outcome, _) = admit(&shared.compartment, &shared.asker, &action, outcome);
        if outcome.status != Status::Done {
            return Err(format!("not done: {outcome:?}").into());
        }
        shared.journal.follow(self.outcome(&action, &outcome)?).await?;
        let ended = Instant::now();
        Ok(Step {
            judge: judged - begun,
            record: recorded - judged,
            effect: effected - recorded,
            outcome: ended - effected,
        })
    }

    fn propose(&mut self) -> Done<Proposal> {
        self.done += 1;
        Ok(Proposal {
            id: ProposalId::from_random(self.shared.ambient.random()),
            agent: self.shared.compartment.charter().name.clone(),
            session: self.session.clone(),
            turn: self.turn.clone(),
            ordinal: self.done,
            intent: Intent::SkillCall {
                call_id: format!("call-{}", self.done),
                skill: "file-reader".into(),
                arguments: json!({ "path": self.file }).to_string(),
            },
        })
    }

    /// What a gateway keeps of a turn that runs, so that a restart finds what was under way.
    fn turn_row(&self, open: Option<&ProposalId>) -> Done<Change> {
        let call = Call { id: format!("call-{}", self.done), skill: "file-reader" };
        let row = TurnRow {
            session: &self.session,
            agent: &self.shared.compartment.charter().name,
            person: &self.shared.asker.id,
            proposals: self.done,
            elapsed_ms: 0,
            waiting: None,
            open: open.map(|proposal| Open { proposal, verb: Verb::FileRead, call: Some(call) }),
            program: false,
        };
        Ok(Change::put("turn", self.turn.as_str(), &row)?)
    }

    /// The record of an outcome with the rows that change: the transcript's new entry, the session, the turn.
    fn outcome(&self, action: &Action, outcome: &Outcome) -> Done<Entry> {
        let Body::Text { text } = &outcome.body else { return Err("no text came back".into()) };
        let entry = vocab::Entry::Result {
            call_id: format!("call-{}", self.done),
            skill: "file-reader".into(),
            status: outcome.status,
            text: text.clone(),
        };
        let session = SessionRow {
            agent: &self.shared.compartment.charter().name,
            person: &self.shared.asker.id,
            labels: &outcome.labels,
            entries: self.done,
            bytes: 0,
        };
        let mut draft = Draft::new(Kind::Outcome);
        draft.turn = Some(self.turn.clone());
        draft.session = Some(self.session.clone());
        draft.agent = Some(self.shared.compartment.charter().name.clone());
        draft.person = Some(self.shared.asker.id.clone());
        draft.proposal = Some(outcome.proposal.clone());
        draft.verb = Some(action.verb);
        draft.resource = Some(action.resource.clone());
        draft.status = Some(outcome.status);
        draft.labels = Some(outcome.labels.clone());
        draft.written = Some(Written::of(&Came { body: &outcome.body, reasons: &[] })?);
        let state = vec![
            Change::push("entry", self.session.as_str(), self.done, &entry)?,
            Change::put("session", self.session.as_str(), &session)?,
            self.turn_row(None)?,
        ];
        Ok(Entry { subject: Digest::of(outcome.proposal.as_str().as_bytes()), records: vec![draft], state })
    }
}

/// The content of an outcome as `crates/turn/src/records.rs` has it.
#[derive(Serialize)]
struct Came<'a> {
    body: &'a Body,
    reasons: &'a [Reason],
}

/// The rows as `crates/turn/src/session.rs` has them.
#[derive(Serialize)]
struct TurnRow<'a> {
    session: &'a SessionId,
    agent: &'a AgentName,
    person: &'a PersonId,
    proposals: u32,
    elapsed_ms: u64,
    waiting: Option<ApprovalId>,
    open: Option<Open<'a>>,
    program: bool,
}

#[derive(Serialize)]
struct Open<'a> {
    proposal: &'a ProposalId,
    verb: Verb,
    call: Option<Call>,
}

#[derive(Serialize)]
struct Call {
    id: String,
    skill: &'static str,
}

#[derive(Serialize)]
struct SessionRow<'a> {
    agent: &'a AgentName,
    person: &'a PersonId,
    labels: &'a Labels,
    entries: u32,
    bytes: u64,
}
