//! Looking at what a write would replace, whole, for a person who is to decide on it.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd;

use monitor::Over;
use rustix::fs::{Mode, OFlags, fstat};
use vocab::Digest;

use super::Trouble;
use super::spot::{Spot, open_beneath};
use super::write::own;
use crate::wire::{FromWorker, MAX_LOOKED_BYTES, MAX_SEEN_TEXT_BYTES, Place, Sight};

/// What is at `place`, if anything is.
pub(super) fn look(place: &Place) -> Result<FromWorker, Trouble> {
    let spot = Spot::of(place)?;
    let there = match sight(&spot, &spot.folder, &spot.beneath) {
        Ok(sight) => Some(sight),
        Err(Trouble::Missing(_)) => None,
        Err(trouble) => return Err(trouble),
    };
    Ok(FromWorker::Seen { there })
}

/// Whether `name` in `folder` is what may be written over.
///
/// # Errors
/// [`Trouble::Changed`] when it is not, and when that cannot be told.
pub(super) fn unchanged(spot: &Spot, folder: impl AsFd, name: &str, over: Over) -> Result<(), Trouble> {
    match (over, sight(spot, folder, name)) {
        (Over::Nothing, Err(Trouble::Missing(_))) => Ok(()),
        (Over::Only(digest), Ok(sight)) if sight.digest == digest => Ok(()),
        _ => Err(Trouble::Changed(spot.shown.clone())),
    }
}

fn sight(spot: &Spot, folder: impl AsFd, name: &str) -> Result<Sight, Trouble> {
    let failed = |errno| Trouble::from_errno(&spot.shown, errno);
    // Nothing happens to a pipe or a device that is only looked at.
    own(spot, spot.look(&folder, name)?)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = open_beneath(&folder, name, flags, Mode::empty()).map_err(failed)?;
    own(spot, fstat(&open).map_err(failed)?)?;
    let mut bytes = Vec::new();
    File::from(open)
        .take(MAX_LOOKED_BYTES.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Trouble::from_io(&spot.shown, error))?;
    if bytes.len() as u64 > MAX_LOOKED_BYTES {
        return Err(Trouble::TooLarge(spot.shown.clone(), MAX_LOOKED_BYTES));
    }
    let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
    let short = bytes.len() <= MAX_SEEN_TEXT_BYTES;
    let text = short.then(|| String::from_utf8(bytes).ok()).flatten();
    Ok(Sight { digest, size, text })
}
