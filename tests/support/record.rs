//! The record of a home, in SQLite or on a server, as whoever owns the machine gets at it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use journal::{Place, PostgresConfig};

use crate::home::Home;
use crate::postgres::Cluster;
use crate::{eventually, skipped};

/// Whoever makes a record on the shared cluster holds this meanwhile: its roles are the whole cluster's.
pub fn making() -> MutexGuard<'static, ()> {
    static MAKING: Mutex<()> = Mutex::new(());
    MAKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The role that gateways sign in as.
const ROLE: &str = "bulkhead_gw";

/// The role that content is erased as.
const ERASER: &str = "bulkhead_er";

/// Where each table of a record may hold words.
const WORDS: [(&str, &str); 6] = [
    ("record", "body"),
    ("block", "value"),
    ("checkpoint", "note"),
    ("payload", "bytes"),
    ("state", "key"),
    ("state", "value"),
];

/// A database on a server.
#[derive(Debug)]
pub struct OnServer {
    cluster: &'static Cluster,
    database: String,
}

impl OnServer {
    /// A new record for `home`, which the command itself makes and the settings name.
    ///
    /// # Errors
    /// Why there is no server.
    ///
    /// # Panics
    /// When the command refuses.
    pub fn of(home: &Home) -> Result<Self, &'static str> {
        let cluster = Cluster::shared()?;
        let database = cluster.database();
        let administrator = cluster.url("postgres", &database);
        let _alone = making();
        home.run(&["record", "init", "--as", &administrator, "--gateway", ROLE, "--eraser", ERASER]).done();
        let address = cluster.url(ROLE, &database);
        home.add(&format!("[record]\ndatabase = \"{address}\"\neraser = \"{ERASER}\""));
        Ok(Self { cluster, database })
    }

    /// The same record for another home, whose gateway is another of it.
    fn beside(&self, home: &Home) -> Self {
        let address = self.cluster.url(ROLE, &self.database);
        home.add(&format!("[record]\ndatabase = \"{address}\"\neraser = \"{ERASER}\""));
        Self { cluster: self.cluster, database: self.database.clone() }
    }

    /// Where it is for the gateway `name`.
    pub(crate) fn place(&self, name: &str) -> Place {
        let config = PostgresConfig::new(&self.cluster.url(ROLE, &self.database)).unwrap();
        config.with_gateway(name).unwrap().with_eraser(ERASER, None).into()
    }

    /// Does what only its owner can.
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.cluster.sql(&self.database, sql)
    }

    /// The tables in which a word stands.
    pub(crate) fn with(&self, word: &str) -> Vec<String> {
        let there = |(table, column): &(&str, &str)| {
            let text = if *column == "bytes" { "convert_from(bytes, 'UTF8')" } else { column };
            let sql =
                format!("SELECT EXISTS (SELECT FROM bulkhead.{table} WHERE strpos({text}, '{word}') > 0)");
            (self.sql(&sql) == "t").then(|| format!("the server's table {table}"))
        };
        WORDS.iter().filter_map(there).collect()
    }
}

/// A table of a server that nobody else gets at until this is dropped.
#[derive(Debug)]
pub struct Locked {
    cluster: &'static Cluster,
    database: String,
    table: String,
    holder: Option<JoinHandle<()>>,
}

/// How what holds a table begins.
const LOCKS: &str = "BEGIN; LOCK TABLE";

impl Locked {
    fn new(server: &OnServer, table: &str) -> Self {
        let (cluster, database) = (server.cluster, server.database.clone());
        let sql = format!("{LOCKS} {table}; SELECT pg_sleep(86400)");
        let at = database.clone();
        let holder = thread::spawn(move || drop(cluster.try_sql("postgres", &at, &sql)));
        let locked = Self { cluster, database, table: table.to_owned(), holder: Some(holder) };
        eventually("the table is held", || locked.count("granted AND mode = 'AccessExclusiveLock'") == 1);
        locked
    }

    /// How many wait for it.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.count("NOT granted")
    }

    fn count(&self, which: &str) -> usize {
        let sql =
            format!("SELECT count(*) FROM pg_locks WHERE relation = '{}'::regclass AND {which}", self.table);
        self.cluster.sql(&self.database, &sql).parse().unwrap()
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '{LOCKS}%'"
        );
        drop(self.cluster.try_sql("postgres", &self.database, &sql));
        drop(self.holder.take().map(JoinHandle::join));
    }
}

impl Home {
    /// Keeps everybody from a table of the server that the record is on; none where it is not on one.
    #[must_use]
    pub fn lock(&self, table: &str) -> Option<Locked> {
        self.server.as_ref().map(|server| Locked::new(server, table))
    }

    /// A home whose record is in SQLite, and one whose record is on a server where that can be had, none of them started.
    #[must_use]
    pub fn both(test: &str) -> Vec<Self> {
        Self::both_made(test, &[])
    }

    /// The same, made with further arguments of `init`.
    #[must_use]
    pub fn both_made(test: &str, args: &[&str]) -> Vec<Self> {
        let mut other = Self::made(args);
        match OnServer::of(&other) {
            Ok(server) => other.server = Some(server),
            Err(why) => {
                skipped(&format!("{test}, in part"), &format!("the same on PostgreSQL: {why}"));
                return vec![Self::made(args)];
            }
        }
        vec![Self::made(args), other]
    }

    /// The same, playing this scenario with their gateways running.
    #[must_use]
    pub fn both_playing(test: &str, scene: &str) -> Vec<Self> {
        let homes = Self::both(test);
        for home in &homes {
            home.scene(scene);
            home.start();
        }
        homes
    }

    /// Another home over the record of this one, which is on a server and has been started; none where it is not on one.
    ///
    /// # Panics
    /// When the record's key cannot be copied.
    #[must_use]
    pub fn beside(&self) -> Option<Self> {
        let server = self.server.as_ref()?;
        let mut other = Self::new();
        other.server = Some(server.beside(&other));
        std::fs::create_dir_all(other.at("keys")).unwrap();
        std::fs::copy(self.at("keys/record.key"), other.at("keys/record.key")).unwrap();
        Some(other)
    }

    /// Where its record is.
    ///
    /// # Panics
    /// When the gateway has never been started, where that gives it its name.
    #[must_use]
    pub fn place(&self) -> Place {
        match &self.server {
            None => Place::Sqlite(self.at("data/journal.sqlite")),
            Some(server) => server.place(&self.name()),
        }
    }

    /// What its gateway is called among those of a record.
    fn name(&self) -> String {
        std::fs::read_to_string(self.at("data/gateway.name")).unwrap().trim().to_owned()
    }

    /// Leaves a row of state as a gateway leaves it that is not running now.
    ///
    /// # Panics
    /// When the database does not take it.
    pub fn leave(&self, kind: &str, key: &str, value: &serde_json::Value) {
        let value = value.to_string().replace('\'', "''");
        match &self.server {
            None => {
                let database = rusqlite::Connection::open(self.at("data/journal.sqlite")).unwrap();
                let sql =
                    format!("REPLACE INTO state (kind, key, value) VALUES ('{kind}', '{key}', '{value}')");
                database.execute(&sql, []).unwrap();
            }
            Some(server) => {
                let name = self.name();
                server.sql(&format!(
                    "INSERT INTO bulkhead.state (gateway, kind, key, value) VALUES ('{name}', '{kind}', '{key}', '{value}') \
                     ON CONFLICT (gateway, kind, key) DO UPDATE SET value = excluded.value"
                ));
            }
        }
    }

    /// The rows of state of a kind, as its gateways left them.
    ///
    /// # Panics
    /// When the database does not say.
    #[must_use]
    pub fn left(&self, kind: &str) -> Vec<serde_json::Value> {
        let row = |text: &str| serde_json::from_str(text).unwrap();
        match &self.server {
            None => {
                let database = rusqlite::Connection::open(self.at("data/journal.sqlite")).unwrap();
                let mut rows = database.prepare("SELECT value FROM state WHERE kind = ?1").unwrap();
                let rows = rows.query_map([kind], |row| row.get::<_, String>(0)).unwrap();
                rows.map(|text| row(&text.unwrap())).collect()
            }
            Some(server) => {
                let sql = format!("SELECT value FROM bulkhead.state WHERE kind = '{kind}'");
                server.sql(&sql).lines().map(row).collect()
            }
        }
    }

    /// Takes a row of state away, as one that was never there.
    ///
    /// # Panics
    /// When the database does not let it go.
    pub fn take(&self, kind: &str, key: &str) {
        match &self.server {
            None => {
                let database = rusqlite::Connection::open(self.at("data/journal.sqlite")).unwrap();
                let sql = format!("DELETE FROM state WHERE kind = '{kind}' AND key = '{key}'");
                assert_eq!(database.execute(&sql, []).unwrap(), 1);
            }
            Some(server) => {
                server.sql(&format!("DELETE FROM bulkhead.state WHERE kind = '{kind}' AND key = '{key}'"));
            }
        }
    }

    /// Whether its record is on a server.
    #[must_use]
    pub fn is_on_server(&self) -> bool {
        self.server.is_some()
    }

    /// The tables of its server in which a word stands; none where its record is a file of the home.
    #[must_use]
    pub fn on_server(&self, word: &str) -> Vec<String> {
        self.server.as_ref().map(|server| server.with(word)).unwrap_or_default()
    }
}
