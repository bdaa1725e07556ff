//! Reading a file as text, a window of it at a time.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::fs::{FileType, Mode, OFlags, fstat};
use rustix::io::Errno;
use vocab::limits::MAX_RESULT_BYTES;

use super::Trouble;
use super::spot::{Spot, kind, open_beneath};
use crate::wire::{FromWorker, Place};

/// The longest UTF-8 character, in bytes: no window is smaller, or reading on would stand still.
const MAX_CHAR_BYTES: usize = 4;

/// Reads the file at `place` from `offset`, at most `limit` bytes; lists it when it is a folder.
pub(super) fn read(place: &Place, offset: u64, limit: u64) -> Result<FromWorker, Trouble> {
    let spot = Spot::of(place)?;
    let seen = spot.look(&spot.folder, &spot.beneath)?;
    match FileType::from_raw_mode(seen.st_mode) {
        FileType::RegularFile => content(&spot, place.max_bytes, offset, limit),
        FileType::Directory => super::list::list(&spot),
        other => Err(Trouble::NotPlain(spot.shown, kind(other))),
    }
}

fn content(spot: &Spot, max_bytes: u64, offset: u64, limit: u64) -> Result<FromWorker, Trouble> {
    let failed = |errno: Errno| Trouble::from_errno(&spot.shown, errno);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = open_beneath(&spot.folder, &spot.beneath, flags, Mode::empty()).map_err(failed)?;
    // Looked at again: what was a file a moment ago may be a pipe by now.
    let seen = fstat(&open).map_err(failed)?;
    let file_type = FileType::from_raw_mode(seen.st_mode);
    if file_type != FileType::RegularFile {
        return Err(Trouble::NotPlain(spot.shown.clone(), kind(file_type)));
    }
    let size = u64::try_from(seen.st_size).unwrap_or_default();
    if size > max_bytes {
        return Err(Trouble::TooLarge(spot.shown.clone(), max_bytes));
    }
    if offset > size {
        return Err(Trouble::BehindEnd(spot.shown.clone(), offset, size));
    }
    let want = usize::try_from(limit).unwrap_or(usize::MAX).clamp(MAX_CHAR_BYTES, MAX_RESULT_BYTES);
    // One byte more than there seems to be, so that the first read finds the end as well.
    let seen = usize::try_from(size.saturating_sub(offset).saturating_add(1)).unwrap_or(usize::MAX);
    let bytes = window(&File::from(open), offset, want, seen)
        .map_err(|error| Trouble::from_io(&spot.shown, error))?;
    let end = offset.saturating_add(bytes.len() as u64);
    if end > max_bytes {
        return Err(Trouble::TooLarge(spot.shown.clone(), max_bytes));
    }
    let whole = bytes.len() < want || end == size;
    let text = text(spot, bytes, offset, whole)?;
    let end = offset.saturating_add(text.len() as u64);
    Ok(FromWorker::Content { text, size: size.max(end), end })
}

/// At most `want` bytes of `file` from `offset`, fewer only at its end. Room is made for `seen` first: clearing all
/// that may be wanted takes longer than reading a small file.
fn window(file: &File, offset: u64, want: usize, seen: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; want.min(seen)];
    let mut filled = 0;
    loop {
        if filled == bytes.len() {
            // It has grown since it was looked at, or as much as is wanted has been read.
            bytes.resize(want, 0);
        }
        let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) else { break };
        match file.read_at(rest, offset.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The bytes as text. A character that the window's end splits is left for the next one.
fn text(spot: &Spot, mut bytes: Vec<u8>, offset: u64, whole: bool) -> Result<String, Trouble> {
    let continuation = bytes.iter().take(MAX_CHAR_BYTES).take_while(|byte| **byte & 0xc0 == 0x80).count();
    if offset > 0 && (1..MAX_CHAR_BYTES).contains(&continuation) {
        let next = offset.saturating_add(continuation as u64);
        return Err(Trouble::InsideCharacter(spot.shown.clone(), offset, next));
    }
    if let Err(error) = std::str::from_utf8(&bytes) {
        if error.error_len().is_some() || whole {
            let at = offset.saturating_add(error.valid_up_to() as u64);
            return Err(Trouble::NotText(spot.shown.clone(), at));
        }
        bytes.truncate(error.valid_up_to());
    }
    String::from_utf8(bytes).map_err(|_| Trouble::NotText(spot.shown.clone(), offset))
}
