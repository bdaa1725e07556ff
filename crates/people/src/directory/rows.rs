//! The rows of the directory.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use vocab::{DirectoryId, PersonId, Timestamp};

/// The families of rows.
pub(crate) const ACCOUNT: &str = "account";
pub(crate) const GROUP: &str = "account-group";

/// Who put an account in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Maker {
    /// Its person, by their first sign-in.
    SignIn,
    /// A program that provisions.
    Scim,
}

impl Maker {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Scim => "scim",
        }
    }
}

/// Which account of which provider somebody is. A name may be given to somebody else there; these two never are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) issuer: String,
    pub(crate) subject: String,
}

/// An account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AccountRow {
    pub(crate) id: DirectoryId,
    pub(crate) person: PersonId,
    pub(crate) made_by: Maker,
    /// Bound at the first sign-in, and for good.
    pub(crate) subject: Option<Subject>,
    pub(crate) external: Option<String>,
    pub(crate) shown: Option<String>,
    /// The groups that its last sign-in named, where it is by sign-ins that they are known.
    pub(crate) claimed: BTreeSet<String>,
    pub(crate) active: bool,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
}

/// A group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GroupRow {
    pub(crate) id: DirectoryId,
    pub(crate) name: String,
    pub(crate) external: Option<String>,
    pub(crate) members: BTreeSet<DirectoryId>,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
}
