//! `bulkhead audit`: the record. It is read from the database itself, whether or not a gateway runs.

mod content;
mod erase;
mod export;
mod files;
mod hold;
mod proving;
mod sealing;
mod shown;
mod verifying;
mod which;

use std::path::Path;
use std::str::FromStr;

use clap::Subcommand;
use journal::Head;
use journal::read::{ReadError, Reader};
use serde::de::DeserializeOwned;
use vocab::{Ambient as _, Digest, Timestamp};

use self::which::Which;
use super::Place;
use crate::ambient::Machine;
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use crate::terminal::Screen;
use crate::wiring;

/// The record: verify it, and look into it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bulkhead audit verify\n  bulkhead audit tail\n  bulkhead audit query --decision deny --since 24h"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Whether the record is as it was written
    #[command(
        after_help = "Examples:\n  bulkhead audit verify\n  bulkhead audit verify --checkpoint checkpoint.txt   kept elsewhere: finds a cut-off tail, a rebuilt record\n  bulkhead audit verify --checkpoint bulkhead.checkpoint.history --key bulkhead/...+...+...\n  bulkhead audit verify --file backup/journal.sqlite --resume verify.state --progress"
    )]
    Verify(verifying::Args),
    /// The newest records
    #[command(after_help = "Examples:\n  bulkhead audit tail\n  bulkhead audit tail -n 50 --json")]
    Tail {
        /// How many
        #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        count: u32,
    },
    /// Records that fit, oldest first
    #[command(
        after_help = "Examples:\n  bulkhead audit query --agent echo --since 2026-11-01\n  bulkhead audit query --decision deny --since 24h --json\n  bulkhead audit query --session s-xxxxxxxxxxxxxxxx\n  bulkhead audit query --action file.read --label restricted --text payroll"
    )]
    Query {
        #[command(flatten)]
        which: Which,
        /// With their content, which the gateway gives to those who may read it; `--text` then searches content
        #[arg(long)]
        content: bool,
    },
    /// Records in a form of another system's: JSON Lines, CSV, OCSF, CEF, syslog or OpenTelemetry
    #[command(
        after_help = "Examples:\n  bulkhead audit export --format ocsf --out november.ocsf --since 2026-11-01 --until 2026-12-01\n  bulkhead audit export --format csv --decision deny > denied.csv"
    )]
    Export(export::Args),
    /// Sign the record as it is, and print the checkpoint
    #[command(
        after_help = "Examples:\n  bulkhead audit checkpoint > checkpoint.txt\n  bulkhead audit checkpoint --last"
    )]
    Checkpoint(sealing::Checkpoint),
    /// Prove that a record is under a checkpoint, or that one checkpoint goes on in another
    #[command(
        after_help = "Examples:\n  bulkhead audit prove 17 > 17.tlog-proof\n  bulkhead audit prove 17 --to checkpoint.txt\n  bulkhead audit prove --from older.txt --to newer.txt"
    )]
    Prove(proving::Prove),
    /// Check a proof, on any machine
    #[command(
        after_help = "Examples:\n  bulkhead audit check-proof 17.tlog-proof --key bulkhead/...+...+...\n  bulkhead audit check-proof goes-on.proof --from older.txt --key bulkhead/...+...+..."
    )]
    CheckProof(proving::Check),
    /// Take in a witness's cosignature of a checkpoint
    #[command(after_help = "Example:\n  bulkhead audit cosign answer.txt")]
    Cosign(sealing::Cosign),
    /// The key that the record is signed with
    Key(sealing::Key),
    Erase(erase::Args),
    Hold(hold::Args),
    /// One record whole
    #[command(
        after_help = "Examples:\n  bulkhead audit show 17\n  bulkhead audit show 17 --content   with what was said"
    )]
    Show {
        /// Its number
        seq: u64,
        /// With its content, which the gateway gives to those who may read it
        #[arg(long)]
        content: bool,
    },
}

pub(crate) fn run(place: &Place, args: Args) -> Result<Exit, Failure> {
    match args.verb {
        Verb::Verify(args) => verifying::run(place, args),
        Verb::Checkpoint(args) => sealing::checkpoint(place, &args),
        Verb::Cosign(args) => sealing::cosign(place, &args),
        Verb::Key(args) => sealing::key(place, &args),
        Verb::Prove(args) => proving::prove(place, &args),
        Verb::CheckProof(args) => proving::check(place, &args),
        Verb::Erase(args) => erase::run(place, args),
        Verb::Hold(args) => hold::run(place, args),
        Verb::Export(args) => export::run(place, &open(&record(place)?)?, args),
        Verb::Tail { count } => {
            let records = open(&record(place)?)?.tail(count).map_err(unread)?;
            records.iter().try_for_each(|record| shown::line(place.screen, record))?;
            Ok(Exit::Done)
        }
        Verb::Query { which, content: true } => content::query(place, &which),
        Verb::Query { which, .. } => query(place.screen, &open(&record(place)?)?, which),
        Verb::Show { seq, content: true } => content::show(place, seq),
        Verb::Show { seq, .. } => show(place.screen, &open(&record(place)?)?, seq),
    }
}

/// Where the home's record is.
fn record(place: &Place) -> Result<journal::Place, Failure> {
    place.home.must_exist()?;
    let record = Settings::load(&place.home)?.record(&place.home)?;
    if record.file().is_none_or(Path::exists) {
        return Ok(record);
    }
    if let Some(lost) = wiring::lost(&place.home, &record) {
        return Err(Failure::unreachable(lost));
    }
    Err(Failure::unreachable(format!(
        "there is no record at `{record}` yet: it begins with the first `bulkhead gateway start`"
    )))
}

/// A damaged database is a finding; one that is not there is not.
fn exit_of(error: &journal::verify::LookError) -> Exit {
    match error {
        journal::verify::LookError::Damaged { .. } => Exit::Found,
        _ => Exit::Unreachable,
    }
}

fn open(record: &journal::Place) -> Result<Reader, Failure> {
    Reader::open(record).map_err(unread)
}

fn unread(error: ReadError) -> Failure {
    let exit = match &error {
        ReadError::Damaged { .. } | ReadError::State { .. } | ReadError::Tree { .. } | ReadError::Kept(_) => {
            Exit::Found
        }
        ReadError::Open(look) => exit_of(look),
        ReadError::Database(_) | ReadError::Server(_) | ReadError::TooMany { .. } | ReadError::Closed => {
            Exit::Unreachable
        }
    };
    Failure::new(exit, error.to_string())
}

fn query(screen: Screen, reader: &Reader, which: Which) -> Result<Exit, Failure> {
    let mut pages = which.pages(reader);
    while let Some(records) = pages.next().map_err(unread)? {
        records.iter().try_for_each(|record| shown::line(screen, record))?;
    }
    Ok(Exit::Done)
}

fn show(screen: Screen, reader: &Reader, seq: u64) -> Result<Exit, Failure> {
    let record = reader.show(seq).map_err(unread)?.ok_or_else(|| {
        Failure::usage(format!("there is no record {seq}; `bulkhead audit tail` shows the newest"))
    })?;
    shown::fields(screen, seq, &record)?;
    Ok(Exit::Done)
}

fn head(text: &str) -> Result<Head, String> {
    let parsed = text.split_once(':').and_then(|(records, hash)| {
        Some(Head { records: records.parse().ok()?, hash: hash.parse::<Digest>().ok()? })
    });
    parsed.ok_or_else(|| "a checkpoint is `N:HASH`, as `bulkhead audit verify` prints it".to_owned())
}

/// One of the words that JSON has for `T`.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|error| error.to_string().replace("unknown variant", "unknown word"))
}

// No comment of documentation: a command that flattens it would take it for its own description.
#[derive(Debug, clap::Args, serde::Serialize)]
struct Why {
    /// Why, for the record, where it stays: no personal data
    #[arg(long)]
    reason: String,
}

/// A moment: RFC 3339, a date (its midnight, UTC), or how long ago.
fn when(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = Timestamp::from_str(text) {
        return Ok(time);
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        return date
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map(|zoned| zoned.timestamp())
            .map_err(|e| e.to_string());
    }
    let ago = text.parse::<jiff::Span>().ok().and_then(ago);
    ago.and_then(|ago| Machine.now().checked_sub(ago).ok()).ok_or_else(|| {
        "give a date (2026-11-21), a time (2026-11-21T10:00:00Z) or how long ago (7d, 24h, 30m)".to_owned()
    })
}

/// A day has 24 hours here and a week 7 of them, as in a log; a month or a year has no length of its own.
fn ago(span: jiff::Span) -> Option<jiff::SignedDuration> {
    span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok().filter(|ago| !ago.is_negative())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_checkpoints_are_read_in_every_form() {
        assert_eq!(when("2026-11-21").unwrap().to_string(), "2026-11-21T00:00:00Z");
        assert_eq!(when("2026-11-21T10:00:00+02:00").unwrap().to_string(), "2026-11-21T08:00:00Z");
        assert!(when("24h").unwrap() < Machine.now());
        for (days, hours) in [("7d", "168h"), ("1w", "168h"), ("1d 12h", "36h")] {
            let between = when(days).unwrap().duration_since(when(hours).unwrap());
            assert!(between.abs().as_hours() == 0, "{days}: {between:?}");
        }
        for bad in ["", "yesterday", "-3h", "-7d", "1mo", "1y", "2026-13-01", "99999999999d"] {
            assert!(when(bad).is_err(), "{bad}");
        }
        let hash = Digest::of(b"x");
        assert_eq!(head(&format!("12:{hash}")).unwrap(), Head { records: 12, hash });
        for bad in ["", "12", "12:", "x:00", ":"] {
            assert!(head(bad).is_err(), "{bad}");
        }
        assert!(word::<vocab::Decision>("deny").is_ok() && word::<journal::Kind>("nonsense").is_err());
    }
}
