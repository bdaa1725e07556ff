//! A long record: what an append, a proof and a verification cost when there are many records, and what they take on disk.
//!
//! `cargo bench -p bulkhead-journal --bench scale [-- FOLDER [RECORDS [bare]]]`; the folder decides the disk, a million records
//! are the custom, `bare` ones are the smallest that there can be.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bulkhead_journal::checkpoint::Sealed;
use bulkhead_journal::read::Reader;
use bulkhead_journal::verify::verify;
use bulkhead_journal::{Config, Draft, Entry, Journal, Kind, Notary, NotaryConfig};
use rusqlite::Connection;
use serde_json::json;
use vocab::{AgentName, Ambient, Digest, PersonId, SessionId, Timestamp, TurnId};

type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Records, when the command says nothing.
const RECORDS: u64 = 1_000_000;

/// Records in one entry while the record is grown.
const ENTRY_RECORDS: u64 = 250;

/// Appends that are timed at each size, and proofs.
const OPERATIONS: usize = 1_000;

/// Rounds that take turns, and the operations of all callers together in one of them.
const ROUNDS: usize = 5;
const ROUND_OPERATIONS: usize = 1_600;

/// How long the disk is left alone after the record has been grown.
const SETTLING: Duration = Duration::from_secs(5);

/// Tells the benchmark that it is to verify and say what that took.
const VERIFY: &str = "verify-only";

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

fn ambient() -> Arc<Counter> {
    Arc::new(Counter(AtomicU64::new(0)))
}

/// A message with its words; a bare one has nothing but its agent.
fn message(number: u64, bare: bool) -> Done<Draft> {
    let mut draft = Draft::new(Kind::Message);
    draft.agent = Some(AgentName::new(&format!("agent-{}", number / 40 % 4))?);
    if bare {
        return Ok(draft);
    }
    draft.session = Some(SessionId::new(&format!("s-{}", number / 40 % 1_000))?);
    draft.turn = Some(TurnId::new(&format!("t-{number}"))?);
    draft.person = Some(PersonId::new(&format!("person-{}", number / 40 % 8))?);
    draft.payload = json!({ "text": format!("The words of message {number}, which are not many.") });
    Ok(draft)
}

fn entry(records: Vec<Draft>) -> Entry {
    Entry { subject: Digest::of(b"x"), records, state: vec![] }
}

async fn grow(journal: &Journal, to: u64, bare: bool) -> Done<()> {
    while journal.head().records < to {
        let from = journal.head().records;
        for entry_number in 0..(to - from).div_ceil(ENTRY_RECORDS).min(64) {
            let first = from + entry_number * ENTRY_RECORDS;
            let records = (first..first + ENTRY_RECORDS)
                .map(|number| message(number, bare))
                .collect::<Done<Vec<_>>>()?;
            journal.follow(entry(records)).await?;
        }
        journal.flush().await?;
    }
    Ok(())
}

fn middle(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

async fn appends(journal: &Journal, times: &mut Vec<Duration>) -> Done<()> {
    for number in 0..OPERATIONS {
        let entry = entry(vec![message(number as u64, false)?]);
        let begun = Instant::now();
        drop(journal.append(entry).await?);
        times.push(begun.elapsed());
    }
    Ok(())
}

/// What an append to a short record and to a long one takes, in turns.
async fn short_and_long(short: &Journal, long: &Journal) -> Done<()> {
    // What growing has left to be written has nothing to do with what an append costs.
    rustix::fs::sync();
    tokio::time::sleep(SETTLING).await;
    let (mut few, mut many) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        appends(short, &mut few).await?;
        appends(long, &mut many).await?;
    }
    let (few, many) = (middle(&mut few), middle(&mut many));
    let (short, long) = (short.head().records, long.head().records);
    println!(
        "append p50: {few:.0} us at up to {short} records, {many:.0} us at {long}: {:.2} times (target 1.2)",
        many / few
    );
    Ok(())
}

/// One round of appends by so many callers at once; how long all of them took.
async fn round(journal: &Journal, callers: usize) -> Done<Duration> {
    let begun = Instant::now();
    let caller = |caller: usize| {
        let journal = journal.clone();
        tokio::spawn(async move {
            for number in 0..ROUND_OPERATIONS / callers {
                drop(journal.append(entry(vec![message((number * callers + caller) as u64, false)?])).await?);
            }
            Done::Ok(())
        })
    };
    for task in (0..callers).map(caller).collect::<Vec<_>>() {
        task.await??;
    }
    Ok(begun.elapsed())
}

/// The same number of rows with `bytes` each into a database of its own, one transaction for each, by as many callers.
fn bare_round(folder: &Path, callers: usize, bytes: usize) -> Done<Duration> {
    let conn = Connection::open(folder.join("bare.sqlite"))?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.execute_batch("CREATE TABLE IF NOT EXISTS row (seq INTEGER PRIMARY KEY, bytes BLOB)")?;
    let (conn, bytes) = (Mutex::new(conn), vec![b'x'; bytes]);
    let begun = Instant::now();
    let insert = || -> rusqlite::Result<()> {
        for _ in 0..ROUND_OPERATIONS / callers {
            let conn = conn.lock().unwrap_or_else(PoisonError::into_inner);
            conn.prepare_cached("INSERT INTO row (bytes) VALUES (?1)")?.execute([&bytes])?;
        }
        Ok(())
    };
    std::thread::scope(|scope| -> Done<()> {
        let threads: Vec<_> = (0..callers).map(|_| scope.spawn(insert)).collect();
        for thread in threads {
            thread.join().map_err(|_| "a thread panicked")??;
        }
        Ok(())
    })?;
    Ok(begun.elapsed())
}

async fn callers(folder: &Path, journal: &Journal, bytes: usize) -> Done<()> {
    println!("callers   bare inserts/s   durable appends/s   ratio (target 0.8)");
    for callers in [1, 8, 64] {
        let (mut bare, mut own) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..ROUNDS {
            bare += bare_round(folder, callers, bytes)?;
            own += round(journal, callers).await?;
        }
        let count = f64::from(u32::try_from(ROUNDS * ROUND_OPERATIONS)?);
        let (bare, own) = (count / bare.as_secs_f64(), count / own.as_secs_f64());
        println!("{callers:>7} {bare:>16.0} {own:>19.0} {:>7.2}", own / bare);
    }
    Ok(())
}

fn proofs(place: &bulkhead_journal::Place, sealed: &Sealed) -> Done<()> {
    let reader = Reader::open(place)?;
    let size = sealed.tree().size;
    let mut times = Vec::with_capacity(OPERATIONS);
    let mut seq = 1;
    for _ in 0..OPERATIONS {
        // A step that is prime to every size here, so that the places are spread.
        seq = (seq + 7_919_017) % size;
        let begun = Instant::now();
        std::hint::black_box(reader.inclusion(seq + 1, sealed)?);
        times.push(begun.elapsed());
    }
    let p50 = middle(&mut times);
    let most = times.last().map_or(0.0, |time| time.as_secs_f64() * 1e3);
    println!(
        "proof of inclusion: p50 {:.2} ms, the longest of {OPERATIONS} {most:.2} ms (target 5)",
        p50 / 1e3
    );
    Ok(())
}

/// Verifies in a process of its own, which says what that took.
fn verified(path: &Path) -> Done<()> {
    let said = Command::new(std::env::current_exe()?).arg(VERIFY).arg(path).output()?;
    print!("{}", String::from_utf8_lossy(&said.stdout));
    if said.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&said.stderr).into_owned().into())
    }
}

fn verify_only(path: &Path) -> Done<()> {
    let begun = Instant::now();
    let report = verify(&path.into(), None)?;
    let took = begun.elapsed();
    if !report.ok {
        return Err(format!("{:?}", report.first_bad).into());
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0)
    };
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let times: Vec<f64> = stat.split(' ').skip(13).take(2).filter_map(|ticks| ticks.parse().ok()).collect();
    // The kernel counts in hundredths of a second.
    let cpu = times.iter().sum::<f64>() / 100.0;
    let records = f64::from(u32::try_from(report.records)?);
    println!(
        "verify: {records} records in {:.1} s, {:.0} a second; {cpu:.1} s of processor, {:.0} a second and core (target 200,000); {:.0} MB at most (target 100)",
        took.as_secs_f64(),
        records / took.as_secs_f64(),
        records / cpu,
        field("VmHWM:") / 1024.0
    );
    Ok(())
}

/// What the journal takes on disk beside what it must hold: body, hash, content and salt of each record.
fn size(path: &Path) -> Done<f64> {
    let conn = Connection::open(path)?;
    conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    let sum = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, f64>(0));
    let count = sum("SELECT count(*) + 0.0 FROM record")?;
    let held = sum("SELECT total(octet_length(body) + octet_length(hash)) FROM record")?
        + sum("SELECT total(octet_length(bytes) + octet_length(salt)) FROM payload")?;
    let disk = std::fs::metadata(path)?.len();
    let disk = f64::from(u32::try_from(disk / 1024)?) * 1024.0;
    println!(
        "on disk: {:.0} bytes a record, which holds {:.0}: {:.2} times (target 1.5)",
        disk / count,
        held / count,
        disk / held
    );
    Ok(held / count)
}

#[tokio::main]
async fn main() -> Done<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let first = arguments.next();
    if first.as_deref() == Some(VERIFY) {
        return verify_only(&PathBuf::from(arguments.next().ok_or("which?")?));
    }
    let folder = match &first {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    let records = arguments.next().map_or(Ok(RECORDS), |text| text.parse())?;
    let bare = arguments.next().as_deref() == Some("bare");
    let path = folder.path().join("journal.sqlite");
    let place = bulkhead_journal::Place::Sqlite(path.clone());
    let journal = Journal::open(Config { place: place.clone() }, ambient())?;
    let config = NotaryConfig {
        folder: folder.path().join("keys"),
        origin: None,
        every_records: RECORDS,
        every: Duration::from_secs(3_600),
        files: vec![],
        witnesses: vec![],
    };
    let notary = Notary::open(journal.clone(), place.clone(), config, ambient()).await?;
    let short = Journal::open(Config { place: folder.path().join("short.sqlite").into() }, ambient())?;
    grow(&short, 1_000, false).await?;
    callers(folder.path(), &journal, 640).await?;
    let begun = Instant::now();
    grow(&journal, records, bare).await?;
    println!("grown to {} records in {:.0} s", journal.head().records, begun.elapsed().as_secs_f64());
    short_and_long(&short, &journal).await?;
    short.close().await?;
    let sealed = notary.seal().await?;
    proofs(&place, &sealed)?;
    drop(notary);
    journal.close().await?;
    size(&path)?;
    verified(&path)
}
