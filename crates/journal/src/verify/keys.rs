//! The keys that the record keeps, held against what its records say of them. Anybody who may add to the record can put a row
//! among the keys; each of them that is the record's own came with a record.

use serde::{Deserialize, Serialize};

use super::kept::KeyRows;
use super::sealed::{MAX_KEYS, Odd};

/// A key that came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyTold {
    key: String,
    /// The key before it signed the change.
    signed: bool,
}

/// A record that tells of a key.
#[derive(Deserialize)]
struct Tells {
    #[serde(default)]
    facts: Facts,
}

#[derive(Default, Deserialize)]
struct Facts {
    /// The first key.
    key: Option<String>,
    /// One in the place of another.
    new: Option<String>,
    #[serde(default)]
    lost: bool,
}

/// What the key is that the record with this body tells of, if it is one that does. `event` is the record's.
pub(super) fn told(event: &str, body: &[u8]) -> Option<KeyTold> {
    if !matches!(event, "key.made" | "key.rotated") {
        return None;
    }
    let facts = serde_json::from_slice::<Tells>(body).map(|tells| tells.facts).unwrap_or_default();
    let signed = event == "key.rotated" && !facts.lost;
    let key = if event == "key.made" { facts.key } else { facts.new };
    key.map(|key| KeyTold { key, signed })
}

/// How the keys that are kept are other than those that the records tell of, if they are.
pub(super) fn unlike(kept: &KeyRows, told: &[KeyTold]) -> Option<Odd> {
    if told.len() > MAX_KEYS || kept.len() > MAX_KEYS {
        return Some(Odd::TooMany);
    }
    let mut told = told.iter();
    for (key, change) in kept {
        match told.next() {
            Some(of) if of.key == *key && of.signed == change.is_some() => {}
            Some(of) if of.key == *key => return Some(Odd::Otherwise(key.clone())),
            _ => return Some(Odd::Untold(key.clone())),
        }
    }
    told.next().map(|of| Odd::Gone(of.key.clone()))
}
