//! The worker: the part of a skill that runs inside the jail, where it has the granted paths and no network.
//!
//! Requests come in over one socket, one at a time, and each gets one answer. It is single-threaded
//! and knows no policy: what it is asked was permitted, and the kernel holds it to the jail's paths
//! besides. Its own checks (descriptors, no links, regular files, sizes) do not rely on the jail, and
//! the jail does not rely on them.

mod documents;
mod list;
mod look;
mod page;
mod query;
mod read;
mod spot;
mod write;

use std::io::{BufReader, Read, Write};

use rustix::io::Errno;
use vocab::frame::{self, FrameError};

pub(crate) use documents::DocumentsError;

use crate::wire::{FromWorker, ToWorker};

/// Why a worker ended other than by being told so.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The socket broke, or what came over it was not a request.
    #[error("the worker's socket: {0}")]
    Frame(#[from] FrameError),
}

/// Why a request did not succeed: one sentence for the agent and the record.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("`{0}` is not there; check the name, or list its folder")]
    Missing(String),
    #[error("`{0}` leads through a symbolic link; links are never followed, so name the place itself")]
    Link(String),
    #[error("`{0}` leads outside of what was granted")]
    Outside(String),
    #[error("`{0}` may not be opened by this gateway's user; ask for its permissions to be changed")]
    Forbidden(String),
    #[error("`{0}` is {1}; only regular files and folders are opened")]
    NotPlain(String, &'static str),
    #[error("`{0}` is a folder; name a file in it")]
    Folder(String),
    #[error("a part of `{0}` is not a folder")]
    NotFolder(String),
    #[error("`{0}` has more than one name (a hard link); writing it would change a file elsewhere")]
    HardLink(String),
    #[error("`{0}` was exchanged for another file meanwhile, so nothing was added to it; try again")]
    Exchanged(String),
    #[error("`{0}` is larger than the {1} bytes that were granted")]
    TooLarge(String, u64),
    #[error("`{0}` is not UTF-8 text: the byte at {1} does not belong there; only text files can be read")]
    NotText(String, u64),
    #[error("offset {1} of `{0}` lies inside a character; try {2}")]
    InsideCharacter(String, u64, u64),
    #[error("offset {1} is behind the end of `{0}`, which has {2} bytes")]
    BehindEnd(String, u64, u64),
    #[error("the disk is full: `{0}` was not written, and what was there before is unchanged")]
    Full(String),
    #[error("`{0}` was not written: its disk is mounted read-only, or it may only be read")]
    ReadOnly(String),
    #[error("`{0}` was not written, and a part of the text may stand in `{1}`: {2}")]
    LeftBehind(String, String, Errno),
    #[error("`{0}` was written, but the disk did not confirm that it will stay: {1}")]
    NotConfirmed(String, Errno),
    #[error("`{0}` has a name that is too long, or too many folders")]
    TooDeep(String),
    #[error("`{0}`: {1}")]
    Other(String, std::io::Error),
    #[error("`{0}` is not what a person saw when they said yes, so it was not written; ask again")]
    Changed(String),
    #[error(transparent)]
    Query(#[from] query::QueryError),
    #[error(transparent)]
    Documents(#[from] documents::DocumentsError),
    #[error("this page could not be turned into text: {0}")]
    Page(String),
}

impl Trouble {
    /// What an error number means for the file `shown`.
    fn from_errno(shown: &str, errno: Errno) -> Self {
        let shown = shown.to_owned();
        match errno {
            Errno::NOENT => Self::Missing(shown),
            Errno::LOOP => Self::Link(shown),
            Errno::XDEV => Self::Outside(shown),
            Errno::ACCESS | Errno::PERM => Self::Forbidden(shown),
            Errno::NOTDIR => Self::NotFolder(shown),
            Errno::ISDIR => Self::Folder(shown),
            Errno::NOSPC | Errno::DQUOT => Self::Full(shown),
            Errno::ROFS => Self::ReadOnly(shown),
            Errno::NAMETOOLONG => Self::TooDeep(shown),
            Errno::NXIO | Errno::NODEV => Self::NotPlain(shown, "a device or socket"),
            other => Self::Other(shown, other.into()),
        }
    }

    /// As [`Trouble::from_errno`], from an error of the standard library.
    fn from_io(shown: &str, error: std::io::Error) -> Self {
        match Errno::from_io_error(&error) {
            Some(errno) => Self::from_errno(shown, errno),
            None => Self::Other(shown.to_owned(), error),
        }
    }
}

/// Answers requests from `stream` until the gateway closes it.
///
/// # Errors
/// When the socket breaks or carries something that is not a request.
pub fn work(stream: impl Read + Write) -> Result<(), WorkError> {
    let mut requests = BufReader::new(stream);
    while let Some(request) = frame::read::<ToWorker>(&mut requests)? {
        frame::write(requests.get_mut(), &answer(request))?;
    }
    Ok(())
}

fn answer(request: ToWorker) -> FromWorker {
    let done = match request {
        ToWorker::Read { place, offset, limit } => read::read(&place, offset, limit),
        ToWorker::Write { place, content, append, over } => write::write(&place, &content, append, over),
        ToWorker::Look { place } => look::look(&place),
        ToWorker::Query { place, tables, query, max_rows } => query::read(&place, &tables, &query, max_rows),
        ToWorker::Search { folder, query, limit } => documents::search(&folder, &query, limit),
        ToWorker::Document { folder, document, from, to } => documents::read(&folder, &document, from, to),
        ToWorker::Page { body, charset, html } => page::text(&body, charset.as_deref(), html),
    };
    done.unwrap_or_else(|trouble| FromWorker::Failed { why: trouble.to_string() })
}

#[cfg(test)]
mod tests;
