//! `POST /api/v1/checkpoint/cosign`: a witness's signature is taken in.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::seal::CheckpointView;
use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Body;

/// What a witness answered: a note, or its line alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cosigned {
    note: String,
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
