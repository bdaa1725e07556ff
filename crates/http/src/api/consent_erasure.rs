//! `POST /api/v1/erasures/{id}/consent`: a second person agrees, and what was asked for is erased.

use axum::Json;
use axum::extract::{Path, State};
use turn::ErasureView;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn consent_erasure(
    State(api): Shared,
    Caller(person): Caller,
    Path(erasure): Path<String>,
) -> Answer<ErasureView> {
    Ok(Json(api.gateway.consent_erasure(&person, &id(&erasure)?).await?))
}
