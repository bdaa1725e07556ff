//! What callers hand in, and what they get back for it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vocab::{
    AgentName, Decision, Digest, Labels, PersonId, ProposalId, Resource, SessionId, Status, TurnId, Verb,
};

use crate::erase::Erased;
use crate::event::{Event, Facts, ModelCall};

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A person's or an agent's words came in or went out.
    Message,
    /// An agent wants something.
    Proposal,
    /// What the monitor decided.
    Verdict,
    /// What became of a proposal.
    Outcome,
    /// An action was held for a person, approved, denied or let lapse.
    Approval,
    /// The settings or an agent were changed, started, stopped.
    Admin,
    /// Something that a person should look at.
    Alert,
    /// Somebody was identified, or was not.
    Auth,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Message,
        Self::Proposal,
        Self::Verdict,
        Self::Outcome,
        Self::Approval,
        Self::Admin,
        Self::Alert,
        Self::Auth,
    ];

    /// The kind's name, as records write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Proposal => "proposal",
            Self::Verdict => "verdict",
            Self::Outcome => "outcome",
            Self::Approval => "approval",
            Self::Admin => "admin",
            Self::Alert => "alert",
            Self::Auth => "auth",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Why a verdict is what it is, without its sentence: that is content and belongs in the payload.
// The fields are in alphabetical order because the body is canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// The layer that spoke.
    pub layer: vocab::Layer,
    /// The policy, rule or limit that decided, by its id.
    pub policy: String,
}

/// A record to be: everything but its place, its time and its hash.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What it is about.
    pub kind: Kind,
    /// In which conversation.
    pub session: Option<SessionId>,
    /// In which turn.
    pub turn: Option<TurnId>,
    /// About which proposal.
    pub proposal: Option<ProposalId>,
    /// About which agent.
    pub agent: Option<AgentName>,
    /// About which person.
    pub person: Option<PersonId>,
    /// What is done.
    pub verb: Option<Verb>,
    /// To what.
    pub resource: Option<Resource>,
    /// What was decided.
    pub decision: Option<Decision>,
    /// How it ended.
    pub status: Option<Status>,
    /// Why it was decided so.
    pub reasons: Vec<Ground>,
    /// The labels of the data concerned.
    pub labels: Option<Labels>,
    /// What it was judged by.
    pub policy_version: Option<Digest>,
    /// What happened, where kind and verb do not say it.
    pub event: Option<Event>,
    /// What is known of it without any content.
    pub facts: Facts,
    /// What is known of a model call without its words.
    pub call: Option<Box<ModelCall>>,
    /// The records whose content goes in the transaction of this one.
    pub erases: Option<Erased>,
    /// The content, kept apart from the chain: by custom an object whose `args` are the action's
    /// arguments, with texts and the sentences of the reasons beside it. `Null` is no content.
    pub payload: Value,
    /// The content where somebody has written it as JSON already; it stands in place of `payload` then.
    pub written: Option<Written>,
}

/// A value as JSON, byte for byte as it will be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written(String);

impl Written {
    /// Writes `value`.
    ///
    /// # Errors
    /// When it has no JSON form.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(Self)
    }

    /// These words.
    #[must_use]
    pub fn words(words: &str) -> Self {
        Self(Value::from(words).to_string())
    }

    /// The JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

impl Draft {
    /// A draft of `kind` with nothing else in it.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            session: None,
            turn: None,
            proposal: None,
            agent: None,
            person: None,
            verb: None,
            resource: None,
            decision: None,
            status: None,
            reasons: Vec::new(),
            labels: None,
            policy_version: None,
            event: None,
            facts: Facts::new(),
            call: None,
            erases: None,
            payload: Value::Null,
            written: None,
        }
    }

    /// A draft of an event, with its facts.
    #[must_use]
    pub fn of_event(kind: Kind, event: Event, facts: Facts) -> Self {
        Self { event: Some(event), facts, ..Self::new(kind) }
    }
}

/// In the key of an item its number has so many digits, so that keys sort as numbers do.
pub(crate) const ITEM_DIGITS: usize = 10;

/// A change of a state row, done in the transaction of its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub(crate) kind: String,
    pub(crate) key: String,
    /// JSON; the row goes without it.
    pub(crate) value: Option<String>,
    /// It is an item of a list, whose name is so many bytes of `key`. Without a value the list goes from there on.
    pub(crate) list: Option<usize>,
}

impl Change {
    /// The row `key` of the family `kind`, such as `session`, has this value from now on.
    ///
    /// # Errors
    /// When the value has no JSON form.
    pub fn put<T: Serialize + ?Sized>(kind: &str, key: &str, value: &T) -> Result<Self, serde_json::Error> {
        let value = serde_json::to_string(value)?;
        Ok(Self { kind: kind.to_owned(), key: key.to_owned(), value: Some(value), list: None })
    }

    /// The row `key` of the family `kind` is gone from now on.
    #[must_use]
    pub fn delete(kind: &str, key: &str) -> Self {
        Self { kind: kind.to_owned(), key: key.to_owned(), value: None, list: None }
    }

    /// The list `list` of the family `kind` has `value` behind its other items from now on, as its item `nth`. Whoever
    /// pushes counts, from 0 on, each number once.
    ///
    /// Items are for what only grows and is read as a whole: they are written where the last one of any list was, so
    /// that many lists that grow at once cost no more than one.
    ///
    /// # Errors
    /// When the value has no JSON form.
    pub fn push<T: Serialize + ?Sized>(
        kind: &str,
        list: &str,
        nth: u32,
        value: &T,
    ) -> Result<Self, serde_json::Error> {
        let item = Self::put(kind, &format!("{list}/{nth:0ITEM_DIGITS$}"), value)?;
        Ok(Self { list: Some(list.len()), ..item })
    }

    /// The list `list` of the family `kind` is gone from now on, with all its items.
    #[must_use]
    pub fn drop_list(kind: &str, list: &str) -> Self {
        Self { list: Some(list.len()), ..Self::delete(kind, &format!("{list}/")) }
    }

    /// Of the list `list` of the family `kind`, whose items were counted from 0, the first `kept` alone are there from now on.
    #[must_use]
    pub fn cut_list(kind: &str, list: &str, kept: u32) -> Self {
        Self { list: Some(list.len()), ..Self::delete(kind, &format!("{list}/{kept:0ITEM_DIGITS$}")) }
    }

    /// The list that it changes, if it is about one.
    pub(crate) fn list(&self) -> Option<&str> {
        self.key.get(..self.list?)
    }

    /// Whether a list goes, whole or from one of its items on.
    pub(crate) const fn drops_list(&self) -> bool {
        self.list.is_some() && self.value.is_none()
    }

    /// How many items stay of a list that goes.
    pub(crate) fn kept(&self) -> u32 {
        let number = self.list.and_then(|length| self.key.get(length.saturating_add(1)..));
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// The row's name in its family.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The bytes of its value as JSON; 0 for a row that goes.
    #[must_use]
    pub fn value_bytes(&self) -> usize {
        self.value.as_ref().map_or(0, String::len)
    }
}

/// Records and changes of state that become durable together or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What the receipt will be for; the caller chooses it.
    pub subject: Digest,
    /// The records, in order.
    pub records: Vec<Draft>,
    /// The changes of state, in order.
    pub state: Vec<Change>,
}

/// Nothing of an entry is written when the log has a record of this event after what its caller has seen of it: another
/// gateway may have added one while the caller decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unless {
    /// The event that would have decided otherwise.
    pub event: Event,
    /// The last record that was there before the caller looked.
    pub after: u64,
}

/// Where a log ends: how many records it has and the hash of the last. Kept elsewhere, it shows a cut
/// tail or a chain that was built anew. An empty log's hash is made of the log's own id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The number of records.
    pub records: u64,
    /// The hash of the last.
    pub hash: Digest,
}

/// Proof that an entry is durable. Only the journal makes one; it cannot be copied or written down.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a receipt is what lets the effect begin"]
pub struct Receipt {
    subject: Digest,
    head: Head,
}

impl Receipt {
    pub(crate) const fn new(subject: Digest, head: Head) -> Self {
        Self { subject, head }
    }

    /// What the entry was for, as its [`Entry::subject`] said.
    #[must_use]
    pub const fn subject(&self) -> &Digest {
        &self.subject
    }

    /// The sequence number of the entry's last record.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.head.records
    }

    /// The hash of the entry's last record.
    #[must_use]
    pub const fn hash(&self) -> &Digest {
        &self.head.hash
    }
}
