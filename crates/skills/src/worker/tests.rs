//! The worker's own walls, without the jail around it: each must hold alone.

mod documents;
mod files;
mod hostile;
mod pages;
mod seen;
mod tables;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use tempfile::TempDir;

use crate::wire::{FromWorker, Place, ToWorker};

/// SQLite has one bound for the memory of a process, and here one process is many workers: who exhausts it is alone.
static HEAP: RwLock<()> = RwLock::new(());

fn answer(request: ToWorker) -> FromWorker {
    let _beside = HEAP.read().unwrap_or_else(PoisonError::into_inner);
    super::answer(request)
}

fn answer_alone(request: ToWorker) -> FromWorker {
    let _alone = HEAP.write().unwrap_or_else(PoisonError::into_inner);
    super::answer(request)
}

const MIB: u64 = 1024 * 1024;

/// A granted folder with a secret beside it.
struct Field {
    whole: TempDir,
}

impl Field {
    fn new() -> Self {
        let real = std::fs::canonicalize(std::env::temp_dir()).unwrap();
        let whole = tempfile::tempdir_in(real).unwrap();
        std::fs::create_dir(whole.path().join("granted")).unwrap();
        std::fs::create_dir(whole.path().join("outside")).unwrap();
        std::fs::write(whole.path().join("outside/secret"), "SECRET").unwrap();
        Self { whole }
    }

    fn root(&self) -> std::path::PathBuf {
        self.whole.path().join("granted")
    }

    fn secret(&self) -> std::path::PathBuf {
        self.whole.path().join("outside/secret")
    }

    fn place(&self, beneath: &str) -> Place {
        Place { root: text(&self.root()), beneath: beneath.into(), max_bytes: MIB }
    }

    fn put(&self, beneath: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.root().join(beneath), content).unwrap();
    }

    fn link(&self, to: impl AsRef<Path>, beneath: &str) {
        symlink(to, self.root().join(beneath)).unwrap();
    }

    fn read(&self, beneath: &str) -> FromWorker {
        read(self.place(beneath))
    }

    fn write(&self, beneath: &str, content: &str) -> FromWorker {
        answer(ToWorker::Write {
            place: self.place(beneath),
            content: content.into(),
            append: false,
            over: None,
        })
    }

    fn append(&self, beneath: &str, content: &str) -> FromWorker {
        answer(ToWorker::Write {
            place: self.place(beneath),
            content: content.into(),
            append: true,
            over: None,
        })
    }

    fn held(&self, beneath: &str) -> String {
        std::fs::read_to_string(self.root().join(beneath)).unwrap()
    }

    /// The names in a folder beneath the root, sorted.
    fn names(&self, beneath: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.root().join(beneath)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn read(place: Place) -> FromWorker {
    answer(ToWorker::Read { place, offset: 0, limit: u64::MAX })
}

#[track_caller]
fn content(answer: FromWorker) -> String {
    match answer {
        FromWorker::Content { text, .. } => text,
        other => panic!("expected a file's text, got {other:?}"),
    }
}

#[track_caller]
fn why(answer: FromWorker) -> String {
    match answer {
        FromWorker::Failed { why } => why,
        other => panic!("expected a failure, got {other:?}"),
    }
}
