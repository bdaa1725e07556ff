//! Killed at any moment: it opens, it verifies, nothing acknowledged is missing, and state agrees with records.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bulkhead_journal::read::{Query, Reader};
use bulkhead_journal::verify::verify;
use bulkhead_journal::{Config, Head, Journal, Place, PostgresConfig};
use serde_json::json;
use vocab::Digest;

use crate::common::{Clock, NOON, database, draft, entry, number, open_with, put};
use crate::kept::{ERASER, Kept};

/// How often the child is killed at a file.
const LIVES: u64 = 200;

/// How often at a server, where a life takes longer. `several` kills more gateways than one there.
const LIVES_AT_A_SERVER: u64 = 24;

/// So many acknowledged entries a life, at least, on the average.
const TOLD_A_LIFE: usize = 1;

/// How many tasks append at once, so that commits are groups.
const TASKS: u64 = 4;

/// A child lives for fewer acknowledged entries than this, so that what it does is the same on a slow disk and a fast
/// one, and the database stays small enough to be verified each time.
const MAX_TOLD: u64 = 12;

/// And then for less than this, in microseconds, so that it is killed at any point of a commit.
const MAX_REST: u64 = 3_000;

/// How many entries a task appends before the journal is closed and opened again, in a child that does so.
const SESSION: u64 = 3;

/// Where the child finds the database.
const DATABASE: &str = "BULKHEAD_CRASH_TEST_DATABASE";

/// Which gateway the child is, when the database is a server's.
const GATEWAY: &str = "BULKHEAD_CRASH_TEST_GATEWAY";

/// Set for a child that closes and opens the journal again and again.
const RESTLESS: &str = "BULKHEAD_CRASH_TEST_RESTLESS";

/// Where the child was told that the record is: a file, or a server's database and the gateway's name there.
pub(crate) fn place() -> Place {
    let place = std::env::var(DATABASE).unwrap_or_else(|_| panic!("a crash test starts this"));
    match std::env::var(GATEWAY) {
        Ok(name) => {
            let config = PostgresConfig::new(&place).unwrap().with_gateway(&name).unwrap();
            config.with_eraser(ERASER, None).into()
        }
        Err(_) => PathBuf::from(place).into(),
    }
}

/// Set for a child with one task, which commits by itself.
const ALONE: &str = "BULKHEAD_CRASH_TEST_ALONE";

/// Appends until it is killed, and says on standard output what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the crash test's child; it lives until it is killed"]
async fn child() {
    let place = place();
    let session = if std::env::var_os(RESTLESS).is_some() { SESSION } else { u64::MAX };
    let tasks = if std::env::var_os(ALONE).is_some() { 1 } else { TASKS };
    let next = Arc::new(AtomicU64::new(0));
    loop {
        let journal = open_with(&Config { place: place.clone() }, &Clock::at(NOON));
        next.fetch_max(journal.head().records * 10, Ordering::Relaxed);
        println!("\nopen");
        let tasks: Vec<_> = (0..tasks)
            .map(|task| tokio::spawn(append(journal.clone(), task, next.clone(), session)))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        journal.close().await.unwrap();
    }
}

async fn append(journal: Journal, task: u64, next: Arc<AtomicU64>, entries: u64) {
    for _ in 0..entries {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let mut wanted = entry(vec![draft(number), draft(number)]);
        for (part, record) in wanted.records.iter_mut().enumerate() {
            record.payload = json!({ "task": task, "number": number, "part": part, "x": "x".repeat(300) });
        }
        wanted.state = vec![put(&format!("task-{task}"), json!(number))];
        if number.is_multiple_of(3) {
            journal.follow(wanted).await.unwrap();
            continue;
        }
        let receipt = journal.append(wanted).await.unwrap();
        // One write, so that a line is whole or not there.
        let line = format!("ack {task} {number} {} {}\n", receipt.seq(), receipt.hash());
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
}

/// What a child was told: which number of which task stands where.
pub(crate) struct Acknowledged {
    task: u64,
    number: u64,
    pub(crate) head: Head,
}

pub(crate) fn acknowledged(line: &str) -> Option<Acknowledged> {
    let mut words = line.strip_prefix("ack ")?.split(' ');
    let mut number = || words.next()?.parse::<u64>().ok();
    let (task, number, records) = (number()?, number()?, number()?);
    let hash: Digest = words.next()?.parse().ok()?;
    Some(Acknowledged { task, number, head: Head { records, hash } })
}

/// A child that is this gateway of the database at `address`.
pub(crate) fn start_as(gateway: &str, address: &str, restless: bool) -> Child {
    let mut command = child_command(restless);
    command.env(DATABASE, address).env(GATEWAY, gateway).spawn().unwrap()
}

/// A process of which the test `child` makes what it is.
fn playing(child: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", child, "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    command
}

fn child_command(restless: bool) -> Command {
    let mut command = playing("crash::child");
    if restless {
        command.env(RESTLESS, "1");
    }
    command
}

/// A process at this record that does what the test `child` does.
pub(crate) fn start_at(kept: &Kept, child: &str) -> Child {
    begin(playing(child), kept)
}

fn begin(mut command: Command, kept: &Kept) -> Child {
    match kept {
        Kept::Sqlite(folder) => command.env(DATABASE, database(folder.path())),
        Kept::Postgres { .. } => command.env(DATABASE, kept.address()).env(GATEWAY, "gateway"),
    };
    command.spawn().unwrap()
}

/// How a child lives.
struct Life {
    /// Killed after so many acknowledged entries, or before it has opened the journal.
    told: Option<u64>,
    /// And so much later.
    rest: Duration,
    /// Closes and opens the journal again and again.
    restless: bool,
    /// Has one task, which commits by itself.
    alone: bool,
}

/// One life; what it had been told.
fn live(kept: &Kept, life: &Life) -> Vec<Acknowledged> {
    let mut command = child_command(life.restless);
    if life.alone {
        command.env(ALONE, "1");
    }
    let mut child = begin(command, kept);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    let mut open = false;
    while life.told.is_some_and(|count| !open || (told.len() as u64) < count) {
        let Some(line) = lines.next() else { panic!("the child ended by itself") };
        let line = line.unwrap();
        open |= line == "open";
        told.extend(acknowledged(&line));
    }
    std::thread::sleep(life.rest);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    told.extend(lines.filter_map(|line| acknowledged(&line.unwrap())));
    told
}

/// What the log said up to the record that was looked at last.
#[derive(Default)]
struct Seen {
    records: u64,
    newest: BTreeMap<u64, u64>,
}

impl Seen {
    /// Reads what is new; every acknowledged record has to be among it.
    fn read_on(&mut self, reader: &Reader, told: &[Acknowledged]) {
        let mut fresh = BTreeMap::new();
        let query = Query { after: Some(self.records), ..Query::default() };
        for record in reader.query(&query).unwrap() {
            let field = |name: &str| number(reader, &record, name);
            assert_eq!(field("part"), (record.seq + 1) % 2, "half an entry was written");
            self.records = record.seq;
            self.newest.insert(field("task"), field("number"));
            fresh.insert(record.seq, (field("task"), field("number"), record.hash));
        }
        for told in told {
            let expected = (told.task, told.number, told.head.hash);
            assert_eq!(fresh.get(&told.head.records), Some(&expected), "an acknowledged record is missing");
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_whenever_it_is_killed() {
    for kept in Kept::both() {
        let lives = if kept.is_sqlite() { LIVES } else { LIVES_AT_A_SERVER };
        killed(&kept, lives);
    }
}

fn killed(kept: &Kept, lives: u64) {
    let mut seen = Seen::default();
    let (mut random, mut told_in_all) = (1_u64, 0);
    let mut below = |bound: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    for life in 0..lives {
        // Every eighth is killed around its first opening.
        let told = (life % 8 != 7).then(|| below(MAX_TOLD));
        let rest = Duration::from_micros(below(if told.is_some() { MAX_REST } else { 10 * MAX_REST }));
        let told = live(kept, &Life { told, rest, restless: life % 4 == 1, alone: life % 4 > 1 });
        told_in_all += told.len();
        if !kept.is_there() {
            continue;
        }
        // A server may still be at what a gateway sent before it was killed.
        let journal = (life % 2 == 1 || !kept.is_sqlite()).then(|| kept.open());
        let reader = Reader::open(&kept.place()).unwrap();
        seen.read_on(&reader, &told);
        drop(reader);
        let last = told.last().map(|told| told.head);
        // By turns only looked at, so that the next child finds the log as it was left, and opened for writing.
        if let Some(journal) = journal {
            assert_eq!(journal.head().records, seen.records);
            for (task, number) in &seen.newest {
                assert_eq!(journal.state("test", &format!("task-{task}")).unwrap(), Some(json!(number)));
            }
            assert_eq!(journal.states("test", "").unwrap().len(), seen.newest.len());
        }
        if life % 2 == 0 {
            let report = verify(&kept.place(), last).unwrap();
            assert!(report.ok && report.records == seen.records, "{report:?}");
        }
    }
    let least = TOLD_A_LIFE * usize::try_from(lives).unwrap();
    assert!(told_in_all > least, "only {told_in_all} were acknowledged in all");
    eprintln!("{lives} lives, {told_in_all} acknowledged, {} records", seen.records);
}
