//! Witnesses: how far each has cosigned the record, as the record itself keeps it.

use std::ops::ControlFlow;

use journal::read::{Cosigned, ReadError, Reader, Record, Told};
use journal::{Event, Kind, Place};
use vocab::{Ambient as _, Timestamp};

use super::{Finding, State};
use crate::ambient::Machine;
use crate::settings::{Asked, Settings};

/// How long a checkpoint may lie there that a witness has not cosigned, in seconds, before that is a warning.
const LATE_AFTER_SECONDS: i64 = 60 * 60;

/// What is to be done where a witness contradicts the record.
pub(super) const MEND: &str = "stop the gateway, keep the database and `keys` as they are, and find out who changed or restored them; hold the record against every checkpoint that somebody kept (`bulkhead audit verify --checkpoint FILE`)";

/// That it does, and how.
pub(super) fn contradicts(name: &str, how: &str) -> String {
    format!("the witness `{name}` contradicts this record: {how}")
}

/// Says for each witness that the settings have asked when it last cosigned.
pub(super) fn look(settings: &Settings, place: &Place) -> Vec<Finding> {
    let asked = settings.witnesses();
    if asked.is_empty() || place.file().is_some_and(|path| !path.exists()) {
        return Vec::new();
    }
    let read = || {
        let reader = Reader::open(place)?;
        let mut found = Vec::new();
        for witness in &asked {
            let cosigned = reader.cosigned(&witness.key)?;
            let waiting = reader.signed_beyond(cosigned.map_or(0, |last| last.size))?;
            found.push(finding(&witness.target.name, cosigned, waiting, Machine.now()));
            found.extend(contradicted(&reader, witness)?);
        }
        Ok::<_, ReadError>(found)
    };
    read().unwrap_or_else(|error| {
        let mend = "see what is said of the record, and `bulkhead audit verify`";
        vec![Finding::of("witness", State::Missing, error.to_string(), mend)]
    })
}

/// That it contradicted the record after it cosigned last, which stays so whatever the gateway that runs has seen of it.
fn contradicted(reader: &Reader, witness: &Asked) -> Result<Option<Finding>, ReadError> {
    let (name, key) = (&witness.target.name, witness.key.to_string());
    let told = |kind, event, after| Told { kind, events: vec![event], person: None, session: None, after };
    let by = |record: &Record, witness: &str| record.facts.text("witness") == Some(witness);
    let mut last = None;
    reader.told(&told(Kind::Alert, Event::CheckpointContradicted, 0), |record| {
        if by(&record, name) {
            last = Some(record);
        }
        ControlFlow::Continue(())
    })?;
    let Some(last) = last else { return Ok(None) };
    let mut since = false;
    reader.told(&told(Kind::Admin, Event::CheckpointCosigned, last.seq), |record| {
        since = by(&record, &key);
        if since { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if since {
        return Ok(None);
    }
    let how = last.facts.text("error").unwrap_or_default();
    let message = format!("{} (record {}, {})", contradicts(name, how), last.seq, last.time);
    Ok(Some(Finding::of("witness", State::Unsafe, message, MEND)))
}

/// `waiting`: since when there is a checkpoint that it has not cosigned.
fn finding(name: &str, cosigned: Option<Cosigned>, waiting: Option<Timestamp>, now: Timestamp) -> Finding {
    let last = match cosigned {
        Some(last) => {
            let time = i64::try_from(last.time).ok().and_then(|time| Timestamp::from_second(time).ok());
            let time = time.map_or_else(|| "a time that there is not".to_owned(), |time| time.to_string());
            format!("`{name}` cosigned last at {time}, {} records", last.size)
        }
        None => format!("`{name}` has cosigned no checkpoint yet"),
    };
    let late = waiting.filter(|since| now.as_second().saturating_sub(since.as_second()) > LATE_AFTER_SECONDS);
    match late {
        None => Finding::ok("witness", last),
        Some(since) => Finding::of(
            "witness",
            State::Warning,
            format!("{last}, and has not cosigned the checkpoints since {since}"),
            "see what `bulkhead gateway status` says of it; what it lacks is sent to it by itself when it answers",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_that_has_not_cosigned_for_a_while_is_a_warning_and_an_idle_record_is_none() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let last = Some(Cosigned { size: 7, time: 1_000 });
        let now = at(1_000_000);
        let long_ago = now.as_second() - LATE_AFTER_SECONDS;
        for (cosigned, waiting, state, words) in [
            (last, None, State::Ok, "cosigned last at 1970-01-01T00:16:40Z, 7 records"),
            (last, Some(at(long_ago)), State::Ok, "7 records"),
            (last, Some(at(long_ago - 1)), State::Warning, "since 1970-01-12T12:46:39Z"),
            (None, None, State::Ok, "no checkpoint yet"),
            (None, Some(at(long_ago)), State::Ok, "no checkpoint yet"),
            (None, Some(at(1)), State::Warning, "no checkpoint yet, and has not"),
        ] {
            let found = finding("w1", cosigned, waiting, now);
            assert_eq!(found.state, state, "{}", found.message);
            assert!(found.message.contains(words), "{}", found.message);
        }
    }
}
