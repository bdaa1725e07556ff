//! A home in a temporary folder: an agent, a person, a monitor and a journal, so that a test gets its
//! permits as the gateway does and no other way.

pub(crate) mod harness;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bulkhead_skills::{Bench, Config, Skills, specs};
use journal::Journal;
use monitor::{
    Compartment, Gate, Monitor, Permit, PolicyText, Rates, Ruling, SHIPPED_GUARDRAILS, Standing, judge,
};
use sandbox::{Program, Roster};
use serde_json::Value;
use soul::Place;
use tempfile::TempDir;
use vocab::{
    Ambient, Body, Group, Intent, Labels, Outcome, Person, PersonId, Proposal, ProposalId, Rights, SessionId,
    Status, Timestamp, TurnId,
};

/// The argument that makes the test's own binary the spawner.
pub(crate) const SPAWNER: &str = "__spawner";

/// The test's own binary as the spawner.
pub(crate) fn spawner() -> Program {
    Program { path: "/proc/self/exe".into(), args: vec![SPAWNER.into()] }
}

/// A clock that stands and bytes that count.
struct Still(AtomicU64);

impl Ambient for Still {
    fn now(&self) -> Timestamp {
        now()
    }

    fn random(&self) -> [u8; 16] {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)).to_be_bytes()
    }
}

/// The time at which every test runs.
pub(crate) fn now() -> Timestamp {
    "2026-11-21T01:02:03Z".parse().unwrap()
}

/// All that a group can have of resources.
fn every_right() -> Rights {
    let everything = || vec!["*".to_owned()];
    Rights {
        agents: everything(),
        read: everything(),
        write: everything(),
        hosts: everything(),
        channels: everything(),
        models: everything(),
        commands: everything(),
        tables: everything(),
        collections: everything(),
        erase: false,
        record: false,
        approve: everything(),
        content: vec![],
    }
}

/// One agent of one person.
pub(crate) struct Home {
    dir: TempDir,
    compartment: Compartment,
    gate: Gate,
    asker: Person,
    journal: Journal,
    pub(crate) skills: Skills,
    pub(crate) bench: Bench,
    pub(crate) roster: Roster,
    proposals: u64,
}

impl Home {
    /// A home whose agent has the skills that `grants` lists, as SOUL.md writes them. `{home}` stands for
    /// the home's folder.
    pub(crate) fn new(grants: &str) -> Self {
        let dir = tempfile::tempdir_in(std::fs::canonicalize(std::env::temp_dir()).unwrap()).unwrap();
        let agents = dir.path().join("agents");
        let workspace = agents.join("echo/workspace");
        std::fs::create_dir_all(&workspace).unwrap();
        let grants = grants.replace("{home}", dir.path().to_str().unwrap());
        let source = format!(
            "# Echo\n## Identity\n- Name: Echo\n- Role: Tester\n## Skills\n{grants}\n## Channels\n- board: forum\n"
        );
        let charter = soul::compile(
            &source,
            &Place {
                workspace,
                labelled: Default::default(),
                databases: Default::default(),
                collections: ["handbook", "files"].map(str::to_owned).into(),
            },
        )
        .unwrap();
        let asker = Person {
            id: PersonId::new("anna").unwrap(),
            os_user: None,
            chat: None,
            groups: vec!["all".into()],
            clearance: Labels::default(),
            administrator: false,
        };
        let guardrails = SHIPPED_GUARDRAILS
            .iter()
            .map(|(name, text)| PolicyText { name: (*name).into(), text: (*text).into() });
        let collection = |name: &str| monitor::Collection {
            name: name.to_owned(),
            folder: dir.path().join(name).to_str().unwrap().to_owned(),
            labels: None,
        };
        let config = monitor::Config {
            guardrails: guardrails.collect(),
            people: vec![asker.clone()],
            groups: vec![Group { name: "all".into(), rights: every_right() }],
            skills: specs(),
            collections: ["handbook", "files"].map(collection).into(),
            agents_dir: agents,
            default_model: "rehearsal/none".into(),
            ..monitor::Config::default()
        };
        let (gate, roster) = (Gate::new(), Roster::new(&spawner()).unwrap());
        let compartment = Monitor::new(config).unwrap().compartment(Arc::new(charter), gate.clone()).unwrap();
        let journal = Journal::open(
            journal::Config { place: dir.path().join("journal.sqlite").into() },
            Arc::new(Still(AtomicU64::new(1))),
        )
        .unwrap();
        let skills = Skills::new(Config { board_dir: dir.path().join("boards"), egress: Default::default() });
        let bench = skills.bench(&roster, &compartment, &asker.id, false);
        Self { dir, compartment, gate, asker, journal, skills, bench, roster, proposals: 0 }
    }

    /// The home's folder.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The agent's workspace.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.path().join("agents/echo/workspace")
    }

    /// The agent's gate.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What the monitor rules on a call; a call that has to wait for a person is approved.
    pub(crate) async fn ruling(&mut self, skill: &str, args: &Value) -> Ruling {
        match self.judged(skill, args, None).await {
            Ruling::Ask(held) => self.judged(skill, args, Some(&held.binding)).await,
            ruling => ruling,
        }
    }

    async fn judged(&mut self, skill: &str, args: &Value, approved: Option<&vocab::Digest>) -> Ruling {
        self.proposals += 1;
        let proposal = Proposal {
            id: ProposalId::new(&format!("p-{}", self.proposals)).unwrap(),
            agent: self.compartment.charter().name.clone(),
            session: SessionId::new("s-1").unwrap(),
            turn: TurnId::new("t-1").unwrap(),
            ordinal: 1,
            intent: Intent::SkillCall {
                call_id: "c".into(),
                skill: skill.into(),
                arguments: args.to_string(),
            },
        };
        let (labels, marks) = (Labels::public(), Default::default());
        let standing = Standing {
            asker: &self.asker,
            labels: &labels,
            marks: &marks,
            said: "",
            rates: Rates::default(),
            programs: &bulkhead_skills::Machine,
            approved,
            now: now(),
        };
        let judgement = judge(&self.compartment, proposal, &standing);
        let receipt = self.journal.append(judgement.entry()).await.unwrap();
        judgement.settle(receipt).unwrap()
    }

    /// A permit for a call that is permitted.
    pub(crate) async fn permit(&mut self, skill: &str, args: &Value) -> Permit {
        match self.ruling(skill, args).await {
            Ruling::Permit(permit) => permit,
            Ruling::Deny(denied) | Ruling::Kill(denied) => panic!("{skill} {args}: {:?}", denied.reasons),
            Ruling::Ask(held) => panic!("{skill} {args}: {:?}", held.reasons),
        }
    }

    /// What becomes of a permitted call.
    pub(crate) async fn call(&mut self, skill: &str, args: Value) -> Outcome {
        let permit = self.permit(skill, &args).await;
        self.skills.perform(permit, &mut self.bench, now()).await.unwrap()
    }

    /// The text of a call that succeeds.
    pub(crate) async fn done(&mut self, skill: &str, args: Value) -> String {
        told(self.call(skill, args).await, Status::Done)
    }

    /// The sentence of a call that is permitted and fails.
    pub(crate) async fn failed(&mut self, skill: &str, args: Value) -> String {
        told(self.call(skill, args).await, Status::Failed)
    }
}

fn told(outcome: Outcome, status: Status) -> String {
    assert_eq!(outcome.status, status, "{outcome:?}");
    match outcome.body {
        Body::Text { text } => text,
        other => panic!("{other:?}"),
    }
}
