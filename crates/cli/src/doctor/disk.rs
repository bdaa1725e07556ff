//! The disk: room for the record, without which nothing is done.

use rustix::fs::statvfs;

use super::{Finding, State};
use crate::home::Home;

/// Below this much room somebody should know, in bytes.
const LOW_BYTES: u64 = 1024 * 1024 * 1024;

/// Below this much room the record may soon refuse, in bytes.
const LEAST_BYTES: u64 = 64 * 1024 * 1024;

const MEND: &str = "make room on that disk; without it nothing is recorded, and so nothing is done";

/// Looks at the disk that the record is on.
pub(super) fn look(home: &Home) -> Finding {
    match statvfs(home.root()) {
        Ok(disk) => room(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => Finding::of("disk", State::Missing, format!("the disk cannot be asked: {error}"), MEND),
    }
}

fn room(bytes: u64) -> Finding {
    let message = format!("{} MiB are free for the record", bytes / (1024 * 1024));
    match bytes {
        ..LEAST_BYTES => Finding::of("disk", State::Missing, message, MEND),
        LEAST_BYTES..LOW_BYTES => Finding::of("disk", State::Warning, message, MEND),
        LOW_BYTES.. => Finding::ok("disk", message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_is_a_warning_and_next_to_none_is_missing() {
        let states =
            [u64::MAX, LOW_BYTES, LOW_BYTES - 1, LEAST_BYTES, LEAST_BYTES - 1, 0].map(|b| room(b).state);
        let (ok, warning, missing) = (State::Ok, State::Warning, State::Missing);
        assert_eq!(states, [ok, ok, warning, warning, missing, missing]);
    }
}
