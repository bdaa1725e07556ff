//! What writes. It commits whatever waits as one group and tells each caller when it is durable.
//! Entries that nobody waits for are written when they come and committed with the next that somebody does.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use vocab::Ambient;

use crate::body::time_text;
use crate::copier::Copier;
use crate::edge::Edge;
use crate::entry::Head;
use crate::group::Group;
use crate::journal::AppendError;
use crate::lock::LockFile;
use crate::merkle::{Frontier, TreeHead};
use crate::open::Opened;
use crate::placed::Placed;
use crate::queue::{Item, Queue};
use crate::transaction::{self, Refused, Scribe};
use crate::{misfit, open, wal};

/// How long an entry that nobody waits for is held back, so that it shares the next commit.
pub const FOLLOW_DELAY: Duration = Duration::from_millis(5);

/// How long after a failure the writer tries again by itself.
pub(crate) const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Statements that are kept prepared.
const STATEMENTS: usize = 16;

/// What others may know about the writer.
pub(crate) struct Shared {
    known: Mutex<Known>,
}

pub(crate) struct Known {
    pub(crate) head: Head,
    /// The tree at `head`.
    pub(crate) tree: Frontier,
    /// Why the last commit failed, if it did.
    pub(crate) commit: Option<AppendError>,
    /// Why the last checkpoint failed, if it did.
    checkpoint: Option<String>,
    /// What was erased may still stand in the write-ahead log's file.
    pub(crate) traces: bool,
}

impl Shared {
    pub(crate) fn new(head: Head) -> Self {
        Self {
            known: Mutex::new(Known {
                head,
                tree: Frontier::default(),
                commit: None,
                checkpoint: None,
                traces: true,
            }),
        }
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Where the log stood after the last commit.
    pub(crate) fn head(&self) -> Head {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).head
    }

    /// Size and root of the tree after the last commit.
    pub(crate) fn tree(&self) -> TreeHead {
        // The root takes some hashing, for which the writer shall not wait.
        let tree = self.known.lock().unwrap_or_else(PoisonError::into_inner).tree.clone();
        tree.head()
    }

    /// Whether what was erased is out of the write-ahead log's file too.
    pub(crate) fn wiped(&self) -> bool {
        !self.known.lock().unwrap_or_else(PoisonError::into_inner).traces
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
    /// Ends before the connection does, which tidies up.
    copier: Copier,
    conn: Connection,
    path: PathBuf,
    /// Where the log stood after the last commit.
    head: Head,
    /// What the next record is added to, with what is written and not yet committed.
    edge: Edge,
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
    pub(crate) failing: bool,
    /// The last checkpoint failed.
    pub(crate) behind: bool,
    /// The version of the database's making when it was looked at last, and was a journal's.
    making: Option<i64>,
    /// The transaction that is being written erases something.
    erasing: bool,
    /// What was erased may still stand in the write-ahead log's file.
    pub(crate) traces: bool,
    /// When that was tried to be put right last.
    wiped_at: Instant,
    /// Released when the thread ends, after the connection.
    _lock: LockFile,
}

impl Writer {
    pub(crate) fn new(
        opened: Opened,
        ambient: Arc<dyn Ambient>,
        queue: Arc<Queue>,
        shared: Arc<Shared>,
    ) -> rusqlite::Result<(Self, Connection)> {
        let Opened { mut writer, path, wiped, states, head, edge, lock } = opened;
        shared.update(|known| {
            known.head = head;
            known.tree.clone_from(&edge.frontier);
            known.traces = !wiped;
        });
        writer.set_prepared_statement_cache_capacity(STATEMENTS);
        let frames = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&frames);
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            seen.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        queue.stand_behind(head);
        let writer = Self {
            copier: Copier::new(path.clone()),
            conn: writer,
            path,
            head,
            edge,
            certain: true,
            ambient,
            queue,
            shared,
            frames,
            checkpointed: 0,
            due: wal::FULL_FRAMES,
            failing: false,
            behind: false,
            making: None,
            erasing: false,
            traces: !wiped,
            wiped_at: Instant::now(),
            _lock: lock,
        };
        Ok((writer, states))
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
    pub(crate) fn is_worthwhile(&self) -> bool {
        let frames = self.frames.load(Ordering::Relaxed);
        frames >= wal::IDLE_FRAMES && frames != self.checkpointed
    }

    /// Whether the log has grown so much, or was copied so far, that [`Writer::keep_log_short`] has something to do.
    pub(crate) fn is_long(&self) -> bool {
        let frames = self.frames.load(Ordering::Relaxed);
        self.copier.has_ended() || frames >= self.due || self.copier.is_worth_asking(frames)
    }

    /// Whether it is where the last commit left it, and nothing but the next commit is to be done.
    pub(crate) const fn is_well(&self) -> bool {
        self.certain && !self.failing && !self.behind && !self.traces && !self.erasing
    }

    /// Has most of a long log copied beside the commits that go on, and copies the rest when that is done: only a log of which
    /// nothing is left to copy is begun anew.
    pub(crate) fn keep_log_short(&mut self) {
        if self.copier.is_done() || self.is_due() {
            self.checkpoint();
        } else {
            self.copier.ask(self.frames.load(Ordering::Relaxed));
        }
    }

    /// Moves the log's pages into the database, as far as readers allow.
    pub(crate) fn checkpoint(&mut self) {
        self.copier.finish();
        self.checkpointed = self.frames.load(Ordering::Relaxed);
        self.due = self.checkpointed.saturating_add(wal::IDLE_FRAMES);
        let failed = wal::checkpoint(&self.conn).err().map(|error| error.to_string());
        self.behind = failed.is_some();
        self.shared.update(|known| known.checkpoint = failed);
    }

    /// Tries once more to wipe, when it failed, some time has passed and no transaction is open.
    pub(crate) fn wipe_again(&mut self, group: &Group) {
        if self.traces && group.is_empty() && self.wiped_at.elapsed() >= RETRY_DELAY {
            self.wipe();
        }
    }

    /// Takes out of the write-ahead log's file what was erased. While somebody reads, it is tried again later.
    fn wipe(&mut self) {
        self.wiped_at = Instant::now();
        self.copier.finish();
        let wiped = wal::wipe(&self.conn, &self.path);
        self.traces = !matches!(wiped, Ok(true));
        let traces = self.traces;
        self.shared.update(|known| known.traces = traces);
    }

    /// After a failure, sees whether the disk takes something again: whoever asks whether the journal is
    /// healthy, and sends nothing until it is, would otherwise never hear of it.
    pub(crate) fn probe(&mut self) {
        let tried = self.ascertain().and_then(|()| self.try_probe().map_err(|refused| in_words(&refused)));
        self.failing = tried.is_err();
        self.shared.update(|known| known.commit = tried.err());
    }

    fn try_probe(&mut self) -> Result<(), Refused> {
        transaction::examine(&self.conn, &mut self.making)?;
        let probe = "INSERT INTO meta (name, value) VALUES ('probe', hex(randomblob(8))) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.conn.execute(probe, [])?;
        Ok(())
    }

    /// Writes what has come and nobody waits for, so that the next commit finds it done.
    pub(crate) fn write_ahead(&mut self, group: &mut Group) {
        match self.ascertain().and_then(|()| self.write(group)) {
            // Nothing in it was anything to write, so no commit would come for it and give back its room in the queue.
            Ok(()) if group.begun.is_none() => drop(group.take()),
            Ok(()) => {}
            Err(error) => self.fail(group, &error),
        }
    }

    /// Commits the group and answers. After a failure only those are left in it that nobody waits for:
    /// they come before all that follows, or not at all.
    pub(crate) fn commit(&mut self, group: &mut Group) {
        match self.ascertain().and_then(|()| self.write(group)).and_then(|()| self.make_durable(group)) {
            Ok(()) => {
                self.failing = false;
                self.head = group.head(self.head);
                let (head, tree) = (self.head, &self.edge.frontier);
                self.shared.update(|known| {
                    known.head = head;
                    known.tree.clone_from(tree);
                    known.commit = None;
                });
                if std::mem::take(&mut self.erasing) {
                    self.traces = true;
                    self.wipe();
                }
                for (item, result) in group.settle() {
                    answer(item, result);
                }
            }
            Err(error) => self.fail(group, &error),
        }
    }

    fn fail(&mut self, group: &mut Group, error: &AppendError) {
        self.failing = true;
        self.shared.update(|known| known.commit = Some(error.clone()));
        for item in group.take() {
            if item.reply.is_some() {
                answer(item, Err(error.clone()));
            } else {
                group.items.push(item);
            }
        }
    }

    /// After a failure, makes sure that nothing of it is in the database.
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
        self.edge = Edge::read(&self.conn, head.records).map_err(|error| refusal(&error))?;
        self.certain = true;
        Ok(())
    }

    /// Writes what of the group is not written yet, into its transaction.
    fn write(&mut self, group: &mut Group) -> Result<(), AppendError> {
        self.try_write(group).map_err(|error| self.take_back(&error))
    }

    fn try_write(&mut self, group: &mut Group) -> Result<(), Refused> {
        let Group { items, heads, refused, begun } = group;
        let (mut head, mut in_place) = (heads.last().copied().unwrap_or(self.head), true);
        let new = items.get(heads.len()..).unwrap_or_default();
        if new.iter().all(|item| item.entry.is_empty()) {
            heads.extend(new.iter().map(|_| head));
            return Ok(());
        }
        if begun.is_none() {
            transaction::begin(&self.conn)?;
            *begun = Some(Instant::now());
            transaction::examine(&self.conn, &mut self.making)?;
        }
        let mut scribe = Scribe::new(&self.conn)?;
        for item in new {
            if let Some(error) = misfit::misfit(&self.conn, &item.entry, &head)? {
                refused.insert(heads.len(), error);
                in_place = false;
            } else {
                let anew;
                let placed = match &item.placed {
                    Some(placed) if placed.is_behind(&head) => placed,
                    _ => {
                        in_place &= item.entry.records.is_empty();
                        anew = Placed::of(&item.entry, head, &time_text(self.ambient.now()));
                        &anew
                    }
                };
                scribe.write(&item.entry, placed, &mut self.edge)?;
                head = placed.after();
                self.erasing |= item.entry.erases();
            }
            heads.push(head);
        }
        scribe.finish()?;
        if !in_place {
            self.queue.stand_behind(head);
        }
        Ok(())
    }

    fn make_durable(&mut self, group: &Group) -> Result<(), AppendError> {
        match group.begun {
            Some(_) => transaction::commit(&self.conn).map_err(|error| self.take_back(&error.into())),
            None => Ok(()),
        }
    }

    /// Takes back a transaction that failed.
    fn take_back(&mut self, refused: &Refused) -> AppendError {
        self.certain = false;
        self.erasing = false;
        let error = in_words(refused);
        match transaction::roll_back(&self.conn) {
            Ok(()) => error,
            Err(again) => AppendError::Write(format!("{error}; nor can it be taken back: {again}")),
        }
    }
}

fn in_words(refused: &Refused) -> AppendError {
    match refused {
        Refused::Database(error) => refusal(error),
        Refused::Foreign(_) | Refused::NotTaken => AppendError::Write(refused.to_string()),
    }
}

/// What a caller is told about it.
fn refusal(error: &rusqlite::Error) -> AppendError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => AppendError::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => AppendError::Held,
        _ => AppendError::Write(error.to_string()),
    }
}

pub(crate) fn answer(item: Item, result: Result<Head, AppendError>) {
    if let Some(reply) = item.reply
        && reply.send(result).is_err()
    {
        // The caller has stopped waiting. The entry stands or fell all the same.
    }
}
