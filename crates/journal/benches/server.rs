//! What an append to PostgreSQL costs beside the bare insert of as many bytes into the same server, each of them durable
//! when it is answered: ratios within one run on one disk.
//!
//! `cargo bench -p bulkhead-journal --bench server [-- FOLDER]`; the cluster is made in the folder, which decides the disk.

#[path = "../tests/support/postgres.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "the tests' cluster is a cluster for this too"
)]
mod cluster;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bulkhead_journal::{Change, Config, Draft, Entry, Ground, Journal, Kind, PostgresConfig, postgres};
use serde_json::json;
use vocab::{
    AgentName, Ambient, Decision, Digest, Labels, PersonId, ProposalId, Resource, SessionId, Timestamp,
    TurnId, Verb,
};

use self::cluster::Cluster;

type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Rounds that take turns, so that a busy moment of the machine meets all of them.
const ROUNDS: usize = 6;

/// Entries of one round, whatever the number of callers.
const ENTRIES: usize = 1_536;

/// Callers at once.
const CALLERS: [usize; 3] = [1, 8, 64];

/// The machine's clock would do; a counter takes its cost out of the figures.
struct Counter(AtomicU64);

impl Ambient for Counter {
    fn now(&self) -> Timestamp {
        let second = self.0.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_second(1_790_000_000 + i64::try_from(second % 1_000_000).unwrap_or(0))
            .unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn random(&self) -> [u8; 16] {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)).to_le_bytes()
    }
}

/// A proposal and its verdict, with a row of state, as the gateway records them.
fn entry(number: usize) -> Done<Entry> {
    let mut proposal = Draft::new(Kind::Proposal);
    proposal.session = Some(SessionId::new(&format!("s-{}", number % 32))?);
    proposal.turn = Some(TurnId::new(&format!("t-{number}"))?);
    proposal.proposal = Some(ProposalId::new(&format!("p-{number}"))?);
    proposal.agent = Some(AgentName::new(&format!("agent-{}", number % 4))?);
    proposal.person = Some(PersonId::new(&format!("person-{}", number % 8))?);
    proposal.verb = Some(Verb::FileRead);
    proposal.resource = Some(Resource::Path("/srv/docs/handbook/chapter-3.md".into()));
    let mut verdict = Draft { kind: Kind::Verdict, ..proposal.clone() };
    proposal.payload =
        json!({ "args": { "path": "/srv/docs/handbook/chapter-3.md", "why": "x".repeat(200) } });
    verdict.decision = Some(Decision::Permit);
    verdict.reasons =
        vec![Ground { layer: vocab::Layer::Policy, policy: "skill:file-reader:paths:/srv/docs".into() }];
    verdict.labels = Some(Labels::default());
    verdict.policy_version = Some(Digest::of(b"policies"));
    verdict.payload = json!({ "reasons": ["The agent's file-reader covers this folder."] });
    let session = format!("s-{}", number % 32);
    let row =
        Change::put("session", &session, &json!({ "turn": format!("t-{number}"), "state": "running" }))?;
    Ok(Entry {
        subject: Digest::of(&number.to_be_bytes()),
        records: vec![proposal, verdict],
        state: vec![row],
    })
}

/// What one way of writing took.
#[derive(Default)]
struct Taken {
    times: Vec<Duration>,
    whole: Duration,
}

impl Taken {
    fn middle(&mut self) -> f64 {
        self.times.sort_unstable();
        self.times.get(self.times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    }

    fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.times.len()).unwrap_or(u32::MAX)) / self.whole.as_secs_f64()
    }
}

/// A connection for each caller.
async fn connections(address: &str, count: usize) -> Done<Vec<Arc<tokio_postgres::Client>>> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let (client, connection) = tokio_postgres::connect(address, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        clients.push(Arc::new(client));
    }
    Ok(clients)
}

/// Inserts rows of so many bytes, one for each commit, from a connection for each caller.
async fn bare(clients: &[Arc<tokio_postgres::Client>], bytes: usize, taken: &mut Taken) -> Done<()> {
    let begun = Instant::now();
    let tasks: Vec<_> = clients
        .iter()
        .map(|client| {
            let (client, count) = (Arc::clone(client), ENTRIES / clients.len());
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
    for task in tasks {
        taken.times.extend(task.await??);
    }
    taken.whole += begun.elapsed();
    Ok(())
}

/// Appends from several callers at once.
async fn append(journal: &Journal, callers: usize, taken: &mut Taken) -> Done<()> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (journal, count) = (journal.clone(), ENTRIES / callers);
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(count);
                for number in 0..count {
                    let entry = entry(number * callers + caller)?;
                    let begun = Instant::now();
                    drop(journal.append(entry).await?);
                    times.push(begun.elapsed());
                }
                Done::Ok(times)
            })
        })
        .collect();
    for task in tasks {
        taken.times.extend(task.await??);
    }
    taken.whole += begun.elapsed();
    Ok(())
}

/// The bytes that an entry has in the database: bodies, hashes, contents, salts and its row of state.
fn bytes_of_an_entry(cluster: &Cluster, database: &str) -> Done<usize> {
    let sql = "SELECT (sum(octet_length(body) + octet_length(hash) + coalesce(octet_length(bytes) + octet_length(salt), 0)) \
         / count(*) * 2 + (SELECT avg(octet_length(value)) FROM bulkhead.state WHERE kind = 'session'))::bigint \
         FROM bulkhead.record LEFT JOIN bulkhead.payload USING (seq)";
    Ok(cluster.sql(database, sql).parse()?)
}

#[tokio::main]
async fn main() -> Done<()> {
    let parent = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let parent = parent.unwrap_or_else(|| "/tmp".to_owned());
    let cluster = match Cluster::start_in(Path::new(&parent), &[]) {
        Ok(cluster) => cluster,
        Err(why) => {
            println!("SKIPPED: {why}");
            return Ok(());
        }
    };
    let database = cluster.database();
    let administrator = cluster.url("postgres", &database);
    postgres::init(
        &PostgresConfig::new(&administrator)?,
        "0123456789abcdef",
        &["a_gateway".to_owned()],
        &[],
    )?;
    cluster.sql(&database, "CREATE TABLE bare (seq bigserial PRIMARY KEY, bytes bytea NOT NULL)");
    // Compressing what is all the same would make the bare row cheaper than it is.
    cluster.sql(&database, "ALTER TABLE bare ALTER bytes SET STORAGE EXTERNAL");
    let config = PostgresConfig::new(&cluster.url("a_gateway", &database))?;
    let journal = Journal::open(Config { place: config.into() }, Arc::new(Counter(AtomicU64::new(0))))?;
    append(&journal, 8, &mut Taken::default()).await?;
    let bytes = bytes_of_an_entry(&cluster, &database)?;
    println!("an entry: 2 records, 1 row of state, {bytes} bytes; fsync and synchronous_commit are on");
    for callers in CALLERS {
        let clients = connections(&administrator, callers).await?;
        let (mut rows, mut entries) = (Taken::default(), Taken::default());
        for _ in 0..ROUNDS {
            bare(&clients, bytes, &mut rows).await?;
            append(&journal, callers, &mut entries).await?;
        }
        let (row, entry) = (rows.middle(), entries.middle());
        println!(
            "{callers:>2} callers   bare p50 {row:6.0} us {:7.0}/s   append p50 {entry:6.0} us {:7.0}/s   {:.2} of the bare rate",
            rows.per_second(),
            entries.per_second(),
            entries.per_second() / rows.per_second()
        );
    }
    journal.close().await?;
    Ok(())
}
