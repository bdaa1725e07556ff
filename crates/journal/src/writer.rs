//! The one thread that writes. It commits whatever waits as one group and tells each caller when it is durable.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{CachedStatement, Connection, ErrorCode};
use vocab::{Ambient, Digest};

use crate::body::time_text;
use crate::entry::Head;
use crate::journal::AppendError;
use crate::lock::LockFile;
use crate::open::Opened;
use crate::prepare::Prepared;
use crate::queue::{Item, Queue, Wake};
use crate::{open, wal};

/// How long an entry that nobody waits for is held back, so that it shares the next commit.
pub const FOLLOW_DELAY: Duration = Duration::from_millis(5);

/// How long the writer has nothing to do before it looks whether a checkpoint is due.
const IDLE_DELAY: Duration = Duration::from_millis(20);

/// How long after a failure the writer tries again by itself.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Statements that are kept prepared.
const STATEMENTS: usize = 16;

/// What others may know about the writer.
pub(crate) struct Shared {
    known: Mutex<Known>,
}

struct Known {
    head: Head,
    /// Why the last commit failed, if it did.
    commit: Option<AppendError>,
    /// Why the last checkpoint failed, if it did.
    checkpoint: Option<String>,
}

impl Shared {
    pub(crate) fn new(head: Head) -> Self {
        Self { known: Mutex::new(Known { head, commit: None, checkpoint: None }) }
    }

    fn update(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Where the log stood after the last commit.
    pub(crate) fn head(&self) -> Head {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).head
    }

    /// Whether the last commit and the last checkpoint went well.
    pub(crate) fn healthy(&self) -> Result<(), String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = &known.commit {
            return Err(error.to_string());
        }
        known.checkpoint.as_ref().map_or(Ok(()), |why| {
            Err(format!(
                "the journal's database cannot take up its write-ahead log ({why}): make room on its disk"
            ))
        })
    }
}

/// The writer's own things.
pub(crate) struct Writer {
    conn: Connection,
    head: Head,
    /// The database stands where `head` says. Not so after a failed commit, until it has been looked at.
    certain: bool,
    ambient: Arc<dyn Ambient>,
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    /// How many frames the write-ahead log has since it was begun anew.
    frames: Arc<AtomicU32>,
    /// How many it had at the last checkpoint.
    checkpointed: u32,
    /// How many make the next checkpoint due, whoever waits.
    due: u32,
    /// The last commit failed.
    failing: bool,
    /// The last checkpoint failed.
    behind: bool,
    /// Released when the thread ends, after the connection.
    _lock: LockFile,
}

/// Closes the queue however the thread ends, so that nobody waits for a writer that is gone.
struct Closing(Arc<Queue>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Writer {
    pub(crate) fn new(
        opened: Opened,
        ambient: Arc<dyn Ambient>,
        queue: Arc<Queue>,
        shared: Arc<Shared>,
    ) -> rusqlite::Result<(Self, Connection)> {
        let Opened { mut writer, states, head, lock } = opened;
        writer.set_prepared_statement_cache_capacity(STATEMENTS);
        let frames = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&frames);
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            seen.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let writer = Self {
            conn: writer,
            head,
            certain: true,
            ambient,
            queue,
            shared,
            frames,
            checkpointed: 0,
            due: wal::FULL_FRAMES,
            failing: false,
            behind: false,
            _lock: lock,
        };
        Ok((writer, states))
    }

    /// Writes until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let _closing = Closing(Arc::clone(&self.queue));
        let queue = Arc::clone(&self.queue);
        let mut group = Vec::new();
        loop {
            let patience = self.patience(!group.is_empty());
            match queue.take(&mut group, patience) {
                Wake::Work => {
                    self.commit(&mut group);
                    if self.is_due() {
                        self.checkpoint();
                    }
                }
                Wake::Idle => self.idle(&mut group),
                Wake::Closed => {
                    if !group.is_empty() {
                        self.commit(&mut group);
                    }
                    return;
                }
            }
        }
    }

    /// How long to wait for work before doing something else.
    fn patience(&self, kept: bool) -> Option<Duration> {
        if kept || self.failing || self.behind {
            return Some(RETRY_DELAY);
        }
        self.is_worthwhile().then_some(IDLE_DELAY)
    }

    fn idle(&mut self, group: &mut Vec<Item>) {
        if !group.is_empty() {
            self.commit(group);
        } else if self.failing {
            self.probe();
        }
        if self.behind || self.is_worthwhile() {
            self.checkpoint();
        }
    }

    /// Whether a checkpoint has to be now. While a reader or a full disk stands in the way, it is tried only
    /// now and then.
    fn is_due(&mut self) -> bool {
        let frames = self.frames.load(Ordering::Relaxed);
        if frames < wal::FULL_FRAMES {
            self.due = wal::FULL_FRAMES;
        }
        frames >= self.due
    }

    /// Whether a checkpoint is worth its while when nobody waits.
    fn is_worthwhile(&self) -> bool {
        let frames = self.frames.load(Ordering::Relaxed);
        frames >= wal::IDLE_FRAMES && frames != self.checkpointed
    }

    /// Moves the log's pages into the database, as far as readers allow.
    fn checkpoint(&mut self) {
        self.checkpointed = self.frames.load(Ordering::Relaxed);
        self.due = self.checkpointed.saturating_add(wal::IDLE_FRAMES);
        let failed = wal::checkpoint(&self.conn).err().map(|error| error.to_string());
        self.behind = failed.is_some();
        self.shared.update(|known| known.checkpoint = failed);
    }

    /// After a failure, sees whether the disk takes something again: whoever asks whether the journal is
    /// healthy, and sends nothing until it is, would otherwise never hear of it.
    fn probe(&mut self) {
        let tried = self.ascertain().and_then(|()| {
            self.conn
                .execute(
                    "INSERT INTO meta (name, value) VALUES ('probe', hex(randomblob(8))) \
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    [],
                )
                .map_err(|error| refusal(&error))
        });
        self.failing = tried.is_err();
        self.shared.update(|known| known.commit = tried.err());
    }

    /// Commits the group and answers. After a failure only those are left in it that nobody waits for:
    /// they come before all that follows, or not at all.
    fn commit(&mut self, group: &mut Vec<Item>) {
        match self.ascertain().and_then(|()| self.write(group)) {
            Ok(heads) => {
                self.failing = false;
                self.head = heads.last().copied().unwrap_or(self.head);
                let head = self.head;
                self.shared.update(|known| {
                    known.head = head;
                    known.commit = None;
                });
                for (item, head) in group.drain(..).zip(heads) {
                    answer(item, Ok(head));
                }
            }
            Err(error) => {
                self.failing = true;
                self.shared.update(|known| known.commit = Some(error.clone()));
                for item in std::mem::take(group) {
                    if item.reply.is_some() {
                        answer(item, Err(error.clone()));
                    } else {
                        group.push(item);
                    }
                }
            }
        }
    }

    /// After a failed commit, makes sure that nothing of it is in the database.
    fn ascertain(&mut self) -> Result<(), AppendError> {
        if self.certain {
            return Ok(());
        }
        let head = self.head;
        let empty = || Head { records: 0, hash: head.hash };
        let found = open::head(&self.conn, empty).map_err(|error| refusal(&error))?;
        if found != head {
            return Err(AppendError::Astray { expected: head.records, found: found.records });
        }
        self.certain = true;
        Ok(())
    }

    /// Writes the group in one transaction; gives where the log stands after each entry.
    fn write(&mut self, group: &[Item]) -> Result<Vec<Head>, AppendError> {
        if group.iter().all(|item| item.entry.records.is_empty() && item.entry.rows.is_empty()) {
            return Ok(vec![self.head; group.len()]);
        }
        self.transact(group).map_err(|error| {
            self.certain = false;
            let error = refusal(&error);
            if !self.conn.is_autocommit()
                && let Err(again) = self.conn.execute_batch("ROLLBACK")
            {
                return AppendError::Write(format!("{error}; nor can it be taken back: {again}"));
            }
            error
        })
    }

    fn transact(&self, group: &[Item]) -> rusqlite::Result<Vec<Head>> {
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut inserts = Inserts {
            record: self.conn.prepare_cached("INSERT INTO record (seq, hash, body) VALUES (?1, ?2, ?3)")?,
            content: self
                .conn
                .prepare_cached("INSERT INTO payload (seq, salt, bytes) VALUES (?1, ?2, ?3)")?,
            put: self.conn.prepare_cached(
                "INSERT INTO state (kind, key, value) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value",
            )?,
            delete: self.conn.prepare_cached("DELETE FROM state WHERE kind = ?1 AND key = ?2")?,
        };
        let mut head = self.head;
        let mut heads = Vec::with_capacity(group.len());
        for item in group {
            head = inserts.entry(&item.entry, head, &time_text(self.ambient.now()))?;
            heads.push(head);
        }
        self.conn.prepare_cached("COMMIT")?.execute([])?;
        Ok(heads)
    }
}

/// The statements of one transaction.
struct Inserts<'a> {
    record: CachedStatement<'a>,
    content: CachedStatement<'a>,
    put: CachedStatement<'a>,
    delete: CachedStatement<'a>,
}

impl Inserts<'_> {
    /// Writes one entry after `head`; gives where the log stands then.
    fn entry(&mut self, entry: &Prepared, mut head: Head, time: &str) -> rusqlite::Result<Head> {
        for record in &entry.records {
            let body = record.form.at(&head, time);
            head = Head { records: head.records.saturating_add(1), hash: Digest::of(body.as_bytes()) };
            self.record.execute((head.records, head.hash.as_bytes(), body))?;
            if let Some(content) = &record.content {
                self.content.execute((head.records, content.salt, &content.bytes))?;
            }
        }
        for row in &entry.rows {
            match &row.value {
                Some(value) => self.put.execute((&row.kind, &row.key, value))?,
                None => self.delete.execute((&row.kind, &row.key))?,
            };
        }
        Ok(head)
    }
}

/// What a caller is told about it.
fn refusal(error: &rusqlite::Error) -> AppendError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => AppendError::Full,
        _ => AppendError::Write(error.to_string()),
    }
}

fn answer(item: Item, result: Result<Head, AppendError>) {
    if let Some(reply) = item.reply
        && reply.send(result).is_err()
    {
        // The caller has stopped waiting. The entry stands or fell all the same.
    }
}
