//! The record: its end verifies, and the clock does not stand before it.

use journal::Place;
use journal::read::Reader;
use journal::verify::verify_tail;
use vocab::{Ambient as _, Timestamp};

use super::{Finding, State};
use crate::ambient::Machine;
use crate::home::Home;

/// How many of the newest records are verified; `audit verify` goes through all.
const TAIL: u32 = 1_000;

/// How far the newest record may lie ahead of the clock, in seconds.
const MAX_AHEAD_SECONDS: i64 = 2;

/// Looks at the end of the record.
pub(super) fn look(home: &Home) -> Vec<Finding> {
    let place = Place::Sqlite(home.database());
    if !home.database().exists() {
        return vec![Finding::ok(
            "record",
            "there is none yet: it begins with the first `bulkhead gateway start`",
        )];
    }
    let whole = match verify_tail(&place, TAIL) {
        Ok(None) => Finding::ok("record", format!("the newest records verify, up to {TAIL}")),
        Ok(Some(bad)) => {
            let mend = "stop the gateway, keep the file as it is, and see `bulkhead audit verify`";
            Finding::of("record", State::Unsafe, format!("the record is broken at {bad}"), mend)
        }
        Err(error) => Finding::of(
            "record",
            State::Missing,
            error.to_string(),
            "see `bulkhead audit verify`; restore a copy",
        ),
    };
    let newest = Reader::open(&place).and_then(|reader| reader.tail(1));
    let clock = match newest {
        Ok(records) => records.last().map(|record| clock(record.time, Machine.now())),
        // What cannot be read has been said above.
        Err(_) => None,
    };
    std::iter::once(whole).chain(clock).chain([backup(home)]).collect()
}

/// This version makes none, and says so rather than nothing.
fn backup(home: &Home) -> Finding {
    let mend = format!(
        "copy it from time to time with `sqlite3 {} \".backup FILE\"`, and keep what `bulkhead audit verify` prints elsewhere",
        home.database().display()
    );
    Finding::of("backup", State::Warning, "nothing here makes a copy of the record", mend)
}

fn clock(newest: Timestamp, now: Timestamp) -> Finding {
    let ahead = newest.as_second().saturating_sub(now.as_second());
    if ahead <= MAX_AHEAD_SECONDS {
        return Finding::ok("clock", format!("the clock stands behind the newest record: {now}"));
    }
    let message =
        format!("the newest record is of {newest} and the clock says {now}: it went back, or was ahead");
    Finding::of(
        "clock",
        State::Unsafe,
        message,
        "set the clock (`timedatectl set-ntp true`); expiry depends on it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_went_back_is_found() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(clock(at(1_000), at(1_000)).state, State::Ok);
        assert_eq!(clock(at(1_000), at(5_000)).state, State::Ok);
        assert_eq!(clock(at(1_000), at(900)).state, State::Unsafe);
    }
}
