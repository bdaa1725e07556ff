//! What an append costs beside the least that it could cost: ratios within one run on one disk.
//!
//! `cargo bench -p bulkhead-journal --bench append [-- FOLDER]`; the folder decides the disk.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bulkhead_journal::{Change, Config, Draft, Entry, Ground, Journal, Kind};
use serde_json::json;
use vocab::{
    AgentName, Ambient, Decision, Digest, Labels, PersonId, ProposalId, Resource, SessionId, Timestamp,
    TurnId, Verb,
};

type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Rounds that take turns, so that a busy moment of the machine meets all of them.
const ROUNDS: usize = 6;

/// Operations of one caller in one round.
const OPERATIONS: usize = 400;

/// Callers at once.
const CALLERS: usize = 32;

/// The bytes that one entry has: two bodies and their contents, about.
const ENTRY_BYTES: usize = 1900;

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

fn bare(folder: &Path, times: &mut Vec<Duration>) -> Done<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join("bare"))?;
    let bytes = vec![b'x'; ENTRY_BYTES];
    for _ in 0..OPERATIONS {
        let begun = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    Ok(())
}

fn sqlite(folder: &Path, times: &mut Vec<Duration>) -> Done<()> {
    let conn = rusqlite::Connection::open(folder.join("rows.sqlite"))?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.execute_batch("CREATE TABLE IF NOT EXISTS row (seq INTEGER PRIMARY KEY, bytes BLOB)")?;
    let bytes = vec![b'x'; ENTRY_BYTES];
    let mut insert = conn.prepare("INSERT INTO row (bytes) VALUES (?1)")?;
    for _ in 0..OPERATIONS {
        let begun = Instant::now();
        insert.execute([&bytes])?;
        times.push(begun.elapsed());
    }
    Ok(())
}

/// Appends from several callers at once; gives the time of each and of all.
async fn append(journal: &Journal, callers: usize, times: &mut Vec<Duration>) -> Done<Duration> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let journal = journal.clone();
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(OPERATIONS);
                for number in 0..OPERATIONS {
                    let entry = entry(number * CALLERS + caller)?;
                    let begun = Instant::now();
                    drop(journal.append(entry).await?);
                    times.push(begun.elapsed());
                }
                Done::Ok(times)
            })
        })
        .collect();
    for task in tasks {
        times.extend(task.await??);
    }
    Ok(begun.elapsed())
}

fn middle(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

fn per_second(operations: usize, time: Duration) -> f64 {
    f64::from(u32::try_from(operations).unwrap_or(u32::MAX)) / time.as_secs_f64()
}

#[tokio::main]
async fn main() -> Done<()> {
    let parent = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let folder = match parent {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    let config = Config { place: folder.path().join("journal.sqlite").into() };
    let begun = Instant::now();
    let journal = Journal::open(config.clone(), Arc::new(Counter(AtomicU64::new(0))))?;
    println!("a new journal opens in {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
    let (mut plain, mut row, mut one, mut many) = (vec![], vec![], vec![], vec![]);
    let mut many_time = Duration::ZERO;
    for _ in 0..ROUNDS {
        bare(folder.path(), &mut plain)?;
        sqlite(folder.path(), &mut row)?;
        append(&journal, 1, &mut one).await?;
        many_time += append(&journal, CALLERS, &mut many).await?;
    }
    let row_time: Duration = row.iter().sum();
    let (rows, appends) = (per_second(row.len(), row_time), per_second(many.len(), many_time));
    let (plain, row, one, many) = (middle(&mut plain), middle(&mut row), middle(&mut one), middle(&mut many));
    println!("append + fdatasync of {ENTRY_BYTES} bytes     p50 {plain:6.0} us   1.00");
    println!("one row, SQLite, FULL              p50 {row:6.0} us   {:.2}", row / plain);
    println!("journal, 1 caller, 2 records       p50 {one:6.0} us   {:.2}", one / plain);
    println!("journal, {CALLERS} callers                p50 {many:6.0} us   {:.2}", many / plain);
    println!(
        "single rows a second {rows:8.0}   appends a second at {CALLERS} {appends:8.0}   {:.2}",
        appends / rows
    );
    let records = journal.head().records;
    journal.close().await?;
    let begun = Instant::now();
    drop(Journal::open(config, Arc::new(Counter(AtomicU64::new(0))))?);
    println!("one of {records} opens and closes in {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
    Ok(())
}
