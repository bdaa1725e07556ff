//! Copying the write-ahead log into the database beside the writer, so that commits go on meanwhile.
//!
//! To copy a full log takes some milliseconds, half of them until the disk has the database. Done by the writer it
//! would be a seventh of its time when many record at once, and all of them would wait.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::{open, wal};

/// How long the writer waits for a copy that is under way, when it has to have the log for itself.
const FINISH_WAIT: Duration = Duration::from_secs(2);

/// What has become of the copy that was asked for last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Resting,
    Copying,
    /// It has ended, well or not. The writer copies what is left in any case, and tells what stands in the way.
    Done,
}

struct Progress {
    state: Mutex<State>,
    ended: Condvar,
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that copies. There is none until a log was long for the first time.
pub(crate) struct Copier {
    path: PathBuf,
    progress: Arc<Progress>,
    /// How many frames the log had when it was asked last.
    asked: u32,
    thread: Option<(SyncSender<()>, JoinHandle<()>)>,
}

impl Copier {
    pub(crate) fn new(path: PathBuf) -> Self {
        let progress = Progress { state: Mutex::new(State::Resting), ended: Condvar::new() };
        Self { path, progress: Arc::new(progress), asked: 0, thread: None }
    }

    /// Has a log of so many frames copied, if it is long and has grown since it was asked for last. Comes back at once.
    /// Where no thread can be had the writer copies all of it by itself, once the log is full.
    pub(crate) fn ask(&mut self, frames: u32) {
        if frames < wal::AHEAD_FRAMES {
            self.asked = 0;
            return;
        }
        if !self.is_worth_asking(frames) {
            return;
        }
        if self.thread.is_none() {
            self.thread = start(&self.path, &self.progress).ok();
        }
        let Some((ask, _)) = &self.thread else { return };
        let mut state = self.progress.lock();
        if *state == State::Resting && ask.try_send(()).is_ok() {
            *state = State::Copying;
            self.asked = frames;
        }
    }

    /// Whether a log of so many frames is long and has grown since it was asked for last.
    pub(crate) const fn is_worth_asking(&self, frames: u32) -> bool {
        frames >= wal::AHEAD_FRAMES
            && (self.asked == 0 || frames.saturating_sub(self.asked) >= wal::IDLE_FRAMES)
    }

    /// Whether what was asked for has ended.
    pub(crate) fn has_ended(&self) -> bool {
        *self.progress.lock() == State::Done
    }

    /// Whether what was asked for has ended. It says so once.
    pub(crate) fn is_done(&self) -> bool {
        let mut state = self.progress.lock();
        let done = *state == State::Done;
        if done {
            *state = State::Resting;
        }
        done
    }

    /// Waits until nothing is being copied, for some seconds at most, so that the writer copies what is left.
    pub(crate) fn finish(&self) {
        let copying = |state: &mut State| *state == State::Copying;
        let state = self.progress.lock();
        let ended = self.progress.ended.wait_timeout_while(state, FINISH_WAIT, copying);
        let (mut state, _) = ended.unwrap_or_else(PoisonError::into_inner);
        if *state == State::Done {
            *state = State::Resting;
        }
    }
}

impl Drop for Copier {
    fn drop(&mut self) {
        let Some((ask, thread)) = self.thread.take() else { return };
        drop(ask);
        if thread.join().is_err() {
            // It panicked. Nothing depends on what it did.
        }
    }
}

fn start(path: &Path, progress: &Arc<Progress>) -> std::io::Result<(SyncSender<()>, JoinHandle<()>)> {
    let (ask, asked) = sync_channel(1);
    let (path, progress) = (path.to_owned(), Arc::clone(progress));
    let copy = move || copy(&path, &asked, &progress);
    let thread = std::thread::Builder::new().name("journal-copy".to_owned()).spawn(copy)?;
    Ok((ask, thread))
}

fn copy(path: &Path, asked: &Receiver<()>, progress: &Progress) {
    let mut conn = None;
    while asked.recv().is_ok() {
        let connected = match conn.take() {
            Some(conn) => Ok(conn),
            None => connect(path),
        };
        conn = connected.and_then(|conn| wal::checkpoint(&conn).map(|()| conn)).ok();
        *progress.lock() = State::Done;
        progress.ended.notify_all();
    }
}

/// A connection that syncs what the writer's does.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let conn = open::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(conn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    /// How many frames the log has, and how many of them are in the database.
    fn copied(conn: &Connection) -> (u32, u32) {
        conn.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| Ok((row.get(1)?, row.get(2)?))).unwrap()
    }

    #[test]
    fn a_long_log_is_copied_and_what_comes_meanwhile_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.sqlite");
        schema::create(&path, "id").unwrap();
        let conn = open::connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        conn.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF").unwrap();
        let write =
            || conn.execute("INSERT INTO payload (salt, bytes) VALUES (x'', zeroblob(3000))", []).unwrap();
        while copied(&conn).0 < wal::AHEAD_FRAMES {
            write();
        }
        let (frames, none) = copied(&conn);
        assert_eq!(none, 0);
        let mut copier = Copier::new(path);
        copier.ask(wal::AHEAD_FRAMES - 1);
        assert!(copier.thread.is_none(), "a short log is nobody's work");
        copier.ask(frames);
        copier.finish();
        assert_eq!(copied(&conn), (frames, frames));
        // Whoever waited for it does not hear of it again, and is not asked for what is hardly longer.
        assert!(!copier.is_done());
        write();
        copier.ask(frames + 1);
        assert_eq!(*copier.progress.lock(), State::Resting);
    }
}
