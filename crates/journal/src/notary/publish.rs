//! Checkpoints in files off the database: the newest, replaced whole, and all of them, one after the other.
//!
//! A place may be a mount that does not answer. Each is written to by a thread of its own, for which nobody waits longer
//! than [`ANSWER_WAIT`] and which nobody has to end. What a place lacks is taken from the record itself, so it is not
//! forgotten when the gateway stops.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::history;
use crate::checkpoint::Sealed;
use crate::place::Place;
use crate::read::Reader;

/// How long is waited for a place, which is part of a stop; it may take longer, and is looked at again.
const ANSWER_WAIT: Duration = Duration::from_secs(3);

/// A place that did not take a checkpoint.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) path: PathBuf,
    why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(f, "the newest checkpoint cannot be published to `{path}`: {}", self.why)
    }
}

/// A file to publish to.
struct Shelf {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The newest checkpoint.
    wanted: Option<Arc<Sealed>>,
    /// It is not there, or not all before it.
    behind: bool,
    /// A thread is at it.
    busy: bool,
    fault: Option<Fault>,
    /// The fault was given to somebody who says so.
    said: bool,
}

/// All the files.
pub(super) struct Publisher {
    place: Place,
    shelves: Vec<Arc<Shelf>>,
    turn: tokio::sync::Mutex<()>,
}

impl Publisher {
    /// Publishes what the record at `place` has.
    pub(super) fn new(place: Place, files: Vec<PathBuf>) -> Self {
        let shelf = |path| Arc::new(Shelf { path, state: Mutex::default() });
        Self { place, shelves: files.into_iter().map(shelf).collect(), turn: tokio::sync::Mutex::default() }
    }

    /// From now on `sealed`, which is stored, is the newest.
    pub(super) fn want(&self, sealed: &Arc<Sealed>) {
        for shelf in &self.shelves {
            let mut state = shelf.lock();
            (state.wanted, state.behind) = (Some(Arc::clone(sealed)), true);
        }
    }

    /// Publishes what is not there yet; gives the places that worked until now and do not any more.
    pub(super) async fn publish(&self) -> Vec<Fault> {
        let _turn = self.turn.lock().await;
        let begun = self.shelves.iter().filter_map(|shelf| Some((shelf, shelf.begin(&self.place)?)));
        let begun: Vec<_> = begun.collect();
        let until = Instant::now() + ANSWER_WAIT;
        for (shelf, ended) in begun {
            if tokio::time::timeout_at(until, ended).await.is_err() {
                shelf.lock().fault = Some(shelf.fault(format!("it has not answered for {ANSWER_WAIT:?}")));
            }
        }
        self.shelves.iter().filter_map(|shelf| shelf.new_fault()).collect()
    }

    pub(super) fn is_behind(&self) -> bool {
        self.shelves.iter().any(|shelf| shelf.lock().behind)
    }

    pub(super) fn faults(&self) -> Vec<String> {
        self.shelves.iter().filter_map(|shelf| shelf.lock().fault.as_ref().map(ToString::to_string)).collect()
    }
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, why: String) -> Fault {
        Fault { path: self.path.clone(), why }
    }

    /// Its fault, if nobody was told of it.
    fn new_fault(&self) -> Option<Fault> {
        let mut state = self.lock();
        if state.said {
            return None;
        }
        state.said = state.fault.is_some();
        state.fault.clone()
    }

    /// Starts a thread that brings the place up to date, unless it is or one is at it; the channel closes when it ends.
    fn begin(self: &Arc<Self>, place: &Place) -> Option<oneshot::Receiver<()>> {
        let mut state = self.lock();
        let wanted = state.wanted.clone().filter(|_| state.behind && !state.busy)?;
        let (ending, ended) = oneshot::channel();
        let (busy, place) = (Busy(Arc::clone(self)), place.clone());
        state.busy = true;
        drop(state);
        let thread = std::thread::Builder::new().name("publish".to_owned()).spawn(move || {
            let _ending = ending;
            let busy = busy;
            let put = put(&busy.0.path, &wanted, &place);
            busy.0.end(&wanted, put);
        });
        if let Err(error) = thread {
            self.lock().fault = Some(self.fault(error.to_string()));
        }
        Some(ended)
    }

    fn end(&self, wanted: &Arc<Sealed>, put: Result<(), String>) {
        let mut state = self.lock();
        match put {
            Ok(()) => {
                state.behind = !state.wanted.as_ref().is_some_and(|newest| Arc::ptr_eq(newest, wanted));
                (state.fault, state.said) = (None, false);
            }
            Err(why) => state.fault = Some(self.fault(why)),
        }
    }
}

/// A thread at a place, until it ends, however it does.
struct Busy(Arc<Shelf>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.lock().busy = false;
    }
}

/// Puts `newest` in the place of what is there, then adds to the history beside it what it lacks.
fn put(path: &Path, newest: &Sealed, place: &Place) -> Result<(), String> {
    put_newest(path, &newest.note().to_string()).map_err(|error| error.to_string())?;
    let history = beside(path, ".history");
    let reader = Reader::open(place).map_err(|error| error.to_string())?;
    history::fill(&history, &reader).map_err(|error| format!("`{}`: {error}", history.display()))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A checkpoint is meant to be read by others.
fn put_newest(path: &Path, note: &str) -> std::io::Result<()> {
    let draft = beside(path, ".new");
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&draft)?;
    file.write_all(note.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}
