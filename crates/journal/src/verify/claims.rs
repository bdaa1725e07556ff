//! What the body of a record says that the chain, the contents and the tables depend on.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

/// The claims of one body. The rest of it is part of the hash and is not looked at.
#[derive(Deserialize)]
pub(super) struct Claims<'a> {
    pub(super) seq: u64,
    #[serde(deserialize_with = "hash")]
    pub(super) prev: [u8; 32],
    #[serde(default, deserialize_with = "some_hash")]
    pub(super) commit: Option<[u8; 32]>,
    #[serde(default)]
    pub(super) erases: Option<Value>,
    #[serde(borrow, default)]
    agent: Option<Text<'a>>,
    #[serde(borrow, default)]
    decision: Option<Text<'a>>,
    #[serde(borrow, default)]
    event: Option<Text<'a>>,
    #[serde(borrow, default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    person: Option<Text<'a>>,
    #[serde(borrow, default)]
    session: Option<Text<'a>>,
}

/// A text, borrowed from the body where nothing in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The fields that the table of blocks knows, as [`Claims::fields`] gives them.
pub(super) const FIELDS: [&str; 5] = ["agent", "decision", "kind", "person", "session"];

impl<'a> Claims<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, String> {
        serde_json::from_slice(body).map_err(|error| error.to_string())
    }

    /// What it tells of, where its kind does not say it.
    pub(super) fn event(&self) -> Option<&str> {
        self.event.as_ref().map(|event| event.0.as_ref())
    }

    /// What queries go by, in the order of [`FIELDS`].
    pub(super) fn fields(&self) -> [Option<&str>; 5] {
        let fields = [&self.agent, &self.decision, &self.kind, &self.person, &self.session];
        fields.map(|text| text.as_ref().map(|text| text.0.as_ref()))
    }
}

fn hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text: &str = Deserialize::deserialize(deserializer)?;
    let mut bytes = [0; 32];
    match data_encoding::HEXLOWER.decode_mut(text.as_bytes().get(..64).unwrap_or_default(), &mut bytes) {
        Ok(32) if text.len() == 64 => Ok(bytes),
        _ => Err(de::Error::custom("`prev` or `commit` is not a hash")),
    }
}

fn some_hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 32]>, D::Error> {
    hash(deserializer).map(Some)
}
