//! `POST /api/v1/key/rotate`: the record's key is replaced.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::seal::{CheckpointView, Nothing};
use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Body;

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
