//! `POST /api/v1/checkpoint`, `.../checkpoint/cosign` and `.../key/rotate`: the record is signed, a witness's
//! signature is taken in, the key is replaced.

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

/// A change of the record's key, as it is shown to programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationView {
    /// The public key until then.
    pub old: String,
    /// The public key from then on.
    pub new: String,
    /// The first checkpoint that it signed.
    pub checkpoint: CheckpointView,
}

/// Nothing is asked for but that it be done.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// What a witness answered: a note, or its line alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cosigned {
    note: String,
}

pub(crate) async fn seal(
    State(api): Shared,
    Caller(person): Caller,
    Body(Nothing {}): Body<Nothing>,
) -> Answer<CheckpointView> {
    api.gateway.administrator(&person, "sign the record")?;
    let sealed = api.notary.seal_for(Some(person.id)).await?;
    Ok(Json(CheckpointView::from(sealed.as_ref())))
}

pub(crate) async fn cosign(
    State(api): Shared,
    Caller(person): Caller,
    Body(Cosigned { note }): Body<Cosigned>,
) -> Answer<CheckpointView> {
    api.gateway.administrator(&person, "take in a cosignature")?;
    let sealed = api.notary.cosign(&note, Some(person.id)).await?;
    Ok(Json(CheckpointView::from(sealed.as_ref())))
}

pub(crate) async fn rotate(
    State(api): Shared,
    Caller(person): Caller,
    Body(Nothing {}): Body<Nothing>,
) -> Answer<RotationView> {
    api.gateway.administrator(&person, "replace the record's key")?;
    let rotated = api.notary.rotate(Some(person.id)).await?;
    let (old, new) = (rotated.old.to_string(), rotated.new.to_string());
    Ok(Json(RotationView { old, new, checkpoint: CheckpointView::from(rotated.sealed.as_ref()) }))
}

impl From<SealError> for Problem {
    fn from(error: SealError) -> Self {
        let kind = match &error {
            SealError::Cosignature(_)
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
