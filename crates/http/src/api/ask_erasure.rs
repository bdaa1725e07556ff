//! `POST /api/v1/erasures`: asks for content to be erased.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use turn::{ErasureView, Scope};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Body;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// What goes: `{"person": P}`, `{"session": S}` or `{"records": [FIRST, LAST]}`.
    of: Scope,
    /// Why, for the one who agrees and for the record.
    reason: String,
}

pub(crate) async fn ask_erasure(
    State(api): Shared,
    Caller(person): Caller,
    Body(wanted): Body<Wanted>,
) -> Answer<ErasureView> {
    Ok(Json(api.gateway.ask_erasure(&person, wanted.of, &wanted.reason).await?))
}
