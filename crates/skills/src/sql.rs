//! Tables: one SELECT over the tables that it names, in a jailed worker that has the database's file and nothing else.
//!
//! The worker reads the file without a lock, so that no agent keeps the organisation's own programs from writing. What was
//! written meanwhile is noticed by the file itself and the journal beside it; then the query is done again, or refused.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use monitor::{Bounds, Tables};
use vocab::{Action, Resource};

use crate::bench::Bench;
use crate::plain::one_line;
use crate::told::{self, Failure, Told};
use crate::wire::{FromWorker, Place, Readable, ToWorker};

/// The largest database, in bytes: the worker has all of it in memory.
const MAX_DATABASE_BYTES: u64 = 128 * 1024 * 1024;

/// How often a database that was written meanwhile is read.
const MAX_TRIES: u32 = 4;

/// How long a file must have been as it is: the times of files are no finer than a tick of the kernel's clock.
const SETTLED: Duration = Duration::from_millis(100);

/// Why tables are not read.
#[derive(Debug, thiserror::Error)]
enum SqlError {
    #[error(
        "the file `{0}` of the database is not there, or leads through a symbolic link; ask an administrator to mend its `path`"
    )]
    Missing(String),
    #[error(
        "the database is being written all the time, or a writer left `{0}-journal` behind; ask again later, or have `path` name a copy of it"
    )]
    Busy(String),
}

/// Reads what `action` says, within `bounds`.
pub(crate) async fn read(bench: &mut Bench, action: &Action, bounds: &Bounds) -> Told {
    let (Resource::Table(_), Bounds::Tables(tables), Some(query)) =
        (&action.resource, bounds, action.text("query"))
    else {
        return Err(Failure::misfit(action));
    };
    let Tables { file, tables, max_rows } = tables.as_ref();
    let Some(root) = file.to_str() else { return Err(Failure::misfit(action)) };
    let readable =
        |table: &monitor::Table| Readable { name: table.name.clone(), columns: table.columns.clone() };
    let request = ToWorker::Query {
        place: Place { root: root.to_owned(), beneath: String::new(), max_bytes: MAX_DATABASE_BYTES },
        tables: tables.iter().map(readable).collect(),
        query: query.to_owned(),
        max_rows: *max_rows,
    };
    for _ in 0..MAX_TRIES {
        let Some(before) = Standing::of(file).map_err(Failure::new)? else {
            tokio::time::sleep(SETTLED).await;
            continue;
        };
        let answer = bench.ask_of(file, &request).await;
        // A failure, too, may come of half a change.
        if Standing::of(file).map_err(Failure::new)?.as_ref() != Some(&before) {
            continue;
        }
        return answered(action, answer?);
    }
    Err(Failure::new(SqlError::Busy(one_line(root))))
}

/// What is told of a worker's answer.
pub(crate) fn answered(action: &Action, answer: FromWorker) -> Told {
    match answer {
        FromWorker::Rows { text, rows, more } => Ok(told(action, &text, rows, more)),
        _ => Err(Failure::misfit_answer()),
    }
}

fn told(action: &Action, text: &str, rows: u32, more: bool) -> String {
    let resources = action.resources();
    let names: Vec<&str> = resources.iter().map(|resource| resource.name()).collect();
    let more = if more { " and more, which are not here" } else { "" };
    told::data(&format!("tables {}; {rows} rows{more}", names.join(", ")), text, false)
}

/// What a file is and when it was changed.
#[derive(Debug, PartialEq, Eq)]
struct Standing([i128; 7]);

impl Standing {
    /// The file as it stands; nothing while it is being written.
    fn of(file: &Path) -> Result<Option<Self>, SqlError> {
        let missing = || SqlError::Missing(one_line(&file.to_string_lossy()));
        let seen = std::fs::symlink_metadata(file).map_err(|_| missing())?;
        // The jail has no links, so that what is read is what was judged.
        if seen.is_symlink() {
            return Err(missing());
        }
        let mut journal = file.as_os_str().to_owned();
        journal.push("-journal");
        let writing = std::fs::symlink_metadata(Path::new(&journal)).is_ok_and(|journal| journal.len() > 0);
        // A time ahead of the clock tells nothing either way, and is not waited for.
        let fresh =
            seen.modified().ok().and_then(|time| time.elapsed().ok()).is_some_and(|age| age < SETTLED);
        Ok((!writing && !fresh).then(|| Self::new(&seen)))
    }

    fn new(seen: &Metadata) -> Self {
        Self([
            seen.dev().into(),
            seen.ino().into(),
            seen.size().into(),
            seen.mtime().into(),
            seen.mtime_nsec().into(),
            seen.ctime().into(),
            seen.ctime_nsec().into(),
        ])
    }
}
