//! A journal in a folder, people over it, and a clock that the test sets.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use journal::read::{Query, Reader};
use journal::{Journal, Place};
use people::{Came, Config, Cookie, Invite, Password, People, SignedIn};
use serde_json::Value;
use vocab::{Ambient, PersonId, Timestamp};

/// When the tests' clock begins.
const BEGIN: i64 = 1_800_000_000;

pub(crate) const GOOD: &str = "correct horse battery";
pub(crate) const BETTER: &str = "wrong donkey charger";

#[derive(Debug)]
pub(crate) struct Clock {
    second: AtomicI64,
    count: AtomicU64,
}

impl Ambient for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.second.load(Ordering::Relaxed)).unwrap()
    }

    fn random(&self) -> [u8; 16] {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&count.to_be_bytes());
        bytes
    }
}

pub(crate) struct Stage {
    folder: tempfile::TempDir,
    pub(crate) clock: Arc<Clock>,
    pub(crate) people: People,
    journal: Journal,
    config: Config,
}

pub(crate) fn ada() -> PersonId {
    PersonId::new("ada").unwrap()
}

pub(crate) fn bob() -> PersonId {
    PersonId::new("bob").unwrap()
}

pub(crate) fn here() -> Came {
    from("127.0.0.1")
}

pub(crate) fn from(peer: &str) -> Came {
    Came { peer: peer.parse::<IpAddr>().unwrap(), agent: "a test\x1b[2J of \u{202e}sign-ins".to_owned() }
}

pub(crate) fn pass(text: &str) -> Password {
    Password::new(text)
}

fn open(path: PathBuf, clock: &Arc<Clock>, config: &Config) -> (Journal, People) {
    let ambient: Arc<dyn Ambient> = clock.clone();
    let journal = Journal::open(journal::Config { place: Place::from(path) }, Arc::clone(&ambient)).unwrap();
    let people = People::open(journal.clone(), ambient, config.clone()).unwrap();
    (journal, people)
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Clock { second: AtomicI64::new(BEGIN), count: AtomicU64::new(1) });
        let (journal, people) = open(folder.path().join("journal.sqlite"), &clock, &config);
        Self { folder, clock, people, journal, config }
    }

    /// The same after the gateway was started again.
    pub(crate) fn again(self) -> Self {
        let Self { folder, clock, people, journal, config } = self;
        drop((people, journal));
        let (journal, people) = open(folder.path().join("journal.sqlite"), &clock, &config);
        Self { folder, clock, people, journal, config }
    }

    /// Nothing can be recorded from now on, until it is started again.
    pub(crate) async fn close(&self) {
        self.journal.clone().close().await.unwrap();
    }

    /// The same with an identity provider.
    pub(crate) fn by_provider(self, config: people::ProviderConfig, fetch: people::Fetch) -> Self {
        let people = self.people.with_provider(config, fetch).unwrap();
        Self { people, ..self }
    }

    /// The same after the gateway was started again with other settings.
    pub(crate) fn at(mut self, config: Config) -> Self {
        self.config = config;
        self.again()
    }

    /// Sets the clock so many seconds on, or back.
    pub(crate) fn later(&self, seconds: i64) {
        self.clock.second.fetch_add(seconds, Ordering::Relaxed);
    }

    /// A person's first sign-in, with [`GOOD`] for a password.
    pub(crate) async fn welcome(&self, person: &PersonId) -> SignedIn {
        let invite = self.invite(person).await;
        self.people.sign_in_by_code(&invite.code.expose(), pass(GOOD), &here(), |_| true).await.unwrap()
    }

    pub(crate) async fn invite(&self, person: &PersonId) -> Invite {
        self.people.invite(person, &ada()).await.unwrap()
    }

    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Result<SignedIn, people::No> {
        self.people.sign_in(name, name == "ada" || name == "bob", pass(password), &here()).await
    }

    pub(crate) async fn lives(&self, cookie: &Cookie) -> bool {
        self.people.session(cookie, &here()).await.is_ok()
    }

    /// The records of an event so far, each as JSON, from the first.
    pub(crate) async fn records(&self, event: &str) -> Vec<Value> {
        // An invitation is durable, and with it all before it.
        drop(self.people.invite(&PersonId::new("nobody").unwrap(), &ada()).await.unwrap());
        let place = Place::from(self.folder.path().join("journal.sqlite"));
        let reader = Reader::open(&place).unwrap();
        let event = journal::Event::from_name(event).unwrap();
        let query = Query { event: Some(event), limit: 1_000, ..Query::default() };
        let mut found: Vec<Value> = reader
            .query(&query)
            .unwrap()
            .iter()
            .map(|record| serde_json::to_value(record).unwrap())
            .collect();
        found.sort_by_key(|record| record["seq"].as_u64());
        found
    }

    /// Every byte of the database's files.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

/// Whether `needle` is among the bytes.
pub(crate) fn has(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|some| some == needle.as_bytes())
}
