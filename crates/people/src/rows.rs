//! What is kept of each person's ways in: rows of state, as JSON.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vocab::{Digest, PasskeyId, PersonId, SignInId, Timestamp, TokenId};
use webauthn_rs::prelude::Passkey;

use crate::bounds::CLOCK_SLACK;

/// The families of rows.
pub(crate) const PASSWORD: &str = "password";
pub(crate) const INVITE: &str = "invite";
pub(crate) const SIGN_IN: &str = "sign-in";
pub(crate) const TOKEN: &str = "token";
pub(crate) const PASSKEY: &str = "passkey";

/// How somebody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// With a password.
    Password,
    /// With a one-time code, and a new password set with it.
    Code,
    /// With a passkey.
    Passkey,
    /// By the organisation's identity provider.
    Provider,
}

impl How {
    /// Its name, as records write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Code => "code",
            Self::Passkey => "passkey",
            Self::Provider => "provider",
        }
    }
}

/// What a token may be used for, within what its person may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To see agents, status and oneself.
    Read,
    /// To ask agents and follow what becomes of it.
    Chat,
    /// To see what waits and decide on it.
    Approve,
    /// To read the record: content, searches, exports.
    Record,
    /// To stop agents, change what is kept, sign, shut down.
    Admin,
    /// To say who is there, for a program that provisions.
    Scim,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 6] = [Self::Read, Self::Chat, Self::Approve, Self::Record, Self::Admin, Self::Scim];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Chat => "chat",
            Self::Approve => "approve",
            Self::Record => "record",
            Self::Admin => "admin",
            Self::Scim => "scim",
        }
    }
}

/// A password: its PHC string and when it was set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PasswordRow {
    pub(crate) phc: String,
    pub(crate) set: Timestamp,
}

/// A one-time code that waits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct InviteRow {
    pub(crate) digest: Digest,
    pub(crate) by: PersonId,
    pub(crate) created: Timestamp,
    pub(crate) expires: Timestamp,
}

/// A sign-in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SignInRow {
    pub(crate) id: SignInId,
    pub(crate) person: PersonId,
    pub(crate) how: How,
    pub(crate) digest: Digest,
    pub(crate) created: Timestamp,
    pub(crate) seen: Timestamp,
    pub(crate) expires: Timestamp,
    /// What the browser calls itself.
    pub(crate) agent: String,
    /// Until when its person counts as having shown again that it is they; gone with the gateway.
    #[serde(skip)]
    pub(crate) confirmed_until: Option<Timestamp>,
    /// When `seen` was written last.
    #[serde(skip)]
    pub(crate) written: Option<Timestamp>,
}

impl SignInRow {
    /// Whether it is good at `now`, having been used at least every `idle`.
    pub(crate) fn lives(&self, now: Timestamp, idle: SignedDuration) -> bool {
        let used = self.seen.checked_add(idle).is_ok_and(|until| now < until);
        used && now < self.expires && !future(self.created, now) && !future(self.seen, now)
    }

    /// Until when its person counts as having shown that it is they, if they do at `now`.
    pub(crate) fn confirmed(&self, now: Timestamp) -> Option<Timestamp> {
        let most = SignedDuration::try_from(crate::bounds::CONFIRMED_FOR).unwrap_or_default();
        // Set back, a clock must not make it longer.
        self.confirmed_until.filter(|until| now < *until && until.duration_since(now) <= most)
    }
}

/// An API token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TokenRow {
    pub(crate) id: TokenId,
    pub(crate) person: PersonId,
    pub(crate) name: String,
    pub(crate) digest: Digest,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) created: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) used: Option<Timestamp>,
    #[serde(skip)]
    pub(crate) written: Option<Timestamp>,
}

/// A passkey: a public key, and what is known of its use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PasskeyRow {
    pub(crate) id: PasskeyId,
    pub(crate) person: PersonId,
    pub(crate) name: String,
    /// The name that it is bound to.
    pub(crate) site: String,
    /// By what it knows its person.
    pub(crate) handle: Uuid,
    pub(crate) key: Passkey,
    pub(crate) created: Timestamp,
    pub(crate) used: Option<Timestamp>,
}

impl TokenRow {
    pub(crate) fn lives(&self, now: Timestamp) -> bool {
        now < self.expires && !future(self.created, now)
    }
}

impl InviteRow {
    pub(crate) fn lives(&self, now: Timestamp) -> bool {
        now < self.expires && !future(self.created, now)
    }
}

/// Whether `made` is later than `now` by more than clocks differ: the clock was set back, and how long ago it was made is
/// not known.
pub(crate) fn future(made: Timestamp, now: Timestamp) -> bool {
    let slack = SignedDuration::try_from(CLOCK_SLACK).unwrap_or_default();
    made.duration_since(now) > slack
}

/// `now` and so long after it.
pub(crate) fn later(now: Timestamp, by: std::time::Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}
