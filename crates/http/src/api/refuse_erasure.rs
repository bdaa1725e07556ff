//! `POST /api/v1/erasures/{id}/refuse`: somebody who could agree says no, or a request is taken back.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use turn::ErasureView;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::{Body, id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct No {
    /// Why, for the one who asked and for the record.
    reason: String,
}

pub(crate) async fn refuse_erasure(
    State(api): Shared,
    Caller(person): Caller,
    Path(erasure): Path<String>,
    Body(no): Body<No>,
) -> Answer<ErasureView> {
    Ok(Json(api.gateway.refuse_erasure_of(&person, &id(&erasure)?, &no.reason).await?))
}
