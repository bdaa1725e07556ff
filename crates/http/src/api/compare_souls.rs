//! `GET /api/v1/agents/{name}/soul/diff[?from=&to=]`: what two versions of an agent's SOUL.md differ in, or a version and what
//! lies there. The look is recorded.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use turn::SoulDiff;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::{Asked, id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    from: Option<u64>,
    to: Option<u64>,
}

pub(crate) async fn compare_souls(
    State(api): Shared,
    Caller(person): Caller,
    Path(name): Path<String>,
    Asked(which): Asked<Which>,
) -> Answer<SoulDiff> {
    Ok(Json(api.gateway.soul_diff(&person, &id(&name)?, which.from, which.to).await?))
}
