//! What is held in memory of the rows, and how a change of them becomes durable.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use journal::{Change, Draft, Entry, Journal};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vocab::{Ambient, Digest, PasskeyId, PersonId, SignInId, Timestamp, TokenId};

use crate::bounds::{SIGN_IN_IDLE, SIGN_IN_LIFE};
use crate::directory::Directory;
use crate::directory::rows::{ACCOUNT, AccountRow, GROUP, GroupRow};
use crate::guesses::Guesses;
use crate::hasher::Hasher;
use crate::no::{No, NoKind};
use crate::origin::Origin;
use crate::passkey::challenges::Challenges;
use crate::passkey::site::Site;
use crate::provider::{COME_BACK, Fetch, Flows, Provider, ProviderConfig};
use crate::rows::{INVITE, InviteRow, PASSKEY, PasskeyRow, SIGN_IN, SignInRow, TOKEN, TokenRow};
use crate::told::Tallies;

/// What this room is told by the settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// A list of breached passwords, where there is one.
    pub breached: Option<PathBuf>,
    /// How long a sign-in lasts at most.
    pub life: Duration,
    /// How long a sign-in lasts unused.
    pub idle: Duration,
    /// Where browsers reach the gateway, by a name that passkeys can be bound to.
    pub origin: Option<Origin>,
}

impl Default for Config {
    fn default() -> Self {
        Self { breached: None, life: SIGN_IN_LIFE, idle: SIGN_IN_IDLE, origin: None }
    }
}

/// The rows that each request needs. Passwords are read when they are needed.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) sign_ins: BTreeMap<SignInId, SignInRow>,
    pub(crate) tokens: BTreeMap<TokenId, TokenRow>,
    pub(crate) invites: BTreeMap<PersonId, InviteRow>,
    pub(crate) passkeys: BTreeMap<PasskeyId, PasskeyRow>,
    pub(crate) directory: Directory,
}

/// Everybody's ways in.
pub struct People {
    pub(crate) journal: Journal,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) config: Config,
    pub(crate) hasher: Hasher,
    pub(crate) held: Mutex<Held>,
    pub(crate) guesses: Mutex<Guesses>,
    pub(crate) tallies: Tallies,
    /// Who has ways in and was not in the settings when leavers were looked for last.
    pub(crate) missing: Mutex<BTreeSet<PersonId>>,
    /// What passkeys are bound to.
    pub(crate) site: Option<Site>,
    pub(crate) challenges: Mutex<Challenges>,
    /// Who else may say who somebody is.
    pub(crate) provider: Option<Provider>,
    pub(crate) flows: Mutex<Flows>,
    /// Held while rows change: what is read under it is still so when the change is durable.
    pub(crate) changing: tokio::sync::Mutex<()>,
}

impl People {
    /// Takes up what the journal's database has.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(journal: Journal, ambient: Arc<dyn Ambient>, config: Config) -> Result<Self, No> {
        let held = Held {
            sign_ins: rows(&journal, SIGN_IN, |row: &SignInRow| row.id.clone())?,
            tokens: rows(&journal, TOKEN, |row: &TokenRow| row.id.clone())?,
            invites: keyed(&journal, INVITE)?,
            passkeys: rows(&journal, PASSKEY, |row: &PasskeyRow| row.id.clone())?,
            directory: Directory {
                accounts: rows(&journal, ACCOUNT, |row: &AccountRow| row.id.clone())?,
                groups: rows(&journal, GROUP, |row: &GroupRow| row.id.clone())?,
                version: 0,
            },
        };
        let site = config.origin.clone().map(Site::new).transpose()?;
        Ok(Self {
            journal,
            ambient,
            config,
            hasher: Hasher::new(),
            held: Mutex::new(held),
            guesses: Mutex::default(),
            tallies: Tallies::new(),
            missing: Mutex::default(),
            site,
            challenges: Mutex::default(),
            provider: None,
            flows: Mutex::default(),
            changing: tokio::sync::Mutex::new(()),
        })
    }

    /// The same with an identity provider, asked by `fetch`.
    ///
    /// # Errors
    /// When browsers do not reach the gateway by a name that it can send them back to.
    pub fn with_provider(mut self, config: ProviderConfig, fetch: Fetch) -> Result<Self, No> {
        let origin = self.passkeys_at().ok_or_else(|| {
            let message = "an identity provider needs a name to send browsers back to: set `origin` in `[gateway]` of bulkhead.toml";
            No::new(NoKind::Invalid, message)
        })?;
        let redirect = format!("{origin}{COME_BACK}");
        self.provider = Some(Provider::new(config, redirect, fetch));
        Ok(self)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ambient.now()
    }

    pub(crate) fn idle(&self) -> SignedDuration {
        SignedDuration::try_from(self.config.idle).unwrap_or(SignedDuration::MAX)
    }

    /// Makes records and rows durable together.
    pub(crate) async fn commit(&self, records: Vec<Draft>, state: Vec<Change>) -> Result<(), No> {
        let entry = Entry { subject: self.subject(), records, state };
        if entry.records.is_empty() {
            self.journal.follow(entry).await?;
            self.journal.flush().await?;
        } else {
            drop(self.journal.append(entry).await?);
        }
        Ok(())
    }

    /// Hands over what nobody waits for. What is lost when the record cannot be written is said in the log.
    pub(crate) async fn hand_over(&self, records: Vec<Draft>, state: Vec<Change>) {
        if records.is_empty() && state.is_empty() {
            return;
        }
        let entry = Entry { subject: self.subject(), records, state };
        if let Err(error) = self.journal.follow(entry).await {
            tracing::error!("what is known of sign-ins could not be written: {error}");
        }
    }

    /// Nobody tells these receipts apart.
    fn subject(&self) -> Digest {
        Digest::of(&self.ambient.random())
    }
}

/// A row.
pub(crate) fn put<T: Serialize>(kind: &str, key: &str, row: &T) -> Result<Change, No> {
    Change::put(kind, key, row)
        .map_err(|error| No::new(NoKind::Unavailable, format!("a {kind} cannot be stored: {error}")))
}

/// A row, read back.
pub(crate) fn get<T: DeserializeOwned>(journal: &Journal, kind: &str, key: &str) -> Result<Option<T>, No> {
    let Some(value) = journal.state(kind, key)? else { return Ok(None) };
    serde_json::from_value(value).map(Some).map_err(|_| misfit(kind, key))
}

fn keyed<T: DeserializeOwned>(journal: &Journal, kind: &str) -> Result<BTreeMap<PersonId, T>, No> {
    let rows = journal.states(kind, "")?.into_iter().map(|(key, value)| {
        let person = PersonId::new(&key).map_err(|_| misfit(kind, &key))?;
        let row = serde_json::from_value(value).map_err(|_| misfit(kind, &key))?;
        Ok((person, row))
    });
    rows.collect()
}

fn rows<K: Ord, T: DeserializeOwned>(
    journal: &Journal,
    kind: &str,
    key: impl Fn(&T) -> K,
) -> Result<BTreeMap<K, T>, No> {
    let rows = journal.states(kind, "")?.into_iter().map(|(name, value)| {
        let row: T = serde_json::from_value(value).map_err(|_| misfit(kind, &name))?;
        Ok((key(&row), row))
    });
    rows.collect()
}

/// The error of the parser may quote what is in the row, so it is not told.
fn misfit(kind: &str, key: &str) -> No {
    let message =
        format!("the {kind} `{key}` in the database does not fit its form; run `bulkhead audit verify`");
    No::new(NoKind::Unavailable, message)
}
