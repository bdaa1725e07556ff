//! `POST /api/v1/holds`: puts a legal hold on content.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use turn::{Hold, HoldScope};

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::Body;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// What is held.
    of: HoldScope,
    /// Why, for the record.
    reason: String,
}

pub(crate) async fn add_hold(
    State(api): Shared,
    Caller(person): Caller,
    Body(wanted): Body<Wanted>,
) -> Answer<Hold> {
    Ok(Json(api.gateway.add_hold(&person, wanted.of, &wanted.reason).await?))
}
