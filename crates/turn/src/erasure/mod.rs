//! Erasing content on a person's order: asked for by one, agreed to by another, carried out, all of it on the record.
//!
//! What goes are the contents of records, with their salts, and every copy of them that this home keeps: conversations
//! that can be carried on, approvals, what agents did lately, the log, posts on boards. What stays is metadata: who, when,
//! which action, how it was decided. [`retention`] does the same to what has been kept long enough; a legal hold keeps
//! both from content.
//!
//! A row of state is a claim. What is erased, and what is held, is what the record says.

mod agreed;
mod branches;
mod carry;
mod elsewhere;
mod held;
mod hold;
mod request;
mod retention;
mod select;
mod since;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use vocab::{ErasureId, PersonId, SessionId, Timestamp};

pub(crate) use self::held::Held;
pub use self::hold::{Hold, HoldScope};
pub use self::retention::{Period, Retention, RetentionRule};

/// The most characters of a reason for an erasure, a refusal or a hold.
pub const MAX_ERASURE_REASON_CHARS: usize = 1_000;

/// How long a request waits for a second person before it is worth nothing any more, in hours.
const CONSENT_LIFETIME_HOURS: i64 = 7 * 24;

/// The most requests that wait at once.
const MAX_WAITING_ERASURES: usize = 256;

/// The rows that keep requests.
const ERASURE: &str = "erasure";

/// Whose or which content goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// All that is about a person, and all of their conversations.
    Person(PersonId),
    /// A conversation.
    Session(SessionId),
    /// Records, by the first and the last number.
    Records(u64, u64),
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Person(person) => write!(f, "person:{person}"),
            Self::Session(session) => write!(f, "session:{session}"),
            Self::Records(first, last) => write!(f, "records:{first}-{last}"),
        }
    }
}

impl Scope {
    /// What is written so on the chain.
    fn read(text: &str) -> Option<Self> {
        let (kind, of) = text.split_once(':')?;
        match kind {
            "person" => PersonId::new(of).ok().map(Self::Person),
            "session" => SessionId::new(of).ok().map(Self::Session),
            "records" => {
                let (first, last) = of.split_once('-')?;
                Some(Self::Records(first.parse().ok()?, last.parse().ok()?))
            }
            _ => None,
        }
    }
}

/// Where an erasure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErasureState {
    /// It waits for a second person.
    Waiting,
    /// It was agreed to, and is being carried out or will be as soon as that can be done.
    Running,
    /// The content is gone.
    Done,
    /// It was refused, by a person or by a legal hold.
    Refused,
    /// Nobody agreed in time, which is a no.
    Expired,
}

/// A request to erase, as it is kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureView {
    /// Which.
    pub id: ErasureId,
    /// What goes.
    pub of: Scope,
    /// Why, in the words of who asked.
    pub reason: String,
    /// Who asked.
    pub asked_by: PersonId,
    /// When.
    pub asked: Timestamp,
    /// When a request that nobody agreed to is over.
    pub expires: Timestamp,
    /// Where it stands.
    pub state: ErasureState,
    /// Who agreed or refused; none while it waits, and when it expired.
    pub decided_by: Option<PersonId>,
    /// Why it was refused.
    pub why: Option<String>,
    /// How many contents there were when it was asked for, and how many have been erased once it was agreed to.
    pub contents: u64,
    /// The records that erased them.
    pub records: Vec<u64>,
    /// Whether traces of erased content may be left in the database's files because somebody reads an older state of it.
    #[serde(default)]
    pub traces: bool,
}
