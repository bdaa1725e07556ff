//! `POST /api/v1/holds/{id}/remove`: takes a legal hold off.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use turn::Hold;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::{Body, id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Off {
    /// Why, for the record.
    reason: String,
}

pub(crate) async fn remove_hold(
    State(api): Shared,
    Caller(person): Caller,
    Path(hold): Path<String>,
    Body(off): Body<Off>,
) -> Answer<Hold> {
    Ok(Json(api.gateway.remove_hold(&person, &id(&hold)?, &off.reason).await?))
}
