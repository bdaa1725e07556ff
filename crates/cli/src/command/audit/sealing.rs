//! `audit checkpoint`, `audit cosign` and `audit key`: what the record is signed with. Where a gateway runs it is asked;
//! where none does, the command signs by itself.

use std::path::PathBuf;

use bulkhead_http::{CheckpointView, RotationView};
use clap::Subcommand;
use journal::Notary;
use journal::checkpoint::Rotation;
use rustix::process::geteuid;
use serde::Serialize;
use serde_json::json;
use vocab::PersonId;

use super::files;
use crate::client::Client;
use crate::command::{Place, alone};
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use crate::terminal::{Screen, field, say};
use crate::wiring;

#[derive(Debug, clap::Args)]
pub(super) struct Checkpoint {
    /// Show the newest one and make none
    #[arg(long)]
    last: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Cosign {
    /// What the witness answered: the note with its line, or the line alone
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bulkhead audit key show\n  bulkhead audit key rotate")]
pub(super) struct Key {
    #[command(subcommand)]
    verb: KeyVerb,
}

#[derive(Debug, Subcommand)]
enum KeyVerb {
    /// The public keys that the record has had
    #[command(after_help = "Example:\n  bulkhead audit key show")]
    Show,
    /// Replace the key; both sign that, and checkpoints of the old one still verify
    #[command(
        after_help = "Examples:\n  bulkhead audit key rotate\n  bulkhead audit key rotate --lost   the old key is gone: whoever has it must be told the new one"
    )]
    Rotate {
        /// The key that there was cannot be found any more
        #[arg(long)]
        lost: bool,
    },
}

pub(super) fn checkpoint(place: &Place, args: &Checkpoint) -> Result<Exit, Failure> {
    if args.last {
        let record = super::record(place)?;
        let (_, newest) = files::Keeping::open(&record)?.newest()?;
        return shown(place.screen, &CheckpointView::from(&newest));
    }
    let made = alone(async {
        match gateway(place).await? {
            Some(client) => client.post("checkpoint", &json!({})).await,
            None => {
                by_itself(place, false, async |notary, by| {
                    Ok(CheckpointView::from(notary.seal_for(by).await?.as_ref()))
                })
                .await
            }
        }
    })?;
    shown(place.screen, &made)
}

/// The note goes to standard output, so that it can be put into a file as it is.
fn shown(screen: Screen, made: &CheckpointView) -> Result<Exit, Failure> {
    if screen.json() {
        screen.value(made)?;
    } else {
        for line in made.note.lines() {
            screen.line(line)?;
        }
        say(&format!("signed by the key {}", made.key));
    }
    Ok(Exit::Done)
}

pub(super) fn cosign(place: &Place, args: &Cosign) -> Result<Exit, Failure> {
    let note = files::text(&args.file)?;
    let taken = alone(async {
        match gateway(place).await? {
            Some(client) => client.post("checkpoint/cosign", &json!({ "note": note })).await,
            None => {
                by_itself(place, false, async |notary, by| {
                    Ok(CheckpointView::from(notary.cosign(&note, by).await?.as_ref()))
                })
                .await
            }
        }
    })?;
    shown(place.screen, &taken)
}

pub(super) fn key(place: &Place, args: &Key) -> Result<Exit, Failure> {
    match args.verb {
        KeyVerb::Show => show(place),
        KeyVerb::Rotate { lost: false } => rotate(place),
        KeyVerb::Rotate { lost: true } => replace_lost(place),
    }
}

/// A key of the record, as it is shown to programs.
#[derive(Debug, Serialize)]
struct KeyView {
    key: String,
    /// The size of the record when it was retired.
    until: Option<u64>,
}

fn show(place: &Place) -> Result<Exit, Failure> {
    let record = super::record(place)?;
    let kept = super::open(&record)?.keys().map_err(super::unread)?;
    let ends = kept.iter().skip(1).map(|next| {
        let change = next.change.as_ref().and_then(|change| Rotation::check(change).ok());
        change.map(|change| change.size)
    });
    let ends: Vec<Option<u64>> = ends.chain([None]).collect();
    for (kept, until) in kept.iter().zip(ends) {
        let view = KeyView { key: kept.key.to_string(), until };
        if place.screen.json() {
            place.screen.value(&view)?;
        } else {
            let until = until.map_or_else(String::new, |until| format!("   until record {until}"));
            place.screen.line(&format!("{}{until}", view.key))?;
        }
    }
    Ok(Exit::Done)
}

fn rotate(place: &Place) -> Result<Exit, Failure> {
    let view = alone(async {
        match gateway(place).await? {
            Some(client) => client.post("key/rotate", &json!({})).await,
            None => {
                by_itself(place, false, async |notary, by| {
                    let rotated = notary.rotate(by).await?;
                    let checkpoint = CheckpointView::from(rotated.sealed.as_ref());
                    Ok(RotationView {
                        old: rotated.old.to_string(),
                        new: rotated.new.to_string(),
                        checkpoint,
                    })
                })
                .await
            }
        }
    })?;
    if place.screen.json() {
        place.screen.value(&view)?;
    } else {
        place.screen.line(&field("old key", &view.old))?;
        place.screen.line(&field("new key", &view.new))?;
    }
    Ok(Exit::Done)
}

fn replace_lost(place: &Place) -> Result<Exit, Failure> {
    let made = alone(async {
        if gateway(place).await?.is_some() {
            return Err(Failure::usage(
                "a gateway runs with the record's key, so it is not lost: replace it with `bulkhead audit key rotate`",
            ));
        }
        by_itself(place, true, async |notary, _| Ok(CheckpointView::from(notary.seal().await?.as_ref())))
            .await
    })?;
    if place.screen.json() {
        place.screen.value(&made)?;
    } else {
        place.screen.line(&field("new key", &made.key))?;
        place
            .screen
            .line("nobody who trusts the old key can tell that this one is the record's: tell them")?;
    }
    Ok(Exit::Done)
}

/// The way to the gateway, if one runs.
async fn gateway(place: &Place) -> Result<Option<Client>, Failure> {
    super::record(place)?;
    let client = Client::new(&place.home)?;
    Ok(if client.answers().await { Some(client) } else { None })
}

/// Does `work` with the home's own notary, in the name of whom this operating-system user is.
async fn by_itself<T>(
    place: &Place,
    lost: bool,
    work: impl AsyncFnOnce(&Notary, Option<PersonId>) -> Result<T, journal::SealError>,
) -> Result<T, Failure> {
    let settings = Settings::load(&place.home)?;
    let by = settings.person_of(geteuid().as_raw());
    let lost = lost.then(|| by.clone());
    let (journal, notary) = wiring::notary(&place.home, &settings, lost).await?;
    let done = work(&notary, by).await.map_err(|error| wiring::unsigned(&error));
    for fault in notary.unpublished() {
        say(&fault);
    }
    drop(notary);
    let closed = journal.close().await.map_err(|error| Failure::unreachable(error.to_string()));
    done.and_then(|done| closed.map(|()| done))
}
