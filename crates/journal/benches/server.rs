//! What an append to PostgreSQL costs beside the bare insert of as many bytes into the same server, each of them durable
//! when it is answered: ratios within one run on one disk. Once for a single record with its content, and once for
//! the entry of a turn, which has two, and a row of state.
//!
//! `cargo bench -p bulkhead-journal --bench server [-- FOLDER]`; the cluster is made in the folder, which decides the disk.

mod common;
#[path = "common/message.rs"]
mod message;
#[path = "common/server.rs"]
mod server;
#[path = "common/turn.rs"]
mod turn;

use std::path::Path;
use std::time::{Duration, Instant};

use bulkhead_journal::{Config, Entry, Journal};

use self::common::{Done, ambient, middle, per_second};
use self::server::{HELD, Server, bare};

/// Rounds that take turns, so that a busy moment of the machine meets all of them. One of each comes before them and does not
/// count: the first writes of a new server take half as long again, whichever they are.
const ROUNDS: usize = 12;

/// Entries of one round, whatever the number of callers.
const ENTRIES: usize = 1_536;

/// Callers at once.
const CALLERS: [usize; 3] = [1, 8, 64];

/// A row of state that is put again and again.
const ROW: &str =
    "SELECT coalesce(avg(octet_length(value)), 0)::bigint FROM bulkhead.state WHERE kind = 'session'";

/// What one way of writing took.
#[derive(Default)]
struct Taken {
    times: Vec<Duration>,
    whole: Duration,
}

impl Taken {
    fn add(&mut self, (times, whole): (Vec<Duration>, Duration)) {
        self.times.extend(times);
        self.whole += whole;
    }

    fn per_second(&self) -> f64 {
        per_second(self.times.len(), self.whole)
    }
}

/// What is appended.
#[derive(Clone, Copy)]
enum What {
    Record,
    Turn,
}

impl What {
    fn entry(self, number: usize) -> Done<Entry> {
        match self {
            Self::Record => Ok(message::entry(vec![message::message(u64::try_from(number)?)?])),
            Self::Turn => turn::entry(number),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Record => "one record with its content",
            Self::Turn => "the entry of a turn: 2 records with content, 1 row of state",
        }
    }
}

/// Appends from several callers at once. Gives the time of each and of all.
async fn append(journal: &Journal, callers: usize, what: What) -> Done<(Vec<Duration>, Duration)> {
    let entries = |caller| (0..ENTRIES / callers).map(move |number| what.entry(number * callers + caller));
    let entries: Vec<Vec<Entry>> =
        (0..callers).map(|caller| entries(caller).collect()).collect::<Done<_>>()?;
    let begun = Instant::now();
    let tasks: Vec<_> = entries
        .into_iter()
        .map(|entries| {
            let journal = journal.clone();
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(entries.len());
                for entry in entries {
                    let begun = Instant::now();
                    drop(journal.append(entry).await?);
                    times.push(begun.elapsed());
                }
                Done::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::with_capacity(ENTRIES);
    for task in tasks {
        times.extend(task.await??);
    }
    Ok((times, begun.elapsed()))
}

/// What one in a hundred is later than.
fn late(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() * 99 / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

/// The bytes that an entry has in the database.
async fn bytes_of(server: &Server, journal: &Journal, what: What) -> Done<usize> {
    let held = || Done::Ok(server.sql(HELD).parse::<usize>()?);
    let before = held()?;
    append(journal, 8, what).await?;
    let row = match what {
        What::Record => 0,
        What::Turn => server.sql(ROW).parse::<usize>()?,
    };
    Ok((held()? - before) / ENTRIES + row)
}

#[tokio::main]
async fn main() -> Done<()> {
    let parent = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let server = match Server::start(Path::new(&parent.unwrap_or_else(|| "/tmp".to_owned()))) {
        Ok(server) => server,
        Err(why) => {
            println!("SKIPPED: {why}");
            return Ok(());
        }
    };
    let journal = Journal::open(Config { place: server.record()?.into() }, ambient())?;
    println!("PostgreSQL with `fsync` and `synchronous_commit` on; the target is 0.8 of the bare rate");
    for what in [What::Record, What::Turn] {
        let bytes = bytes_of(&server, &journal, what).await?;
        println!("{}, {bytes} bytes", what.name());
        for callers in CALLERS {
            let clients = server.connections(callers).await?;
            let (mut rows, mut entries) = (Taken::default(), Taken::default());
            drop((bare(&clients, ENTRIES, bytes).await?, append(&journal, callers, what).await?));
            for _ in 0..ROUNDS {
                rows.add(bare(&clients, ENTRIES, bytes).await?);
                entries.add(append(&journal, callers, what).await?);
            }
            println!(
                "{callers:>2} callers   bare p50 {:6.0} p99 {:6.0} us {:7.0}/s   append p50 {:6.0} p99 {:6.0} us {:7.0}/s   {:.2} of the bare rate",
                middle(&mut rows.times),
                late(&mut rows.times),
                rows.per_second(),
                middle(&mut entries.times),
                late(&mut entries.times),
                entries.per_second(),
                entries.per_second() / rows.per_second()
            );
        }
    }
    journal.close().await?;
    Ok(())
}
