//! Checkpoints in files off the database: the newest, replaced whole, and all of them, one after the other.
//!
//! A place may be a mount that does not answer. Each is written to by a thread of its own, for which nobody waits longer
//! than [`ANSWER_WAIT`] and which nobody has to end. What a place lacks is taken from the record itself, so it is not
//! forgotten when the gateway stops.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::history::{self, HistoryError};
use crate::checkpoint::Sealed;
use crate::note::{MAX_NOTE_BYTES, Note};
use crate::place::Place;
use crate::read::{Known, ReadError, Reader};

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

    fn end(&self, wanted: &Arc<Sealed>, put: Result<(), PutError>) {
        let mut state = self.lock();
        match put {
            Ok(()) => {
                state.behind = !state.wanted.as_ref().is_some_and(|newest| Arc::ptr_eq(newest, wanted));
                (state.fault, state.said) = (None, false);
            }
            Err(why) => state.fault = Some(self.fault(why.to_string())),
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

/// Why a place does not have what it should.
#[derive(Debug, thiserror::Error)]
enum PutError {
    #[error(transparent)]
    File(#[from] std::io::Error),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("`{path}`: {why}", path = .path.display())]
    History { path: PathBuf, why: HistoryError },
    /// What is there is evidence, or somebody's own.
    #[error(
        "{0}; it was left as it is: find out which of the two is right, and move it away when this one is"
    )]
    Other(String),
}

/// Adds to the history beside `path` what it lacks, and puts `newest` in the place of what is there, when that is a checkpoint with
/// which this record begins. Anything else may be all that shows that the record was cut off or built anew.
fn put(path: &Path, newest: &Sealed, place: &Place) -> Result<(), PutError> {
    let reader = Reader::open(place)?;
    let known = Known::of(&reader.keys()?)?;
    let newer = examine(path, newest, &reader, &known)?;
    let history = beside(path, ".history");
    let filled = history::fill(&history, &reader, &known);
    match &filled {
        // Beside what another record has left, the newest of this one would hide that.
        Err(HistoryError::Other(_)) => {}
        _ if newer => put_newest(path, &newest.note().to_string())?,
        _ => {}
    }
    filled.map_err(|why| PutError::History { path: history, why })
}

/// Whether `newest` is to take the place of what is at `path`: it is not when another gateway of this record has put one there
/// that says more.
fn examine(path: &Path, newest: &Sealed, reader: &Reader, known: &Known) -> Result<bool, PutError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    file.take(MAX_NOTE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(true);
    }
    let other = |why: String| PutError::Other(why);
    let text =
        String::from_utf8(bytes).map_err(|_| other("it holds something that is no checkpoint".to_owned()))?;
    let note: Note =
        text.parse().map_err(|_| other("it holds something that is no checkpoint".to_owned()))?;
    let there =
        known.check(&note).map_err(|why| other(format!("it holds one that is not this record's: {why}")))?;
    let (tree, size) = (there.tree(), reader.size()?);
    if tree.size > size {
        let records = tree.size;
        return Err(other(format!(
            "it holds one of {records} records, and the record has {size}: it was cut off, or set back to an older copy"
        )));
    }
    if tree.size > 0 && reader.root(tree.size)? != tree.root {
        return Err(other(format!(
            "it holds one of {} records, and the record has others there: it was built anew, or is a copy that went another way",
            tree.size
        )));
    }
    Ok(tree.size <= newest.tree().size)
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
