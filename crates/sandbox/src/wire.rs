//! The first words between the gateway and a jailed process: the jail, and whether it stands. With a guest's
//! first process also the program to start, and what became of it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use serde::{Deserialize, Serialize};

use vocab::{Keep, visible};

use crate::{Jail, Layer};

/// The longest sentence of a jailed process that is handed on, in bytes, before what does not show is spelt out: the names of two
/// files and the words about them fit.
const MAX_SENTENCE_BYTES: usize = 16 * 1024;

/// A sentence of a jailed process as it is handed on: on one line, and bounded.
pub(crate) fn sentence(text: &str) -> String {
    visible(text.get(..text.floor_char_boundary(MAX_SENTENCE_BYTES)).unwrap_or_default(), Keep::Nothing)
}

/// What the gateway says first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    pub(crate) jail: Jail,
    /// The cgroup that the process was born into bounds how many processes there are.
    pub(crate) processes_bounded: bool,
}

/// What the jailed process answers, once.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "jail", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Answer {
    /// Every layer is laid, or the jail is reduced and the lacking ones are named.
    Ready { layers: Vec<Layer> },
    /// A layer cannot be had; the process ends.
    Refused { layer: String, why: String, mend: String },
}

/// A name or an argument: bytes without a zero, mostly text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Text {
    Plain(String),
    Bytes(Vec<u8>),
}

impl From<&OsStr> for Text {
    fn from(text: &OsStr) -> Self {
        match text.to_str() {
            Some(plain) => Self::Plain(plain.into()),
            None => Self::Bytes(text.as_bytes().into()),
        }
    }
}

impl From<Text> for OsString {
    fn from(text: Text) -> Self {
        match text {
            Text::Plain(plain) => plain.into(),
            Text::Bytes(bytes) => Self::from_vec(bytes),
        }
    }
}

/// The program that the first process of a guest's jail is to start. Its standard descriptors come along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Launch {
    pub(crate) program: Text,
    pub(crate) args: Vec<Text>,
    pub(crate) env: Vec<(Text, Text)>,
    pub(crate) folder: Text,
    pub(crate) terminal: bool,
}

/// What the gateway says while the program runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Tell {
    /// Send the program a signal.
    Signal { signal: i32 },
}

/// What the first process says of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Told {
    /// It runs. The listener comes along, if one was promised.
    Running,
    /// It was not started; a shell would end with `code`.
    Not { code: u8, why: String },
    /// A signal stopped it, for the first time since it was last told to continue.
    Stopped,
    /// It ended by itself.
    Exited { code: u8 },
    /// A signal ended it.
    Killed { signal: u8 },
}
