//! The record: its end verifies, and the clock does not stand before it.

use std::path::Path;

use journal::postgres::{Weakness, eraser_weaknesses, weaknesses};
use journal::read::Reader;
use journal::verify::verify_tail;
use journal::{Place, PostgresConfig};
use vocab::{Ambient as _, Timestamp};

use super::{Finding, State};
use crate::ambient::Machine;
use crate::home::Home;
use crate::wiring;

/// How many of the newest records are verified; `audit verify` goes through all.
const TAIL: u32 = 1_000;

/// How far the newest record may lie ahead of the clock, in seconds.
const MAX_AHEAD_SECONDS: i64 = 2;

/// Looks at the end of the record at `place`, and at what its server lets this gateway do.
pub(super) fn look(home: &Home, place: &Place) -> Vec<Finding> {
    if let Some(lost) = wiring::lost(home, place) {
        return vec![Finding::of("record", State::Missing, lost, "restore a copy of the database")];
    }
    if place.file().is_some_and(|path| !path.exists()) {
        return vec![Finding::ok(
            "record",
            "there is none yet: it begins with the first `bulkhead gateway start`",
        )];
    }
    let mut findings = end(place);
    match place {
        Place::Sqlite(path) => findings.push(backup(path)),
        Place::Postgres(config) => findings.extend(server(config)),
    }
    findings
}

/// What the users that the gateway signs in and erases as can do beside that, and whether the server keeps what it acknowledges.
fn server(config: &PostgresConfig) -> Vec<Finding> {
    let rights = found(
        "record:rights",
        weaknesses(config),
        "the gateway's user can add to the record and take nothing from it, and its server keeps what it acknowledges",
        "see `[record]` in bulkhead.toml, and that the server runs",
    );
    let eraser = eraser_weaknesses(config).transpose().map(|eraser| {
        found(
            "record:eraser",
            eraser,
            "the eraser can add to the record and remove content, and nothing else of it",
            "see `eraser` and `eraser-password` in bulkhead.toml; `bulkhead record init --eraser NAME` gives a user what it needs",
        )
    });
    let mend = "have the server's own backups made, such as `pg_basebackup` with archived WAL, and keep checkpoints elsewhere";
    let backup = Finding::of("backup", State::Warning, "nothing here makes a copy of the record", mend);
    rights.into_iter().chain(eraser.into_iter().flatten()).chain([backup]).collect()
}

/// What was found about a user, or `well`; where it cannot be asked, `mend` goes with why.
fn found(check: &str, weaknesses: Result<Vec<Weakness>, String>, well: &str, mend: &str) -> Vec<Finding> {
    match weaknesses {
        Ok(found) if found.is_empty() => vec![Finding::ok(check, well)],
        Ok(found) => found
            .into_iter()
            .map(|one| {
                let state = if one.severe { State::Unsafe } else { State::Warning };
                Finding::of(check, state, one.what, one.mend)
            })
            .collect(),
        Err(why) => vec![Finding::of(check, State::Missing, why, mend)],
    }
}

/// Whether the newest records verify, and none is of the future.
fn end(place: &Place) -> Vec<Finding> {
    let whole = match verify_tail(place, TAIL) {
        Ok(None) => Finding::ok("record", format!("the newest records verify, up to {TAIL}")),
        Ok(Some(bad)) => {
            let mend = "stop the gateway, keep the file as it is, and see `bulkhead audit verify`";
            let broken =
                if bad.seq.is_some() { "the record is broken at" } else { "the record does not hold:" };
            Finding::of("record", State::Unsafe, format!("{broken} {bad}"), mend)
        }
        Err(error) => Finding::of(
            "record",
            State::Missing,
            error.to_string(),
            "see `bulkhead audit verify`; restore a copy",
        ),
    };
    let newest = Reader::open(place).and_then(|reader| reader.tail(1));
    let clock = match newest {
        Ok(records) => records.last().map(|record| clock(record.time, Machine.now())),
        // What cannot be read has been said above.
        Err(_) => None,
    };
    std::iter::once(whole).chain(clock).collect()
}

/// This version makes none, and says so rather than nothing.
fn backup(path: &Path) -> Finding {
    let mend = format!(
        "copy it from time to time with `sqlite3 {} \".backup FILE\"`, and keep what `bulkhead audit verify` prints elsewhere",
        path.display()
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
        let back = clock(at(1_000), at(900));
        assert_eq!(back.state, State::Unsafe);
        let said = "the newest record is of 1970-01-01T00:16:40Z and the clock says 1970-01-01T00:15:00Z: it went back, or was ahead";
        assert_eq!(back.message, said);
        assert!(back.mend.contains("set the clock"), "{}", back.mend);
    }
}
