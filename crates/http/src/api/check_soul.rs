//! `POST /api/v1/agents/{name}/soul/check`: what a text would come to as an agent's SOUL.md, as `bulkhead check --json` says it.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use turn::CheckReport;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::{Body, id};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Draft {
    text: String,
}

pub(crate) async fn check_soul(
    State(api): Shared,
    Caller(person): Caller,
    Path(name): Path<String>,
    Body(draft): Body<Draft>,
) -> Answer<CheckReport> {
    Ok(Json(api.gateway.check_soul(&person, &id(&name)?, draft.text).await?))
}
