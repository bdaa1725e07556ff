//! A record in either database: what a test says of it holds for both.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bulkhead_journal::{Config, Journal, Place, PostgresConfig, postgres};
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::common::{Clock, NOON, copy, database, open_with};

/// The database that a record is kept in, for as long as this lives.
pub(crate) enum Kept {
    Sqlite(TempDir),
    Postgres { cluster: &'static Cluster, database: String },
}

/// The role that gateways sign in as here.
pub(crate) const ROLE: &str = "a_gateway";

/// The role that content is erased as.
pub(crate) const ERASER: &str = "an_eraser";

/// Roles are the whole cluster's, and made once.
static MAKING: Mutex<()> = Mutex::new(());

/// Every byte of every file beside the database at `path`.
fn bytes(path: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(path.parent().unwrap()).unwrap();
    files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

/// Which messages have their words in this.
pub(crate) fn spoken_in(text: &str) -> BTreeSet<u64> {
    let numbers = text.split("the words of message ").skip(1);
    numbers.filter_map(|rest| rest.split_once('"')?.0.parse().ok()).collect()
}

/// Which messages have their words somewhere in the files beside the database at `path`.
pub(crate) fn spoken(path: &Path) -> BTreeSet<u64> {
    spoken_in(&String::from_utf8_lossy(&bytes(path)))
}

/// Everything in a server's database that words may stand in.
const TEXTS: &str = "SELECT convert_from(bytes, 'UTF8') FROM bulkhead.payload UNION ALL \
     SELECT body FROM bulkhead.record UNION ALL SELECT key || value FROM bulkhead.state";

impl Kept {
    /// One in SQLite, and one in PostgreSQL where that can be had.
    pub(crate) fn both() -> Vec<Self> {
        let mut both = vec![Self::sqlite()];
        match Cluster::shared() {
            Ok(cluster) => both.push(Self::in_cluster(cluster)),
            Err(why) => eprintln!("SKIPPED in part: the same on PostgreSQL: {why}"),
        }
        both
    }

    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// One in PostgreSQL; without that, says so loudly.
    pub(crate) fn postgres() -> Option<Self> {
        match Cluster::shared() {
            Ok(cluster) => Some(Self::in_cluster(cluster)),
            Err(why) => {
                eprintln!("SKIPPED: {why}");
                None
            }
        }
    }

    /// An empty record in a database of its own.
    pub(crate) fn in_cluster(cluster: &'static Cluster) -> Self {
        let kept = Self::Postgres { cluster, database: cluster.database() };
        let Self::Postgres { database, .. } = &kept else { return kept };
        let _alone = MAKING.lock().unwrap();
        let owner = PostgresConfig::new(&cluster.url("postgres", database)).unwrap();
        let made = postgres::init(&owner, "0123456789abcdef", &[ROLE.to_owned()], &[ERASER.to_owned()]);
        assert!(made.unwrap().record);
        kept
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Whether there is a record, which a gateway makes for itself in a file.
    pub(crate) fn is_there(&self) -> bool {
        match self {
            Self::Sqlite(folder) => database(folder.path()).exists(),
            Self::Postgres { .. } => true,
        }
    }

    pub(crate) fn place(&self) -> Place {
        self.place_of("gateway")
    }

    /// The address of a server's database, as gateways sign in there.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Sqlite(_) => panic!("a file has no address"),
            Self::Postgres { cluster, database } => cluster.url(ROLE, database),
        }
    }

    /// The record as the gateway of this name has it.
    pub(crate) fn place_of(&self, gateway: &str) -> Place {
        match self {
            Self::Sqlite(folder) => database(folder.path()).into(),
            Self::Postgres { cluster, database } => {
                let config = PostgresConfig::new(&cluster.url(ROLE, database)).unwrap();
                config.with_gateway(gateway).unwrap().with_eraser(ERASER, None).into()
            }
        }
    }

    pub(crate) fn config(&self) -> Config {
        Config { place: self.place() }
    }

    pub(crate) fn open(&self) -> Journal {
        self.open_at(Clock::at(NOON))
    }

    pub(crate) fn open_at(&self, clock: Arc<Clock>) -> Journal {
        open_with(&self.config(), &clock)
    }

    /// Bytes in the words of either.
    pub(crate) fn blob(&self, bytes: &[u8]) -> String {
        let hex = data_encoding::HEXLOWER.encode(bytes);
        if self.is_sqlite() { format!("x'{hex}'") } else { format!("'\\x{hex}'") }
    }

    /// Another with the same in it; nothing may be writing this one.
    pub(crate) fn copy(&self) -> Self {
        match self {
            Self::Sqlite(folder) => {
                let other = tempfile::tempdir().unwrap();
                let copied = copy(&database(folder.path()), folder.path());
                for suffix in ["", "-wal"] {
                    let from = format!("{}{suffix}", copied.display());
                    if Path::new(&from).exists() {
                        let to = format!("{}{suffix}", database(other.path()).display());
                        std::fs::copy(from, to).unwrap();
                    }
                }
                Self::Sqlite(other)
            }
            Self::Postgres { cluster, database } => {
                Self::Postgres { cluster, database: cluster.copy(database) }
            }
        }
    }

    /// Does to the database what only somebody can who owns it. `ZEROS` are 32 bytes that are none, `EMPTY` is `{}` as
    /// bytes, `NO_BYTES` none at all, in the words of either.
    pub(crate) fn tamper(&self, sql: &str) {
        match self {
            Self::Sqlite(folder) => {
                let sql = sql.replace("ZEROS", "zeroblob(32)").replace("EMPTY", "x'7b7d'");
                let sql = sql.replace("NO_BYTES", "x''");
                let conn = rusqlite::Connection::open(database(folder.path())).unwrap();
                conn.execute_batch(&sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
            }
            Self::Postgres { cluster, database } => {
                let zeros = "decode(repeat('00', 32), 'hex')";
                let sql = sql.replace("ZEROS", zeros).replace("EMPTY", "'\\x7b7d'::bytea");
                let sql = sql.replace("NO_BYTES", "''::bytea");
                cluster.sql(database, &format!("SET search_path = bulkhead; {sql}"));
            }
        }
    }

    /// Every record's number and body, in order.
    pub(crate) fn bodies(&self) -> Vec<(u64, String)> {
        match self {
            Self::Sqlite(folder) => {
                let conn = rusqlite::Connection::open(database(folder.path())).unwrap();
                let mut rows = conn.prepare("SELECT seq, body FROM record ORDER BY seq").unwrap();
                let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
                rows.map(Result::unwrap).collect()
            }
            Self::Postgres { cluster, database } => {
                let sql = "SELECT seq, body FROM bulkhead.record ORDER BY seq";
                let text = cluster.sql(database, sql);
                let pair = |line: &str| {
                    let (seq, body) = line.split_once('|').unwrap();
                    (seq.parse().unwrap(), body.to_owned())
                };
                text.lines().map(pair).collect()
            }
        }
    }

    /// A column of a row, byte for byte.
    pub(crate) fn bytes_of(&self, table: &str, column: &str, seq: u64) -> Vec<u8> {
        let hex = match self {
            Self::Sqlite(folder) => {
                let conn = rusqlite::Connection::open(database(folder.path())).unwrap();
                let sql = format!("SELECT lower(hex({column})) FROM {table} WHERE seq = ?1");
                conn.query_row(&sql, [seq], |row| row.get(0)).unwrap()
            }
            Self::Postgres { cluster, database } => {
                let bytes = if column == "body" { "convert_to(body, 'UTF8')" } else { column };
                let sql = format!("SELECT encode({bytes}, 'hex') FROM bulkhead.{table} WHERE seq = {seq}");
                cluster.sql(database, &sql)
            }
        };
        data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap()
    }

    /// The bodies of a database that may have been changed beyond reading.
    pub(crate) fn bodies_if_any(&self) -> Option<Vec<(u64, String)>> {
        let Self::Sqlite(folder) = self else { return Some(self.bodies()) };
        let conn = rusqlite::Connection::open(database(folder.path())).unwrap();
        let mut rows = conn.prepare("SELECT seq, body FROM record ORDER BY seq").ok()?;
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        Some(rows.map(Result::unwrap).collect())
    }

    /// Which messages have their words somewhere: in the files of a file's, in the tables of a server's.
    pub(crate) fn spoken(&self) -> BTreeSet<u64> {
        match self {
            Self::Sqlite(folder) => spoken(&database(folder.path())),
            Self::Postgres { cluster, database } => spoken_in(&cluster.sql(database, TEXTS)),
        }
    }

    /// Puts another body and hash in the place of a record's.
    pub(crate) fn replace(&self, seq: u64, body: &str, hash: &[u8]) {
        let hash = self.blob(hash);
        let body = body.replace('\'', "''");
        self.tamper(&format!("UPDATE record SET body = '{body}', hash = {hash} WHERE seq = {seq}"));
    }
}
