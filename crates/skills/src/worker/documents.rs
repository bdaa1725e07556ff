//! Documents of a collection: the text files beneath one folder.
//!
//! A search makes its index anew, in memory, of what is in the folder now, so that no copy of a document outlives its
//! reading. Everything is reached through the folder's descriptor: no link is followed, no name leads out, and nothing is
//! opened but regular files. What a file says is data; so is the query, which is never read as a language.

mod gather;
mod index;
mod passages;

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Mode, OFlags, fstat};
use rustix::io::Errno;
use vocab::collection;

use super::Trouble;
use super::page;
use super::spot::{Spot, open_beneath};
use crate::plain::{beginning, one_line};
use crate::told::MAX_DATA_BYTES;
use crate::wire::{FromWorker, LeftOut, Place};
use index::Index;

/// The largest document, in bytes.
pub(super) const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// The largest collection, all documents together, in bytes.
pub(super) const MAX_COLLECTION_BYTES: u64 = 32 * 1024 * 1024;

/// The most documents of a collection.
pub(super) const MAX_DOCUMENTS: usize = 10_000;

/// The most entries of all folders of a collection.
pub(super) const MAX_ENTRIES: usize = 50_000;

/// The most passages of a collection.
const MAX_INDEXED: usize = 200_000;

/// How long a search may take.
const SEARCH_TIME: Duration = Duration::from_secs(20);

/// Room that lines leave in an answer for its mark, in bytes.
const MARGIN_BYTES: usize = 1024;

/// Why a collection gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentsError {
    #[error(
        "the folder `{0}` of the collection is not there, is none, or leads through a symbolic link; ask an administrator to mend its `folder`"
    )]
    NoFolder(String),
    #[error("there is no document `{0}` in this collection; a search tells which there are")]
    NoDocument(String),
    #[error("`{0}` is no name of a document in this collection")]
    Name(String),
    #[error(
        "the document `{0}` is no text that can be read: that is UTF-8, or HTML in the encoding that it names, without a NUL"
    )]
    NotText(String),
    #[error("the document `{0}` is larger than {1} bytes")]
    Large(String, u64),
    #[error("the document `{0}` has {1} lines; line {2} is behind its end")]
    BehindEnd(String, u64, u64),
    #[error(
        "the collection has more than {MAX_DOCUMENTS} documents; ask an administrator to make several of it"
    )]
    ManyDocuments,
    #[error(
        "the folders of the collection have more than {MAX_ENTRIES} entries; ask an administrator to make several of it"
    )]
    ManyEntries,
    #[error(
        "the documents of the collection have more than {MAX_COLLECTION_BYTES} bytes together; ask an administrator to make several of it"
    )]
    ManyBytes,
    #[error(
        "the collection has more than {MAX_INDEXED} passages; ask an administrator to make several of it"
    )]
    ManyPassages,
    #[error("the search took longer than {} s; ask an administrator to make the collection smaller", SEARCH_TIME.as_secs())]
    Late,
    #[error(
        "the collection needs more memory than the search may have; ask an administrator to make it smaller"
    )]
    Memory,
    #[error("the search did not succeed: {0}")]
    Index(String),
}

/// Until when a search goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until(Instant);

impl Until {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn check(self) -> Result<(), DocumentsError> {
        if self.0.elapsed() > SEARCH_TIME { Err(DocumentsError::Late) } else { Ok(()) }
    }
}

/// Finds the passages of the collection in `folder` that fit `query` best.
pub(super) fn search(folder: &str, query: &str, limit: u32) -> Result<FromWorker, Trouble> {
    let until = Until::new();
    let open = open_folder(folder)?;
    let gather::Gathered { names, mut left_out } = gather::names(&open, until)?;
    let mut index = Index::new(until)?;
    let (mut bytes, mut passages, mut documents) = (0_u64, 0_usize, 0_u32);
    for name in &names {
        until.check()?;
        let Some(text) = text_of(&open, name, &mut left_out) else { continue };
        bytes = bytes.saturating_add(text.len() as u64);
        let found = passages::passages(&text);
        passages = passages.saturating_add(found.len());
        if bytes > MAX_COLLECTION_BYTES {
            return Err(DocumentsError::ManyBytes.into());
        }
        if passages > MAX_INDEXED {
            return Err(DocumentsError::ManyPassages.into());
        }
        index.add(name, &found)?;
        documents = documents.saturating_add(1);
    }
    let (passages, more) = index.find(query, limit, until)?;
    Ok(FromWorker::Found { passages, more, documents, left_out })
}

/// Reads lines of a document of the collection in `folder`: from `from`, to `to` or as far as they fit.
pub(super) fn read(folder: &str, document: &str, from: u64, to: Option<u64>) -> Result<FromWorker, Trouble> {
    let shown = one_line(document);
    if collection::document(document).is_err() || shown != document {
        return Err(DocumentsError::Name(shown).into());
    }
    let open = open_folder(folder)?;
    let bytes = match bytes_of(&open, document) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(DocumentsError::Large(shown, most(document)).into()),
        Err(Fault::NotPlain(kind)) => return Err(Trouble::NotPlain(shown, kind)),
        Err(Fault::Errno(Errno::NOENT | Errno::NOTDIR)) => {
            return Err(DocumentsError::NoDocument(shown).into());
        }
        Err(Fault::Errno(errno)) => return Err(Trouble::from_errno(&shown, errno)),
        Err(Fault::Io(error)) => return Err(Trouble::from_io(&shown, error)),
    };
    let text = text(document, bytes).ok_or_else(|| DocumentsError::NotText(shown.clone()))?;
    let of = text.split_inclusive('\n').count() as u64;
    if from == 0 || (from > of && of > 0) {
        return Err(DocumentsError::BehindEnd(shown, of, from).into());
    }
    Ok(lines(&text, from, to.unwrap_or(of).min(of), of))
}

/// Lines `from` to `to` of `text`, as far as they fit; a line that is too long by itself is cut.
fn lines(text: &str, from: u64, to: u64, of: u64) -> FromWorker {
    let most = MAX_DATA_BYTES - MARGIN_BYTES;
    let (mut kept, mut last, mut cut) = (String::new(), from.saturating_sub(1), false);
    let skipped = usize::try_from(last).unwrap_or(usize::MAX);
    for line in text.split_inclusive('\n').skip(skipped) {
        if last >= to || (last >= from && kept.len().saturating_add(line.len()) > most) {
            break;
        }
        let whole = beginning(line, most);
        cut = whole.len() < line.len();
        kept.push_str(whole);
        last = last.saturating_add(1);
        if cut {
            break;
        }
    }
    FromWorker::Lines { text: kept, from: from.min(of), to: last, of, cut }
}

fn open_folder(folder: &str) -> Result<OwnedFd, Trouble> {
    let place = Place { root: folder.to_owned(), beneath: String::new(), max_bytes: MAX_FILE_BYTES };
    let none = |shown: &str| Trouble::from(DocumentsError::NoFolder(shown.to_owned()));
    let spot = Spot::of(&place).map_err(|trouble| match trouble {
        Trouble::Missing(shown) | Trouble::Link(shown) | Trouble::NotFolder(shown) => none(&shown),
        other => other,
    })?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
    open_beneath(&spot.folder, spot.beneath.as_str(), flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => none(&spot.shown),
        other => Trouble::from_errno(&spot.shown, other),
    })
}

/// Why there are no bytes of a file.
enum Fault {
    Errno(Errno),
    NotPlain(&'static str),
    Io(std::io::Error),
}

/// The bytes of a file in the collection; `None` when they are too many.
fn bytes_of(folder: &OwnedFd, name: &str) -> Result<Option<Vec<u8>>, Fault> {
    let plain = |mode: u32| match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Fault::NotPlain("a folder")),
        other => Err(Fault::NotPlain(super::spot::kind(other))),
    };
    // Looked at first: nothing happens to a pipe or a device that is not opened.
    let seen = open_beneath(folder, name, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty()).and_then(fstat);
    plain(seen.map_err(Fault::Errno)?.st_mode)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = open_beneath(folder, name, flags, Mode::empty()).map_err(Fault::Errno)?;
    let seen = fstat(&open).map_err(Fault::Errno)?;
    plain(seen.st_mode)?;
    let size = u64::try_from(seen.st_size).unwrap_or(u64::MAX);
    let most = most(name);
    if size > most {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let read = File::from(open).take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(Fault::Io)?;
    // It may have grown since.
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

/// The text of a document; what is none is counted.
fn text_of(folder: &OwnedFd, name: &str, left_out: &mut LeftOut) -> Option<String> {
    let bytes = match bytes_of(folder, name) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            left_out.large = left_out.large.saturating_add(1);
            return None;
        }
        Err(Fault::NotPlain(_)) => {
            left_out.not_plain = left_out.not_plain.saturating_add(1);
            return None;
        }
        Err(Fault::Errno(_) | Fault::Io(_)) => {
            left_out.closed = left_out.closed.saturating_add(1);
            return None;
        }
    };
    let text = text(name, bytes);
    if text.is_none() {
        left_out.not_text = left_out.not_text.saturating_add(1);
    }
    text
}

fn is_html(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("html"))
}

/// How large a document of this name may be, in bytes.
fn most(name: &str) -> u64 {
    if is_html(name) { page::MAX_HTML_BYTES } else { MAX_FILE_BYTES }
}

/// Bytes as text: of HTML, what a reader sees of it. Line numbers are those of this text.
fn text(name: &str, bytes: Vec<u8>) -> Option<String> {
    let text = if is_html(name) { page::of_file(&bytes).ok()? } else { String::from_utf8(bytes).ok()? };
    // A text file has no NUL; what has one is something else by that name.
    if text.contains('\0') {
        return None;
    }
    Some(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}
