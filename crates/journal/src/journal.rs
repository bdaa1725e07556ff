//! The handle that the rest of the gateway holds.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use vocab::{Ambient, Waiters, Waiting};

use crate::body::genesis;
use crate::desk::{Desk, Lead, Started};
use crate::entry::{Change, Draft, Entry, Head, Receipt, Unless};
use crate::merkle::TreeHead;
use crate::open::{self, OpenError};
use crate::place::Place;
use crate::postgres;
use crate::prepare::{MAX_ENTRY_BYTES, MAX_ENTRY_RECORDS, Prepared, prepare};
use crate::queue::{Arrival, Queue};
use crate::read::ReadError;
use crate::seat::Seat;
use crate::state::{Rows, States};
use crate::stored::Stored;
use crate::writer::{Shared, Writer};

/// After so many appends in a row that nobody else waited beside, a caller counts as alone.
const ALONE: u32 = 4;

/// How long a caller who waits alone looks for the commit before they sleep: about as long as a disk takes.
const SPIN: Duration = Duration::from_micros(200);

/// What the journal has to be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the record is kept.
    pub place: Place,
}

/// Why something was not recorded. Nothing of the entry is in the journal then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// A receipt would stand for nothing.
    #[error("an entry without records cannot be appended")]
    Empty,
    /// Over [`MAX_ENTRY_BYTES`].
    #[error("an entry of {bytes} bytes is over the journal's limit of {MAX_ENTRY_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Over [`MAX_ENTRY_RECORDS`].
    #[error("an entry of {count} records or changes is over the journal's limit of {MAX_ENTRY_RECORDS}")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// It has no JSON form.
    #[error("this entry cannot be written as JSON: {0}")]
    Form(String),
    /// No room.
    #[error("the disk with the journal is full, so nothing can be recorded: make room on it")]
    Full,
    /// Another program is at the database.
    #[error(
        "another program holds the journal's database, so nothing can be recorded: end it, then try again"
    )]
    Held,
    /// The database refused.
    #[error("the journal cannot be written, so nothing can be recorded: {0}")]
    Write(String),
    /// Of what was to be erased some is gone already, may not go, or is not there.
    #[error(
        "{expected} contents were to be erased and {found} of them can be: something else was erased meanwhile; look again at what is left"
    )]
    Erased {
        /// How many the erasure names.
        expected: u64,
        /// How many of them are there and may go.
        found: u64,
    },
    /// What [`Unless`] says has come.
    #[error("record {by} came in between and decides otherwise: look again")]
    Overtaken {
        /// The first such record.
        by: u64,
    },
    /// Another gateway has replaced the log's key, or signed the log.
    #[error("another gateway replaced the record's key, or signed the record, at this moment: try again")]
    Replaced,
    /// The role that appends may not remove anything, and none that may was named.
    #[error(
        "content in this database is erased by a role of its own, and none is named: set `eraser` in `[record]`"
    )]
    NoEraser,
    /// The role that may remove content was named, and the server does not let it.
    #[error(
        "content in this database is erased by the user `{user}`, and the server refuses that: {why}. Mend its password or its rights, or `eraser` in `[record]`; `bulkhead doctor` says what is wrong"
    )]
    Eraser {
        /// Whom the settings name.
        user: String,
        /// What the server said.
        why: String,
    },
    /// The connection went in the middle of the commit. The entry may yet be found in the record.
    #[error(
        "whether this was recorded is not known, so nothing was done: the database went away in the middle ({0})"
    )]
    Unsure(String),
    /// Something else wrote to the database.
    #[error(
        "the journal has {found} records where this gateway left {expected}: something else wrote to it; stop the gateway and run `bulkhead audit verify`"
    )]
    Astray {
        /// What was left.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// Too much waits to be written.
    #[error("too much waits to be recorded: try again in a moment")]
    Busy,
    /// Closed, or its thread has ended.
    #[error("the journal is closed")]
    Closed,
}

/// The journal, open for writing. A cheap handle; the last one to be dropped closes it.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    ambient: Arc<dyn Ambient>,
    desk: Arc<dyn Lead>,
    states: States,
    waiters: Waiters,
    /// How many of the last appends, in a row, nobody else waited beside.
    alone: AtomicU32,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Opens the journal, or makes an empty one where there is no file, and starts its writer. Blocks for
    /// some milliseconds, and for as long as [`crate::PostgresConfig::wait`] says where a server does not answer.
    ///
    /// # Errors
    /// When another gateway has it, when it is not a whole journal of a known form, or cannot be written. It is left
    /// as it was.
    pub fn open(config: Config, ambient: Arc<dyn Ambient>) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared::new(genesis("")));
        let queue = Arc::new(Queue::new(Arc::clone(&ambient)));
        let Started { thread, states, desk } = match &config.place {
            Place::Sqlite(path) => start(path, &ambient, &queue, &shared)?,
            Place::Postgres(config) => {
                let Started { thread, states, desk } = postgres::open(config, &ambient, &queue, &shared)?;
                Started { thread, states: States::Postgres(states), desk }
            }
        };
        let (waiters, alone, thread) = (Waiters::new(), AtomicU32::new(0), Mutex::new(Some(thread)));
        let inner = Inner { queue, shared, ambient, desk, states, waiters, alone, thread };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Records `entry` and comes back when it is durable, together with all that was handed in before it.
    /// Dropped while it waits, the entry may or may not have been recorded.
    ///
    /// # Errors
    /// When the entry has no records or is over a limit, and when the journal cannot be written.
    pub async fn append(&self, entry: Entry) -> Result<Receipt, AppendError> {
        if entry.records.is_empty() {
            return Err(AppendError::Empty);
        }
        let prepared = prepare(entry.records, entry.state, self.inner.ambient.as_ref())?;
        Ok(Receipt::new(entry.subject, self.durable(prepared).await?))
    }

    /// The same, and `unless` is looked for when the entry's turn comes, where no other gateway comes between.
    ///
    /// # Errors
    /// As [`Journal::append`], and [`AppendError::Overtaken`] when it is there.
    pub async fn append_unless(&self, entry: Entry, unless: Unless) -> Result<Receipt, AppendError> {
        if entry.records.is_empty() {
            return Err(AppendError::Empty);
        }
        let prepared = prepare(entry.records, entry.state, self.inner.ambient.as_ref())?;
        let prepared = Prepared { unless: Some(unless), ..prepared };
        Ok(Receipt::new(entry.subject, self.durable(prepared).await?))
    }

    /// Changes rows of state that no record goes with, durable when it returns, and `unless` is looked for as in
    /// [`Journal::append_unless`].
    ///
    /// # Errors
    /// As [`Journal::append_unless`].
    pub async fn change_unless(&self, state: Vec<Change>, unless: Unless) -> Result<(), AppendError> {
        let prepared = prepare(Vec::new(), state, self.inner.ambient.as_ref())?;
        self.durable(Prepared { unless: Some(unless), ..prepared }).await.map(drop)
    }

    /// Hands `entry` in and comes back at once, or when the queue has room. It is recorded in order, becomes durable with
    /// the next append or after [`crate::FOLLOW_DELAY`], and [`Journal::state`] shows it from then on. If
    /// the disk refuses, it is kept and tried again before anything that comes after it.
    ///
    /// # Errors
    /// When the entry is over a limit or the journal is closed.
    pub async fn follow(&self, entry: Entry) -> Result<(), AppendError> {
        let prepared = prepare(entry.records, entry.state, self.inner.ambient.as_ref())?;
        self.inner.queue.push(prepared).await
    }

    /// The same for a caller who cannot wait for room: whatever is appended from then on is durable only together with it.
    ///
    /// # Errors
    /// As [`Journal::follow`], and when the queue has no room now.
    pub fn follow_now(&self, entry: Entry) -> Result<(), AppendError> {
        let prepared = prepare(entry.records, entry.state, self.inner.ambient.as_ref())?;
        self.inner.queue.push_now(prepared)
    }

    /// Comes back when all that was handed in before is durable.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn flush(&self) -> Result<(), AppendError> {
        self.durable(Prepared::empty()).await.map(|_| ())
    }

    /// Makes records durable together with rows that only the journal itself writes.
    pub(crate) async fn store(&self, records: Vec<Draft>, stored: Vec<Stored>) -> Result<Head, AppendError> {
        let prepared = prepare(records, Vec::new(), self.inner.ambient.as_ref())?;
        self.durable(Prepared { stored, ..prepared }).await
    }

    async fn durable(&self, prepared: Prepared) -> Result<Head, AppendError> {
        let (reply, answer) = oneshot::channel();
        let Inner { queue, desk, waiters, .. } = self.inner.as_ref();
        let waiting = waiters.join();
        let room = queue.room(&prepared).await?;
        let arrival = queue.put(prepared, reply, room)?;
        let led = self.inner.is_alone(&waiting) && may_block() && desk.lead();
        if !led {
            if arrival == Arrival::Unseen {
                queue.wake();
            }
            let begun = Instant::now();
            while waiting.is_alone() && begun.elapsed() < SPIN && answer.is_empty() {
                tokio::task::yield_now().await;
            }
        }
        answer.await.map_err(|_| AppendError::Closed)?
    }

    /// The value of one row of state, as it was committed last.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn state(&self, kind: &str, key: &str) -> Result<Option<Value>, ReadError> {
        self.inner.states.one(kind, key)
    }

    /// The rows of state of one kind whose keys begin with `prefix`, sorted by key, as they were committed last.
    ///
    /// # Errors
    /// When the database cannot be read, or there are too many rows.
    pub fn states(&self, kind: &str, prefix: &str) -> Result<Vec<(String, Value)>, ReadError> {
        self.inner.states.all(kind, prefix)
    }

    /// The items of the list `name` of one kind, oldest first, as they were committed last; none if there is no such list.
    /// `least` is how many whoever asks knows of: others may have pushed more since.
    ///
    /// # Errors
    /// When the database cannot be read, lacks some of them, or there are too many.
    pub fn list(&self, kind: &str, name: &str, least: u32) -> Result<Vec<Value>, ReadError> {
        self.inner.states.list(kind, name, least)
    }

    /// The rows of state of one kind of every gateway that writes to this record, sorted by key.
    ///
    /// # Errors
    /// When the database cannot be read, or there are too many rows.
    pub fn everyones(&self, kind: &str) -> Result<Vec<(String, Value)>, ReadError> {
        self.inner.states.everyones(kind)
    }

    /// The last keys of the rows of one kind that begin with `prefix` and come before `before`, if that is given: at most
    /// `limit`, from the last on, as they were committed last.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last_keys(
        &self,
        kind: &str,
        prefix: &str,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ReadError> {
        self.inner.states.last_keys(kind, prefix, before, limit)
    }

    /// Where the log stands: what to keep elsewhere, for [`crate::verify`].
    #[must_use]
    pub fn head(&self) -> Head {
        self.inner.shared.head()
    }

    /// Size and root of the Merkle tree over the records, after the last commit.
    #[must_use]
    pub fn tree(&self) -> TreeHead {
        self.inner.shared.tree()
    }

    /// Whether the database's files hold nothing any more of what was erased. As long as somebody reads an older state
    /// of the database, its write-ahead log has to keep it; the writer goes on trying.
    #[must_use]
    pub fn wiped(&self) -> bool {
        self.inner.shared.wiped()
    }

    /// Whether the last writing went well, and on a server the last reading of the rows of state.
    ///
    /// # Errors
    /// With one sentence that says what is wrong.
    pub fn healthy(&self) -> Result<(), String> {
        self.inner.shared.healthy()?;
        self.inner.states.healthy()
    }

    /// Makes all durable, ends the writer and releases the file. Other handles to it are of no use from then on.
    ///
    /// # Errors
    /// When what was handed in last cannot be written.
    pub async fn close(self) -> Result<(), AppendError> {
        let flushed = self.flush().await;
        let inner = self.inner;
        // A thread that may block: the writer tidies its files up before it ends.
        let ended = tokio::task::spawn_blocking(move || inner.end()).await;
        flushed.and(ended.unwrap_or(Err(AppendError::Closed)))
    }
}

/// Opens the SQLite journal at `path` and starts the thread that writes it.
fn start(
    path: &Path,
    ambient: &Arc<dyn Ambient>,
    queue: &Arc<Queue>,
    shared: &Arc<Shared>,
) -> Result<Started<States>, OpenError> {
    let failed = |why: String| OpenError::Failed { path: path.to_owned(), why };
    let opened = open::open(path, ambient.as_ref())?;
    let (writer, states) = Writer::new(opened, Arc::clone(ambient), Arc::clone(queue), Arc::clone(shared))
        .map_err(|error| failed(error.to_string()))?;
    let desk = Arc::new(Desk::new(Arc::clone(queue), Seat::new(writer)));
    let own = Arc::clone(&desk);
    let thread = std::thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || own.run())
        .map_err(|error| failed(error.to_string()))?;
    Ok(Started { thread, states: States::Sqlite(Rows::new(states)), desk })
}

/// Whether the runtime goes on while one of its threads waits for a disk.
fn may_block() -> bool {
    Handle::try_current().is_ok_and(|runtime| runtime.metrics().num_workers() > 1)
}

impl Inner {
    /// Whether nobody else waits, nor has of late.
    fn is_alone(&self, waiting: &Waiting<'_>) -> bool {
        let before = if waiting.is_alone() { self.alone.load(Ordering::Relaxed) } else { 0 };
        let now = if waiting.is_alone() { before.saturating_add(1) } else { 0 };
        self.alone.store(now, Ordering::Relaxed);
        before >= ALONE
    }

    fn end(&self) -> Result<(), AppendError> {
        self.states.close();
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        thread.map_or(Ok(()), |thread| thread.join().map_err(|_| AppendError::Closed))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.end().is_err() {
            // The writer panicked; whoever waited for it has been told that the journal is closed.
        }
    }
}
