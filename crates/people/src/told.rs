//! What the record says of people's ways in: who, how, from where; never a secret, and no name that is nobody's, since it may
//! be a password that somebody typed in the wrong field.

use std::net::IpAddr;

use journal::{Draft, Event, Facts, Kind};
use parking_lot::Mutex;
use vocab::{Decision, PersonId, SignInId, Sum, Tally, Timestamp, TokenId};

/// Where a request comes from.
pub type Peer = IpAddr;

/// How long refusals of one kind from one place are summed up, in seconds.
const REFUSAL_SECONDS: i64 = 60;

/// How many of them are told one by one within that time.
const REFUSALS_AT_ONCE: u64 = 4;

/// How long the uses of a token count as one, in seconds.
const USE_SECONDS: i64 = 600;

/// The most that are told apart within a window; the rest are counted together.
const MAX_APART: usize = 64;

/// With what somebody came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum With {
    Password,
    Code,
    Cookie,
    Token,
    Passkey,
    Provider,
    /// The chat's signature, and the account that it speaks for.
    Chat,
}

impl With {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Code => "code",
            Self::Cookie => "cookie",
            Self::Token => "token",
            Self::Passkey => "passkey",
            Self::Provider => "provider",
            Self::Chat => "chat",
        }
    }
}

/// Why it was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    Wrong,
    Over,
    Throttled,
    /// A passkey counts behind what it was seen with.
    Counter,
}

impl Why {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Over => "over",
            Self::Throttled => "throttled",
            Self::Counter => "counter",
        }
    }
}

/// A refusal: with what, why, from where, and whose it would have been, where that is a person.
pub(crate) type Refused = (With, Why, Peer, Option<PersonId>);

/// The use of a token from a place.
pub(crate) type Used = (TokenId, PersonId, Peer);

/// What may happen very often, counted.
#[derive(Debug)]
pub(crate) struct Tallies {
    refused: Mutex<Tally<Refused>>,
    used: Mutex<Tally<Used>>,
}

impl Tallies {
    pub(crate) const fn new() -> Self {
        Self {
            refused: Mutex::new(Tally::new(REFUSAL_SECONDS, REFUSALS_AT_ONCE, MAX_APART)),
            used: Mutex::new(Tally::new(USE_SECONDS, 1, MAX_APART)),
        }
    }

    /// Counts a refusal; its record, if it is told at once.
    pub(crate) fn refuse(&self, key: &Refused, now: Timestamp) -> Option<Draft> {
        self.refused.lock().count(key, now).then(|| refused(Some(key), 1))
    }

    /// Counts a use; its record, if it is told at once.
    pub(crate) fn use_of(&self, key: &Used, now: Timestamp) -> Option<Draft> {
        self.used.lock().count(key, now).then(|| used(Some(key), 1))
    }

    /// The records of the windows that are over at `now`; of all without it.
    pub(crate) fn sums(&self, now: Option<Timestamp>) -> Vec<Draft> {
        fn over<K: Ord + Clone>(tally: &Mutex<Tally<K>>, now: Option<Timestamp>) -> Vec<Sum<K>> {
            let mut tally = tally.lock();
            match now {
                Some(now) => tally.over(now),
                None => tally.all(),
            }
        }
        let mut drafts = Vec::new();
        drafts.extend(over(&self.refused, now).iter().map(|sum| refused(sum.key.as_ref(), sum.count)));
        drafts.extend(over(&self.used, now).iter().map(|sum| used(sum.key.as_ref(), sum.count)));
        drafts
    }
}

fn refused(key: Option<&Refused>, count: u64) -> Draft {
    let mut facts = Facts::new().with("count", count);
    if let Some((with, why, peer, _)) = key {
        facts = facts.with("how", with.as_str()).with("why", why.as_str()).with("peer", peer.to_string());
    }
    let mut draft = Draft::of_event(Kind::Auth, Event::SignInRefused, facts);
    draft.person = key.and_then(|(.., person)| person.clone());
    draft.decision = Some(Decision::Deny);
    draft
}

fn used(key: Option<&Used>, count: u64) -> Draft {
    let mut facts = Facts::new().with("count", count);
    if let Some((token, _, peer)) = key {
        facts = facts.with("token", token.as_str()).with("peer", peer.to_string());
    }
    let mut draft = Draft::of_event(Kind::Auth, Event::TokenUsed, facts);
    draft.person = key.map(|(_, person, _)| person.clone());
    draft.decision = Some(Decision::Permit);
    draft
}

/// Somebody came in, or showed again that it is they.
pub(crate) fn came(event: Event, person: &PersonId, sign_in: &SignInId, how: &str, peer: Peer) -> Draft {
    let facts =
        Facts::new().with("sign_in", sign_in.as_str()).with("how", how).with("peer", peer.to_string());
    let mut draft = Draft::of_event(Kind::Auth, event, facts);
    draft.person = Some(person.clone());
    draft.decision = Some(Decision::Permit);
    draft
}

/// Somebody signed in with a code that somebody else made; `replaced` when there was a password already.
pub(crate) fn invited(
    person: &PersonId,
    sign_in: &SignInId,
    by: &PersonId,
    replaced: bool,
    peer: Peer,
) -> Draft {
    let facts = Facts::new().with("sign_in", sign_in.as_str()).with("invited_by", by.as_str());
    let facts = facts.with("replaced", replaced).with("peer", peer.to_string());
    let mut draft = Draft::of_event(Kind::Alert, Event::InviteUsed, facts);
    draft.person = Some(person.clone());
    draft
}

/// A sign-in is over.
pub(crate) fn left(person: &PersonId, sign_in: &SignInId, why: &str, by: Option<&PersonId>) -> Draft {
    let facts = Facts::new().with("sign_in", sign_in.as_str()).with("why", why);
    let facts = facts.with_some("by", by.map(PersonId::as_str));
    let mut draft = Draft::of_event(Kind::Auth, Event::SignedOut, facts);
    draft.person = Some(person.clone());
    draft
}

/// One of a person's ways in was made, changed or ended.
pub(crate) fn changed(event: Event, person: &PersonId, by: Option<&PersonId>, facts: Facts) -> Draft {
    let facts = facts.with_some("by", by.map(PersonId::as_str));
    let mut draft = Draft::of_event(Kind::Admin, event, facts);
    draft.person = Some(person.clone());
    draft
}
