//! `GET /api/v1/agents/{name}`: one agent and how it is.

use axum::Json;
use axum::extract::{Path, State};
use turn::AgentView;

use super::{Answer, Shared};
use crate::caller::Caller;
use crate::request::id;

pub(crate) async fn show_agent(
    State(api): Shared,
    Caller(person): Caller,
    Path(name): Path<String>,
) -> Answer<AgentView> {
    Ok(Json(api.gateway.agent(&person, &id(&name)?)?))
}
