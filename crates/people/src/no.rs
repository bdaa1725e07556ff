//! Why somebody is not let in, or something of theirs is not done.

use journal::{AppendError, ReadError};

/// What kind of no it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoKind {
    /// It is nobody's: the password, code, cookie or token is wrong or over.
    Unidentified,
    /// There is no such thing, or it is not this person's.
    NotFound,
    /// It cannot be done in the state that things are in.
    Conflict,
    /// Too much is going on, or too much was guessed.
    Busy,
    /// What was given does not fit its form.
    Invalid,
    /// Something that it needs is not there.
    Unavailable,
}

/// A no, in one sentence that says what was wrong and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct No {
    /// What kind of no.
    pub kind: NoKind,
    /// The sentence.
    pub message: String,
}

impl No {
    pub(crate) fn new(kind: NoKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl From<AppendError> for No {
    fn from(error: AppendError) -> Self {
        let message = format!("the record cannot be written, so nothing was done: {error}");
        Self::new(NoKind::Unavailable, message)
    }
}

impl From<ReadError> for No {
    fn from(error: ReadError) -> Self {
        Self::new(NoKind::Unavailable, format!("the record's database cannot be read: {error}"))
    }
}
