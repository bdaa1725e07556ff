//! What the journal's tests share: a clock that they set, entries, copies of a real database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bulkhead_journal::read::{Reader, Record};
use bulkhead_journal::{Change, Config, Draft, Entry, Journal, Kind, OpenError};
use serde_json::{Value, json};
use vocab::{AgentName, Ambient, Digest, SessionId, Timestamp};

/// A clock that stands where it is put, and random bytes that count.
pub(crate) struct Clock {
    /// Seconds since 1970.
    pub(crate) second: AtomicI64,
    random: AtomicU64,
}

impl Clock {
    pub(crate) fn at(second: i64) -> Arc<Self> {
        Self::random_from(1, second)
    }

    /// The same, whose random bytes count from `first`.
    pub(crate) fn random_from(first: u64, second: i64) -> Arc<Self> {
        Arc::new(Self { second: AtomicI64::new(second), random: AtomicU64::new(first) })
    }
}

impl Ambient for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.second.load(Ordering::Relaxed)).unwrap()
    }

    fn random(&self) -> [u8; 16] {
        u128::from(self.random.fetch_add(1, Ordering::Relaxed)).to_le_bytes()
    }
}

pub(crate) const NOON: i64 = 1_790_000_000;

/// The file of the SQLite journal in `folder`.
pub(crate) fn database(folder: &Path) -> PathBuf {
    folder.join("journal.sqlite")
}

pub(crate) fn config(folder: &Path) -> Config {
    Config { place: database(folder).into() }
}

/// How long a lock may be somebody else's.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens the journal in `folder`. A test that starts a process holds every lock of all tests twice until that process
/// has become another program, so one that was just released may still be held.
pub(crate) fn open(folder: &Path) -> Journal {
    open_with(&config(folder), &Clock::at(NOON))
}

/// The same by these settings and this clock.
pub(crate) fn open_with(config: &Config, clock: &Arc<Clock>) -> Journal {
    let until = Instant::now() + PATIENCE;
    loop {
        match Journal::open(config.clone(), clock.clone()) {
            Err(OpenError::Locked { .. }) if Instant::now() < until => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

/// A message of `echo` in session `s-NUMBER % 5`, with content.
pub(crate) fn draft(number: u64) -> Draft {
    let mut draft = Draft::new(Kind::Message);
    draft.agent = Some(AgentName::new("echo").unwrap());
    draft.session = Some(SessionId::new(&format!("s-{}", number % 5)).unwrap());
    draft.payload = json!({ "number": number, "text": format!("the words of message {number}") });
    draft
}

/// A field of a record's content that is a number.
pub(crate) fn number(reader: &Reader, record: &Record, field: &str) -> u64 {
    reader.content(record.seq).unwrap().unwrap()[field].as_u64().unwrap()
}

pub(crate) fn entry(records: Vec<Draft>) -> Entry {
    Entry { subject: Digest::of(b"subject"), records, state: vec![] }
}

pub(crate) fn put(key: &str, value: Value) -> Change {
    Change::put("test", key, &value).unwrap()
}

/// Appends `count` messages, one entry each.
pub(crate) async fn fill(journal: &Journal, count: u64) {
    for number in 1..=count {
        drop(journal.append(entry(vec![draft(number)])).await.unwrap());
    }
}

/// Copies a database with what stands beside it.
pub(crate) fn copy(from: &Path, folder: &Path) -> PathBuf {
    let to = folder.join("copy.sqlite");
    for suffix in ["", "-wal", "-shm"] {
        let name = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        match std::fs::remove_file(name(&to)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
        if suffix != "-shm" && name(from).exists() {
            std::fs::copy(name(from), name(&to)).unwrap();
        }
    }
    to
}
