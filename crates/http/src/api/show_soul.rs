//! `GET /api/v1/agents/{name}/soul`: the SOUL.md of an agent, with its version.

use axum::Json;
use axum::extract::{Path, State};
use turn::Soul;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn show_soul(
    State(api): Shared,
    Caller(person): Caller,
    Path(name): Path<String>,
) -> Answer<Soul> {
    Ok(Json(api.gateway.soul(&person, &id(&name)?).await?))
}
