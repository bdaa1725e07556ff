//! A record that grows, in either database, and followers of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulkhead_tests::postgres::Cluster;
use bulkhead_tests::{PATIENCE, eventually, skipped};
use export::{Board, Follower, Origin, Parts, Standing, Target};
use journal::read::{Query, Reader, Record};
use journal::{Config, Draft, Entry, Facts, Journal, Kind, Place, PostgresConfig, postgres};
use secrets::Store;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vocab::{AgentName, Ambient, Digest, PersonId, Resource, Timestamp, Verb};

/// What a paused clock runs on by at once.
const STEP: Duration = Duration::from_millis(250);

/// A clock that stands, and random bytes that are all the same: nothing here depends on them.
struct Clock;

impl Ambient for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

/// The role that gateways sign in to a server as.
const ROLE: &str = "an_exporting_gateway";

/// Roles are the whole cluster's, and made once.
static MAKING: Mutex<()> = Mutex::new(());

/// A record on a server.
pub struct OnServer {
    cluster: &'static Cluster,
    database: String,
}

impl OnServer {
    /// A new one; why not, where there is no server.
    pub fn new() -> Result<Self, &'static str> {
        let cluster = Cluster::shared()?;
        let database = cluster.database();
        let owner = PostgresConfig::new(&cluster.url("postgres", &database)).unwrap();
        let init = || {
            let _alone = MAKING.lock().unwrap();
            postgres::init(&owner, "0123456789abcdef", &[ROLE.to_owned()], &[]).unwrap().record
        };
        // It waits for the server, which no thread of a runtime may.
        assert!(std::thread::scope(|scope| scope.spawn(init).join()).unwrap());
        Ok(Self { cluster, database })
    }

    /// Where it is for the gateway `name`.
    pub fn place(&self, name: &str) -> Place {
        let config = PostgresConfig::new(&self.cluster.url(ROLE, &self.database)).unwrap();
        config.with_gateway(name).unwrap().into()
    }
}

/// A record in a folder of its own.
pub struct Stage {
    folder: TempDir,
    place: Place,
    server: Option<OnServer>,
    pub journal: Journal,
}

/// A follower at work.
pub struct Following {
    board: Board,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Stage {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Sqlite(folder.path().join("journal.sqlite"));
        Self::at(folder, place)
    }

    /// One whose record is a file, and one whose record is on a server where that can be had.
    pub fn both(test: &str) -> Vec<Self> {
        let mut both = vec![Self::new()];
        match OnServer::new() {
            Ok(server) => {
                let stage = Self::of(server.place("gateway"));
                both.push(Self { server: Some(server), ..stage });
            }
            Err(why) => skipped(&format!("{test}, in part"), &format!("the same on PostgreSQL: {why}")),
        }
        both
    }

    /// One whose record is there.
    pub fn of(place: Place) -> Self {
        Self::at(tempfile::tempdir().unwrap(), place)
    }

    fn at(folder: TempDir, place: Place) -> Self {
        let journal = Journal::open(Config { place: place.clone() }, Arc::new(Clock)).unwrap();
        Self { folder, place, server: None, journal }
    }

    /// Writes `value` into the rows of state of `kind` past the journal, as whoever owns the database can.
    pub fn spoil(&self, kind: &str, value: &str) {
        match (&self.place, &self.server) {
            (Place::Sqlite(file), _) => {
                let database = rusqlite::Connection::open(file).unwrap();
                let changed = database.execute("UPDATE state SET value = ?2 WHERE kind = ?1", (kind, value));
                assert_ne!(changed.unwrap(), 0);
            }
            (_, Some(server)) => {
                let sql = format!(
                    "UPDATE bulkhead.state SET value = $v${value}$v$ WHERE kind = '{kind}' RETURNING 'changed'"
                );
                assert!(server.cluster.sql(&server.database, &sql).contains("changed"));
            }
            (_, None) => panic!("whose database it is has not been kept"),
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Closes the record and opens it again, as a gateway that is started anew does.
    pub async fn reopen(self) -> Self {
        let Self { folder, place, server, journal } = self;
        journal.close().await.unwrap();
        Self { server, ..Self::at(folder, place) }
    }

    /// Adds `count` records with paths that no form likes.
    pub async fn grow(&self, count: u64) {
        for number in 0..count {
            let mut draft = Draft::new(Kind::Verdict);
            draft.agent = AgentName::new("echo").ok();
            draft.person = PersonId::new("ann").ok();
            draft.verb = Some(Verb::FileRead);
            draft.resource =
                Some(Resource::Path(format!("/srv/{number}/=1|2\\\"]\n12 <9>1 x {}", "y".repeat(300))));
            draft.facts = Facts::new().with("number", number);
            let entry = Entry { subject: Digest::of(b"grow"), records: vec![draft], state: Vec::new() };
            drop(self.journal.append(entry).await.unwrap());
        }
    }

    /// Follows the record for an export of the settings.
    pub fn follow(&self, settings: &str) -> Following {
        let target: Target = toml::from_str(settings).unwrap();
        let board = Board::default();
        let follower = Follower::new(target, self.parts(), &board).unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(follower.run(stop.clone()));
        Following { board, stop, task }
    }

    /// The alerts in its record.
    pub async fn alerts(&self) -> Vec<Record> {
        self.journal.flush().await.unwrap();
        let query = Query { kind: Some(Kind::Alert), ..Query::default() };
        Reader::open(&self.place).unwrap().query(&query).unwrap()
    }

    /// Waits until there is an alert in its record.
    pub async fn until_told(&self) {
        let begun = std::time::Instant::now();
        while self.alerts().await.is_empty() {
            assert!(begun.elapsed() < PATIENCE, "nobody is ever told");
            tokio::time::sleep(STEP).await;
        }
    }

    /// Where its secrets are.
    pub fn secrets(&self) -> PathBuf {
        self.folder.path().join("secrets")
    }

    pub fn parts(&self) -> Parts {
        Parts {
            journal: self.journal.clone(),
            place: self.place.clone(),
            ambient: Arc::new(Clock),
            secrets: Store { folder: self.secrets(), ..Store::default() },
            origin: Origin { host: "gate".into(), version: "0.1.0".into() },
        }
    }
}

impl Following {
    pub fn standing(&self) -> Standing {
        self.board.standings().remove(0)
    }

    /// Waits until the receiver has taken the record `seq`.
    pub async fn until(&self, seq: u64) {
        let board = self.board.clone();
        let waited = move || {
            eventually(&format!("record {seq} is taken"), || board.standings()[0].taken >= seq);
        };
        tokio::task::spawn_blocking(waited).await.unwrap();
    }

    /// Waits until the follower stands so.
    pub async fn until_it(&self, what: &'static str, holds: fn(&Standing) -> bool) {
        let board = self.board.clone();
        tokio::task::spawn_blocking(move || eventually(what, || holds(&board.standings()[0]))).await.unwrap();
    }

    /// Lets a paused clock run on until the follower stands so.
    pub async fn let_pass_until(&self, what: &str, holds: fn(&Standing) -> bool) {
        let begun = std::time::Instant::now();
        while !holds(&self.standing()) {
            assert!(begun.elapsed() < PATIENCE, "it never came to be that {what}: {:?}", self.standing());
            tokio::time::advance(STEP).await;
            // The record is read and written on threads of their own, which no paused clock waits for.
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends it as a gateway that stops does.
    pub async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// Ends it as a crash does, without a last word.
    pub async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// The sequence numbers are all from 1 to `last`; each came for the first time after the one before it.
#[track_caller]
pub fn complete(seqs: &[u64], last: u64) {
    let mut newest = 0;
    for seq in seqs {
        assert!(*seq <= newest + 1, "{seq} came before {}: something is missing or out of order", newest + 1);
        newest = newest.max(*seq);
    }
    assert_eq!(newest, last, "the end is missing");
}
