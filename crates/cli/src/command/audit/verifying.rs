//! `audit verify`: whether the record is as it was written, held against checkpoints that somebody kept.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use journal::Head;
use journal::checkpoint::Checkpoint;
use journal::note::Note;
use journal::read::Cosigned;
use journal::verify::{self, Given, Options, Position, Progress, Report, Ungiven, VerifyError, verify_with};

use serde::Serialize;
use vocab::Timestamp;

use super::files;
use crate::command::Place;
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use crate::terminal::{Keep, Paint, Screen, field, progress, say, visible};

/// The largest state of a verification, in bytes: the checkpoints that fitted are part of it.
const MAX_STATE_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A signed checkpoint, kept elsewhere, or a whole history of them; may be given several times
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// The public key that is trusted, whatever the record says of its keys
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The end of the record as an earlier `verify` printed it
    #[arg(long, value_name = "N:HASH", value_parser = super::head)]
    head: Option<Head>,
    /// The database [default: the home's]
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Keep in this file how far it has come, and go on from there when it is there already
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Say how far it has come even where nobody watches a terminal
    #[arg(long)]
    progress: bool,
}

pub(super) fn run(place: &Place, args: Args) -> Result<Exit, Failure> {
    let record = match args.file {
        Some(file) => file.into(),
        None => super::record(place)?,
    };
    let checkpoints = given(&args.checkpoint)?;
    let resume = args.resume.as_deref().map(read).transpose()?.flatten();
    let key = args.key.as_deref().map(files::public_key).transpose()?;
    let options = Options { head: args.head, checkpoints, key, resume };
    let shown = args.progress || progress::is_watched();
    let mut unwritten = None;
    let verified = verify_with(&record, &options, &mut |come: &Progress| {
        if shown {
            progress::show(&format!("{} of {} records verified", come.records, come.total));
        }
        if let (Some(path), Some(position)) = (&args.resume, &come.position)
            && let Err(error) = write(path, position)
        {
            unwritten = Some(error);
        }
    });
    if shown {
        progress::end();
    }
    let report = verified.map_err(|error| {
        let VerifyError::Open(look) = &error;
        Failure::new(super::exit_of(look), error.to_string())
    })?;
    let forgotten = args.resume.as_deref().map_or(Ok(()), forget);
    let cosigned = if report.ok { cosigned(place, &record, &options)? } else { Vec::new() };
    show(place.screen, &report, &options, &cosigned)?;
    let kept = unwritten.map_or(forgotten, Err);
    if report.ok {
        return kept.map(|()| Exit::Done);
    }
    // What was found goes before what became of the state.
    if let Err(failure) = kept {
        say(&failure.to_string());
    }
    Ok(Exit::Found)
}

/// It has come to its end; another time begins anew.
fn forget(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(unusable(path, &error.to_string())),
        _ => Ok(()),
    }
}

/// How far a witness of the settings has cosigned what was verified.
#[derive(Debug, Serialize)]
struct CosignedView {
    witness: String,
    /// Nothing where it has cosigned none of it.
    size: Option<u64>,
    /// As the witness states it.
    time: Option<Timestamp>,
}

/// What was found, and the witnesses' word for it.
#[derive(Debug, Serialize)]
struct Verified<'a> {
    #[serde(flatten)]
    report: &'a Report,
    cosigned: &'a [CosignedView],
}

/// Which witnesses of the settings have cosigned the checkpoints that were given, or else what the record keeps; of each
/// the largest. Without settings nobody is known to be a witness.
fn cosigned(place: &Place, record: &journal::Place, options: &Options) -> Result<Vec<CosignedView>, Failure> {
    let settings = match Settings::load(&place.home) {
        Ok(settings) => settings,
        Err(error) => {
            say(&format!("no witness is known here, so nothing is said of cosignatures: {error}"));
            return Ok(Vec::new());
        }
    };
    let reader = super::open(record)?;
    let mut found = Vec::new();
    for key in settings.notary(&place.home).witnesses {
        let last = if options.checkpoints.is_empty() {
            reader.cosigned(&key).map_err(super::unread)?
        } else {
            let given = options.checkpoints.iter().filter_map(|given| {
                let note: Note = given.to_string().parse().ok()?;
                let size = Checkpoint::read(&note).ok()?.tree.size;
                Some(Cosigned { size, time: note.check(&key).ok()?? })
            });
            given.max_by_key(|given| given.size)
        };
        let time = last.and_then(|last| Timestamp::from_second(i64::try_from(last.time).ok()?).ok());
        let size = last.map(|last| last.size);
        found.push(CosignedView { witness: key.name().to_owned(), size, time });
    }
    Ok(found)
}

fn show(
    screen: Screen,
    report: &Report,
    options: &Options,
    cosigned: &[CosignedView],
) -> Result<(), Failure> {
    if screen.json() {
        return screen.value(&Verified { report, cosigned });
    }
    let end = format!("{}:{}", report.checkpoint.records, report.checkpoint.hash);
    match &report.first_bad {
        None => {
            let held = match options.checkpoints.len() {
                0 => String::new(),
                1 => ", under the checkpoint that was given".to_owned(),
                many => format!(", under the {many} checkpoints that were given"),
            };
            let text = format!("the record is whole: {} records{held}", report.records);
            screen.line(&screen.paint(Paint::Good, &text))?;
            screen.line(&field("head", &end))?;
            for CosignedView { witness, size, time } in cosigned {
                let time = time.map_or_else(String::new, |time| format!(", at {time}"));
                let size = size.map_or_else(|| "nothing".to_owned(), |size| format!("{size} records"));
                screen.line(&field("cosigned", &format!("{witness}: {size}{time}")))?;
            }
            if options.checkpoints.is_empty() {
                screen.line("with `--checkpoint FILE`, a checkpoint kept elsewhere, it also finds a tail that was cut off or a record that was built anew")?;
            }
            Ok(())
        }
        Some(bad) => {
            let broken =
                if bad.seq.is_some() { "the record is broken at" } else { "the record does not hold:" };
            let text = format!("{broken} {}", visible(&bad.to_string(), Keep::Nothing));
            screen.line(&screen.paint(Paint::Bad, &text))?;
            screen.line(&field("good until", &end))
        }
    }
}

/// The notes in these files, each one or one after the other with empty lines between. Of more than can be held at once the
/// last and others at even distances, which is said.
fn given(paths: &[PathBuf]) -> Result<Vec<verify::Note>, Failure> {
    let mut given = Given::default();
    for path in paths {
        let shown = path.display();
        let unreadable =
            |error: std::io::Error| Failure::unreachable(format!("`{shown}` cannot be read: {error}"));
        let file = BufReader::new(File::open(path).map_err(unreadable)?);
        given.read(file).map_err(|error| match error {
            Ungiven::File(error) => unreadable(error),
            error @ Ungiven::Note { .. } => {
                Failure::new(Exit::Found, format!("`{shown}` cannot be used: {error}"))
            }
        })?;
    }
    let count = given.count();
    let notes = given.into_notes();
    if u64::try_from(notes.len()) != Ok(count) {
        say(&format!(
            "of the {count} checkpoints that were given {} are held against the record: the last, and others at even distances before it; with a part of the history alone a change is found as closely as with all",
            notes.len()
        ));
    }
    Ok(notes)
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::unreachable(format!("the state `{}` of the verification cannot be used: {why}", path.display()))
}

fn read(path: &Path) -> Result<Option<Position>, Failure> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(path, &error.to_string())),
    };
    let mut text = String::new();
    file.take(MAX_STATE_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| unusable(path, &error.to_string()))?;
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| unusable(path, &format!("{error}; remove it to begin anew")))
}

fn write(path: &Path, position: &Position) -> Result<(), Failure> {
    let unusable = |why: &dyn std::fmt::Display| self::unusable(path, &why.to_string());
    let text = serde_json::to_string(position).map_err(|error| unusable(&error))?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(&draft)
        .map_err(|error| unusable(&error))?;
    file.write_all(text.as_bytes()).map_err(|error| unusable(&error))?;
    std::fs::rename(&draft, path).map_err(|error| unusable(&error))
}
