//! Why the gateway would not do what a person asked of it.

use journal::{AppendError, ReadError};

/// What kind of no it is; the HTTP status and the exit code follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// There is no such thing, or this person may not know of it.
    NotFound,
    /// This person has no right to it.
    Forbidden,
    /// It cannot be done in the state that things are in.
    Conflict,
    /// Too much is going on.
    Busy,
    /// What was sent does not fit its form.
    Invalid,
    /// Something that it needs is not there: the record, the kernel's layers, the model server.
    Unavailable,
}

/// A no, in one sentence that says what was wrong, where, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What kind of no.
    pub kind: RefusalKind,
    /// The sentence.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        let message = match error {
            // The record takes everything else.
            AppendError::NoEraser | AppendError::Eraser { .. } => error.to_string(),
            error => format!("the record cannot be written, so nothing was done: {error}"),
        };
        Self::new(RefusalKind::Unavailable, message)
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        Self::new(RefusalKind::Unavailable, format!("the record's database cannot be read: {error}"))
    }
}

impl From<monitor::WrongReceipt> for Refusal {
    fn from(error: monitor::WrongReceipt) -> Self {
        Self::new(RefusalKind::Unavailable, format!("the record does not match the verdict: {error}"))
    }
}
