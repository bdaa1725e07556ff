//! Messages: posts to channels. In this version the `board` alone, an internal notice board kept in files.
//!
//! A board is one Markdown file, `NAME.md`, to which posts are only ever added. A post is a heading with
//! its time, its agent, the person who asked and the proposal in the record, and below it the text. Every line of the text stands
//! four blanks in, which Markdown shows word for word: no text can look like the heading of another
//! post, define a link for it or hide it, whether the file is read raw or rendered.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use vocab::{Action, PersonId, ProposalId, Resource, Timestamp};

use crate::bench::Seat;
use crate::plain::one_line;
use crate::specs::MAX_POST_CHARS;
use crate::told::{Failure, Told};

/// The largest board, in bytes. A full one takes no more posts until someone moves the file away.
const MAX_BOARD_BYTES: u64 = 64 * 1024 * 1024;

/// The longest name of a board, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Why a post is not on its board.
#[derive(Debug, thiserror::Error)]
enum PostError {
    #[error("`{0}` is not a channel; write KIND:DESTINATION, such as board:forum")]
    NotChannel(String),
    #[error("`{0}` channels are not connected in this version; use a board")]
    NotConnected(String),
    #[error("`{0}` is not the name of a board: use 1 to {MAX_NAME_BYTES} of a-z, 0-9, `-` and `_`")]
    Name(String),
    #[error("a post of more than {MAX_POST_CHARS} characters, or an empty one, is not taken")]
    Length,
    #[error("the agent was stopped before this was posted")]
    Stopped,
    #[error("the board `{0}` is full; move its file away to start a new one")]
    Full(String),
    #[error("the board `{0}` is not a regular file; a link or a pipe is not written to")]
    NotFile(String),
    #[error("the disk is full: nothing was posted to the board `{0}`")]
    Disk(String),
    #[error("the board `{name}` could not be written: {why}")]
    Io { name: String, why: io::Error },
    #[error("the board `{name}` could not be written, and part of the post may stand on it: {why}")]
    Torn { name: String, why: io::Error },
}

/// Where the boards are, and whose turn it is to write to one. Whoever writes holds the turn, since a post that does not
/// fit is taken back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Boards<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) turn: &'a Arc<Mutex<()>>,
}

/// Posts what `action` says, which `proposal` was, in the name of `seat`, unless `stopped` was cancelled before the writing began.
pub(crate) async fn post(
    boards: Boards<'_>,
    seat: &Seat,
    stopped: &CancellationToken,
    action: &Action,
    proposal: &ProposalId,
    now: Timestamp,
) -> Told {
    let (Resource::Channel(channel), Some(text)) = (&action.resource, action.text("text")) else {
        return Err(Failure::misfit(action));
    };
    let name = board(channel).map_err(Failure::new)?.to_owned();
    if text.is_empty() || text.chars().count() > MAX_POST_CHARS {
        return Err(Failure::new(PostError::Length));
    }
    let entry = entry(seat, proposal, text, now);
    let bytes = text.len();
    let told = format!("[posted to {channel}, {bytes} bytes]");
    let dir: PathBuf = boards.dir.to_owned();
    let turn = Arc::clone(boards.turn).lock_owned().await;
    // The turn goes with the writing, which goes on when nobody waits for it any more.
    let stopped = stopped.clone();
    let written = tokio::task::spawn_blocking(move || {
        let added = if stopped.is_cancelled() { Err(PostError::Stopped) } else { add(&dir, &name, &entry) };
        drop(turn);
        added
    });
    match written.await {
        Ok(Ok(())) => Ok(told),
        Ok(Err(error)) => Err(Failure::new(error)),
        Err(error) => Err(Failure::new(format!("the post was broken off: {error}"))),
    }
}

/// Takes the posts for `asker`, and those that were `proposals`, off every board. One that is a link or no
/// file is left alone.
pub(crate) async fn forget(
    boards: Boards<'_>,
    asker: Option<&PersonId>,
    proposals: &BTreeSet<ProposalId>,
) -> Result<(), String> {
    let (dir, asker, proposals) = (boards.dir.to_owned(), asker.cloned(), proposals.clone());
    let turn = Arc::clone(boards.turn).lock_owned().await;
    let forgotten = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let unread = |why: io::Error| format!("erased posts may still stand in `{}`: {why}", dir.display());
        let boards = match std::fs::read_dir(&dir) {
            Ok(boards) => boards,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(why) => return Err(unread(why)),
        };
        for board in boards {
            let board = board.map_err(unread)?;
            if board.file_type().map_err(unread)?.is_file() {
                let path = board.path();
                take_off(&path, asker.as_ref(), &proposals)
                    .map_err(|why| format!("`{}` still has posts that were erased: {why}", path.display()))?;
            }
        }
        Ok(())
    });
    forgotten.await.map_err(|error| error.to_string())?
}

/// Writes a board anew without what [`without`] leaves out. One that was moved away meanwhile is its mover's.
fn take_off(path: &Path, asker: Option<&PersonId>, proposals: &BTreeSet<ProposalId>) -> io::Result<()> {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(why),
    };
    let kept = without(&text, asker, proposals);
    if kept == text {
        return Ok(());
    }
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(kept.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

/// A board without the posts for `asker` and those that were `proposals`. Only a heading begins a line with `## `: every
/// line of a text is indented.
fn without(text: &str, asker: Option<&PersonId>, proposals: &BTreeSet<ProposalId>) -> String {
    let goes = |heading: &str| {
        let Some((who, proposal)) = heading.trim_end().rsplit_once(", ") else { return false };
        let theirs =
            who.rsplit_once(" for ").is_some_and(|(_, name)| asker.is_some_and(|id| id.as_str() == name));
        theirs || ProposalId::new(proposal).is_ok_and(|id| proposals.contains(&id))
    };
    let mut keep = true;
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if line.starts_with("## ") {
            keep = !goes(line);
        }
        if keep {
            kept.push_str(line);
        }
    }
    kept
}

/// The name of the board that `channel` is.
fn board(channel: &str) -> Result<&str, PostError> {
    let (kind, name) = channel.split_once(':').ok_or_else(|| PostError::NotChannel(one_line(channel)))?;
    if kind != "board" {
        return Err(PostError::NotConnected(one_line(kind)));
    }
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(allowed) {
        return Err(PostError::Name(one_line(name)));
    }
    Ok(name)
}

/// A post as it stands on its board. All that Unicode calls a line break starts a new line.
fn entry(seat: &Seat, proposal: &ProposalId, text: &str, now: Timestamp) -> String {
    let mut entry = format!("## {now} - {} for {}, {proposal}\n\n", seat.agent, seat.asker);
    let text = text.replace("\r\n", "\n");
    for line in text.split(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']) {
        entry.push_str("    ");
        entry.push_str(&line.split('\t').map(one_line).collect::<Vec<_>>().join("\t"));
        entry.push('\n');
    }
    entry.push('\n');
    entry
}

/// Adds `entry` to the board `name`, on the disk when it returns.
fn add(dir: &Path, name: &str, entry: &str) -> Result<(), PostError> {
    let failed = |why: io::Error| match why.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PostError::Disk(name.to_owned()),
        _ => PostError::Io { name: name.to_owned(), why },
    };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let mut board = open(&dir.join(format!("{name}.md")), name)?;
    let seen = board.metadata().map_err(failed)?;
    if !seen.is_file() {
        return Err(PostError::NotFile(name.to_owned()));
    }
    let before = seen.len();
    let heading = if before == 0 { format!("# Board {name}\n\n") } else { String::new() };
    let added = heading + entry;
    if before.saturating_add(added.len() as u64) > MAX_BOARD_BYTES {
        return Err(PostError::Full(name.to_owned()));
    }
    if let Err(why) = board.write_all(added.as_bytes()).and_then(|()| board.sync_all()) {
        return Err(match board.set_len(before) {
            Ok(()) => failed(why),
            Err(why) => PostError::Torn { name: name.to_owned(), why },
        });
    }
    // A new name is on the disk when its folder is.
    if before == 0 {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
    }
    Ok(())
}

fn open(path: &Path, name: &str) -> Result<File, PostError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path).map_err(|why| {
        match why.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO | rustix::io::Errno::ISDIR) => {
                PostError::NotFile(name.to_owned())
            }
            _ => PostError::Io { name: name.to_owned(), why },
        }
    })
}

#[cfg(test)]
mod tests;
