//! `GET /api/v1/agents/{name}/soul/versions[?before=&limit=]`: what an agent's SOUL.md was, the newest first.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use turn::SoulVersions;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::{Asked, id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// What the last list said.
    before: Option<u64>,
    limit: Option<usize>,
}

pub(crate) async fn list_soul_versions(
    State(api): Shared,
    Caller(person): Caller,
    Path(name): Path<String>,
    Asked(which): Asked<Which>,
) -> Answer<SoulVersions> {
    Ok(Json(api.gateway.soul_versions(&person, &id(&name)?, which.before, which.limit).await?))
}
