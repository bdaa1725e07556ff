//! `audit prove` and `audit check-proof`: that a record is under a checkpoint, or that one checkpoint's log continues
//! another's, in a file that can be checked anywhere.

use std::path::PathBuf;

use journal::checkpoint::{Checkpoint, Consistency, FileError, Inclusion, Keys, Sealed};
use journal::note::Note;
use journal::read::ProveError;
use serde_json::{Value, json};

use super::files::{self, Keeping};
use crate::command::Place;
use crate::failure::{Exit, Failure};
use crate::terminal::{Keep, Paint, field, visible};

#[derive(Debug, clap::Args)]
pub(super) struct Prove {
    /// The record
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    seq: Option<u64>,
    /// Prove instead that the record at this checkpoint goes on in the newer one: a file, or its number of records
    #[arg(long, value_name = "CHECKPOINT")]
    from: Option<String>,
    /// The checkpoint to prove it to: a file, or its number of records [default: the newest]
    #[arg(long, value_name = "CHECKPOINT")]
    to: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// The proof
    file: PathBuf,
    /// The public key that signed the checkpoint; may be given several times [default: the home's record's]
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// The older checkpoint, for a proof that one goes on in the other
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

pub(super) fn prove(place: &Place, args: &Prove) -> Result<Exit, Failure> {
    let record = super::record(place)?;
    let keeping = Keeping::open(&record)?;
    let to = keeping.checkpoint(args.to.as_deref())?;
    let (file, value) = match (args.seq, &args.from) {
        (Some(seq), _) => {
            let proof = keeping.reader.inclusion(seq, &to).map_err(unproven)?;
            (proof.to_string(), json!({ "kind": "inclusion", "seq": seq, "size": to.tree().size }))
        }
        (None, from) => {
            let from = keeping.checkpoint(from.as_deref())?;
            let proof = keeping.reader.consistency(&from.tree(), &to).map_err(unproven)?;
            let (old, new) = (from.tree().size, to.tree().size);
            (proof.to_string(), json!({ "kind": "consistency", "old": old, "size": new }))
        }
    };
    if place.screen.json() {
        let mut value = value;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("proof".to_owned(), Value::String(file));
        }
        place.screen.value(&value)?;
    } else {
        file.lines().try_for_each(|line| place.screen.line(line))?;
    }
    Ok(Exit::Done)
}

fn unproven(error: ProveError) -> Failure {
    match error {
        ProveError::Read(error) => super::unread(error),
        ProveError::Later { .. } => Failure::usage(error.to_string()),
        ProveError::NotOurs { .. } => Failure::new(Exit::Found, error.to_string()),
    }
}

pub(super) fn check(place: &Place, args: &Check) -> Result<Exit, Failure> {
    let text = files::text(&args.file)?;
    let found = |error: FileError| Failure::new(Exit::Found, error.to_string());
    let value = if let Some(from) = &args.from {
        let proof: Consistency = text.parse().map_err(found)?;
        let old: Note = files::note(from)?;
        let new = one_of(&keys(place, args, &proof.note)?, |keys| {
            let origin = Checkpoint::read(&old)?.origin;
            let old = Sealed::check(old.clone(), &origin, keys)?;
            proof.check(&old, keys)
        })?;
        json!({ "ok": true, "kind": "consistency", "old": proof.old, "size": new.tree().size, "origin": new.checkpoint().origin, "key": new.key().to_string() })
    } else {
        let proof: Inclusion = text.parse().map_err(found)?;
        let sealed = one_of(&keys(place, args, &proof.note)?, |keys| proof.check(keys))?;
        let body = proof.body.as_deref().unwrap_or_default();
        let body: Value = serde_json::from_slice(body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
        json!({ "ok": true, "kind": "inclusion", "seq": proof.seq, "size": sealed.tree().size, "origin": sealed.checkpoint().origin, "key": sealed.key().to_string(), "record": body })
    };
    if place.screen.json() {
        place.screen.value(&value)?;
        return Ok(Exit::Done);
    }
    let screen = place.screen;
    screen.line(&screen.paint(Paint::Good, "the proof holds"))?;
    for (name, value) in value.as_object().into_iter().flatten().filter(|(name, _)| *name != "ok") {
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        screen.line(&field(name, &visible(&text, Keep::Nothing)))?;
    }
    Ok(Exit::Done)
}

/// The keys to check with, each a try of its own: those that were given, or else those of the home's record.
fn keys(place: &Place, args: &Check, note: &Note) -> Result<Vec<Keys>, Failure> {
    if !args.key.is_empty() {
        return args.key.iter().map(|key| files::public_key(key).map(Keys::only)).collect();
    }
    let record = super::record(place).map_err(|failure| {
        let sentence = format!("no key to check the proof with: give one with `--key` ({failure})");
        Failure::new(failure.exit, sentence)
    })?;
    let keeping = Keeping::open(&record)?;
    let origin = Checkpoint::read(note).map_err(|error| Failure::new(Exit::Found, error.to_string()))?.origin;
    let keys = keeping.reader.trusted(&origin, None).map_err(super::unread)?;
    keys.map(|keys| vec![keys]).ok_or_else(files::no_key)
}

/// What holds with one of the keys, or why it does not with the last.
fn one_of<T>(keys: &[Keys], check: impl Fn(&Keys) -> Result<T, FileError>) -> Result<T, Failure> {
    let mut why = files::no_key();
    for keys in keys {
        match check(keys) {
            Ok(held) => return Ok(held),
            Err(error) => why = Failure::new(Exit::Found, error.to_string()),
        }
    }
    Err(why)
}
