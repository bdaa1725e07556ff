//! A gateway inside the test: one agent with two folders, a rehearsal for a model, three people.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bulkhead_tests::PATIENCE;
use bulkhead_tests::home::bulkhead;
use journal::Journal;
use journal::read::{Query, Reader, Record};
use models::Models;
use monitor::{PolicyText, SHIPPED_GUARDRAILS};
use parking_lot::Mutex;
use sandbox::{Program as Binary, Roster};
use skills::Skills;
use tempfile::TempDir;
use turn::{Channel, Gateway, Parts, Policies, Program, Run};
use vocab::{AgentName, Ambient, Digest, Group, Labels, Person, PersonId, Rights, Timestamp};

/// The machine's clock, set on by as many seconds as a test says, and bytes that count.
#[derive(Default)]
pub(crate) struct Clock {
    count: AtomicU64,
    pub(crate) later: AtomicI64,
}

impl Ambient for Clock {
    #[expect(clippy::disallowed_methods, reason = "the gateway is a real one, and so is its clock")]
    fn now(&self) -> Timestamp {
        let later = jiff::SignedDuration::from_secs(self.later.load(Ordering::Relaxed));
        Timestamp::now().checked_add(later).unwrap()
    }

    fn random(&self) -> [u8; 16] {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        // Different in each process, so that two gateways over one record make no name twice.
        let mut bytes = u128::from(count).to_le_bytes();
        bytes[8..12].copy_from_slice(&std::process::id().to_le_bytes());
        bytes
    }
}

/// Settings that a test changes.
struct Given(Arc<Mutex<monitor::Config>>);

impl Policies for Given {
    fn fingerprint(&self) -> Result<Digest, String> {
        Digest::of_canonical(&*self.0.lock()).map_err(|error| error.to_string())
    }

    fn load(&self) -> Result<monitor::Config, String> {
        Ok(self.0.lock().clone())
    }
}

pub(crate) const SOUL: &str = "\
# Echo
## Identity
- Name: Echo
- Role: Writer
## Rules
- Be concise
- Never output employee personal data
## Skills
- file-reader: read
  - paths: FOLDER/docs
- message: tell people
## Channels
- board: forum
";

/// A folder with all of it.
pub(crate) struct House {
    pub(crate) folder: TempDir,
    pub(crate) settings: Arc<Mutex<monitor::Config>>,
}

pub(crate) fn person(id: &str, administrator: bool) -> Person {
    Person {
        id: PersonId::new(id).unwrap(),
        os_user: None,
        chat: None,
        groups: vec!["all".into()],
        clearance: Labels::default(),
        administrator,
    }
}

pub(crate) fn echo() -> AgentName {
    AgentName::new("echo").unwrap()
}

impl House {
    pub(crate) fn new(scene: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for made in ["docs", "closed", "agents/echo/workspace", "rehearsal", "board"] {
            std::fs::create_dir_all(at(made)).unwrap();
        }
        std::fs::write(at("docs/status.md"), "all systems are up\n").unwrap();
        std::fs::write(at("closed/pay.md"), "nobody reads this\n").unwrap();
        std::fs::write(at("rehearsal/scene.yaml"), scene).unwrap();
        let docs = at("docs").display().to_string();
        let rights = Rights {
            agents: vec!["echo".into()],
            read: vec![docs, at("closed").display().to_string()],
            channels: vec!["*".into()],
            models: vec!["*".into()],
            approve: vec!["echo".into()],
            ..Rights::default()
        };
        let guardrails = SHIPPED_GUARDRAILS
            .iter()
            .map(|(name, text)| PolicyText { name: (*name).into(), text: (*text).into() });
        let config = monitor::Config {
            guardrails: guardrails.collect(),
            people: vec![person("anna", false), person("ben", false), person("root", true)],
            groups: vec![Group { name: "all".into(), rights }],
            skills: skills::specs(),
            agents_dir: at("agents"),
            default_model: "rehearsal/scene".into(),
            ..monitor::Config::default()
        };
        let house = Self { settings: Arc::new(Mutex::new(config)), folder };
        house.soul(SOUL);
        house
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn soul(&self, soul: &str) {
        let soul = soul.replace("FOLDER", &self.folder.path().display().to_string());
        std::fs::write(self.at("agents/echo/SOUL.md"), soul).unwrap();
    }

    pub(crate) async fn open(&self) -> Arc<Gateway> {
        open(self.folder.path(), &self.settings).await
    }

    /// The record, oldest first.
    pub(crate) fn record(&self) -> Vec<Record> {
        let query = Query { limit: 1000, ..Query::default() };
        let reader = Reader::open(&self.at("record.sqlite").into());
        reader.map(|reader| reader.query(&query).unwrap()).unwrap_or_default()
    }

    /// The content of a record.
    pub(crate) fn content(&self, seq: u64) -> serde_json::Value {
        bulkhead_tests::content(&self.at("record.sqlite"), seq)
    }

    /// Waits until the record has this line.
    pub(crate) async fn tells(&self, line: &str) {
        self.until(line, |story| story.iter().any(|told| told == line)).await;
    }

    /// Waits until the record tells `what`.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&[String]) -> bool) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while !holds(&self.story()) {
            assert!(
                tokio::time::Instant::now() < until,
                "the record never told that {what}: {:?}",
                self.story()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Kind, verb and what was decided or became of it, of every record from the run's beginning on.
    pub(crate) fn story(&self) -> Vec<String> {
        let said = |record: &Record| {
            let verb = record.action.as_ref().and_then(|action| action.verb);
            let end =
                record.status.map(vocab::Status::as_str).or(record.decision.map(vocab::Decision::as_str));
            let what = record.event.map(journal::Event::as_str).unwrap_or_default();
            let words = [verb.map(vocab::Verb::as_str), end, Some(what)];
            let words: Vec<&str> = words.into_iter().flatten().filter(|word| !word.is_empty()).collect();
            words.join(" ")
        };
        self.record().iter().skip_while(|record| record.turn.is_none()).map(said).collect()
    }
}

/// No log and nothing else beside the record.
struct NoTraces;

impl turn::Traces for NoTraces {
    fn forget(&self, _: Timestamp) -> Result<(), String> {
        Ok(())
    }
}

/// A gateway over what lies in `folder`.
pub(crate) async fn open(folder: &Path, settings: &Arc<Mutex<monitor::Config>>) -> Arc<Gateway> {
    opened(folder, settings).await.0
}

/// The same, with the journal that it writes.
pub(crate) async fn opened(folder: &Path, settings: &Arc<Mutex<monitor::Config>>) -> (Arc<Gateway>, Journal) {
    opened_at(folder, settings, Arc::default()).await
}

/// The same, by a clock of the test's.
pub(crate) async fn opened_at(
    folder: &Path,
    settings: &Arc<Mutex<monitor::Config>>,
    clock: Arc<Clock>,
) -> (Arc<Gateway>, Journal) {
    opened_with(folder, settings, clock, None).await
}

/// The same, with a chat.
pub(crate) async fn opened_with(
    folder: &Path,
    settings: &Arc<Mutex<monitor::Config>>,
    clock: Arc<Clock>,
    chat: Option<Channel>,
) -> (Arc<Gateway>, Journal) {
    let ambient: Arc<dyn Ambient> = clock;
    let spawner = Binary { path: bulkhead(), args: vec!["__spawner".into()] };
    let database = journal::Place::Sqlite(folder.join("record.sqlite"));
    let journal = Journal::open(journal::Config { place: database.clone() }, Arc::clone(&ambient)).unwrap();
    let parts = Parts {
        journal: journal.clone(),
        models: Models::new(models::Config {
            rehearsal_dir: folder.join("rehearsal"),
            ..models::Config::default()
        })
        .unwrap(),
        skills: Skills::new(skills::Config { board_dir: folder.join("board"), egress: Default::default() }),
        roster: Roster::new(&spawner).unwrap(),
        ambient,
        policies: Box::new(Given(Arc::clone(settings))),
        traces: Arc::new(NoTraces),
        chat,
    };
    let config = turn::Config {
        agents_dir: folder.join("agents"),
        removed_dir: folder.join("removed"),
        retention: turn::Retention::default(),
        database,
        approval_lifetime: Duration::from_secs(3600),
        thresholds: turn::Thresholds::default(),
        solo: None,
        reduced: false,
    };
    (Gateway::start(config, parts).await.unwrap(), journal)
}

/// A program for anna, without files.
pub(crate) fn program() -> Program {
    Program {
        person: person("anna", false),
        agent: echo(),
        command: "claude --print hello".into(),
        labels: Labels::public(),
        reach: None,
    }
}

/// A run of it.
pub(crate) async fn begin(gateway: &Arc<Gateway>) -> Run {
    gateway.begin_run(program()).await.unwrap()
}
