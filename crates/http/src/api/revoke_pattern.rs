//! `POST /api/v1/patterns/{id}/revoke`: the same is looked at again from now on.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use turn::PatternView;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::{Body, id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

pub(crate) async fn revoke_pattern(
    State(api): Shared,
    Caller(person): Caller,
    Path(approval): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer<PatternView> {
    Ok(Json(api.gateway.revoke_pattern(&person, &id(&approval)?).await?))
}
