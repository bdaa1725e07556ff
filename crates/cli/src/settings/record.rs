//! `[record]`: the database that the record is kept in, when it is not the home's own file.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use journal::postgres::PlaceError;
use journal::{Place, PostgresConfig};
use secrets::{Name, Reference};
use serde::{Deserialize, Deserializer, de};
use toml::Spanned;
use vocab::Ambient;

use super::Settings;
use crate::failure::Failure;
use crate::home::Home;

/// The shortest and the longest that one step with the server may be waited for.
const WAIT_BOUNDS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

/// The longest name of a gateway that is read from its file, in bytes.
const MAX_NAME_BYTES: u64 = 64;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Record {
    /// `postgres://USER@HOST/DATABASE`.
    database: Option<Spanned<String>>,
    password: Option<Reference>,
    /// The authorities that are trusted instead of the system's, a PEM file.
    authority: Option<PathBuf>,
    /// This gateway's name among those on the record.
    gateway: Option<String>,
    /// The user that content is erased as.
    eraser: Option<String>,
    eraser_password: Option<Reference>,
    #[serde(deserialize_with = "wait")]
    wait: Option<Duration>,
}

impl Record {
    pub(super) fn fault(&self) -> Option<(usize, String)> {
        let Some(database) = &self.database else {
            let alone = self.password.is_some()
                || self.authority.is_some()
                || self.gateway.is_some()
                || self.eraser.is_some()
                || self.eraser_password.is_some()
                || self.wait.is_some();
            let message =
                "`[record]` says how to reach a database and not which: set `database`, or leave it out";
            return alone.then(|| (0, message.to_owned()));
        };
        let config = PostgresConfig::new(database.get_ref());
        let config = config.and_then(|config| match &self.gateway {
            Some(name) => config.with_gateway(name),
            None => Ok(config),
        });
        config.err().map(|error| (database.span().start, error.to_string()))
    }

    pub(super) fn secrets(&self) -> impl Iterator<Item = &Name> {
        self.password.iter().chain(&self.eraser_password).map(Reference::name)
    }
}

fn wait<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|long| Duration::try_from(long).ok());
    let parsed = parsed.filter(|long| (WAIT_BOUNDS.0..=WAIT_BOUNDS.1).contains(long));
    parsed
        .map(Some)
        .ok_or_else(|| de::Error::custom(format!("`{text}` is not a time from 100ms to 60s, such as `5s`")))
}

impl Settings {
    /// Where the record is, for looking into it.
    ///
    /// # Errors
    /// When a secret or a certificate is not there.
    pub(crate) fn record(&self, home: &Home) -> Result<Place, Failure> {
        let Some(database) = &self.record.database else { return Ok(Place::Sqlite(home.database())) };
        let refused = |error: PlaceError| Failure::usage(error.to_string());
        let store = self.secrets(home);
        let secret = |reference: &Option<Reference>| match reference {
            Some(reference) => store
                .value(reference.name())
                .map(Some)
                .map_err(|error| Failure::unreachable(error.to_string())),
            None => Ok(None),
        };
        let mut config = PostgresConfig::new(database.get_ref()).map_err(refused)?;
        if let Some(password) = secret(&self.record.password)? {
            config = config.with_password(password.reveal());
        }
        if let Some(path) = &self.record.authority {
            config = config.with_authority(&home.root().join(path)).map_err(refused)?;
        }
        if let Some(user) = &self.record.eraser {
            let password = secret(&self.record.eraser_password)?;
            config = config.with_eraser(user, password.as_ref().map(secrets::Secret::reveal));
        }
        if let Some(wait) = self.record.wait {
            config = config.patient(wait);
        }
        let name = match &self.record.gateway {
            Some(name) => Some(name.clone()),
            None => known_name(&home.gateway_name())?,
        };
        if let Some(name) = name {
            config = config.with_gateway(&name).map_err(refused)?;
        }
        Ok(config.into())
    }

    /// The same for a gateway that writes it: a gateway that was given no name gives itself one, once for all.
    ///
    /// # Errors
    /// As [`Settings::record`], and when the name cannot be kept.
    pub(crate) fn record_to_write(&self, home: &Home, ambient: &dyn Ambient) -> Result<Place, Failure> {
        let path = home.gateway_name();
        if self.record.database.is_some() && self.record.gateway.is_none() && known_name(&path)?.is_none() {
            let name = format!("gw-{:032x}", u128::from_be_bytes(ambient.random()));
            keep_name(&path, &name).map_err(|error| {
                let path = path.display();
                Failure::unreachable(format!("this gateway's name cannot be kept in `{path}`: {error}"))
            })?;
        }
        self.record(home)
    }
}

/// Writes the name down for this user alone, durably: rows of the database belong to it from now on.
fn keep_name(path: &Path, name: &str) -> std::io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(name.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// The name that this gateway has given itself before. One that cannot be read is no reason for another: under it are
/// the gateway's conversations, approvals and cursors.
fn known_name(path: &Path) -> Result<Option<String>, Failure> {
    let unusable = |why: &str| {
        Failure::unreachable(format!(
            "this gateway's name cannot be taken from `{}`: {why}; `gateway` in `[record]` of bulkhead.toml can give it",
            path.display()
        ))
    };
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_NAME_BYTES + 2).read_to_string(&mut text));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(&error.to_string())),
        Ok(_) => {}
    }
    let name = text.trim();
    if name.is_empty() || name.len() as u64 > MAX_NAME_BYTES {
        return Err(unusable(&format!("it is not 1 to {MAX_NAME_BYTES} bytes")));
    }
    Ok(Some(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_read_makes_no_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.name");
        assert_eq!(known_name(&path).unwrap(), None);
        keep_name(&path, "gw-1").unwrap();
        assert_eq!(known_name(&path).unwrap().as_deref(), Some("gw-1"));
        for odd in [String::new(), " \n".to_owned(), "x".repeat(65), "x".repeat(100_000)] {
            std::fs::write(&path, &odd).unwrap();
            let failure = known_name(&path).unwrap_err().to_string();
            assert!(failure.contains("`gateway` in `[record]`"), "{failure}");
        }
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        known_name(&path).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        known_name(&path).unwrap_err();
    }
}
