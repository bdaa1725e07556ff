//! A PostgreSQL server of the benchmark's own with an empty record, and bare rows beside it.

#[path = "../../tests/support/postgres.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "the tests' cluster is a cluster for this too"
)]
mod cluster;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulkhead_journal::{PostgresConfig, postgres};

use self::cluster::Cluster;
use crate::common::Done;

/// The bytes that a record must hold: bodies, hashes, contents and salts.
pub(crate) const HELD: &str = "SELECT coalesce((SELECT sum(octet_length(body) + octet_length(hash)) FROM bulkhead.record), 0) \
     + coalesce((SELECT sum(octet_length(bytes) + octet_length(salt)) FROM bulkhead.payload), 0)";

/// The role that the record is written as.
const ROLE: &str = "a_gateway";

/// The server, with a database that has a record and a table of bare rows.
pub(crate) struct Server {
    pub(crate) cluster: Cluster,
    pub(crate) database: String,
}

impl Server {
    /// A new one in a folder of `parent`, which decides the disk.
    pub(crate) fn start(parent: &Path) -> Result<Self, String> {
        let cluster = Cluster::start_in(parent, &[])?;
        let database = make_record(&cluster).map_err(|error| error.to_string())?;
        let server = Self { cluster, database };
        server.sql("CREATE TABLE bare (seq bigserial PRIMARY KEY, bytes bytea NOT NULL)");
        // Compressing what is all the same would make the bare row cheaper than it is.
        server.sql("ALTER TABLE bare ALTER bytes SET STORAGE EXTERNAL");
        Ok(server)
    }

    /// The record as the gateway reaches it.
    pub(crate) fn record(&self) -> Done<PostgresConfig> {
        Ok(PostgresConfig::new(&self.cluster.url(ROLE, &self.database))?)
    }

    /// What `psql` says to `sql` in the record's database.
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.cluster.sql(&self.database, sql)
    }

    /// A connection for each caller.
    pub(crate) async fn connections(&self, count: usize) -> Done<Vec<Arc<tokio_postgres::Client>>> {
        let address = self.cluster.url("postgres", &self.database);
        let mut clients = Vec::new();
        for _ in 0..count {
            let (client, connection) = tokio_postgres::connect(&address, tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            clients.push(Arc::new(client));
        }
        Ok(clients)
    }
}

/// Inserts `rows` rows of so many bytes, one for each commit, from a connection for each caller. Gives the time of each and
/// of all.
pub(crate) async fn bare(
    clients: &[Arc<tokio_postgres::Client>],
    rows: usize,
    bytes: usize,
) -> Done<(Vec<Duration>, Duration)> {
    let begun = Instant::now();
    let tasks: Vec<_> = clients
        .iter()
        .map(|client| {
            let (client, count) = (Arc::clone(client), rows / clients.len());
            tokio::spawn(async move {
                let insert = client.prepare("INSERT INTO bare (bytes) VALUES ($1)").await?;
                let bytes = vec![b'x'; bytes];
                let mut times = Vec::with_capacity(count);
                for _ in 0..count {
                    let begun = Instant::now();
                    client.execute(&insert, &[&bytes]).await?;
                    times.push(begun.elapsed());
                }
                Done::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::with_capacity(rows);
    for task in tasks {
        times.extend(task.await??);
    }
    Ok((times, begun.elapsed()))
}

/// A database with an empty record; its name.
pub(crate) fn make_record(cluster: &Cluster) -> Done<String> {
    let database = cluster.database();
    let administrator = PostgresConfig::new(&cluster.url("postgres", &database))?;
    postgres::init(&administrator, "0123456789abcdef", &[ROLE.to_owned()], &[])?;
    Ok(database)
}
