//! Checkpoints in files off the database: the newest, replaced whole, and all of them, one after the other.

use std::collections::VecDeque;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::checkpoint::Sealed;

/// The most checkpoints that wait for a place to come back; the oldest go first.
const MAX_WAITING: usize = 1024;

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

/// A file to publish to, and what it has not got yet.
struct Shelf {
    path: PathBuf,
    waiting: VecDeque<Arc<Sealed>>,
    fault: Option<Fault>,
}

/// All the files.
pub(super) struct Publisher {
    shelves: Vec<Shelf>,
}

impl Publisher {
    pub(super) fn new(files: Vec<PathBuf>) -> Self {
        let shelf = |path| Shelf { path, waiting: VecDeque::new(), fault: None };
        Self { shelves: files.into_iter().map(shelf).collect() }
    }

    /// Publishes what waits, with `sealed` as the newest; gives the places that worked until now and do not any more.
    pub(super) fn publish(&mut self, sealed: Option<&Arc<Sealed>>) -> Vec<Fault> {
        self.shelves.iter_mut().filter_map(|shelf| shelf.publish(sealed)).collect()
    }

    pub(super) fn is_behind(&self) -> bool {
        self.shelves.iter().any(|shelf| shelf.fault.is_some())
    }

    pub(super) fn faults(&self) -> Vec<String> {
        self.shelves.iter().filter_map(|shelf| shelf.fault.as_ref().map(ToString::to_string)).collect()
    }
}

impl Shelf {
    fn publish(&mut self, sealed: Option<&Arc<Sealed>>) -> Option<Fault> {
        self.waiting.extend(sealed.cloned());
        while self.waiting.len() > MAX_WAITING {
            self.waiting.pop_front();
        }
        let before = self.fault.take();
        while let Some(next) = self.waiting.front() {
            if let Err(error) = put(&self.path, &next.note().to_string()) {
                let fault = Fault { path: self.path.clone(), why: error.to_string() };
                self.fault = Some(fault.clone());
                return before.is_none().then_some(fault);
            }
            self.waiting.pop_front();
        }
        None
    }
}

/// Adds `note` to the history beside `path`, then puts it in the place of what is there. A checkpoint is meant to be
/// read by others.
fn put(path: &Path, note: &str) -> std::io::Result<()> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut history = OpenOptions::new().create(true).append(true).open(beside(".history"))?;
    history.write_all(format!("{note}\n").as_bytes())?;
    history.sync_all()?;
    let draft = beside(".new");
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&draft)?;
    file.write_all(note.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}
