//! `POST /api/v1/checkpoint`: the record is signed.

use axum::Json;
use axum::extract::State;
use journal::SealError;
use journal::checkpoint::Sealed;
use serde::{Deserialize, Serialize};
use vocab::Digest;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::problem::{Problem, ProblemKind};
use crate::request::Body;

/// A checkpoint as it is shown to programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointView {
    /// Which log.
    pub origin: String,
    /// How many records it covers.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Digest,
    /// The public key that signed it.
    pub key: String,
    /// The whole note.
    pub note: String,
}

impl From<&Sealed> for CheckpointView {
    fn from(sealed: &Sealed) -> Self {
        let tree = sealed.tree();
        Self {
            origin: sealed.checkpoint().origin.clone(),
            size: tree.size,
            root: tree.root,
            key: sealed.key().to_string(),
            note: sealed.note().to_string(),
        }
    }
}

/// Nothing is asked for but that it be done.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

pub(crate) async fn seal(
    State(api): Shared,
    Caller(person): Caller,
    Body(Nothing {}): Body<Nothing>,
) -> Answer<CheckpointView> {
    api.gateway.administrator(&person, "sign the record")?;
    let sealed = api.notary.seal_for(Some(person.id)).await?;
    Ok(Json(CheckpointView::from(sealed.as_ref())))
}

impl From<SealError> for Problem {
    fn from(error: SealError) -> Self {
        let kind = match &error {
            SealError::Cosignature(_)
            | SealError::Cosigning(_)
            | SealError::Checkpoint(_)
            | SealError::NotContinued { .. }
            | SealError::AnotherRecord { .. }
            | SealError::NothingFormer
            | SealError::Renamed { .. }
            | SealError::KeyThere(_) => ProblemKind::Conflict,
            SealError::Thread(_) => ProblemKind::Internal,
            SealError::Append(_)
            | SealError::Read(_)
            | SealError::Key { .. }
            | SealError::KeyLost { .. }
            | SealError::File { .. } => ProblemKind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}
