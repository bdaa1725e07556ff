//! A long record: what an append, a proof and a verification cost when there are many records, and what they take on disk.
//!
//! `cargo bench -p bulkhead-journal --bench scale [-- FOLDER [RECORDS [bare] [postgres]]]`; the folder decides the disk, a million
//! records are the custom, `bare` ones are the smallest that there can be, and `postgres` makes a cluster in the folder.

mod common;
#[path = "common/message.rs"]
mod message;
#[path = "common/server.rs"]
mod server;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bulkhead_journal::checkpoint::Sealed;
use bulkhead_journal::read::Reader;
use bulkhead_journal::verify::verify;
use bulkhead_journal::{Config, Draft, Journal, Kind, Notary, NotaryConfig, Place, PostgresConfig};
use rusqlite::Connection;
use vocab::AgentName;

use self::common::{Done, ambient, middle, per_second};
use self::message::entry;
use self::server::Server;

/// Records, when the command says nothing.
const RECORDS: u64 = 1_000_000;

/// Records in one entry while the record is grown.
const ENTRY_RECORDS: u64 = 250;

/// Appends that are timed at each size, and proofs.
const OPERATIONS: usize = 1_000;

/// Rounds that take turns, and the operations of all callers together in one of them.
const ROUNDS: usize = 5;
const ROUND_OPERATIONS: usize = 1_600;

/// The bytes of a bare row.
const BARE_BYTES: usize = 424;

/// How long the disk is left alone after the record has been grown.
const SETTLING: Duration = Duration::from_secs(5);

/// Tells the benchmark that it is to verify and say what that took.
const VERIFY: &str = "verify-only";

/// A message with its words; a bare one has nothing but its agent.
fn message(number: u64, bare: bool) -> Done<Draft> {
    if !bare {
        return message::message(number);
    }
    let mut draft = Draft::new(Kind::Message);
    draft.agent = Some(AgentName::new(&format!("agent-{}", number / 40 % 4))?);
    Ok(draft)
}

/// Where the record is kept, the short one beside it, and bare rows.
enum Kept {
    Sqlite(PathBuf),
    Postgres(Box<Server>),
}

impl Kept {
    fn place(&self) -> Done<Place> {
        match self {
            Self::Sqlite(folder) => Ok(folder.join("journal.sqlite").into()),
            Self::Postgres(server) => Ok(server.record()?.into()),
        }
    }

    fn short(&self) -> Done<Place> {
        match self {
            Self::Sqlite(folder) => Ok(folder.join("short.sqlite").into()),
            Self::Postgres(server) => {
                let database = server::make_record(&server.cluster)?;
                Ok(PostgresConfig::new(&server.cluster.url("a_gateway", &database))?.into())
            }
        }
    }

    /// So many rows with `bytes` each beside the record, one transaction for each, by as many callers; how long that took.
    async fn bare(&self, callers: usize, bytes: usize) -> Done<Duration> {
        match self {
            Self::Sqlite(folder) => bare_round(folder, callers, bytes),
            Self::Postgres(server) => {
                let clients = server.connections(callers).await?;
                Ok(server::bare(&clients, ROUND_OPERATIONS, bytes).await?.1)
            }
        }
    }

    /// What the record takes on disk beside what it must hold: body, hash, content and salt of each record.
    fn size(&self) -> Done<()> {
        let (disk, count, held) = match self {
            Self::Sqlite(folder) => size(&folder.join("journal.sqlite"))?,
            Self::Postgres(server) => server_size(server)?,
        };
        println!(
            "on disk: {:.0} bytes a record, which holds {:.0}: {:.2} times (target 1.5)",
            disk / count,
            held / count,
            disk / held
        );
        Ok(())
    }
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
    let of = |caller| (0..ROUND_OPERATIONS / callers).map(move |number| (number * callers + caller) as u64);
    let entries = |caller| of(caller).map(|number| Ok(entry(vec![message(number, false)?]))).collect();
    let entries: Vec<Vec<_>> = (0..callers).map(entries).collect::<Done<_>>()?;
    let begun = Instant::now();
    let caller = |entries: Vec<_>| {
        let journal = journal.clone();
        tokio::spawn(async move {
            for entry in entries {
                drop(journal.append(entry).await?);
            }
            Done::Ok(())
        })
    };
    for task in entries.into_iter().map(caller).collect::<Vec<_>>() {
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

async fn callers(kept: &Kept, journal: &Journal, bytes: usize) -> Done<()> {
    println!("callers   bare inserts/s   durable appends/s   ratio (target 0.8)");
    for callers in [1, 8, 64] {
        let (mut bare, mut own) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..ROUNDS {
            bare += kept.bare(callers, bytes).await?;
            own += round(journal, callers).await?;
        }
        let count = ROUNDS * ROUND_OPERATIONS;
        let (bare, own) = (per_second(count, bare), per_second(count, own));
        println!("{callers:>7} {bare:>16.0} {own:>19.0} {:>7.2}", own / bare);
    }
    Ok(())
}

fn proofs(place: &Place, sealed: &Sealed) -> Done<()> {
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
fn verified(place: &str) -> Done<()> {
    let said = Command::new(std::env::current_exe()?).arg(VERIFY).arg(place).output()?;
    print!("{}", String::from_utf8_lossy(&said.stdout));
    if said.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&said.stderr).into_owned().into())
    }
}

fn verify_only(place: &str) -> Done<()> {
    let place: Place = match place.starts_with("postgres://") {
        true => PostgresConfig::new(place)?.into(),
        false => PathBuf::from(place).into(),
    };
    let begun = Instant::now();
    let report = verify(&place, None)?;
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

/// The bytes of the file at `path`, its records, and the bytes that it must hold.
fn size(path: &Path) -> Done<(f64, f64, f64)> {
    let conn = Connection::open(path)?;
    conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    let sum = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, f64>(0));
    let count = sum("SELECT count(*) + 0.0 FROM record")?;
    let held = sum("SELECT total(octet_length(body) + octet_length(hash)) FROM record")?
        + sum("SELECT total(octet_length(bytes) + octet_length(salt)) FROM payload")?;
    let disk = std::fs::metadata(path)?.len();
    Ok((f64::from(u32::try_from(disk / 1024)?) * 1024.0, count, held))
}

/// The same of a server: the tables with their indexes and what they keep aside.
fn server_size(server: &Server) -> Done<(f64, f64, f64)> {
    server.sql("CHECKPOINT");
    let number = |sql: &str| Done::Ok(server.sql(sql).parse::<f64>()?);
    for table in ["record", "payload", "block", "node"] {
        let sizes = format!(
            "SELECT pg_relation_size('bulkhead.{table}') || ' bytes of rows, ' || pg_indexes_size('bulkhead.{table}') || ' of indexes'"
        );
        println!("table {table}: {}", server.sql(&sizes));
    }
    let disk = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class \
         WHERE relnamespace = 'bulkhead'::regnamespace AND relkind = 'r'";
    Ok((number(disk)?, number("SELECT count(*) FROM bulkhead.record")?, number(server::HELD)?))
}

#[tokio::main]
async fn main() -> Done<()> {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let (first, second) = (arguments.first(), arguments.get(1));
    if first.is_some_and(|first| first == VERIFY) {
        return verify_only(second.ok_or("which?")?);
    }
    let folder = match first {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    let records = second.map_or(Ok(RECORDS), |text| text.parse())?;
    let asked = |word: &str| arguments.iter().any(|argument| argument == word);
    let kept = if asked("postgres") {
        match Server::start(Path::new(first.map_or("/tmp", String::as_str))) {
            Ok(server) => Kept::Postgres(Box::new(server)),
            Err(why) => {
                println!("SKIPPED: {why}");
                return Ok(());
            }
        }
    } else {
        Kept::Sqlite(folder.path().to_owned())
    };
    measure(&kept, folder.path(), records, asked("bare")).await
}

async fn measure(kept: &Kept, folder: &Path, records: u64, bare: bool) -> Done<()> {
    let place = kept.place()?;
    let journal = Journal::open(Config { place: place.clone() }, ambient())?;
    let config = NotaryConfig {
        folder: folder.join("keys"),
        origin: None,
        every_records: u64::MAX,
        every: Duration::from_secs(3_600),
        files: vec![],
        witnesses: vec![],
    };
    let notary = Notary::open(journal.clone(), place.clone(), config, ambient()).await?;
    let short = Journal::open(Config { place: kept.short()? }, ambient())?;
    grow(&short, 1_000, false).await?;
    callers(kept, &journal, BARE_BYTES).await?;
    let begun = Instant::now();
    grow(&journal, records, bare).await?;
    println!("grown to {} records in {:.0} s", journal.head().records, begun.elapsed().as_secs_f64());
    short_and_long(&short, &journal).await?;
    short.close().await?;
    let sealed = notary.seal().await?;
    proofs(&place, &sealed)?;
    drop(notary);
    journal.close().await?;
    kept.size()?;
    verified(&match kept {
        Kept::Sqlite(folder) => folder.join("journal.sqlite").display().to_string(),
        Kept::Postgres(server) => server.cluster.url("a_gateway", &server.database),
    })
}
