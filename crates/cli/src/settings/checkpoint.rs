//! `[checkpoint]`: how often the record is signed, by what name, where that is published and who witnesses it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use export::{Header, Target};
use journal::NotaryConfig;
use journal::note::{KeyKind, VerifierKey};
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use super::Settings;
use super::witness::{self, Witnesses};
use crate::home::Home;

/// How many records make a checkpoint due, when the settings say nothing.
const EVERY_RECORDS: u64 = 4096;

/// How long makes one due.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// The least and the most that the settings may say.
const RECORDS_BOUNDS: (u64, u64) = (1, 1_000_000);
const TIME_BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 60 * 60));

/// The most places and the most witnesses.
const MAX_PLACES: usize = 16;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Checkpoint {
    /// The record's name in its checkpoints; `bulkhead/` and its id when there is none.
    origin: Option<Spanned<String>>,
    #[serde(deserialize_with = "records")]
    every_records: u64,
    #[serde(deserialize_with = "time")]
    every: Duration,
    publish: Vec<Spanned<Publish>>,
    /// Public keys of witnesses whose cosignatures somebody brings.
    witnesses: Vec<Spanned<VerifierKey>>,
    /// Witnesses that are asked.
    pub(super) witness: Witnesses,
}

/// A place to publish to, by one of three ways.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Publish {
    /// A file, which has the newest.
    file: Option<PathBuf>,
    /// A server that each is sent to.
    url: Option<String>,
    /// A receiver of syslog.
    syslog: Option<String>,
    /// As `[[export]]` has them.
    ca: Option<PathBuf>,
    #[serde(default, deserialize_with = "export::headers")]
    headers: BTreeMap<String, Header>,
}

impl Publish {
    /// Where it is carried to, as the export `name`; nothing for a file.
    fn target(&self, name: &str) -> Result<Option<Target>, String> {
        let made = |to: &str| {
            Target::of_checkpoints(name, to, self.ca.clone(), self.headers.clone())
                .map(Some)
                .map_err(|fault| fault.to_string())
        };
        let is_web = |to: &str| to.starts_with("https://") || to.starts_with("http://");
        match (&self.file, &self.url, &self.syslog) {
            (Some(_), None, None) => Ok(None),
            (None, Some(to), None) if is_web(to) => made(to),
            (None, Some(_), None) => {
                Err("the `url` of a `[[checkpoint.publish]]` begins with `https://` or `http://`".to_owned())
            }
            (None, None, Some(to)) if !is_web(to) => made(to),
            (None, None, Some(_)) => {
                Err("the `syslog` of a `[[checkpoint.publish]]` begins with `tcp://`, `tls://` or `udp://`"
                    .to_owned())
            }
            _ => Err("a `[[checkpoint.publish]]` has one of `file`, `url` and `syslog`".to_owned()),
        }
    }
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self {
            origin: None,
            every_records: EVERY_RECORDS,
            every: EVERY,
            publish: Vec::new(),
            witnesses: Vec::new(),
            witness: Witnesses::new(),
        }
    }
}

impl Checkpoint {
    pub(super) fn fault(&self) -> Option<(usize, String)> {
        let many = self.publish.get(MAX_PLACES).map(Spanned::span);
        let many = many.or_else(|| self.witnesses.get(MAX_PLACES).map(Spanned::span));
        if let Some(span) = many {
            return Some((span.start, format!("more than {MAX_PLACES} places or witnesses; remove some")));
        }
        let odd_name = self.origin.iter().find(|origin| {
            let odd = |char: char| char.is_whitespace() || char.is_control() || char == '+';
            let name = origin.get_ref();
            name.is_empty() || name.len() > 256 || name.contains(odd)
        });
        let bad = self.publish.iter().find_map(|place| {
            place.get_ref().target("checkpoint").err().map(|message| (place.span().start, message))
        });
        if bad.is_some() {
            return bad;
        }
        let file = |place: &&Spanned<Publish>, test: &mut dyn FnMut(&PathBuf) -> bool| {
            place.get_ref().file.as_ref().is_some_and(test)
        };
        let relative = self.publish.iter().find(|place| file(place, &mut |file| !file.is_absolute()));
        let mut seen = BTreeSet::new();
        let twice = self.publish.iter().find(|place| file(place, &mut |file| !seen.insert(file.clone())));
        let no_witness = self.witnesses.iter().find(|key| key.get_ref().kind() != KeyKind::Cosignature);
        let said = |at: usize, message: &str| Some((at, message.to_owned()));
        if let Some(name) = odd_name {
            return said(
                name.span().start,
                "an `origin` is 1 to 256 bytes without spaces and `+`, as `example.com/bulkhead`",
            );
        }
        if let Some(place) = relative {
            return said(place.span().start, "the `file` of a `[[checkpoint.publish]]` must be absolute");
        }
        if let Some(place) = twice {
            return said(place.span().start, "this `file` is in another `[[checkpoint.publish]]` already");
        }
        if let Some(key) = no_witness {
            return said(key.span().start, "the key of a witness is of type 4, as `tlog-cosignature` has it");
        }
        witness::fault(&self.witness, &self.witnesses)
    }
}

impl Checkpoint {
    /// The places that checkpoints are carried to, each with a name.
    pub(crate) fn couriers(&self) -> Vec<Target> {
        let places = self.publish.iter().map(Spanned::get_ref);
        let carried = places.filter(|place| place.file.is_none());
        let targets =
            carried.enumerate().map(|(nth, place)| place.target(&format!("checkpoint-{}", nth + 1)));
        targets.filter_map(|target| target.ok().flatten()).collect()
    }
}

impl Settings {
    /// Where checkpoints are carried to.
    pub(crate) fn couriers(&self) -> Vec<Target> {
        self.checkpoint.couriers()
    }

    /// The files that checkpoints are put into.
    pub(crate) fn checkpoint_files(&self) -> impl Iterator<Item = &PathBuf> {
        self.checkpoint.publish.iter().filter_map(|place| place.get_ref().file.as_ref())
    }

    /// What the notary of the home's record is told.
    pub(crate) fn notary(&self, home: &Home) -> NotaryConfig {
        let Checkpoint { origin, every_records, every, publish: _, witnesses, witness } = &self.checkpoint;
        let brought = witnesses.iter().map(Spanned::get_ref);
        let mut witnesses: Vec<VerifierKey> =
            brought.chain(witness.values().map(|one| one.get_ref().key())).cloned().collect();
        witnesses.sort_by_key(ToString::to_string);
        witnesses.dedup();
        NotaryConfig {
            folder: home.keys(),
            origin: origin.as_ref().map(|origin| origin.get_ref().clone()),
            every_records: *every_records,
            every: *every,
            files: self.checkpoint_files().cloned().collect(),
            witnesses,
        }
    }
}

fn records<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let (least, most) = RECORDS_BOUNDS;
    let count = u64::deserialize(deserializer)?;
    if (least..=most).contains(&count) {
        return Ok(count);
    }
    Err(de::Error::custom(format!("`every-records` is a number from {least} to {most}")))
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|long| Duration::try_from(long).ok());
    parsed.filter(|long| (TIME_BOUNDS.0..=TIME_BOUNDS.1).contains(long)).ok_or_else(|| {
        de::Error::custom(format!("`{text}` is not a time from 1s to 24h, such as `10m` or `1h`"))
    })
}
