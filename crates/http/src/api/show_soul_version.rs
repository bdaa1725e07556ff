//! `GET /api/v1/agents/{name}/soul/versions/{number}`: one version of an agent's SOUL.md, whole. The look is recorded.

use axum::Json;
use axum::extract::{Path, State};
use turn::SoulText;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn show_soul_version(
    State(api): Shared,
    Caller(person): Caller,
    Path((name, number)): Path<(String, String)>,
) -> Answer<SoulText> {
    Ok(Json(api.gateway.soul_version(&person, &id(&name)?, id(&number)?).await?))
}
