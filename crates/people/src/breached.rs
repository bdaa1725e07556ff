//! Passwords that are in somebody's list already: a local file in the form of Have I Been Pwned.
//!
//! The file has one line for each password, `SHA-1:COUNT` with the hash as 40 upper-case hexadecimal digits, sorted. It may
//! have a hundred gigabytes, so it is searched where it lies and never read into memory.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use data_encoding::HEXUPPER;

use crate::no::{No, NoKind};
use crate::password::Password;

/// Digits of a hash.
const HASH_CHARS: usize = 40;

/// The longest line, in bytes: a hash, a colon, a count.
const MAX_LINE_BYTES: u64 = 80;

/// The most steps of one search: enough for any file, and an end for one that is not sorted.
const MAX_STEPS: u32 = 64;

/// Demands that `password` is not in the list at `path`. Blocks for some reads of the file.
///
/// # Errors
/// When it is, and when the list cannot be read: then no password can be told to be a good one.
pub(crate) fn check(path: &Path, password: &Password) -> Result<(), No> {
    match listed(path, password.bytes()) {
        Ok(false) => Ok(()),
        Ok(true) => {
            let message =
                "this password is in a list of passwords that were stolen elsewhere; choose another";
            Err(No::new(NoKind::Invalid, message))
        }
        Err(why) => {
            let message = format!(
                "the list of breached passwords `{}` cannot be used ({why}): an administrator mends it or takes it out of `[sign-in]` in bulkhead.toml",
                path.display()
            );
            Err(No::new(NoKind::Unavailable, message))
        }
    }
}

fn listed(path: &Path, password: &[u8]) -> Result<bool, String> {
    let wanted = HEXUPPER.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, password).as_ref());
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut file = BufReader::with_capacity(256, file);
    let end = file.get_ref().metadata().map_err(|error| error.to_string())?.len();
    // The line that is looked for, if it is there, begins within `low..high`.
    let (mut low, mut high) = (0, end);
    for _ in 0..MAX_STEPS {
        if low >= high {
            return Ok(false);
        }
        let middle = low.midpoint(high);
        let start = line_start(&mut file, middle, low)?;
        let (hash, after) = line(&mut file, start)?;
        match wanted.as_str().cmp(hash.as_str()) {
            std::cmp::Ordering::Equal => return Ok(true),
            std::cmp::Ordering::Less => high = start,
            std::cmp::Ordering::Greater => low = after,
        }
    }
    Err("it is not sorted".to_owned())
}

/// Where the line begins that holds the byte at `at`; not before `low`, where one does.
fn line_start(file: &mut BufReader<File>, at: u64, low: u64) -> Result<u64, String> {
    let from = at.saturating_sub(MAX_LINE_BYTES).max(low);
    file.seek(SeekFrom::Start(from)).map_err(|error| error.to_string())?;
    let mut before = Vec::new();
    let count = at.saturating_sub(from);
    file.by_ref().take(count).read_to_end(&mut before).map_err(|error| error.to_string())?;
    match before.iter().rposition(|byte| *byte == b'\n') {
        Some(place) => Ok(from.saturating_add(u64::try_from(place).unwrap_or(u64::MAX)).saturating_add(1)),
        None if from == low => Ok(low),
        None => Err("a line of it is too long".to_owned()),
    }
}

/// The hash of the line that begins at `start`, and where the next begins.
fn line(file: &mut BufReader<File>, start: u64) -> Result<(String, u64), String> {
    file.seek(SeekFrom::Start(start)).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes).map_err(|error| error.to_string())?;
    let misfit = || format!("what is at byte {start} is not `SHA-1:COUNT`");
    let text = std::str::from_utf8(&bytes).map_err(|_| misfit())?;
    let (hash, count) = text.trim_end_matches(['\n', '\r']).split_once(':').ok_or_else(misfit)?;
    let digits = |c: char| matches!(c, '0'..='9' | 'A'..='F');
    if hash.len() != HASH_CHARS || !hash.chars().all(digits) || count.parse::<u64>().is_err() {
        return Err(misfit());
    }
    let after = start.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    Ok((hash.to_owned(), after))
}

#[cfg(test)]
mod tests;
