//! `POST /api/v1/agents/{name}/kill`: ends every process of an agent and refuses what is in flight.

use axum::Json;
use axum::extract::{Path, State};
use turn::KillReport;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn kill_agent(
    State(api): Shared,
    Caller(person): Caller,
    Path(name): Path<String>,
) -> Answer<KillReport> {
    Ok(Json(api.gateway.kill(&person, Some(&id(&name)?)).await?))
}
