//! The write-ahead log's file: made large once and written over again and again.
//!
//! A commit that makes a file grow waits for the file system to record the growth as well; one that writes
//! over what is there does not, and costs about half. So the log is given its size at open, a checkpoint
//! happens before it is outgrown, and nothing ever truncates it while the journal is open.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::open::{BUSY, beside, private};
use crate::schema::PAGE_BYTES;

/// The size that the log is given, in bytes.
const WAL_BYTES: u64 = 8 * 1024 * 1024;

/// The bytes of a frame: a page and its header (SQLite file format, section 4.1).
const FRAME_BYTES: u64 = PAGE_BYTES as u64 + 24;

/// From so many frames on a checkpoint happens, whoever waits, so that the log stays within its size.
pub(crate) const FULL_FRAMES: u32 = (WAL_BYTES / FRAME_BYTES) as u32 * 7 / 8;

/// From so many frames on most of them are copied beside the writer. What it writes meanwhile has room in the log.
pub(crate) const AHEAD_FRAMES: u32 = FULL_FRAMES * 5 / 8;

/// From so many frames on a checkpoint happens when nobody waits.
pub(crate) const IDLE_FRAMES: u32 = FULL_FRAMES / 8;

/// Zeros are written in pieces of so many bytes. The kernel keeps a piece as one unit as long as the log is there, and to
/// write a frame into it takes a look at each of its blocks: 14 µs in one piece of 8 MiB, 3 in one of this size.
const PIECE_BYTES: usize = 64 * 1024;

/// Writes zeros behind the end of the log of the database at `path`, up to its size. What is in the log stays; SQLite ends
/// a log at the first frame whose checksum does not fit, and nothing but the caller writes to it.
pub(crate) fn extend(path: &Path) -> std::io::Result<()> {
    let mut file = private().open(beside(path, "-wal"))?;
    let mut length = file.seek(SeekFrom::End(0))?;
    if length >= WAL_BYTES {
        return Ok(());
    }
    let zeros = vec![0; PIECE_BYTES];
    while length < WAL_BYTES {
        let piece = usize::try_from(WAL_BYTES - length).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        file.write_all(zeros.get(..piece).unwrap_or(&zeros))?;
        length += piece as u64;
    }
    file.sync_data()
}

/// Empties the log's file, so that it holds nothing that was erased: not in pages that are written over, nor behind the
/// end of what counts. Says whether it could; while somebody reads an older state it cannot.
pub(crate) fn wipe(conn: &Connection, path: &Path) -> std::io::Result<bool> {
    // Nobody's record waits for a reader of somebody else.
    conn.busy_timeout(Duration::ZERO).map_err(std::io::Error::other)?;
    let busy = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    conn.busy_timeout(BUSY).map_err(std::io::Error::other)?;
    if busy.map_err(std::io::Error::other)? != 0 {
        return Ok(false);
    }
    extend(path)?;
    Ok(true)
}

/// Copies what is in the log to the database, as far as readers allow, without waiting for any.
pub(crate) fn checkpoint(conn: &Connection) -> rusqlite::Result<()> {
    conn.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |_| Ok(()))
}
