//! What an append costs beside the least that it could cost: ratios within one run on one disk.
//!
//! `cargo bench -p bulkhead-journal --bench append [-- FOLDER]`; the folder decides the disk.

mod common;
#[path = "common/turn.rs"]
mod turn;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use bulkhead_journal::{Config, Journal};

use self::common::{Done, ambient, middle, per_second};

/// Rounds that take turns, so that a busy moment of the machine meets all of them.
const ROUNDS: usize = 6;

/// Operations of one caller in one round.
const OPERATIONS: usize = 400;

/// Callers at once.
const CALLERS: usize = 32;

/// The bytes that one entry has: two bodies and their contents, about.
const ENTRY_BYTES: usize = 1900;

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
                    let entry = turn::entry(number * CALLERS + caller)?;
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

#[tokio::main]
async fn main() -> Done<()> {
    let parent = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let folder = match parent {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    let config = Config { place: folder.path().join("journal.sqlite").into() };
    let begun = Instant::now();
    let journal = Journal::open(config.clone(), ambient())?;
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
    drop(Journal::open(config, ambient())?);
    println!("one of {records} opens and closes in {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
    Ok(())
}
